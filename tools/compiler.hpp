//===- compiler.hpp - the compiler in a C++ program
//----------------------------------------------===//
//
// gnc_compiler.h with strings and vectors; no header of LLVM or MLIR. Header only, C++20.
//
//     gnc::Compilation result = gnc::compile("net.net", {.batch = 1});
//     if (!result)
//       for (const gnc::Diagnostic &d : result.diagnostics) ..
//     gnc::Context context(*result.program);
//
//===------------------------------------------------------------------------------------------===//
#ifndef GNC_COMPILER_HPP
#define GNC_COMPILER_HPP

#include "gnc.hpp"
#include "gnc_compiler.h"

namespace gnc {

/// The text of a network that is no file. `name` is what messages call it; what it uses, and its
/// data, are looked for from the folder of that name.
struct Source {
  std::string name, text;
};

struct CompileOptions {
  std::string net = {};                                           ///< "": the only one
  std::vector<std::pair<std::string, std::string>> settings = {}; ///< name and value
  std::string data = {}; ///< a folder, or "synthetic:N"; "": as written
  std::optional<uint64_t> seed = {};
  int64_t batch = 0;            ///< samples to plan for; 0: the train section's
  std::vector<Mode> modes = {}; ///< none: all that the text has
  int threads = 0;              ///< of the compiler; 0: all processors
  int vectorBits = 0;           ///< 0: this machine's
  int optLevel = 0;             ///< of LLVM, 0 to 2
  std::vector<std::string> disabledPasses = {};
  uint64_t memory = 0; ///< bytes that the tensors of a program may take; 0: as many as they like
  std::optional<std::string> cache = {}; ///< a folder, or "off"; none: see gnc_compile_options
};

/// A message of the compiler.
struct Diagnostic {
  struct Remark {
    std::string text, file;
    int32_t line = 0, column = 0;
  };
  std::string severity, slug, message; ///< severity: "error" or "warning"
  std::string file;                    ///< "" if it is about no place
  int32_t line = 0, column = 0, endLine = 0, endColumn = 0;
  std::vector<Remark> notes, helps;
};

struct Compilation {
  std::optional<Program> program; ///< nothing if there was an error
  std::vector<Diagnostic> diagnostics;
  explicit operator bool() const { return program.has_value(); }
};

namespace detail {
inline std::vector<Diagnostic::Remark> remarks(const gnc_remark *first, size_t count) {
  std::vector<Diagnostic::Remark> all;
  for (const gnc_remark *remark = first; remark != first + count; ++remark)
    all.push_back({remark->text, remark->file, remark->line, remark->column});
  return all;
}

inline void collect(void *user, const gnc_diagnostic *d) {
  static_cast<std::vector<Diagnostic> *>(user)->push_back(
      {d->severity, d->slug, d->message, d->file, d->line, d->column, d->end_line, d->end_column,
       remarks(d->notes, d->note_count), remarks(d->helps, d->help_count)});
}

/// Pointers to the strings, and NULL.
inline std::vector<const char *> pointers(const std::vector<std::string> &strings) {
  std::vector<const char *> all;
  for (const std::string &string : strings)
    all.push_back(string.c_str());
  all.push_back(nullptr);
  return all;
}

inline Compilation compile(const std::string &path, const std::string *text,
                           const CompileOptions &options) {
  std::vector<std::string> settings;
  for (const auto &[name, value] : options.settings)
    settings.push_back(name + "=" + value);
  std::vector<const char *> settingList = pointers(settings);
  std::vector<const char *> passList = pointers(options.disabledPasses);
  auto passed = Program::sized<gnc_compile_options>();
  passed.path = path.c_str();
  passed.text = text ? text->c_str() : nullptr;
  passed.text_bytes = text ? text->size() : 0;
  passed.net = options.net.empty() ? nullptr : options.net.c_str();
  passed.settings = settingList.data();
  passed.data = options.data.empty() ? nullptr : options.data.c_str();
  passed.set_seed = options.seed.has_value();
  passed.seed = options.seed.value_or(0);
  passed.batch = options.batch;
  for (Mode mode : options.modes)
    passed.modes |= uint32_t(1) << gnc_mode(mode);
  passed.threads = options.threads;
  passed.vector_bits = options.vectorBits;
  passed.opt_level = options.optLevel;
  passed.disabled_passes = passList.data();
  passed.memory = options.memory;
  passed.cache = options.cache ? options.cache->c_str() : nullptr;
  Compilation result;
  gnc_program *program = nullptr;
  gnc_status *status = gnc_compile(&passed, collect, &result.diagnostics, &program);
  if (!status)
    result.program = Program(program);
  else if (result.diagnostics.empty() || gnc_status_code(status) != GNC_INPUT)
    check(status);
  gnc_status_free(status);
  return result;
}
} // namespace detail

/// Compiles a file for this machine. What is wrong with the text is in the diagnostics; anything
/// else (no compiler, no memory, a wrong option) is thrown as gnc::Error.
inline Compilation compile(const std::string &path, const CompileOptions &options = {}) {
  return detail::compile(path, nullptr, options);
}
inline Compilation compile(const Source &source, const CompileOptions &options = {}) {
  return detail::compile(source.name, &source.text, options);
}

} // namespace gnc

#endif
