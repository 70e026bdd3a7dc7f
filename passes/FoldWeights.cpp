//===- FoldWeights.cpp - what only weights and constants meet in is computed once -------------===//
//
// In a program that changes no weight, a scalar of an equation that depends on weights and
// constants alone is the same for every sample. Such scalars move into an equation of their own,
// over the indices that they need; codegen runs what depends on weights alone once, after they are
// loaded.
//
// Where what is different for each sample meets them in sums, products and quotients, the chain is
// an affine function a * x + b of it: `g * (x - mu) / sqrt(var + eps) + b` becomes one product and
// one sum, with both numbers computed beforehand. That is another rounding, hence only for the
// deployed program: evaluation keeps the bits of training.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/FoldWeights.h"
#include "ir/ScalarBuilder.h"
#include "passes/FusionSupport.h"
#include "passes/Passes.h"
#include "passes/WeightsAlone.h"

#include "llvm/ADT/MapVector.h"

namespace gnc {
#define GEN_PASS_DEF_FOLDWEIGHTS
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

namespace {
/// How a scalar of the equation looks from the new one: a * x + b.
struct Form {
  Value x;               ///< in the equation; null: the scalar is b, known beforehand
  Value a, b;            ///< in the new equation
  unsigned steps = 0;    ///< operations on the way from x
  bool weights = false;  ///< a or b depends on a weight
  bool computed = false; ///< a or b is more than a read or a constant
};

/// Rewrites one equation.
class Folding {
public:
  Folding(ComputeOp op, const llvm::DenseSet<Value> &known)
      : op(op), known(known), draft(EquationDraft::of(op)), hoisted(op.getContext()),
        math(hoisted.body.get(), op.getLoc()) {}

  /// The new equation; null if there is nothing to win.
  ComputeOp run();

private:
  /// A number of the new equation: a constant, or one that `results` knows.
  struct Known {
    std::optional<double> constant;
    Value value; // only a name after the new equation has been emitted, which may erase it
  };

  bool isKnownRead(const DraftRead &read) const;
  Value hoistRead(const DraftRead &read);
  void start(Block &block);
  void visit(Operation &scalar);
  std::optional<Form> affine(Operation &scalar);
  bool pays(const Form &form) const;
  void collect(Block &block);
  Known needed(Value value);
  void emitHoisted();

  ComputeOp op;
  const llvm::DenseSet<Value> &known;
  EquationDraft draft, hoisted;
  ScalarBuilder math; // in the new equation
  llvm::DenseMap<Value, Form> forms;
  llvm::SmallVector<unsigned> indices; // of the equation, that the new one has
  /// An operand that takes another form: a * x + b, or b.
  struct Place {
    OpOperand *operand;
    Value x;
    Known a, b;
  };
  llvm::SmallVector<Place> places;
  /// What the new equation computes, and where the old one reads it.
  llvm::MapVector<Value, Value> results;
};
} // namespace

//===------------------------------------------------------------------------------------------===//
// Scalars
//===------------------------------------------------------------------------------------------===//

bool Folding::isKnownRead(const DraftRead &read) const {
  return known.contains(read.tensor) && !read.isGuarded() && read.clamped.empty() &&
         read.conditions.empty() &&
         cast<RankedTensorType>(read.tensor.getType()).getElementType().isF32() &&
         llvm::all_of(read.coords, [&](AffineExpr coord) {
           auto dim = dyn_cast<AffineDimExpr>(coord);
           return dim && dim.getPosition() < draft.numParallel;
         });
}

/// The same read of the new equation, whose indices are in the order in which they are met.
Value Folding::hoistRead(const DraftRead &read) {
  DraftRead moved = read;
  for (AffineExpr &coord : moved.coords) {
    unsigned index = cast<AffineDimExpr>(coord).getPosition();
    auto *at = llvm::find(indices, index);
    coord = getAffineDimExpr(at - indices.begin(), op.getContext());
    if (at == indices.end())
      indices.push_back(index);
  }
  return hoisted.addRead(std::move(moved), op.getLoc());
}

/// Arguments of the block: reads of weights are known, all else is x itself.
void Folding::start(Block &block) {
  for (BlockArgument argument : block.getArguments())
    forms[argument] = {argument, math.constant(1), math.constant(0)};
  unsigned first = draft.finish ? draft.numBodyReads() : 0;
  for (unsigned read = first; read < draft.reads.size(); ++read)
    if (isKnownRead(draft.reads[read]))
      forms[draft.argumentOf(read)] = {nullptr, nullptr, hoistRead(draft.reads[read]), 0, true};
}

std::optional<Form> Folding::affine(Operation &scalar) {
  if (!isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(scalar))
    return std::nullopt;
  Form l = forms.lookup(scalar.getOperand(0)), r = forms.lookup(scalar.getOperand(1));
  Form both{
      l.x ? l.x : r.x,         nullptr, nullptr, l.steps + r.steps + 1, l.weights || r.weights,
      l.computed || r.computed};
  bool product = isa<arith::MulFOp>(scalar), quotient = isa<arith::DivFOp>(scalar);
  if ((l.x && r.x) || (quotient && r.x))
    return std::nullopt;
  if (!both.x) { // known beforehand
    both.steps = 0, both.computed = true;
    both.b = product                      ? math.mul(l.b, r.b)
             : quotient                   ? math.div(l.b, r.b)
             : isa<arith::AddFOp>(scalar) ? math.add(l.b, r.b)
                                          : math.sub(l.b, r.b);
    return both;
  }
  const Form &moving = l.x ? l : r, &fixed = l.x ? r : l;
  if (product) {
    both.a = math.mul(moving.a, fixed.b), both.b = math.mul(moving.b, fixed.b);
  } else if (quotient) {
    both.a = math.div(moving.a, fixed.b), both.b = math.div(moving.b, fixed.b);
  } else if (isa<arith::AddFOp>(scalar)) {
    both.a = moving.a, both.b = math.add(moving.b, fixed.b);
  } else {
    both.a = l.x ? l.a : math.neg(r.a), both.b = math.sub(l.b, r.b);
  }
  return both;
}

void Folding::visit(Operation &scalar) {
  if (scalar.getNumResults() != 1)
    return;
  Value result = scalar.getResult(0);
  if (std::optional<Form> form = affine(scalar)) {
    forms[result] = *form;
    return;
  }
  bool beforehand = isa<arith::ConstantOp>(scalar) ||
                    (scalar.getNumOperands() > 0 && isMemoryEffectFree(&scalar) &&
                     llvm::all_of(scalar.getOperands(), [&](Value operand) {
                       auto known = forms.find(operand);
                       return known != forms.end() && !known->second.x;
                     }));
  if (!beforehand) {
    forms[result] = {result, math.constant(1), math.constant(0)};
    return;
  }
  IRMapping mapping;
  Form form{nullptr, nullptr, nullptr, 0, false, !isa<arith::ConstantOp>(scalar)};
  for (Value operand : scalar.getOperands()) {
    mapping.map(operand, forms[operand].b);
    form.weights |= forms[operand].weights;
  }
  OpBuilder end = endOf(hoisted.body.get(), op.getContext());
  form.b = end.clone(scalar, mapping)->getResult(0);
  forms[result] = form;
}

//===------------------------------------------------------------------------------------------===//
// What is read instead
//===------------------------------------------------------------------------------------------===//

/// Fewer operations for each sample, or none of those that were computed beforehand.
bool Folding::pays(const Form &form) const {
  if (!form.weights || !form.x)
    return form.weights && form.computed;
  unsigned terms = !ScalarBuilder::isConstant(form.a, 1) + !ScalarBuilder::isConstant(form.b, 0);
  return form.computed || form.steps > terms;
}

Folding::Known Folding::needed(Value value) {
  if (!value)
    return {};
  if (std::optional<double> constant = ScalarBuilder::constantOf(value))
    return {constant, nullptr};
  results.insert({value, nullptr});
  return {std::nullopt, value};
}

/// Operands of what is no affine function, and of the yield, take the short form. The new equation
/// computes numbers only: conditions stay where they are.
void Folding::collect(Block &block) {
  for (Operation &user : block) {
    bool opaque = user.getNumResults() != 1 || forms[user.getResult(0)].x == user.getResult(0);
    for (OpOperand &operand : user.getOpOperands())
      if (auto form = forms.find(operand.get());
          opaque && operand.get().getType().isF32() && form != forms.end() && pays(form->second))
        places.push_back(
            {&operand, form->second.x, needed(form->second.a), needed(form->second.b)});
  }
}

/// Emits the new equation, and lets the old one read its results.
void Folding::emitHoisted() {
  if (results.empty())
    return; // constants are all that is left, as of 0 * w
  SmallVector<Value> yielded;
  for (auto &[value, read] : results)
    yielded.push_back(value);
  for (unsigned index : indices) {
    hoisted.extents.push_back(draft.extents[index]);
    hoisted.names.push_back(draft.names[index]);
  }
  hoisted.numParallel = indices.size();
  auto type = RankedTensorType::get(hoisted.extents, Float32Type::get(op.getContext()));
  hoisted.resultTypes.assign(yielded.size(), type);
  hoisted.reductions.assign(yielded.size(), Reduction::None);
  OpBuilder end = endOf(hoisted.body.get(), op.getContext());
  YieldOp::create(end, op.getLoc(), yielded);
  foldScalars(*hoisted.body);
  OpBuilder before(op);
  ComputeOp made = hoisted.create(before, op.getLoc());
  SmallVector<AffineExpr> coords;
  for (unsigned index : indices)
    coords.push_back(getAffineDimExpr(index, op.getContext()));
  for (auto [entry, tensor] : llvm::zip_equal(results, made.getResults())) {
    DraftRead read;
    read.tensor = tensor;
    read.coords = coords;
    entry.second =
        draft.argumentOf(draft.finish ? addFinishRead(draft, std::move(read), op.getLoc())
                                      : addBodyRead(draft, std::move(read), op.getLoc()));
  }
}

ComputeOp Folding::run() {
  if (!draft.finish && !op.isPointwise())
    return nullptr; // the terms of a sum stay as they are
  Block &block = draft.finish ? *draft.finish : *draft.body;
  start(block);
  for (Operation &scalar : block)
    visit(scalar);
  collect(block);
  if (places.empty())
    return nullptr;
  emitHoisted();
  for (const Place &place : places) {
    ScalarBuilder here(place.operand->getOwner());
    auto read = [&](const Known &number) {
      return number.constant ? here.constant(*number.constant) : results.lookup(number.value);
    };
    Value value = read(place.b);
    if (place.x)
      value = here.add(here.mul(place.x, read(place.a)), value);
    place.operand->set(value);
  }
  return replaceWith(op, draft);
}

//===------------------------------------------------------------------------------------------===//
// The pass
//===------------------------------------------------------------------------------------------===//

/// Scalar operations of an equation, without constants.
static int64_t operationsOf(ComputeOp op) {
  int64_t count = 0;
  op->walk([&](Operation *scalar) {
    count += scalar != op && !isa<YieldOp, arith::ConstantOp>(scalar);
  });
  return count;
}

namespace {
struct FoldWeights : gnc::impl::FoldWeightsBase<FoldWeights> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || function.getSymName() != "infer")
      return;
    llvm::DenseSet<Value> known = persistentArguments(function);
    int64_t went = 0;
    for (Operation &each : llvm::make_early_inc_range(function.front())) {
      bool ofWeights =
          each.getNumOperands() > 0 && isa<ComputeOp, ReshapeOp>(each) &&
          llvm::all_of(each.getOperands(), [&](Value operand) { return known.contains(operand); });
      if (ofWeights)
        known.insert_range(each.getResults());
      else if (auto compute = dyn_cast<ComputeOp>(each)) {
        int64_t before = operationsOf(compute);
        if (ComputeOp folded = Folding(compute, known).run())
          went += before - operationsOf(folded);
      }
    }
    if (went > 0)
      function->setAttr(names::kFolded, Builder(&getContext()).getI64IntegerAttr(went));
  }
};
} // namespace
