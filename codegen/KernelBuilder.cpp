#include "codegen/KernelBuilder.h"
#include "codegen/HalfPrecision.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace gnc {

MemRefType flatBuffer(Type element, int64_t elements) {
  if (element.isInteger(1))
    element = IntegerType::get(element.getContext(), 8);
  return MemRefType::get({elements}, element);
}

std::optional<int64_t> constantOf(Value value) {
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    if (auto integer = dyn_cast<IntegerAttr>(constant.getValue()))
      return integer.getInt();
  return std::nullopt;
}

/// lo, hi and n, then the buffers.
static SmallVector<Type> processorArguments(MLIRContext *context, ArrayRef<Type> buffers) {
  SmallVector<Type> types(3, IndexType::get(context));
  llvm::append_range(types, buffers);
  return types;
}

KernelBuilder::KernelBuilder(ModuleOp module, Location loc, ArrayRef<Type> buffers,
                             VectorTarget target)
    : KernelBuilder(module, loc, processorArguments(module.getContext(), buffers), 3, 2, target) {}

KernelBuilder::KernelBuilder(ModuleOp module, Location loc, ArrayRef<Type> arguments,
                             unsigned firstBuffer, unsigned batchArgument, VectorTarget target)
    : b(module.getContext()), loc(loc), target(target), firstBuffer(firstBuffer),
      batchArgument(batchArgument) {
  b.setInsertionPointToEnd(module.getBody());
  function = func::FuncOp::create(b, loc, "kernel", b.getFunctionType(arguments, {}));
  function->setAttr("gnc.kernel", b.getUnitAttr());
  function.setPrivate();
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToEnd(entry);
  func::ReturnOp::create(b, loc);
  b.setInsertionPointToStart(entry);
}

//===------------------------------------------------------------------------------------------===//
// Index arithmetic
//===------------------------------------------------------------------------------------------===//

/// Constants stand at the top of the function, once each.
Value KernelBuilder::constant(int64_t value) {
  Value &known = constants[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&function.getBody().front());
    known = arith::ConstantIndexOp::create(b, loc, value);
  }
  return known;
}

Value KernelBuilder::add(Value x, Value y) {
  auto cx = constantOf(x), cy = constantOf(y);
  if (cx && cy)
    return constant(*cx + *cy);
  if (cx && *cx == 0)
    return y;
  if (cy && *cy == 0)
    return x;
  return arith::AddIOp::create(b, loc, x, y);
}

Value KernelBuilder::sub(Value x, Value y) {
  auto cx = constantOf(x), cy = constantOf(y);
  if (cx && cy)
    return constant(*cx - *cy);
  if (cy)
    return add(x, constant(-*cy));
  return arith::SubIOp::create(b, loc, x, y);
}

Value KernelBuilder::mul(Value x, Value y) {
  auto cx = constantOf(x), cy = constantOf(y);
  if (cx && cy)
    return constant(*cx * *cy);
  if ((cx && *cx == 0) || (cy && *cy == 1))
    return x;
  if ((cy && *cy == 0) || (cx && *cx == 1))
    return y;
  return arith::MulIOp::create(b, loc, x, y);
}

Value KernelBuilder::divide(Value x, int64_t y) {
  if (auto cx = constantOf(x))
    return constant(*cx / y);
  return y == 1 ? x : Value(arith::DivUIOp::create(b, loc, x, constant(y)));
}

Value KernelBuilder::remainder(Value x, int64_t y) {
  if (auto cx = constantOf(x))
    return constant(*cx % y);
  return y == 1 ? constant(0) : Value(arith::RemUIOp::create(b, loc, x, constant(y)));
}

Value KernelBuilder::minimum(Value x, Value y) {
  auto cx = constantOf(x), cy = constantOf(y);
  if (cx && cy)
    return constant(std::min(*cx, *cy));
  return arith::MinSIOp::create(b, loc, x, y);
}
Value KernelBuilder::maximum(Value x, Value y) {
  auto cx = constantOf(x), cy = constantOf(y);
  if (cx && cy)
    return constant(std::max(*cx, *cy));
  return arith::MaxSIOp::create(b, loc, x, y);
}

Value KernelBuilder::inside(Value x, int64_t limit) {
  // As unsigned numbers, negative ones are large.
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x, constant(limit));
}

Value KernelBuilder::both(Value x, Value y) {
  return !x ? y : !y ? x : Value(arith::AndIOp::create(b, loc, x, y));
}

/// Indices are not negative, so neither is a sum of products without a negative constant.
static bool isNonNegative(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue() >= 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  return !binary || expr.getKind() == AffineExprKind::Mod ||
         (isNonNegative(binary.getLHS()) && isNonNegative(binary.getRHS()));
}

Value KernelBuilder::floorDivide(Value x, int64_t y, bool nonNegative) {
  if (auto cx = constantOf(x))
    return constant(llvm::divideFloorSigned(*cx, y));
  if (y == 1)
    return x;
  if (llvm::isPowerOf2_64(y))
    return arith::ShRSIOp::create(b, loc, x, constant(llvm::Log2_64(y)));
  if (nonNegative)
    return divide(x, y);
  Value quotient = arith::DivSIOp::create(b, loc, x, constant(y));
  Value rest = sub(x, mul(quotient, y));
  Value below = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, rest, constant(0));
  return arith::SelectOp::create(b, loc, below, add(quotient, -1), quotient);
}

Value KernelBuilder::expression(AffineExpr expr, ArrayRef<Value> dims, ArrayRef<Value> symbols) {
  if (auto constantExpr = dyn_cast<AffineConstantExpr>(expr))
    return constant(constantExpr.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value left = expression(binary.getLHS(), dims, symbols);
  Value right = expression(binary.getRHS(), dims, symbols);
  switch (expr.getKind()) {
  case AffineExprKind::Add: return add(left, right);
  case AffineExprKind::Mul: return mul(left, right);
  case AffineExprKind::FloorDiv:
    return floorDivide(left, *constantOf(right), isNonNegative(binary.getLHS()));
  case AffineExprKind::CeilDiv: // = floor((x + y - 1) / y)
    return floorDivide(add(left, *constantOf(right) - 1), *constantOf(right),
                       isNonNegative(binary.getLHS()));
  default: { // mod follows the (positive) divisor
    Value quotient = floorDivide(left, *constantOf(right), isNonNegative(binary.getLHS()));
    return sub(left, mul(quotient, right));
  }
  }
}

//===------------------------------------------------------------------------------------------===//
// Values
//===------------------------------------------------------------------------------------------===//

Type KernelBuilder::typeFor(Type element, unsigned lanes) {
  return lanes == 1 ? element : Type(VectorType::get({static_cast<int64_t>(lanes)}, element));
}

Value KernelBuilder::splat(Value scalar, unsigned lanes) {
  if (lanes == 1)
    return scalar;
  return vector::BroadcastOp::create(
      b, loc, VectorType::get({static_cast<int64_t>(lanes)}, scalar.getType()), scalar);
}

Value KernelBuilder::floatConstant(double value, unsigned lanes) {
  auto number = b.getF32FloatAttr(value);
  if (lanes == 1)
    return arith::ConstantOp::create(b, loc, number);
  return arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(cast<ShapedType>(typeFor(b.getF32Type(), lanes)), number));
}

static unsigned lanesOf(Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? vector.getNumElements() : 1;
}

/// Bytes to i1.
static Value toBool(KernelBuilder &k, Value bytes) {
  Value zero =
      k.splat(arith::ConstantOp::create(k.b, k.loc, k.b.getI8IntegerAttr(0)), lanesOf(bytes));
  return arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::ne, bytes, zero);
}

Type KernelBuilder::storedIn(Value memory) {
  return cast<MemRefType>(memory.getType()).getElementType();
}

Value KernelBuilder::widen(Value loaded, Value memory, Type element) {
  if (element.isInteger(1))
    return toBool(*this, loaded);
  return isHalf(storedIn(memory)) ? widenHalf(*this, loaded) : loaded;
}

Value KernelBuilder::narrow(Value value, unsigned i) {
  if (getElementTypeOrSelf(value.getType()).isInteger(1))
    return arith::ExtUIOp::create(b, loc, typeFor(b.getI8Type(), lanesOf(value)), value);
  return isHalf(storedIn(i)) ? narrowToHalf(*this, value, storedIn(i)) : value;
}

llvm::MaybeAlign KernelBuilder::alignmentOf(VectorType type) {
  int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
  return target.aligned ? llvm::MaybeAlign(bytes) : llvm::MaybeAlign();
}

Value KernelBuilder::load(Value memory, Value offset, Type element, unsigned lanes) {
  Value value;
  if (lanes == 1) {
    value = memref::LoadOp::create(b, loc, memory, offset);
  } else {
    auto type = cast<VectorType>(typeFor(storedIn(memory), lanes));
    value = vector::LoadOp::create(b, loc, type, memory, offset, /*nontemporal=*/false,
                                   alignmentOf(type));
  }
  return widen(value, memory, element);
}

Value KernelBuilder::from(Value memory, Value offset) {
  auto type = cast<MemRefType>(memory.getType());
  auto layout = StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1});
  auto shifted = MemRefType::get({ShapedType::kDynamic}, type.getElementType(), layout);
  Value size = constant(type.getNumElements());
  return memref::ReinterpretCastOp::create(b, loc, shifted, memory, OpFoldResult(offset),
                                           ArrayRef<OpFoldResult>{size},
                                           ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
}

void KernelBuilder::store(Value value, unsigned i, Value offset) {
  value = narrow(value, i);
  if (auto type = dyn_cast<VectorType>(value.getType()))
    vector::StoreOp::create(b, loc, value, buffer(i), offset, /*nontemporal=*/false,
                            alignmentOf(type));
  else
    memref::StoreOp::create(b, loc, value, buffer(i), offset);
}

Value KernelBuilder::mask(unsigned count) {
  auto type = VectorType::get({static_cast<int64_t>(target.lanes)}, b.getI1Type());
  return vector::CreateMaskOp::create(b, loc, type, ValueRange{constant(count)});
}

Value KernelBuilder::loadMasked(Value memory, Value offset, Type element, unsigned count) {
  if (count == target.lanes)
    return load(memory, offset, element, target.lanes);
  auto type = cast<VectorType>(typeFor(storedIn(memory), target.lanes));
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  Value loaded = vector::MaskedLoadOp::create(b, loc, type, memory, offset, mask(count), zero);
  return widen(loaded, memory, element);
}

void KernelBuilder::storeMasked(Value value, unsigned i, Value offset, unsigned count) {
  if (count == target.lanes)
    return store(value, i, offset);
  // LLVM 22 makes four whole bytes of a masked store of one of four (x86-64-v4, vectors of 128).
  if (isa<IntegerType>(storedIn(i))) {
    for (unsigned lane = 0; lane < count; ++lane) {
      Value scalar = vector::ExtractOp::create(b, loc, value, static_cast<int64_t>(lane));
      store(scalar, i, add(offset, lane));
    }
    return;
  }
  vector::MaskedStoreOp::create(b, loc, buffer(i), offset, mask(count), narrow(value, i));
}

//===------------------------------------------------------------------------------------------===//
// Loops
//===------------------------------------------------------------------------------------------===//

SmallVector<Value> KernelBuilder::loop(Value from, Value to, int64_t step, ValueRange initial,
                                       LoopBody body) {
  auto first = constantOf(from), last = constantOf(to);
  if (first && last && *first >= *last)
    return llvm::to_vector(initial);
  if (first && last && *first + step >= *last)
    return body(from, initial);
  auto build = [&](OpBuilder &builder, Location, Value i, ValueRange carried) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
    SmallVector<Value> results = body(i, carried);
    scf::YieldOp::create(b, loc, results);
  };
  auto op = scf::ForOp::create(b, loc, from, to, constant(step), initial, build);
  return llvm::to_vector_of<Value>(op.getResults());
}

void KernelBuilder::loop(Value from, Value to, int64_t step, function_ref<void(Value)> body) {
  loop(from, to, step, ValueRange{}, [&](Value i, ValueRange) {
    body(i);
    return SmallVector<Value>();
  });
}

void KernelBuilder::when(Value condition, function_ref<void()> yes, function_ref<void()> no) {
  auto branch = [&](function_ref<void()> body) {
    return [&, body](OpBuilder &builder, Location) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
      body();
      scf::YieldOp::create(b, loc);
    };
  };
  if (no)
    scf::IfOp::create(b, loc, condition, branch(yes), branch(no));
  else
    scf::IfOp::create(b, loc, condition, branch(yes));
}

} // namespace gnc
