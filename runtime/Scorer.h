//===- Scorer.h - loss and metrics, batch by batch
//---------------------------------------------===//
#pragma once

#include "runtime/Executor.h"

#include <functional>

namespace gnc::runtime {

/// A metric that is no single number: a confusion matrix.
struct Table {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<double> values; ///< row-major
};

/// The loss and most metrics are means over samples, accumulated in f64 in the order of the
/// samples: the batch does not matter. Metrics that accumulate are computed by the score program
/// from sums over all: of a batch in f32, of the batches in f64.
struct Scores {
  double loss = 0;
  std::vector<double> metrics; ///< in the order of Recipe::metrics
  std::vector<Table> tables;   ///< in the order of Recipe::tables
};

/// An eval program whose inputs somebody fills, and what it adds up to.
class Scorer {
public:
  /// `program` runs net.eval, `scoring` net.score: null if that is empty. `net` must outlive the
  /// scorer. A program without the results that the recipe names is an internal error.
  static Result<std::unique_ptr<Scorer>> create(const CompiledNet &net,
                                                std::unique_ptr<Executor> program,
                                                std::unique_ptr<Executor> scoring);

  /// To load weights into, and to fill inputs of.
  Executor &executor() { return *program; }

  /// Starts anew, with the weights that are there now.
  void begin();
  /// Runs the n samples in the inputs. Should the program draw random numbers, they are functions
  /// of the recipe's seed and the position of the sample, `first` for the first one.
  /// `meanwhile` is called while the program computes, if that is asynchronous.
  void run(int64_t n, uint64_t first, const std::function<void()> &meanwhile = {});
  /// Of the `count` samples since `begin`.
  Scores scores(int64_t count);
  /// The first failure of the programs; what was returned before is right if there is none.
  Status status() const;

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
  Status bindSums(const CompiledNet &net);
  void add(int64_t n);

  const Recipe *recipe = nullptr;
  std::unique_ptr<Executor> program, scoring; ///< `scoring` only if a metric accumulates
  std::vector<Mean> means; ///< the loss, then those of Recipe::metrics that are means
  std::vector<Sum> sums;
  std::vector<float> values; ///< of one per-sample result in one batch
};

} // namespace gnc::runtime
