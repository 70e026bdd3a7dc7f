//===- EmitContraction.cpp - the register-tiled kernel of all contractions --------------------===//
//
// See ContractionPlan.h for the shape. The order of loops is, where B is read in place,
//
//   for each row tile t:  for each panel of columns:  tile(t, panel)
//
// so that a tile's row addresses are computed once, and where it is packed,
//
//   for each block of k:  pack the group's panels;  for each panel:  for each t of the group:
//   tile(t, panel, block)
//
// so that a panel stays in the caches over a group of row tiles, which fetch the next one
// meanwhile. A B that lies in panels, or whose rows are near each other, takes the second order
// without the packing. In both, an element of C sums its products in the order of k, however the
// tiles are spread over threads: the same bits for any number of them.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/ContractionEmitter.h"

using namespace mlir;

namespace gnc {

ContractionEmitter::ContractionEmitter(KernelBuilder &k, const KernelPart &product, unsigned vector,
                                       const KernelPart *window)
    : k(k), b(k.b), op(product.op), window(window ? window->op : ComputeOp()),
      plan(planContraction(op, vector, k.target, this->window)), c(*classify(op, vector)) {
  ArrayRef<unsigned> reads = product.arguments.reads;
  const KernelPart &last = window ? *window : product;
  results = last.arguments.results;
  buffers = {reads[c.a], reads[c.b], results[0]};
  llvm::append_range(buffers, reads.drop_front(op.getNumBodyReads()));
  if (window)
    llvm::append_range(buffers, ArrayRef(window->arguments.reads).drop_front());
}

//===------------------------------------------------------------------------------------------===//
// Where tiles and panels lie
//===------------------------------------------------------------------------------------------===//

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

//===------------------------------------------------------------------------------------------===//
// Packing
//===------------------------------------------------------------------------------------------===//

/// So many numbers on the stack of the kernel.
Value ContractionEmitter::stackRoom(int64_t elements) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&k.function.getBody().front());
  return memref::AllocaOp::create(b, k.loc, MemRefType::get({elements}, b.getF32Type()),
                                  b.getI64IntegerAttr(64));
}

Value ContractionEmitter::all(Value x, Value y) {
  return !x ? y : Value(arith::AndIOp::create(b, k.loc, x, y));
}

/// Walks the blocks of k: the loops outside the cut one, and the cut one block by block.
void ContractionEmitter::forEachBlock(unsigned level, BlockBody body) {
  const ContractionLoop &loop = plan.k[level];
  bool cut = level == plan.blocks.level;
  auto [from, to] = counted[level];
  int64_t step = cut ? plan.blocks.iterations : 1;
  bool once = !loop.batched && loop.extent <= step;
  Block outside = block;
  k.loop(from, to, step, [&, from = from, to = to](Value counter) {
    block = outside;
    Value end = cut ? k.minimum(k.add(counter, step), to) : k.add(counter, step);
    if (!once) {
      auto compare = [&](arith::CmpIPredicate how, Value x, Value y) -> Value {
        return arith::CmpIOp::create(b, k.loc, how, x, y);
      };
      block.first = all(block.first, compare(arith::CmpIPredicate::eq, counter, from));
      block.last = all(block.last, compare(arith::CmpIPredicate::eq, end, to));
    }
    if (cut) {
      block.from = counter;
      block.to = end;
      return body();
    }
    block.a = k.add(block.a, k.mul(counter, loop.strides[P::A]));
    block.b = k.add(block.b, k.mul(counter, loop.strides[P::B]));
    forEachBlock(level + 1, body);
  });
  block = outside;
}

/// Copies the block's part of columns from <= column < to of B into `room`, panel after panel.
void ContractionEmitter::pack(Value from, Value to, Value columnsOfB) {
  packPoints(plan.blocks.level, k.add(columnsOfB, block.b), k.constant(0), from, to);
}

void ContractionEmitter::packPoints(unsigned level, Value columnsOfB, Value target, Value from,
                                    Value to) {
  if (level == plan.k.size()) {
    SmallVector<Value> none(plan.bases.size(), k.constant(0));
    forEachPanel(from, to, none, [&](const Panel &panel) {
      for (unsigned v = 0; v < panel.vectors; ++v) {
        Value offset = k.add(k.add(columnsOfB, panel.offsets[P::B]), v * k.target.lanes);
        Value columns = k.loadMasked(buffers[P::B], offset, b.getF32Type(), lanesOf(panel, v));
        vector::StoreOp::create(b, k.loc, columns, room,
                                k.add(k.add(target, panel.packed), v * k.target.lanes));
      }
    });
    return;
  }
  const ContractionLoop &loop = plan.k[level];
  bool cut = level == plan.blocks.level;
  Interval iterations = iterationsOf(level);
  k.loop(iterations.from, iterations.to, 1, [&](Value counter) {
    Value packed = cut ? k.sub(counter, block.from) : counter;
    packPoints(level + 1, k.add(columnsOfB, k.mul(counter, loop.strides[P::B])),
               k.add(target, k.mul(packed, packedStride(level))), from, to);
  });
}

//===------------------------------------------------------------------------------------------===//
// Fetching ahead
//===------------------------------------------------------------------------------------------===//

/// Where the part of B begins that is needed after this panel's block: that of the group's next
/// panel, or, after its last one, the next block of the first. Where blocks are copied, all panels
/// of this one are there, and each fetches its part of the next.
Value ContractionEmitter::nextPanel(const Panel &panel, Value from, Value to,
                                    const Values &offsets) {
  int64_t step = plan.k[plan.blocks.level].strides[P::B];
  if (plan.packs())
    return k.add(block.b, k.add(panel.offsets[P::B], k.mul(block.to, step)));
  Value column = k.add(panel.column, plan.width);
  Value more = arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::slt, column, to);
  Value beside = k.add(panelAt(column, offsets, 0, 0).offsets[P::B], k.mul(block.from, step));
  Value below = k.add(panelAt(from, offsets, 0, 0).offsets[P::B], k.mul(block.to, step));
  return k.add(block.b, arith::SelectOp::create(b, k.loc, more, beside, below));
}

/// The first row tiles of a group share the work, up to four of them; lines are as many as a batch
/// of one needs.
Ahead ContractionEmitter::shareOf(Value row, Value rows, Value next) {
  auto atLeast = [&](Value x, int64_t y) -> Value {
    return arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::sge, x, k.constant(y));
  };
  auto choose = [&](Value condition, Value x, Value y) -> Value {
    return arith::SelectOp::create(b, k.loc, condition, x, y);
  };
  Value share =
      choose(atLeast(rows, 4), k.constant(plan.width / 4),
             choose(atLeast(rows, 2), k.constant(plan.width / 2), k.constant(plan.width)));
  Value part = k.mul(row, share);
  Value none = atLeast(part, plan.width);
  // A panel is a line from one block to the next; of B in its place each takes some columns.
  Value before = plan.panel ? k.mul(part, k.sub(block.to, block.from)) : part;
  Value step = plan.panel ? share : k.constant(plan.k.back().strides[P::B]);
  Value start = k.add(next, before);
  int64_t tiles = llvm::divideCeil(plan.rowCount(), plan.rowTile); // of one sample
  int64_t least = std::min(tiles, plan.blocks.rowGroup);
  int64_t most = plan.width / (least >= 4 ? 4 : least >= 2 ? 2 : 1);
  unsigned lines = std::max<int64_t>(most / kLineElements, 1);
  return {choose(none, k.constant(0), start), choose(none, k.constant(0), step), lines};
}

//===------------------------------------------------------------------------------------------===//
// The order of tiles
//===------------------------------------------------------------------------------------------===//

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

void ContractionEmitter::emitInPlace() {
  Value extent = k.constant(plan.columns.back().extent);
  SmallVector<Value> none(plan.bases.size(), k.constant(0));
  k.loop(k.low(), k.high(), 1, [&](Value tile) {
    auto [outer, rowTile] = pointOf(tile, rowTiles);
    Values base = outerOffsets(outer);
    boundSums(base);
    TileRows rows = rowsOf(rowTile, base);
    if (plan.filter)
      filterRows(rows);
    forEachColumnRun(0, none, [&](const Values &offsets) {
      forEachPanel(k.constant(0), extent, offsets,
                   [&](const Panel &panel) { emitTile(rows, panel); });
    });
  });
}

void ContractionEmitter::emitBlocked() {
  const PackedBlocks &blocks = plan.blocks;
  if (plan.packs())
    room = stackRoom(blocks.panelGroup * plan.width * blocks.points);
  bool fetches = plan.blocks.level + 1 == plan.k.size();
  Value rowGroups = k.divide(k.add(rowTiles, blocks.rowGroup - 1), blocks.rowGroup);
  Value extent = k.constant(plan.columns.back().extent);
  SmallVector<Value> none(plan.bases.size(), k.constant(0));
  k.loop(k.low(), k.high(), 1, [&](Value tile) {
    Value panelGroup = k.remainder(tile, blocks.panelGroups);
    auto [outer, rowGroup] = pointOf(k.divide(tile, blocks.panelGroups), rowGroups);
    // Groups of equal size, up to one.
    Value group = k.mul(rowGroup, rowTiles);
    auto count = constantOf(rowGroups);
    auto share = [&](Value numerator) {
      return count ? k.divide(numerator, *count)
                   : Value(arith::DivUIOp::create(b, k.loc, numerator, rowGroups));
    };
    Value first = share(group), end = share(k.add(group, rowTiles));
    Values base = outerOffsets(outer);
    boundSums(base);
    int64_t columns = blocks.panelGroup * plan.width;
    Value from = k.mul(panelGroup, columns);
    Value to = blocks.panelGroups == 1 ? extent : k.minimum(k.add(from, columns), extent);
    auto inBlocks = [&] {
      forEachColumnRun(0, none, [&](const Values &offsets) {
        block = {k.constant(0), k.constant(0), {}, {}, {}, {}};
        forEachBlock(0, [&] {
          if (plan.packs())
            pack(from, to, k.add(base[P::B], offsets[P::B]));
          forEachPanel(from, to, offsets, [&](const Panel &panel) {
            Value next = fetches ? k.add(base[P::B], nextPanel(panel, from, to, offsets)) : Value();
            k.loop(first, end, 1, [&](Value row) {
              if (fetches)
                ahead = shareOf(k.sub(row, first), k.sub(end, first), next);
              emitTile(rowsOf(row, base), panel);
            });
          });
        });
      });
    };
    auto sums = [&] {
      if (!plan.batchedRows() || plan.rowCount() != 1)
        return inBlocks();
      k.when(
          arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::eq, rowCount, k.constant(1)),
          [&] { emitOneRow(from, to, base); }, inBlocks);
    };
    auto zeros = [&] { // no block would write any
      forEachColumnRun(0, none, [&](const Values &offsets) {
        forEachPanel(from, to, offsets, [&](const Panel &panel) {
          SmallVector<Value> tile(plan.rowTile * panel.vectors, k.floatConstant(0, k.target.lanes));
          k.loop(first, end, 1, [&](Value row) { finishTile(rowsOf(row, base), panel, tile); });
        });
      });
    };
    noTerms ? k.when(noTerms, zeros, sums) : sums();
  });
}

/// A batch of one.
void ContractionEmitter::emitOneRow(Value from, Value to, const Values &base) {
  ContractionPlan blocked = std::exchange(plan, plan.ofOneRow());
  SmallVector<Value> none(plan.bases.size(), k.constant(0));
  TileRows row = rowsOf(k.constant(0), base);
  forEachColumnRun(0, none, [&](const Values &offsets) {
    forEachPanel(from, to, offsets, [&](const Panel &panel) { emitTile(row, panel); });
  });
  plan = std::move(blocked);
}

FailureOr<Tiles> ContractionEmitter::emit() {
  rowCount = k.constant(plan.rowCount());
  if (plan.batchedRows())
    rowCount = k.mul(k.batch(), plan.rowCount());
  rowTiles = k.divide(k.add(rowCount, plan.rowTile - 1), plan.rowTile);
  if (plan.filter)
    filterColumns();
  plan.blocked() ? emitBlocked() : emitInPlace();
  if (failed_)
    return failure();
  return plan.tiles();
}

FailureOr<Tiles> emitContraction(KernelBuilder &k, const KernelPart &product, unsigned vector,
                                 const KernelPart *window) {
  return ContractionEmitter(k, product, vector, window).emit();
}

} // namespace gnc
