// Equations of the graph as text of the language: the way back from gnc.compute to `y[i] = ..`.
//
// Every scalar, access and reduction of the graph has a form in the language that elaborates to the
// same value. A condition of a read that no index can say (`if 0 <= i - r < 4 then ..`) becomes a
// choice; a scalar that is used several times becomes an equation of its own, and a tensor that is
// used once can be written where it is used.
#ifndef GNC_DSL_EQUATIONTEXT_H
#define GNC_DSL_EQUATIONTEXT_H

#include "ir/Gnc.h"
#include "ir/IndexMath.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"

#include <string>
#include <vector>

namespace gnc::dsl {

/// How tightly an expression holds together: what is looser than its place needs parentheses.
enum class Tightness { Choice, Or, And, Not, Comparison, Sum, Term, Sign, Power, Primary };

/// Text of an expression. The default argument is what a name is.
struct ExprText {
  std::string text;
  Tightness tightness = Tightness::Primary;
  /// In parentheses if it is looser than `needed`.
  std::string in(Tightness needed) const { return tightness < needed ? "(" + text + ")" : text; }
};

/// What all equations of an op share: the names of tensors, and the lines written so far.
class OpText {
public:
  /// The tensor's name; it has one.
  const std::string &operator[](mlir::Value tensor) const { return names.find(tensor)->second; }
  bool has(mlir::Value tensor) const { return names.contains(tensor); }
  void set(mlir::Value tensor, std::string name) { names[tensor] = std::move(name); }
  /// A name like `wish` that nothing else has; `t`, `t2`, `t3`, ..
  std::string fresh(llvm::StringRef wish);
  /// An index may share its name with indices of other equations, but with no tensor.
  std::string index(llvm::StringRef wish) const;
  void take(llvm::StringRef name) { taken.insert(name); }

  std::vector<std::string> lines; // equations
  std::string batch = "N";        // the name of the batch's size
  bool pack = false;              // all tensors are [S..], read at [i..]
  /// What indices of a result are called, by dimension; "" for what the graph calls them.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<std::string>> dimensions;
  /// Tensors that are written where they are read (once, at indices alone).
  llvm::DenseSet<mlir::Value> inlined;

private:
  llvm::DenseMap<mlir::Value, std::string> names;
  llvm::StringSet<> taken;
};

/// The equations of one gnc.compute.
class EquationText {
public:
  EquationText(gnc::ComputeOp op, OpText &text);
  /// Writes "y[i < 3] = .." for every result, after equations for what they share. Results that
  /// are `declared` get their ranges from there.
  void print(llvm::function_ref<bool(mlir::Value)> isDeclared);
  /// The expression of the only result, after equations for what it shares.
  ExprText expression();

private:
  /// To be written inside `outer`, whose indices `parallel` are the parallel ones here.
  EquationText(gnc::ComputeOp op, const EquationText &outer, llvm::ArrayRef<unsigned> parallel);
  void nameIndices();
  ExprText reduced(unsigned result, const ExprText &term);
  ExprText inlined(unsigned number);
  std::string leftSide(llvm::StringRef name, llvm::ArrayRef<unsigned> indices, bool declared);
  std::string bind(unsigned index, bool declared);
  void restart();
  bool isBatch(unsigned index) { return mlir::ShapedType::isDynamic(op.getExtents()[index]); }

  // Scalars (ScalarText.cpp).
  ExprText scalar(mlir::Value value);
  ExprText operation(mlir::Operation *scalar);
  ExprText binary(mlir::Operation *scalar, llvm::StringRef sign, Tightness level);
  ExprText sum(mlir::Operation *scalar);
  ExprText product(mlir::Operation *scalar);
  ExprText choice(mlir::arith::SelectOp select);
  ExprText classNumber(mlir::arith::FPToSIOp whole);
  ExprText comparison(mlir::Value lhs, llvm::StringRef sign, mlir::Value rhs);
  ExprText compareFloats(mlir::arith::CmpFOp compare);
  ExprText extent(llvm::ArrayRef<int64_t> indices);
  ExprText call(mlir::Operation *scalar, llvm::StringRef function);
  void share(mlir::Block &block);

  // Reads (AccessText.cpp).
  ExprText read(unsigned number);
  ExprText access(unsigned number, std::optional<std::string> outside);
  std::string coordinate(unsigned number, unsigned dimension);
  ExprText index(mlir::AffineExpr expr);
  ExprText condition(mlir::AffineExpr expr, int64_t limit);
  std::optional<ExprText> inside(unsigned number);
  llvm::SmallVector<unsigned> looseConditions(unsigned number);
  bool isExact(unsigned number, unsigned condition, unsigned dimension);
  bool canBeOutside(unsigned number, unsigned dimension);

  gnc::ComputeOp op;
  OpText &names;
  std::vector<std::string> indexNames;
  std::vector<std::string> around; // names of indices of the equations that this stands in
  llvm::SmallVector<bool> mentioned, isRead; // indices and reads in the text since `restart`
  /// What stands for a scalar that is not printed again, and the indices in it.
  struct Known {
    ExprText text;
    llvm::SmallVector<unsigned> indices;
  };
  llvm::DenseMap<mlir::Value, Known> known; // shared scalars; combined values in `finish`
};

/// The dimensions of a read that is written as x[i, j]: the indices there, in order. None for
/// another.
std::optional<llvm::SmallVector<unsigned>> indicesOf(gnc::AccessAttr access);

/// A number as it is written: the shortest decimal that is this f32.
ExprText numberText(double value);

} // namespace gnc::dsl

#endif // GNC_DSL_EQUATIONTEXT_H
