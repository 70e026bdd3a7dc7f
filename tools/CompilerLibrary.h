//===- CompilerLibrary.h - loads libgnc_compiler.so
//---------------------------------------------===//
#pragma once

#include "runtime/Status.h"
#include "tools/Compiler.h"

#include <memory>

namespace gnc::tools {

/// The file of the compiler, beside this program or library; "" if it is elsewhere.
std::string compilerPath();

/// The compiler, loaded now (100 ms). It stays loaded: machine code that it makes needs it.
runtime::Result<std::unique_ptr<Compiler>> loadCompiler();

} // namespace gnc::tools
