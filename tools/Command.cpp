//===- Command.cpp - what the subcommands share; check, compile, summary
//------------------------===//
#include "tools/Command.h"

#include "runtime/File.h"
#include "tools/CompilerLibrary.h"
#include "tools/Json.h"

#include <cstdio>
#include <unistd.h>

namespace gnc::tools {

static bool asJson = false;
void reportAsJson() { asJson = true; }

int report(const runtime::Error &error) {
  Message message;
  message.text = error.message;
  message.slug = error.slug;
  message.notes = error.notes;
  message.help = error.help;
  if (error.location)
    message.location = *error.location;
  fputs((asJson ? renderJson(message) : render(message)).c_str(), stderr);
  return int(error.code);
}

CompileReply ask(const std::function<CompileReply(Compiler &)> &question) {
  runtime::Result<std::unique_ptr<Compiler>> compiler = loadCompiler();
  CompileReply reply;
  if (compiler.ok())
    reply = question(**compiler);
  else
    reply.exitCode = report(compiler.error());
  fputs(reply.diagnostics.c_str(), stderr);
  return reply;
}

namespace {
/// To a file ("-": stdout). Printing to a closed pipe is no error of ours.
int write(const std::string &path, const std::string &bytes) {
  if (path.empty() || path == "-") {
    fwrite(bytes.data(), 1, bytes.size(), stdout);
    return fflush(stdout) == 0 ? 0 : 3;
  }
  auto data = reinterpret_cast<const uint8_t *>(bytes.data());
  std::span<const uint8_t> piece(data, bytes.size());
  runtime::Status status = runtime::replaceFile(path, std::span(&piece, 1));
  return status.ok() ? 0 : report(status.error());
}
} // namespace

CompileReply compileNet(const Arguments &arguments, std::vector<std::string> programs) {
  CompileRequest request = arguments.compile;
  request.programs = std::move(programs);
  request.threads = arguments.threads;
  return ask([&](Compiler &compiler) { return compiler.compile(request); });
}

int runCheck(const Arguments &arguments) {
  CompileReply reply = ask([&](Compiler &compiler) { return compiler.check(arguments.compile); });
  if (reply.exitCode == 0 && !arguments.quiet)
    printf("%s: no errors\n", arguments.compile.file.c_str());
  if (!arguments.quiet)
    fputs(reply.output.c_str(), stdout);
  return reply.exitCode;
}

int runSummary(const Arguments &arguments) {
  CompileReply reply = ask([&](Compiler &compiler) { return compiler.summary(arguments.compile); });
  fputs(reply.output.c_str(), stdout);
  return reply.exitCode;
}

int runCompile(const Arguments &arguments) {
  std::string phase = arguments.emit;
  if (phase.empty())
    phase = arguments.output.ends_with(".s") ? "asm" : "obj";
  if (phase == "obj" && arguments.output.empty())
    return report(
        runtime::usageError("no-output", "an object file needs a name").withHelp("add -o FILE.o"));
  CompileReply reply =
      ask([&](Compiler &compiler) { return compiler.emit(arguments.compile, phase); });
  if (reply.exitCode)
    return reply.exitCode;
  return write(arguments.output, reply.output);
}

} // namespace gnc::tools
