#include "dsl/EquationBuilder.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
namespace arith = mlir::arith;
using llvm::ArrayRef;

EquationBuilder::EquationBuilder(ArrayRef<IndexVar> all, ArrayRef<unsigned> vars,
                                 unsigned numParallel, mlir::Location location)
    : location(location), numParallel(numParallel), indices(vars), block(new mlir::Block),
      math(std::make_unique<ScalarMath>(block, location)),
      extra(std::make_unique<gnc::ScalarBuilder>(block, location)) {
  for (unsigned var : vars) {
    indexExtents.push_back(all[var].extent);
    std::string name = all[var].name;
    // The batch gives way to an index that the user wrote.
    if (var == 0 && llvm::any_of(vars, [&](unsigned v) { return v && all[v].name == name; }))
      name = "batch";
    while (llvm::is_contained(indexNames, name))
      name += '_';
    indexNames.push_back(std::move(name));
  }
}

EquationBuilder::~EquationBuilder() {
  delete block; // null once the op has it
}

std::optional<unsigned> EquationBuilder::position(unsigned var) const {
  const auto *it = llvm::find(indices, var);
  return it == indices.end() ? std::nullopt : std::optional<unsigned>(it - indices.begin());
}

mlir::AffineExpr EquationBuilder::dim(unsigned var) const {
  return mlir::getAffineDimExpr(*position(var), context());
}

/// One more than the highest symbol in the maps' expressions.
static unsigned symbolCount(const AccessParts &access) {
  unsigned count = 0;
  for (const auto *list : {&access.coords, &access.conditions})
    for (mlir::AffineExpr expr : *list)
      expr.walk([&](mlir::AffineExpr part) {
        if (auto symbol = llvm::dyn_cast<mlir::AffineSymbolExpr>(part))
          count = std::max(count, symbol.getPosition() + 1);
      });
  return count;
}

mlir::BlockArgument EquationBuilder::read(mlir::Value tensor, const AccessParts &access,
                                          std::optional<double> outside) {
  unsigned symbols = symbolCount(access), dims = indices.size();
  auto coords = mlir::AffineMap::get(dims, symbols, access.coords, context());
  auto conditions = mlir::AffineMap::get(dims, symbols, access.conditions, context());
  mlir::FloatAttr value;
  if (outside)
    value = mlir::Builder(context()).getF64FloatAttr(*outside);
  mlir::Attribute attr =
      gnc::AccessAttr::get(context(), coords, access.clamped, conditions, access.limits, value);
  for (auto [i, known] : llvm::enumerate(tensors))
    if (known == tensor && accesses[i] == attr)
      return block->getArgument(i);
  tensors.push_back(tensor);
  accesses.push_back(attr);
  auto type = llvm::cast<mlir::RankedTensorType>(tensor.getType());
  return block->addArgument(type.getElementType(), location);
}

mlir::AffineExpr EquationBuilder::symbol(mlir::BlockArgument read) const {
  return mlir::getAffineSymbolExpr(read.getArgNumber(), context());
}

gnc::IndexRange EquationBuilder::rangeOf(mlir::AffineExpr expr) const {
  llvm::SmallVector<int64_t> all = indexExtents;
  llvm::SmallVector<mlir::AffineExpr> symbols;
  for (unsigned i = 0; i < tensors.size(); ++i) {
    auto known = symbolExtents.find(i);
    symbols.push_back(mlir::getAffineDimExpr(all.size(), context()));
    all.push_back(known == symbolExtents.end() ? mlir::ShapedType::kDynamic : known->second);
  }
  llvm::SmallVector<mlir::AffineExpr> dims;
  for (unsigned i = 0; i < indices.size(); ++i)
    dims.push_back(mlir::getAffineDimExpr(i, context()));
  return gnc::rangeOf(gnc::simplify(expr.replaceDimsAndSymbols(dims, symbols), all), all);
}

mlir::Value EquationBuilder::indexNumber(unsigned var) {
  return extra->create<gnc::IndexOp>(mlir::Float32Type::get(context()), *position(var));
}

mlir::Value EquationBuilder::extentNumber(ArrayRef<unsigned> vars) {
  llvm::SmallVector<int64_t> positions;
  for (unsigned var : vars)
    positions.push_back(*position(var));
  return extra->create<gnc::ExtentOp>(mlir::Float32Type::get(context()), positions);
}

mlir::Value EquationBuilder::inside(mlir::BlockArgument read) {
  return extra->create<gnc::InsideOp>(mlir::IntegerType::get(context(), 1), read.getArgNumber());
}

mlir::Value EquationBuilder::wholePart(mlir::Value number) {
  return extra->create<arith::FPToSIOp>(mlir::IntegerType::get(context(), 32),
                                        math->number(number));
}

mlir::Value EquationBuilder::converted(mlir::Value value, mlir::Type element) {
  if (value.getType() == element)
    return value;
  if (element.isF32())
    return math->number(value);
  if (element.isInteger(1))
    return math->condition(value);
  return wholePart(value);
}

mlir::Value EquationBuilder::finish(mlir::OpBuilder &builder, mlir::Value yielded,
                                    gnc::Reduction reduction, mlir::Type element) {
  bool position = reduction == gnc::Reduction::ArgMax || reduction == gnc::Reduction::ArgMin;
  mlir::Type bodyType = position ? mlir::Float32Type::get(context()) : element;
  yielded = converted(yielded, bodyType);
  mlir::OpBuilder inBody(context()); // the block has no parent that would know the context
  inBody.setInsertionPointToEnd(block);
  gnc::YieldOp::create(inBody, location, yielded);
  gnc::eraseDeadScalars(*block);
  llvm::SmallVector<llvm::StringRef> nameRefs(indexNames.begin(), indexNames.end());
  auto type = mlir::RankedTensorType::get(ArrayRef(indexExtents).take_front(numParallel), element);
  auto op = gnc::ComputeOp::create(
      builder, location, mlir::TypeRange(type), tensors, builder.getStrArrayAttr(nameRefs),
      builder.getDenseI64ArrayAttr(indexExtents), builder.getI64IntegerAttr(numParallel),
      builder.getDenseI32ArrayAttr({static_cast<int32_t>(reduction)}),
      builder.getArrayAttr(accesses));
  op.getBody().push_back(block);
  block = nullptr;
  return op.getResult(0);
}
