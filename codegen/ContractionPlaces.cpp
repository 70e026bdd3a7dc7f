//===- ContractionPlaces.cpp - where tiles and panels lie, and which terms they have ----------===//
#include "codegen/ContractionEmitter.h"

using namespace mlir;

namespace gnc {

/// Splits the flat counter of `loops` and adds each one's part to every operand's offset.
void ContractionEmitter::addCounters(ArrayRef<ContractionLoop> loops, Value flat,
                                     MutableArrayRef<Value> offsets) {
  for (unsigned i = loops.size(); i-- > 0;) {
    Value counter = i == 0 ? flat : k.remainder(flat, loops[i].extent);
    flat = i == 0 ? flat : k.divide(flat, loops[i].extent);
    for (auto [offset, stride] : llvm::zip_equal(offsets, loops[i].strides))
      offset = k.add(offset, k.mul(counter, stride));
  }
}

/// The point of the outer loops that a tile is of, and its number among the `count` that each has.
/// Where sums are bounded, some points have fewer terms, and all take turns: threads have equal
/// shares of each.
std::pair<Value, Value> ContractionEmitter::pointOf(Value tile, Value count) {
  auto known = constantOf(count);
  if (plan.outer.empty())
    return {k.constant(0), tile};
  bool batched = llvm::any_of(plan.outer, [](const ContractionLoop &loop) { return loop.batched; });
  if (!plan.limits.empty() && !batched) {
    int64_t points = plan.outerCount(1);
    return {k.remainder(tile, points), k.divide(tile, points)};
  }
  Value point =
      known ? k.divide(tile, *known) : Value(arith::DivUIOp::create(b, k.loc, tile, count));
  return {point, k.sub(tile, k.mul(point, count))};
}

/// Offsets per operand of a point of the outer loops.
SmallVector<Value> ContractionEmitter::outerOffsets(Value outer) {
  SmallVector<Value> base;
  for (int64_t offset : plan.bases)
    base.push_back(k.constant(offset));
  addCounters(plan.outer, outer, base);
  return base;
}

/// Which iterations of the loops of k count at a point of the outer loops, and whether none do.
void ContractionEmitter::boundSums(const Values &base) {
  auto either = [&](Value x, Value y) -> Value {
    return x ? Value(arith::OrIOp::create(b, k.loc, x, y)) : y;
  };
  auto compare = [&](arith::CmpIPredicate how, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, k.loc, how, x, y);
  };
  auto quotient = [&](Value x, int64_t y) { return k.floorDivide(x, y, /*nonNegative=*/false); };
  counted.clear();
  noTerms = {};
  for (const ContractionLoop &loop : plan.k)
    counted.push_back({k.constant(0), extentOf(loop)});
  for (auto [i, limit] : llvm::enumerate(plan.limits)) {
    unsigned operand = plan.firstBound() + i;
    Value value = base[operand], beyond = k.sub(value, k.constant(limit));
    auto *loop = llvm::find_if(plan.k, [&](auto &loop) { return loop.strides[operand] != 0; });
    if (loop == plan.k.end()) { // as an unsigned number, what is negative is large
      noTerms = either(noTerms, compare(arith::CmpIPredicate::uge, value, k.constant(limit)));
      continue;
    }
    // 0 <= value + step * iteration < limit
    int64_t step = loop->strides[operand];
    Value negative = k.sub(k.constant(0), step > 0 ? beyond : value);
    Value from = step > 0 ? quotient(k.add(k.sub(k.constant(0), value), step - 1), step)
                          : k.add(quotient(beyond, -step), 1);
    Value to =
        step > 0 ? quotient(k.add(negative, step - 1), step) : k.add(quotient(value, -step), 1);
    Interval &all = counted[loop - plan.k.begin()];
    all = {k.maximum(all.from, from), k.minimum(all.to, to)};
    noTerms = either(noTerms, compare(arith::CmpIPredicate::sge, all.from, all.to));
  }
  if (noTerms)
    counted[0].to = arith::SelectOp::create(b, k.loc, noTerms, counted[0].from, counted[0].to);
}

TileRows ContractionEmitter::rowsOf(Value rowTile, const Values &base) {
  TileRows rows;
  rows.offsets.resize(base.size());
  Value first = k.mul(rowTile, plan.rowTile);
  SmallVector<Value> start = base;
  SmallVector<SmallVector<int64_t>> relative;
  if (plan.aligned) {
    addCounters(plan.rows, first, start);
    for (unsigned operand = 0; operand < base.size(); ++operand)
      relative.push_back(plan.rowOffsets(operand));
  }
  auto count = constantOf(rowCount);
  bool whole = count && *count % plan.rowTile == 0;
  for (unsigned row = 0; row < plan.rowTile; ++row) {
    SmallVector<Value> offsets = plan.aligned ? start : base;
    if (plan.aligned) {
      for (auto [operand, offset] : llvm::enumerate(offsets))
        offset = k.add(offset, relative[operand][row]);
    } else {
      // Rows beyond the last repeat it: they compute and store the same numbers once more.
      Value at = k.add(first, row);
      addCounters(plan.rows, whole ? at : k.minimum(at, k.sub(rowCount, k.constant(1))), offsets);
    }
    for (auto [list, offset] : llvm::zip_equal(rows.offsets, offsets))
      list.push_back(offset);
  }
  rows.offsets[P::B] = {base[P::B]};
  return rows;
}

/// Walks the loops of columns outside the vector loop.
void ContractionEmitter::forEachColumnRun(unsigned level, Values offsets,
                                          function_ref<void(const Values &)> body) {
  if (level + 1 == plan.columns.size())
    return body(offsets);
  const ContractionLoop &loop = plan.columns[level];
  k.loop(k.constant(0), extentOf(loop), 1, [&](Value counter) {
    SmallVector<Value> inner = offsets;
    for (auto [offset, stride] : llvm::zip_equal(inner, loop.strides))
      offset = k.add(offset, k.mul(counter, stride));
    forEachColumnRun(level + 1, inner, body);
  });
}

Panel ContractionEmitter::panelAt(Value column, const Values &offsets, unsigned vectors,
                                  unsigned lastLanes) {
  Panel panel{offsets, column, Value(), vectors, lastLanes};
  for (auto [offset, stride] : llvm::zip_equal(panel.offsets, plan.columns.back().strides))
    offset = k.add(offset, k.mul(column, stride));
  if (plan.panel && plan.width % plan.panel != 0) { // it begins inside a panel
    Value inside = k.remainder(column, plan.panel);
    Value whole = k.mul(k.sub(column, inside), plan.columns.back().strides[P::B]);
    panel.offsets[P::B] = k.add(offsets[P::B], k.add(whole, inside));
  }
  return panel;
}

/// The panels of columns from <= column < to of the vector loop; `from` is a multiple of the width,
/// and so is `to`, or it is the last column.
void ContractionEmitter::forEachPanel(Value from, Value to, const Values &offsets, PanelBody body) {
  int64_t extent = plan.columns.back().extent, whole = extent / plan.width * plan.width;
  auto at = [&](Value column, unsigned vectors, unsigned lastLanes) {
    Panel panel = panelAt(column, offsets, vectors, lastLanes);
    if (plan.packs())
      panel.packed = k.mul(k.sub(column, from), plan.blocks.points);
    body(panel);
  };
  k.loop(from, k.minimum(to, k.constant(whole)), plan.width,
         [&](Value column) { at(column, plan.vectors, k.target.lanes); });
  int64_t rest = extent - whole;
  if (!rest)
    return;
  unsigned vectors = llvm::divideCeil(rest, k.target.lanes);
  auto atRest = [&] { at(k.constant(whole), vectors, rest - (vectors - 1) * k.target.lanes); };
  if (constantOf(to)) // no groups of panels: all columns
    return atRest();
  k.when(arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::eq, to, k.constant(extent)), atRest,
         nullptr);
}

} // namespace gnc
