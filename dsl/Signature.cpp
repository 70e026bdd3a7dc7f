// Signatures: inputs bind dimensions and are checked against their types.
#include "dsl/LayerBuilder.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;

// Larger tensors are mistakes; their byte counts still fit 64 bits.
static constexpr int64_t maxElements = int64_t(1) << 40;

//===- declared shapes ----------------------------------------------------------------------===//

/// One dimension as a number of at least 1.
static FailureOr<int64_t> dimension(Elaborator &elab, const ast::Dim &dim, Scope &scope) {
  FailureOr<Value> value = elab.evaluate(*dim.expr, scope);
  if (failed(value))
    return failure();
  std::string text = dimText(dim),
              found = value->isNumber() ? value->str() : value->kindName().str();
  std::optional<int64_t> number = value->asInt();
  if (!number)
    return elab
        .error("whole-number", dim.span,
               "a dimension must be a whole number, got " +
                   (text == found ? text : text + " = " + found))
        .help("round it: a // b in place of a / b, or floor(..)");
  if (*number < 1)
    return elab.error("empty-dimension", dim.span,
                      "dimension " + (text == found ? text : text + " = " + found) +
                          " would be empty");
  return *number;
}

FailureOr<llvm::SmallVector<int64_t, 4>> Elaborator::evaluateShape(const ast::Type &type,
                                                                   Scope &scope) {
  llvm::SmallVector<int64_t, 4> shape;
  int64_t elements = 1;
  for (const ast::Dim &dim : type.dims) {
    if (dim.pack) {
      const auto *name = llvm::dyn_cast<ast::Name>(dim.expr);
      if (name && !scope.find(name->name))
        return error("pack", dim.span,
                     "nothing says how many dimensions '" + dimText(dim) + "' are")
            .help("declare an input with it: x: [" + dimText(dim) + "]");
      FailureOr<Value> pack = evaluate(*dim.expr, scope);
      if (failed(pack))
        return failure();
      const std::vector<Value> *extents = pack->elements();
      if (!extents)
        return error("pack", dim.span,
                     dimText(dim) + " stands for several dimensions, but " +
                         oneLine(dim.expr->span.text()) + " is " + pack->kindName());
      for (const Value &extent : *extents)
        shape.push_back(extent.asInt().value_or(1));
      continue;
    }
    FailureOr<int64_t> extent = dimension(*this, dim, scope);
    if (failed(extent))
      return failure();
    shape.push_back(*extent);
  }
  for (int64_t extent : shape)
    if (extent > maxElements / elements)
      return error("large-tensor", type.shapeSpan,
                   "a tensor of shape " + TensorType::str(shape) + " is too large");
    else
      elements *= extent;
  return shape;
}

//===- inputs -------------------------------------------------------------------------------===//

namespace {
/// One typed input against its declared type.
struct InputCheck {
  Elaborator &elab;
  const ast::Type &type;
  const Tensor &tensor;
  std::string what; // "input skip of up"
  Scope &scope;
  Span at;

  /// Position of the pack among the dimensions, or -1.
  int64_t packAt() const {
    for (const auto &[i, dim] : llvm::enumerate(type.dims))
      if (dim.pack)
        return i;
    return -1;
  }
  /// The extent that dimension `i` (not the pack) meets.
  int64_t extentOf(size_t i) const {
    bool after = packAt() >= 0 && int64_t(i) > packAt();
    return after ? tensor.shape[tensor.shape.size() - (type.dims.size() - i)] : tensor.shape[i];
  }
  bool unbound(const ast::Expr &expr) const {
    auto *name = llvm::dyn_cast<ast::Name>(&expr);
    if (!name || scope.find(name->name))
      return false;
    Found found = scope.module()->find(name->name);
    return !found || !llvm::isa<ast::LetDecl>(found.decl);
  }

  LogicalResult rank();
  LogicalResult bind(llvm::function_ref<bool(llvm::StringRef)> isSetting);
  LogicalResult dimensions();
  LogicalResult pack(const ast::Dim &dim);
  LogicalResult element();
  LogicalResult classes();
};
} // namespace

LogicalResult InputCheck::rank() {
  if (llvm::count_if(type.dims, [](const ast::Dim &dim) { return dim.pack; }) > 1)
    return elab
        .error("two-packs", type.shapeSpan,
               "two packs in " + typeText(type) + ": how many dimensions is each?")
        .help("keep one, and write the other dimensions one by one");
  if (!type.hasShape) // a scalar: `t: index(K)`
    return tensor.rank() == 0 ? success()
                              : elab.error("rank-mismatch", at,
                                           what + " must be one " + typeText(type) +
                                               " for each sample, got " + tensor.str())
                                    .trail(tensor);
  bool packed = packAt() >= 0;
  int64_t needed = int64_t(type.dims.size()) - packed;
  if (packed ? tensor.rank() >= needed : tensor.rank() == needed)
    return success();
  Report report =
      elab.error("rank-mismatch", at,
                 what + " must have " + (packed ? "at least " : "") + llvm::Twine(needed) +
                     (needed == 1 ? " dimension " : " dimensions ") + typeText(type) + ", got " +
                     tensor.str());
  report.trail(tensor, "the shape on the way here:");
  if (needed == 1 && !packed && tensor.rank() > 1)
    report.help("insert flatten: -> flatten -> ..");
  return report;
}

LogicalResult InputCheck::bind(llvm::function_ref<bool(llvm::StringRef)> isSetting) {
  for (const auto &[i, dim] : llvm::enumerate(type.dims)) {
    if (!unbound(*dim.expr) || isSetting(dim.expr->span.text()))
      continue;
    llvm::StringRef name = llvm::cast<ast::Name>(dim.expr)->name;
    if (!dim.pack) {
      scope.define(name, Value::number(extentOf(i)), dim.span);
      continue;
    }
    std::vector<Value> extents;
    size_t count = tensor.shape.size() - (type.dims.size() - 1);
    for (size_t k = 0; k != count; ++k)
      extents.push_back(Value::number(tensor.shape[i + k]));
    scope.define(name, Value::tuple(std::move(extents)), dim.span);
  }
  if (type.classes && tensor.element == ElementKind::Index && tensor.classes &&
      unbound(*type.classes) && !isSetting(type.classes->span.text()))
    scope.define(llvm::cast<ast::Name>(type.classes)->name, Value::number(tensor.classes),
                 type.classes->span);
  return success();
}

LogicalResult InputCheck::pack(const ast::Dim &dim) {
  FailureOr<Value> bound = elab.evaluate(*dim.expr, scope);
  if (failed(bound))
    return failure();
  size_t first = packAt(), count = tensor.shape.size() - (type.dims.size() - 1);
  llvm::SmallVector<int64_t> wanted;
  if (const std::vector<Value> *extents = bound->elements())
    for (const Value &extent : *extents)
      wanted.push_back(extent.asInt().value_or(0));
  auto found = llvm::ArrayRef(tensor.shape).slice(first, count);
  if (found == llvm::ArrayRef(wanted))
    return success();
  return elab
      .error("shape-mismatch", at,
             what + " has " + TensorType::str(found) + " where " + dimText(dim) + " = " +
                 TensorType::str(wanted) + " is expected")
      .note(what + " is " + tensor.str() + ", declared " + typeText(type))
      .trail(tensor);
}

LogicalResult InputCheck::dimensions() {
  for (const auto &[i, dim] : llvm::enumerate(type.dims)) {
    if (dim.pack) {
      if (failed(pack(dim)))
        return failure();
      continue;
    }
    FailureOr<int64_t> wanted = dimension(elab, dim, scope);
    if (failed(wanted))
      return failure();
    int64_t found = extentOf(i);
    if (found == *wanted)
      continue;
    std::string text = dimText(dim), number = std::to_string(*wanted);
    return elab
        .error("shape-mismatch", at,
               what + " has " + llvm::Twine(found) + " where " +
                   (text == number ? text : text + " = " + number) + " is expected")
        .note(what + " is " + tensor.str() + ", declared " + typeText(type))
        .trail(tensor);
  }
  return success();
}

LogicalResult InputCheck::element() {
  using Elem = ast::Elem;
  if (type.elem == Elem::Index)
    return classes();
  bool fits = type.elem == Elem::F32 ||
              (type.elem == Elem::I32 && tensor.element != ElementKind::F32) ||
              (type.elem == Elem::U8 && tensor.element == ElementKind::U8) ||
              (type.elem == Elem::Bool && tensor.element == ElementKind::Bool);
  if (fits)
    return success();
  return elab
      .error("element-type", at, what + " must be " + typeText(type) + ", got " + tensor.str())
      .trail(tensor);
}

LogicalResult InputCheck::classes() {
  if (tensor.element != ElementKind::Index)
    return elab
        .error("element-type", at, what + " must be " + typeText(type) + ", got " + tensor.str())
        .trail(tensor)
        .help("make class numbers of it: index(e, K)");
  if (unbound(*type.classes))
    return success(); // the number of classes is not known here either
  FailureOr<Value> bound = elab.evaluate(*type.classes, scope);
  std::optional<int64_t> wanted = failed(bound) ? std::nullopt : bound->asInt();
  if (!wanted)
    return failed(bound)
               ? failure()
               : LogicalResult(elab.error(
                     "class-count", at, "a number of classes must be whole, got " + bound->str()));
  if (tensor.classes == 0) {
    auto [it, isNew] = elab.classesFound.try_emplace(tensor.value, *wanted);
    if (isNew || it->second == *wanted)
      return success();
    return elab
        .error("class-count", at,
               what + " has " + llvm::Twine(it->second) + " classes elsewhere, " +
                   llvm::Twine(*wanted) + " here")
        .trail(tensor);
  }
  if (tensor.classes == *wanted)
    return success();
  return elab
      .error("class-count", at,
             what + " has " + llvm::Twine(tensor.classes) + " classes where " +
                 oneLine(type.classes->span.text(), 30) + " = " + llvm::Twine(*wanted) +
                 " are expected")
      .note(what + " is " + tensor.str() + ", declared " + typeText(type))
      .trail(tensor);
}

//===- all inputs ---------------------------------------------------------------------------===//

static std::string inputName(const ast::Param &param, llvm::StringRef owner) {
  return ("input " + param.name.text + " of " + owner).str();
}

LogicalResult gnc::dsl::bindDimensions(Elaborator &elab, llvm::ArrayRef<ast::Param> params,
                                       llvm::ArrayRef<Argument> inputs, Scope &scope,
                                       llvm::StringRef owner, Span at,
                                       llvm::ArrayRef<const ast::Param *> settings) {
  auto isSetting = [&](llvm::StringRef name) {
    return llvm::any_of(settings, [&](const ast::Param *p) { return p->name.text == name; });
  };
  for (const auto &[param, input] : llvm::zip(params, inputs)) {
    if (!param.type)
      continue;
    InputCheck check{elab, *param.type, *input.value.tensor(), inputName(param, owner), scope, at};
    if (failed(check.rank()) || failed(check.bind(isSetting)))
      return failure();
  }
  return success();
}

/// `cross_entropy(logits, label)`: "logits has 100 classes, label has 10" says more than K.
static bool explainClasses(Elaborator &elab, llvm::ArrayRef<ast::Param> params,
                           llvm::ArrayRef<Argument> inputs, size_t which, Scope &scope, Span at) {
  const ast::Type &type = *params[which].type;
  const Tensor &label = *inputs[which].value.tensor();
  auto *name = llvm::dyn_cast_or_null<ast::Name>(type.classes);
  if (!name || label.element != ElementKind::Index || !label.classes)
    return false;
  for (const auto &[param, input] : llvm::zip(params, inputs)) {
    if (!param.type || &param == &params[which])
      continue;
    InputCheck other{elab, *param.type, *input.value.tensor(), "", scope, at};
    for (const auto &[i, dim] : llvm::enumerate(param.type->dims)) {
      auto *bound = llvm::dyn_cast<ast::Name>(dim.expr);
      if (dim.pack || !bound || bound->name != name->name || other.extentOf(i) == label.classes)
        continue;
      elab.error("class-count", at,
                 input.text + " has " + llvm::Twine(other.extentOf(i)) + " classes, " +
                     inputs[which].text + " has " + llvm::Twine(label.classes))
          .trail(other.tensor, "the shape on the way here:")
          .help("give the last layer " + llvm::Twine(label.classes) + " outputs, or the label " +
                llvm::Twine(other.extentOf(i)) + " classes");
      return true;
    }
  }
  return false;
}

LogicalResult gnc::dsl::checkInputs(Elaborator &elab, llvm::ArrayRef<ast::Param> params,
                                    llvm::ArrayRef<Argument> inputs, Scope &scope,
                                    llvm::StringRef owner, Span at) {
  for (const auto &[i, param] : llvm::enumerate(params)) {
    const Tensor &tensor = *inputs[i].value.tensor();
    if (param.type) {
      if (explainClasses(elab, params, inputs, i, scope, at))
        return failure();
      InputCheck check{elab, *param.type, tensor, inputName(param, owner), scope, at};
      if (failed(check.element()) || failed(check.dimensions()))
        return failure();
    }
    elab.tell(param.name.span, tensor);
    scope.define(param.name.text, tensor, param.span);
  }
  return success();
}

LogicalResult Elaborator::bindInputs(llvm::ArrayRef<ast::Param> params,
                                     llvm::ArrayRef<Tensor> inputs, Scope &scope,
                                     llvm::StringRef owner, Span at) {
  std::vector<Argument> arguments;
  for (const auto &[param, tensor] : llvm::zip(params, inputs))
    arguments.push_back({tensor, param.name.text.str(), at});
  if (failed(bindDimensions(*this, params, arguments, scope, owner, at, {})))
    return failure();
  return checkInputs(*this, params, arguments, scope, owner, at);
}

LogicalResult Elaborator::bindType(const ast::Type &type, const Tensor &tensor, Scope &scope,
                                   const llvm::Twine &what, Span at) {
  InputCheck check{*this, type, tensor, what.str(), scope, at};
  auto none = [](llvm::StringRef) { return false; };
  return failure(failed(check.rank()) || failed(check.bind(none)) || failed(check.element()) ||
                 failed(check.dimensions()));
}
