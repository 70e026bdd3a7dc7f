//===- EmitContraction.cpp - the register-tiled kernel of all contractions --------------------===//
//
// See ContractionPlan.h for the shape. The order of loops is, without blocks of k,
//
//   for each row tile t:  for each panel of columns:  tile(t, panel)
//
// so that a tile's row addresses are computed once, and with blocks, as in Goto and van de Geijn
// 2008,
//
//   for each block of k:  for each group of row tiles:  for each panel:  for each t of the group:
//   tile(t, panel, block)
//
// where the panel's part of B stays in the first-level cache over a group. In both, an element of C
// sums its products in the order of k, however the tiles are spread over threads: the same bits for
// any number of them.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/ContractionPlan.h"
#include "codegen/RegionEmitter.h"

using namespace mlir;

namespace gnc {
namespace {

/// Element offsets of one row tile.
struct TileRows {
  SmallVector<SmallVector<Value>> offsets; // per operand, per row; B has one entry: its outer part
};

/// One panel: columns [column, column + width) of the vector loop.
struct Panel {
  SmallVector<Value> offsets; // per operand
  unsigned vectors = 1;       // how many
  unsigned lastLanes = 0;     // valid lanes of the last one
};

class ContractionEmitter {
public:
  ContractionEmitter(KernelBuilder &k, ComputeOp op, unsigned vector,
                     const KernelArguments &arguments)
      : k(k), b(k.b), op(op), plan(planContraction(op, vector, k.target)),
        c(*classify(op, vector)) {
    buffers = {arguments.reads[c.a], arguments.reads[c.b], arguments.results[0]};
    for (unsigned i = op.getNumBodyReads(); i < op.getReads().size(); ++i)
      buffers.push_back(arguments.reads[i]);
  }
  FailureOr<Tiles> emit();

private:
  using P = ContractionPlan;
  using PanelBody = function_ref<void(const Panel &)>;
  void emitBlocks();
  void forEachPanel(PanelBody body);
  void columnLoops(unsigned level, SmallVector<Value> offsets, PanelBody body);
  void panels(ArrayRef<Value> offsets, PanelBody body);
  TileRows rowsOf(Value tile);
  void addCounters(ArrayRef<ContractionLoop> loops, Value flat, MutableArrayRef<Value> offsets);
  void emitTile(const TileRows &rows, const Panel &panel);
  SmallVector<Value> initialTile(const TileRows &rows, const Panel &panel);
  SmallVector<Value> sumOverK(unsigned level, ArrayRef<Value> rowsOfA, Value columnsOfB,
                              SmallVector<Value> tile, const Panel &panel);
  SmallVector<Value> step(ArrayRef<Value> rowsOfA, Value columnsOfB, SmallVector<Value> tile,
                          const Panel &panel);
  void writeTile(const TileRows &rows, const Panel &panel, ArrayRef<Value> tile, bool last);
  FailureOr<Value> finish(Value sum, const TileRows &rows, const Panel &panel, unsigned row,
                          unsigned vector);
  Value readForFinish(unsigned operand, Value offset, unsigned lanes);
  unsigned lanesOf(const Panel &panel, unsigned vector) const {
    return vector + 1 == panel.vectors ? panel.lastLanes : k.target.lanes;
  }
  Value extentOf(const ContractionLoop &loop) {
    return loop.batched ? k.mul(k.batch(), loop.extent) : k.constant(loop.extent);
  }

  KernelBuilder &k;
  OpBuilder &b;
  ComputeOp op;
  ContractionPlan plan;
  Contraction c;
  SmallVector<unsigned> buffers; // kernel argument per operand
  Value rowCount, rowTiles;      // over the batch, if rows are batched
  Value block;                   // first iteration of k[0] in this block
  bool failed_ = false;
};

} // namespace

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

TileRows ContractionEmitter::rowsOf(Value tile) {
  Value rowBlock = tile, outer = k.constant(0);
  if (!plan.outer.empty()) {
    auto tiles = constantOf(rowTiles);
    outer =
        tiles ? k.divide(tile, *tiles) : Value(arith::DivUIOp::create(b, k.loc, tile, rowTiles));
    rowBlock = k.sub(tile, k.mul(outer, rowTiles));
  }
  SmallVector<Value> base;
  for (int64_t offset : plan.bases)
    base.push_back(k.constant(offset));
  addCounters(plan.outer, outer, base);

  TileRows rows;
  rows.offsets.resize(base.size());
  Value first = k.mul(rowBlock, plan.rowTile);
  SmallVector<Value> start = base;
  if (plan.aligned)
    addCounters(plan.rows, first, start);
  auto count = constantOf(rowCount);
  bool whole = count && *count % plan.rowTile == 0;
  for (unsigned row = 0; row < plan.rowTile; ++row) {
    SmallVector<Value> offsets = plan.aligned ? start : base;
    if (plan.aligned) {
      for (auto [offset, stride] : llvm::zip_equal(offsets, plan.rows.back().strides))
        offset = k.add(offset, row * stride);
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

void ContractionEmitter::panels(ArrayRef<Value> offsets, PanelBody body) {
  const ContractionLoop &loop = plan.columns.back();
  int64_t width = static_cast<int64_t>(plan.vectors) * k.target.lanes;
  int64_t whole = loop.extent / width * width;
  auto at = [&](Value column, unsigned vectors, unsigned lastLanes) {
    Panel panel{llvm::to_vector(offsets), vectors, lastLanes};
    for (auto [offset, stride] : llvm::zip_equal(panel.offsets, loop.strides))
      offset = k.add(offset, k.mul(column, stride));
    body(panel);
  };
  k.loop(k.constant(0), k.constant(whole), width,
         [&](Value column) { at(column, plan.vectors, k.target.lanes); });
  if (int64_t rest = loop.extent - whole) {
    unsigned vectors = llvm::divideCeil(rest, k.target.lanes);
    at(k.constant(whole), vectors, rest - (vectors - 1) * k.target.lanes);
  }
}

void ContractionEmitter::columnLoops(unsigned level, SmallVector<Value> offsets, PanelBody body) {
  if (level + 1 == plan.columns.size())
    return panels(offsets, body);
  const ContractionLoop &loop = plan.columns[level];
  k.loop(k.constant(0), extentOf(loop), 1, [&](Value counter) {
    SmallVector<Value> inner = offsets;
    for (auto [offset, stride] : llvm::zip_equal(inner, loop.strides))
      offset = k.add(offset, k.mul(counter, stride));
    columnLoops(level + 1, inner, body);
  });
}

void ContractionEmitter::forEachPanel(PanelBody body) {
  columnLoops(0, SmallVector<Value>(buffers.size(), k.constant(0)), body);
}

//===------------------------------------------------------------------------------------------===//
// The tile
//===------------------------------------------------------------------------------------------===//

/// Zero, or what the blocks before left in C.
SmallVector<Value> ContractionEmitter::initialTile(const TileRows &rows, const Panel &panel) {
  Value zero = k.floatConstant(0, k.target.lanes);
  SmallVector<Value> tile(plan.rowTile * panel.vectors, zero);
  if (!plan.kBlock)
    return tile;
  Value first = arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::eq, block, k.constant(0));
  for (unsigned row = 0; row < plan.rowTile; ++row)
    for (unsigned v = 0; v < panel.vectors; ++v) {
      Value offset = k.add(k.add(rows.offsets[P::C][row], panel.offsets[P::C]), v * k.target.lanes);
      Value before = k.loadMasked(buffers[P::C], offset, b.getF32Type(), lanesOf(panel, v));
      tile[row * panel.vectors + v] = arith::SelectOp::create(b, k.loc, first, zero, before);
    }
  return tile;
}

SmallVector<Value> ContractionEmitter::step(ArrayRef<Value> rowsOfA, Value columnsOfB,
                                            SmallVector<Value> tile, const Panel &panel) {
  SmallVector<Value> columns;
  for (unsigned v = 0; v < panel.vectors; ++v)
    columns.push_back(k.loadMasked(buffers[P::B], k.add(columnsOfB, v * k.target.lanes),
                                   b.getF32Type(), lanesOf(panel, v)));
  for (auto [row, offset] : llvm::enumerate(rowsOfA)) {
    Value scalar = k.splat(k.load(buffers[P::A], offset, b.getF32Type(), 1), k.target.lanes);
    for (unsigned v = 0; v < panel.vectors; ++v) {
      Value &sum = tile[row * panel.vectors + v];
      sum = vector::FMAOp::create(b, k.loc, scalar, columns[v], sum);
    }
  }
  return tile;
}

SmallVector<Value> ContractionEmitter::sumOverK(unsigned level, ArrayRef<Value> rowsOfA,
                                                Value columnsOfB, SmallVector<Value> tile,
                                                const Panel &panel) {
  if (level == plan.k.size())
    return step(rowsOfA, columnsOfB, std::move(tile), panel);
  const ContractionLoop &loop = plan.k[level];
  auto at = [&](Value counter, ValueRange in) {
    Value offset = k.mul(counter, loop.strides[P::A]);
    SmallVector<Value> rows;
    for (Value row : rowsOfA)
      rows.push_back(k.add(row, offset));
    return sumOverK(level + 1, rows, k.add(columnsOfB, k.mul(counter, loop.strides[P::B])),
                    llvm::to_vector(in), panel);
  };
  constexpr int64_t kUnrolled = 4;
  if (!plan.kBlock && !llvm::any_of(plan.k, [](auto &l) { return l.batched; }) &&
      plan.kCount() <= kUnrolled) {
    for (int64_t i = 0; i < loop.extent; ++i)
      tile = at(k.constant(i), tile);
    return tile;
  }
  Value from = k.constant(0), to = extentOf(loop);
  if (level == 0 && plan.kBlock) {
    from = block;
    to = k.minimum(k.add(block, plan.kBlock), to);
  }
  return k.loop(from, to, 1, tile, at);
}

Value ContractionEmitter::readForFinish(unsigned operand, Value offset, unsigned lanes) {
  unsigned read = op.getNumBodyReads() + operand - P::Finish;
  Type element = cast<RankedTensorType>(op.getReads()[read].getType()).getElementType();
  int64_t stride = plan.columns.back().strides[operand];
  if (stride == 0)
    return k.splat(k.load(buffers[operand], offset, element, 1), k.target.lanes);
  if (stride == 1 && (lanes == k.target.lanes || !element.isInteger(1)))
    return k.loadMasked(buffers[operand], offset, element, lanes);
  SmallVector<Value> scalars;
  for (unsigned lane = 0; lane < k.target.lanes; ++lane)
    scalars.push_back(
        k.load(buffers[operand], k.add(offset, std::min(lane, lanes - 1) * stride), element, 1));
  return vector::FromElementsOp::create(
      b, k.loc, cast<VectorType>(k.typeFor(element, k.target.lanes)), scalars);
}

FailureOr<Value> ContractionEmitter::finish(Value sum, const TileRows &rows, const Panel &panel,
                                            unsigned row, unsigned vector) {
  if (!op.hasFinish())
    return sum;
  SmallVector<Value> arguments{sum};
  for (unsigned operand = P::Finish; operand < buffers.size(); ++operand) {
    int64_t step = vector * k.target.lanes * plan.columns.back().strides[operand];
    Value offset = k.add(k.add(rows.offsets[operand][row], panel.offsets[operand]), step);
    arguments.push_back(readForFinish(operand, offset, lanesOf(panel, vector)));
  }
  auto none = [](unsigned) { return Value(); };
  FailureOr<SmallVector<Value>> results = emitRegion(
      k, op.getFinish(), arguments, RegionContext{k.target.lanes, none, none, op.getExtents()});
  if (failed(results))
    return failure();
  return (*results)[0];
}

void ContractionEmitter::writeTile(const TileRows &rows, const Panel &panel, ArrayRef<Value> tile,
                                   bool last) {
  for (unsigned row = 0; row < plan.rowTile; ++row)
    for (unsigned v = 0; v < panel.vectors; ++v) {
      FailureOr<Value> value = tile[row * panel.vectors + v];
      if (last)
        value = finish(*value, rows, panel, row, v);
      if (failed(value)) {
        failed_ = true;
        return;
      }
      Value offset = k.add(k.add(rows.offsets[P::C][row], panel.offsets[P::C]), v * k.target.lanes);
      k.storeMasked(*value, buffers[P::C], offset, lanesOf(panel, v));
    }
}

void ContractionEmitter::emitTile(const TileRows &rows, const Panel &panel) {
  SmallVector<Value> tile = initialTile(rows, panel);
  Value columnsOfB = k.add(rows.offsets[P::B][0], panel.offsets[P::B]);
  tile = sumOverK(0, rows.offsets[P::A], columnsOfB, std::move(tile), panel);
  if (!plan.kBlock || !op.hasFinish())
    return writeTile(rows, panel, tile, /*last=*/op.hasFinish());
  Value next = k.add(block, plan.kBlock);
  Value isLast = arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::sge, next,
                                       k.constant(plan.k[0].extent));
  auto branch = [&](bool last) {
    return [&, last](OpBuilder &builder, Location) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
      writeTile(rows, panel, tile, last);
      scf::YieldOp::create(b, k.loc);
    };
  };
  scf::IfOp::create(b, k.loc, isLast, branch(true), branch(false));
}

//===------------------------------------------------------------------------------------------===//
// The order of tiles
//===------------------------------------------------------------------------------------------===//

void ContractionEmitter::emitBlocks() {
  k.loop(k.constant(0), k.constant(plan.k[0].extent), plan.kBlock, [&](Value first) {
    block = first;
    k.loop(k.low(), k.high(), plan.rowGroup, [&](Value group) {
      Value end = k.minimum(k.add(group, plan.rowGroup), k.high());
      forEachPanel([&](const Panel &panel) {
        k.loop(group, end, 1, [&](Value tile) { emitTile(rowsOf(tile), panel); });
      });
    });
  });
}

FailureOr<Tiles> ContractionEmitter::emit() {
  rowCount = k.constant(plan.rowCount());
  if (plan.batchedRows())
    rowCount = k.mul(k.batch(), plan.rowCount());
  rowTiles = k.divide(k.add(rowCount, plan.rowTile - 1), plan.rowTile);
  if (plan.kBlock) {
    emitBlocks();
  } else {
    k.loop(k.low(), k.high(), 1, [&](Value tile) {
      TileRows rows = rowsOf(tile);
      forEachPanel([&](const Panel &panel) { emitTile(rows, panel); });
    });
  }
  if (failed_)
    return failure();
  return plan.tiles();
}

FailureOr<Tiles> emitContraction(KernelBuilder &k, ComputeOp op, unsigned vector,
                                 const KernelArguments &arguments) {
  return ContractionEmitter(k, op, vector, arguments).emit();
}

} // namespace gnc
