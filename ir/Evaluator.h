//===- Evaluator.h - the reference evaluator --------------------------------------------------===//
//
// What every op means, written to be read, not to be fast: the oracle of the tests. It shares no
// code with `passes` or `codegen`. Numbers are held as doubles; in `Precision::F32` every scalar
// result is rounded to f32, so that it computes as an f32 machine would in the order of the
// equation.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "llvm/ADT/DenseMap.h"
#include <vector>

namespace gnc {

enum class Precision { F32, F64 };

/// A tensor: row-major elements. Integer and bool elements are whole numbers.
struct TensorValue {
  llvm::SmallVector<int64_t> shape; ///< with the actual batch size
  std::vector<double> data;
  /// For the results of a sum: the sum of absolute terms of each element, to which rounding errors
  /// are proportional (an error bound is c * eps * magnitude). Otherwise absolute values.
  std::vector<double> magnitude;

  TensorValue() = default;
  explicit TensorValue(llvm::ArrayRef<int64_t> shape);
  int64_t size() const { return data.size(); }
};

/// The nearest number of type f16 or bf16 (`element`), of two the one whose last bit is 0. Too
/// large numbers become infinite, infinities and NaN stay.
double roundToHalf(double value, mlir::Type element);

/// The values of a function while it is evaluated.
class EvaluationState {
public:
  EvaluationState(int64_t batch, Precision precision) : batch(batch), precision(precision) {}

  const int64_t batch;
  const Precision precision;

  const TensorValue &get(mlir::Value value) const { return values.find(value)->second; }
  void set(mlir::Value value, TensorValue tensor) { values[value] = std::move(tensor); }
  /// `?` extents become the batch.
  int64_t extent(int64_t extent) const {
    return mlir::ShapedType::isDynamic(extent) ? batch : extent;
  }
  double round(double value) const {
    return precision == Precision::F32 ? static_cast<double>(static_cast<float>(value)) : value;
  }
  /// A scalar as an element of this type holds it. In f64 nothing is rounded, what is stored in
  /// half included.
  double store(double value, mlir::Type element) const {
    return precision == Precision::F32 && isHalf(element) ? roundToHalf(value, element) : value;
  }
  /// Runs the ops of a block in order, up to its terminator.
  llvm::LogicalResult run(mlir::Block &block);

private:
  llvm::DenseMap<mlir::Value, TensorValue> values;
};

/// Evaluates a function of tensor ops: one value per result. The batch is the first extent of a
/// batched argument (1 without one). Emits a located error for arguments of wrong shape and for ops
/// that have no value.
mlir::FailureOr<std::vector<TensorValue>>
evaluate(mlir::func::FuncOp function, llvm::ArrayRef<TensorValue> arguments, Precision precision);

} // namespace gnc
