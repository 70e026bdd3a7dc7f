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
