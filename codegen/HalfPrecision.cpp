#include "codegen/HalfPrecision.h"

using namespace mlir;

namespace gnc {

namespace {
/// Arithmetic on bits: i32, scalar or vector.
struct Bits {
  KernelBuilder &k;
  unsigned lanes;

  Bits(KernelBuilder &k, Value like) : k(k), lanes(1) {
    if (auto vector = dyn_cast<VectorType>(like.getType()))
      lanes = vector.getNumElements();
  }

  Type type(Type element) { return k.typeFor(element, lanes); }
  Value number(int64_t value) {
    return k.splat(
        arith::ConstantOp::create(k.b, k.loc, k.b.getI32IntegerAttr(static_cast<int32_t>(value))),
        lanes);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(k.b, k.loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(k.b, k.loc, x, y); }
  Value both(Value x, Value y) { return arith::AndIOp::create(k.b, k.loc, x, y); }
  Value either(Value x, Value y) { return arith::OrIOp::create(k.b, k.loc, x, y); }
  Value left(Value x, int64_t n) { return arith::ShLIOp::create(k.b, k.loc, x, number(n)); }
  Value right(Value x, int64_t n) { return arith::ShRUIOp::create(k.b, k.loc, x, number(n)); }
  Value atLeast(Value x, int64_t y) {
    return arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::uge, x, number(y));
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(k.b, k.loc, condition, x, y);
  }
  Value of(Value single) {
    return arith::BitcastOp::create(k.b, k.loc, type(k.b.getI32Type()), single);
  }
  Value toSingle(Value bits) {
    return arith::BitcastOp::create(k.b, k.loc, type(k.b.getF32Type()), bits);
  }
  /// bits >> n, rounded to the nearest, of two to the even one.
  Value shiftRounded(Value bits, int64_t n) {
    Value odd = both(right(bits, n), number(1));
    return right(add(add(bits, number((1 << (n - 1)) - 1)), odd), n);
  }
};
} // namespace

// An f16 has 5 bits of exponent and 10 of mantissa, an f32 8 and 23, biased by 15 and 127.
static constexpr int kMantissaShift = 23 - 10, kBiasShift = 127 - 15;
static constexpr int64_t kInfinity32 = 0x7f800000, kInfinity16 = 0x7c00;

/// Shifted into place, the exponent of an f16 is too small by 112. A multiplication mends that for
/// numbers below the normal ones, too; only infinities and NaN need another exponent.
static Value widenBits16(Bits &bits, Value half) {
  KernelBuilder &k = bits.k;
  Value magnitude = bits.left(bits.both(half, bits.number(0x7fff)), kMantissaShift);
  Value scale = k.floatConstant(0x1p112, bits.lanes);
  static_assert(kBiasShift == 112);
  Value scaled = bits.of(arith::MulFOp::create(k.b, k.loc, bits.toSingle(magnitude), scale));
  Value special = bits.atLeast(magnitude, kInfinity16 << kMantissaShift);
  Value number = bits.select(special, bits.either(magnitude, bits.number(kInfinity32)), scaled);
  return bits.either(number, bits.left(bits.both(half, bits.number(0x8000)), 16));
}

Value widenHalf(KernelBuilder &k, Value half) {
  Bits bits(k, half);
  bool brain = getElementTypeOrSelf(half.getType()).isBF16();
  Value word = arith::BitcastOp::create(k.b, k.loc, bits.type(k.b.getI16Type()), half);
  word = arith::ExtUIOp::create(k.b, k.loc, bits.type(k.b.getI32Type()), word);
  return bits.toSingle(brain ? bits.left(word, 16) : widenBits16(bits, word));
}

/// Normal numbers lose 13 bits, and the difference of the biases. Those below 2^-14 are multiples
/// of 2^-24, which is the last place of 0.5: adding 0.5 rounds them.
static Value narrowBits16(Bits &bits, Value magnitude) {
  KernelBuilder &k = bits.k;
  constexpr int64_t kLeastNormal = static_cast<int64_t>(kBiasShift + 1) << 23;
  Value normal = bits.shiftRounded(
      bits.sub(magnitude, bits.number(static_cast<int64_t>(kBiasShift) << 23)), kMantissaShift);
  normal = arith::MinUIOp::create(k.b, k.loc, normal, bits.number(kInfinity16));
  Value half = k.floatConstant(0.5, bits.lanes);
  Value sum = bits.of(arith::AddFOp::create(k.b, k.loc, bits.toSingle(magnitude), half));
  Value small = bits.sub(sum, bits.of(half));
  return bits.select(bits.atLeast(magnitude, kLeastNormal), normal, small);
}

Value narrowToHalf(KernelBuilder &k, Value single, Type element) {
  Bits bits(k, single);
  Value word = bits.of(single);
  Value magnitude = bits.both(word, bits.number(0x7fffffff));
  int64_t lost = element.isBF16() ? 16 : kMantissaShift;
  Value number =
      element.isBF16() ? bits.shiftRounded(magnitude, lost) : narrowBits16(bits, magnitude);
  int64_t quietNaN = element.isBF16() ? 0x7fc0 : 0x7e00;
  number = bits.select(bits.atLeast(magnitude, kInfinity32 + 1), bits.number(quietNaN), number);
  number = bits.either(number, bits.right(bits.both(word, bits.number(0x80000000)), 16));
  number = arith::TruncIOp::create(k.b, k.loc, bits.type(k.b.getI16Type()), number);
  return arith::BitcastOp::create(k.b, k.loc, bits.type(element), number);
}

} // namespace gnc
