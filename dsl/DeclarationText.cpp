// What a declaration's parameters are, and how its signature reads in messages.
#include "dsl/LayerBuilder.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;

llvm::ArrayRef<ast::Param> gnc::dsl::inputsOf(const ast::Decl &decl) {
  if (auto *net = llvm::dyn_cast<ast::NetDecl>(&decl))
    return net->params.inputs;
  if (auto *op = llvm::dyn_cast<ast::OpDecl>(&decl))
    return op->params.inputs;
  if (auto *block = llvm::dyn_cast<ast::BlockDecl>(&decl))
    if (!block->chain || block->params.semicolon)
      return block->params.inputs;
  return {};
}

/// All parameters of a declaration that has some.
static const ast::Params *paramsOf(const ast::Decl &decl) {
  if (auto *net = llvm::dyn_cast<ast::NetDecl>(&decl))
    return &net->params;
  if (auto *op = llvm::dyn_cast<ast::OpDecl>(&decl))
    return &op->params;
  if (auto *block = llvm::dyn_cast<ast::BlockDecl>(&decl))
    return &block->params;
  if (auto *def = llvm::dyn_cast<ast::DefDecl>(&decl))
    return &def->params;
  if (auto *optimizer = llvm::dyn_cast<ast::OptimizerDecl>(&decl))
    return &optimizer->params;
  return nullptr;
}

llvm::SmallVector<const ast::Param *> gnc::dsl::settingsOf(const ast::Decl &decl) {
  llvm::SmallVector<const ast::Param *> settings;
  const ast::Params *params = paramsOf(decl);
  auto *block = llvm::dyn_cast<ast::BlockDecl>(&decl);
  bool allAreSettings =
      llvm::isa<ast::DefDecl>(decl) || (block && block->chain && !block->params.semicolon);
  if (params && allAreSettings)
    for (const ast::Param &param : params->inputs)
      settings.push_back(&param);
  if (params)
    for (const ast::Param &param : params->settings)
      settings.push_back(&param);
  return settings;
}

static std::string names(llvm::ArrayRef<const ast::Param *> params) {
  std::string text;
  for (const ast::Param *param : params)
    text += (text.empty() ? "" : ", ") + param->name.text.str();
  return text;
}

std::string gnc::dsl::signature(const ast::Decl &decl) {
  llvm::SmallVector<const ast::Param *> inputs;
  for (const ast::Param &input : inputsOf(decl))
    inputs.push_back(&input);
  auto settings = settingsOf(decl);
  std::string text = decl.name.text.str() + "(" + names(inputs);
  if (!settings.empty())
    text += (inputs.empty() ? "" : "; ") + names(settings);
  return text + ")";
}

std::string gnc::dsl::dimText(const ast::Dim &dim) {
  return oneLine(dim.expr->span.text(), 40) + (dim.pack ? ".." : "");
}

std::string gnc::dsl::typeText(const ast::Type &type) {
  std::string text;
  if (type.elem == ast::Elem::Index)
    text = "index(" + oneLine(type.classes->span.text(), 30) + ")";
  else if (type.elem != ast::Elem::F32)
    text = spelling(type.elem).str();
  if (!type.hasShape)
    return text;
  text += "[";
  if (type.batch)
    text += dimText(*type.batch) + "; ";
  for (const auto &[i, dim] : llvm::enumerate(type.dims))
    text += (i ? ", " : "") + dimText(dim);
  return text + "]";
}
