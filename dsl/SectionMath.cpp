#include "dsl/SectionMath.h"

#include "dsl/ScalarMath.h"

#include "ir/EquationDraft.h"

using namespace gnc::dsl;
using mlir::ShapedType;

/// A draft over `extents` with the first `numParallel` of them as the result's.
static gnc::EquationDraft draftOver(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> extents,
                                    unsigned numParallel) {
  gnc::EquationDraft draft(context);
  draft.extents.assign(extents.begin(), extents.end());
  for (size_t i = 0; i != extents.size(); ++i)
    draft.names.push_back(ShapedType::isDynamic(extents[i]) ? "n" : "i" + std::to_string(i));
  draft.numParallel = numParallel;
  draft.reductions = {numParallel == extents.size() ? gnc::Reduction::None : gnc::Reduction::Sum};
  draft.resultTypes = {mlir::RankedTensorType::get(extents.take_front(numParallel),
                                                   mlir::Float32Type::get(context))};
  return draft;
}

/// Reads a tensor of the draft's first dimensions at its indices.
static mlir::Value readAtIndices(gnc::EquationDraft &draft, mlir::Value tensor,
                                 mlir::Location location) {
  gnc::DraftRead read;
  read.tensor = tensor;
  for (int64_t i = 0; i != llvm::cast<mlir::RankedTensorType>(tensor.getType()).getRank(); ++i)
    read.coords.push_back(mlir::getAffineDimExpr(i, draft.context));
  return draft.addRead(std::move(read), location);
}

/// At the end of a block that is in no op yet.
static mlir::OpBuilder builderIn(mlir::Block *block, mlir::Location location) {
  mlir::OpBuilder builder(location.getContext());
  builder.setInsertionPointToEnd(block);
  return builder;
}

static void yield(mlir::Block *block, mlir::Location location, mlir::Value value) {
  mlir::OpBuilder builder = builderIn(block, location);
  gnc::YieldOp::create(builder, location, mlir::ValueRange(value));
}

static llvm::ArrayRef<int64_t> shapeOf(mlir::Value tensor) {
  return llvm::cast<mlir::RankedTensorType>(tensor.getType()).getShape();
}

mlir::Value gnc::dsl::perSample(mlir::OpBuilder &builder, mlir::Location location,
                                const Tensor &scalar) {
  if (scalar.batched && scalar.element == ElementKind::F32)
    return scalar.value;
  EquationDraft draft = draftOver(builder.getContext(), {ShapedType::kDynamic}, 1);
  mlir::Value read = readAtIndices(draft, scalar.value, location);
  ScalarMath math(draft.body.get(), location);
  yield(draft.body.get(), location, math.number(read));
  return draft.create(builder, location).getResult(0);
}

mlir::Value gnc::dsl::batchMean(mlir::OpBuilder &builder, mlir::Location location,
                                mlir::Value perSample) {
  // Each term is divided: the size of the batch is known where its index is.
  EquationDraft draft = draftOver(builder.getContext(), shapeOf(perSample), 0);
  mlir::Value read = readAtIndices(draft, perSample, location);
  mlir::OpBuilder inner = builderIn(draft.body.get(), location);
  mlir::Value count =
      ExtentOp::create(inner, location, inner.getF32Type(), inner.getDenseI64ArrayAttr({0}));
  yield(draft.body.get(), location, mlir::arith::DivFOp::create(inner, location, read, count));
  return draft.create(builder, location).getResult(0);
}

mlir::Value gnc::dsl::batchSum(mlir::OpBuilder &builder, mlir::Location location,
                               const Tensor &term, llvm::ArrayRef<int64_t> shape) {
  llvm::SmallVector<int64_t> extents(shape);
  extents.push_back(ShapedType::kDynamic);
  EquationDraft draft = draftOver(builder.getContext(), extents, shape.size());
  DraftRead read;
  read.tensor = term.value;
  if (term.batched)
    read.coords.push_back(mlir::getAffineDimExpr(shape.size(), draft.context));
  for (int64_t i = 0; i != term.rank(); ++i)
    read.coords.push_back(mlir::getAffineDimExpr(i, draft.context));
  mlir::Value element = draft.addRead(std::move(read), location);
  ScalarMath math(draft.body.get(), location);
  yield(draft.body.get(), location, math.number(element));
  return draft.create(builder, location).getResult(0);
}

static mlir::Value sumOfSquares(mlir::OpBuilder &builder, mlir::Location location,
                                mlir::Value tensor) {
  bool isScalar = shapeOf(tensor).empty();
  gnc::EquationDraft draft = draftOver(builder.getContext(), shapeOf(tensor), 0);
  mlir::Value read = readAtIndices(draft, tensor, location);
  mlir::OpBuilder inner = builderIn(draft.body.get(), location);
  if (isScalar)
    draft.reductions = {gnc::Reduction::None};
  yield(draft.body.get(), location, mlir::arith::MulFOp::create(inner, location, read, read));
  return draft.create(builder, location).getResult(0);
}

/// The sum of numbers, or its square root.
static mlir::Value addUp(mlir::OpBuilder &builder, mlir::Location location,
                         llvm::ArrayRef<mlir::Value> numbers, bool root) {
  gnc::EquationDraft draft = draftOver(builder.getContext(), {}, 0);
  llvm::SmallVector<mlir::Value> reads;
  for (mlir::Value number : numbers)
    reads.push_back(readAtIndices(draft, number, location));
  mlir::OpBuilder inner = builderIn(draft.body.get(), location);
  mlir::Value sum = reads.front();
  for (mlir::Value read : llvm::drop_begin(reads))
    sum = mlir::arith::AddFOp::create(inner, location, sum, read);
  if (root)
    sum = mlir::math::SqrtOp::create(inner, location, sum);
  yield(draft.body.get(), location, sum);
  return draft.create(builder, location).getResult(0);
}

mlir::Value gnc::dsl::normOfAll(mlir::OpBuilder &builder, mlir::Location location,
                                llvm::ArrayRef<mlir::Value> tensors) {
  llvm::SmallVector<mlir::Value> numbers;
  for (mlir::Value tensor : tensors)
    numbers.push_back(sumOfSquares(builder, location, tensor));
  // In a tree: no equation reads thousands of tensors.
  constexpr size_t width = 32;
  while (numbers.size() > width) {
    llvm::SmallVector<mlir::Value> next;
    for (size_t i = 0; i < numbers.size(); i += width)
      next.push_back(addUp(builder, location, llvm::ArrayRef(numbers).slice(i).take_front(width),
                           /*root=*/false));
    numbers = std::move(next);
  }
  return addUp(builder, location, numbers, /*root=*/true);
}

mlir::Value gnc::dsl::scaleToNorm(mlir::OpBuilder &builder, mlir::Location location,
                                  mlir::Value tensor, mlir::Value norm, double limit) {
  EquationDraft draft = draftOver(builder.getContext(), shapeOf(tensor), shapeOf(tensor).size());
  mlir::Value value = readAtIndices(draft, tensor, location);
  mlir::Value length = readAtIndices(draft, norm, location);
  ScalarMath math(draft.body.get(), location);
  // Not min(1, limit / norm): that is NaN for a gradient of zeros and a limit of zero.
  mlir::Value factor =
      math.select(math.compare(ast::CompareOp::Gt, length, math.constant(limit)),
                  math.binary(ast::BinaryOp::Div, math.constant(limit), length), math.constant(1));
  yield(draft.body.get(), location, math.binary(ast::BinaryOp::Mul, value, factor));
  return draft.create(builder, location).getResult(0);
}

mlir::Value gnc::dsl::limitValues(mlir::OpBuilder &builder, mlir::Location location,
                                  mlir::Value tensor, double limit) {
  EquationDraft draft = draftOver(builder.getContext(), shapeOf(tensor), shapeOf(tensor).size());
  mlir::Value value = readAtIndices(draft, tensor, location);
  ScalarMath math(draft.body.get(), location);
  mlir::Value below = math.function("min", {value, math.constant(limit)});
  yield(draft.body.get(), location, math.function("max", {below, math.constant(-limit)}));
  return draft.create(builder, location).getResult(0);
}
