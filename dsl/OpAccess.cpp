// Reads: coordinates, what lies outside, and the proof that everything else is inside.
#include "dsl/OpElaborator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/SaveAndRestore.h"

#include <cmath>

using namespace gnc::dsl;
using llvm::StringRef;
using llvm::Twine;
using mlir::ShapedType;

//===- lists --------------------------------------------------------------------------------===//

/// `mean[c]` of a setting that is a list of numbers; a number is the same for every index.
FailureOr<mlir::Value> OpElaborator::listAccess(const ast::Access &expr, const Value &list,
                                                EquationBuilder &eq) {
  if (list.isNumber())
    return eq.scalars().constant(*list.asDouble());
  const std::vector<Value> *entries = list.elements();
  if (!entries || expr.indices.size() != 1 || expr.indices[0].pack || expr.batch)
    return elab.error("index-count", expr.span,
                      "'" + expr.tensor->span.text() + "' is " + list.kindName() +
                          "; one index reads it");
  auto term = indexTerm(*expr.indices[0].expr, eq);
  auto index = scalar(*expr.indices[0].expr, eq);
  if (failed(term) || failed(index))
    return failure();
  int64_t size = entries->size();
  if (term->den != 1 || !eq.rangeOf(term->num).inside(size))
    return elab.error("outside", expr.indices[0].span,
                      "'" + expr.tensor->span.text() + "' has " + Twine(size) +
                          " entries; this index can be outside of them");
  if (size > 64)
    return elab
        .error("too-large", expr.span,
               "'" + expr.tensor->span.text() + "' has " + Twine(size) +
                   " entries; an equation can choose among 64")
        .help("so many numbers are data: make them a tensor, and an input of the op");
  mlir::Value chosen;
  for (size_t i = entries->size(); i-- > 0;) {
    auto number = (*entries)[i].asDouble();
    if (!number)
      return elab.error("not-a-number", expr.span,
                        "'" + expr.tensor->span.text() + "' has entries that are no numbers");
    mlir::Value value = eq.scalars().constant(*number);
    mlir::Value here = eq.scalars().constant(double(i));
    chosen = chosen ? eq.scalars().select(eq.scalars().compare(ast::CompareOp::Eq, *index, here),
                                          value, chosen)
                    : value;
  }
  return chosen;
}

//===- coordinates --------------------------------------------------------------------------===//

FailureOr<unsigned> OpElaborator::packLength(const ast::Access &expr, const OpTensor &tensor) {
  unsigned packs = llvm::count_if(expr.indices, [](const ast::Index &i) { return i.pack; });
  unsigned single = expr.indices.size() - packs, rank = tensor.tensor.rank();
  if (packs > 1)
    return elab.error("two-packs", expr.span, "one pack of indices is enough: which is how long?");
  if (single <= rank && (packs || single == rank))
    return rank - single;
  return elab
      .error("index-count", expr.span,
             expr.tensor->span.text() + " has " + Twine(rank) +
                 (rank == 1 ? " dimension" : " dimensions") + ", but " + Twine(single) +
                 (single == 1 ? " index is" : " indices are") + " given")
      .note(expr.tensor->span.text() + " is " + tensor.tensor.str());
}

LogicalResult OpElaborator::batchCoordinate(const ast::Access &expr, const OpTensor &tensor,
                                            EquationBuilder &eq, AccessParts &parts) {
  StringRef text = expr.tensor->span.text();
  if (expr.batch.has_value() != tensor.namesBatch)
    return elab
        .error("batch-index", expr.span,
               text + (expr.batch
                           ? " is declared without a batch: each sample is computed by itself"
                           : " is declared with its batch"))
        .help(expr.batch ? "declare " + text + ": [N; ..] to see all samples"
                         : "write " + text + "[n; ..]");
  if (tensor.mapped())
    parts.coords.push_back(eq.dim(0));
  if (!expr.batch)
    return success();
  auto *name = llvm::dyn_cast<ast::Name>(expr.batch->expr);
  const IndexName *index = name ? indexNamed(name->name) : nullptr;
  if (!index || index->pack || !ShapedType::isDynamic(vars[index->vars.front()].extent))
    return elab
        .error("batch-index", expr.batch->span,
               "before ';' stands an index that runs over the batch, alone")
        .note("samples have no order: there is no sample before or after another");
  parts.coords.push_back(eq.dim(index->vars.front()));
  return success();
}

LogicalResult OpElaborator::packCoordinates(const ast::Index &index, unsigned count,
                                            EquationBuilder &eq, AccessParts &parts) {
  auto *name = llvm::dyn_cast<ast::Name>(index.expr);
  const IndexName *pack = name ? indexNamed(name->name) : nullptr;
  if (!pack)
    return elab.error("unknown-index", index.span, "'" + index.span.text() + "' is no index here")
        .note("an index is made on the left side or by a reduction");
  if (!pack->pack || pack->vars.size() != count)
    return elab.error("index-count", index.span,
                      "'" + index.span.text() + "' stands for " + Twine(pack->vars.size()) +
                          " indices, but here for " + Twine(count));
  for (unsigned var : pack->vars)
    parts.coords.push_back(eq.dim(var));
  return success();
}

/// `clamp(e)`, `wrap(e)` and `mirror(e)`: an index that is brought inside.
LogicalResult OpElaborator::boundary(const ast::Call &expr, StringRef kind, int64_t extent,
                                     EquationBuilder &eq, AccessParts &parts) {
  if (expr.args.list.size() != 1 || expr.args.list[0].name)
    return elab.error("arguments", expr.args.span, kind + " takes one index");
  auto term = indexTerm(*expr.args.list[0].value, eq);
  if (failed(term))
    return failure();
  if (term->den != 1)
    return elab.error("not-an-index", expr.span, "inside " + kind + "(..) division is written //");
  unsigned position = parts.coords.size();
  if (kind == "clamp") {
    parts.clamped.push_back(position);
    parts.coords.push_back(term->num);
  } else if (kind == "wrap" || extent == 1) {
    parts.coords.push_back(term->num % extent);
  } else {
    // Forth and back without repeating the ends: 0 1 2 1 0 1 2 ..
    int64_t period = 2 * (extent - 1);
    parts.coords.push_back(term->num % period);
    parts.mirrored.push_back({position, -(term->num % period) + period});
  }
  return success();
}

LogicalResult OpElaborator::coordinate(const ast::Index &index, int64_t extent, EquationBuilder &eq,
                                       AccessParts &parts) {
  if (auto *call = llvm::dyn_cast<ast::Call>(index.expr))
    if (auto *name = llvm::dyn_cast<ast::Name>(call->callee))
      if (name->name == "clamp" || name->name == "wrap" || name->name == "mirror")
        return boundary(*call, name->name, extent, eq, parts);
  auto term = indexTerm(*index.expr, eq);
  if (failed(term))
    return failure();
  if (term->den == 1) {
    parts.coords.push_back(term->num);
    return success();
  }
  // Only whole values are coordinates.
  parts.coords.push_back(term->num.floorDiv(term->den));
  parts.conditions.push_back(term->num % term->den);
  parts.limits.push_back(1);
  return success();
}

LogicalResult OpElaborator::coordinates(const ast::Access &expr, const OpTensor &tensor,
                                        EquationBuilder &eq, AccessParts &parts) {
  llvm::SaveAndRestore<const ast::Access *> here(reading, &expr);
  llvm::SaveAndRestore<AccessParts *> partsHere(readingParts, &parts);
  auto pack = packLength(expr, tensor);
  if (failed(pack) || failed(batchCoordinate(expr, tensor, eq, parts)))
    return failure();
  unsigned dimension = 0;
  for (const ast::Index &index : expr.indices) {
    if (failed(index.pack ? packCoordinates(index, *pack, eq, parts)
                          : coordinate(index, tensor.tensor.shape[dimension], eq, parts)))
      return failure();
    dimension += index.pack ? *pack : 1;
  }
  return success();
}

//===- bounds -------------------------------------------------------------------------------===//

/// The index that stands for a dimension of a tensor.
static const ast::Index &indexOfDimension(const ast::Access &expr, unsigned dimension,
                                          unsigned rank) {
  unsigned packs = llvm::count_if(expr.indices, [](const ast::Index &i) { return i.pack; });
  unsigned length = rank - (expr.indices.size() - packs), position = 0;
  for (const ast::Index &index : expr.indices) {
    position += index.pack ? length : 1;
    if (dimension < position)
      return index;
  }
  return expr.indices.back();
}

/// "i in 0..3, r in 0..2": the indices that an expression mentions.
std::string OpElaborator::rangesIn(const ast::Expr &expr) const {
  std::string ranges;
  for (const IndexName &name : names)
    if (!name.pack && mentions(expr, name.name.text) &&
        !ShapedType::isDynamic(vars[name.vars.front()].extent))
      ranges += (ranges.empty() ? "" : ", ") + name.name.text.str() + " in 0.." +
                std::to_string(vars[name.vars.front()].extent - 1);
  return ranges;
}

Report OpElaborator::outside(const ast::Access &expr, const OpTensor &tensor, unsigned dimension,
                             gnc::IndexRange range) {
  const ast::Index &index = indexOfDimension(expr, dimension, tensor.tensor.rank());
  StringRef text = expr.tensor->span.text();
  auto bound = [](std::optional<int64_t> b) { return b ? std::to_string(*b) : std::string("?"); };
  Report report = elab.error("outside", index.span,
                             text + "[..] can be read outside: index " + Twine(dimension) +
                                 " runs over " + bound(range.low) + ".." + bound(range.high) +
                                 ", dimension " + Twine(dimension) + " of " + text + " is " +
                                 Twine(tensor.tensor.shape[dimension]));
  if (std::string ranges = rangesIn(*index.expr); !ranges.empty())
    report.note(ranges);
  report.help("say what lies outside: " + expr.span.text() + " ?? 0");
  report.help("or clamp/wrap/mirror the index");
  return report;
}

FailureOr<bool> OpElaborator::prove(const ast::Access &expr, const OpTensor &tensor,
                                    EquationBuilder &eq, AccessParts &parts) {
  unsigned first = tensor.tensor.batched ? 1 : 0;
  bool guarded = false;
  for (unsigned i = first; i < parts.coords.size(); ++i) {
    parts.coords[i] = gnc::simplify(parts.coords[i], eq.extents());
    gnc::IndexRange range = eq.rangeOf(parts.coords[i]);
    if (range.inside(tensor.tensor.shape[i - first])) {
      llvm::erase(parts.clamped, int64_t(i));
      continue;
    }
    if (llvm::is_contained(parts.clamped, int64_t(i)))
      continue;
    bool reflected = llvm::any_of(parts.mirrored, [&](auto &m) { return m.first == i; });
    if (!expr.outside && !reflected)
      return outside(expr, tensor, i - first, range);
    guarded = true;
  }
  for (unsigned i = parts.conditions.size(); i-- > 0;) {
    parts.conditions[i] = gnc::simplify(parts.conditions[i], eq.extents());
    if (eq.rangeOf(parts.conditions[i]).inside(parts.limits[i])) {
      parts.conditions.erase(parts.conditions.begin() + i);
      parts.limits.erase(parts.limits.begin() + i);
      continue;
    }
    if (!expr.outside)
      return elab
          .error("outside", expr.span,
                 expr.tensor->span.text() +
                     "[..] can be read outside: an index that is not a whole number lies outside")
          .note("'/' in an index is exact; '//' rounds down")
          .help("say what lies outside: " + expr.span.text() + " ?? 0");
    guarded = true;
  }
  return guarded;
}

FailureOr<mlir::Value> OpElaborator::guardedRead(const ast::Access &expr, const OpTensor &tensor,
                                                 EquationBuilder &eq, const AccessParts &parts) {
  if (isConstant(*expr.outside)) {
    auto value = elab.evaluateReal(*expr.outside, scope, "the value outside");
    if (failed(value))
      return failure();
    if (tensor.tensor.element != ElementKind::F32 && *value != std::floor(*value))
      return elab.error("outside-value", expr.outside->span,
                        "the value outside of " + tensor.tensor.str() + " must be a whole number");
    return eq.read(tensor.tensor.value, parts, *value);
  }
  auto value = scalar(*expr.outside, eq);
  if (failed(value))
    return failure();
  mlir::BlockArgument read = eq.read(tensor.tensor.value, parts, 0);
  return eq.scalars().select(eq.inside(read), read, *value);
}

/// A reflected coordinate is one of two: both are read, guarded, and the one inside is chosen.
FailureOr<mlir::Value> OpElaborator::mirroredRead(const ast::Access &expr, const OpTensor &tensor,
                                                  EquationBuilder &eq, AccessParts parts) {
  auto mirrored = std::move(parts.mirrored);
  parts.mirrored.clear();
  if (expr.outside || mirrored.size() > 4)
    return elab
        .error("not-yet", expr.span,
               expr.outside ? "mirror(..) and a value outside cannot be combined yet"
                            : "more than 4 mirrored indices are not built yet")
        .help("read in two equations");
  mlir::Value chosen;
  for (unsigned choice = 1u << mirrored.size(); choice-- > 0;) {
    AccessParts one = parts;
    for (auto [bit, mirror] : llvm::enumerate(mirrored))
      if (choice >> bit & 1)
        one.coords[mirror.first] = gnc::simplify(mirror.second, eq.extents());
    mlir::BlockArgument read = eq.read(tensor.tensor.value, one, 0);
    chosen = chosen ? eq.scalars().select(eq.inside(read), read, chosen) : mlir::Value(read);
  }
  return chosen;
}

FailureOr<mlir::Value> OpElaborator::access(const ast::Access &expr, EquationBuilder &eq) {
  const OpTensor *tensor = tensorOf(*expr.tensor);
  if (!tensor) {
    auto *name = llvm::dyn_cast<ast::Name>(expr.tensor);
    const Binding *binding = name ? scope.find(name->name) : nullptr;
    if (binding && binding->status == Binding::Status::Failed)
      return failure();
    if (binding && binding->value)
      return listAccess(expr, *binding->value, eq);
    if (name && !indexNamed(name->name) && !scalars.count(name->name))
      return unknownName(name->name, expr.tensor->span);
  }
  if (pointwise)
    return elab
        .error("pointwise-index", expr.span,
               op.name.text +
                   " is written on numbers: its inputs have no shapes, so there are no indices")
        .help("declare shapes: " + op.params.inputs.front().name.text + ": [C, H, W]");
  if (!tensor)
    return elab.error("unknown-tensor", expr.tensor->span,
                      "'" + expr.tensor->span.text() + "' is no tensor that can be read");
  AccessParts parts;
  if (failed(coordinates(expr, *tensor, eq, parts)))
    return failure();
  auto guarded = prove(expr, *tensor, eq, parts);
  if (failed(guarded))
    return failure();
  if (!*guarded)
    return eq.read(tensor->tensor.value, parts);
  return parts.mirrored.empty() ? guardedRead(expr, *tensor, eq, parts)
                                : mirroredRead(expr, *tensor, eq, std::move(parts));
}
