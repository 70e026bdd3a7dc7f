// Mutants of correct programs through the front end and the backward pass: each is compiled or
// refused at a place, in bounded time and memory.
#include "Programs.h"
#include "Worker.h"

#include "codegen/JitLower.h"
#include "codegen/Pipeline.h"
#include "dsl/Frontend.h"
#include "dsl/Module.h"
#include "test/Scale.h"
#include "tools/Compiler.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace gnc;
using namespace gnc::dsl;
using namespace gnc::dsl::test;
using namespace gnc::test;

namespace {

/// A program in tokens, each with the blanks before it.
struct Seed {
  std::string name;
  std::vector<std::string> parts;
  std::vector<size_t> names, numbers; // their places in `parts`
  std::vector<std::pair<size_t, size_t>> lines;
  bool large = false; // takes long to compile
};

Seed seedOf(const Program &program) {
  Parsed parsed(program.text);
  Seed seed;
  seed.name = program.name;
  // The examples are networks of papers, but for a few.
  seed.large = program.name.find("/examples/") != std::string::npos ||
               program.name.find("/nets/") != std::string::npos;
  for (const char *small : {"custom_conv", "fashion", "lenet", "mlp"})
    seed.large &= program.name.find(small) == std::string::npos;
  for (const Token &token : parsed.file->tokens) {
    size_t i = seed.parts.size();
    if (token.firstOnLine && !seed.lines.empty())
      seed.lines.back().second = i;
    if (token.firstOnLine)
      seed.lines.push_back({i, i});
    if (token.kind == Tok::Name)
      seed.names.push_back(i);
    if (token.kind == Tok::Integer || token.kind == Tok::Float || token.kind == Tok::Size)
      seed.numbers.push_back(i);
    seed.parts.push_back(parsed.source.text().slice(token.triviaBegin, token.end).str());
  }
  seed.lines.back().second = seed.parts.size();
  return seed;
}

/// Programs that the compiler accepts as they are.
std::vector<Seed> seeds(std::vector<std::string> folders) {
  std::vector<Seed> list;
  for (const std::string &folder : folders)
    for (const Program &program : programs({folder}))
      if (program.name.find("everything") == std::string::npos &&
          program.text.find("\nnet ") != std::string::npos)
        list.push_back(seedOf(program));
  return list;
}

class Mutator {
public:
  Mutator(const std::vector<Seed> &seeds, uint64_t number) : seeds(seeds), random(number) {}

  /// One token deleted, doubled, swapped with the next, or replaced.
  std::string oneToken() {
    std::vector<std::string> parts = pickOf(seeds).parts;
    size_t at = pick(parts.size() - 1);
    switch (pick(4)) {
    case 0: parts[at].clear(); break;
    case 1: parts[at] += " " + parts[at]; break;
    case 2: std::swap(parts[at], parts[at + 1]); break;
    default: parts[at] = " " + pickOf(pickOf(seeds).parts);
    }
    return join(parts);
  }

  /// Names, numbers, lines changed until the text is one that the grammar accepts.
  std::string thatParses() {
    while (true) {
      const Seed &seed = pickOf(seeds);
      if (seed.large && pick(largeOneIn) != 0)
        continue;
      if (seed.parts.size() > 500 && pick(3) != 0)
        continue; // as many of the short ones cost half
      std::string text = change(seed);
      if (!Parsed(text).diags.hasErrors())
        return text;
    }
  }

private:
  const unsigned largeOneIn = fullScale() ? 10 : 200;
  size_t pick(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); }
  template <typename T> const T &pickOf(const std::vector<T> &list) {
    return list[pick(list.size())];
  }
  static std::string join(const std::vector<std::string> &parts) {
    std::string text;
    for (const std::string &part : parts)
      text += part;
    return text;
  }

  std::string number() {
    static const char *const numbers[] = {"0",
                                          "1",
                                          "2",
                                          "3",
                                          "7",
                                          "16",
                                          "100",
                                          "4096",
                                          "(-1)",
                                          "0.5",
                                          "(1/3)",
                                          "1_000_000",
                                          "1_000_000_000_000",
                                          "1e30",
                                          "1e-30",
                                          "2x3",
                                          "inf",
                                          "(1, 2)",
                                          "[1, 2]",
                                          "true",
                                          "\"s\"",
                                          "0x0"};
    return numbers[pick(std::size(numbers))];
  }

  std::string change(const Seed &seed) {
    static const char *const signs[] = {"+", "-", "*", "/", "//", "%", "^", "->", "==", "<"};
    std::vector<std::string> parts = seed.parts;
    const Seed &donor = pick(3) ? seed : pickOf(seeds);
    size_t name = pickOf(seed.names), value = pickOf(seed.numbers), any = pick(parts.size() - 1);
    switch (pick(8)) {
    case 0:
    case 1: parts[name] = " " + parts[pickOf(seed.names)]; break;
    case 2: parts[name] = " " + donor.parts[pickOf(donor.names)]; break;
    case 3: parts[value] = " " + number(); break;
    case 4: parts[name] = " " + number(); break;
    case 5: std::swap(parts[name], parts[pick(2) ? value : pickOf(seed.names)]); break;
    case 6: parts[any] = std::string(" ") + signs[pick(std::size(signs))]; break;
    default: {
      auto [begin, end] = pickOf(seed.lines);
      std::vector<std::string> line(parts.begin() + begin, parts.begin() + end);
      if (pick(2))
        parts.insert(parts.begin() + end, line.begin(), line.end()); // twice
      else
        parts.erase(parts.begin() + begin, parts.begin() + end);
    }
    }
    return join(parts);
  }

  const std::vector<Seed> &seeds;
  std::mt19937_64 random;
};

/// `gnc compile --emit=train`; "" or what is wrong with the answer.
std::string emitMutant(const std::string &text) {
  std::string folder = std::filesystem::temp_directory_path();
  std::string path = folder + "/mutant-" + std::to_string(getpid()) + ".net";
  std::ofstream(path) << text;
  tools::CompileRequest request;
  request.file = path;
  request.threads = 1;
  std::unique_ptr<tools::Compiler> compiler(gncCompilerCreate());
  tools::CompileReply reply = compiler->emit(request, "train");
  std::filesystem::remove(path);
  const std::string &said = reply.diagnostics;
  bool located = said.find("\n" + path + ":") != std::string::npos || said.find(path + ":") == 0;
  bool answered = reply.exitCode == 0 ? !reply.output.empty() : located;
  if (reply.exitCode > 1 || !answered || said.find("\nstd/") != std::string::npos)
    return "exit code " + std::to_string(reply.exitCode) + "\n" + said;
  return "";
}

/// What `emitMutant` does, without the cost of a new context and of printing. A worker's own.
class TrainingGraphs {
public:
  /// Differentiates `text`; "" or what is wrong with the answer.
  std::string judge(const std::string &text) {
    if (!context || ++cases % casesOfContext == 0)
      renew(); // what a context has seen stays in it
    placed = 0;
    Diagnostics &diags = files->diags;
    diags.clear();
    const Module *main = files->loader.loadText(GNC_SOURCE_DIR "/examples/t.net", text);
    FrontendResult result = elaborateModule(*main, {}, *context, files->sources, diags);
    std::string said = diags.str();
    if (said.find("[internal]") != std::string::npos || said.find("\nstd/") != std::string::npos ||
        (!result.module && said.find("t.net:") == std::string::npos))
      return said;
    return result.module ? differentiate(*result.module) : "";
  }

private:
  static constexpr unsigned casesOfContext = 200;

  /// The library is read once.
  struct Files {
    SourceManager sources;
    Diagnostics diags;
    ModuleLoader loader{sources, diags};
  };

  void renew() {
    files = std::make_unique<Files>();
    handler.reset();
    mlir::DialectRegistry registry;
    registerKernelDialects(registry);
    context.emplace(registry, mlir::MLIRContext::Threading::DISABLED);
    handler.emplace(&*context, [this](mlir::Diagnostic &diagnostic) {
      diagnostic.getLocation()->walk([&](mlir::Location location) {
        placed += llvm::isa<mlir::FileLineColLoc>(location);
        return mlir::WalkResult::advance();
      });
    });
  }

  std::string differentiate(mlir::ModuleOp module) {
    mlir::PassManager passes(&*context, mlir::ModuleOp::getOperationName());
    std::string error;
    if (!buildPipeline(module, passes, Phase::Train, {}, error))
      return error;
    if (failed(passes.run(module)))
      return placed ? "" : "the passes fail, and say nothing about a place";
    return failed(mlir::verify(module)) ? "the training graph is not valid" : "";
  }

  std::unique_ptr<Files> files;
  std::optional<mlir::MLIRContext> context;
  std::optional<mlir::ScopedDiagnosticHandler> handler;
  unsigned cases = 0, placed = 0;
};

/// Reads and prints it only.
std::string parseMutant(const std::string &text) {
  Parsed parsed(text);
  for (const Diagnostic *item : parsed.diags.sorted())
    if (!item->span || item->span.end > text.size())
      return "a message without a place: " + item->text;
  parsed.diags.str();
  parsed.dump();
  return "";
}

/// A changed number may ask for thousands of layers: what may be unrolled takes 10 s, and its
/// backward pass as long.
constexpr double secondsOfLargest = 100;

void run(const char *what, unsigned count, const std::function<std::string(uint64_t)> &mutant,
         const std::function<std::string(unsigned, const std::string &)> &judge) {
  auto start = std::chrono::steady_clock::now();
  auto failures = runInWorker(count, {.seconds = secondsOfLargest},
                              [&](unsigned i) { return judge(i, mutant(caseSeed(i))); });
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  printf("  measured: %u mutants %s, %zu failures, %.1f s\n", count, what, failures.size(),
         time.count());
  for (const WorkerFailure &failure : failures)
    ADD_FAILURE() << "mutant " << caseSeed(failure.index) << ": " << failure.text << "\n"
                  << mutant(caseSeed(failure.index));
}

} // namespace

TEST(MutantFuzz, OneTokenMutants) {
  constexpr unsigned compiledOf = 50; // every 50th goes further than the parser
  std::vector<Seed> all = seeds({"examples", "test/dsl/programs", "test/dsl/nets"});
  run(
      "of one token are read or refused", caseCount(20000, 200000),
      [&](uint64_t seed) { return Mutator(all, seed).oneToken(); },
      [](unsigned i, const std::string &text) {
        std::string wrong = parseMutant(text);
        return wrong.empty() && i % compiledOf == 0 ? emitMutant(text) : wrong;
      });
}

TEST(MutantFuzz, MutantsThatParse) {
  constexpr unsigned printedOf = 50; // every 50th through the tool's own entry
  std::vector<Seed> all = seeds({"examples", "test/dsl/programs"});
  TrainingGraphs graphs;
  run(
      "that parse are differentiated or refused", caseCount(5000, 50000),
      [&](uint64_t seed) { return Mutator(all, seed).thatParses(); },
      [&](unsigned i, const std::string &text) {
        std::string wrong = graphs.judge(text);
        return wrong.empty() && i % printedOf == 0 ? emitMutant(text) : wrong;
      });
}

namespace {

std::string repeated(const std::string &part, unsigned count) {
  std::string text;
  for (unsigned i = 0; i != count; ++i)
    text += part;
  return text;
}

/// A net whose body is `body`, trained.
std::string trained(const std::string &body) {
  return "net N(image: [4]) -> logits: [4] { " + body + " }\n" + R"(
data d {
  source = synthetic(64)
  image  = source.image / 255
  label  = source.label
}
train N on d {
  loss      = cross_entropy(logits, label)
  optimizer = sgd(0.1)
  epochs    = 1
})";
}

} // namespace

// 10,000 of everything that nests or follows on another.
TEST(MutantFuzz, DeepAndLong) {
  constexpr unsigned many = 10000;
  auto nested = [](const std::string &head, const std::string &open, const std::string &inner,
                   const std::string &close) {
    return head + repeated(open, many) + inner + repeated(close, many);
  };
  std::string lines = "x = image\n";
  for (unsigned i = 0; i != caseCount(1000, many); ++i)
    lines += "x = x -> linear(4)\n";
  const std::vector<std::string> programs = {
      nested("let a = ", "(", "1", ")"),
      nested("let a = ", "[", "1", "]"),
      nested("let a = ", "- ", "1", ""),
      nested("let a = ", "if true then ", "1", ""),
      nested("let a = 1", " + 1", "", ""),
      nested("net N(x: [3]) ", "{ if true ", "{ x }", "}"),
      nested("net N(x: [3]) { x ", "-> (relu ", "", ")") + "}",
      nested("op f(x) = ", "abs(", "x", ")") + "\nnet N(x: [3]) { f(x) }",
      trained("image -> linear(4)" + repeated(" -> tanh", many)),
      trained("image -> linear(4) * 10_000"),
      trained(lines + "x\n"),
  };
  TrainingGraphs graphs;
  auto failures = runInWorker(programs.size(), {.seconds = 60},
                              [&](unsigned i) { return graphs.judge(programs[i]); });
  for (const WorkerFailure &failure : failures)
    ADD_FAILURE() << programs[failure.index].substr(0, 100) << "..\n" << failure.text;
}
