// Index expressions: sums of indices with whole factors, `//`, `%`, exact division, and data.
#include "dsl/OpElaborator.h"

#include "llvm/Support/SaveAndRestore.h"

#include <cmath>

using namespace gnc::dsl;
using llvm::StringRef;

/// Larger numbers have no place in an index; below, no arithmetic here can overflow.
static constexpr double maxBound = 1e15;

Report OpElaborator::notAnIndex(const ast::Expr &expr) {
  Report report = elab.error("not-an-index", expr.span,
                             "'" + expr.span.text() + "' is not an index expression");
  report.note("indices are added, multiplied and divided by whole numbers: i*2 + r - 1, i // 2, (i "
              "- r) / 2");
  return report;
}

FailureOr<IndexTerm> OpElaborator::constantTerm(const ast::Expr &expr, EquationBuilder &eq) {
  auto value = elab.evaluate(expr, scope);
  if (failed(value))
    return failure();
  const Rational *exact = value->exact();
  auto num = exact ? Rational::make(exact->numerator(), 1)->asInt() : std::nullopt;
  auto den = exact ? Rational::make(exact->denominator(), 1)->asInt() : std::nullopt;
  if (!num || !den || std::abs(double(*num)) > maxBound || double(*den) > maxBound)
    return elab.error("index-number", expr.span,
                      "an index needs a whole number, but '" + expr.span.text() + "' is " +
                          value->str());
  return IndexTerm{mlir::getAffineConstantExpr(*num, eq.context()), *den,
                   std::max(std::abs(double(*num)), double(*den))};
}

FailureOr<IndexTerm> OpElaborator::dataTerm(const Tensor &tensor, const AccessParts &parts,
                                            EquationBuilder &eq) {
  mlir::BlockArgument read = eq.read(tensor.value, parts);
  int64_t extent = tensor.element == ElementKind::U8     ? 256
                   : tensor.element == ElementKind::Bool ? 2
                                                         : tensor.classes;
  if (extent)
    eq.setSymbolExtent(read, extent);
  return IndexTerm{eq.symbol(read), 1, 1};
}

/// `t[i, j]` inside an index.
FailureOr<IndexTerm> OpElaborator::dataAccess(const ast::Access &expr, EquationBuilder &eq) {
  const OpTensor *tensor = tensorOf(*expr.tensor);
  if (!tensor)
    return notAnIndex(expr);
  if (tensor->tensor.element == ElementKind::F32)
    return elab
        .error("index-element", expr.span,
               "an index must be a whole number, but " + expr.tensor->span.text() + " holds f32")
        .help("convert it: index(" + expr.span.text() + ", K)");
  AccessParts parts;
  if (failed(coordinates(expr, *tensor, eq, parts)))
    return failure();
  auto guarded = prove(expr, *tensor, eq, parts);
  if (failed(guarded))
    return failure();
  if (*guarded)
    return elab.error("not-yet", expr.span, "an index read from data cannot have a default yet")
        .help("write an equation for it: q[..] = " + expr.span.text());
  return dataTerm(tensor->tensor, parts, eq);
}

/// `argmax[k] ..` or `index(..)` inside an index: a tensor of its own, made first.
FailureOr<IndexTerm> OpElaborator::madeIndex(const ast::Expr &expr, EquationBuilder &eq) {
  auto want = naturalElement(expr);
  if (failed(want))
    return failure();
  if (want->element == ElementKind::F32)
    return notAnIndex(expr);
  if (auto *call = llvm::dyn_cast<ast::Call>(&expr))
    return classIndex(*call, eq);
  auto used = usedVars(expr, eq.vars());
  auto tensor = emit(expr, used, *want);
  if (failed(tensor))
    return failure();
  return dataTerm(*tensor, identity(*tensor, used, eq), eq);
}

/// `index(e, K)` inside an index. With `??` one more class stands for what is outside of 0..K-1,
/// and a condition of the read excludes it.
FailureOr<IndexTerm> OpElaborator::classIndex(const ast::Call &call, EquationBuilder &eq) {
  auto want = naturalElement(call);
  if (failed(want))
    return failure();
  int64_t classes = want->classes;
  bool guarded = reading && reading->outside;
  want->classes += guarded;
  llvm::SaveAndRestore<const ast::Call *> here(guardedIndex, guarded ? &call : nullptr);
  auto used = usedVars(call, eq.vars());
  auto tensor = emit(call, used, *want);
  if (failed(tensor) || (!guarded && failed(proveClass(call, classes, eq))))
    return failure();
  auto term = dataTerm(*tensor, identity(*tensor, used, eq), eq);
  if (guarded && succeeded(term)) {
    readingParts->conditions.push_back(term->num);
    readingParts->limits.push_back(classes);
  }
  return term;
}

/// Made of indices and exact numbers alone, as `indexTerm` takes it without a complaint?
bool OpElaborator::isIndexArithmetic(const ast::Expr &expr) {
  using Op = ast::BinaryOp;
  if (auto *name = llvm::dyn_cast<ast::Name>(&expr))
    if (const IndexName *index = indexNamed(name->name))
      return !index->pack;
  if (isConstant(expr)) {
    auto value = elab.evaluate(expr, scope);
    const Rational *exact = succeeded(value) ? value->exact() : nullptr;
    return exact && std::abs(double(exact->numerator())) <= maxBound &&
           double(exact->denominator()) <= maxBound;
  }
  if (auto *negated = llvm::dyn_cast<ast::Neg>(&expr))
    return isIndexArithmetic(*negated->operand);
  auto *binary = llvm::dyn_cast<ast::Binary>(&expr);
  if (!binary || !isIndexArithmetic(*binary->lhs) || !isIndexArithmetic(*binary->rhs))
    return false;
  switch (binary->op) {
  case Op::Add:
  case Op::Sub: return true;
  case Op::Mul: return isConstant(*binary->lhs) || isConstant(*binary->rhs);
  case Op::Div:
  case Op::FloorDiv:
  case Op::Mod: {
    auto divisor =
        isConstant(*binary->rhs) ? elab.evaluate(*binary->rhs, scope) : FailureOr<Value>(failure());
    return succeeded(divisor) && divisor->asInt().value_or(0) > 0;
  }
  default: return false;
  }
}

/// Where the values of `e` are known, `index(e, K)` of a read must not leave the classes.
LogicalResult OpElaborator::proveClass(const ast::Call &call, int64_t classes,
                                       EquationBuilder &eq) {
  const ast::Expr &number = *call.args.list[0].value;
  if (!reading || !isIndexArithmetic(number))
    return success();
  auto term = indexTerm(number, eq);
  if (failed(term))
    return failure();
  gnc::IndexRange whole = eq.rangeOf(term->num.floorDiv(term->den));
  gnc::IndexRange exact = eq.rangeOf(term->num); // the whole part of -1/2 is 0
  if (exact.low && *exact.low > -term->den && whole.high && *whole.high < classes)
    return success();
  auto bound = [](std::optional<int64_t> b) { return b ? std::to_string(*b) : std::string("?"); };
  StringRef text = reading->tensor->span.text();
  Report report =
      elab.error("outside", call.span,
                 text + "[..] can be read outside: " + number.span.text() + " runs over " +
                     bound(whole.low) + ".." + bound(whole.high) + ", index(.., " +
                     llvm::Twine(classes) + ") over 0.." + llvm::Twine(classes - 1));
  if (std::string ranges = rangesIn(number); !ranges.empty())
    report.note(ranges);
  report.help("say what lies outside: " + reading->span.text() + " ?? 0");
  return report.help("or use the index itself: " + text + "[clamp(" + number.span.text() + ")]");
}

FailureOr<IndexTerm> OpElaborator::indexName(const ast::Name &expr, EquationBuilder &eq) {
  if (const IndexName *index = indexNamed(expr.name)) {
    if (index->pack)
      return elab.error("pack-as-number", expr.span,
                        "'" + expr.name + "' stands for several indices; write " + expr.name +
                            "..");
    return IndexTerm{eq.dim(index->vars.front()), 1, 1};
  }
  if (const OpTensor *tensor = tensorOf(expr)) {
    const Tensor &value = tensor->tensor;
    if (value.element == ElementKind::F32)
      return elab
          .error("index-element", expr.span,
                 "an index must be a whole number, but " + expr.name + " holds f32")
          .help("convert it: index(" + expr.name + ", K)");
    if (value.rank() || tensor->namesBatch)
      return elab
          .error("needs-indices", expr.span,
                 "'" + expr.name + "' is " + value.str() + "; an index reads one element of it")
          .help("write " + expr.name + "[..]");
    return dataTerm(value, identity(value, {}, eq), eq);
  }
  const Binding *binding = scope.find(expr.name);
  if ((binding && binding->status == Binding::Status::Failed) || failedIndices.contains(expr.name))
    return failure();
  if (binding || scalars.count(expr.name))
    return notAnIndex(expr);
  return elab.error("unknown-index", expr.span, "'" + expr.name + "' is no index here")
      .note("an index is made on the left side or by a reduction")
      .help("reduce over it: sum[" + expr.name + " < ..], or put it on the left side");
}

/// `//`, `%` and `/` by a whole number.
FailureOr<IndexTerm> OpElaborator::indexDivision(const ast::Binary &expr, IndexTerm lhs,
                                                 IndexTerm rhs) {
  auto divisor = llvm::dyn_cast<mlir::AffineConstantExpr>(rhs.num);
  if (!divisor)
    return elab.error("not-an-index", expr.rhs->span,
                      "an index is divided by a whole number, not by '" + expr.rhs->span.text() +
                          "'");
  int64_t value = divisor.getValue();
  if (value == 0)
    return elab.error("division-by-zero", expr.rhs->span, "'" + expr.rhs->span.text() + "' is 0");
  if (expr.op == ast::BinaryOp::Div) {
    int64_t sign = value < 0 ? -1 : 1;
    return IndexTerm{lhs.num * (sign * rhs.den), lhs.den * sign * value, lhs.bound * rhs.bound};
  }
  if (value < 0 || rhs.den != 1)
    return elab.error("not-an-index", expr.rhs->span,
                      "an index is divided by a positive whole number, '" + expr.rhs->span.text() +
                          "' is " + (value < 0 ? "negative" : "not whole"));
  // (n / d) // v and (n / d) % v = (n % (d v)) / d, exactly.
  int64_t period = lhs.den * value;
  if (expr.op == ast::BinaryOp::FloorDiv)
    return IndexTerm{lhs.num.floorDiv(period), 1, lhs.bound};
  return IndexTerm{lhs.num % period, lhs.den, lhs.bound};
}

FailureOr<IndexTerm> OpElaborator::indexBinary(const ast::Binary &expr, EquationBuilder &eq) {
  using Op = ast::BinaryOp;
  if (expr.op == Op::And || expr.op == Op::Or || expr.op == Op::Pow)
    return notAnIndex(expr);
  auto lhs = indexTerm(*expr.lhs, eq), rhs = indexTerm(*expr.rhs, eq);
  if (failed(lhs) || failed(rhs))
    return failure();
  if (lhs->bound * rhs->bound > maxBound)
    return elab.error("index-number", expr.span, "the numbers in this index are too large");
  switch (expr.op) {
  case Op::Add:
  case Op::Sub: {
    mlir::AffineExpr a = lhs->num * rhs->den, b = rhs->num * lhs->den;
    return IndexTerm{expr.op == Op::Add ? a + b : a - b, lhs->den * rhs->den,
                     2 * lhs->bound * rhs->bound};
  }
  case Op::Mul:
    if (!llvm::isa<mlir::AffineConstantExpr>(lhs->num) &&
        !llvm::isa<mlir::AffineConstantExpr>(rhs->num))
      return elab.error("not-an-index", expr.span, "an index is multiplied by numbers only")
          .note("both sides of '*' depend on an index");
    return IndexTerm{lhs->num * rhs->num, lhs->den * rhs->den, lhs->bound * rhs->bound};
  default: return indexDivision(expr, *lhs, *rhs);
  }
}

FailureOr<IndexTerm> OpElaborator::indexTerm(const ast::Expr &expr, EquationBuilder &eq) {
  using namespace ast;
  if (!elab.spend(1, use))
    return failure();
  if (auto *e = llvm::dyn_cast<Name>(&expr); e && (!isConstant(expr) || !scope.find(e->name)))
    return indexName(*e, eq);
  if (isConstant(expr))
    return constantTerm(expr, eq);
  if (auto *e = llvm::dyn_cast<Binary>(&expr))
    return indexBinary(*e, eq);
  if (auto *e = llvm::dyn_cast<Access>(&expr))
    return dataAccess(*e, eq);
  if (auto *e = llvm::dyn_cast<Neg>(&expr)) {
    auto term = indexTerm(*e->operand, eq);
    if (failed(term))
      return failure();
    return IndexTerm{-term->num, term->den, term->bound};
  }
  if (auto *e = llvm::dyn_cast<Call>(&expr)) {
    auto *callee = llvm::dyn_cast<Name>(e->callee);
    if (callee && (callee->name == "clamp" || callee->name == "wrap" || callee->name == "mirror"))
      return elab
          .error("not-an-index", expr.span,
                 "'" + callee->name + "' is about a whole index, not a part of one")
          .help("write " + callee->name + "(..) around all of it");
    if (callee && callee->name == "floor" && e->args.list.size() == 1) {
      auto term = indexTerm(*e->args.list[0].value, eq);
      if (failed(term))
        return failure();
      return IndexTerm{term->num.floorDiv(term->den), 1, term->bound};
    }
    return madeIndex(expr, eq);
  }
  if (llvm::isa<Reduce>(&expr))
    return madeIndex(expr, eq);
  return notAnIndex(expr);
}
