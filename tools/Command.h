//===- Command.h - the subcommands of gnc
//-------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"
#include "tools/Compiler.h"

#include <functional>
#include <string>
#include <vector>

namespace gnc::tools {

/// Everything the command line can say; each subcommand uses its part.
struct Arguments {
  CompileRequest compile;
  std::string out;     ///< train: folder; infer: file
  std::string weights; ///< eval, infer
  std::string split = "test";
  std::vector<std::string> inputs; ///< infer: field=FILE or test:INDEX
  std::optional<int64_t> epochs, steps, checkpointEvery;
  int threads = 0;
  bool resume = false, json = false, quiet = false;
  bool partial = false;           ///< train: of init, what fits
  std::string onNan = "stop";     ///< train: or "continue"
  std::string emit, output;       ///< compile
  std::vector<std::string> files; ///< fmt
  bool checkOnly = false;         ///< fmt
  bool delimited = false;         ///< lsp
  std::string name;               ///< std, explain, grad
};

/// Each returns the exit code and has printed everything there is to say.
int runTrain(const Arguments &arguments);
int runEval(const Arguments &arguments);
int runInfer(const Arguments &arguments);
int runCheck(const Arguments &arguments);
int runCompile(const Arguments &arguments);
int runSummary(const Arguments &arguments);
int runProfile(const Arguments &arguments);
int runFormat(const Arguments &arguments);
int runLibrary(const Arguments &arguments);
int runExplain(const Arguments &arguments);
int runGradient(const Arguments &arguments);
int runLanguageServer(const Arguments &arguments);

/// Compiles the asked programs (all if none); messages go to stderr. Check `exitCode`.
CompileReply compileNet(const Arguments &arguments, std::vector<std::string> programs);

/// Loads the compiler and asks it one thing. Messages go to stderr.
CompileReply ask(const std::function<CompileReply(Compiler &)> &question);

/// Errors of this tool itself are printed as JSON from now on.
void reportAsJson();

/// Prints the error to stderr, with the line it is about, and returns its exit code.
int report(const runtime::Error &error);

} // namespace gnc::tools
