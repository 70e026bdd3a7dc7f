#include "dsl/Frontend.h"

#include "dsl/Parser.h"
#include "dsl/Sections.h"
#include "dsl/Unused.h"

#include "ir/Gnc.h"

#include "mlir/IR/Verifier.h"

#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

namespace {
/// One run of the front end over a loaded file.
class Driver {
public:
  Driver(const Module &main, const FrontendOptions &options, mlir::MLIRContext &context,
         SourceManager &sources, Diagnostics &diags)
      : main(main), options(options), context(context), sources(sources), diags(diags),
        nets(main.all<ast::NetDecl>()), trains(main.all<ast::TrainDecl>()),
        infers(main.all<ast::InferDecl>()) {}

  FrontendResult run();

private:
  LogicalResult checkSections();
  template <typename T> LogicalResult checkSection(llvm::ArrayRef<const T *> list);
  Found netOf(const ast::Decl &section);
  Found chooseNet();
  Found namedNet();
  NetPlan planOf(Found net) const;
  LogicalResult readSettings();
  LogicalResult readSetting(StringRef name, const std::string &text);
  LogicalResult buildMain(const NetPlan &plan, FrontendResult &result);
  void showDefaults(const NetPlan &plan, NetSummary &summary);
  void checkRest(Found chosen);
  void checkInTraining(Found net);
  void checkPlan(const NetPlan &plan, const llvm::StringMap<Value> &settings = {});
  void checkData(const ast::DataDecl &data);
  mlir::OwningOpRef<mlir::ModuleOp> newModule();

  const Module &main;
  const FrontendOptions &options;
  mlir::MLIRContext &context;
  SourceManager &sources;
  Diagnostics &diags;
  std::vector<const ast::NetDecl *> nets;
  std::vector<const ast::TrainDecl *> trains;
  std::vector<const ast::InferDecl *> infers;
  llvm::StringMap<Value> overrides;
};
} // namespace

//===- sections and their nets --------------------------------------------------------------===//

/// The net that a section names; none if it is no net (reported by checkSections).
Found Driver::netOf(const ast::Decl &section) {
  Found found = main.find(section.name.text);
  return llvm::isa_and_nonnull<ast::NetDecl>(found.decl) ? found : Found{};
}

/// Every section names a net, and no net has two of a kind.
template <typename T> LogicalResult Driver::checkSection(llvm::ArrayRef<const T *> list) {
  bool ok = true;
  llvm::StringMap<const T *> seen;
  for (const T *section : list) {
    StringRef name = section->name.text;
    auto [it, inserted] = seen.try_emplace(name, section);
    if (!inserted) {
      ok = false;
      diags
          .error("section-twice", section->name.span,
                 "net '" + name + "' has two sections of this kind")
          .note(it->second->name.span, "the first one")
          .help("keep one; another net may have its own");
    }
    if (section->hasErrors)
      ok = false;
    if (section->hasErrors || netOf(*section))
      continue;
    ok = false;
    std::vector<StringRef> names = main.visibleNames(ast::Decl::Kind::Net);
    Found found = main.find(name);
    Diagnostic &error =
        found ? diags.error("not-a-net", section->name.span,
                            "'" + name + "' is " + describe(found.decl->kind) + ", not a net")
              : diags.error("unknown-net", section->name.span,
                            "there is no net named '" + name + "'");
    if (!names.empty())
      error.note("nets: " + llvm::join(names, ", "));
    StringRef near = nearest(name, names);
    if (!near.empty())
      error.help("did you mean '" + near + "'?");
  }
  return LogicalResult::success(ok);
}

LogicalResult Driver::checkSections() {
  LogicalResult train = checkSection<ast::TrainDecl>(trains);
  LogicalResult infer = checkSection<ast::InferDecl>(infers);
  return LogicalResult::success(succeeded(train) && succeeded(infer));
}

/// What a section with a syntax error would say or lack is not known: it is left out.
NetPlan Driver::planOf(Found net) const {
  NetPlan plan{&main, net, nullptr, nullptr};
  if (options.netOnly)
    return plan;
  for (const ast::TrainDecl *train : trains)
    if (main.find(train->name.text).decl == net.decl && !plan.train && !train->hasErrors)
      plan.train = train;
  for (const ast::InferDecl *infer : infers)
    if (main.find(infer->name.text).decl == net.decl && !plan.infer && !infer->hasErrors)
      plan.infer = infer;
  return plan;
}

/// The net that the command line names.
Found Driver::namedNet() {
  Found found = main.find(options.net);
  if (llvm::isa_and_nonnull<ast::NetDecl>(found.decl))
    return found;
  std::vector<StringRef> names = main.visibleNames(ast::Decl::Kind::Net);
  Diagnostic &error =
      diags.error("unknown-net", {}, main.path() + " has no net named '" + options.net + "'");
  if (!names.empty())
    error.note("nets: " + llvm::join(names, ", "));
  StringRef near = nearest(options.net, names);
  if (!near.empty())
    error.help("did you mean '" + near + "'?");
  return {};
}

/// The net of the module: the named one, that of the only train section, else of the only infer
/// section, else the last.
Found Driver::chooseNet() {
  if (!options.net.empty())
    return namedNet();
  if (trains.size() > 1 && !options.checkAll) {
    llvm::SmallVector<StringRef> names;
    for (const ast::TrainDecl *train : trains)
      names.push_back(train->name.text);
    diags.error("several-sections", {}, main.path() + " has several train sections")
        .note("they train: " + llvm::join(names, ", "))
        .help("name one of these nets after the file");
    return {};
  }
  // Without sections a misspelt name in one of them has not been reported: the net stands alone.
  if (!trains.empty())
    if (Found net = netOf(*trains.front()); net || !options.netOnly)
      return net;
  if (infers.size() == 1)
    return netOf(*infers.front());
  if (!nets.empty())
    return {nets.back(), &main};
  if (!options.checkAll && !diags.hasErrors()) // which may have hidden it
    diags.error("no-net", {}, main.path() + " declares no net")
        .help("write net Name(image: [1, 28, 28]) { .. }");
  return {};
}

//===- -s name=value ------------------------------------------------------------------------===//

LogicalResult Driver::readSettings() {
  bool ok = true;
  for (const auto &[name, text] : options.settings)
    ok &= succeeded(readSetting(name, text));
  return LogicalResult::success(ok);
}

/// A value on the command line is an expression of the language, over no names.
LogicalResult Driver::readSetting(StringRef name, const std::string &text) {
  const Source &source = sources.add("-s " + name.str(), "let value = " + text);
  Diagnostics local;
  std::unique_ptr<ast::File> file = parse(source, local);
  const auto *let =
      file->decls.size() == 1 ? llvm::dyn_cast<ast::LetDecl>(file->decls.front()) : nullptr;
  if (let && !local.hasErrors()) {
    mlir::OwningOpRef<mlir::ModuleOp> scratch = newModule();
    ProgramFunction function(*scratch, "settings", false, mlir::UnknownLoc::get(&context));
    Elaborator elab(function, local, function.builder, ast::Mode::Infer);
    FailureOr<Value> value = elab.evaluate(*let->value, elab.rootOf(&main));
    if (succeeded(value) && !value->tensor()) {
      overrides.insert_or_assign(name, *value);
      return success();
    }
  }
  diags.error("setting-value", {}, "-s " + name + "=" + text + " is not understood")
      .help("write a number, a size such as 3x3, true, false, or a \"string\"");
  return failure();
}

//===- the module ---------------------------------------------------------------------------===//

/// A net whose settings all have a value can be elaborated alone.
static bool standsAlone(const ast::NetDecl &net) {
  return !net.hasErrors && llvm::all_of(net.params.settings, [](const ast::Param &setting) {
    return setting.value != nullptr;
  });
}

mlir::OwningOpRef<mlir::ModuleOp> Driver::newModule() {
  return mlir::ModuleOp::create(mlir::FileLineColLoc::get(&context, main.path(), 1, 1));
}

LogicalResult Driver::buildMain(const NetPlan &plan, FrontendResult &result) {
  result.module = newModule();
  BuildContext build{*result.module, diags, options, overrides};
  SectionBuilder builder(build, plan);
  bool ok = true;
  if (plan.train)
    ok = succeeded(builder.buildTrain()) && succeeded(builder.buildEval());
  ok &= succeeded(builder.buildInfer(/*withData=*/!options.netOnly));
  result.summary = builder.summary;
  if (!ok)
    return failure();
  showDefaults(plan, result.summary);
  builder.setRecipe();
  return builder.checkOverrides();
}

/// The table shows a net with its own defaults; where a section sets something, that is said apart.
void Driver::showDefaults(const NetPlan &plan, NetSummary &summary) {
  const auto &net = *llvm::cast<ast::NetDecl>(plan.net.decl);
  const auto *args = plan.infer   ? (plan.infer->args ? &*plan.infer->args : nullptr)
                     : plan.train ? (plan.train->args ? &*plan.train->args : nullptr)
                                  : nullptr;
  bool sets = args && llvm::any_of(args->list, [&](const ast::Arg &arg) {
                return llvm::none_of(net.params.inputs, [&](const ast::Param &input) {
                  return input.name.text == arg.name.text;
                });
              });
  if (!sets || !standsAlone(net))
    return;
  mlir::OwningOpRef<mlir::ModuleOp> scratch = newModule();
  Diagnostics ignored; // the net has been looked at
  FrontendOptions quiet = options;
  quiet.listener = nullptr;
  BuildContext build{*scratch, ignored, quiet, overrides};
  SectionBuilder builder(build, {&main, plan.net, nullptr, nullptr});
  if (failed(builder.buildInfer(/*withData=*/false)))
    return;
  builder.summary.asUsed = summary.net + oneLine(args->span.text());
  builder.summary.parametersAsUsed = summary.parameters;
  builder.summary.training = std::move(summary.training);
  summary = std::move(builder.summary);
}

/// What the module does not need: other sections, other nets; each in both modes.
void Driver::checkRest(Found chosen) {
  llvm::SmallPtrSet<const ast::Decl *, 8> done;
  done.insert(chosen.decl);
  auto trained = [&](const ast::TrainDecl *train) { return netOf(*train).decl == chosen.decl; };
  if (chosen && llvm::none_of(trains, trained))
    checkInTraining(chosen);
  for (const ast::TrainDecl *train : trains)
    if (Found net = netOf(*train); net && done.insert(net.decl).second)
      checkPlan(planOf(net));
  for (const ast::InferDecl *infer : infers)
    if (Found net = netOf(*infer); net && done.insert(net.decl).second)
      checkPlan(planOf(net));
  for (const ast::NetDecl *net : nets)
    if (done.insert(net).second)
      checkPlan({&main, {net, &main}, nullptr, nullptr});
  for (const ast::TrainDecl *train : trains)
    done.insert(main.find(train->data.text).decl);
  for (const ast::InferDecl *infer : infers)
    done.insert(main.find(infer->data.text).decl);
  for (const ast::DataDecl *data : main.all<ast::DataDecl>())
    if (done.insert(data).second)
      checkData(*data);
}

/// The module holds a net without a train section for inference only.
void Driver::checkInTraining(Found net) {
  NetPlan plan = planOf(net);
  if (!plan.infer)
    return checkPlan({&main, net, nullptr, nullptr}, overrides);
  mlir::OwningOpRef<mlir::ModuleOp> scratch = newModule();
  BuildContext build{*scratch, diags, options, overrides};
  (void)SectionBuilder(build, plan).checkNetInTraining();
}

/// A data section that no other section of this file uses.
void Driver::checkData(const ast::DataDecl &data) {
  for (ast::Mode mode : {ast::Mode::Train, ast::Mode::Infer}) {
    mlir::OwningOpRef<mlir::ModuleOp> scratch = newModule();
    ProgramFunction function(*scratch, "data", false, mlir::UnknownLoc::get(&context));
    Elaborator elab(function, diags, function.builder, mode);
    elab.listener = options.listener;
    if (failed(DataFields::make(elab, function, data, main, {}, options.dataOverride)))
      return;
  }
}

/// The settings of the command line mean the module's net only.
void Driver::checkPlan(const NetPlan &plan, const llvm::StringMap<Value> &settings) {
  mlir::OwningOpRef<mlir::ModuleOp> scratch = newModule();
  BuildContext build{*scratch, diags, options, settings};
  SectionBuilder builder(build, plan);
  bool ok = true;
  if (plan.train)
    ok = succeeded(builder.buildTrain()) && succeeded(builder.buildEval());
  if (plan.infer || plan.train)
    ok &= succeeded(builder.buildInfer(/*withData=*/true));
  // Where a section is wrong the net itself still wants to be looked at.
  bool alone = standsAlone(*llvm::cast<ast::NetDecl>(plan.net.decl));
  if (alone && (!ok || !(plan.train || plan.infer))) {
    NetPlan net{&main, plan.net, nullptr, nullptr};
    SectionBuilder netBuilder(build, net);
    (void)netBuilder.buildInfer(/*withData=*/false);
    (void)netBuilder.checkNetInTraining();
  }
}

FrontendResult Driver::run() {
  FrontendResult result;
  bool ok = options.netOnly || succeeded(checkSections());
  ok &= succeeded(readSettings());
  Found net = chooseNet();
  if (net && !net.decl->hasErrors && ok) {
    if (failed(buildMain(planOf(net), result)) && options.checkAll)
      checkPlan({&main, net, nullptr, nullptr}, overrides);
  }
  if (options.checkAll)
    checkRest(ok ? net : Found());
  if (!diags.hasErrors() && !result.module && options.checkAll)
    result.module = newModule(); // a file of blocks and ops only
  if (!diags.hasErrors() && result.module && failed(mlir::verify(*result.module)))
    diags.error("internal", {}, "the elaborated program is not valid; this is a bug in gnc");
  if (diags.hasErrors())
    result.module = nullptr;
  else if (!options.netOnly)
    warnAboutUnused(main.file(), diags); // after a mistake much is unused that should not be
  return result;
}

//===- entry --------------------------------------------------------------------------------===//

FrontendResult gnc::dsl::elaborateModule(const Module &main, const FrontendOptions &options,
                                         mlir::MLIRContext &context, SourceManager &sources,
                                         Diagnostics &diags) {
  context.loadDialect<gnc::GncDialect, mlir::func::FuncDialect, mlir::arith::ArithDialect,
                      mlir::math::MathDialect>();
  return Driver(main, options, context, sources, diags).run();
}

FrontendResult gnc::dsl::elaborateFile(StringRef path, const FrontendOptions &options,
                                       mlir::MLIRContext &context, SourceManager &sources,
                                       Diagnostics &diags) {
  ModuleLoader loader(sources, diags);
  const Module *main = loader.loadFile(path);
  return main ? elaborateModule(*main, options, context, sources, diags) : FrontendResult();
}

FrontendResult gnc::dsl::elaborateText(StringRef name, std::string text,
                                       const FrontendOptions &options, mlir::MLIRContext &context,
                                       SourceManager &sources, Diagnostics &diags) {
  ModuleLoader loader(sources, diags);
  const Module *main = loader.loadText(name, std::move(text));
  return elaborateModule(*main, options, context, sources, diags);
}
