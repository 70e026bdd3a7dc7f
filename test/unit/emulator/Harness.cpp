#include "Harness.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace gnc::test {

std::string kernelText(std::string_view body, std::string_view declarations, unsigned target) {
  std::string text = ".version 8.5\n.target sm_" + std::to_string(target) + "\n.address_size 64\n";
  text += declarations;
  text += ".visible .entry k(.param .u64 in, .param .u64 out)\n{\n"
          ".reg .pred %p<40>;\n.reg .b16 %h<40>;\n.reg .b32 %r<80>;\n.reg .f32 %f<40>;\n"
          ".reg .f64 %d<40>;\n.reg .b64 %rd<40>;\n"
          "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\n";
  text += body;
  return text + "\nret;\n}\n";
}

static std::string readFile(const std::filesystem::path &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string sampleText(const std::string &name) {
  const char *folder = std::getenv("GNC_PTX_SAMPLES");
  return folder ? readFile(std::filesystem::path(folder) / name) : "";
}

/// Where the CUDA toolkit is, empty without one.
static std::filesystem::path toolkit() {
  const char *named = std::getenv("CUDA_HOME");
  std::filesystem::path path = named ? named : "/usr/local/cuda";
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

namespace {
/// The few functions of nvrtc that are needed.
struct Nvrtc {
  void *library = nullptr;
  int (*create)(void **, const char *, const char *, int, const char *const *, const char *const *);
  int (*compile)(void *, int, const char *const *);
  int (*size)(void *, size_t *);
  int (*get)(void *, char *);
  int (*logSize)(void *, size_t *);
  int (*getLog)(void *, char *);
  int (*destroy)(void **);
  Nvrtc();
};
} // namespace

Nvrtc::Nvrtc() {
  for (const char *name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) {
    for (const std::string &path : {(toolkit() / "lib64" / name).string(), std::string(name)})
      if (!library)
        library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  if (!library)
    return;
  auto find = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    ASSERT_TRUE(function) << name;
  };
  find(create, "nvrtcCreateProgram");
  find(compile, "nvrtcCompileProgram");
  find(size, "nvrtcGetPTXSize");
  find(get, "nvrtcGetPTX");
  find(logSize, "nvrtcGetProgramLogSize");
  find(getLog, "nvrtcGetProgramLog");
  find(destroy, "nvrtcDestroyProgram");
}

std::string compileCuda(const std::string &source, unsigned sm) {
  static Nvrtc nvrtc;
  if (!nvrtc.library)
    return "";
  void *program = nullptr;
  EXPECT_EQ(nvrtc.create(&program, source.c_str(), "test.cu", 0, nullptr, nullptr), 0);
  std::string arch = "--gpu-architecture=compute_" + std::to_string(sm);
  std::string include = "-I" + (toolkit() / "include").string();
  const char *options[] = {arch.c_str(), include.c_str(), "-lineinfo"};
  int status = nvrtc.compile(program, 3, options);
  size_t bytes = 0;
  if (status) {
    nvrtc.logSize(program, &bytes);
    std::string log(bytes, '\0');
    nvrtc.getLog(program, log.data());
    ADD_FAILURE() << log;
    return "";
  }
  nvrtc.size(program, &bytes);
  std::string ptx(bytes, '\0');
  nvrtc.get(program, ptx.data());
  nvrtc.destroy(&program);
  return ptx;
}

std::string compileInput(const std::string &name, unsigned sm) {
  return compileCuda(
      readFile(std::filesystem::path(GNC_SOURCE_DIR "/test/unit/emulator/Inputs") / name), sm);
}

std::string assemblerErrors(std::string_view ptx, unsigned sm, bool &found) {
  std::filesystem::path ptxas = toolkit() / "bin" / "ptxas";
  found = std::filesystem::exists(ptxas);
  if (!found)
    return "";
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("gnc-ptxas-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "a.ptx") << ptx;
  std::string command = ptxas.string() + " -arch=sm_" + std::to_string(sm) + " -o /dev/null " +
                        (folder / "a.ptx").string() + " >" + (folder / "log").string() + " 2>&1";
  int status = std::system(command.c_str());
  std::string log = readFile(folder / "log");
  std::filesystem::remove_all(folder);
  return status ? "ptxas: " + log : "";
}

} // namespace gnc::test
