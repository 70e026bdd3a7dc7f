//===- ImageHeader.h - the C header of a net compiled ahead of time
//------------------------------===//
#pragma once

#include "runtime/Program.h"

#include <string>

namespace gnc::tools {

/// Declares `gnc_image_<net>`, names and shapes of inputs and results as macros, and lists the
/// weights as they lie in the files that gnc writes.
std::string imageHeader(const runtime::CompiledNet &net);

} // namespace gnc::tools
