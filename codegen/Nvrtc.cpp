#include "codegen/Nvrtc.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/DynamicLibrary.h"

namespace gnc {

namespace {
/// The few functions that are needed, declared after the manual of nvrtc.
struct Nvrtc {
  using Program = struct Opaque *;
  int (*create)(Program *, const char *source, const char *name, int headers,
                const char *const *texts, const char *const *names) = nullptr;
  int (*destroy)(Program *) = nullptr;
  int (*compile)(Program, int options, const char *const *texts) = nullptr;
  int (*ptxSize)(Program, size_t *) = nullptr;
  int (*ptx)(Program, char *) = nullptr;
  int (*logSize)(Program, size_t *) = nullptr;
  int (*log)(Program, char *) = nullptr;
  const char *(*errorText)(int) = nullptr;

  bool good() const {
    return create && destroy && compile && ptxSize && ptx && logSize && log && errorText;
  }
};

template <typename F> void find(llvm::sys::DynamicLibrary &library, const char *name, F &function) {
  function = reinterpret_cast<F>(library.getAddressOfSymbol(name));
}

Nvrtc load() {
  Nvrtc nvrtc;
  for (const std::string &path : librariesOfToolkit("libnvrtc.so")) {
    std::string ignored;
    auto library = llvm::sys::DynamicLibrary::getPermanentLibrary(path.c_str(), &ignored);
    if (!library.isValid())
      continue;
    find(library, "nvrtcCreateProgram", nvrtc.create);
    find(library, "nvrtcDestroyProgram", nvrtc.destroy);
    find(library, "nvrtcCompileProgram", nvrtc.compile);
    find(library, "nvrtcGetPTXSize", nvrtc.ptxSize);
    find(library, "nvrtcGetPTX", nvrtc.ptx);
    find(library, "nvrtcGetProgramLogSize", nvrtc.logSize);
    find(library, "nvrtcGetProgramLog", nvrtc.log);
    find(library, "nvrtcGetErrorString", nvrtc.errorText);
    if (nvrtc.good())
      return nvrtc;
  }
  return {};
}
} // namespace

static std::string logOf(const Nvrtc &nvrtc, Nvrtc::Program program) {
  size_t size = 0;
  if (nvrtc.logSize(program, &size) != 0 || size == 0)
    return "";
  std::string log(size, '\0');
  if (nvrtc.log(program, log.data()) != 0)
    return "";
  return log.c_str(); // up to the NUL
}

runtime::Result<NvrtcOutput> runNvrtc(const std::string &source, const CudaTarget &target,
                                      llvm::ArrayRef<const char *> more) {
  static const Nvrtc nvrtc = load();
  if (!nvrtc.good())
    return runtime::environmentError("no-nvrtc", "there is no libnvrtc.so to compile CUDA C++")
        .withHelp("install the CUDA toolkit and set CUDA_HOME, or use --codegen=nvptx, which needs "
                  "none");
  constexpr int kInvalidOption = 5, kRefused = 6; // NVRTC_ERROR_INVALID_OPTION, _COMPILATION
  auto failed = [&](int code) {
    return runtime::internalError(std::string("nvrtc: ") + nvrtc.errorText(code));
  };
  Nvrtc::Program program = nullptr;
  if (int code = nvrtc.create(&program, source.c_str(), "gnc.cu", 0, nullptr, nullptr))
    return failed(code);
  auto destroy = llvm::make_scope_exit([&] { nvrtc.destroy(&program); });
  std::string architecture = "--gpu-architecture=compute_" + target.name.drop_front(3).str();
  llvm::SmallVector<const char *> options{architecture.c_str(), "--std=c++17"};
  llvm::append_range(options, more);
  int code = nvrtc.compile(program, int(options.size()), options.data());
  if (code == kInvalidOption)
    return runtime::environmentError("no-nvrtc",
                                     "this libnvrtc.so does not know " + target.name.str())
        .withHelp("install a CUDA toolkit that has " + target.name.str() +
                  ", or use --codegen=nvptx");
  if (code == kRefused)
    return NvrtcOutput{false, logOf(nvrtc, program)};
  if (code)
    return failed(code).withNote(logOf(nvrtc, program));
  size_t size = 0;
  if (int read = nvrtc.ptxSize(program, &size))
    return failed(read);
  std::string ptx(size, '\0');
  if (int read = nvrtc.ptx(program, ptx.data()))
    return failed(read);
  return NvrtcOutput{true, ptx.c_str()}; // up to the NUL
}

runtime::Result<std::string> compileCuda(const std::string &source, const CudaTarget &target) {
  auto output = runNvrtc(source, target, {"--fmad=false"});
  if (!output.ok())
    return output.error();
  if (!output->accepted)
    return runtime::internalError("nvrtc refuses our kernels").withNote(output->text);
  return std::move(output->text);
}

} // namespace gnc
