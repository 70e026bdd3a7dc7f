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
  std::string cache;   ///< folder of compiled nets, see CompileCache
  std::string out;     ///< train: folder; infer: file
  std::string weights; ///< eval, infer; compile: to embed
  std::string split = "test";
  std::vector<std::string> cpus;   ///< "native", "x86-64-v3", "none"
  std::vector<std::string> inputs; ///< infer: field=FILE or test:INDEX
  std::optional<int64_t> epochs, steps, checkpointEvery;
  int threads = 0;
  std::string device = "cpu"; ///< or "cuda", "cuda:1", "emulator"
  std::string cudaDriver;     ///< library in place of the system's driver
  bool emulatorCheck = false, emulatorStats = false;
  bool resume = false, json = false, quiet = false;
  bool partial = false;           ///< train: of init, what fits
  std::string onNan = "stop";     ///< train: or "continue"
  std::string emit, output;       ///< compile
  std::vector<std::string> files; ///< fmt
  bool checkOnly = false;         ///< fmt
  bool report = false;            ///< compile
  std::string profile;            ///< train: file of a trace
  bool launches = false;          ///< bench: a line for each
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
int runBench(const Arguments &arguments);
int runDevices(const Arguments &arguments);
int runFormat(const Arguments &arguments);
int runLibrary(const Arguments &arguments);
int runExplain(const Arguments &arguments);
int runGradient(const Arguments &arguments);
int runLanguageServer(const Arguments &arguments);

/// Compiles the asked programs (all if none), or takes them from a .gnc file, ready to run;
/// messages go to stderr. Check `exitCode`.
CompileReply compileNet(const Arguments &arguments, std::vector<std::string> programs);

/// The levels of x86-64 that --cpu names, or `otherwise`. Error: "no-target" if this machine is
/// meant and has none that there is code for.
runtime::Result<std::vector<unsigned>> cpuLevels(const Arguments &arguments,
                                                 std::vector<unsigned> otherwise);

/// Loads the compiler and asks it one thing. Messages go to stderr.
CompileReply ask(const std::function<CompileReply(Compiler &)> &question);

/// What `--disable` can leave out, for the help of a command; "" without a compiler.
std::string passList();

/// Errors of this tool itself are printed as JSON from now on.
void reportAsJson();

/// Prints the error to stderr, with the line it is about, and returns its exit code.
int report(const runtime::Error &error);

} // namespace gnc::tools
