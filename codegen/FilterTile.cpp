//===- FilterTile.cpp - a register tile that sums by minimal filters --------------------------===//
//
// B is transformed once a call of the kernel, A once a row tile, both into memory that stays in the
// first-level cache. Then the products of each point are summed over the other loops of k, and
// added to the rows of the tile, two points a and -a together: these differ in the sign of odd
// powers alone.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/ContractionEmitter.h"

using namespace mlir;

namespace gnc {

/// filteredB[other, point, column]
void ContractionEmitter::filterColumns() {
  const FilterPlan &how = *plan.filter;
  const MinimalFilter &filter = how.filter;
  int64_t extent = plan.columns.back().extent, padded = llvm::alignTo(extent, plan.width);
  filteredB = stackRoom(how.others.size() * filter.points * padded);
  SmallVector<Value> base = outerOffsets(k.constant(0));
  forEachPanel(k.constant(0), k.constant(extent), base, [&](const Panel &panel) {
    for (auto [other, offsets] : llvm::enumerate(how.others))
      for (unsigned v = 0; v < panel.vectors; ++v) {
        SmallVector<Value> taps;
        for (unsigned tap = 0; tap < filter.taps; ++tap) {
          int64_t offset = offsets.second + tap * plan.k[how.loop].strides[P::B];
          taps.push_back(
              loadColumns(k.buffer(buffers[P::B]), k.add(panel.offsets[P::B], offset), panel, v));
        }
        for (unsigned point = 0; point < filter.points; ++point) {
          Value sum;
          for (unsigned tap = 0; tap < filter.taps; ++tap)
            sum = plus(sum, filter.filterPower(point, tap), taps[tap]);
          if (filter.filterScale(point) != 1)
            sum = arith::DivFOp::create(b, k.loc, sum,
                                        k.floatConstant(filter.filterScale(point), k.target.lanes));
          int64_t at = (other * filter.points + point) * padded + v * k.target.lanes;
          vector::StoreOp::create(b, k.loc, sum, filteredB, k.add(panel.column, at));
        }
      }
  });
}

/// filteredA[piece, point]
void ContractionEmitter::filterRows(const TileRows &rows) {
  const FilterPlan &how = *plan.filter;
  const MinimalFilter &filter = how.filter;
  constexpr unsigned kLanes = MinimalFilter::kMostPoints;
  if (!filteredA)
    filteredA = stackRoom(how.pieces.size() * kLanes);
  auto type = VectorType::get(kLanes, b.getF32Type());
  for (auto [piece, start] : llvm::enumerate(how.pieces)) {
    Value sum;
    for (unsigned i = 0; i < filter.points; ++i) {
      SmallVector<float> column(kLanes, 0);
      for (unsigned point = 0; point < filter.points; ++point)
        column[point] = static_cast<float>(filter.input(point, i));
      Value weights =
          arith::ConstantOp::create(b, k.loc, DenseElementsAttr::get(type, ArrayRef(column)));
      Value at = k.add(rows.offsets[P::A][0], start + i * plan.k[how.loop].strides[P::A]);
      Value number = k.splat(k.load(buffers[P::A], at, b.getF32Type(), 1), kLanes);
      sum = sum ? Value(vector::FMAOp::create(b, k.loc, number, weights, sum))
                : Value(arith::MulFOp::create(b, k.loc, number, weights));
    }
    vector::StoreOp::create(b, k.loc, sum, filteredA, k.constant(piece * kLanes));
  }
}

/// sum + factor * value; `sum` may be null: 0.
Value ContractionEmitter::plus(Value sum, double factor, Value value) {
  if (factor == 0)
    return sum;
  if (factor == 1)
    return sum ? Value(arith::AddFOp::create(b, k.loc, sum, value)) : value;
  if (factor == -1 && sum)
    return arith::SubFOp::create(b, k.loc, sum, value);
  Value by = k.floatConstant(factor, k.target.lanes);
  return sum ? Value(vector::FMAOp::create(b, k.loc, by, value, sum))
             : Value(arith::MulFOp::create(b, k.loc, by, value));
}

/// Adds the products of each of `points` to its sums, one for each run and vector.
SmallVector<SmallVector<Value>> ContractionEmitter::products(ArrayRef<unsigned> points,
                                                             const Panel &panel,
                                                             SmallVector<Values> sums) {
  const FilterPlan &how = *plan.filter;
  int64_t padded = llvm::alignTo(plan.columns.back().extent, plan.width);
  for (unsigned other = 0; other < how.others.size(); ++other)
    for (auto [point, ofPoint] : llvm::zip_equal(points, sums)) {
      SmallVector<Value> columns;
      for (unsigned v = 0; v < panel.vectors; ++v) {
        int64_t at = (other * how.filter.points + point) * padded + v * k.target.lanes;
        columns.push_back(
            k.load(filteredB, k.add(panel.column, at), b.getF32Type(), k.target.lanes));
      }
      for (unsigned run = 0; run < how.runs.size(); ++run) {
        int64_t at = how.pieceOf(run, other) * MinimalFilter::kMostPoints + point;
        Value scalar =
            k.splat(k.load(filteredA, k.constant(at), b.getF32Type(), 1), k.target.lanes);
        for (unsigned v = 0; v < panel.vectors; ++v) {
          Value &sum = ofPoint[run * panel.vectors + v];
          sum = sum ? Value(vector::FMAOp::create(b, k.loc, scalar, columns[v], sum))
                    : Value(arith::MulFOp::create(b, k.loc, scalar, columns[v]));
        }
      }
    }
  return sums;
}

SmallVector<Value> ContractionEmitter::filteredTile(const Panel &panel) {
  const FilterPlan &how = *plan.filter;
  const MinimalFilter &filter = how.filter;
  unsigned perPoint = how.runs.size() * panel.vectors;
  SmallVector<Value> tile(plan.rowTile * panel.vectors);
  auto sumOf = [&](unsigned index, unsigned output) -> Value & {
    unsigned row = how.runs[index / panel.vectors][output];
    return tile[row * panel.vectors + index % panel.vectors];
  };
  for (unsigned pair = 0; pair < filter.pairs(); ++pair) {
    unsigned point = 1 + 2 * pair;
    SmallVector<Values> sums =
        products({point, point + 1}, panel, {Values(perPoint), Values(perPoint)});
    for (unsigned index = 0; index < perPoint; ++index) {
      Value even = arith::AddFOp::create(b, k.loc, sums[0][index], sums[1][index]);
      Value odd = arith::SubFOp::create(b, k.loc, sums[0][index], sums[1][index]);
      for (unsigned output = 0; output < filter.outputs; ++output) {
        Value &sum = sumOf(index, output);
        sum = plus(sum, std::pow(MinimalFilter::positive(pair), output), output % 2 ? odd : even);
      }
    }
  }
  // 0 is in the first result alone, infinity in the last.
  for (auto [point, output] : {std::pair(0u, 0u), {filter.points - 1, filter.outputs - 1}}) {
    Values sums;
    for (unsigned index = 0; index < perPoint; ++index)
      sums.push_back(sumOf(index, output));
    sums = products(point, panel, {sums})[0];
    for (unsigned index = 0; index < perPoint; ++index)
      sumOf(index, output) = sums[index];
  }
  return tile;
}

} // namespace gnc
