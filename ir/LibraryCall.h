//===- LibraryCall.h - equations that a library computes ------------------------------------===//
#pragma once

#include "ir/Gnc.h"

namespace gnc {

namespace names {
/// dictionary (equations of two reads that a library computes with a plan, and the kernels without
/// a body that stand for such plans): passes leave them as they are, borders included.
///
///   orders     array of arrays: for reads 0 and 1 and the result, their dimensions as they must
///   lie,
///              the outermost first
///   operands   which operand is what, in the order of `ids`: a read, or the number of reads for
///   the
///              result
///   ids        what the plan calls them
///   plan, workspace   the plan's text, and the bytes that it needs beside
///   sums_batch present if samples are summed over: those beyond the batch must count as nothing
constexpr llvm::StringLiteral kLibrary = "gnc.library";
/// array of dictionaries (functions): of each equation that was offered to a library `site` and
/// `what`, and `engine` and `workspace` of its plan, or `why` there is none.
constexpr llvm::StringLiteral kLibraryReport = "gnc.library_report";
} // namespace names

inline bool isLibraryCall(ComputeOp op) { return op->hasAttr(names::kLibrary); }

/// Whether one of these attributes of `op` says all of that, and nothing that cannot be.
mlir::LogicalResult verifyLibraryCall(mlir::Operation *op, mlir::Attribute call);
mlir::LogicalResult verifyLibraryReport(mlir::Operation *op, mlir::Attribute report);

} // namespace gnc
