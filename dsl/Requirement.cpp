// `require`: the places of its message, and what led there.
#include "dsl/BodyRunner.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

/// The value of `C` or `size.h`; absent if there is none.
static std::optional<std::string> placeText(StringRef place, Scope &scope) {
  auto [name, member] = place.trim().split('.');
  const Value *value = scope.value(name);
  if (value && member.empty() && value->string())
    return *value->string(); // without its quotes
  if (!value || member.empty())
    return value ? std::optional(value->str()) : std::nullopt;
  const SizeValue *size = value->size();
  if (!size || (member != "h" && member != "w"))
    return std::nullopt;
  return size->extents[size->extents.size() - (member == "w" ? 1 : 2)].str();
}

std::string Elaborator::fillPlaces(const ast::String &text, Scope &scope) {
  std::string out;
  StringRef rest = text.value;
  while (!rest.empty()) {
    size_t open = rest.find('{'), close = rest.find('}', open);
    out += rest.take_front(open);
    if (open == StringRef::npos)
      break;
    if (close == StringRef::npos) {
      out += rest.drop_front(open);
      break;
    }
    StringRef place = rest.slice(open + 1, close);
    std::optional<std::string> value = placeText(place, scope);
    out += value ? *value : ("{" + place + "}").str();
    rest = rest.drop_front(close + 1);
  }
  return out;
}

//===- a setting that repeats what is inferred ----------------------------------------------===//

namespace {
/// A failed `require inputs == I` where `inputs: int = I` is a setting: it can be left out.
struct Repeated {
  StringRef setting;    // "inputs"
  std::string written;  // "32*7*7"
  int64_t inferred = 0; // 4608
};
} // namespace

static const ast::Param *settingNamed(const ast::Decl &decl, StringRef name) {
  for (const ast::Param *param : settingsOf(decl))
    if (param->name.text == name)
      return param;
  return nullptr;
}

static std::optional<Repeated> repeatedSetting(const Use &use, Scope &scope,
                                               const ast::Expr &condition) {
  auto *compare = llvm::dyn_cast<ast::Compare>(&condition);
  if (!compare || compare->ops.size() != 1 || compare->ops[0] != ast::CompareOp::Eq)
    return std::nullopt;
  for (unsigned side : {0u, 1u}) {
    auto *name = llvm::dyn_cast<ast::Name>(compare->operands[side]);
    auto *other = llvm::dyn_cast<ast::Name>(compare->operands[1 - side]);
    const ast::Param *param = name && other ? settingNamed(*use.decl, name->name) : nullptr;
    auto *fallback = param ? llvm::dyn_cast_or_null<ast::Name>(param->value) : nullptr;
    const Value *inferred = fallback ? scope.value(other->name) : nullptr;
    if (!fallback || fallback->name != other->name || !inferred || !inferred->asInt())
      continue;
    for (const auto &[setting, text] : use.written)
      if (setting == name->name)
        return Repeated{param->name.text, text, *inferred->asInt()};
  }
  return std::nullopt;
}

/// The factors of "32*7*7"; empty if it is no product of whole numbers.
static llvm::SmallVector<int64_t> factors(StringRef product) {
  llvm::SmallVector<StringRef> parts;
  product.split(parts, '*');
  llvm::SmallVector<int64_t> numbers;
  for (StringRef part : parts)
    if (part.trim().getAsInteger(10, numbers.emplace_back()))
      return {};
  return numbers;
}

static std::string product(llvm::ArrayRef<int64_t> numbers, StringRef sign) {
  return llvm::join(llvm::map_range(numbers, [](int64_t n) { return std::to_string(n); }), sign);
}

/// "32*7*7 needs 7x7 maps; here they are 12x12", where the input was flattened from maps.
static void explainRepeated(const Repeated &repeated, const TrailStep *last, Report &report) {
  llvm::SmallVector<int64_t> found, wanted = factors(repeated.written);
  if (last)
    found = factors(StringRef(last->note).split('=').first);
  bool maps = found.size() >= 2 && found.size() == wanted.size();
  if (maps && found[0] == wanted[0])
    report.note(repeated.written + " needs " + product(llvm::ArrayRef(wanted).drop_front(), "x") +
                " maps; here they are " + product(llvm::ArrayRef(found).drop_front(), "x"));
  std::string right = found.size() >= 2 ? product(found, "*") : std::to_string(repeated.inferred);
  report.help("drop '" + repeated.setting + "', it is inferred; or write " + repeated.setting +
              " = " + right);
}

void gnc::dsl::explainRequirement(Elaborator &elab, Scope &scope, const ast::RequireStmt &stmt,
                                  Report &report) {
  if (elab.uses().empty())
    return;
  const Use &use = elab.uses().back();
  const Tensor *input = nullptr;
  for (const ast::Param &param : inputsOf(*use.decl))
    if (const Value *value = scope.value(param.name.text); value && value->tensor()) {
      input = value->tensor();
      break;
    }
  if (input)
    report.trail(*input, "the shape on the way here:");
  if (auto repeated = repeatedSetting(use, scope, *stmt.condition))
    explainRepeated(*repeated, input ? input->trail : nullptr, report);
}
