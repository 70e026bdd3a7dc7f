#include "runtime/ThreadPool.h"

#include <chrono>
#include <gtest/gtest.h>
#include <thread>

using namespace gnc::runtime;

namespace {
struct Counts {
  std::vector<int> tiles;
};
void countTiles(const void *context, int64_t lo, int64_t hi) {
  auto &counts = *const_cast<Counts *>(static_cast<const Counts *>(context));
  for (int64_t t = lo; t < hi; ++t)
    ++counts.tiles[size_t(t)]; // not atomic: the thread sanitizer would see two threads on one tile
}
} // namespace

TEST(ThreadPool, EveryTileRunsOnce) {
  for (int threads : {1, 2, 3, 7}) {
    auto pool = ThreadPool::create(threads);
    ASSERT_TRUE(pool.ok());
    for (int64_t tiles : {0, 1, 2, 5, 64, 1000}) {
      Counts counts{std::vector<int>(size_t(tiles), 0)};
      (*pool)->run(tiles, countTiles, &counts);
      EXPECT_EQ(counts.tiles, std::vector<int>(size_t(tiles), 1)) << threads << " " << tiles;
    }
  }
}

TEST(ThreadPool, ManyLaunchesWithAndWithoutSleep) {
  auto pool = ThreadPool::create(3);
  ASSERT_TRUE(pool.ok());
  Counts counts{std::vector<int>(6, 0)};
  for (int i = 0; i < 3000; ++i)
    (*pool)->run(6, countTiles, &counts);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(
        std::chrono::milliseconds(2)); // long enough for the workers to sleep
    (*pool)->run(6, countTiles, &counts);
  }
  EXPECT_EQ(counts.tiles, std::vector<int>(6, 3020));
}

TEST(ThreadPool, SharesAreContiguousAndCoverAll) {
  for (int64_t tiles : {int64_t(1), int64_t(10), int64_t(1) << 61})
    for (int threads : {1, 3, 8}) {
      EXPECT_EQ(ThreadPool::firstTile(tiles, threads, 0), 0);
      EXPECT_EQ(ThreadPool::firstTile(tiles, threads, threads), tiles);
      for (int k = 0; k < threads; ++k)
        EXPECT_LE(ThreadPool::firstTile(tiles, threads, k),
                  ThreadPool::firstTile(tiles, threads, k + 1));
    }
}

TEST(ThreadPool, RefusesSillyCounts) {
  EXPECT_EQ(ThreadPool::create(-1).error().code, ErrorCode::Usage);
  EXPECT_EQ(ThreadPool::create(100000).error().code, ErrorCode::Usage);
  EXPECT_EQ((*ThreadPool::create(0))->threads(), usableProcessors());
}

TEST(ThreadPool, StartsAndStopsIdle) {
  for (int i = 0; i < 200; ++i)
    ASSERT_TRUE(ThreadPool::create(3).ok());
}
