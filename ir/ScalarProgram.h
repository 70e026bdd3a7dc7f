//===- ScalarProgram.h - the region of an equation, ready to be evaluated
//----------------------===//
//
// Part of the reference evaluator: a region's ops, decoded once, run for every point.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Evaluator.h"

namespace gnc {

class ScalarProgram {
public:
  /// Decodes `region`. Emits a located error for an op that the evaluator does not know.
  static mlir::FailureOr<ScalarProgram> decode(mlir::Region &region);

  /// What a point provides: values of the block's arguments are set by the caller in `slots`.
  struct Point {
    llvm::ArrayRef<int64_t> indices; ///< of the equation
    llvm::ArrayRef<int64_t> extents; ///< of the equation, batch resolved
    llvm::ArrayRef<char> inside;     ///< per read
  };

  unsigned numSlots() const { return slots; }
  unsigned numOutputs() const { return outputs.size(); }
  double output(llvm::ArrayRef<double> values, unsigned i) const { return values[outputs[i]]; }
  /// Computes all slots after the arguments.
  void run(llvm::MutableArrayRef<double> values, const Point &point,
           const EvaluationState &state) const;

private:
  struct Step {
    mlir::Operation *op;
    int code;
    unsigned result;
    unsigned a = 0, b = 0, c = 0;
    double constant = 0;
    bool round = false;
  };
  std::vector<Step> steps;
  llvm::SmallVector<unsigned> outputs;
  unsigned slots = 0;
};

} // namespace gnc
