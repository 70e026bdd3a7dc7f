//===- ComputeGradient.cpp - the value of a gradient's equation -------------------------------===//
#include "ir/ComputeGradient.h"
#include "ir/ScalarDerivative.h"

using namespace mlir;
using namespace gnc;

//===------------------------------------------------------------------------------------------===//
// Questions about scalars
//===------------------------------------------------------------------------------------------===//

/// True if `value` is finite for any finite values of the block's arguments.
static bool isPolynomial(Value value) {
  Operation *def = value.getDefiningOp();
  if (!def)
    return true;
  if (auto division = dyn_cast<arith::DivFOp>(def)) {
    Value divisor = division.getRhs();
    bool nonZero =
        divisor.getDefiningOp<ExtentOp>() || ScalarBuilder::constantOf(divisor).value_or(0) != 0;
    return nonZero && isPolynomial(division.getLhs());
  }
  bool tame = isa<arith::ConstantOp, arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::NegFOp,
                  arith::SelectOp, arith::CmpFOp, arith::CmpIOp, arith::MaximumFOp,
                  arith::MinimumFOp, arith::SIToFPOp, arith::UIToFPOp, math::AbsFOp, math::TanhOp,
                  math::ErfOp, IndexOp, ExtentOp, InsideOp, StopOp, SigmoidOp>(def);
  return tame && llvm::all_of(def->getOperands(), isPolynomial);
}

/// True if `value` is 0 wherever `argument` is.
static bool vanishesWith(Value value, BlockArgument argument) {
  if (value == argument || ScalarBuilder::isConstant(value, 0))
    return true;
  Operation *def = value.getDefiningOp();
  if (!def)
    return false;
  auto vanishes = [&](Value operand) { return vanishesWith(operand, argument); };
  if (isa<arith::MulFOp>(def))
    return llvm::any_of(def->getOperands(), vanishes);
  if (isa<arith::AddFOp, arith::SubFOp, arith::NegFOp>(def))
    return llvm::all_of(def->getOperands(), vanishes);
  if (isa<arith::DivFOp>(def))
    return vanishes(def->getOperand(0));
  if (isa<arith::SelectOp>(def))
    return llvm::all_of(def->getOperands().drop_front(), vanishes);
  return false;
}

bool gnc::hasDerivative(ComputeOp op, unsigned read, bool throughStop) {
  EquationDraft draft = EquationDraft::of(op);
  if (read >= draft.numBodyReads())
    return true; // fused; asked before
  for (StopOp stop : llvm::make_early_inc_range(draft.body->getOps<StopOp>()))
    if (throughStop) {
      stop.replaceAllUsesWith(stop.getOperand());
      stop.erase();
    }
  ScalarBuilder scalars(draft.body.get(), op.getLoc());
  for (auto [i, yielded] : llvm::enumerate(draft.yield()->getOperands())) {
    Reduction reduction = draft.reductions[i];
    if (reduction == Reduction::ArgMax || reduction == Reduction::ArgMin)
      continue;
    FailureOr<Value> derivative = ScalarDerivative(scalars, draft.argumentOf(read)).of(yielded);
    if (failed(derivative) || *derivative)
      return true;
  }
  return false;
}

//===------------------------------------------------------------------------------------------===//
// What is kept of the forward equation
//===------------------------------------------------------------------------------------------===//

/// The reduction indices in the order in which positions count; the batch comes first, so that all
/// strides are numbers.
SmallVector<unsigned> ComputeGradient::rowMajorIndices() {
  SmallVector<unsigned> batch, others;
  for (unsigned i = op.getNumParallel(); i < op.getNumIndices(); ++i)
    (ShapedType::isDynamic(op.getExtents()[i]) ? batch : others).push_back(i);
  llvm::append_range(batch, others);
  return batch;
}

AffineExpr ComputeGradient::rowMajorPosition() {
  AffineExpr position = getAffineConstantExpr(0, context);
  int64_t stride = 1;
  for (unsigned index : llvm::reverse(rowMajorIndices())) {
    position = position + getAffineDimExpr(index, context) * stride;
    int64_t extent = op.getExtents()[index];
    stride *= ShapedType::isDynamic(extent) ? 1 : extent;
  }
  return position;
}

/// max, min: an equation for the row-major position of the first extreme.
void ComputeGradient::savePosition(unsigned result) {
  if (saved[result].position)
    return;
  EquationDraft position = EquationDraft::of(op);
  position.keepResults({result});
  SmallVector<unsigned> indices;
  for (unsigned i = 0; i < position.numParallel; ++i)
    indices.push_back(i);
  llvm::append_range(indices, rowMajorIndices());
  int64_t window = 1;
  for (int64_t extent : op.getReductionExtents())
    window = ShapedType::isDynamic(extent) || window > 256 ? 257 : window * extent;
  position.reorderIndices(indices);
  bool isMax = op.getReduction(result) == Reduction::Max;
  position.reductions = {isMax ? Reduction::ArgMax : Reduction::ArgMin};
  position.resultTypes = {RankedTensorType::get(op.getParallelExtents(),
                                                builder.getIntegerType(window <= 256 ? 8 : 32))};
  saved[result].position = position.create(builder, loc)->getResult(0);
}

/// prod: the product of the terms that are not zero, and the number of those that are. The product
/// of all terms but one follows from both, with no zero, one or several.
void ComputeGradient::saveProduct(unsigned result) {
  if (saved[result].product)
    return;
  EquationDraft product = EquationDraft::of(op);
  product.keepResults({result});
  Operation *yield = product.yield();
  Value term = yield->getOperand(0);
  ScalarBuilder scalars(yield);
  Value zero = scalars.constant(0), one = scalars.constant(1);
  Value isZero = scalars.compare(arith::CmpFPredicate::OEQ, term, zero);
  yield->setOperands({scalars.select(isZero, one, term), scalars.select(isZero, one, zero)});
  product.reductions = {Reduction::Prod, Reduction::Sum};
  product.resultTypes.push_back(product.resultTypes.front());
  ComputeOp created = product.create(builder, loc);
  saved[result].product = created->getResult(0);
  saved[result].zeros = created->getResult(1);
}

//===------------------------------------------------------------------------------------------===//
// The value
//===------------------------------------------------------------------------------------------===//

/// Reads a tensor that is shaped as the results, at o.
unsigned ComputeGradient::addReadAtResult(Value tensor) {
  DraftRead read;
  read.tensor = tensor;
  for (unsigned i = 0; i < op.getNumParallel(); ++i)
    read.coords.push_back(getAffineDimExpr(i, context));
  draft->addRead(std::move(read), loc);
  return draft->reads.size() - 1;
}

/// What dT[o] of one result is multiplied with; `term` is what the forward equation combines.
Value ComputeGradient::factorOf(unsigned result, Value term, Value derivative) {
  if (op.getReduction(result) != Reduction::Prod)
    return derivative;
  saveProduct(result);
  Value product = draft->argumentOf(addReadAtResult(saved[result].product));
  Value zeros = draft->argumentOf(addReadAtResult(saved[result].zeros));
  ScalarBuilder s(draft->body.get(), loc);
  Value zero = s.constant(0), one = s.constant(1);
  Value isZero = s.compare(arith::CmpFPredicate::OEQ, term, zero);
  // The others' product is 0 if one of them is: if there are more zeros than this term makes.
  Value noOther = s.compare(arith::CmpFPredicate::OEQ, zeros, s.select(isZero, one, zero));
  Value others = s.select(noOther, s.div(product, s.select(isZero, one, term)), zero);
  return s.mul(others, derivative);
}

/// The summand of one result; null where it is zero.
FailureOr<Value> ComputeGradient::buildTerm(unsigned read, unsigned result, IRMapping &body) {
  Reduction reduction = op.getReduction(result);
  bool isPosition = reduction == Reduction::ArgMax || reduction == Reduction::ArgMin;
  if (!adjoints[result] || isPosition)
    return Value();
  ScalarBuilder s(draft->body.get(), loc);
  Value term = body.lookup(op.getYielded()[result]);
  FailureOr<Value> derivative = ScalarDerivative(s, draft->argumentOf(read)).of(term);
  if (failed(derivative) || !*derivative)
    return derivative;
  Value factor = factorOf(result, term, *derivative);
  SmallVector<IndexCondition> conditions;
  if (reduction == Reduction::Max || reduction == Reduction::Min) {
    savePosition(result);
    AffineExpr position = getAffineSymbolExpr(addReadAtResult(saved[result].position), context);
    conditions.push_back({position - rowMajorPosition(), 1});
  }
  unsigned adjoint = addReadAtResult(adjoints[result]);
  draft->reads[adjoint].conditions = conditions;
  draft->reads[adjoint].outside = 0;
  adjointReads.push_back(adjoint);
  Value value = s.mul(draft->argumentOf(adjoint), factor);
  if (isPolynomial(factor))
    return value;
  polynomial = false;
  Value inside = s.create<InsideOp>(builder.getI1Type(), adjoint);
  return s.select(inside, value, s.constant(0));
}

/// Starts a draft that yields dT * d(body)/d(read), summed over the results.
LogicalResult ComputeGradient::buildValue(unsigned read) {
  target = read;
  draft.emplace(context);
  adjointReads.clear();
  facts.clear();
  polynomial = true;
  EquationDraft copy = EquationDraft::of(op);
  IRMapping body;
  for (auto [forward, argument] : llvm::zip_equal(copy.reads, op.getBody().getArguments()))
    body.map(argument, draft->addRead(forward, loc));
  OpBuilder cloner = endOf(draft->body.get(), context);
  for (Operation &scalar : op.getBodyBlock()->without_terminator())
    cloner.clone(scalar, body);
  Value total;
  ScalarBuilder s(draft->body.get(), loc);
  for (unsigned result = 0; result < op.getNumResults(); ++result) {
    FailureOr<Value> term = buildTerm(read, result, body);
    if (failed(term))
      return failure();
    if (*term)
      total = total ? s.add(total, *term) : *term;
  }
  forwardReads = draft->reads;
  vanishing.clear();
  for (unsigned i = 0; total && i < op.getReads().size(); ++i)
    vanishing.push_back(vanishesWith(total, draft->argumentOf(i)));
  if (total) {
    cloner.setInsertionPointToEnd(draft->body.get());
    YieldOp::create(cloner, loc, ValueRange{total});
  }
  return success();
}

//===------------------------------------------------------------------------------------------===//
// The equations
//===------------------------------------------------------------------------------------------===//

LogicalResult ComputeGradient::gradientOf(unsigned read, ArrayRef<Piece> pieces,
                                          SmallVectorImpl<Value> &summands) {
  if (failed(buildValue(read)))
    return failure();
  if (vanishing.empty())
    return success(); // does not depend on this read
  solve(pieces);
  if (solution.empty)
    return success();
  for (unsigned i = 0; i < op.getReads().size(); ++i)
    placeForwardRead(i);
  placeReadsAtResult();
  placeScalars();
  draft->names = solution.names;
  draft->extents = solution.extents;
  draft->numParallel = solution.numTargets;
  bool sums = solution.extents.size() > solution.numTargets;
  draft->reductions = {sums ? Reduction::Sum : Reduction::None};
  draft->resultTypes = {adjointTypeOf(op.getReads()[read].getType())};
  draft->tidy();
  draft->dropUnusedSumIndices();
  summands.push_back(draft->create(builder, loc)->getResult(0));
  return success();
}

LogicalResult ComputeGradient::run(ArrayRef<bool> wanted,
                                   SmallVectorImpl<SmallVector<Value>> &contributions) {
  if (op.hasFinish())
    return op.emitOpError("is fused; its gradient must be derived before fusion");
  for (unsigned read = 0; read < op.getReads().size(); ++read) {
    auto type = cast<RankedTensorType>(op.getReads()[read].getType());
    if (!wanted[read] || !scalarTypeOf(type).isF32())
      continue;
    ArrayRef<int64_t> clamped = op.getAccess(read).getClamped();
    unsigned combinations = 1;
    for (unsigned i = 0; i < clamped.size(); ++i)
      combinations *= 3;
    for (unsigned combination = 0; combination < combinations; ++combination) {
      SmallVector<Piece> pieces(type.getRank(), Piece::Inside);
      for (unsigned i = 0, rest = combination; i < clamped.size(); ++i, rest /= 3)
        pieces[clamped[i]] = static_cast<Piece>(rest % 3);
      if (failed(gradientOf(read, pieces, contributions[read])))
        return failure();
    }
  }
  return success();
}

LogicalResult ComputeOp::buildGradient(OpBuilder &builder, ValueRange adjoints,
                                       ArrayRef<bool> wanted,
                                       SmallVectorImpl<SmallVector<Value>> &contributions) {
  return ComputeGradient(*this, builder, adjoints).run(wanted, contributions);
}
