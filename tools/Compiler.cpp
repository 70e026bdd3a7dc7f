//===- Compiler.cpp - what libgnc_compiler.so offers
//--------------------------------------------===//
#include "tools/Compiler.h"

#include "codegen/Assemble.h"
#include "dsl/AST.h"
#include "dsl/Parser.h"
#include "ir/Gnc.h"
#include "tools/Session.h"
#include "tools/Summary.h"

#include "llvm/Support/raw_ostream.h"

namespace gnc::tools {

namespace {
/// `--data` for a module that went through the front end before.
void overrideSource(runtime::Recipe &recipe, llvm::StringRef data) {
  if (data.consume_front("synthetic:")) {
    recipe.source.kind = "synthetic";
    (void)data.getAsInteger(10, recipe.source.count);
  } else {
    recipe.source.kind = "idx";
    recipe.source.path = data.str();
  }
}

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

bool emitCode(Session &session, Phase phase) {
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

bool compileAll(Session &session) {
  if (!session.load(session.frontendOptions()) || !session.selectPrograms() ||
      !session.lower(Phase::Buffers))
    return false;
  KernelTable table(*session.module);
  auto kernels = loadKernels(*session.module, table, session.codeOptions());
  session.mark("machine code");
  if (failed(kernels))
    return session.failFromDiagnostics(false);
  auto net = assemble(*session.module, table, *kernels);
  if (failed(net))
    return session.failFromDiagnostics(false);
  // What is planned is what is run, also where --batch or a module's own plan says otherwise.
  if (net->train.maxBatch > 0)
    net->recipe.batch = net->train.maxBatch;
  session.reply.net = std::move(*net);
  runtime::Recipe &recipe = session.reply.net.recipe;
  if (!session.request.data.empty()) {
    if (!session.isNet())
      overrideSource(recipe, session.request.data);
    recipe.source.location = {}; // what is wrong with these data is not the file's fault
  }
  return true;
}

class CompilerImpl final : public Compiler {
public:
  CompileReply check(const CompileRequest &request) override {
    Session session(request);
    dsl::FrontendOptions options = session.frontendOptions();
    options.checkAll = true;
    // Backward equations belong to the check: an op without a gradient is an error.
    if (session.load(options) && session.selectPrograms())
      session.lower(Phase::Train);
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
      session.fail(2, {.text = "there is no phase '" + name + "'",
                       .slug = "unknown-phase",
                       .notes = {"phases: " + names}});
    }
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
};
} // namespace

} // namespace gnc::tools

int gncCompilerVersion() { return gnc::tools::kCompilerVersion; }
gnc::tools::Compiler *gncCompilerCreate() { return new gnc::tools::CompilerImpl; }
