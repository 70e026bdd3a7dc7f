//===- CompilerLibrary.cpp - loads libgnc_compiler.so
//-------------------------------------------===//
#include "tools/CompilerLibrary.h"

#include <dlfcn.h>

namespace gnc::tools {

runtime::Result<std::unique_ptr<Compiler>> loadCompiler() {
  constexpr const char *name = "libgnc_compiler.so"; // found beside the tool, by its rpath
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return runtime::environmentError("no-compiler",
                                     std::string("the compiler cannot be loaded: ") + dlerror())
        .withHelp("install gnc as a whole: bin/gnc needs lib/" + std::string(name) + " beside it");
  auto version = reinterpret_cast<int (*)()>(dlsym(library, "gncCompilerVersion"));
  auto create = reinterpret_cast<Compiler *(*)()>(dlsym(library, "gncCompilerCreate"));
  if (!version || !create || version() != kCompilerVersion)
    return runtime::environmentError("no-compiler",
                                     std::string(name) + " is of another version than this tool")
        .withHelp("install both from one build");
  return std::unique_ptr<Compiler>(create());
}

} // namespace gnc::tools
