#include "codegen/CudaTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

namespace gnc {

// Figures of the data sheets.
static constexpr CudaTarget kTargets[] = {
    {"sm_75", 63, 72, 16.3, 0.672, 1024, 64 << 10, "Quadro RTX 8000", 16, 48, 6, 1770, 7001},
    {"sm_80", 70, 108, 19.5, 2.04, 2048, 164 << 10, "A100 80GB", 32, 80, 40, 1410, 1512},
    {"sm_86", 71, 84, 40.0, 0.936, 1536, 100 << 10, "RTX 3090 Ti", 16, 24, 6, 1860, 10501},
    {"sm_89", 78, 128, 82.6, 1.01, 1536, 100 << 10, "RTX 4090", 24, 24, 72, 2520, 10501},
    {"sm_90", 78, 132, 67.0, 3.35, 2048, 228 << 10, "H100 SXM", 32, 80, 50, 1980, 2619},
    {"sm_100", 86, 148, 75.0, 8.0, 2048, 228 << 10, "B200", 32, 180, 126, 1965, 3996},
    {"sm_120", 87, 170, 105.0, 1.79, 1536, 100 << 10, "RTX 5090", 24, 32, 96, 2407, 14001},
};

const CudaTarget *cudaTargetNamed(llvm::StringRef name) {
  const CudaTarget *found = llvm::find_if(kTargets, [&](auto &t) { return t.name == name; });
  return found == std::end(kTargets) ? nullptr : found;
}

llvm::ArrayRef<CudaTarget> cudaTargets() { return kTargets; }

//===------------------------------------------------------------------------------------------===//
// The toolkit
//===------------------------------------------------------------------------------------------===//

/// The folders that the environment names.
static std::vector<std::string> namedToolkits() {
  std::vector<std::string> folders;
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char *value = std::getenv(variable); value && *value)
      folders.push_back(value);
  return folders;
}

static std::vector<std::string> toolkits() {
  std::vector<std::string> folders = namedToolkits();
  return folders.empty() ? std::vector<std::string>{"/usr/local/cuda"} : folders;
}

std::optional<std::string> findInToolkit(llvm::StringRef file) {
  for (const std::string &folder : toolkits()) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, file);
    if (llvm::sys::fs::exists(path))
      return path.str().str();
  }
  return std::nullopt;
}

std::vector<std::string> librariesOfToolkit(llvm::StringRef name) {
  std::vector<std::string> paths;
  if (namedToolkits().empty())
    for (const char *version : {"", ".13", ".12", ".11.2"})
      paths.push_back(name.str() + version);
  for (const std::string &folder : toolkits())
    for (const char *sub : {"/lib64/", "/lib/"})
      for (const char *version : {"", ".13", ".12", ".11.2"})
        paths.push_back(folder + sub + name.str() + version);
  return paths;
}

//===------------------------------------------------------------------------------------------===//
// ptxas
//===------------------------------------------------------------------------------------------===//

static std::optional<std::string> findPtxas() {
  if (namedToolkits().empty())
    if (auto inPath = llvm::sys::findProgramByName("ptxas"))
      return *inPath;
  return findInToolkit("bin/ptxas");
}

/// The lines of `ptxas -v`: a kernel's name, its stack and spills, its registers and memory.
static std::vector<KernelResources> readLog(llvm::StringRef log) {
  std::vector<KernelResources> kernels;
  llvm::Regex name("Compiling entry function '([^']+)'"), spills("([0-9]+) bytes spill stores"),
      registers("Used ([0-9]+) registers"), shared("([0-9]+) bytes smem");
  llvm::SmallVector<llvm::StringRef> lines, match;
  log.split(lines, '\n');
  for (llvm::StringRef line : lines) {
    if (name.match(line, &match)) {
      kernels.push_back({.symbol = match[1].str()});
      continue;
    }
    if (kernels.empty())
      continue;
    if (spills.match(line, &match))
      (void)match[1].getAsInteger(10, kernels.back().spilledBytes);
    if (registers.match(line, &match))
      (void)match[1].getAsInteger(10, kernels.back().registers);
    if (shared.match(line, &match))
      (void)match[1].getAsInteger(10, kernels.back().sharedBytes);
  }
  return kernels;
}

static std::string contentsOf(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

runtime::Result<Cubin> assemblePtx(const std::string &ptx, const CudaTarget &target) {
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    return runtime::environmentError("no-ptxas", "there is no ptxas to make machine code for " +
                                                     target.name.str())
        .withHelp("install the CUDA toolkit and set CUDA_HOME, or write PTX (--emit=ptx): the "
                  "driver of a card translates it");
  llvm::SmallString<128> folder;
  if (std::error_code failure = llvm::sys::fs::createUniqueDirectory("gnc-ptxas", folder))
    return runtime::environmentError("cannot-write",
                                     "cannot make a temporary folder: " + failure.message());
  auto remove = llvm::make_scope_exit([&] { (void)llvm::sys::fs::remove_directories(folder); });
  std::string base = folder.str().str(), in = base + "/in.ptx", out = base + "/out",
              log = base + "/log";
  {
    std::error_code failure;
    llvm::raw_fd_ostream file(in, failure);
    file << ptx;
    file.close();
    if (failure || file.has_error())
      return runtime::environmentError("cannot-write", "cannot write '" + in + "'");
  }
  std::string architecture = "-arch=" + target.name.str();
  std::optional<llvm::StringRef> redirects[] = {std::nullopt, llvm::StringRef(log),
                                                llvm::StringRef(log)};
  std::string error;
  int code = llvm::sys::ExecuteAndWait(*ptxas, {*ptxas, "-v", architecture, in, "-o", out},
                                       std::nullopt, redirects, 0, 0, &error);
  std::string said = contentsOf(log);
  if (code < 0)
    return runtime::environmentError("no-ptxas", "cannot run '" + *ptxas + "': " + error);
  if (code != 0)
    return runtime::internalError("ptxas refuses the PTX that was made").withNote(said);
  return Cubin{contentsOf(out), readLog(said)};
}

} // namespace gnc
