//===- gnc.cpp - the command line -------------------------------------------------------------===//
//
// Options.cpp has the tables, Command*.cpp do the work. Links no LLVM: the compiler is loaded when
// there is something to compile, so `gnc --help` is instant.
//
//===------------------------------------------------------------------------------------------===//
#include "tools/Command.h"
#include "tools/OptionTable.h"
#include "tools/Options.h"
#include "tools/Usage.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <new>

namespace {
using gnc::tools::Arguments;

int printPage(const std::string &text) {
  fputs(text.c_str(), stdout);
  return 0;
}

/// False with a message for a text that is no name=value.
bool readSettings(const gnc::tools::OptionTexts &texts, Arguments &arguments) {
  for (const std::string &text : texts.settings) {
    size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      fprintf(stderr, "gnc: error: -s %s: write -s name=value [usage]\n", text.c_str());
      return false;
    }
    arguments.compile.settings.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return true;
}

int dispatch(const CLI::App &app, const Arguments &arguments,
             const gnc::tools::EmulateRequest &emulation) {
  if (app.got_subcommand("emulate"))
    return gnc::tools::runEmulate(emulation);
  if (app.got_subcommand("train"))
    return runTrain(arguments);
  if (app.got_subcommand("eval"))
    return runEval(arguments);
  if (app.got_subcommand("infer"))
    return runInfer(arguments);
  if (app.got_subcommand("check"))
    return runCheck(arguments);
  if (app.got_subcommand("bench"))
    return runBench(arguments);
  if (app.got_subcommand("devices"))
    return runDevices(arguments);
  if (app.got_subcommand("summary"))
    return runSummary(arguments);
  if (app.got_subcommand("fmt"))
    return runFormat(arguments);
  if (app.got_subcommand("std"))
    return runLibrary(arguments);
  if (app.got_subcommand("grad"))
    return runGradient(arguments);
  if (app.got_subcommand("explain"))
    return runExplain(arguments);
  if (app.got_subcommand("lsp"))
    return runLanguageServer(arguments);
  if (app.got_subcommand("completions"))
    return printPage(gnc::tools::completionScript(gnc::tools::commandTable(app), arguments.name));
  if (app.got_subcommand("man"))
    return printPage(gnc::tools::manualPage(gnc::tools::commandTable(app), app.get_description(),
                                            "gnc " GNC_VERSION_TEXT));
  return runCompile(arguments);
}

/// Output that did not arrive (a full disk behind `>`) is not success.
int finish(int exitCode) {
  if (fflush(stdout) == 0 && !ferror(stdout))
    return exitCode;
  int failed = gnc::tools::report(gnc::runtime::environmentError(
      "cannot-write", "what was printed could not be written in full"));
  return exitCode ? exitCode : failed;
}
} // namespace

int main(int argc, char **argv) {
  Arguments arguments;
  gnc::tools::OptionTexts texts;
  CLI::App app("gnc compiles convolutional networks to machine code and trains them", "gnc");
  app.set_version_flag("--version", "gnc " GNC_VERSION_TEXT);
  app.require_subcommand(1);
  gnc::tools::EmulateRequest emulation;
  addOptions(app, arguments, emulation, texts);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    // Help and version come this way too, with code 0.
    return error.get_exit_code() ? gnc::tools::reportUsage(app, error, argc, argv)
                                 : app.exit(error);
  }
  if (!readSettings(texts, arguments))
    return 2;
  if (texts.diagnosticFormat == "json") {
    arguments.compile.jsonDiagnostics = true;
    gnc::tools::reportAsJson();
  }
  try {
    return finish(dispatch(app, arguments, emulation));
  } catch (const std::bad_alloc &) { // where memory is asked for without a word of what for
    return gnc::tools::report(
        gnc::runtime::environmentError("out-of-memory", "there is not enough memory"));
  }
}
