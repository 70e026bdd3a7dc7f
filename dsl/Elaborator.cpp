#include "dsl/Elaborator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;

// Bounds on what one program may ask for. Real networks stay far below: ResNet-152 needs some
// 100,000 steps and nests five deep.
static constexpr uint64_t maxWork = 20'000'000;
static constexpr size_t maxUses = 100;
static constexpr size_t maxUseNotes = 6;

Elaborator::Elaborator(FunctionHost &host, Diagnostics &diags, mlir::OpBuilder &builder,
                       ast::Mode mode)
    : host(host), diags(diags), builder(builder), mode(mode) {}

Elaborator::~Elaborator() = default;

//===- scopes -------------------------------------------------------------------------------===//

Scope &Elaborator::newScope(Scope &parent) { return scopes.emplace_back(parent); }

Scope &Elaborator::rootOf(const Module *module) {
  Scope *&root = roots[module];
  if (!root)
    root = &scopes.emplace_back(module);
  return *root;
}

//===- messages -----------------------------------------------------------------------------===//

Report Elaborator::error(llvm::StringRef slug, Span at, const llvm::Twine &text) {
  Span place = userSpan(at);
  return Report(*this, diags.error(slug, place, text), place);
}

Report Elaborator::warning(llvm::StringRef slug, Span at, const llvm::Twine &text) {
  Span place = userSpan(at);
  return Report(*this, diags.warning(slug, place, text), place);
}

Span Elaborator::userSpan(Span at) const {
  for (size_t i = useStack.size(); i-- && (!at || librarySources.contains(at.source));)
    at = useStack[i].at;
  return at;
}

/// "in this use of 'basic', with k = 128": for the blocks between `at` and the net.
void Elaborator::addUses(Diagnostic &diagnostic, Span at) const {
  size_t notes = 0;
  for (size_t i = useStack.size(); i--;) {
    const Use &use = useStack[i];
    // Of a function that calls itself the outermost use is enough.
    bool again = i && useStack[i - 1].decl == use.decl;
    // The net that is being elaborated is not used by anything; sections name it several times.
    bool outermost = &use == &useStack.front() && llvm::isa<ast::NetDecl>(use.decl);
    bool inner = !use.at || outermost || librarySources.contains(use.at.source) ||
                 librarySources.contains(use.decl->span.source) ||
                 (llvm::isa<ast::NetDecl>(use.decl) && use.settings.empty()) ||
                 (use.at.source == at.source && use.at.begin == at.begin);
    if (again || inner || ++notes > maxUseNotes)
      continue;
    diagnostic.note(use.at, "in this use of '" + use.decl->name.text + "'" +
                                (use.settings.empty() ? "" : ", with " + use.settings));
  }
}

Report::~Report() {
  if (diagnostic)
    elab->addUses(*diagnostic, at);
}

Report &Report::note(const llvm::Twine &text) {
  diagnostic->note(text);
  return *this;
}

Report &Report::note(Span at, const llvm::Twine &text) {
  if (elab->userSpan(at) == at) // places in the library are never shown
    diagnostic->note(at, text);
  return *this;
}

Report &Report::help(const llvm::Twine &text) {
  diagnostic->help(text);
  return *this;
}

Report &Report::didYouMean(llvm::StringRef name, llvm::ArrayRef<llvm::StringRef> candidates) {
  llvm::StringRef best = nearest(name, candidates);
  return best.empty() || best == name ? *this : help("did you mean '" + best + "'?");
}

Report &Report::trail(const Tensor &tensor, const llvm::Twine &title) {
  constexpr size_t maxRows = 8;
  llvm::SmallVector<const TrailStep *, maxRows> rows;
  for (const TrailStep *step = tensor.trail; step && rows.size() < maxRows; step = step->previous)
    rows.push_back(step);
  if (rows.empty())
    return *this;
  if (!title.isTriviallyEmpty())
    note(title);
  size_t textWidth = 0, shapeWidth = 0;
  for (const TrailStep *row : rows) {
    textWidth = std::max(textWidth, row->text.size());
    shapeWidth = std::max(shapeWidth, row->shape.size());
  }
  for (const TrailStep *row : llvm::reverse(rows)) {
    std::string line = "    " + row->text + std::string(textWidth - row->text.size() + 2, ' ') +
                       row->shape + std::string(shapeWidth - row->shape.size() + 2, ' ') +
                       row->note;
    note(llvm::StringRef(line).rtrim());
  }
  return *this;
}

const TrailStep *Elaborator::extendTrail(const TrailStep *previous, llvm::StringRef text,
                                         const TensorType &type, llvm::StringRef note) {
  return &trailSteps.emplace_back(TrailStep{text.str(), type.str(), note.str(), previous});
}

int64_t Elaborator::weightElements(size_t first) const {
  int64_t elements = 0;
  for (size_t i = first; i < parameterStore.size(); ++i)
    if (parameterStore[i].role == ParameterRole::Weight)
      elements += parameterStore[i].type.elements();
  return elements;
}

//===- uses, places -------------------------------------------------------------------------===//

LogicalResult Elaborator::pushUse(Use use) {
  bool function = llvm::isa<ast::DefDecl>(use.decl);
  for (const Use &outer : useStack)
    if (outer.decl == use.decl && !function)
      return error("recursive-block", use.at, "'" + use.decl->name.text + "' uses itself")
          .note(use.decl->name.span, "it is declared here")
          .help("networks are unrolled when they are compiled; use 'for' or '* n'");
  if (useStack.size() >= maxUses)
    return error(function ? "deep-recursion" : "deep-nesting", use.at,
                 "'" + use.decl->name.text + "' is used " + llvm::Twine(maxUses) + " levels deep")
        .help(function ? "does its recursion end?" : "nest fewer blocks in each other");
  if (use.module && use.module->isStandard())
    librarySources.insert(use.decl->span.source);
  useStack.push_back(std::move(use));
  return success();
}

void Elaborator::addOpUse(OpUse use) {
  use.written = userSpan(use.at);
  for (const Tensor &result : use.results)
    makers[result.value] = opUses.size();
  opUses.push_back(std::move(use));
}

const OpUse *Elaborator::madeBy(const Tensor &tensor) const {
  auto it = makers.find(tensor.value);
  return it == makers.end() ? nullptr : &opUses[it->second];
}

std::string Elaborator::path() const {
  std::string path;
  for (const PathLevel &level : pathLevels)
    if (!level.name.empty())
      path += (path.empty() ? "" : ".") + level.name;
  return path;
}

static mlir::Location place(mlir::MLIRContext *context, Span at) {
  if (!at)
    return mlir::UnknownLoc::get(context);
  Position position = at.position();
  return mlir::FileLineColLoc::get(context, at.source->name(), position.line, position.column);
}

mlir::Location Elaborator::location(Span at) const {
  mlir::MLIRContext *context = builder.getContext();
  // From the outermost use inwards, so that each caller is complete when it is needed.
  std::optional<mlir::Location> callers;
  for (const Use &use : useStack)
    if (use.at) {
      mlir::Location here = place(context, use.at);
      callers = callers ? mlir::Location(mlir::CallSiteLoc::get(here, *callers)) : here;
    }
  mlir::Location chain = place(context, at);
  if (callers)
    chain = mlir::CallSiteLoc::get(chain, *callers);
  std::string name = path();
  return name.empty() ? chain : mlir::NameLoc::get(mlir::StringAttr::get(context, name), chain);
}

bool Elaborator::spend(uint64_t amount, Span at) {
  spent += std::min(amount, maxWork);
  if (spent <= maxWork)
    return true;
  if (!exhausted)
    error("too-much-work", at, "this program unrolls to more than can be compiled")
        .help("use smaller repeat counts and ranges");
  exhausted = true;
  return false;
}
