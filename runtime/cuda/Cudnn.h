//===- Cudnn.h - cuDNN, loaded at run time ----------------------------------------------------===//
//
// Functions in a header: the compiler, which asks cuDNN for plans, and the runtime, which runs
// them, share no library.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"
#include "runtime/cuda/CudnnApi.h"

#include <cstdlib>
#include <dlfcn.h>
#include <span>
#include <string>
#include <vector>

namespace gnc::cudnn {

/// The functions of a cuDNN. Copies share the library, which stays loaded.
class Cudnn {
public:
  static constexpr const char *systemLibrary = "libcudnn.so.9";
  /// The software device has its own.
  static constexpr const char *emulatorLibrary = "libgnc_cuda_emulator.so";

  /// Files to try: the one that is asked for; else those of the toolkit that $CUDA_HOME or
  /// $CUDA_PATH name, or of /usr/local/cuda if neither does; then what the system's loader finds.
  static std::vector<std::string> places(const std::string &path) {
    if (!path.empty())
      return {path};
    std::vector<std::string> folders, files;
    for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
      if (const char *value = std::getenv(variable); value && *value)
        folders.push_back(value);
    if (folders.empty())
      folders.push_back("/usr/local/cuda");
    for (const std::string &folder : folders)
      for (const char *sub : {"/lib64/", "/lib/"})
        files.push_back(folder + sub + systemLibrary);
    files.push_back(systemLibrary);
    return files;
  }

  /// Errors: environment "no-cudnn" (there is none, or not all that is needed in it).
  static runtime::Result<Cudnn> load(const std::string &path) {
    std::string tried;
    for (const std::string &file : places(path)) {
      tried += (tried.empty() ? "" : ", ") + file;
      if (void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL))
        return find(library, file);
    }
    return runtime::environmentError("no-cudnn", "there is no cuDNN 9: looked for " + tried)
        .withHelp("install cuDNN 9 and set CUDA_HOME to its folder, name the library with "
                  "--cudnn=FILE, or leave --library=cudnn out");
  }

#define GNC_CUDNN_MEMBER(name, symbol, result, parameters) result(*name) parameters = nullptr;
  GNC_CUDNN_FUNCTIONS(GNC_CUDNN_MEMBER)
#undef GNC_CUDNN_MEMBER

  /// "unsupported engine (CUDNN_STATUS_NOT_SUPPORTED)": what a status means, and in more words what
  /// happened last, if the library says so.
  std::string describe(Status status) const {
    char more[512] = "";
    getLastErrorString(more, sizeof more);
    std::string text = getErrorString(status);
    return *more ? text + ": " + std::string(more).substr(0, std::string(more).find('\n')) : text;
  }

private:
  static runtime::Result<Cudnn> find(void *library, const std::string &file) {
    Cudnn found;
    const char *missing = nullptr;
#define GNC_CUDNN_FIND(name, symbol, result, parameters)                                           \
  found.name = reinterpret_cast<result(*) parameters>(dlsym(library, #symbol));                    \
  if (!found.name && !missing)                                                                     \
    missing = #symbol;
    GNC_CUDNN_FUNCTIONS(GNC_CUDNN_FIND)
#undef GNC_CUDNN_FIND
    if (missing)
      return runtime::environmentError("no-cudnn", "the library '" + file + "' lacks " + missing)
          .withHelp("cuDNN 9 is needed");
    return found;
  }
};

/// A descriptor, and what became of it: after the first call that fails, nothing more is called.
class OwnedDescriptor {
public:
  OwnedDescriptor(const Cudnn &library, Kind kind) : library(&library) {
    state = library.createDescriptor(kind, &descriptor);
  }
  OwnedDescriptor(OwnedDescriptor &&other) noexcept { *this = std::move(other); }
  OwnedDescriptor &operator=(OwnedDescriptor &&other) noexcept {
    std::swap(library, other.library);
    std::swap(descriptor, other.descriptor);
    std::swap(state, other.state);
    return *this;
  }
  ~OwnedDescriptor() {
    if (descriptor)
      library->destroyDescriptor(descriptor);
  }

  template <typename T> void set(Name name, Type type, std::span<const T> values) {
    if (state == Status::Success)
      state = library->setAttribute(descriptor, name, type, int64_t(values.size()), values.data());
  }
  template <typename T> void set(Name name, Type type, const T &value) {
    set(name, type, std::span<const T>(&value, 1));
  }
  void set(Name name, const OwnedDescriptor &other) {
    set(name, Type::Descriptor, other.descriptor);
  }
  void setText(Name name, const std::string &text) { // with its NUL
    set(name, Type::Char, std::span<const char>(text.c_str(), text.size() + 1));
  }
  /// How many values there are, at most `into.size()` of which are copied into it.
  template <typename T> int64_t get(Name name, Type type, std::span<T> into) {
    int64_t count = 0;
    if (state == Status::Success)
      state = library->getAttribute(descriptor, name, type, int64_t(into.size()), &count,
                                    into.empty() ? nullptr : into.data());
    return state == Status::Success ? count : 0;
  }
  int64_t getInteger(Name name) {
    int64_t value = 0;
    get(name, Type::Int64, std::span<int64_t>(&value, 1));
    return value;
  }
  bool finalize() {
    if (state == Status::Success)
      state = library->finalize(descriptor);
    return good();
  }

  bool good() const { return state == Status::Success; }
  Status status() const { return state; }
  Descriptor get() const { return descriptor; }

private:
  const Cudnn *library = nullptr;
  Descriptor descriptor = nullptr;
  Status state = Status::Success;
};

} // namespace gnc::cudnn
