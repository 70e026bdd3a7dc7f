//===- CommandText.cpp - gnc fmt, std, explain, lsp
//---------------------------------------------------===//
#include "runtime/File.h"
#include "tools/Command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <unistd.h>

namespace gnc::tools {

namespace {
runtime::Result<std::string> readInput(const std::string &path) {
  if (path != "-") {
    auto bytes = runtime::readFile(path);
    if (!bytes.ok())
      return bytes.error();
    return std::string(reinterpret_cast<const char *>(bytes->data()), bytes->size());
  }
  std::string text;
  char buffer[65536];
  while (size_t n = fread(buffer, 1, sizeof buffer, stdin))
    text.append(buffer, n);
  if (ferror(stdin))
    return runtime::environmentError("unreadable-file", "cannot read the standard input");
  return text;
}

/// Replaces the file that a link leads to, not the link, and keeps its permissions.
int replaceText(const std::string &path, const std::string &text) {
  std::error_code failure;
  std::filesystem::path target = std::filesystem::canonical(path, failure);
  if (failure)
    target = path;
  auto permissions = std::filesystem::status(target, failure).permissions();
  std::span<const uint8_t> piece(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  runtime::Status status = runtime::replaceFile(target.string(), std::span(&piece, 1));
  if (!status.ok())
    return report(status.error());
  if (!failure)
    std::filesystem::permissions(target, permissions, failure);
  return 0;
}

int formatFile(Compiler &compiler, const Arguments &arguments, const std::string &path) {
  auto text = readInput(path);
  if (!text.ok())
    return report(text.error());
  CompileRequest request = arguments.compile;
  request.file = path == "-" ? "<stdin>" : path;
  request.threads = 1;
  CompileReply reply = compiler.format(request, *text);
  fputs(reply.diagnostics.c_str(), stderr);
  if (reply.exitCode)
    return reply.exitCode;
  bool same = reply.output == *text;
  if (arguments.checkOnly) {
    if (!same)
      printf("%s\n", request.file.c_str());
    return same ? 0 : 1;
  }
  if (path == "-") {
    fwrite(reply.output.data(), 1, reply.output.size(), stdout);
    return fflush(stdout) == 0 ? 0 : 3;
  }
  return same ? 0 : replaceText(path, reply.output);
}

int print(const std::function<CompileReply(Compiler &)> &question) {
  CompileReply reply = ask(question);
  fputs(reply.output.c_str(), stdout);
  return reply.exitCode;
}
} // namespace

int runFormat(const Arguments &arguments) {
  int worst = 0; // a file that cannot be formatted does not keep the others from it
  CompileReply reply = ask([&](Compiler &compiler) {
    for (const std::string &path : arguments.files)
      worst = std::max(worst, formatFile(compiler, arguments, path));
    return CompileReply();
  });
  return std::max(worst, reply.exitCode);
}

int runLibrary(const Arguments &arguments) {
  return print(
      [&](Compiler &compiler) { return compiler.library(arguments.compile, arguments.name); });
}

/// `lib/ops.net:blur`; `std:conv2d`, `std.net:conv2d` and `conv2d` are of the standard library.
int runGradient(const Arguments &arguments) {
  CompileRequest request = arguments.compile;
  size_t colon = arguments.name.rfind(':');
  request.file = colon == std::string::npos ? "std" : arguments.name.substr(0, colon);
  std::string op = colon == std::string::npos ? arguments.name : arguments.name.substr(colon + 1);
  if (request.file == "std.net")
    request.file = "std";
  if (op.empty() || request.file.empty() || op.ends_with(".net"))
    return report(runtime::usageError("usage", "'" + arguments.name + "' names no op")
                      .withHelp("write FILE:OP, for example std:conv2d"));
  return print([&](Compiler &compiler) { return compiler.gradient(request, op); });
}

int runExplain(const Arguments &arguments) {
  return print(
      [&](Compiler &compiler) { return compiler.explain(arguments.compile, arguments.name); });
}

int runLanguageServer(const Arguments &arguments) {
  return ask([&](Compiler &compiler) { return compiler.serve(arguments.delimited); }).exitCode;
}

} // namespace gnc::tools
