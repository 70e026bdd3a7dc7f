//===- Compiler.cpp - what libgnc_compiler.so offers
//--------------------------------------------===//
#include "tools/Compiler.h"

#include "codegen/Assemble.h"
#include "codegen/GpuReport.h"
#include "codegen/Jit.h"
#include "codegen/Programs.h"
#include "dsl/AST.h"
#include "dsl/Format.h"
#include "dsl/LibraryText.h"
#include "dsl/Parser.h"
#include "ir/Gnc.h"
#include "tools/GradientReport.h"
#include "tools/LanguageServer.h"
#include "tools/Session.h"
#include "tools/Summary.h"

#include "llvm/Support/raw_ostream.h"

namespace gnc::tools {

namespace {
bool emitAst(Session &session) {
  std::string error;
  const dsl::Source *source = session.sources.open(session.request.file, error);
  if (!source)
    return session.fail(1, {.text = error, .slug = "unreadable-file"});
  auto file = dsl::parse(*source, session.diagnostics);
  session.takeFrontendDiagnostics();
  llvm::raw_string_ostream stream(session.reply.output);
  if (file && session.reply.exitCode == 0)
    dsl::ast::dump(stream, *file);
  return session.reply.exitCode == 0;
}

bool emitGpuCode(Session &session, Phase phase) {
  std::optional<GpuOptions> options = session.gpuOptions();
  if (!options)
    return false;
  GpuForm form = phase == Phase::Cubin  ? GpuForm::Cubin
                 : phase == Phase::Cuda ? GpuForm::Cuda
                                        : GpuForm::Ptx;
  auto text = emitGpuKernels(*session.module, form, *options);
  session.mark("kernels");
  if (!text.ok())
    return session.fail(std::move(text).error());
  session.reply.output = std::move(*text);
  return true;
}

bool emitCode(Session &session, Phase phase) {
  if (phase >= Phase::Ptx)
    return emitGpuCode(session, phase);
  CodeForm form = phase == Phase::Llvm       ? CodeForm::LLVM
                  : phase == Phase::Assembly ? CodeForm::Assembly
                                             : CodeForm::Object;
  auto text = emitKernels(*session.module, form, session.codeOptions());
  if (failed(text))
    return session.failFromDiagnostics(false);
  session.mark("machine code");
  session.reply.output = std::move(*text);
  return true;
}

bool emitPhase(Session &session, Phase phase) {
  if (phase == Phase::Ast)
    return emitAst(session);
  if (!session.load(session.frontendOptions()) || !session.selectPrograms())
    return false;
  if (bool gpu = phase >= Phase::Ptx; phase > Phase::Buffers && gpu == session.request.card.empty())
    return gpu ? session.gpuOptions().has_value()
               : session.fail(2, {.text = "kernels of a card have no machine code of a processor",
                                  .slug = "usage",
                                  .help = "ask for --emit=ptx, cuda or cubin"});
  if (phase > Phase::Graph && !session.lower(std::min(phase, Phase::Buffers)))
    return false;
  if (phase > Phase::Buffers)
    return emitCode(session, phase);
  llvm::raw_string_ostream stream(session.reply.output);
  // Arguments and equations are called by the path of the layer they belong to; scalars inside an
  // equation are not.
  session.module->walk([](ComputeOp equation) {
    auto unknown = mlir::UnknownLoc::get(equation.getContext());
    for (mlir::Region &region : equation->getRegions())
      for (mlir::Block &block : region) {
        for (mlir::BlockArgument argument : block.getArguments())
          argument.setLoc(unknown);
        for (mlir::Operation &scalar : block)
          scalar.setLoc(unknown);
      }
  });
  session.module->print(stream, mlir::OpPrintingFlags().printNameLocAsPrefix());
  return true;
}

bool reportKernels(Session &session) {
  std::optional<GpuOptions> options = session.gpuOptions();
  if (!options || !session.load(session.frontendOptions()) || !session.selectPrograms() ||
      !session.lower(Phase::Buffers))
    return false;
  auto ptx = compileGpuKernels(*session.module, KernelTable(*session.module), *options);
  if (!ptx.ok())
    return session.fail(std::move(ptx).error());
  auto cubin = assemblePtx(*ptx, *options->target);
  if (!cubin.ok() && cubin.error().code != runtime::ErrorCode::Environment)
    return session.fail(std::move(cubin).error());
  for (auto function : session.module->getOps<mlir::func::FuncOp>())
    if (isProgram(function))
      session.reply.output += gpuReport(
          function, cubin.ok() ? cubin->kernels : std::vector<KernelResources>(), *options->target);
  if (!cubin.ok())
    session.reply.output +=
        "registers, spills and shared memory are known with ptxas: " + cubin.error().help + "\n";
  return true;
}

bool addNativeCode(Session &session, const KernelTable &table, runtime::CompiledNet &net) {
  auto code = compileKernels(*session.module, table, session.codeOptions());
  session.mark("machine code");
  if (failed(code))
    return session.failFromDiagnostics(false);
  net.native = std::make_shared<const runtime::NativeCode>(std::move(*code));
  return true;
}

/// The same text for all programs: a driver loads it once.
bool addGpuCode(Session &session, const KernelTable &table, runtime::CompiledNet &net) {
  std::optional<GpuOptions> options = session.gpuOptions();
  if (!options)
    return false;
  auto ptx = compileGpuKernels(*session.module, table, *options);
  session.mark("PTX");
  if (!ptx.ok())
    return session.fail(std::move(ptx).error());
  for (runtime::Program *program : {&net.train, &net.eval, &net.score, &net.infer})
    if (program->maxBatch > 0) {
      program->target = runtime::Target::Cuda;
      program->module = *ptx;
    }
  return true;
}

bool compileAll(Session &session) {
  if (!session.load(session.frontendOptions()) || !session.selectPrograms() ||
      !session.lower(Phase::Buffers))
    return false;
  KernelTable table(*session.module);
  auto net = assemble(*session.module, table);
  if (failed(net))
    return session.failFromDiagnostics(false);
  if (session.request.card.empty() ? !addNativeCode(session, table, *net)
                                   : !addGpuCode(session, table, *net))
    return false;
  // What is planned is what is run, also where --batch or a module's own plan says otherwise.
  if (net->train.maxBatch > 0)
    net->recipe.batch = net->train.maxBatch;
  session.reply.net = std::move(*net);
  runtime::Recipe &recipe = session.reply.net.recipe;
  if (!session.request.data.empty())
    recipe.source.location = {}; // what is wrong with these data is not the file's fault
  return true;
}

void formatText(Session &session, const std::string &text) {
  auto write = session.request.shapes ? dsl::formatWithShapes : dsl::format;
  auto formatted = write(session.request.file, text, session.sources, session.diagnostics);
  session.takeFrontendDiagnostics();
  if (formatted)
    session.reply.output = std::move(*formatted);
}

/// Fails with the names that are there, or with the one that was probably meant.
void failUnknown(Session &session, const std::string &what, const std::string &name,
                 llvm::ArrayRef<llvm::StringRef> names, const std::string &command) {
  Message message{.text = "there is no " + what + " '" + name + "'", .slug = "usage"};
  llvm::StringRef near = dsl::nearest(name, names);
  message.help =
      near.empty() ? "'" + command + "' lists all" : "did you mean '" + near.str() + "'?";
  session.fail(2, message);
}

void printLibrary(Session &session, const std::string &name) {
  std::vector<dsl::LibraryEntry> entries = dsl::libraryEntries();
  std::vector<llvm::StringRef> names;
  size_t width = 0;
  for (const dsl::LibraryEntry &entry : entries) {
    names.push_back(entry.name);
    width = std::max(width, entry.name.size());
    if (entry.name == name)
      session.reply.output += entry.source + "\n";
  }
  for (const dsl::LibraryEntry &entry : entries)
    if (name.empty())
      session.reply.output +=
          entry.summary.empty()
              ? entry.name + "\n"
              : entry.name + std::string(width + 2 - entry.name.size(), ' ') + entry.summary + "\n";
  if (session.reply.output.empty())
    failUnknown(session, "declaration of the standard library called", name, names, "gnc std");
}

void printPage(Session &session, std::string slug) {
  if (slug.size() > 2 && slug.front() == '[' && slug.back() == ']')
    slug = slug.substr(1, slug.size() - 2); // as messages show it
  std::vector<llvm::StringRef> slugs;
  for (const dsl::ExplainPage &page : dsl::explainPages()) {
    slugs.push_back(page.slug);
    if (slug.empty())
      session.reply.output += page.slug.str() + "\n";
    else if (page.slug == slug)
      session.reply.output += page.text.str() + "\n";
  }
  if (session.reply.output.empty())
    failUnknown(session, "page about", slug, slugs, "gnc explain");
}

/// `gnc check --grad std`: the standard library is no file, and without errors.
bool isLibrary(const CompileRequest &request) { return request.gradients && request.file == "std"; }

class CompilerImpl final : public Compiler {
public:
  CompileReply check(const CompileRequest &request) override {
    CompileRequest checked = request;
    checked.disabledPasses.push_back("simplify"); // nothing runs
    Session session(checked);
    dsl::FrontendOptions options = session.frontendOptions();
    options.checkAll = true;
    // Backward equations belong to the check: an op without a gradient is an error.
    if (!isLibrary(request) && session.load(options) && session.selectPrograms())
      session.lower(Phase::Train);
    session.reply.output = assumptions(session.summary);
    if (request.gradients && session.reply.exitCode == 0)
      checkGradients(session);
    return session.finish();
  }

  CompileReply emit(const CompileRequest &request, const std::string &name) override {
    Session session(request);
    if (std::optional<Phase> phase = phaseNamed(name)) {
      emitPhase(session, *phase);
    } else {
      std::string names;
      for (llvm::StringRef known : phaseNames())
        names += (names.empty() ? "" : ", ") + known.str();
      llvm::SmallVector<llvm::StringRef> phases(phaseNames().begin(), phaseNames().end());
      llvm::StringRef near = dsl::nearest(name, phases);
      session.fail(2, {.text = "there is no phase '" + name + "'",
                       .slug = "unknown-phase",
                       .notes = {"phases: " + names},
                       .help = near.empty() ? "" : "did you mean '" + near.str() + "'?"});
    }
    return session.finish();
  }

  CompileReply report(const CompileRequest &request) override {
    Session session(request);
    reportKernels(session);
    return session.finish();
  }

  CompileReply summary(const CompileRequest &request) override {
    Session session(request);
    summarize(session);
    return session.finish();
  }

  CompileReply compile(const CompileRequest &request) override {
    Session session(request);
    compileAll(session);
    return session.finish();
  }

  CompileReply format(const CompileRequest &request, const std::string &text) override {
    Session session(request);
    formatText(session, text);
    return session.finish();
  }

  CompileReply serve(bool delimited) override {
    CompileReply reply;
    reply.exitCode =
        serveLanguage(stdin, delimited ? MessageStyle::Delimited : MessageStyle::Standard);
    return reply;
  }

  CompileReply library(const CompileRequest &request, const std::string &name) override {
    Session session(request);
    printLibrary(session, name);
    return session.finish();
  }

  CompileReply gradient(const CompileRequest &request, const std::string &op) override {
    Session session(request);
    printGradient(session, op);
    return session.finish();
  }

  std::string passes() override {
    std::string list;
    for (const OptionalPass &pass : optionalPasses())
      list += "  " + pass.flag.str() +
              std::string(20 - std::min<size_t>(pass.flag.size(), 19), ' ') + pass.summary + "\n";
    return list;
  }

  CompileReply explain(const CompileRequest &request, const std::string &slug) override {
    Session session(request);
    printPage(session, slug);
    return session.finish();
  }
};
} // namespace

} // namespace gnc::tools

int gncCompilerVersion() { return gnc::tools::kCompilerVersion; }
gnc::tools::Compiler *gncCompilerCreate() { return new gnc::tools::CompilerImpl; }
