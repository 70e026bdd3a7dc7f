// Error bounds of whole programs, from samples of how rounding errors travel.
#include "NetJudge.h"

#include "test/Tolerance.h"

#include <cmath>
#include <random>

using namespace mlir;

namespace gnc::test {

namespace {

constexpr unsigned kSamples = 4;

/// Roundings in one evaluation of a region, from above: a function of libm counts as 8 (kLibm).
double roundingsOf(Region &region) {
  double count = 0;
  for (Operation &op : region.front().without_terminator()) {
    StringRef name = op.getName().getStringRef();
    bool exact = isa<arith::ConstantOp, arith::CmpFOp, arith::SelectOp, arith::MaximumFOp,
                     arith::MinimumFOp, arith::NegFOp, math::AbsFOp, math::FloorOp>(op) ||
                 !isa<FloatType>(op.getResultTypes().front());
    bool plain = isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(op) ||
                 name.starts_with("gnc.index") || name.starts_with("gnc.extent");
    count += exact ? 0 : plain ? 1 : 8;
  }
  return count;
}

/// The error of an element whose absolute terms sum up to `magnitude`.
double errorOf(ComputeOp op, const EvaluationState &state, unsigned result, double magnitude) {
  double count = roundingsOf(op.getBody()) + (op.hasFinish() ? roundingsOf(op.getFinish()) : 0);
  double terms = 1;
  for (int64_t extent : op.getExtents().drop_front(op.getNumParallel()))
    terms *= double(state.extent(extent));
  bool adds =
      op.getReduction(result) == Reduction::Sum || op.getReduction(result) == Reduction::Prod;
  count += adds ? terms : 0;
  return count == 0 ? 0 : std::min(roundings(count), likelyRoundings(count)) * magnitude;
}

/// Whether such numbers, and sums of products of up to four of them, are exact in f32: multiples of
/// 1/4 (products: of 1/256), below 2^16 even as absolute sums.
bool isExact(const TensorValue &value) {
  for (double element : value.data)
    if (element * 4 != std::round(element * 4))
      return false;
  auto small = [](double x) { return std::fabs(x) < 0x1p16; };
  return std::all_of(value.data.begin(), value.data.end(), small) &&
         std::all_of(value.magnitude.begin(), value.magnitude.end(), small);
}

/// Walks the equations of a function; `visit` may change what they give.
Tensors walk(func::FuncOp function, const Tensors &arguments, Precision precision,
             const std::function<void(ComputeOp, EvaluationState &)> &visit) {
  int64_t batch = 1;
  for (auto [type, value] : llvm::zip_equal(function.getArgumentTypes(), arguments))
    if (isBatched(type))
      batch = value.shape[0];
  EvaluationState state(batch, precision);
  for (auto [argument, value] : llvm::zip_equal(function.getArguments(), arguments))
    state.set(argument, value);
  Block &block = function.getBody().front();
  for (Operation &op : block.without_terminator()) {
    EXPECT_TRUE(succeeded(cast<ValueOpInterface>(op).evaluate(state)));
    if (auto equation = dyn_cast<ComputeOp>(op))
      visit(equation, state);
  }
  Tensors results;
  for (Value value : block.getTerminator()->getOperands())
    results.push_back(state.get(value));
  return results;
}

Tensors sample(func::FuncOp function, const Tensors &arguments, uint64_t seed) {
  std::mt19937_64 random(seed);
  return walk(function, arguments, Precision::F32, [&](ComputeOp op, EvaluationState &state) {
    for (auto [i, result] : llvm::enumerate(op.getResults())) {
      if (!isa<FloatType>(cast<RankedTensorType>(result.getType()).getElementType()))
        continue;
      TensorValue value = state.get(result);
      for (size_t e = 0; e < value.data.size(); ++e) {
        if (std::isinf(value.data[e]))
          continue;                                         // exact, as of a mask of -inf
        double part = double(random() >> 11) * 0x1p-52 - 1; // of the bound, -1 .. 1
        value.data[e] =
            state.round(value.data[e] + part * errorOf(op, state, i, value.magnitude[e]));
      }
      state.set(result, std::move(value));
    }
  });
}

} // namespace

NetBound::NetBound(func::FuncOp function, const Tensors &arguments, uint64_t seed) {
  exact = llvm::all_of(arguments, isExact);
  expected = walk(function, arguments, Precision::F64, [&](ComputeOp op, EvaluationState &state) {
    for (Value result : op.getResults())
      exact &= isExact(state.get(result));
  });
  bounds.assign(expected.size(), 0);
  for (const TensorValue &result : expected)
    finite &= std::all_of(result.data.begin(), result.data.end(),
                          [](double x) { return std::isfinite(x); });
  for (unsigned s = 0; !exact && finite && s < kSamples; ++s) {
    Tensors moved = sample(function, arguments, seed + s);
    for (auto [bound, value, sampled] : llvm::zip_equal(bounds, expected, moved))
      for (auto [x, y] : llvm::zip_equal(value.data, sampled.data)) {
        // What is rounded once more when it is stored is no sample of its own.
        bound = std::max(bound, kSampled * std::max(std::fabs(x - y), kRound32 * std::fabs(x)));
        finite &= std::isfinite(y);
      }
  }
}

} // namespace gnc::test
