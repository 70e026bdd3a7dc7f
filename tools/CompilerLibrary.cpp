//===- CompilerLibrary.cpp - loads libgnc_compiler.so
//-------------------------------------------===//
#include "tools/CompilerLibrary.h"

#include "runtime/File.h"

#include <climits>
#include <dlfcn.h>
#include <unistd.h>

namespace gnc::tools {

static constexpr const char *name = "libgnc_compiler.so";

/// The folder of a program or library, with a slash at its end; "" if it has none.
static std::string folderOf(const std::string &path) { return path.substr(0, path.rfind('/') + 1); }

std::string compilerPath() {
  char program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program);
  std::vector<std::string> folders = {
      folderOf(std::string(program, size_t(std::max<ssize_t>(length, 0))))};
  Dl_info library;
  if (dladdr(reinterpret_cast<void *>(&compilerPath), &library) && library.dli_fname)
    folders.insert(folders.begin(), folderOf(library.dli_fname));
  for (const std::string &folder : folders)
    for (const char *place : {"", "../lib/", "../lib/x86_64-linux-gnu/"})
      if (std::string path = folder + place + name; !folder.empty() && runtime::fileExists(path))
        return path;
  return "";
}

runtime::Result<std::unique_ptr<Compiler>> loadCompiler() {
  std::string path = compilerPath(); // else where the system looks
  void *library = dlopen(path.empty() ? name : path.c_str(), RTLD_NOW | RTLD_LOCAL);
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
