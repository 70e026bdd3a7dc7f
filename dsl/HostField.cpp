#include "dsl/HostField.h"

#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using ast::BinaryOp;
using llvm::StringLiteral;
using llvm::StringRef;

std::string HostField::str() const {
  std::string text = "u8[";
  for (int64_t extent : shape)
    text += (text.back() == '[' ? "" : ", ") + (extent ? std::to_string(extent) : "..");
  return text + "]";
}

bool gnc::dsl::holdsHostField(const Value &value) {
  if (const Tuple *tuple = value.tuple())
    return llvm::any_of(tuple->elements, holdsHostField);
  return value.hostField();
}

FailureOr<Value> gnc::dsl::settle(Elaborator &elab, const Value &value) {
  if (!holdsHostField(value))
    return value;
  if (const Tuple *tuple = value.tuple()) {
    std::vector<Value> elements;
    for (const Value &element : tuple->elements) {
      FailureOr<Value> settled = settle(elab, element);
      if (failed(settled))
        return failure();
      elements.push_back(*settled);
    }
    return Value::tuple(std::move(elements));
  }
  const HostField &field = *value.hostField();
  FailureOr<Tensor> tensor = field.maker->make(field);
  if (failed(tensor))
    return failure();
  FailureOr<Value> result = Value(*tensor);
  for (const LaterStep &step : field.later)
    if (succeeded(result))
      result = step(elab, *result);
  return result;
}

//===- arithmetic ---------------------------------------------------------------------------===//

static Value withStep(const HostField &field, LaterStep step) {
  HostField next = field;
  next.later.push_back(std::move(step));
  return Value(std::make_shared<const HostField>(std::move(next)));
}

std::optional<Value> gnc::dsl::scaleLater(const ast::Binary &expr, const Value &lhs,
                                          const Value &rhs) {
  BinaryOp op = expr.op;
  if (const HostField *field = lhs.hostField(); field && rhs.isNumber())
    if (op == BinaryOp::Mul || op == BinaryOp::Div || (op == BinaryOp::FloorDiv && field->mask))
      return withStep(*field, [op, rhs, &expr](Elaborator &elab, const Value &value) {
        return elab.binary(op, value, rhs, expr);
      });
  if (const HostField *field = rhs.hostField(); field && lhs.isNumber() && op == BinaryOp::Mul)
    return withStep(*field, [op, lhs, &expr](Elaborator &elab, const Value &value) {
      return elab.binary(op, lhs, value, expr);
    });
  return std::nullopt;
}

std::optional<Value> gnc::dsl::indexLater(llvm::ArrayRef<Argument> inputs, Span at) {
  if (inputs.size() != 2 || !inputs[0].value.hostField() || !inputs[0].value.hostField()->mask)
    return std::nullopt;
  Argument mask = inputs[0], classes = inputs[1];
  return withStep(*inputs[0].value.hostField(),
                  [mask, classes, at](Elaborator &elab, const Value &value) {
                    Argument now = mask;
                    now.value = value;
                    return callBuiltin(elab, "index", {now, classes}, {}, at);
                  });
}

//===- transforms ---------------------------------------------------------------------------===//

namespace {
/// A setting: its name, and whether it has a default.
struct HostSetting {
  StringLiteral name;
  bool needed;
};
struct HostTransformKind {
  StringLiteral name, use;
  llvm::ArrayRef<HostSetting> settings;
  bool random = false;
};
} // namespace

static constexpr HostSetting sizeSetting[] = {{"size", true}};
static constexpr HostSetting padSetting[] = {{"by", true}};
static constexpr HostSetting flipSettings[] = {{"p", false}};
static constexpr HostSetting cropSettings[] = {{"size", true}, {"area", false}, {"ratio", false}};
static const HostTransformKind kinds[] = {
    {"resize", "resize(256) for the shorter side, or resize(224x224)", sizeSetting},
    {"pad", "pad(4)", padSetting},
    {"center_crop", "center_crop(224x224)", sizeSetting},
    {"random_crop", "random_crop(32x32)", sizeSetting, true},
    {"random_resized_crop", "random_resized_crop(224x224, area = [0.08, 1], ratio = [3/4, 4/3])",
     cropSettings, true},
    {"random_flip", "random_flip, or random_flip(p = 0.5)", flipSettings, true},
    {"gray", "gray", {}},
    {"rgb", "rgb", {}},
};

static const HostTransformKind *findKind(StringRef name) {
  for (const HostTransformKind &kind : kinds)
    if (kind.name == name)
      return &kind;
  return nullptr;
}

bool gnc::dsl::isHostTransform(StringRef name) { return findKind(name); }

llvm::ArrayRef<StringLiteral> gnc::dsl::hostTransforms() {
  static const llvm::SmallVector<StringLiteral> names(
      llvm::map_range(kinds, [](const HostTransformKind &kind) { return kind.name; }));
  return names;
}

static std::string numberText(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.17g", value);
  double shorter;
  char brief[32];
  snprintf(brief, sizeof brief, "%.6g", value);
  return sscanf(brief, "%lf", &shorter) == 1 && shorter == value ? brief : text;
}

namespace {
/// One transform as written: its settings, then what it does to a field.
class HostStage {
public:
  HostStage(Elaborator &elab, const HostTransformKind &kind, const ast::LayerRef &ref)
      : elab(elab), kind(kind), ref(ref), text(oneLine(ref.span.text(), 40)) {}

  LogicalResult readSettings(Scope &scope);
  FailureOr<Value> apply(const HostField &field, unsigned site);

private:
  LogicalResult fault(const llvm::Twine &problem, Span at) {
    return elab.error("host-setting", at, problem).help("write " + kind.use);
  }
  LogicalResult readSize(const Value &value, Span at);
  LogicalResult readRange(StringRef name, const Value &value, Span at, double &low, double &high);
  LogicalResult readSetting(StringRef name, const Value &value, Span at);
  LogicalResult checkCrop(const HostField &field);
  std::string arguments() const;
  void reshape(HostField &field) const;
  int64_t shortSide(int64_t extent, int64_t other) const;

  Elaborator &elab;
  const HostTransformKind &kind;
  const ast::LayerRef &ref;
  const std::string text;
  int64_t height = 0, width = 0;
  bool both = true; // a size, not one number
  double p = 0.5, area[2] = {0.08, 1}, ratio[2] = {3. / 4, 4. / 3};
};
} // namespace

LogicalResult HostStage::readSize(const Value &value, Span at) {
  bool pad = kind.name == "pad";
  both = value.size();
  std::optional<int64_t> h = value.asInt(), w = h;
  if (both && value.size()->extents.size() == 2) {
    h = value.size()->extents[0].asInt();
    w = value.size()->extents[1].asInt();
  }
  // Far beyond any picture that is read.
  constexpr int64_t most = 1 << 20;
  if (!h || !w || *h < !pad || *w < !pad || *h > most || *w > most)
    return fault((pad ? "what pad adds must be a whole number of at least 0"
                      : kind.name + " needs a size of whole numbers of at least 1") +
                     llvm::Twine(", got ") + value.str(),
                 at);
  height = *h;
  width = *w;
  return success();
}

LogicalResult HostStage::readRange(StringRef name, const Value &value, Span at, double &low,
                                   double &high) {
  const std::vector<Value> *elements = value.elements();
  std::optional<double> a, b;
  if (elements && elements->size() == 2) {
    a = (*elements)[0].asDouble();
    b = (*elements)[1].asDouble();
  }
  if (!a || !b || !(*a > 0) || *b < *a || *b > 1e6 || (name == "area" && *b > 1))
    return fault(name + " must be a list of two numbers, the lower one first, above 0" +
                     (name == "area" ? " and up to 1" : "") + ", got " + value.str(),
                 at);
  low = *a;
  high = *b;
  return success();
}

LogicalResult HostStage::readSetting(StringRef name, const Value &value, Span at) {
  if (name == "size" || name == "by")
    return readSize(value, at);
  if (name == "area")
    return readRange(name, value, at, area[0], area[1]);
  if (name == "ratio")
    return readRange(name, value, at, ratio[0], ratio[1]);
  std::optional<double> number = value.asDouble();
  if (!number || !(*number >= 0 && *number <= 1))
    return fault("p must be a number from 0 to 1, got " + value.str(), at);
  p = *number;
  return success();
}

LogicalResult HostStage::readSettings(Scope &scope) {
  std::vector<Recipe::Given> given;
  if (ref.args) {
    auto evaluated = Evaluator(elab, scope).arguments(*ref.args, nullptr);
    if (failed(evaluated))
      return failure();
    given = std::move(*evaluated);
  }
  llvm::SmallVector<StringRef> names, seen;
  for (const HostSetting &setting : kind.settings)
    names.push_back(setting.name);
  for (const auto &[i, one] : llvm::enumerate(given)) {
    StringRef name = one.name ? one.name.text : i < names.size() ? names[i] : StringRef();
    if (!llvm::is_contained(names, name) || llvm::is_contained(seen, name)) {
      return elab
          .error("host-setting", one.span, "this setting of " + kind.name + " is not understood")
          .note(names.empty() ? llvm::Twine("it has none") : "settings: " + llvm::join(names, ", "))
          .help("write " + kind.use);
    }
    seen.push_back(name);
    if (failed(readSetting(name, *one.value, one.span)))
      return failure();
  }
  for (const HostSetting &setting : kind.settings)
    if (setting.needed && !llvm::is_contained(seen, setting.name))
      return fault(kind.name + " needs " + setting.name, ref.span);
  return success();
}

LogicalResult HostStage::checkCrop(const HostField &field) {
  llvm::ArrayRef<int64_t> size = llvm::ArrayRef(field.shape).take_back(2);
  bool crop = kind.name == "center_crop" || kind.name == "random_crop";
  if (!crop || ((!size[0] || size[0] >= height) && (!size[1] || size[1] >= width)))
    return success();
  return elab
      .error("host-setting", ref.span,
             kind.name + " of " + llvm::Twine(height) + "x" + llvm::Twine(width) +
                 " is larger than the picture, " + field.str())
      .help("make it larger first: resize(" + llvm::Twine(std::max(height, width)) + ")");
}

/// What the other side becomes when the shorter one becomes `height`.
int64_t HostStage::shortSide(int64_t extent, int64_t other) const {
  if (!extent || !other)
    return 0;
  return extent <= other ? height : std::max<int64_t>(height * extent / other, 1);
}

void HostStage::reshape(HostField &field) const {
  int64_t &h = field.shape[field.shape.size() - 2], &w = field.shape.back();
  if (kind.name == "gray" || kind.name == "rgb") {
    field.shape[0] = kind.name == "gray" ? 1 : 3;
  } else if (kind.name == "pad") {
    h += h ? 2 * height : 0;
    w += w ? 2 * width : 0;
  } else if (kind.name == "resize" && !both) {
    int64_t newHeight = shortSide(h, w);
    w = shortSide(w, h);
    h = newHeight;
  } else if (kind.name != "random_flip") {
    h = height;
    w = width;
  }
}

std::string HostStage::arguments() const {
  std::string size = std::to_string(height) + ", " + std::to_string(width);
  if (kind.name == "gray" || kind.name == "rgb")
    return "";
  if (kind.name == "random_flip")
    return "(" + numberText(p) + ")";
  if (kind.name == "resize" && !both)
    return "(" + std::to_string(height) + ")";
  if (kind.name != "random_resized_crop")
    return "(" + size + ")";
  return "(" + size + ", " + numberText(area[0]) + ", " + numberText(area[1]) + ", " +
         numberText(ratio[0]) + ", " + numberText(ratio[1]) + ")";
}

FailureOr<Value> HostStage::apply(const HostField &field, unsigned site) {
  bool colour = kind.name == "gray" || kind.name == "rgb";
  if (colour && field.mask)
    return elab
        .error("host-setting", ref.span,
               "a mask has no colours, so " + kind.name + " has nothing to do")
        .help("leave it out, or apply it to the picture alone");
  if (failed(checkCrop(field)))
    return failure();
  HostField next = field;
  reshape(next);
  next.transforms.push_back(kind.name.str() + arguments() +
                            (kind.random ? " #" + std::to_string(site) : ""));
  next.trail.push_back({text, next.shape});
  return Value(std::make_shared<const HostField>(std::move(next)));
}

/// Is the name the user's own? The library's op of that name is for tensors.
static bool isUsers(Scope &scope, StringRef name) {
  if (scope.find(name))
    return true;
  Found found = scope.module()->find(name);
  return found && !found.module->isStandard();
}

/// Has the library an op for it, so that the host need not do it?
static bool inLibrary(Scope &scope, StringRef name) { return bool(scope.module()->find(name)); }

std::optional<FailureOr<Value>> gnc::dsl::applyOnHost(Elaborator &elab, Scope &scope,
                                                      const ast::Unit &unit, const Value &input) {
  const auto *ref = llvm::dyn_cast<ast::LayerRef>(&unit);
  if (!ref || ref->path.size() != 1 || isUsers(scope, ref->path[0].text))
    return std::nullopt;
  StringRef name = ref->path[0].text;
  if (name == "id" && !ref->args)
    return FailureOr<Value>(input);
  const HostTransformKind *kind = findKind(name);
  std::vector<Value> parts{input};
  if (input.tuple())
    parts = input.tuple()->elements;
  bool allHost = llvm::all_of(parts, [](const Value &part) { return part.hostField(); });
  bool varies = llvm::any_of(
      parts, [](const Value &part) { return part.hostField() && part.hostField()->varies(); });
  if (!kind || !allHost || (!varies && inLibrary(scope, name)))
    return std::nullopt;
  HostStage stage(elab, *kind, *ref);
  if (failed(stage.readSettings(scope)))
    return FailureOr<Value>(failure());
  unsigned site = kind->random ? parts[0].hostField()->maker->newSite() : 0; // a tuple's one draw
  std::vector<Value> results;
  for (const Value &part : parts) {
    FailureOr<Value> result = stage.apply(*part.hostField(), site);
    if (failed(result))
      return FailureOr<Value>(failure());
    results.push_back(*result);
  }
  return FailureOr<Value>(input.tuple() ? Value::tuple(std::move(results)) : results.front());
}
