//===- GpuPart.h - what a block of a GPU's kernel computes ------------------------------------===//
#pragma once

#include "codegen/Emit.h"

namespace gnc {

/// An equation that is a kernel, or a part of one that several share.
class GpuPart {
public:
  virtual ~GpuPart() = default;
  virtual Tiles tiles() const = 0;
  virtual unsigned threads() const = 0; ///< of a block
  /// Emits what block GpuBuilder::block(), one of the tiles, computes.
  virtual llvm::LogicalResult emit() = 0;
};

} // namespace gnc
