//===- Linker.h - the machine's own linker
//--------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"

namespace gnc::tools {

/// Links an object file to a shared library with the first of cc, clang, gcc, ld.lld, ld that is on
/// the PATH. Errors: environment "no-linker"; "link-failed" with what the linker said.
runtime::Status linkLibrary(const std::string &object, const std::string &library);

} // namespace gnc::tools
