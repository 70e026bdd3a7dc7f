//===- Session.h - one request to the compiler
//--------------------------------------------------===//
//
// Owns everything that one compilation needs: context, sources, diagnostics, the module on its way.
// The first failure decides the exit code; everything said on the way is in the reply.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/GpuCode.h"
#include "codegen/Jit.h"
#include "codegen/LibraryPlan.h"
#include "codegen/Pipeline.h"
#include "dsl/Frontend.h"
#include "tools/Compiler.h"
#include "tools/Render.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <chrono>

namespace gnc::tools {

class Session {
public:
  explicit Session(const CompileRequest &request);
  ~Session();

  /// Fills the module from the request's file: elaborates a .net, parses a .mlir.
  bool load(dsl::FrontendOptions options);
  bool isNet() const;
  /// Erases the programs that were not asked for. The first of those asked for has to be there.
  bool selectPrograms();
  /// Runs the passes up to `last`.
  bool lower(Phase last);

  /// Front-end options as the request has them.
  dsl::FrontendOptions frontendOptions() const;
  CodeOptions codeOptions() const {
    return {request.optLevel, request.verifyEach, request.cpuLevel};
  }

  /// For kernels of a GPU; fails if there is no such card.
  std::optional<GpuOptions> gpuOptions();

  /// Adds a message in the form that the request asks for.
  void say(const Message &message);
  /// Adds an error of the tool itself.
  bool fail(int exitCode, Message message);
  bool fail(runtime::Error error);
  /// For a failure whose messages came as MLIR diagnostics: the user's fault (1) if one of them is
  /// about a place in the user's file, and it is IR or `maybeInput`; else a bug.
  bool failFromDiagnostics(bool maybeInput);
  /// The front end's own diagnostics become part of the reply.
  void takeFrontendDiagnostics();
  void forgetDiagnostics();
  /// Notes how long it took since the last mark, for `timing`.
  void mark(const char *what);
  CompileReply finish();

  const CompileRequest &request;
  mlir::MLIRContext context;
  dsl::SourceManager sources;
  dsl::Diagnostics diagnostics;
  dsl::NetSummary summary;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  CompileReply reply;

private:
  bool parseModule();
  /// Loads the library that the request names, if any.
  bool openLibrary();
  /// Says what is wrong with the passes to leave out, and which there are.
  bool failPass(const std::string &error);
  bool runPasses(Phase last, const PipelineOptions &options);
  int64_t bytesOver();
  bool fitsMemory();
  void collect(mlir::Diagnostic &diagnostic);
  /// The path of the graph as it was before the passes; empty if it cannot be had.
  std::string keepReproducer();

  std::unique_ptr<mlir::ScopedDiagnosticHandler> handler;
  std::unique_ptr<LibraryPlanner> library;
  bool warned = false;
  bool located = false; ///< some error of MLIR has a place
  std::string times;
  std::chrono::steady_clock::time_point last;
};

} // namespace gnc::tools
