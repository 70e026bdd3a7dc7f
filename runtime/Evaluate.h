//===- Evaluate.h - loss and metrics of a split; outputs of an infer program
//--------------------===//
#pragma once

#include "runtime/Device.h"
#include "runtime/Feed.h"
#include "runtime/Scorer.h"

#include <functional>

namespace gnc::runtime {

/// Its rows as lines, numbers below each other.
std::string tableText(const Table &table);

/// An eval program with its data bound, for any number of evaluations. Should it draw random
/// numbers, they are functions of the recipe's seed and the position of the sample in the split.
class Evaluator {
public:
  /// `net` and `device` must outlive the evaluator; `part` is any part of the dataset. A program
  /// without the results that the recipe names is an internal error.
  /// `training` is the executor of the net's train program, if it evaluates for that one: it lends
  /// its memory (Device::loadGuest).
  static Result<std::unique_ptr<Evaluator>> create(const CompiledNet &net, const Part &part,
                                                   Device &device, Executor *training = nullptr);

  /// To load weights into.
  Executor &executor() { return scorer->executor(); }

  /// Nothing if `interrupt` became true on the way. Errors: those of Feed::gather and
  /// Executor::status.
  Result<std::optional<Scores>> evaluate(const Split &split,
                                         const std::atomic<bool> *interrupt = nullptr);

private:
  std::unique_ptr<Scorer> scorer;
  Feed feed;
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
