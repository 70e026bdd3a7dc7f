// One gnc.compute under construction.
#ifndef GNC_DSL_EQUATIONBUILDER_H
#define GNC_DSL_EQUATIONBUILDER_H

#include "dsl/ScalarMath.h"

#include "ir/IndexMath.h"

#include "llvm/ADT/DenseMap.h"

#include <memory>
#include <string>

namespace gnc::dsl {

/// An index of an equation. `?` (ShapedType::kDynamic) is the extent of the batch.
struct IndexVar {
  std::string name;
  int64_t extent = 1;
};

/// Where a tensor is read: one coordinate per dimension, the batch first.
struct AccessParts {
  llvm::SmallVector<mlir::AffineExpr, 4> coords, conditions;
  llvm::SmallVector<int64_t, 4> limits, clamped;
  /// Coordinates that are reflected at the borders: where the one in `coords` is outside, the other
  /// is inside.
  llvm::SmallVector<std::pair<unsigned, mlir::AffineExpr>, 2> mirrored;
};

/// Collects the reads and the scalar arithmetic of an equation in a block of its own; nothing is in
/// the graph before `finish`, so equations that it needs first can be made meanwhile.
class EquationBuilder {
public:
  /// `vars` are numbers of indices in `all`, the parallel ones first.
  EquationBuilder(llvm::ArrayRef<IndexVar> all, llvm::ArrayRef<unsigned> vars, unsigned numParallel,
                  mlir::Location location);
  ~EquationBuilder();
  EquationBuilder(const EquationBuilder &) = delete;

  ScalarMath &scalars() { return *math; }
  mlir::MLIRContext *context() const { return location.getContext(); }
  /// The equation's indices; a position in them is a dim of its access maps.
  llvm::ArrayRef<unsigned> vars() const { return indices; }
  llvm::ArrayRef<int64_t> extents() const { return indexExtents; }
  /// Names as the graph prints them: unique, for messages too.
  llvm::ArrayRef<std::string> names() const { return indexNames; }
  std::optional<unsigned> position(unsigned var) const;
  mlir::AffineExpr dim(unsigned var) const;

  /// Reads `tensor`; the same read twice is one. The argument has the tensor's element type.
  mlir::BlockArgument read(mlir::Value tensor, const AccessParts &access,
                           std::optional<double> outside = std::nullopt);
  /// The number of a read's position among the reads, as symbol of later coordinates.
  mlir::AffineExpr symbol(mlir::BlockArgument read) const;
  /// Values that a symbol is known to take: 0 .. extent - 1.
  void setSymbolExtent(mlir::BlockArgument read, int64_t extent) {
    symbolExtents[read.getArgNumber()] = extent;
  }
  /// The values of an index expression, in which symbols count with their extents.
  gnc::IndexRange rangeOf(mlir::AffineExpr expr) const;
  mlir::Value indexNumber(unsigned var);                   // gnc.index
  mlir::Value extentNumber(llvm::ArrayRef<unsigned> vars); // gnc.extent
  mlir::Value inside(mlir::BlockArgument read);            // gnc.inside

  /// A number without its fraction, as i32.
  mlir::Value wholePart(mlir::Value number);

  /// Emits the op at `builder`; `yielded` becomes f32, i32 or i1 as `element` says.
  mlir::Value finish(mlir::OpBuilder &builder, mlir::Value yielded, gnc::Reduction reduction,
                     mlir::Type element);

private:
  mlir::Value converted(mlir::Value value, mlir::Type element);

  mlir::Location location;
  unsigned numParallel;
  llvm::SmallVector<unsigned> indices;
  llvm::SmallVector<int64_t> indexExtents;
  llvm::SmallVector<std::string> indexNames;
  mlir::Block *block;
  std::unique_ptr<ScalarMath> math;
  std::unique_ptr<gnc::ScalarBuilder> extra; // for what the table of functions has not
  llvm::SmallVector<mlir::Value> tensors;
  llvm::SmallVector<mlir::Attribute> accesses;
  llvm::SmallDenseMap<unsigned, int64_t, 2> symbolExtents;
};

} // namespace gnc::dsl

#endif // GNC_DSL_EQUATIONBUILDER_H
