//===- CudaForms.h - scalar ops as CUDA C++ expressions ---------------------------------------===//
#pragma once

#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringRef.h"

namespace gnc {

/// How the operands of an op are looked at. Integers are unsigned in the text and indices are int;
/// an op that cares says so.
enum class CudaView : uint8_t { Plain, Signed, Unsigned };

/// `text` with %0, %1, .. for the operands.
struct CudaForm {
  llvm::StringLiteral name, text;
  CudaView view = CudaView::Plain;
};

/// The form of an op that computes one value from values of the same shape; null if it has none.
/// The same text serves scalars and vectors.
const CudaForm *cudaForm(mlir::Operation *op);

/// What the text of every program begins with.
llvm::StringRef cudaPrelude();

} // namespace gnc
