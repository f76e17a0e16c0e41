/*===- parallel.c - One hook for threads: the process's OpenMP runtime ----===//
//
// PyTorch, SciPy and others bring an OpenMP runtime; sharing it means one pool
// of threads.  It is looked up at run time, so that programs link without it.
//
//===----------------------------------------------------------------------===*/

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "seqc/abi.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

typedef void (*gomp_parallel_fn)(void (*)(void *), void *, unsigned, unsigned);
typedef int (*omp_int_fn)(void);

/* The OpenMP functions in use; all null where there is no runtime. */
static struct {
  gomp_parallel_fn parallel;
  omp_int_fn max_threads, thread_num, num_threads, in_parallel;
} omp;
static pthread_once_t omp_once = PTHREAD_ONCE_INIT;

static int find_functions(void *library) {
  omp.parallel = (gomp_parallel_fn)dlsym(library, "GOMP_parallel");
  omp.max_threads = (omp_int_fn)dlsym(library, "omp_get_max_threads");
  omp.thread_num = (omp_int_fn)dlsym(library, "omp_get_thread_num");
  omp.num_threads = (omp_int_fn)dlsym(library, "omp_get_num_threads");
  omp.in_parallel = (omp_int_fn)dlsym(library, "omp_in_parallel");
  if (omp.parallel && omp.max_threads && omp.thread_num && omp.num_threads &&
      omp.in_parallel)
    return 1;
  omp.parallel = NULL;
  return 0;
}

static void find_openmp(void) {
  static const char *const names[] = {"libomp.so.5", "libomp.so", "libiomp5.so",
                                      "libgomp.so.1"};
  const int flags[] = {RTLD_NOW | RTLD_NOLOAD, RTLD_NOW};
  for (int pass = 0; pass < 2; ++pass)
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
      void *library = dlopen(names[i], flags[pass]);
      if (library && find_functions(library))
        return;
    }
}

struct region {
  int64_t begin, end;
  void (*body)(void *, int64_t, int64_t);
  void *context;
};

/* This thread's share: contiguous, sizes differing by at most one. */
static void run_share(void *data) {
  struct region *region = data;
  int64_t threads = omp.num_threads(), id = omp.thread_num();
  int64_t count = region->end - region->begin;
  int64_t each = count / threads, more = count % threads;
  int64_t lo = region->begin + id * each + (id < more ? id : more);
  int64_t hi = lo + each + (id < more);
  if (lo < hi)
    region->body(region->context, lo, hi);
}

void seqc_rt_parallel_for(int64_t begin, int64_t end, int64_t grain,
                          void (*body)(void *, int64_t, int64_t),
                          void *context) {
  if (begin >= end)
    return;
  pthread_once(&omp_once, find_openmp);
  int64_t parts = (end - begin) / (grain > 1 ? grain : 1);
  if (!omp.parallel || parts <= 1 || omp.in_parallel()) {
    body(context, begin, end);
    return;
  }
  int64_t threads = omp.max_threads();
  if (threads > parts)
    threads = parts;
  if (threads <= 1) {
    body(context, begin, end);
    return;
  }
  struct region region = {begin, end, body, context};
  omp.parallel(run_share, &region, (unsigned)threads, 0);
}
