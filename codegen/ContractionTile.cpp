//===- ContractionTile.cpp - one register tile of a contraction -------------------------------===//
#include "codegen/ContractionEmitter.h"

using namespace mlir;

namespace gnc {

/// Zero, or what the blocks before left in C.
SmallVector<Value> ContractionEmitter::initialTile(const TileRows &rows, const Panel &panel) {
  Value zero = k.floatConstant(0, k.target.lanes);
  SmallVector<Value> tile(plan.rowTile * panel.vectors, zero);
  if (!block.first)
    return tile;
  for (unsigned row = 0; row < plan.rowTile; ++row)
    for (unsigned v = 0; v < panel.vectors; ++v) {
      Value offset = k.add(k.add(rows.offsets[P::C][row], panel.offsets[P::C]), v * k.target.lanes);
      Value before = k.loadMasked(buffers[P::C], offset, b.getF32Type(), lanesOf(panel, v));
      tile[row * panel.vectors + v] = arith::SelectOp::create(b, k.loc, block.first, zero, before);
    }
  return tile;
}

/// From the first column of a panel to the ones of `vector`.
int64_t ContractionEmitter::vectorOffset(unsigned vector) const {
  int64_t column = static_cast<int64_t>(vector) * k.target.lanes;
  if (!plan.panel)
    return column;
  return column / plan.panel * plan.panel * plan.columns.back().strides[P::B] + column % plan.panel;
}

/// Panels are full: what lies beyond the last column is 0 there.
Value ContractionEmitter::loadColumns(Value columns, Value offset, const Panel &panel,
                                      unsigned vector) {
  unsigned lanes = plan.packs() || plan.panel ? k.target.lanes : lanesOf(panel, vector);
  return k.loadMasked(columns, k.add(offset, vectorOffset(vector)), b.getF32Type(), lanes);
}

/// Memrefs that begin at the operands.
TileOperands ContractionEmitter::memories(const TileOperands &operands) {
  TileOperands found;
  for (Value row : operands.rows)
    found.rows.push_back(k.from(k.buffer(buffers[P::A]), row));
  found.columns = k.from(plan.packs() ? room : k.buffer(buffers[P::B]), operands.columns);
  return found;
}

/// One point of k: element `row` of each row, by the columns from element `column` on.
SmallVector<Value> ContractionEmitter::step(const TileOperands &memories, Value row, Value column,
                                            SmallVector<Value> tile, const Panel &panel) {
  SmallVector<Value> columns;
  for (unsigned v = 0; v < panel.vectors; ++v)
    columns.push_back(loadColumns(memories.columns, column, panel, v));
  for (auto [i, memory] : llvm::enumerate(memories.rows)) {
    Value scalar = k.splat(k.load(memory, row, b.getF32Type(), 1), k.target.lanes);
    for (unsigned v = 0; v < panel.vectors; ++v) {
      Value &sum = tile[i * panel.vectors + v];
      sum = vector::FMAOp::create(b, k.loc, scalar, columns[v], sum);
    }
  }
  return tile;
}

int64_t ContractionEmitter::packedStride(unsigned level) const {
  int64_t stride = plan.width;
  for (unsigned inner = level + 1; inner < plan.k.size(); ++inner)
    stride *= plan.k[inner].extent;
  return stride;
}

TileOperands ContractionEmitter::advance(const TileOperands &operands, unsigned level,
                                         Value counter) {
  const ContractionLoop &loop = plan.k[level];
  TileOperands next = operands;
  for (Value &row : next.rows)
    row = k.add(row, k.mul(counter, loop.strides[P::A]));
  bool cut = block.from && level == plan.blocks.level;
  Value inPanel = cut && plan.packs() ? k.sub(counter, block.from) : counter;
  int64_t stride = plan.packs() ? packedStride(level) : loop.strides[P::B];
  next.columns = k.add(next.columns, k.mul(inPanel, stride));
  return next;
}

SmallVector<Value> ContractionEmitter::sumOverK(unsigned level, const TileOperands &operands,
                                                SmallVector<Value> tile, const Panel &panel) {
  constexpr int64_t kUnrolled = 4;
  if (level == plan.k.size())
    return step(memories(operands), k.constant(0), k.constant(0), std::move(tile), panel);
  const ContractionLoop &loop = plan.k[level];
  if (!plan.blocked() && plan.limits.empty() && plan.kCount() <= kUnrolled &&
      !llvm::any_of(plan.k, [](const ContractionLoop &l) { return l.batched; })) {
    for (int64_t i = 0; i < loop.extent; ++i)
      tile = sumOverK(level + 1, advance(operands, level, k.constant(i)), std::move(tile), panel);
    return tile;
  }
  if (level + 1 == plan.k.size())
    return innermostLoop(operands, std::move(tile), panel);
  auto [from, to] = iterationsOf(level);
  return k.loop(from, to, 1, tile, [&](Value counter, ValueRange in) {
    return sumOverK(level + 1, advance(operands, level, counter), llvm::to_vector(in), panel);
  });
}

/// The rows of a tile follow each other without a gap, and so do tiles: the next one can be fetched
/// while this one is computed, as many elements a step as there are rows. Of few channels there are
/// few steps, and waiting for the first elements takes long.
bool ContractionEmitter::rowsLieInOnePiece() const {
  return plan.k.size() == 1 && !plan.k[0].batched && plan.k[0].strides[P::A] == 1 &&
         !plan.rows.empty() && plan.rows.back().strides[P::A] == plan.k[0].extent &&
         (!plan.blocked() || plan.blocks.points == plan.kCount());
}

/// The loop that all time is spent in. No pass makes its addresses cheap (JitTarget.cpp): rows
/// share one index, which is the counter where they are walked by single steps; columns and what is
/// fetched take an addition each.
SmallVector<Value> ContractionEmitter::innermostLoop(const TileOperands &operands,
                                                     SmallVector<Value> tile, const Panel &panel) {
  unsigned level = plan.k.size() - 1;
  const ContractionLoop &loop = plan.k[level];
  bool cut = block.from && level == plan.blocks.level;
  auto [from, to] = iterationsOf(level);
  TileOperands begin = memories(advance(operands, level, from));
  int64_t strideOfA = loop.strides[P::A];
  int64_t strideOfB = plan.packs() ? packedStride(level) : loop.strides[P::B];
  SmallVector<Value> carried{k.constant(0)}; // the column, the row, what is fetched; then sums
  if (strideOfA != 1)
    carried.push_back(k.constant(0));
  bool fetches = cut && ahead.start, fetchesRows = rowsLieInOnePiece();
  if (fetches)
    carried.push_back(ahead.start);
  if (fetchesRows)
    carried.push_back(k.constant(plan.rowTile * loop.extent));
  unsigned walks = carried.size(), aheadOfB = walks - 1 - fetchesRows;
  carried.append(tile.begin(), tile.end());
  auto body = [&](Value counter, ValueRange in) {
    for (unsigned line = 0; fetches && line < ahead.lines; ++line)
      memref::PrefetchOp::create(b, k.loc, k.buffer(buffers[P::B]),
                                 k.add(in[aheadOfB], line * kLineElements),
                                 /*isWrite=*/false, /*localityHint=*/2, /*isDataCache=*/true);
    if (fetchesRows)
      memref::PrefetchOp::create(b, k.loc, begin.rows[0], in[walks - 1], /*isWrite=*/false,
                                 /*localityHint=*/3, /*isDataCache=*/true);
    SmallVector<Value> sums = step(begin, strideOfA == 1 ? counter : in[1], in[0],
                                   llvm::to_vector(in.drop_front(walks)), panel);
    // Last, so that they overwrite what they add to.
    SmallVector<Value> next{k.add(in[0], strideOfB)};
    if (strideOfA != 1)
      next.push_back(k.add(in[1], strideOfA));
    if (fetches)
      next.push_back(k.add(in[aheadOfB], ahead.step));
    if (fetchesRows)
      next.push_back(k.add(in[walks - 1], plan.rowTile));
    llvm::append_range(next, sums);
    return next;
  };
  SmallVector<Value> results = k.loop(k.constant(0), k.sub(to, from), 1, carried, body);
  results.erase(results.begin(), results.begin() + walks);
  return results;
}

Value ContractionEmitter::readForFinish(unsigned operand, Type element, Value offset,
                                        unsigned lanes) {
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

/// What `equation` makes of reduced values; its reads are the operands from `firstOperand` on.
SmallVector<Value> ContractionEmitter::finishOf(ComputeOp equation, unsigned firstOperand,
                                                SmallVector<Value> values, const TileRows &rows,
                                                const Panel &panel, unsigned row, unsigned vector) {
  if (!equation.hasFinish())
    return values;
  SmallVector<Value> arguments = values;
  for (Value tensor : equation.getReads().drop_front(equation.getNumBodyReads())) {
    unsigned operand = firstOperand++;
    int64_t step = vector * k.target.lanes * plan.columns.back().strides[operand];
    Value offset = k.add(k.add(rows.offsets[operand][row], panel.offsets[operand]), step);
    arguments.push_back(
        readForFinish(operand, scalarTypeOf(tensor.getType()), offset, lanesOf(panel, vector)));
  }
  auto none = [](unsigned) { return Value(); };
  FailureOr<SmallVector<Value>> finished =
      emitRegion(k, equation.getFinish(), arguments,
                 RegionContext{k.target.lanes, none, none, equation.getExtents()});
  failed_ |= failed(finished);
  return failed(finished) ? values : *finished;
}

Value ContractionEmitter::finish(Value sum, const TileRows &rows, const Panel &panel, unsigned row,
                                 unsigned vector) {
  return finishOf(op, P::Finish, {sum}, rows, panel, row, vector).front();
}

void ContractionEmitter::writeTile(const TileRows &rows, const Panel &panel, ArrayRef<Value> tile,
                                   bool last) {
  for (unsigned row = 0; row < plan.rowTile; ++row)
    for (unsigned v = 0; v < panel.vectors; ++v) {
      Value value = tile[row * panel.vectors + v];
      if (last)
        value = finish(value, rows, panel, row, v);
      Value offset = k.add(k.add(rows.offsets[P::C][row], panel.offsets[P::C]), v * k.target.lanes);
      k.storeMasked(value, buffers[P::C], offset, lanesOf(panel, v));
    }
}

/// The results of the window that begins with row `first` of the tile.
SmallVector<Value> ContractionEmitter::windowOf(const TileRows &rows, const Panel &panel,
                                                ArrayRef<Value> tile, unsigned first,
                                                unsigned vector) {
  auto valueOf = [&](unsigned row) {
    return finish(tile[row * panel.vectors + vector], rows, panel, row, vector);
  };
  // In the order of the window, whatever that of the rows: sums are taken in it, and of equal
  // extremes the first one is kept.
  SmallVector<std::pair<int64_t, unsigned>> points;
  for (unsigned row = 0; row < plan.window; ++row) {
    int64_t position = 0, rest = row;
    for (const ContractionLoop &loop : llvm::reverse(plan.rows)) {
      if (!loop.window)
        break;
      position += rest % loop.extent * loop.position;
      rest /= loop.extent;
    }
    points.push_back({position, row});
  }
  llvm::sort(points);
  unsigned count = window.getNumResults(), searched = 0; // a search finds the extreme, too
  while (searched + 1 < count && !isPosition(window.getReduction(searched)))
    ++searched;
  Reduction reduction = window.getReduction(searched);
  Value best, at;
  for (auto [number, row] : points) {
    Value value = valueOf(first + row);
    Value position =
        k.splat(arith::ConstantOp::create(b, k.loc, b.getI32IntegerAttr(number)), k.target.lanes);
    if (!best && reduction == Reduction::Sum) // of no terms it is 0, which -0 is not
      best = k.floatConstant(0, k.target.lanes);
    if (!best)
      best = value, at = position;
    else if (isPosition(reduction))
      combinePosition(k, reduction, best, at, value, position);
    else
      best = combine(k, reduction, best, value);
  }
  return llvm::map_to_vector(llvm::seq(count), [&](unsigned result) {
    return isPosition(window.getReduction(result)) ? at : best;
  });
}

/// The rows of a window become one.
void ContractionEmitter::writeWindows(const TileRows &rows, const Panel &panel,
                                      ArrayRef<Value> tile) {
  unsigned firstOperand = P::Finish + op.getReads().size() - op.getNumBodyReads();
  for (unsigned first = 0; first < plan.rowTile; first += plan.window)
    for (unsigned v = 0; v < panel.vectors; ++v) {
      Value offset =
          k.add(k.add(rows.offsets[P::C][first], panel.offsets[P::C]), v * k.target.lanes);
      SmallVector<Value> values = finishOf(
          window, firstOperand, windowOf(rows, panel, tile, first, v), rows, panel, first, v);
      for (auto [i, value] : llvm::enumerate(values)) {
        Type element = cast<RankedTensorType>(window.getResultTypes()[i]).getElementType();
        if (isPosition(window.getReduction(i)) && element.isInteger(8))
          value = arith::TruncIOp::create(b, k.loc, k.typeFor(element, k.target.lanes), value);
        k.storeMasked(value, results[i], offset, lanesOf(panel, v));
      }
    }
}

TileOperands ContractionEmitter::operandsOf(const TileRows &rows, const Panel &panel) {
  TileOperands operands{rows.offsets[P::A], panel.packed};
  if (!plan.packs())
    operands.columns = k.add(rows.offsets[P::B][0], panel.offsets[P::B]);
  if (!plan.blocked())
    return operands;
  for (Value &row : operands.rows)
    row = k.add(row, block.a);
  if (!plan.packs())
    operands.columns = k.add(operands.columns, block.b);
  return operands;
}

void ContractionEmitter::emitTile(const TileRows &rows, const Panel &panel) {
  SmallVector<Value> tile =
      plan.filter ? filteredTile(panel)
                  : sumOverK(plan.blocked() ? plan.blocks.level : 0, operandsOf(rows, panel),
                             initialTile(rows, panel), panel);
  if (!block.last || !op.hasFinish())
    return finishTile(rows, panel, tile);
  k.when(
      block.last, [&] { finishTile(rows, panel, tile); },
      [&] { writeTile(rows, panel, tile, /*last=*/false); });
}

/// Writes what comes of whole sums.
void ContractionEmitter::finishTile(const TileRows &rows, const Panel &panel,
                                    ArrayRef<Value> tile) {
  window ? writeWindows(rows, panel, tile) : writeTile(rows, panel, tile, op.hasFinish());
}

} // namespace gnc
