//===- AllocationTest.cpp - a step of training allocates nothing
//--------------------------------===//
//
// Replaces the test program's operator new by one that counts.
//
//===------------------------------------------------------------------------------------------===//
#include "TrainingBench.h"

#include <atomic>
#include <new>

static std::atomic<int64_t> allocations{0};

void *operator new(size_t size) {
  ++allocations;
  void *memory = malloc(size ? size : 1);
  if (!memory)
    abort();
  return memory;
}
void operator delete(void *memory) noexcept { free(memory); }
void operator delete(void *memory, size_t) noexcept { free(memory); }

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
struct Counter : TrainObserver {
  int64_t before = 0, counted = 0;
  bool clean = true;
  void onStep(const StepReport &report) override {
    if (report.stepInEpoch > 1) { // between epochs there is a log to write
      ++counted;
      clean &= allocations == before;
    }
    before = allocations;
  }
};
} // namespace

TEST(Allocation, AStepAllocatesNothing) {
  Bench bench;
  TemporaryFolder folder;
  TrainOptions options = bench.options(folder.path);
  options.threads = 2;
  Counter counter;
  int64_t start = allocations;
  ASSERT_TRUE(train(bench.net, bench.data, options, counter).ok());
  EXPECT_EQ(counter.counted, 12);
  EXPECT_TRUE(counter.clean);
  EXPECT_GT(allocations, start); // the counter counts
}
