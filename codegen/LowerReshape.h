//===- LowerReshape.h - reshapes that are left when kernels are made --------------------------===//
#pragma once

#include "ir/Gnc.h"

namespace gnc {

/// A reshape between row-major tensors is another name for a buffer.
bool isAlias(ReshapeOp op);

/// Any other one moves elements: an equation that finds the row-major position of each element of
/// the result in the input takes its place.
void lowerReshape(ReshapeOp op);

} // namespace gnc
