//===- IndexMathTest.cpp - ranges and normal forms, against every point -----------------------===//
#include "ir/IndexMath.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace gnc;

namespace {

int64_t floorDiv(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

/// The value at a point, straight from the definition.
int64_t valueAt(AffineExpr expr, ArrayRef<int64_t> at) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return at[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = valueAt(binary.getLHS(), at), b = valueAt(binary.getRHS(), at);
  switch (expr.getKind()) {
  case AffineExprKind::Add: return a + b;
  case AffineExprKind::Mul: return a * b;
  case AffineExprKind::FloorDiv: return floorDiv(a, b);
  case AffineExprKind::CeilDiv: return -floorDiv(-a, b);
  default: return a - floorDiv(a, b) * b;
  }
}

class RandomExpr {
public:
  RandomExpr(MLIRContext &context, uint64_t seed) : context(context), random(seed) {}
  int64_t pick(int64_t low, int64_t high) { return low + random() % (high - low + 1); }
  AffineExpr make(unsigned dims, unsigned depth) {
    if (depth == 0 || pick(0, 5) == 0)
      return pick(0, 3) ? getAffineDimExpr(pick(0, dims - 1), &context)
                        : getAffineConstantExpr(pick(-9, 9), &context);
    AffineExpr left = make(dims, depth - 1);
    switch (pick(0, 4)) {
    case 0:
    case 1: return left + make(dims, depth - 1);
    case 2: return left * pick(-4, 6);
    case 3: return left.floorDiv(pick(1, 6));
    default: return left % pick(1, 6);
    }
  }

private:
  MLIRContext &context;
  std::mt19937_64 random;
};

template <typename Visit> void forEachPoint(ArrayRef<int64_t> extents, Visit visit) {
  SmallVector<int64_t> at(extents.size(), 0);
  for (bool more = true; more;) {
    visit(ArrayRef<int64_t>(at));
    more = false;
    for (unsigned i = extents.size(); i-- > 0 && !more;)
      (++at[i] < extents[i]) ? more = true : at[i] = 0;
  }
}

TEST(IndexMath, SimplifyKeepsEveryValueAndRangesHoldThem) {
  MLIRContext context;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    RandomExpr random(context, seed);
    SmallVector<int64_t> extents;
    for (int i = 0; i < 3; ++i)
      extents.push_back(random.pick(1, 6));
    AffineExpr expr = random.make(3, 4), simple = simplify(expr, extents);
    IndexRange range = rangeOf(expr, extents);
    forEachPoint(extents, [&](ArrayRef<int64_t> at) {
      int64_t value = valueAt(expr, at);
      ASSERT_EQ(value, valueAt(simple, at)) << "seed " << seed;
      ASSERT_TRUE(!range.low || *range.low <= value) << "seed " << seed;
      ASSERT_TRUE(!range.high || value <= *range.high) << "seed " << seed;
    });
    if (testing::Test::HasFatalFailure())
      return;
  }
}

TEST(IndexMath, DivisionsResolveWithinTheRanges) {
  MLIRContext context;
  AffineExpr a = getAffineDimExpr(0, &context), b = getAffineDimExpr(1, &context);
  SmallVector<int64_t> extents{7, 4};
  EXPECT_EQ(simplify((a * 4 + b).floorDiv(4), extents), a);
  EXPECT_EQ(simplify((a * 4 + b) % 4, extents), b);
  EXPECT_EQ(simplify((a * 12 + b * 3 + 2).floorDiv(12), extents), a);
  EXPECT_EQ(simplify(a.floorDiv(2) * -2 + a, extents), a % 2);
  EXPECT_EQ(simplify(b.floorDiv(4), extents), getAffineConstantExpr(0, &context));
}

TEST(IndexMath, PrintsAsAPersonWrites) {
  MLIRContext context;
  AffineExpr p = getAffineDimExpr(0, &context), r = getAffineDimExpr(1, &context);
  std::string text;
  llvm::raw_string_ostream os(text);
  printIndexExpr(os, p * 2 - r - 1, {"p", "r"});
  EXPECT_EQ(text, "p * 2 - r - 1");
}

} // namespace
