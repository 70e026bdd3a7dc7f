#include "dsl/EquationText.h"

#include "dsl/Expr.h"
#include "dsl/ScalarMath.h"
#include "dsl/Token.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

//===- names --------------------------------------------------------------------------------===//

/// Words of the language, reducers and functions: no names for tensors or indices.
static bool isWord(StringRef name) {
  return ast::reducerNamed(name) || ScalarMath::arity(name) || name == "d" || name == "inf" ||
         name == "true" || name == "false" || name == "if" || name == "for" || name == "in" ||
         name == "or" || name == "and" || name == "not" || name == "as";
}

std::string OpText::fresh(StringRef wish) {
  std::string name = wish.str();
  for (unsigned i = 2; isWord(name) || taken.contains(name); ++i)
    name = wish.str() + std::to_string(i);
  taken.insert(name);
  return name;
}

std::string OpText::index(StringRef wish) const {
  std::string name = wish.str();
  while (isWord(name) || taken.contains(name))
    name += "_";
  return name;
}

//===- indices ------------------------------------------------------------------------------===//

EquationText::EquationText(gnc::ComputeOp op, OpText &text) : op(op), names(text) {
  const llvm::SmallVector<std::string> wishes = names.dimensions.lookup(op->getResult(0));
  for (unsigned i = 0; i < op.getNumParallel(); ++i) {
    std::string name = op.getIndexName(i).str();
    // The graph's own i0, q1 give way to what the user calls the dimension.
    bool made =
        name.size() > 1 && llvm::isDigit(name.back()) && llvm::StringRef("iq").contains(name[0]);
    if (i < wishes.size() && !wishes[i].empty() && made &&
        llvm::none_of(
            op.getNames().getAsValueRange<mlir::StringAttr>(),
            [&](StringRef other) { return other == wishes[i]; }))
      name = wishes[i];
    indexNames.push_back(names.index(name));
  }
  nameIndices();
}

EquationText::EquationText(gnc::ComputeOp op, const EquationText &outer,
                           llvm::ArrayRef<unsigned> parallel)
    : op(op), names(outer.names) {
  for (unsigned index : parallel)
    indexNames.push_back(outer.indexNames[index]);
  around = outer.around;
  around.insert(around.end(), outer.indexNames.begin(), outer.indexNames.end());
  nameIndices();
}

/// The reduction's indices: none is called like one around it.
void EquationText::nameIndices() {
  for (unsigned i = indexNames.size(); i < op.getNumIndices(); ++i) {
    std::string name = names.index(op.getIndexName(i)), wish = name;
    for (unsigned k = 2; llvm::is_contained(indexNames, name) || llvm::is_contained(around, name);
         ++k)
      name = names.index(llvm::isDigit(wish.back()) ? name + "_" : wish + std::to_string(k));
    indexNames.push_back(std::move(name));
  }
  restart();
}

void EquationText::restart() {
  mentioned.assign(indexNames.size(), false);
  isRead.assign(op.getReads().size(), false);
}

namespace {
enum class Range { None, Known, Conflict };
} // namespace

/// What reads (those marked, if any are) say about the range of an index: one where it stands alone
/// and nothing guards it gives the range; one of another extent would contradict.
static Range rangeFromReads(gnc::ComputeOp op, unsigned index, const OpText &text,
                            llvm::ArrayRef<bool> isRead = {}) {
  Range range = Range::None;
  for (unsigned i = 0; i < op.getReads().size(); ++i) {
    if (!isRead.empty() && !isRead[i])
      continue;
    gnc::AccessAttr access = op.getAccess(i);
    mlir::Value tensor = op.getReads()[i];
    bool inlined = text.inlined.contains(tensor);
    auto type = llvm::cast<mlir::RankedTensorType>(tensor.getType());
    for (auto [d, coordinate] : llvm::enumerate(access.getCoords().getResults())) {
      auto dim = llvm::dyn_cast<mlir::AffineDimExpr>(coordinate);
      if (!dim || dim.getPosition() != index || access.isClamped(d))
        continue;
      Range here = inlined ? rangeFromReads(tensor.getDefiningOp<gnc::ComputeOp>(), d, text)
                   : type.getDimSize(d) != op.getExtents()[index] ? Range::Conflict
                   : access.isGuarded()                           ? Range::None
                                                                  : Range::Known;
      range = std::max(range, here);
    }
  }
  return range;
}

/// "r < 3", or "r" where the range is known from elsewhere.
std::string EquationText::bind(unsigned index, bool declared) {
  int64_t extent = op.getExtents()[index];
  Range range = rangeFromReads(op, index, names, isRead);
  if (range == Range::Known || (declared && range == Range::None))
    return indexNames[index];
  return indexNames[index] + " < " +
         (mlir::ShapedType::isDynamic(extent) ? names.batch : std::to_string(extent));
}

std::string EquationText::leftSide(StringRef name, llvm::ArrayRef<unsigned> indices,
                                   bool declared) {
  if (names.pack)
    return name.str() + "[i..]";
  std::string places;
  bool batched = false;
  for (auto [i, index] : llvm::enumerate(indices)) {
    if (i == 0 && isBatch(index)) {
      batched = true;
      places = indexNames[index] + (indices.size() > 1 ? "; " : ";");
      continue;
    }
    places += (i > size_t(batched) ? ", " : "") + bind(index, declared);
  }
  return indices.empty() ? name.str() : name.str() + "[" + places + "]";
}

static StringRef reducerOf(gnc::Reduction reduction) {
  switch (reduction) {
  case gnc::Reduction::None: return "";
  case gnc::Reduction::Sum: return "sum";
  case gnc::Reduction::Prod: return "prod";
  case gnc::Reduction::Max: return "max";
  case gnc::Reduction::Min: return "min";
  case gnc::Reduction::ArgMax: return "argmax";
  case gnc::Reduction::ArgMin: return "argmin";
  }
  return "";
}

/// The term with its reduction. An index that the term does not mention counts all the same, but
/// for an extreme: the language wants it in the term.
ExprText EquationText::reduced(unsigned result, const ExprText &term) {
  gnc::Reduction reduction = op.getReduction(result);
  bool extreme = reduction == gnc::Reduction::Max || reduction == gnc::Reduction::Min;
  std::string binds;
  ExprText whole = term;
  for (unsigned i = op.getNumParallel(); i < op.getNumIndices(); ++i) {
    if (!mentioned[i] && extreme)
      continue;
    binds += (binds.empty() ? "" : ", ") + bind(i, false);
    if (!mentioned[i])
      whole = {whole.in(Tightness::Sum) + " + 0 * " + indexNames[i], Tightness::Sum};
  }
  if (binds.empty())
    return term;
  // It would take a factor to its right with it.
  return {reducerOf(reduction).str() + "[" + binds + "] " + whole.in(Tightness::Term),
          Tightness::Sum};
}

ExprText EquationText::expression() {
  share(*op.getBodyBlock());
  restart();
  return reduced(0, scalar(op.getYielded()[0]));
}

void EquationText::print(llvm::function_ref<bool(mlir::Value)> isDeclared) {
  llvm::SmallVector<unsigned> parallel(op.getNumParallel());
  for (unsigned i = 0; i < parallel.size(); ++i)
    parallel[i] = i;
  share(*op.getBodyBlock());
  std::vector<ExprText> values;
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    restart();
    ExprText term = scalar(op.getYielded()[i]);
    values.push_back(reduced(i, term));
  }
  if (op.hasFinish()) {
    mlir::Block &finish = op.getFinish().front();
    for (unsigned i = 0; i < op.getNumResults(); ++i)
      known[finish.getArgument(i)] = {values[i], parallel};
    share(finish);
    for (unsigned i = 0; i < op.getNumResults(); ++i)
      values[i] = scalar(finish.getTerminator()->getOperand(i));
  }
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    mlir::Value result = op->getResult(i);
    names.lines.push_back(leftSide(names[result], parallel, isDeclared(result)) + " = " +
                          values[i].text);
  }
}
