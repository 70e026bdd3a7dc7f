//===- Session.cpp - one request to the compiler
//------------------------------------------------===//
#include "tools/Session.h"

#include "codegen/Assemble.h"
#include "codegen/GpuLower.h"
#include "codegen/JitLower.h"
#include "codegen/MemoryPlan.h"
#include "codegen/Programs.h"
#include "codegen/UserKernel.h"
#include "tools/Json.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace gnc::tools {

namespace {
DialectRegistry dialects() {
  DialectRegistry registry;
  registerKernelDialects(registry);
  registerGpuDialects(registry);
  return registry;
}

/// A mistake in `-s`, `--data` or the name of the net has no place in the file.
int exitCodeOf(const dsl::Diagnostic &diagnostic) {
  constexpr StringLiteral usage[] = {"setting-value", "unknown-setting", "unknown-net",
                                     "unknown-op", "data-override"};
  if (diagnostic.slug == "internal")
    return 4;
  return !diagnostic.span && llvm::is_contained(usage, diagnostic.slug) ? 2 : 1;
}

runtime::SourceLocation locationOf(dsl::Span span) {
  if (!span)
    return {};
  dsl::Position at = span.position();
  return {span.source->name().str(), int(at.line), int(at.column)};
}

Message messageOf(const dsl::Diagnostic &diagnostic) {
  Message message;
  message.severity = diagnostic.severity == dsl::Severity::Error ? "error" : "warning";
  message.text = diagnostic.text;
  message.slug = diagnostic.slug;
  message.location = locationOf(diagnostic.span);
  if (diagnostic.span) {
    dsl::Position end = diagnostic.span.endPosition();
    message.endLine = int(end.line), message.endColumn = int(end.column);
  }
  for (const dsl::Remark &remark : diagnostic.remarks) {
    Message::Part part{.location = locationOf(remark.span), .text = remark.text};
    if (remark.span) {
      dsl::Position end = remark.span.endPosition();
      part.endLine = int(end.line), part.endColumn = int(end.column);
    }
    bool note = remark.kind == dsl::Remark::Note;
    (note ? message.locatedNotes : message.locatedHelps).push_back(std::move(part));
  }
  return message;
}

std::string printed(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, OpPrintingFlags().enableDebugInfo());
  return text;
}
} // namespace

Session::Session(const CompileRequest &request)
    : request(request), context(dialects(), request.threads == 1 ? MLIRContext::Threading::DISABLED
                                                                 : MLIRContext::Threading::ENABLED),
      last(std::chrono::steady_clock::now()) {
  if (request.text)
    sources.replace(request.file, *request.text);
  context.printOpOnDiagnostic(false); // users do not read ops
  handler = std::make_unique<ScopedDiagnosticHandler>(
      &context, [this](mlir::Diagnostic &diagnostic) { collect(diagnostic); });
}

Session::~Session() = default;

//===- Messages -------------------------------------------------------------------------------===//

void Session::collect(mlir::Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() == DiagnosticSeverity::Remark)
    return;
  Message message;
  bool error = diagnostic.getSeverity() == DiagnosticSeverity::Error;
  message.severity = error ? "error" : "warning";
  message.location = siteOf(diagnostic.getLocation()).location;
  message.text = diagnostic.str();
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    message.notes.push_back(note.str());
  located |= error && message.location.line > 0;
  warned |= !error;
  say(message);
}

void Session::say(const Message &message) {
  reply.diagnostics += request.jsonDiagnostics ? renderJson(message) : render(message);
}

bool Session::fail(int exitCode, Message message) {
  reply.exitCode = exitCode;
  say(message);
  return false;
}

bool Session::fail(runtime::Error error) {
  Message message{.text = std::move(error.message), .slug = std::move(error.slug)};
  message.notes = std::move(error.notes), message.help = std::move(error.help);
  if (error.location)
    message.location = *error.location;
  return fail(int(error.code), std::move(message));
}

std::optional<GpuOptions> Session::gpuOptions() {
  if (request.card.empty()) {
    fail(2, {.text = "it is not said which card the kernels are for",
             .slug = "unknown-target",
             .help = "add --target=sm_80, or what the card has"});
    return std::nullopt;
  }
  GpuOptions options;
  options.target = cudaTargetNamed(request.card);
  options.codegen = request.codegen == "nvrtc" ? GpuCodegen::Nvrtc : GpuCodegen::Nvptx;
  options.verifyEach = request.verifyEach;
  if (options.target)
    return options;
  std::string names;
  for (const CudaTarget &target : cudaTargets())
    names += (names.empty() ? "" : ", ") + target.name.str();
  fail(2, {.text = "there is no target '" + request.card + "'",
           .slug = "unknown-target",
           .notes = {"targets: " + names}});
  return std::nullopt;
}

bool Session::failFromDiagnostics(bool maybeInput) {
  if ((maybeInput || !isNet()) && located) {
    reply.exitCode = 1;
    return false;
  }
  reply.exitCode = 4;
  Message message{.text = "this is a bug in gnc, not in " + request.file, .slug = "internal"};
  if (std::string kept = keepReproducer(); !kept.empty())
    message.notes = {"the graph is kept in " + kept};
  say(message);
  return false;
}

/// Writes the graph as it was before the passes, so that the bug can be repeated without the file.
std::string Session::keepReproducer() {
  if (!isNet())
    return "";
  MLIRContext fresh(dialects());
  dsl::SourceManager freshSources;
  if (request.text)
    freshSources.replace(request.file, *request.text);
  dsl::Diagnostics ignored;
  auto again = dsl::elaborateFile(request.file, frontendOptions(), fresh, freshSources, ignored);
  SmallString<128> path;
  int descriptor = -1;
  if (!again.module || llvm::sys::fs::createTemporaryFile("gnc-bug", "mlir", descriptor, path))
    return "";
  llvm::raw_fd_ostream(descriptor, /*shouldClose=*/true) << printed(*again.module);
  return path.str().str();
}

void Session::takeFrontendDiagnostics() {
  warned |= diagnostics.warningCount() != 0;
  if (!request.jsonDiagnostics)
    reply.diagnostics += diagnostics.str();
  else
    for (const dsl::Diagnostic *diagnostic : diagnostics.sorted())
      say(messageOf(*diagnostic));
  for (const dsl::Diagnostic *diagnostic : diagnostics.sorted())
    if (diagnostic->severity == dsl::Severity::Error)
      reply.exitCode = std::max(reply.exitCode, exitCodeOf(*diagnostic));
  diagnostics.clear();
}

void Session::forgetDiagnostics() {
  diagnostics.clear();
  reply = CompileReply();
  located = warned = false;
}

void Session::mark(const char *what) {
  auto now = std::chrono::steady_clock::now();
  double milliseconds = std::chrono::duration<double, std::milli>(now - last).count();
  times += llvm::formatv("{0}{1} {2:f1} ms", times.empty() ? "" : ", ", what, milliseconds).str();
  last = now;
}

CompileReply Session::finish() {
  if (request.warningsAreErrors && warned && reply.exitCode == 0)
    reply.exitCode = 1;
  if (request.timing && !request.jsonDiagnostics)
    reply.diagnostics += "time: " + times + "\n";
  return std::move(reply);
}

//===- The module -----------------------------------------------------------------------------===//

bool Session::isNet() const { return !StringRef(request.file).ends_with(".mlir"); }

dsl::FrontendOptions Session::frontendOptions() const {
  dsl::FrontendOptions options;
  options.settings = request.settings;
  options.dataOverride = request.data;
  options.net = request.net;
  options.seed = request.seed;
  options.summaryDepth = request.depth;
  return options;
}

bool Session::load(dsl::FrontendOptions options) {
  bool loaded = false;
  if (isNet()) {
    auto result = dsl::elaborateFile(request.file, options, context, sources, diagnostics);
    takeFrontendDiagnostics();
    module = std::move(result.module);
    summary = std::move(result.summary);
    loaded = static_cast<bool>(module);
    if (!loaded && reply.exitCode == 0)
      failFromDiagnostics(false);
  } else {
    loaded = parseModule();
  }
  mark("front end");
  return loaded;
}

bool Session::parseModule() {
  if (!request.settings.empty() || !request.net.empty())
    return fail(2, {.text = "a module has no settings and no choice of nets any more",
                    .slug = "usage",
                    .help = "give them when it is printed: gnc compile FILE.net --emit=graph"});
  if (llvm::sys::fs::is_directory(request.file))
    return fail(1, {.text = "'" + request.file + "' is a folder", .slug = "unreadable-file"});
  auto buffer = llvm::MemoryBuffer::getFile(request.file, /*IsText=*/true);
  if (!buffer)
    return fail(1, {.text = "cannot read '" + request.file + "': " + buffer.getError().message(),
                    .slug = "unreadable-file"});
  llvm::SourceMgr manager;
  manager.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  module = parseSourceFile<ModuleOp>(manager, &context);
  if (!module)
    reply.exitCode = 1;
  return static_cast<bool>(module);
}

bool Session::selectPrograms() {
  if (request.programs.empty())
    return true;
  const std::string &first = request.programs.front();
  if (!module->lookupSymbol<func::FuncOp>(first))
    return fail(1, {.text = "there is no program '" + first + "' in " + request.file,
                    .slug = "no-program",
                    .help = first == "infer" ? "" : "write a section 'train Net on data { .. }'"});
  for (auto function : llvm::make_early_inc_range(module->getOps<func::FuncOp>())) {
    StringRef name = function.getSymName();
    bool program = name == "train" || name == "eval" || name == "score" || name == "infer";
    StringRef asked = name == "score" ? "eval" : name; // what eval's sums are for
    if (program && !llvm::is_contained(request.programs, asked))
      function.erase();
  }
  return true;
}

bool Session::failPass(const std::string &error) {
  SmallVector<StringRef> flags;
  for (const OptionalPass &pass : optionalPasses())
    flags.push_back(pass.flag);
  Message message{.text = error,
                  .slug = "unknown-pass",
                  .notes = {"passes that can be left out: " + llvm::join(flags, ", ")}};
  for (const std::string &given : request.disabledPasses)
    if (!llvm::is_contained(flags, StringRef(given)) && message.help.empty())
      if (StringRef near = dsl::nearest(given, flags); !near.empty())
        message.help = "did you mean '" + near.str() + "'?";
  return fail(2, message);
}

bool Session::openLibrary() {
  if (request.library.empty())
    return true;
  std::optional<GpuOptions> options = gpuOptions();
  if (!options)
    return false;
  auto opened = LibraryPlanner::create(request.cudnn, *options->target);
  if (opened.ok()) {
    library = std::move(*opened);
    return true;
  }
  auto recipe = assembleRecipe(*module);
  return fail(succeeded(recipe) ? std::move(opened).error().at(recipe->location)
                                : std::move(opened).error());
}

bool Session::lower(Phase phase) {
  if (phase >= Phase::Fused && !openLibrary())
    return false;
  if (phase >= Phase::Tiled && request.card.empty())
    if (runtime::Status status = refuseUserKernels(*module); !status.ok())
      return fail(std::move(status).error());
  PipelineOptions options;
  options.batch = request.batch;
  options.cpuLevel = request.cpuLevel;
  options.gpu = !request.card.empty();
  options.vectorBits = request.vectorBits;
  options.memory = int64_t(std::min<uint64_t>(request.memory, INT64_MAX));
  options.disabled = request.disabledPasses;
  options.library = library.get();
  if (!request.memory || phase < Phase::Buffers)
    return runPasses(phase, options);
  // What tensors are worth computing again is decided before they have a place. Where the plan then
  // takes more than was thought, less is asked for.
  constexpr int kAttempts = 4;
  mlir::OwningOpRef<ModuleOp> graph = module->clone();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0)
      module = graph->clone();
    if (!runPasses(phase, options))
      return false;
    int64_t over = bytesOver();
    if (over <= 0 || over >= options.memory)
      break;
    options.memory -= over + options.memory / 32; // plans move in steps
  }
  return fitsMemory();
}

bool Session::runPasses(Phase phase, const PipelineOptions &options) {
  PassManager passes(&context, ModuleOp::getOperationName());
  passes.enableVerifier(request.verifyEach);
  std::string error;
  if (!buildPipeline(*module, passes, phase, options, error))
    return failPass(error);
  if (failed(passes.run(*module)))
    return failFromDiagnostics(true);
  if (failed(verify(*module)))
    return failFromDiagnostics(false);
  mark("passes");
  return true;
}

/// How much more than its budget the largest program takes.
int64_t Session::bytesOver() {
  int64_t most = 0;
  for (auto program : module->getOps<func::FuncOp>())
    if (std::optional<MemoryReport> report = memoryReport(program))
      most = std::max(most, report->arena);
  return most - int64_t(std::min<uint64_t>(request.memory, INT64_MAX));
}

/// Whether all programs keep the budget of --memory.
bool Session::fitsMemory() {
  for (auto program : module->getOps<func::FuncOp>()) {
    std::optional<MemoryReport> report = memoryReport(program);
    if (!request.memory || !report || uint64_t(report->arena) <= request.memory)
      continue;
    Message message{.text = "the " + program.getSymName().str() + " program takes " +
                            byteText(report->arena) + " with a batch of " +
                            std::to_string(plannedBatch(program)) + ", and --memory gives it " +
                            byteText(int64_t(request.memory)),
                    .slug = "too-little-memory",
                    .help = "choose a smaller batch, or give it that much memory"};
    message.notes.push_back("weights, states and what the optimizer keeps: " +
                            byteText(report->persistent));
    message.notes.push_back("inputs and results: " + byteText(report->host));
    for (const LayerMemory &layer : memoryPeak(program))
      message.notes.push_back(layer.name + ": " + byteText(layer.bytes));
    return fail(1, message);
  }
  return true;
}

} // namespace gnc::tools
