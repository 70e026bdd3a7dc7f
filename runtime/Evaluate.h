//===- Evaluate.h - loss and metrics of a split; outputs of an infer program
//--------------------===//
#pragma once

#include "runtime/Feed.h"

#include <functional>

namespace gnc::runtime {

/// Means over the samples of a split, accumulated in f64 in the order of the samples: the batch
/// does not matter.
struct Scores {
  double loss = 0;
  std::vector<double> metrics; ///< in the order of Recipe::metrics
};

/// An eval program with its data bound, for any number of evaluations.
class Evaluator {
public:
  /// `net` and `pool` must outlive the evaluator; `part` is any part of the dataset. A program
  /// without the results that the recipe names is an internal error.
  static Result<std::unique_ptr<Evaluator>> create(const CompiledNet &net, const Part &part,
                                                   ThreadPool &pool);

  /// To load weights into.
  Executor &executor() { return *program; }

  /// Nothing if `interrupt` became true on the way.
  std::optional<Scores> evaluate(const Split &split, const std::atomic<bool> *interrupt = nullptr);

private:
  std::unique_ptr<Executor> program;
  Feed feed;
  std::vector<const Tensor *> results; ///< loss, then the metrics
  std::vector<float> values;           ///< of one result in one batch
};

/// One result of an infer program for a batch: dense, sample after sample.
struct Output {
  const Tensor *tensor;
  std::vector<uint8_t> bytes;
};

/// Receives the results of samples first .. first+n-1 of the split, in the order of
/// Recipe::outputs. An error stops.
using OutputSink = std::function<Status(int64_t first, int64_t n, std::span<const Output> outputs)>;

/// Runs an infer program, its weights loaded, over a split. Recipe::outputs names the results;
/// without any, all results of the program in its order. Stops early, successfully, when
/// `interrupt` becomes true.
Status infer(const Recipe &recipe, Executor &executor, const Split &split, const OutputSink &sink,
             const std::atomic<bool> *interrupt = nullptr);

} // namespace gnc::runtime
