//===- Gnc.h - the gnc dialect ----------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include <optional>

namespace gnc {

class EvaluationState;

/// Work and traffic of an op. A multiply-add counts as two operations; bytes count every tensor
/// once.
struct Cost {
  double flops = 0, bytesRead = 0, bytesWritten = 0;
};

/// Attribute names on the arguments, results and functions of a program. The compiler's own record
/// of what the
/// `.net` file says beyond the equations; `codegen` copies it into runtime::Tensor.
namespace names {
constexpr llvm::StringLiteral kPath =
    "gnc.path"; // str: path of a weight or state, name of a field or result
constexpr llvm::StringLiteral kRole =
    "gnc.role"; // str: input | weight | state | optimizer | average | schedule | stream (arguments)
constexpr llvm::StringLiteral kInit = "gnc.init";    // str: the name of a dsl::Initializer::Kind
constexpr llvm::StringLiteral kInitA = "gnc.init_a"; // f64
constexpr llvm::StringLiteral kInitB = "gnc.init_b"; // f64
constexpr llvm::StringLiteral kSchedule =
    "gnc.schedule"; // str: postfix program (see runtime::Tensor::schedule)
constexpr llvm::StringLiteral kClasses = "gnc.classes"; // i64: K of index(K)
constexpr llvm::StringLiteral kMember = "gnc.member";   // str: member of the data source
constexpr llvm::StringLiteral kWas = "gnc.was"; // str array: earlier paths of a weight or state
constexpr llvm::StringLiteral kUpdates =
    "gnc.updates"; // i64 (results): the argument that takes this value
constexpr llvm::StringLiteral kRecipe = "gnc.recipe"; // dictionary (module): the train section
} // namespace names

/// True for a gnc.role of what lives from run to run.
inline bool isPersistentRole(llvm::StringRef role) {
  return role == "weight" || role == "state" || role == "optimizer" || role == "average";
}

/// True for tensors with a leading batch axis.
inline bool isBatched(mlir::Type type) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  return tensor && tensor.getRank() > 0 && tensor.isDynamicDim(0);
}

/// f16 and bf16: elements that are stored in half of an f32.
inline bool isHalf(mlir::Type element) { return element.isF16() || element.isBF16(); }

/// What an equation computes with where it reads or yields an element of `tensor`: f32 for f16 and
/// bf16, or else the element type.
inline mlir::Type scalarTypeOf(mlir::Type tensor) {
  mlir::Type element = llvm::cast<mlir::RankedTensorType>(tensor).getElementType();
  return isHalf(element) ? mlir::Float32Type::get(element.getContext()) : element;
}

/// `tensor` with the elements that its adjoint has: f32, or else its own.
inline mlir::RankedTensorType adjointTypeOf(mlir::Type tensor) {
  auto type = llvm::cast<mlir::RankedTensorType>(tensor);
  return mlir::RankedTensorType::get(type.getShape(), scalarTypeOf(type), type.getEncoding());
}

} // namespace gnc

// Generated code has unused parameters.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-parameter"
#include "GncDialect.h.inc"
#include "GncEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "GncAttributes.h.inc"
#include "GncInterfaces.h.inc"
#define GET_OP_CLASSES
#include "GncOps.h.inc"
#pragma clang diagnostic pop
