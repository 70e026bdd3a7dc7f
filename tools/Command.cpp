//===- Command.cpp - what the subcommands share; check, summary
//------------------------===//
#include "tools/Command.h"

#include "runtime/CodeLoader.h"
#include "runtime/ProgramFile.h"
#include "tools/CompileCache.h"
#include "tools/CompiledFile.h"
#include "tools/CompilerLibrary.h"
#include "tools/Data.h"
#include "tools/Json.h"

#include <cstdio>

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

std::string passList() {
  runtime::Result<std::unique_ptr<Compiler>> compiler = loadCompiler();
  return compiler.ok() ? "\nPasses:\n" + (*compiler)->passes() : "";
}

/// The programs of a net: kept from another time, or compiled now.
static runtime::Status findOrCompile(const CompileRequest &request, const std::string &folder,
                                     CompileReply &reply) {
  CompileCache cache(folder);
  std::string key = cache.keyOf(request);
  if (auto entry = cache.find(key)) {
    auto net = runtime::loadProgramBytes(entry->program, cache.pathOf(key));
    if (net.ok()) { // else it is damaged, and written anew
      fputs(entry->diagnostics.c_str(), stderr);
      reply.net = std::move(*net);
      return {};
    }
  }
  reply = ask([&](Compiler &compiler) { return compiler.compile(request); });
  if (reply.exitCode)
    return {};
  if (runtime::ProgramVariant variant{&reply.net}; !key.empty())
    if (auto file = runtime::programFileBytes(std::span(&variant, 1), {}); file.ok())
      cache.keep(key, reply.diagnostics, *file);
  return runtime::loadCode(reply.net);
}

/// Of a net that a compiler made, or of a file that has them.
static runtime::Status loadPrograms(const Arguments &arguments,
                                    const std::vector<std::string> &programs, CompileReply &reply) {
  if (runtime::isProgramFile(arguments.compile.file)) {
    auto net = loadCompiled(arguments, programs);
    if (!net.ok())
      return std::move(net).error();
    reply.net = std::move(*net);
    return {};
  }
  auto levels = cpuLevels(arguments, {0});
  if (!levels.ok())
    return std::move(levels).error();
  CompileRequest request = arguments.compile;
  request.programs = programs;
  request.threads = arguments.threads;
  request.cpuLevel = levels->empty() ? 0 : levels->front();
  runtime::Status status = findOrCompile(request, arguments.cache, reply);
  if (!status.ok() || reply.exitCode)
    return status;
  // The front end knows --data, but a module went through it before.
  if (!request.data.empty() && request.file.ends_with(".mlir"))
    overrideSource(reply.net.recipe.source, request.data);
  return {};
}

CompileReply compileNet(const Arguments &arguments, std::vector<std::string> programs) {
  CompileReply reply;
  if (runtime::Status status = loadPrograms(arguments, programs, reply); !status.ok())
    reply.exitCode = report(status.error());
  return reply;
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
  if (runtime::isProgramFile(arguments.compile.file))
    return summarizeCompiled(arguments.compile.file);
  CompileReply reply = ask([&](Compiler &compiler) { return compiler.summary(arguments.compile); });
  fputs(reply.output.c_str(), stdout);
  return reply.exitCode;
}

} // namespace gnc::tools
