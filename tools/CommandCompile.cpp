//===- CommandCompile.cpp - gnc compile
//-------------------------------------------------------------===//
//
// To any phase of the pipeline (--emit, or -o FILE.s), or ahead of time: an object with its header,
// a shared library, or a program file for several targets.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/Checkpoint.h"
#include "runtime/CodeLoader.h"
#include "runtime/File.h"
#include "runtime/ProgramFile.h"
#include "runtime/Text.h"
#include "tools/Command.h"
#include "tools/ImageHeader.h"
#include "tools/Linker.h"
#include "tools/ObjectFile.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace gnc::tools {

namespace {
using runtime::Bytes;
using runtime::CompiledNet;
using runtime::Result;
using runtime::Status;
using runtime::usageError;

std::span<const uint8_t> bytesOf(const std::string &text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

Status write(const std::string &path, std::span<const uint8_t> bytes) {
  return runtime::replaceFile(path, std::span(&bytes, 1));
}

/// To a file ("", "-": stdout). Printing to a closed pipe is no error of ours.
int print(const std::string &path, const std::string &text) {
  if (path.empty() || path == "-") {
    fwrite(text.data(), 1, text.size(), stdout);
    return fflush(stdout) == 0 ? 0 : 3;
  }
  Status status = write(path, bytesOf(text));
  return status.ok() ? 0 : report(status.error());
}

int emit(const Arguments &arguments, const std::string &phase) {
  if (phase == "obj" && arguments.output.empty())
    return report(usageError("usage", "an object file needs a name").withHelp("add -o FILE.o"));
  auto levels = cpuLevels(arguments, {0});
  if (!levels.ok())
    return report(levels.error());
  CompileRequest request = arguments.compile;
  request.cpuLevel = levels->empty() ? 0 : levels->front();
  CompileReply reply = ask([&](Compiler &compiler) { return compiler.emit(request, phase); });
  return reply.exitCode ? reply.exitCode : print(arguments.output, reply.output);
}

//===- Ahead of time --------------------------------------------------------------------------===//

/// The net for one target; 0: it has been said what is wrong.
std::optional<CompiledNet> compileFor(const Arguments &arguments, unsigned level,
                                      const std::string &card, int &exitCode) {
  CompileRequest request = arguments.compile;
  request.cpuLevel = level;
  request.card = card;
  if (card.empty())
    request.library.clear(); // of a file that is for processors and cards
  CompileReply reply = ask([&](Compiler &compiler) { return compiler.compile(request); });
  exitCode = reply.exitCode;
  return exitCode ? std::nullopt : std::optional(std::move(reply.net));
}

/// The weights to embed; none if none are asked for.
Result<Bytes> readWeights(const Arguments &arguments, const CompiledNet &net) {
  if (arguments.weights.empty())
    return Bytes();
  Result<Bytes> weights = runtime::readFile(arguments.weights);
  if (!weights.ok())
    return weights;
  for (const runtime::Program *program : {&net.infer, &net.eval})
    if (program->maxBatch > 0)
      if (Status status = runtime::checkWeights(weights->span(), arguments.weights, *program);
          !status.ok())
        return std::move(status).error();
  return weights;
}

std::string withSuffix(const std::string &path, const std::string &suffix) {
  return path.substr(0, path.rfind('.')) + suffix;
}

/// The object, and from it the library, which then stands alone.
Status writeLibrary(const std::string &path, std::span<const uint8_t> object) {
  std::string between = path + ".o";
  if (Status status = write(between, object); !status.ok())
    return status;
  Status linked = linkLibrary(between, path);
  Status removed = runtime::removeFile(between);
  return linked.ok() ? removed : linked;
}

int writeObject(const Arguments &arguments) {
  auto levels = cpuLevels(arguments, {runtime::cpuLevel()});
  if (!levels.ok())
    return report(levels.error());
  if (levels->size() != 1 || !arguments.compile.card.empty())
    return report(usageError("usage", "an object file is for one processor")
                      .withHelp("write -o NET.gnc for several targets in one file"));
  int exitCode = 0;
  std::optional<CompiledNet> net = compileFor(arguments, levels->front(), "", exitCode);
  if (!net)
    return exitCode;
  Result<Bytes> weights = readWeights(arguments, *net);
  if (!weights.ok())
    return report(weights.error());
  auto object = objectFile(*net, weights->span());
  if (!object.ok())
    return report(object.error());
  bool library = arguments.output.ends_with(".so");
  Status status =
      library ? writeLibrary(arguments.output, *object) : write(arguments.output, *object);
  if (status.ok())
    status = write(withSuffix(arguments.output, ".h"), bytesOf(imageHeader(*net)));
  return status.ok() ? 0 : report(status.error());
}

/// The cards of "sm_80,sm_90".
std::vector<std::string> cardsOf(const std::string &list) {
  std::vector<std::string> cards;
  for (size_t begin = 0; begin < list.size();) {
    size_t end = std::min(list.find(',', begin), list.size());
    cards.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return cards;
}

int writeProgramFile(const Arguments &arguments) {
  auto levels = cpuLevels(arguments, {2, 3, 4});
  if (!levels.ok())
    return report(levels.error());
  std::vector<CompiledNet> nets;
  std::vector<unsigned> cards(levels->size());
  int exitCode = 0;
  for (unsigned level : *levels)
    if (auto net = compileFor(arguments, level, "", exitCode))
      nets.push_back(std::move(*net));
    else
      return exitCode;
  for (const std::string &card : cardsOf(arguments.compile.card))
    if (auto net = compileFor(arguments, 0, card, exitCode)) {
      nets.push_back(std::move(*net));
      cards.push_back(unsigned(strtoul(card.c_str() + strlen("sm_"), nullptr, 10)));
    } else {
      return exitCode;
    }
  if (nets.empty())
    return report(usageError("usage", "--cpu=none without --target leaves nothing to compile for")
                      .withHelp("add --target=sm_80, or whichever card it is for"));
  std::vector<runtime::ProgramVariant> variants;
  for (size_t i = 0; i < nets.size(); ++i)
    variants.push_back({&nets[i], cards[i]});
  Result<Bytes> weights = readWeights(arguments, nets.front());
  if (!weights.ok())
    return report(weights.error());
  auto file = runtime::programFileBytes(variants, weights->span());
  if (!file.ok())
    return report(file.error());
  Status status = write(arguments.output, *file);
  return status.ok() ? 0 : report(status.error());
}
} // namespace

Result<std::vector<unsigned>> cpuLevels(const Arguments &arguments,
                                        std::vector<unsigned> otherwise) {
  std::vector<unsigned> levels;
  for (const std::string &name : arguments.cpus) {
    if (name == "none")
      continue;
    unsigned level = name == "native" ? runtime::cpuLevel() : unsigned(name.back() - '0');
    if (level < 2)
      return runtime::environmentError(
                 "no-target", "this processor is " + runtime::cpuLevelName(level) +
                                  ", and there is code for " + runtime::cpuLevelName(2) + " on")
          .withHelp("compile for another machine: --cpu=x86-64-v2");
    if (std::find(levels.begin(), levels.end(), level) == levels.end())
      levels.push_back(level);
  }
  return arguments.cpus.empty() ? otherwise : levels;
}

int runCompile(const Arguments &arguments) {
  const std::string &output = arguments.output;
  if (!arguments.compile.library.empty() && arguments.compile.card.empty())
    return report(usageError("unknown-target", "--library=" + arguments.compile.library +
                                                   " is of cards, and it is not said which")
                      .withHelp("add --target=sm_90, or what the card has"));
  if (arguments.report) {
    CompileReply reply =
        ask([&](Compiler &compiler) { return compiler.report(arguments.compile); });
    fputs(reply.output.c_str(), stdout);
    return reply.exitCode;
  }
  if (!arguments.emit.empty())
    return emit(arguments, arguments.emit);
  if (output.ends_with(".s"))
    return emit(arguments, "asm");
  if (runtime::isProgramFile(output))
    return writeProgramFile(arguments);
  if (output.ends_with(".o") || output.ends_with(".so"))
    return writeObject(arguments);
  std::string text = output.empty() ? "it is not said what to compile to"
                                    : "'" + output + "' does not say what to compile to";
  return report(usageError("usage", text)
                    .withHelp("-o NET.o is an object with a header, NET.so a library, NET.gnc a "
                              "program for any machine, NET.s assembly; --emit=PHASE prints"));
}

} // namespace gnc::tools
