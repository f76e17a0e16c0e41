/*===- memory.c - Buffers between the loops of an entry -------------------===//
//
// Fresh pages cost more than what is written to them: the system clears each, one fault
// at a time.  Large blocks that were freed are kept for the next call, up to a bound, and
// given back when the library is unloaded.
//
//===----------------------------------------------------------------------===*/

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "seqc/abi.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { ALIGN = 64, SLOTS = 32 };
static const uint64_t LARGE = 1 << 20;       /* smaller ones are left to malloc */
static const uint64_t HUGE_PAGE = 2 << 20;
static const uint64_t KEEP = (uint64_t)1 << 30; /* bytes that are kept in all */

/* Stands before every block. */
struct header {
  uint64_t size; /* of the block without the header; 0 for small ones */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct header *kept[SLOTS];
static uint64_t kept_bytes;

static struct header *take(uint64_t size) {
  int best = -1;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < SLOTS; ++i)
    if (kept[i] && kept[i]->size >= size && kept[i]->size / 2 <= size &&
        (best < 0 || kept[i]->size < kept[best]->size))
      best = i;
  struct header *found = best < 0 ? NULL : kept[best];
  if (found) {
    kept[best] = NULL;
    kept_bytes -= found->size;
  }
  pthread_mutex_unlock(&lock);
  return found;
}

void *seqc_rt_alloc(uint64_t size) {
  if (size > UINT64_MAX - HUGE_PAGE - ALIGN)
    return NULL;
  struct header *block = size < LARGE ? NULL : take(size);
  if (!block) {
    void *memory = NULL;
    uint64_t align = size < HUGE_PAGE ? (uint64_t)ALIGN : HUGE_PAGE;
    if (posix_memalign(&memory, align, size + ALIGN))
      return NULL;
    if (align == HUGE_PAGE)
      madvise(memory, size + ALIGN, MADV_HUGEPAGE); /* only a wish */
    block = memory;
    block->size = size < LARGE ? 0 : size;
  }
  return (char *)block + ALIGN;
}

void seqc_rt_free(void *memory) {
  if (!memory)
    return;
  struct header *block = (struct header *)((char *)memory - ALIGN);
  if (block->size) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SLOTS && kept_bytes + block->size <= KEEP; ++i)
      if (!kept[i]) {
        kept[i] = block;
        kept_bytes += block->size;
        block = NULL;
        break;
      }
    pthread_mutex_unlock(&lock);
  }
  free(block);
}

__attribute__((destructor)) static void give_back(void) {
  for (int i = 0; i < SLOTS; ++i) {
    free(kept[i]);
    kept[i] = NULL;
  }
  kept_bytes = 0;
}
