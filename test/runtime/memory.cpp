//===- memory.cpp - Large blocks are kept, small ones are malloc's --------===//

#include "seqc/abi.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

TEST(Memory, IsAlignedAndWritable) {
  for (uint64_t size : {0, 1, 63, 4096, 1 << 20, (5 << 20) + 3}) {
    auto *block = static_cast<char *>(seqc_rt_alloc(size));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u) << size;
    std::memset(block, 7, size);
    seqc_rt_free(block);
  }
  seqc_rt_free(nullptr);
}

TEST(Memory, LargeBlocksAreKept) {
  uint64_t size = 64 << 20;
  void *first = seqc_rt_alloc(size);
  seqc_rt_free(first);
  // Nearly the size: the same block.  Much less: another one.
  void *second = seqc_rt_alloc(size - 100), *third = seqc_rt_alloc(size / 4);
  EXPECT_EQ(second, first);
  EXPECT_NE(third, first);
  void *fourth = seqc_rt_alloc(size);
  EXPECT_NE(fourth, first) << "it is in use";
  for (void *block : {second, third, fourth})
    seqc_rt_free(block);
}

TEST(Memory, RefusesWhatCannotBe) {
  EXPECT_EQ(seqc_rt_alloc(UINT64_MAX), nullptr);
  EXPECT_EQ(seqc_rt_alloc(UINT64_MAX - (3 << 20)), nullptr);
}

TEST(Memory, ThreadsDoNotShareBlocks) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) {
        uint64_t size = (1 << 20) + 1000 * (i % 7);
        auto *block = static_cast<unsigned char *>(seqc_rt_alloc(size));
        block[0] = block[size - 1] = t;
        std::this_thread::yield();
        ASSERT_TRUE(block[0] == t && block[size - 1] == t);
        seqc_rt_free(block);
      }
    });
  for (auto &thread : threads)
    thread.join();
}
