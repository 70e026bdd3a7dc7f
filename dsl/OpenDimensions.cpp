// Open dimensions of a net, `image: [1, H, W]`, that the data decide: `cifar10(..)` says what H is,
// and so does `resize(64x64)`; files that are not opened yet do not.
#include "dsl/SectionFunction.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

/// Bare names in the types of the net's inputs that mean nothing else.
llvm::SmallVector<StringRef> SectionFunction::openDimensions() const {
  llvm::SmallVector<StringRef> open;
  auto isSetting = [&](StringRef name) {
    return llvm::any_of(net().params.settings,
                        [&](const ast::Param &setting) { return setting.name.text == name; });
  };
  for (const ast::Param &input : net().params.inputs)
    for (const ast::Dim &dim :
         input.type ? llvm::ArrayRef(input.type->dims) : llvm::ArrayRef<ast::Dim>())
      if (auto *name = llvm::dyn_cast<ast::Name>(dim.expr))
        if (!dim.pack && !isSetting(name->name) && !context.overrides.contains(name->name) &&
            !plan.net.module->find(name->name) && !llvm::is_contained(open, name->name))
          open.push_back(name->name);
  return open;
}

std::optional<SectionFunction::Extents>
SectionFunction::extentsOfFields(const ast::Args *args, const ast::Ident &on,
                                 llvm::ArrayRef<StringRef> open, int64_t guess) const {
  Diagnostics silent;
  FrontendOptions options = context.options;
  options.listener = nullptr;
  llvm::StringMap<Value> overrides = context.overrides;
  for (StringRef name : open)
    overrides.try_emplace(name, Value::number(guess));
  mlir::OwningOpRef<mlir::ModuleOp> scratch =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(context.module->getContext()));
  BuildContext inner{*scratch, silent, options, overrides};
  SectionFunction section(inner, plan, "data", elab.mode, /*training=*/false);
  if (failed(section.begin(args, on, overrides)))
    return std::nullopt;
  Extents extents;
  for (const auto &[i, input] : llvm::enumerate(net().params.inputs)) {
    Span place = at;
    FailureOr<Tensor> field = section.fieldOf(i, place);
    if (failed(field) || field->shape.size() != input.type->dims.size())
      return std::nullopt;
    for (const auto &[dim, extent] : llvm::zip(input.type->dims, field->shape))
      if (auto *name = llvm::dyn_cast<ast::Name>(dim.expr))
        if (llvm::is_contained(open, name->name))
          extents.try_emplace(name->name, extent);
  }
  return extents;
}

/// What the data take from the net changes with what the net says; what the data decide does not.
llvm::StringMap<Value> SectionFunction::boundDimensions(const ast::Args *args,
                                                        const ast::Ident &on) const {
  llvm::StringMap<Value> bound = context.overrides;
  llvm::SmallVector<StringRef> open = openDimensions();
  if (!on || open.empty())
    return bound;
  auto some = extentsOfFields(args, on, open, Elaborator::defaultExtent);
  auto others = extentsOfFields(args, on, open, 2 * Elaborator::defaultExtent);
  if (!some || !others)
    return bound;
  for (const auto &[name, extent] : *some)
    if (others->lookup(name) == extent)
      bound.try_emplace(name, Value::number(extent));
  return bound;
}
