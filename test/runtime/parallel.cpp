//===- parallel.cpp - seqc_rt_parallel_for covers its range ---------------===//

#include "seqc/abi.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

static void count(void *context, int64_t lo, int64_t hi) {
  auto *hits = static_cast<std::atomic<int> *>(context);
  for (int64_t i = lo; i < hi; ++i)
    ++hits[i];
}

TEST(ParallelFor, VisitsEveryIndexOnce) {
  for (int64_t n : {1, 2, 3, 7, 64, 1001})
    for (int64_t grain : {0, 1, 5, 5000}) {
      std::vector<std::atomic<int>> hits(n);
      seqc_rt_parallel_for(0, n, grain, count, hits.data());
      for (auto &hit : hits)
        ASSERT_EQ(hit, 1) << n << " " << grain;
    }
}

TEST(ParallelFor, StartsAtBegin) {
  std::vector<std::atomic<int>> hits(10);
  seqc_rt_parallel_for(4, 9, 1, count, hits.data());
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(hits[i], i >= 4 && i < 9);
}

TEST(ParallelFor, EmptyRangeDoesNothing) {
  seqc_rt_parallel_for(3, 3, 1, nullptr, nullptr);
  seqc_rt_parallel_for(5, 3, 1, nullptr, nullptr);
}

TEST(ParallelFor, MayBeCalledFromManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> bad{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 50; ++repeat) {
        std::vector<std::atomic<int>> hits(97);
        seqc_rt_parallel_for(0, 97, 1, count, hits.data());
        for (auto &hit : hits)
          bad += hit != 1;
      }
    });
  for (auto &thread : threads)
    thread.join();
  EXPECT_EQ(bad, 0);
}
