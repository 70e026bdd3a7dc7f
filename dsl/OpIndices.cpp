// Every index gets exactly one range: from the declared result, its bound, or where it stands
// alone.
#include "dsl/OpElaborator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::ArrayRef;
using llvm::StringRef;
using llvm::Twine;
using mlir::ShapedType;

//===- walking ------------------------------------------------------------------------------===//

static void forEachIndex(const ast::Access &access,
                         llvm::function_ref<void(const ast::Expr &)> visit) {
  if (access.batch)
    visit(*access.batch->expr);
  for (const ast::Index &index : access.indices)
    visit(*index.expr);
}

void gnc::dsl::forEachPart(const ast::Expr &expr,
                           llvm::function_ref<void(const ast::Expr &)> visit) {
  using namespace ast;
  if (auto *e = llvm::dyn_cast<Member>(&expr)) {
    visit(*e->base);
  } else if (auto *e = llvm::dyn_cast<Neg>(&expr)) {
    visit(*e->operand);
  } else if (auto *e = llvm::dyn_cast<Not>(&expr)) {
    visit(*e->operand);
  } else if (auto *e = llvm::dyn_cast<Binary>(&expr)) {
    visit(*e->lhs), visit(*e->rhs);
  } else if (auto *e = llvm::dyn_cast<Compare>(&expr)) {
    for (const Expr *operand : e->operands)
      visit(*operand);
  } else if (auto *e = llvm::dyn_cast<If>(&expr)) {
    visit(*e->condition), visit(*e->thenValue), visit(*e->elseValue);
  } else if (auto *e = llvm::dyn_cast<Call>(&expr)) {
    visit(*e->callee);
    for (const Arg &arg : e->args.list)
      visit(*arg.value);
  } else if (auto *e = llvm::dyn_cast<Access>(&expr)) {
    visit(*e->tensor);
    forEachIndex(*e, visit);
    if (e->outside)
      visit(*e->outside);
  } else if (auto *e = llvm::dyn_cast<Reduce>(&expr)) {
    for (const Bind &bind : e->binds)
      if (bind.bound)
        visit(*bind.bound);
    visit(*e->body);
  } else if (auto *e = llvm::dyn_cast<ast::Tuple>(&expr)) {
    for (const Expr *element : e->elements)
      visit(*element);
  } else if (auto *e = llvm::dyn_cast<ast::List>(&expr)) {
    for (const Expr *element : e->elements)
      visit(*element);
  }
}

bool gnc::dsl::mentions(const ast::Expr &expr, StringRef name) {
  if (auto *written = llvm::dyn_cast<ast::Name>(&expr))
    return written->name == name;
  bool found = false;
  forEachPart(expr, [&](const ast::Expr &part) { found = found || mentions(part, name); });
  return found;
}

const IndexName *OpElaborator::indexNamed(StringRef name) const {
  auto it = llvm::find_if(names, [&](const IndexName &i) { return i.name.text == name; });
  return it == names.end() ? nullptr : &*it;
}

//===- where an index stands alone ----------------------------------------------------------===//

static bool isAlone(const ast::Index &index, StringRef name, bool pack) {
  auto *written = llvm::dyn_cast<ast::Name>(index.expr);
  return written && written->name == name && index.pack == pack;
}

void OpElaborator::aloneInAccess(const ast::Access &access, StringRef name, bool pack,
                                 llvm::SmallVectorImpl<AloneUse> &uses) const {
  const OpTensor *tensor = tensorOf(*access.tensor);
  llvm::SmallVector<int64_t, 4> shape;
  if (tensor) {
    shape = tensor->tensor.shape;
  } else if (auto *list = llvm::dyn_cast<ast::Name>(access.tensor)) {
    const Value *value = scope.value(list->name);
    if (!value || !value->elements())
      return;
    shape.push_back(value->elements()->size());
  } else {
    return;
  }
  std::string of = " of " + access.tensor->span.text().str();
  if (access.batch && isAlone(*access.batch, name, pack))
    uses.push_back({{ShapedType::kDynamic}, false, access.batch->span, "the batch" + of});
  size_t packs = llvm::count_if(access.indices, [](const ast::Index &i) { return i.pack; });
  size_t single = access.indices.size() - packs;
  if (packs > 1 || single > shape.size() || (!packs && single != shape.size()))
    return; // reported where it is read
  size_t position = 0;
  for (const ast::Index &index : access.indices) {
    size_t length = index.pack ? shape.size() - single : 1;
    if (isAlone(index, name, pack)) {
      auto extents = ArrayRef(shape).slice(position, length);
      uses.push_back({{extents.begin(), extents.end()},
                      access.outside != nullptr,
                      index.span,
                      "dimension " + std::to_string(position) + of});
    }
    position += length;
  }
}

void OpElaborator::collectAlone(const ast::Expr &expr, StringRef name, bool pack,
                                llvm::SmallVectorImpl<AloneUse> &uses) const {
  if (auto *access = llvm::dyn_cast<ast::Access>(&expr))
    aloneInAccess(*access, name, pack, uses);
  forEachPart(expr, [&](const ast::Expr &part) { collectAlone(part, name, pack, uses); });
}

//===- ranges -------------------------------------------------------------------------------===//

static std::string extentText(ArrayRef<int64_t> extents) {
  std::string text;
  for (int64_t extent : extents)
    text += (text.empty() ? "" : " x ") +
            (ShapedType::isDynamic(extent) ? std::string("the batch's") : std::to_string(extent));
  return text.empty() ? "no" : text;
}

LogicalResult OpElaborator::checkAgreement(const ast::Bind &bind, ArrayRef<int64_t> extents,
                                           const Twine &where, ArrayRef<AloneUse> uses) {
  for (const AloneUse &other : uses)
    if (!other.guarded && ArrayRef(other.extents) != extents)
      return elab
          .error("index-extent", other.at,
                 "index " + bind.name.text + " takes " + extentText(extents) + " values (" + where +
                     "), but here " + extentText(other.extents) + " (" + other.where + ")")
          .note("an index that stands alone runs over the whole dimension")
          .help("use another index here, or give the smaller range as a bound: " + bind.name.text +
                " < ..");
  return success();
}

/// The batch's size, if `bound` is its name: `n < N`.
std::optional<int64_t> OpElaborator::dynamicBound(const ast::Expr &bound) const {
  auto *name = llvm::dyn_cast<ast::Name>(&bound);
  for (const ast::Param &input : op.params.inputs)
    if (name && input.type && input.type->batch)
      if (auto *batch = llvm::dyn_cast<ast::Name>(input.type->batch->expr))
        if (batch->name == name->name)
          return ShapedType::kDynamic;
  return std::nullopt;
}

FailureOr<llvm::SmallVector<int64_t, 2>>
OpElaborator::findRange(const ast::Bind &bind, StringRef binder, const ast::Expr &body,
                        std::optional<ArrayRef<int64_t>> declared, const Twine &declaredWhere) {
  llvm::SmallVector<AloneUse> uses;
  collectAlone(body, bind.name.text, bind.pack, uses);
  if (bind.bound) {
    auto dynamic = dynamicBound(*bind.bound);
    auto bound = dynamic ? FailureOr<int64_t>(*dynamic)
                         : elab.evaluateInt(*bind.bound, scope, "the bound of an index");
    if (failed(bound))
      return failure();
    if (!dynamic && *bound < 1)
      return elab
          .error("empty-range", bind.bound->span,
                 "index " + bind.name.text + " < " + Twine(*bound) + " takes no value")
          .help("a bound is at least 1");
    if (declared && *declared != ArrayRef(*bound))
      return elab.error("index-extent", bind.bound->span,
                        "index " + bind.name.text + " is bounded by " + Twine(*bound) + ", but " +
                            declaredWhere + " is " + extentText(*declared));
    return llvm::SmallVector<int64_t, 2>{*bound};
  }
  if (declared) {
    if (failed(checkAgreement(bind, *declared, declaredWhere, uses)))
      return failure();
    return llvm::SmallVector<int64_t, 2>(declared->begin(), declared->end());
  }
  // A guarded place gives the range only if there is no other.
  auto first = llvm::find_if(uses, [](const AloneUse &u) { return !u.guarded; });
  if (first == uses.end())
    first = uses.begin();
  if (first == uses.end()) {
    std::string name = bind.name.text.str() + (bind.pack ? ".." : "");
    Report report = elab.error("norange", bind.span, "index " + name + " has no range");
    report.note("an index gets its range from the declared result, from standing alone in an "
                "access, or from a bound");
    if (binder.empty())
      report.help("give a bound: " + name + " < .., or declare the result's shape");
    else
      report.help("give a bound: " + binder + "[" + name + " < ..]");
    return report;
  }
  if (failed(checkAgreement(bind, first->extents, first->where, uses)))
    return failure();
  return first->extents;
}

/// The name is new: no index around, no tensor, setting or dimension.
LogicalResult OpElaborator::checkIndexName(const ast::Bind &bind, StringRef binder) {
  StringRef name = bind.name.text;
  if (const IndexName *other = indexNamed(name)) {
    if (binder.empty())
      return elab
          .error("index-twice", bind.span, "index " + name + " stands on the left side twice")
          .help("write a condition instead: if i == j then .. else 0");
    if (other->binder.empty())
      return elab
          .error("gemv", bind.name.span,
                 "index " + name + " is already an index of the result; it cannot be summed over")
          .note(other->name.span, "here")
          .help("leave it out of the result, or use another index");
    return elab
        .error("nested", bind.name.span,
               "index " + name + " is already bound by the enclosing " + other->binder + "[..]")
        .note("a reduction reaches over * and / to its right")
        .help("put the first reduction in parentheses, or use another index");
  }
  StringRef what = tensors.count(name) ? "a tensor"
                   : scope.findHere(name) || (scope.parent() && scope.parent()->findHere(name))
                       ? "a setting or dimension"
                       : "";
  if (!what.empty())
    return elab.error("index-name", bind.name.span,
                      "'" + name + "' is " + what +
                          " of this op; an index needs a name of its own");
  return success();
}

FailureOr<IndexName> OpElaborator::bindIndex(const ast::Bind &bind, StringRef binder,
                                             const ast::Expr &body,
                                             std::optional<ArrayRef<int64_t>> declared,
                                             const Twine &declaredWhere) {
  auto index = makeIndex(bind, binder, body, declared, declaredWhere);
  if (failed(index))
    failedIndices.insert(bind.name.text);
  return index;
}

FailureOr<IndexName> OpElaborator::makeIndex(const ast::Bind &bind, StringRef binder,
                                             const ast::Expr &body,
                                             std::optional<ArrayRef<int64_t>> declared,
                                             const Twine &declaredWhere) {
  if (failed(checkIndexName(bind, binder)))
    return failure();
  if (!binder.empty() && binder != "count" && !mentions(body, bind.name.text))
    return elab
        .error("unused-index", bind.span,
               "index " + bind.name.text + " is not used in the term of " + binder + "[..]")
        .note("a reduction reaches over * and / to its right, not over + and -")
        .help("put the whole term in parentheses, or leave the index out");
  auto extents = findRange(bind, binder, body, declared, declaredWhere);
  if (failed(extents))
    return failure();
  IndexName index{bind.name, bind.pack, {}, binder.str()};
  for (auto [i, extent] : llvm::enumerate(*extents)) {
    index.vars.push_back(vars.size());
    vars.push_back({bind.name.text.str() + (bind.pack ? std::to_string(i) : ""), extent});
  }
  names.push_back(index);
  return index;
}
