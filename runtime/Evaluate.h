//===- Evaluate.h - loss and metrics of a split; outputs of an infer program
//--------------------===//
#pragma once

#include "runtime/Feed.h"

#include <functional>

namespace gnc::runtime {

/// A metric that is no single number: a confusion matrix.
struct Table {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<double> values; ///< row-major
};

/// Its rows as lines, numbers below each other.
std::string tableText(const Table &table);

/// The loss and most metrics are means over the samples of a split, accumulated in f64 in the order
/// of the samples: the batch does not matter. Metrics that accumulate are computed by the score
/// program from sums over the split: of a batch in f32, of the batches in f64.
struct Scores {
  double loss = 0;
  std::vector<double> metrics; ///< in the order of Recipe::metrics
  std::vector<Table> tables;   ///< in the order of Recipe::tables
};

/// An eval program with its data bound, for any number of evaluations. Should it draw random
/// numbers, they are functions of the recipe's seed and the position of the sample in the split.
class Evaluator {
public:
  /// `net` and `pool` must outlive the evaluator; `part` is any part of the dataset. A program
  /// without the results that the recipe names is an internal error.
  static Result<std::unique_ptr<Evaluator>> create(const CompiledNet &net, const Part &part,
                                                   ThreadPool &pool);

  /// To load weights into.
  Executor &executor() { return *program; }

  /// Nothing if `interrupt` became true on the way. Errors: those of Feed::gather.
  Result<std::optional<Scores>> evaluate(const Split &split,
                                         const std::atomic<bool> *interrupt = nullptr);

private:
  /// A per-sample result of the eval program.
  struct Mean {
    const Tensor *result;
    double sum = 0;
  };
  /// A result of the eval program that is the sum over a batch, and the score program's input.
  struct Sum {
    const Tensor *result, *input;
    std::vector<double> total;
  };
  Status bindMeans(const CompiledNet &net);
  Status bindSums(const CompiledNet &net, ThreadPool &pool);
  void add(int64_t n);
  Scores score(int64_t count);

  const Recipe *recipe = nullptr;
  std::unique_ptr<Executor> program, scoring; ///< `scoring` only if a metric accumulates
  Feed feed;
  std::vector<Mean> means; ///< the loss, then those of Recipe::metrics that are means
  std::vector<Sum> sums;
  std::vector<float> values; ///< of one per-sample result in one batch
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
