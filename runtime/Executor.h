//===- Executor.h - runs a program
//--------------------------------------------------------------===//
//
// An executor is a program's arena and its launches, ready to go: addresses are computed when it is
// created, so a run allocates nothing and decides nothing but which launches are worth a fork.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Memory.h"
#include "runtime/ThreadPool.h"

namespace gnc::runtime {

class Executor {
public:
  /// Checks the program (an inconsistent one is an internal error: compilers write programs, users
  /// do not), allocates its arena (environment error "out-of-memory", naming the bytes) and copies
  /// its constants. All else is zero. The program and the pool must outlive the executor; executors
  /// may share a pool if only one runs at a time.
  static Result<std::unique_ptr<Executor>> create(const Program &program, ThreadPool &pool);

  const Program &program() const { return source; }

  /// Runs all launches for samples 0 .. n-1; 1 <= n <= maxBatch.
  void run(int64_t n) { runLaunches(0, steps.size(), n); }
  /// The same in two parts, for many batches with the same weights: first what depends on weights
  /// alone, once after they were loaded; then all else, for each batch.
  void prepare() { runLaunches(0, source.prologue, source.maxBatch); }
  void answer(int64_t n) { runLaunches(source.prologue, steps.size(), n); }
  /// Everything before the commit: results are there, weights and states are as before.
  void compute(int64_t n) { runLaunches(0, source.commit, n); }
  /// Writes weights and states; after compute() of the same n.
  void commit(int64_t n) { runLaunches(source.commit, steps.size(), n); }
  /// Launches first <= i < last: for profiles.
  void runLaunches(size_t first, size_t last, int64_t n);

  /// Draws initial values of all weights, states and optimizer states; averages start as their
  /// weights.
  void initialize(uint64_t seed);
  /// Sets every average to the value of its weight.
  void restartAverages();

  /// What random numbers are drawn from in the next run: functions of the seed, the step and the
  /// sample, which is `first` for the first one of the batch (the next one is first + 1, ..).
  /// Nothing to do for a program that draws none.
  void setStream(uint64_t seed, uint64_t step, uint64_t first);

  uint8_t *arena() { return memory.data(); }
  const uint8_t *arena() const { return memory.data(); }

  /// The first n samples (the whole tensor, if not batched) in logical order, converted to float.
  std::vector<float> readTensor(const Tensor &tensor, int64_t n) const;
  /// The inverse; `values` has as many elements as readTensor would return. Integers are rounded.
  void writeTensor(const Tensor &tensor, int64_t n, std::span<const float> values);

  /// An f32 scalar: a loss, a schedule.
  float readScalar(const Tensor &tensor) const;
  void writeScalar(const Tensor &tensor, float value);

private:
  struct Step {
    KernelEntry entry;
    void *const *arguments; ///< into `pointers`
    TileCount tiles;
    double flopsPerSample, flopsFixed;
  };
  Executor(const Program &program, ThreadPool &pool) : source(program), pool(pool) {}
  void link();

  const Program &source;
  ThreadPool &pool;
  Arena memory;
  std::vector<void *> pointers;
  std::vector<Step> steps;
};

/// Copies weights and states from one program to another of the same net, whatever their layouts:
/// from training to evaluation. Of a weight that has an average, the average. The plan is made
/// once; a weight that `to` has and `from` lacks, or of another shape, is an internal error.
class StateCopy {
public:
  static Result<StateCopy> plan(const Executor &from, Executor &to);
  void run();

private:
  const Executor *from = nullptr;
  Executor *to = nullptr;
  std::vector<std::pair<const Tensor *, const Tensor *>> pairs;
  std::vector<uint8_t> dense; ///< room for the largest tensor
};

} // namespace gnc::runtime
