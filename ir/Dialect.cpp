//===- Dialect.cpp - the dialect and its access attribute -------------------------------------===//
#include "ir/Evaluator.h"
#include "ir/Gnc.h"
#include "ir/LibraryCall.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace gnc;

#pragma clang diagnostic ignored "-Wunused-parameter" // in generated code
#include "GncDialect.cpp.inc"
#include "GncEnums.cpp.inc"
#include "GncInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "GncAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "GncOps.cpp.inc"

void GncDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "GncAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "GncOps.cpp.inc"
      >();
}

/// An argument takes one new value, that of one result.
static LogicalResult verifyUpdates(func::FuncOp function, unsigned first) {
  DenseMap<int64_t, unsigned> updatedBy;
  for (unsigned result = first; result != function.getNumResults(); ++result) {
    Attribute updates = function.getResultAttr(result, names::kUpdates);
    if (!updates)
      continue;
    auto argument = dyn_cast<IntegerAttr>(updates);
    if (!argument || argument.getInt() < 0 || argument.getInt() >= function.getNumArguments())
      return function.emitError() << "result " << result << " updates " << updates
                                  << ", which is no argument of the function";
    auto [earlier, isNew] = updatedBy.try_emplace(argument.getInt(), result);
    if (!isNew)
      return function.emitError() << "results " << earlier->second << " and " << result
                                  << " both update argument " << argument.getInt();
  }
  return success();
}

LogicalResult GncDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned result,
                                                      NamedAttribute attribute) {
  auto function = dyn_cast<func::FuncOp>(op);
  if (!function || attribute.getName() != names::kUpdates)
    return success();
  // The first of them looks at all: thousands of results are each asked for.
  for (unsigned earlier = 0; earlier < result; ++earlier)
    if (function.getResultAttr(earlier, names::kUpdates))
      return success();
  return verifyUpdates(function, result);
}

LogicalResult GncDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() == names::kLibrary)
    return verifyLibraryCall(op, attribute.getValue());
  if (attribute.getName() == names::kLibraryReport)
    return verifyLibraryReport(op, attribute.getValue());
  return success();
}

namespace gnc {

AccessAttr AccessAttr::getVerified(function_ref<InFlightDiagnostic()> emitError, AffineMap coords,
                                   ArrayRef<int64_t> clamped, AffineMap conditions,
                                   ArrayRef<int64_t> limits, FloatAttr outside) {
  return getChecked(emitError, coords.getContext(), coords, clamped, conditions, limits, outside);
}

AccessAttr AccessAttr::get(AffineMap coords) {
  MLIRContext *context = coords.getContext();
  auto none = AffineMap::get(coords.getNumDims(), coords.getNumSymbols(), {}, context);
  return get(context, coords, {}, none, {}, FloatAttr());
}

AccessAttr AccessAttr::get(AffineMap coords, AffineMap conditions, ArrayRef<int64_t> limits,
                           double outside) {
  MLIRContext *context = coords.getContext();
  return get(context, coords, {}, conditions, limits, Builder(context).getF64FloatAttr(outside));
}

/// Products and quotients are by constants, divisors are positive: what all passes may rely on.
static bool isWellFormed(AffineMap map) {
  bool good = true;
  map.walkExprs([&](AffineExpr expr) {
    AffineExprKind kind = expr.getKind();
    if (kind != AffineExprKind::Mod && kind != AffineExprKind::FloorDiv &&
        kind != AffineExprKind::CeilDiv)
      return;
    auto divisor = dyn_cast<AffineConstantExpr>(cast<AffineBinaryOpExpr>(expr).getRHS());
    good &= divisor && divisor.getValue() > 0;
  });
  return good &&
         llvm::all_of(map.getResults(), [](AffineExpr expr) { return expr.isPureAffine(); });
}

LogicalResult AccessAttr::verify(function_ref<InFlightDiagnostic()> emitError, AffineMap coords,
                                 ArrayRef<int64_t> clamped, AffineMap conditions,
                                 ArrayRef<int64_t> limits, FloatAttr outside) {
  if (conditions.getNumDims() != coords.getNumDims() ||
      conditions.getNumSymbols() != coords.getNumSymbols())
    return emitError() << "coordinates and conditions of an access have the same indices";
  if (!isWellFormed(coords) || !isWellFormed(conditions))
    return emitError() << "coordinates multiply by constants and divide by positive constants only";
  if (conditions.getNumResults() != limits.size())
    return emitError() << "an access has one limit per condition";
  if (!outside && !limits.empty())
    return emitError() << "an access with conditions needs a value for outside";
  for (int64_t coordinate : clamped)
    if (coordinate < 0 || coordinate >= coords.getNumResults())
      return emitError() << "clamped coordinate " << coordinate << " does not exist";
  return success();
}

// #gnc.access<coords, [clamped], conditions, [limits], outside>; computes print their accesses
// inline instead.
void AccessAttr::print(AsmPrinter &printer) const {
  printer << "<" << AffineMapAttr::get(getCoords()) << ", [";
  llvm::interleaveComma(getClamped(), printer);
  printer << "], " << AffineMapAttr::get(getConditions()) << ", [";
  llvm::interleaveComma(getLimits(), printer);
  printer << "]";
  if (isGuarded())
    printer << ", " << getOutside();
  printer << ">";
}

Attribute AccessAttr::parse(AsmParser &parser, Type) {
  AffineMapAttr coords, conditions;
  SmallVector<int64_t> clamped, limits;
  FloatAttr outside;
  auto integers = [&](SmallVector<int64_t> &list) {
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                          [&] { return parser.parseInteger(list.emplace_back()); });
  };
  if (parser.parseLess() || parser.parseAttribute(coords) || parser.parseComma() ||
      integers(clamped) || parser.parseComma() || parser.parseAttribute(conditions) ||
      parser.parseComma() || integers(limits))
    return {};
  if (succeeded(parser.parseOptionalComma()) && parser.parseAttribute(outside))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<AccessAttr>(parser.getContext(), coords.getValue(), clamped,
                                       conditions.getValue(), limits, outside);
}

} // namespace gnc
