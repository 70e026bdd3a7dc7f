// Settings: given by position or name, else their defaults, as their types want them.
#include "dsl/LayerBuilder.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;

static std::string subject(const ast::Param &param, llvm::StringRef owner) {
  return ("setting '" + param.name.text + "' of " + owner).str();
}

static std::string found(const Value &value) {
  return value.tensor() || value.recipe() || value.layer() ? value.kindName().str() : value.str();
}

/// `size`: a number is repeated; the extents are whole and not negative.
static FailureOr<Value> convertSize(Elaborator &elab, const ast::Param &param, const Value &value,
                                    llvm::StringRef owner, Span at) {
  SizeValue size;
  if (value.size())
    size = *value.size();
  else if (value.exact())
    size.extents.assign(2, *value.exact());
  else
    return elab.error("setting-type", at,
                      subject(param, owner) + " must be a size such as 3 or 3x3, got " +
                          found(value));
  for (const Rational &extent : size.extents) {
    if (!extent.asInt())
      return elab.error("whole-number", at,
                        subject(param, owner) + " must be whole, got " + found(value));
    if (extent.isNegative())
      return elab
          .error("negative-size", at,
                 subject(param, owner) + " must not be negative, got " + found(value))
          .help("leave it out, or write 0 for none");
  }
  return Value(std::move(size));
}

FailureOr<Value> gnc::dsl::convertSetting(Elaborator &elab, const ast::Param &param, Value value,
                                          llvm::StringRef owner, Span at) {
  using Elem = ast::Elem;
  if (value.tensor())
    return elab
        .error("tensor-as-setting", at,
               subject(param, owner) + " must be known at compile time, but this is a tensor")
        .help("inputs other than the first are passed by name: " + owner +
              "(.., name = " + oneLine(at.text(), 30) + ")");
  // A default of true or false says as much as a type.
  bool truth = !param.type && llvm::isa_and_nonnull<ast::Bool>(param.value);
  if (!truth && (!param.type || value.symbol()))
    return value;
  auto wrong = [&](llvm::StringRef wanted) {
    return elab.error("setting-type", at,
                      subject(param, owner) + " must be " + wanted + ", got " + found(value));
  };
  switch (truth ? Elem::Bool : param.type->elem) {
  case Elem::Int:
  case Elem::I32:
    if (value.asInt())
      return value;
    if (value.isNumber())
      return elab.error("whole-number", at,
                        subject(param, owner) + " must be a whole number, got " + found(value));
    return wrong("a whole number");
  case Elem::Number:
    return value.isNumber() || value.schedule() ? FailureOr<Value>(value) : wrong("a number");
  case Elem::Bool: return value.boolean() ? FailureOr<Value>(value) : wrong("true or false");
  case Elem::String: return value.string() ? FailureOr<Value>(value) : wrong("a string");
  case Elem::Layer:
    return value.recipe() || value.layer() ? FailureOr<Value>(value) : wrong("a layer");
  case Elem::Size: return convertSize(elab, param, value, owner, at);
  default: return value;
  }
}

static std::string settingNames(llvm::ArrayRef<const ast::Param *> params) {
  std::string text;
  for (const ast::Param *param : params)
    text += (text.empty() ? "" : ", ") + param->name.text.str();
  return text.empty() ? "none" : text;
}

/// Which parameter each given argument is for; errors are reported, true if there were none.
static bool matchGiven(Elaborator &elab, llvm::ArrayRef<const ast::Param *> params,
                       llvm::ArrayRef<Recipe::Given> given, llvm::StringRef owner,
                       llvm::SmallVectorImpl<const Recipe::Given *> &matched) {
  size_t position = 0, positional = llvm::count_if(given, [](auto &g) { return !g.name; });
  bool good = true;
  for (const Recipe::Given &one : given) {
    size_t index = position;
    if (one.name) {
      index = llvm::find_if(params, [&](auto *p) { return p->name.text == one.name.text; }) -
              params.begin();
    } else if (++position > params.size()) {
      std::string takes = params.empty() ? "no settings"
                                         : "at most " + std::to_string(params.size()) +
                                               (params.size() == 1 ? " setting (" : " settings (") +
                                               settingNames(params) + ")";
      elab.error("too-many-settings", one.span,
                 owner + " takes " + takes + ", got " + llvm::Twine(positional));
      return false;
    }
    if (index == params.size()) {
      llvm::SmallVector<llvm::StringRef> names;
      for (const ast::Param *param : params)
        names.push_back(param->name.text);
      elab.error("unknown-setting", one.name.span,
                 owner + " has no setting '" + one.name.text + "'")
          .note("settings of " + owner + ": " + settingNames(params))
          .didYouMean(one.name.text, names);
      good = false;
    } else if (matched[index]) {
      elab.error("setting-twice", one.name ? one.name.span : one.span,
                 "setting '" + params[index]->name.text + "' of " + owner + " is given twice")
          .note(matched[index]->span, "the first time here")
          .help("keep one of them");
      good = false;
    } else {
      matched[index] = &one;
    }
  }
  return good;
}

/// The default of a setting, evaluated in the scope of the ones before it.
static FailureOr<Value> defaultValue(Elaborator &elab, const ast::Param &param, Scope &scope) {
  bool layer = param.type && param.type->elem == ast::Elem::Layer;
  Evaluator evaluator(elab, scope);
  return layer ? evaluator.evaluateRecipe(*param.value) : evaluator.evaluate(*param.value);
}

LogicalResult gnc::dsl::bindSettings(Elaborator &elab, llvm::ArrayRef<const ast::Param *> params,
                                     llvm::ArrayRef<Recipe::Given> given, Scope &scope,
                                     llvm::StringRef owner, Span at) {
  llvm::SmallVector<const Recipe::Given *> matched(params.size(), nullptr);
  if (!matchGiven(elab, params, given, owner, matched))
    return failure();
  bool good = true;
  for (const auto &[param, one] : llvm::zip(params, matched)) {
    if (!one && !param->value) {
      elab.error("missing-setting", at, owner + " needs setting '" + param->name.text + "'")
          .note("settings of " + owner + ": " + settingNames(params))
          .help("write " + owner + "(" + param->name.text + " = ..)");
      good = false;
      scope.defineFailed(param->name.text);
      continue;
    }
    FailureOr<Value> value =
        one ? FailureOr<Value>(*one->value) : defaultValue(elab, *param, scope);
    if (succeeded(value))
      value = convertSetting(elab, *param, *value, owner, one ? one->span : param->value->span);
    good &= succeeded(value);
    if (succeeded(value)) {
      elab.tell(param->name.span, *value);
      scope.define(param->name.text, *value, param->span);
    } else {
      scope.defineFailed(param->name.text);
    }
  }
  return success(good);
}

LogicalResult Elaborator::bindSettings(llvm::ArrayRef<ast::Param> params,
                                       llvm::ArrayRef<Recipe::Given> given, Scope &scope,
                                       llvm::StringRef owner, Span at) {
  llvm::SmallVector<const ast::Param *> pointers;
  for (const ast::Param &param : params)
    pointers.push_back(&param);
  return gnc::dsl::bindSettings(*this, pointers, given, scope, owner, at);
}
