//===- Winograd.cpp - 3x3 convolutions with a third of the products ---------------------------===//
//
// A convolution with 3x3 taps and stride 1, in tiles of 4x4 results (WinogradTransforms.h), becomes
//
//   v[n, u, v, ty, tx, c] = B' x[n, c, 4 ty + .., 4 tx + ..] B       36 numbers a tile and channel
//   w[u, v, c, k]         = G w[k, c, .., ..] G'
//   m[n, u, v, ty, tx, k] = sum[c] v[n, u, v, ty, tx, c] * w[u, v, c, k]   36 products of matrices
//   y[n, ty, p, tx, q, k] = finish(A' m[n, .., .., ty, tx, k] A)
//
// Tiles of 2x2 results have 16 points instead of 36, tiles of 4x2 have 24: more products, but less
// that is transformed, and smaller transformed weights, which count where there are few tiles.
//
// and the gradient of its weight, a correlation of x with dy, the adjoint of these in w. The data
// gradient is a convolution with reversed taps, so it has the first form. What an equation is
// called does not matter, only that it is such a sum of products.
//
// All are equations like any other. Those that transform have the position (u, v) in the square
// among their indices and select the expression for it; the emitter writes out the points of such
// indices, so that the selection costs nothing and what expressions share is computed once.
//
// Which tiles pay, if any, is decided by counting (see `cheapest`). Rounding: the transforms
// multiply by numbers up to 8 and subtract, so a result differs from the direct sum by up to a few
// hundred eps of the largest one; test/Tolerance.h derives the bound, 1e-4. So a product sum that
// is exact with integers is no longer exact.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/CopyEquation.h"
#include "ir/EquationDraft.h"
#include "ir/IndexMath.h"
#include "passes/Contraction.h"
#include "passes/FusionSupport.h"
#include "passes/Passes.h"
#include "passes/WeightsAlone.h"
#include "passes/WinogradForm.h"

namespace gnc {
#define GEN_PASS_DEF_WINOGRAD
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;
using namespace gnc::winograd;

//===------------------------------------------------------------------------------------------===//
// The equations
//===------------------------------------------------------------------------------------------===//

namespace {

class Rewriter {
public:
  Rewriter(ComputeOp op, const Correlation &conv, Tiling tiling)
      : op(op), conv(conv), rows(*tiling.rows), columns(*tiling.columns), builder(op),
        loc(op.getLoc()), context(op.getContext()), extents(op.getExtents()),
        tilesY(conv.rows.tiles(extents, rows)), tilesX(conv.columns.tiles(extents, columns)) {}
  /// Replaces a convolution.
  void convolution();
  /// Replaces the gradient of a weight.
  void weightGradient();

private:
  AffineExpr dim(unsigned i) { return getAffineDimExpr(i, context); }
  AffineExpr number(int64_t i) { return getAffineConstantExpr(i, context); }
  EquationDraft draft(ArrayRef<StringRef> names, ArrayRef<int64_t> sizes, unsigned numParallel);
  Value finishDraft(EquationDraft &draft, Value element);
  DraftRead readAt(unsigned read, ArrayRef<std::pair<unsigned, AffineExpr>> at);
  Value transformInput();
  Value transformWeight();
  Value transformAdjoint();
  Value product(ArrayRef<StringRef> names, ArrayRef<int64_t> sizes, unsigned numParallel, Value a,
                ArrayRef<unsigned> indicesOfA, Value b, ArrayRef<unsigned> indicesOfB);
  Value applyFinish(EquationDraft &equation, Value sum,
                    ArrayRef<std::pair<unsigned, AffineExpr>> at);
  SmallVector<Value> readPoints(EquationDraft &equation, Value tensor, ArrayRef<AffineExpr> before,
                                ArrayRef<AffineExpr> after);
  void replaceResult(Value value, ArrayRef<unsigned> dims);

  ComputeOp op;
  const Correlation &conv;
  const Form &rows, &columns;
  OpBuilder builder;
  Location loc;
  MLIRContext *context;
  ArrayRef<int64_t> extents;
  int64_t tilesY, tilesX;
};

} // namespace

EquationDraft Rewriter::draft(ArrayRef<StringRef> names, ArrayRef<int64_t> sizes,
                              unsigned numParallel) {
  EquationDraft draft(context);
  for (StringRef name : names)
    draft.names.push_back(name.str());
  draft.extents.assign(sizes.begin(), sizes.end());
  draft.numParallel = numParallel;
  draft.reductions = {numParallel == sizes.size() ? Reduction::None : Reduction::Sum};
  draft.resultTypes = {RankedTensorType::get(sizes.take_front(numParallel), builder.getF32Type())};
  return draft;
}

Value Rewriter::finishDraft(EquationDraft &draft, Value element) {
  OpBuilder end = endOf(draft.body.get(), context);
  YieldOp::create(end, loc, element);
  return draft.create(builder, loc).getResult(0);
}

/// A read of `op` where its indices have these values.
DraftRead Rewriter::readAt(unsigned read, ArrayRef<std::pair<unsigned, AffineExpr>> at) {
  SmallVector<AffineExpr> values(extents.size(), number(0));
  for (auto [index, value] : at)
    values[index] = value;
  DraftRead result{op.getReads()[read], {}, {}, {}, {}};
  for (AffineExpr coordinate : op.getAccess(read).getCoords().getResults())
    result.coords.push_back(coordinate.replaceDims(values));
  return result;
}

/// v[n, u, v, ty, tx, c]
Value Rewriter::transformInput() {
  EquationDraft equation =
      draft({"n", "u", "v", "ty", "tx", "c"},
            {extents[conv.n], rows.points, columns.points, tilesY, tilesX, extents[conv.c]}, 6);
  SmallVector<Value> values;
  for (int64_t i = 0; i < rows.points; ++i)
    for (int64_t j = 0; j < columns.points; ++j) {
      DraftRead read = readAt(conv.x, {{conv.n, dim(0)},
                                       {conv.c, dim(5)},
                                       {conv.rows.place, dim(3) * rows.outputs + i},
                                       {conv.rows.tap, number(conv.rows.tapAt(0))},
                                       {conv.columns.place, dim(4) * columns.outputs + j},
                                       {conv.columns.tap, number(conv.columns.tapAt(0))}});
      // Over the border there is the 0 of the convolution's own padding, or what nobody uses.
      for (auto [coordinate, extent] : llvm::zip_equal(read.coords, read.shape()))
        if (!ShapedType::isDynamic(extent) && !rangeOf(coordinate, equation.extents).inside(extent))
          read.outside = 0.0;
      values.push_back(equation.addRead(std::move(read), loc));
    }
  ScalarBuilder s(equation.body.get(), loc);
  return finishDraft(equation,
                     rectangle(s, rows.input, columns.input, values, rows.points, {1}, {2}));
}

/// w[u, v, c, k]
Value Rewriter::transformWeight() {
  EquationDraft equation = draft(
      {"u", "v", "c", "k"}, {rows.points, columns.points, extents[conv.c], extents[conv.k]}, 4);
  SmallVector<Value> values;
  for (int64_t i = 0; i < kTaps; ++i)
    for (int64_t j = 0; j < kTaps; ++j)
      values.push_back(
          equation.addRead(readAt(conv.other, {{conv.c, dim(2)},
                                               {conv.k, dim(3)},
                                               {conv.rows.tap, number(conv.rows.tapAt(i))},
                                               {conv.columns.tap, number(conv.columns.tapAt(j))}}),
                           loc));
  ScalarBuilder s(equation.body.get(), loc);
  return finishDraft(equation, rectangle(s, rows.filter, columns.filter, values, kTaps, {0}, {1}));
}

/// dy[n, u, v, ty, tx, k]: of tiles of dy, which is 0 beyond its border.
Value Rewriter::transformAdjoint() {
  EquationDraft equation =
      draft({"n", "u", "v", "ty", "tx", "k"},
            {extents[conv.n], rows.points, columns.points, tilesY, tilesX, extents[conv.k]}, 6);
  SmallVector<Value> values;
  for (int64_t i = 0; i < rows.outputs; ++i)
    for (int64_t j = 0; j < columns.outputs; ++j) {
      AffineExpr row = dim(3) * rows.outputs + i, column = dim(4) * columns.outputs + j;
      DraftRead read = readAt(conv.other, {{conv.n, dim(0)},
                                           {conv.k, dim(5)},
                                           {conv.rows.place, row},
                                           {conv.columns.place, column}});
      for (auto [place, axis] : {std::pair(row, conv.rows), {column, conv.columns}})
        if (!rangeOf(place, equation.extents).inside(extents[axis.place])) {
          read.outside = 0.0;
          read.conditions.push_back({place, extents[axis.place]});
        }
      values.push_back(equation.addRead(std::move(read), loc));
    }
  ScalarBuilder s(equation.body.get(), loc);
  return finishDraft(equation, rectangle(s, rows.outputAdjoint, columns.outputAdjoint, values,
                                         rows.outputs, {1}, {2}));
}

/// result[parallel indices] = sum a[indicesOfA] * b[indicesOfB]
Value Rewriter::product(ArrayRef<StringRef> names, ArrayRef<int64_t> sizes, unsigned numParallel,
                        Value a, ArrayRef<unsigned> indicesOfA, Value b,
                        ArrayRef<unsigned> indicesOfB) {
  EquationDraft equation = draft(names, sizes, numParallel);
  auto read = [&](Value tensor, ArrayRef<unsigned> indices) {
    return equation.addRead(
        {tensor, llvm::map_to_vector(indices, [&](unsigned i) { return dim(i); }), {}, {}, {}},
        loc);
  };
  Value x = read(a, indicesOfA), y = read(b, indicesOfB);
  OpBuilder end = endOf(equation.body.get(), context);
  return finishDraft(equation, arith::MulFOp::create(end, loc, x, y));
}

/// The scalars of the op's `finish`, at its parallel indices.
Value Rewriter::applyFinish(EquationDraft &equation, Value sum,
                            ArrayRef<std::pair<unsigned, AffineExpr>> at) {
  if (!op.hasFinish())
    return sum;
  IRMapping map;
  Block &finish = op.getFinish().front();
  map.map(finish.getArgument(0), sum);
  for (unsigned i = op.getNumBodyReads(); i < op.getReads().size(); ++i) {
    DraftRead read = readAt(i, at);
    for (auto [coordinate, extent] : llvm::zip_equal(read.coords, read.shape()))
      if (!ShapedType::isDynamic(extent) && !rangeOf(coordinate, equation.extents).inside(extent))
        read.outside = 0.0; // beyond the border, used by nobody
    map.map(finish.getArgument(1 + i - op.getNumBodyReads()),
            equation.addRead(std::move(read), loc));
  }
  OpBuilder end = endOf(equation.body.get(), context);
  for (Operation &scalar : finish.without_terminator())
    end.clone(scalar, map);
  return map.lookup(finish.getTerminator()->getOperand(0));
}

/// Every element of a rectangle of points, read at these indices around it.
SmallVector<Value> Rewriter::readPoints(EquationDraft &equation, Value tensor,
                                        ArrayRef<AffineExpr> before, ArrayRef<AffineExpr> after) {
  SmallVector<Value> values;
  for (int64_t u = 0; u < rows.points; ++u)
    for (int64_t v = 0; v < columns.points; ++v) {
      SmallVector<AffineExpr> coords(before);
      coords.push_back(number(u));
      coords.push_back(number(v));
      llvm::append_range(coords, after);
      values.push_back(equation.addRead({tensor, coords, {}, {}, {}}, loc));
    }
  return values;
}

/// Readers of the result read `value` instead; dimension d of it is what the result's parallel
/// index dims[d] walks.
void Rewriter::replaceResult(Value value, ArrayRef<unsigned> dims) {
  auto permuted = [&](AccessAttr access) {
    SmallVector<AffineExpr> coords;
    SmallVector<int64_t> clamped;
    for (auto [d, dim] : llvm::enumerate(dims)) {
      coords.push_back(access.getCoords().getResult(dim));
      if (access.isClamped(dim))
        clamped.push_back(d);
    }
    AffineMap old = access.getCoords();
    return AccessAttr::get(
        context, AffineMap::get(old.getNumDims(), old.getNumSymbols(), coords, context), clamped,
        access.getConditions(), access.getLimits(), access.getOutside());
  };
  Value result = op.getResult(0), copy;
  for (OpOperand &use : llvm::make_early_inc_range(result.getUses())) {
    auto reader = dyn_cast<ComputeOp>(use.getOwner());
    if (!reader) {
      auto type = cast<RankedTensorType>(result.getType());
      if (!copy)
        copy = createCopy(
            builder, loc, value, type,
            permuted(AccessAttr::get(AffineMap::getMultiDimIdentityMap(type.getRank(), context))));
      use.set(copy);
      continue;
    }
    SmallVector<Attribute> accesses(reader.getAccesses().begin(), reader.getAccesses().end());
    accesses[use.getOperandNumber()] = permuted(reader.getAccess(use.getOperandNumber()));
    reader.setAccessesAttr(builder.getArrayAttr(accesses));
    use.set(value);
  }
  op.erase();
}

void Rewriter::convolution() {
  int64_t n = extents[conv.n], c = extents[conv.c], k = extents[conv.k];
  Value v = transformInput(), w = transformWeight();
  Value m = product({"n", "u", "v", "ty", "tx", "k", "c"},
                    {n, rows.points, columns.points, tilesY, tilesX, k, c}, 6, v,
                    {0, 1, 2, 3, 4, 6}, w, {1, 2, 6, 5});
  EquationDraft equation = draft({"n", "ty", "p", "tx", "q", "k"},
                                 {n, tilesY, rows.outputs, tilesX, columns.outputs, k}, 6);
  SmallVector<Value> values = readPoints(equation, m, {dim(0)}, {dim(1), dim(3), dim(5)});
  ScalarBuilder s(equation.body.get(), loc);
  Value sum = rectangle(s, rows.output, columns.output, values, rows.points, {2}, {4});
  Value element = applyFinish(equation, sum,
                              {{conv.n, dim(0)},
                               {conv.k, dim(5)},
                               {conv.rows.place, dim(1) * rows.outputs + dim(2)},
                               {conv.columns.place, dim(3) * columns.outputs + dim(4)}});
  Value tiles = finishDraft(equation, element);
  int64_t height = extents[conv.rows.place], width = extents[conv.columns.place];
  auto type = RankedTensorType::get({n, height, width, k}, builder.getF32Type());
  Value y;
  if (height % rows.outputs == 0 && width % columns.outputs == 0) {
    y = ReshapeOp::create(builder, loc, type, tiles); // the same order in memory
  } else {
    SmallVector<AffineExpr> coords{dim(0),
                                   dim(1).floorDiv(rows.outputs),
                                   dim(1) % rows.outputs,
                                   dim(2).floorDiv(columns.outputs),
                                   dim(2) % columns.outputs,
                                   dim(3)};
    y = createCopy(builder, loc, tiles, type,
                   AccessAttr::get(AffineMap::get(4, 0, coords, context)));
  }
  replaceResult(y, {conv.n, conv.rows.place, conv.columns.place, conv.k});
}

void Rewriter::weightGradient() {
  int64_t n = extents[conv.n], c = extents[conv.c], k = extents[conv.k];
  Value v = transformInput(), dy = transformAdjoint();
  Value dw = product({"u", "v", "c", "k", "n", "ty", "tx"},
                     {rows.points, columns.points, c, k, n, tilesY, tilesX}, 4, v,
                     {4, 0, 1, 5, 6, 2}, dy, {4, 0, 1, 5, 6, 3});
  EquationDraft equation = draft({"r", "s", "c", "k"}, {kTaps, kTaps, c, k}, 4);
  SmallVector<Value> values = readPoints(equation, dw, {}, {dim(2), dim(3)});
  ScalarBuilder s(equation.body.get(), loc);
  Value sum = rectangle(s, rows.filterAdjoint, columns.filterAdjoint, values, rows.points,
                        {0, conv.rows.reversed}, {1, conv.columns.reversed});
  Value element = applyFinish(
      equation, sum,
      {{conv.rows.tap, dim(0)}, {conv.columns.tap, dim(1)}, {conv.c, dim(2)}, {conv.k, dim(3)}});
  replaceResult(finishDraft(equation, element), {conv.rows.tap, conv.columns.tap, conv.c, conv.k});
}

/// `finish` asks for nothing but its operands.
static bool finishIsPlain(ComputeOp op) {
  if (!op.hasFinish())
    return true;
  for (unsigned i = op.getNumBodyReads(); i < op.getReads().size(); ++i)
    if (op.getAccess(i).isGuarded() || isDataDependent(op.getAccess(i)) ||
        !op.getAccess(i).getClamped().empty())
      return false;
  return llvm::none_of(op.getFinish().front(),
                       [](Operation &scalar) { return isa<IndexOp, ExtentOp, InsideOp>(scalar); });
}

static void rewrite(ComputeOp op, const Correlation &conv, Tiling tiling) {
  Rewriter rewriter(op, conv, tiling);
  isWeightGradient(op) ? rewriter.weightGradient() : rewriter.convolution();
}

/// The form with so many results; null: there is none.
static const Form *formWith(int64_t outputs) {
  const Form *form = llvm::find_if(forms(), [&](const Form &f) { return f.outputs == outputs; });
  return form == forms().end() ? nullptr : form;
}

namespace {
struct Winograd : gnc::impl::WinogradBase<Winograd> {
  using WinogradBase::WinogradBase;
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto recipe =
        function->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>(names::kRecipe);
    // Rounded to half precision, what lies between the transforms would be useless.
    if (auto precision = recipe ? recipe.getAs<StringAttr>("precision") : StringAttr();
        function.isExternal() || storesHalf(function) ||
        (precision && precision.getValue() != "f32"))
      return;
    Tiling asked{formWith(rows), formWith(columns)};
    int64_t samples = samplesToPlan(function, batch);
    llvm::DenseSet<Value> ofWeights;
    if (!changesWeights(function))
      ofWeights = weightsAlone(function);
    SmallVector<ComputeOp> computes;
    function.walk([&](ComputeOp op) { computes.push_back(op); });
    for (ComputeOp op : computes) {
      std::optional<Correlation> conv = match(op);
      if (!conv || !finishIsPlain(op))
        continue;
      bool once = ofWeights.contains(op.getReads()[conv->other]);
      std::optional<Tiling> tiling = cheapest(op, *conv, samples, once);
      if (asked.rows && asked.columns)
        tiling = asked;
      if (tiling)
        rewrite(op, *conv, *tiling);
    }
  }
};
} // namespace
