#include "dsl/Value.h"
#include "dsl/HostField.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <charconv>
#include <cmath>

using namespace gnc::dsl;

// Messages show values; a list of a million entries is shown by its first ones.
static constexpr size_t maxShown = 120;

std::string gnc::dsl::oneLine(llvm::StringRef text, size_t limit) {
  std::string line;
  bool blank = false;
  for (size_t i = 0; i < text.size() && line.size() <= limit; ++i) {
    if (text[i] == '#') // a comment between two lines
      i = std::min(text.find('\n', i), text.size() - 1);
    if (llvm::isSpace(text[i])) {
      blank = !line.empty();
      continue;
    }
    if (blank)
      line += ' ';
    blank = false;
    line += text[i];
  }
  if (line.size() > limit) {
    line.resize(limit - 2);
    line += "..";
  }
  return line;
}

std::string Recipe::text() const { return oneLine(span ? span.text() : name); }

//===- tensors ------------------------------------------------------------------------------===//

int64_t TensorType::elements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

std::string TensorType::str(llvm::ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, extent] : llvm::enumerate(shape))
    text += (i ? ", " : "") + std::to_string(extent);
  return text + "]";
}

std::string TensorType::str() const {
  std::string dims = str(shape);
  switch (element) {
  case ElementKind::F32: return dims;
  case ElementKind::U8: return "u8" + dims;
  case ElementKind::Bool: return "bool" + dims;
  case ElementKind::I32: return "i32" + dims;
  case ElementKind::Index:
    return "index(" + (classes ? std::to_string(classes) : "?") + ")" + (shape.empty() ? "" : dims);
  }
  return dims;
}

mlir::RankedTensorType TensorType::ir(mlir::MLIRContext *context) const {
  llvm::SmallVector<int64_t> extents;
  if (batched)
    extents.push_back(mlir::ShapedType::kDynamic);
  llvm::append_range(extents, shape);
  mlir::Type scalar;
  switch (element) {
  case ElementKind::F32: scalar = mlir::Float32Type::get(context); break;
  case ElementKind::U8: scalar = mlir::IntegerType::get(context, 8); break;
  case ElementKind::Bool: scalar = mlir::IntegerType::get(context, 1); break;
  case ElementKind::I32:
  case ElementKind::Index: scalar = mlir::IntegerType::get(context, 32); break;
  }
  return mlir::RankedTensorType::get(extents, scalar);
}

//===- values -------------------------------------------------------------------------------===//

const Value *Record::find(llvm::StringRef field) const {
  for (const auto &[name, value] : fields)
    if (name == field)
      return &value;
  return nullptr;
}

std::optional<double> Value::asDouble() const {
  if (const Rational *number = exact())
    return number->toDouble();
  if (const double *number = real())
    return *number;
  return std::nullopt;
}

std::optional<int64_t> Value::asInt() const {
  if (const Rational *number = exact())
    return number->asInt();
  return std::nullopt;
}

const std::vector<Value> *Value::elements() const {
  if (const Tuple *t = tuple())
    return &t->elements;
  if (const List *l = list())
    return &l->elements;
  return nullptr;
}

llvm::StringRef Value::kindName() const {
  static constexpr llvm::StringLiteral names[] = {
      "a number", "a number",       "a truth value",  "a string", "a size",
      "a tuple",  "a list",         "several values", "a layer",  "a layer",
      "a symbol", "a distribution", "a schedule",     "a tensor", "a picture"};
  static_assert(std::size(names) == std::variant_size_v<Storage>);
  return names[storage.index()];
}

static std::string realText(double value) {
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char text[64]; // the shortest that reads back the same
  return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

llvm::StringRef Initializer::name() const {
  switch (kind) {
  case Kind::Constant: return "constant";
  case Kind::Normal: return "normal";
  case Kind::Uniform: return "uniform";
  case Kind::TruncatedNormal: return "truncated_normal";
  case Kind::Orthogonal: return "orthogonal";
  }
  llvm_unreachable("not a kind");
}

static std::string initializerText(const Initializer &init) {
  if (init.kind == Initializer::Kind::Constant)
    return realText(init.a);
  return init.name().str() + "(" + realText(init.a) +
         (init.usesB() ? ", " + realText(init.b) : std::string()) + ")";
}

void Value::print(std::string &out, unsigned depth) const {
  if (out.size() > maxShown)
    return;
  if (const Rational *v = exact()) {
    out += v->str();
  } else if (const double *v = real()) {
    out += realText(*v);
  } else if (const bool *v = boolean()) {
    out += *v ? "true" : "false";
  } else if (const std::string *v = string()) {
    out += '"' + *v + '"';
  } else if (const SizeValue *v = size()) {
    out += llvm::join(llvm::map_range(v->extents, [](const Rational &r) { return r.str(); }), "x");
  } else if (const std::vector<Value> *v = elements()) {
    out += tuple() ? "(" : "[";
    for (const auto &[i, element] : llvm::enumerate(*v)) {
      out += i ? ", " : "";
      if (out.size() > maxShown || depth > 8)
        break;
      element.print(out, depth + 1);
    }
    out += out.size() > maxShown || depth > 8 ? ".." : tuple() ? ")" : "]";
  } else if (const Recipe *v = recipe()) {
    out += v->text();
  } else if (const LayerInstance *v = layer()) {
    out += v->name;
  } else if (const Symbol *v = symbol()) {
    out += v->name;
  } else if (const Initializer *v = initializer()) {
    out += initializerText(*v);
  } else if (const Tensor *v = tensor()) {
    out += v->str();
  } else if (const HostField *v = hostField()) {
    out += v->str();
  } else if (const Record *v = record()) {
    out += v->name;
  } else {
    out += "a schedule";
  }
}

std::string Value::str() const {
  std::string text;
  print(text, 0);
  return text;
}

bool Value::equals(const Value &other) const {
  unsigned budget = 100000; // nested tuples may share their parts
  return equals(other, budget);
}

bool Value::equals(const Value &other, unsigned &budget) const {
  if (budget == 0)
    return false;
  --budget;
  if (isNumber() && other.isNumber()) {
    if (exact() && other.exact())
      return *exact() == *other.exact();
    return asDouble() == other.asDouble();
  }
  if (const std::vector<Value> *a = elements()) {
    const std::vector<Value> *b = other.elements();
    if (!b || !tuple() != !other.tuple() || a->size() != b->size())
      return false;
    for (size_t i = 0; i != a->size(); ++i)
      if (!(*a)[i].equals((*b)[i], budget))
        return false;
    return true;
  }
  if (storage.index() != other.storage.index())
    return false;
  if (boolean())
    return *boolean() == *other.boolean();
  if (string())
    return *string() == *other.string();
  if (size())
    return *size() == *other.size();
  if (symbol())
    return *symbol() == *other.symbol();
  return initializer() && *initializer() == *other.initializer();
}
