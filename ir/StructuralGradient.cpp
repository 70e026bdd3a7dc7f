//===- StructuralGradient.cpp - the gradients of reshape, gradient and custom -----------------===//
#include "ir/ReverseMode.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace gnc;

LogicalResult ReshapeOp::buildGradient(OpBuilder &builder, ValueRange adjoints,
                                       ArrayRef<bool> wanted,
                                       SmallVectorImpl<SmallVector<Value>> &contributions) {
  if (wanted[0] && adjoints[0])
    contributions[0].push_back(
        ReshapeOp::create(builder, getLoc(), adjointTypeOf(getInput().getType()), adjoints[0]));
  return success();
}

LogicalResult GradientOp::buildGradient(OpBuilder &, ValueRange, ArrayRef<bool>,
                                        SmallVectorImpl<SmallVector<Value>> &) {
  return emitOpError("cannot be differentiated again: gradients of gradients are not supported");
}

//===------------------------------------------------------------------------------------------===//
// custom
//===------------------------------------------------------------------------------------------===//

/// Copies the ops of a region to the builder's place; returns what it returns.
static SmallVector<Value> copyInline(OpBuilder &builder, Region &region, ValueRange arguments,
                                     SmallVectorImpl<Operation *> *copies = nullptr) {
  IRMapping mapping;
  mapping.map(region.getArguments(), arguments);
  for (Operation &op : region.front().without_terminator()) {
    Operation *copy = builder.clone(op, mapping);
    if (copies)
      copies->push_back(copy);
  }
  SmallVector<Value> returned;
  for (Value value : region.front().getTerminator()->getOperands())
    returned.push_back(mapping.lookupOrDefault(value));
  return returned;
}

/// Adjoints as the `gradient` region defines them.
static void useGiven(CustomOp op, OpBuilder &builder, ValueRange adjoints, ArrayRef<bool> wanted,
                     SmallVectorImpl<SmallVector<Value>> &contributions) {
  if (llvm::none_of(op.getGiven(), [&](int64_t input) { return wanted[input]; }))
    return;
  SmallVector<Value> arguments(op.getInputs());
  llvm::append_range(arguments, op.getResults());
  for (auto [result, adjoint] : llvm::zip_equal(op.getResults(), adjoints))
    arguments.push_back(adjoint ? adjoint : fillTensor(builder, op.getLoc(), result.getType(), 0));
  SmallVector<Value> given = copyInline(builder, op.getGradient(), arguments);
  for (auto [input, adjoint] : llvm::zip_equal(op.getGiven(), given))
    if (wanted[input])
      contributions[input].push_back(adjoint);
}

/// Adjoints of the other inputs, derived from a copy of `forward`.
static LogicalResult deriveOthers(CustomOp op, OpBuilder &builder, ValueRange adjoints,
                                  ArrayRef<bool> wanted,
                                  SmallVectorImpl<SmallVector<Value>> &contributions) {
  SmallVector<unsigned> derived;
  SmallVector<Value> arguments(op.getInputs()), standIns;
  for (unsigned input = 0; input < arguments.size(); ++input) {
    if (!wanted[input] || llvm::is_contained(op.getGiven(), static_cast<int64_t>(input)))
      continue;
    // One tensor may be several inputs: a reshape to the same shape tells them apart, and folds
    // away.
    Type type = arguments[input].getType();
    arguments[input] = ReshapeOp::create(builder, op.getLoc(), type, arguments[input]);
    derived.push_back(input);
    standIns.push_back(arguments[input]);
  }
  if (derived.empty())
    return success();
  SmallVector<Operation *> copies;
  SmallVector<Value> results = copyInline(builder, op.getForward(), arguments, &copies);
  SmallVector<Seed> seeds;
  for (auto [result, adjoint] : llvm::zip_equal(results, adjoints))
    if (adjoint)
      seeds.push_back({result, adjoint});
  SmallVector<Value> found;
  if (failed(deriveAdjoints(builder, copies, seeds, standIns, found)))
    return failure();
  for (auto [input, adjoint] : llvm::zip_equal(derived, found))
    if (adjoint)
      contributions[input].push_back(adjoint);
  return success();
}

LogicalResult CustomOp::buildGradient(OpBuilder &builder, ValueRange adjoints,
                                      ArrayRef<bool> wanted,
                                      SmallVectorImpl<SmallVector<Value>> &contributions) {
  useGiven(*this, builder, adjoints, wanted, contributions);
  return deriveOthers(*this, builder, adjoints, wanted, contributions);
}
