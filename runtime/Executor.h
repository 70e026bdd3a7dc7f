//===- Executor.h - runs a program
//--------------------------------------------------------------===//
//
// An executor is a program ready to run: its arena, on the host or on a card, and its launches. All
// addresses are computed when it is created, so a run allocates nothing and decides nothing.
//
// The host sees tensors, not the arena: it reads one where `read` says, and writes one where
// `stage` says and then sends it. On the processor both are the arena itself and cost nothing.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"
#include "runtime/ThreadPool.h"

#include <cmath>
#include <span>

namespace gnc::runtime {

/// What came of a step of a training.
struct StepOutcome {
  float loss = 0, gradientNorm = NAN; ///< NaN if the program computes none
  bool finite = true;                 ///< these are, and so are all weights after the commit
};

class Executor {
public:
  /// One for a program of the processor (cards: Device::load). Checks the program (checkProgram),
  /// allocates its arena (environment error "out-of-memory", naming the bytes) and copies its
  /// constants. All else is zero. The program and the pool must outlive the executor; executors may
  /// share a pool if only one runs at a time.
  /// The arena has room for `guest` as well, if there is one: see createGuest.
  static Result<std::unique_ptr<Executor>> create(const Program &program, ThreadPool &pool,
                                                  const Program *guest = nullptr);
  /// One without memory of its own: it runs where `host` keeps nothing between its runs, and reads
  /// the host's weights and states where they lie as it wants them. So after each run of the host
  /// comes first a copy of the other weights and states (StateCopy), then prepare(). The host must
  /// outlive it. Errors: those of create, which it is where the host has no room.
  static Result<std::unique_ptr<Executor>> createGuest(const Program &program, ThreadPool &pool,
                                                       Executor &host);
  virtual ~Executor() = default;
  Executor(const Executor &) = delete;
  Executor &operator=(const Executor &) = delete;

  const Program &program() const { return source; }

  /// Runs all launches for samples 0 .. n-1; 1 <= n <= maxBatch.
  void run(int64_t n) { runOn(0, source.launches.size(), n); }
  /// The same in two parts, for many batches with the same weights: first what depends on weights
  /// alone, once after they were loaded; then all else, for each batch.
  void prepare() {
    takeMemory();
    runLaunches(0, source.prologue, source.maxBatch);
  }
  void answer(int64_t n) { runOn(source.prologue, source.launches.size(), n); }

  /// A step of a training: compute, then commit if the results "loss" and "grad_norm" are finite.
  /// On a card that is one graph, which decides that itself. Where runs are asynchronous it returns
  /// at once, and a second step may begin before the first one is ended.
  virtual void beginStep(int64_t n);
  /// Waits for the oldest step that was begun. From one that is not finite until `proceed`, the
  /// steps that were begun compute but commit nothing.
  virtual StepOutcome endStep() { return outcome; }
  virtual void proceed() {}

  /// Everything before the commit: results are there, weights and states are as before.
  void compute(int64_t n) { runOn(0, source.commit, n); }
  /// Writes weights and states; after compute() of the same n, whose results are finite.
  void commit(int64_t n) { runLaunches(source.commit, source.launches.size(), n); }
  /// Launches first <= i < last, with the inputs of the run before: for profiles and diagnosis.
  virtual void runLaunches(size_t first, size_t last, int64_t n) = 0;

  /// Runs return before they are done, and inputs that are sent meanwhile belong to the next run:
  /// so the host gathers the next batch, and reads results after that. Where this is false a run is
  /// done when it returns, and inputs are read by it where they are staged.
  virtual bool isAsynchronous() const { return false; }

  /// The first failure of a run or a copy (environment error); what was read before is right if
  /// there is none. After one nothing runs any more. The processor never fails.
  virtual Status status() const { return {}; }
  /// Waits for all that was started; then the first failure.
  virtual Status finish() { return status(); }

  //===- Tensors ------------------------------------------------------------------------------===//

  /// The tensor's first element on the host, with the first n samples (the whole tensor, if not
  /// batched) as the runs so far leave them; waits for these. Valid until the next call of this, or
  /// of stage, or of a run. Inputs are those of the last run.
  virtual const uint8_t *read(const Tensor &tensor, int64_t n) const = 0;
  /// Where the host writes the first element of a tensor of the program. Whoever stages writes all
  /// elements of some samples, and sends them before anything else.
  virtual uint8_t *stage(const Tensor &tensor) = 0;
  /// What was staged, of the first n samples, is the tensor's value for all that runs from now on.
  virtual void send(const Tensor &tensor, int64_t n) = 0;

  /// Draws initial values of all weights, states and optimizer states; averages start as their
  /// weights.
  void initialize(uint64_t seed);
  /// Sets every average to the value of its weight.
  void restartAverages();
  /// A weight that holds NaN or infinity; null if none does.
  const Tensor *notFiniteWeight() const;

  /// What random numbers are drawn from in the next run: functions of the seed, the step and the
  /// sample, which is `first` for the first one of the batch (the next one is first + 1, ..).
  /// Nothing to do for a program that draws none.
  void setStream(uint64_t seed, uint64_t step, uint64_t first);

  /// The dense bytes (row-major, sample after sample) of the first n samples; denseBytes() of room.
  void readDense(const Tensor &tensor, int64_t n, uint8_t *dense) const;
  /// The inverse.
  void writeDense(const Tensor &tensor, int64_t n, const uint8_t *dense);
  /// The first n samples in logical order, converted to float.
  std::vector<float> readTensor(const Tensor &tensor, int64_t n) const;
  /// The inverse; `values` has as many elements as readTensor would return. Integers are rounded.
  void writeTensor(const Tensor &tensor, int64_t n, std::span<const float> values);

  /// The part of the arena that no run leaves anything in; empty if there is none, or none in the
  /// host's memory.
  virtual std::span<uint8_t> spare() { return {}; }
  /// A guest's weight or state that is the host's own.
  virtual bool borrows(const Tensor &) const { return false; }

  /// An f32 scalar: a loss, a schedule.
  float readScalar(const Tensor &tensor) const;
  void writeScalar(const Tensor &tensor, float value);

  /// Makes what was sent the inputs of the run that follows: done by run, answer, compute and
  /// beginStep.
  virtual void takeInputs() {}
  /// A guest finds its memory as its host left it, and makes it its own: done by prepare.
  virtual void takeMemory() {}

protected:
  explicit Executor(const Program &program);

  const Program &source;
  const Tensor *const loss, *const gradientNorm; ///< results of a step; null: there is none

private:
  void runOn(size_t first, size_t last, int64_t n) {
    takeInputs();
    runLaunches(first, last, n);
  }

  StepOutcome outcome; ///< of the step that was begun
};

/// What a weight or state of a program gets its value from in another program of the same net: of a
/// weight that has an average, the average. Null if `from` has none of this shape and type.
const Tensor *counterpart(const Tensor &tensor, const Program &from);

/// Copies weights and states from one program to another of the same net, whatever their layouts:
/// from training to evaluation, all but those that a guest borrows. The plan is made once; a weight
/// that `to` has and `from` lacks, or of another shape, is an internal error.
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
