//===- Compiler.h - what libgnc_compiler.so offers
//----------------------------------------------===//
//
// The seam between `gnc`, which links no LLVM, and the compiler, which it loads when there is
// something to compile. No compiler header here.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Program.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gnc::tools {

/// What the command line says about a file and how to compile it.
struct CompileRequest {
  std::string file;                ///< .net, or .mlir: a module printed at any phase
  std::optional<std::string> text; ///< in place of what is in `file`, which need not exist
  std::string net;                 ///< whose sections are meant; "": the only one
  std::vector<std::pair<std::string, std::string>> settings; ///< -s name=value
  std::string data;                                          ///< --data
  std::optional<uint64_t> seed;
  int64_t batch = 0;                 ///< to plan for; 0: the recipe's
  std::vector<std::string> programs; ///< to keep of train, eval, infer; empty: all
  int threads = 0; ///< of the compiler; 0: all processors, 1: none beside the caller
  unsigned optLevel = 0;
  unsigned cpuLevel = 0; ///< of x86-64: 2, 3, 4; 0: this machine's
  unsigned vectorBits = 0;
  uint64_t memory = 0; ///< bytes that the tensors of a program may take; 0: as many as they like
  std::string card;    ///< "sm_80": for CUDA cards of this architecture; "": for the processor
  std::string codegen; ///< how a card's PTX is made: "nvptx" or "nvrtc"; "": nvptx
  std::string library; ///< of a card, that takes convolutions: "cudnn"; "": none
  std::string cudnn;   ///< file of that library; "": the system's
  bool verifyEach = false;
  bool timing = false;                     ///< append to the diagnostics how long every pass took
  std::vector<std::string> disabledPasses; ///< of Compiler::passes()
  unsigned depth = 1;                      ///< summary: levels of blocks that have rows
  bool gradients = false;                  ///< check: compare gradients with difference quotients
  bool warningsAreErrors = false;          ///< what warns exits with 1
  bool jsonDiagnostics = false;            ///< `diagnostics` is one JSON object a line
  bool shapes = false;                     ///< format: with the shape column
};

/// `exitCode` as the tool's: 0, 1 the input is wrong, 2 usage, 3 environment, 4 a bug of ours.
struct CompileReply {
  int exitCode = 0;
  std::string diagnostics; ///< for stderr, in the form of the language page; warnings too
  std::string output;      ///< text, or the bytes of a file
  runtime::CompiledNet net;
};

class Compiler {
public:
  virtual ~Compiler() = default;
  /// Every check; opens no data. What it assumed is in `output`.
  virtual CompileReply check(const CompileRequest &request) = 0;
  /// The module at a phase ("ast" .. "obj"), in `output`.
  virtual CompileReply emit(const CompileRequest &request, const std::string &phase) = 0;
  /// What every launch will cost on the request's card, in `output`.
  virtual CompileReply report(const CompileRequest &request) = 0;
  /// The paper's table, in `output`.
  virtual CompileReply summary(const CompileRequest &request) = 0;
  /// Everything the runtime needs, in `net`; its machine code is not loaded (runtime::loadCode).
  virtual CompileReply compile(const CompileRequest &request) = 0;
  /// The canonical form of the text, in `output`; `request.file` is its name in messages.
  virtual CompileReply format(const CompileRequest &request, const std::string &text) = 0;
  /// Speaks the Language Server Protocol over the standard streams until the client ends it;
  /// `delimited` is the form of tests.
  virtual CompileReply serve(bool delimited) = 0;
  /// A declaration of the standard library with its documentation; "": the list of all.
  virtual CompileReply library(const CompileRequest &request, const std::string &name) = 0;
  /// The gradient of an op of the file (or of "std") as the text of an op, in `output`. The
  /// settings give shapes of inputs, dimensions and settings of the op.
  virtual CompileReply gradient(const CompileRequest &request, const std::string &op) = 0;
  /// The passes that can be left out, a line each: name and what it does.
  virtual std::string passes() = 0;
  /// The page about a message; "": the list of all.
  virtual CompileReply explain(const CompileRequest &request, const std::string &slug) = 0;
};

/// Changes with this header: a tool and a library that do not fit refuse each other.
constexpr int kCompilerVersion = 8;

} // namespace gnc::tools

extern "C" {
int gncCompilerVersion();
gnc::tools::Compiler *gncCompilerCreate(); // NOLINT: a C name for dlsym, a C++ object behind it
}
