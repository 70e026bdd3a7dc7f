// What an expression of a block, a net or a section evaluates to: compile-time values and tensors.
#ifndef GNC_DSL_VALUE_H
#define GNC_DSL_VALUE_H

#include "dsl/AST.h"
#include "dsl/Rational.h"
#include "dsl/Schedule.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace gnc::dsl {

class Module;
struct HostField; // HostField.h
class Scope;
class Value;

/// What the elements of a tensor are. `I32` is a whole number that is no class; `Index` is
/// `index(K)`. The IR types: f32, i8, i1, i32, i32.
enum class ElementKind { F32, U8, Bool, I32, Index };

/// One line of the way a tensor came: printed below an error about its shape. Owned by the
/// Elaborator (see Elaborator::extendTrail).
struct TrailStep {
  std::string text;  // the step as the user wrote it: "conv(32, 5x5)"
  std::string shape; // "[32, 24, 24]"
  std::string note;  // "28 + 2*0 - 5 + 1 = 24", or ""
  const TrailStep *previous = nullptr;
};

/// A tensor's type as the language sees it: the shape of one sample.
struct TensorType {
  llvm::SmallVector<int64_t, 4> shape; // without the batch
  bool batched = false;
  ElementKind element = ElementKind::F32;
  int64_t classes = 0; // K of index(K); 0: not known, fits any

  int64_t rank() const { return int64_t(shape.size()); }
  /// Elements of one sample.
  int64_t elements() const;
  /// "[64, 8, 8]", "index(10)", "u8[1, 28, 28]", "[]".
  std::string str() const;
  /// "[64, 8, 8]".
  static std::string str(llvm::ArrayRef<int64_t> shape);
  /// The type in the IR: batch `?` first.
  mlir::RankedTensorType ir(mlir::MLIRContext *context) const;
};

/// A run-time value.
struct Tensor : TensorType {
  mlir::Value value;
  const TrailStep *trail = nullptr;

  Tensor() = default;
  Tensor(mlir::Value value, TensorType type, const TrailStep *trail = nullptr)
      : TensorType(std::move(type)), value(value), trail(trail) {}
};

/// `3x3`: two or more numbers; whole ones where a setting has type `size`.
struct SizeValue {
  llvm::SmallVector<Rational, 3> extents;
  bool operator==(const SizeValue &) const = default;
};

/// A name with a meaning of its own to whom it is given: `half`, `all`.
struct Symbol {
  std::string name;
  bool operator==(const Symbol &) const = default;
};

/// What the user wrote, on one line and not longer than `limit`.
std::string oneLine(llvm::StringRef text, size_t limit = 60);

/// What weights and states start from. Exactly what runtime::Initializer says.
struct Initializer {
  enum class Kind { Constant, Normal, Uniform, TruncatedNormal, Orthogonal } kind = Kind::Constant;
  double a = 0; // the constant | the mean | the lower bound | the mean | the gain
  double b = 0; // unused | the deviation | the upper bound | the deviation | unused
  bool usesB() const { return kind != Kind::Constant && kind != Kind::Orthogonal; }
  /// "normal", as the language and the graph write it.
  llvm::StringRef name() const;
  bool operator==(const Initializer &) const = default;
};

/// A layer not yet made. Settings are evaluated when the recipe is written, in its own scope; the
/// stages of a chain where it is applied.
struct Recipe {
  /// A setting, or an input other than the first, as given.
  struct Given {
    ast::Ident name; // empty if positional
    std::shared_ptr<const Value> value;
    Span span;
  };
  const ast::Decl *decl = nullptr;                 // a block, net or op ..
  const Module *module = nullptr;                  // (of the declaration)
  std::string intrinsic;                           // .. or "flatten" ..
  std::shared_ptr<const Recipe> first;             // .. or a chain: first a recipe, if any,
  const std::vector<ast::Stage> *stages = nullptr; // then these
  Scope *scope = nullptr;                          // in this scope
  std::string name;                                // as written: "conv", "b.cbr"; "" for a chain
  std::vector<Given> given;
  bool hasArgs = false; // parentheses were written
  Span nameSpan;        // `conv`
  Span span;            // `conv(32, 5x5)`
  bool isChain() const { return stages != nullptr; }
  /// As written, on one line: "conv(32, 5x5)".
  std::string text() const;
};

/// `layer f = ..`: one layer, many uses, the same weights.
struct LayerInstance {
  std::shared_ptr<const Recipe> recipe;
  std::string name;
  std::string path; // "Siamese.embed"
  Span span;
  Scope *scope = nullptr; // where it was made
  const std::vector<ast::Attribute> *attributes = nullptr;
  Span firstUse;         // nowhere until it is used
  std::string firstType; // of its input then
};

/// Several named results: of an op or a net, or the members of a data source.
struct Record {
  std::string name; // what it is: "moments", "source"
  std::vector<std::pair<std::string, Value>> fields;
  const Value *find(llvm::StringRef field) const;
};

struct Tuple {
  std::vector<Value> elements;
};
struct List {
  std::vector<Value> elements;
};

/// The value of an expression. Small to copy: what is large is shared and immutable.
class Value {
public:
  template <typename T> using Ref = std::shared_ptr<T>;
  using Storage =
      std::variant<Rational, double, bool, std::string, SizeValue, Ref<const Tuple>,
                   Ref<const List>, Ref<const Record>, Ref<const Recipe>, Ref<LayerInstance>,
                   Symbol, Initializer, Schedule, Tensor, Ref<const HostField>>;

  Value(Rational v) : storage(v) {}
  Value(SizeValue v) : storage(std::move(v)) {}
  Value(Symbol v) : storage(std::move(v)) {}
  Value(Initializer v) : storage(v) {}
  Value(Schedule v) : storage(std::move(v)) {}
  Value(Tensor v) : storage(std::move(v)) {}
  Value(Record v) : storage(std::make_shared<const Record>(std::move(v))) {}
  Value(Recipe v) : storage(std::make_shared<const Recipe>(std::move(v))) {}
  Value(Ref<const Recipe> v) : storage(std::move(v)) {}
  Value(Ref<LayerInstance> v) : storage(std::move(v)) {}
  Value(Ref<const HostField> v) : storage(std::move(v)) {}
  static Value number(int64_t v) { return Value(Rational(v)); }
  static Value real(double v) { return Value(Storage(v)); }
  static Value boolean(bool v) { return Value(Storage(v)); }
  static Value string(std::string v) { return Value(Storage(std::move(v))); }
  static Value tuple(std::vector<Value> v) {
    return Value(Storage(std::make_shared<const Tuple>(Tuple{std::move(v)})));
  }
  static Value list(std::vector<Value> v) {
    return Value(Storage(std::make_shared<const List>(List{std::move(v)})));
  }

  /// The value if it is of that kind, else null. `exact` holds rationals only; see asDouble.
  const Rational *exact() const { return std::get_if<Rational>(&storage); }
  const double *real() const { return std::get_if<double>(&storage); }
  const bool *boolean() const { return std::get_if<bool>(&storage); }
  const std::string *string() const { return std::get_if<std::string>(&storage); }
  const SizeValue *size() const { return std::get_if<SizeValue>(&storage); }
  const Tuple *tuple() const { return pointee<Ref<const Tuple>>(); }
  const List *list() const { return pointee<Ref<const List>>(); }
  const Record *record() const { return pointee<Ref<const Record>>(); }
  const Recipe *recipe() const { return pointee<Ref<const Recipe>>(); }
  Ref<const Recipe> recipeRef() const { return *std::get_if<Ref<const Recipe>>(&storage); }
  LayerInstance *layer() const { return pointee<Ref<LayerInstance>>(); }
  const Symbol *symbol() const { return std::get_if<Symbol>(&storage); }
  const Initializer *initializer() const { return std::get_if<Initializer>(&storage); }
  const Schedule *schedule() const { return std::get_if<Schedule>(&storage); }
  const Tensor *tensor() const { return std::get_if<Tensor>(&storage); }
  const HostField *hostField() const { return pointee<Ref<const HostField>>(); }

  /// A rational or a real number.
  bool isNumber() const { return exact() || real(); }
  std::optional<double> asDouble() const;
  /// A whole number of 64 bits.
  std::optional<int64_t> asInt() const;
  bool isSymbol(llvm::StringRef name) const { return symbol() && symbol()->name == name; }
  /// The elements of a tuple or a list, else null.
  const std::vector<Value> *elements() const;

  /// "3/2", "3x3", "true", "(1, 16)", a tensor's type, "conv(64)": for messages; never long.
  std::string str() const;
  /// "a number", "a size", "a tensor", ..
  llvm::StringRef kindName() const;
  /// Of the same kind and equal (numbers by value; tensors, recipes, layers: never).
  bool equals(const Value &other) const;

private:
  explicit Value(Storage s) : storage(std::move(s)) {}
  template <typename R> typename R::element_type *pointee() const {
    const R *ref = std::get_if<R>(&storage);
    return ref ? ref->get() : nullptr;
  }
  void print(std::string &out, unsigned depth) const;
  bool equals(const Value &other, unsigned &budget) const;

  Storage storage;
};

} // namespace gnc::dsl

#endif // GNC_DSL_VALUE_H
