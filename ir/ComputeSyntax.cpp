//===- ComputeSyntax.cpp - how an equation reads as text --------------------------------------===//
//
//   %y = gnc.compute [n = ?, k = 32, i = 24] sum [c = 3, r = 5]
//       (%a = %x[n, c, i * 2 + r - 1] ?? 0.0 : tensor<?x3x48xf32>, %b = %w[k, c, r] :
//       tensor<32x3x5xf32>)
//       -> tensor<?x32x24xf32> { .. } finish (%sum : f32) (%bias = %b0[k] : tensor<32xf32>) { .. }
//
// A clamped coordinate is `clamp(e)`; conditions follow the coordinates: `%x[..] where (e < 3, ..)
// ?? 0.0`. Several results over one domain list their reductions: `(max, argmax) [r = 2]`.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/Gnc.h"
#include "ir/IndexMath.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace gnc;

//===------------------------------------------------------------------------------------------===//
// Printing
//===------------------------------------------------------------------------------------------===//

static void printIndices(OpAsmPrinter &p, ComputeOp op, unsigned begin, unsigned end) {
  p << '[';
  for (unsigned i = begin; i < end; ++i) {
    p << (i == begin ? "" : ", ") << op.getIndexName(i) << " = ";
    if (ShapedType::isDynamic(op.getExtents()[i]))
      p << '?';
    else
      p << op.getExtents()[i];
  }
  p << ']';
}

static void printAccess(OpAsmPrinter &p, AccessAttr access, ArrayRef<StringRef> names) {
  p << '[';
  for (auto [i, coordinate] : llvm::enumerate(access.getCoords().getResults())) {
    p << (i ? ", " : "") << (access.isClamped(i) ? "clamp(" : "");
    printIndexExpr(p.getStream(), coordinate, names);
    p << (access.isClamped(i) ? ")" : "");
  }
  p << ']';
  if (!access.getLimits().empty()) {
    p << " where (";
    for (auto [i, limit] : llvm::enumerate(access.getLimits())) {
      p << (i ? ", " : "");
      printIndexExpr(p.getStream(), access.getConditions().getResult(i), names);
      p << " < " << limit;
    }
    p << ')';
  }
  if (access.isGuarded())
    p << " ?? ", p.printAttributeWithoutType(access.getOutside());
}

static void printReads(OpAsmPrinter &p, ComputeOp op, ArrayRef<BlockArgument> arguments,
                       unsigned first) {
  SmallVector<StringRef> names;
  for (unsigned i = 0; i < op.getNumIndices(); ++i)
    names.push_back(op.getIndexName(i));
  p << '(';
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    Value tensor = op.getReads()[first + i];
    p << (i ? ", " : "");
    p.printOperand(argument);
    p << " = " << tensor;
    printAccess(p, op.getAccess(first + i), names);
    p << " : " << tensor.getType();
  }
  p << ')';
}

/// Reads are a, b, c, ..; what `finish` gets from the reduction is sum, max, ...
void ComputeOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  bool inFinish = &region == &getFinish();
  unsigned combined = inFinish ? getNumResults() : 0, firstRead = inFinish ? getNumBodyReads() : 0;
  for (auto [i, argument] : llvm::enumerate(region.getArguments())) {
    if (i < combined) {
      setName(argument, stringifyReduction(getReduction(i)));
      continue;
    }
    unsigned read = firstRead + i - combined;
    setName(argument, read < 26 ? std::string(1, 'a' + read) : "read" + std::to_string(read));
  }
}

void ComputeOp::print(OpAsmPrinter &p) {
  p << ' ';
  printIndices(p, *this, 0, getNumParallel());
  bool plain = llvm::all_of(getReductions(),
                            [](int32_t r) { return static_cast<Reduction>(r) == Reduction::None; });
  if (!plain) {
    p << ' ' << (getNumResults() == 1 ? "" : "(");
    llvm::interleaveComma(getReductions(), p,
                          [&](int32_t r) { p << stringifyReduction(static_cast<Reduction>(r)); });
    p << (getNumResults() == 1 ? " " : ") ");
    printIndices(p, *this, getNumParallel(), getNumIndices());
  }
  p << ' ';
  printReads(
      p, *this,
      llvm::to_vector(llvm::map_range(getBody().getArguments(), [](BlockArgument a) { return a; })),
      0);
  p.printArrowTypeList(getResultTypes());
  p << ' ';
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  if (hasFinish()) {
    ArrayRef<BlockArgument> arguments = getFinish().getArguments();
    p << " finish (";
    llvm::interleaveComma(arguments.take_front(getYielded().size()), p,
                          [&](BlockArgument argument) {
                            p.printOperand(argument);
                            p << " : " << argument.getType();
                          });
    p << ") ";
    printReads(p, *this, arguments.drop_front(getYielded().size()), getNumBodyReads());
    p << ' ';
    p.printRegion(getFinish(), /*printEntryBlockArgs=*/false);
  }
  p.printOptionalAttrDict((*this)->getAttrs(), {"names", "extents", "numParallel", "reductions",
                                                "accesses", "operandSegmentSizes"});
}

//===------------------------------------------------------------------------------------------===//
// Parsing
//===------------------------------------------------------------------------------------------===//

namespace {
/// What has been read of a compute so far.
struct ComputeParser {
  OpAsmParser &parser;
  OperationState &state;
  SmallVector<Attribute> names, accesses;
  SmallVector<int64_t> extents;
  SmallVector<std::pair<StringRef, AffineExpr>> symbols; // index names and read<k>
  SmallVector<std::string> symbolStorage;
  SmallVector<OpAsmParser::UnresolvedOperand> tensors;
  SmallVector<Type> tensorTypes;

  ParseResult indices();
  ParseResult reduction(SmallVectorImpl<int32_t> &list, StringRef keyword);
  ParseResult reductions(SmallVectorImpl<int32_t> &list);
  ParseResult access(unsigned numReads);
  ParseResult reads(SmallVectorImpl<OpAsmParser::Argument> &arguments);
};
} // namespace

ParseResult ComputeParser::indices() {
  return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, [&]() -> ParseResult {
    StringRef name;
    int64_t extent = ShapedType::kDynamic;
    if (parser.parseKeyword(&name) || parser.parseEqual())
      return failure();
    if (failed(parser.parseOptionalQuestion()) && parser.parseInteger(extent))
      return failure();
    symbols.push_back({name, getAffineDimExpr(extents.size(), parser.getContext())});
    names.push_back(parser.getBuilder().getStringAttr(name));
    extents.push_back(extent);
    return success();
  });
}

ParseResult ComputeParser::reduction(SmallVectorImpl<int32_t> &list, StringRef keyword) {
  auto reduction = symbolizeReduction(keyword);
  if (!reduction)
    return parser.emitError(parser.getCurrentLocation(),
                            "expected a reduction (sum, prod, max, min, argmax, argmin), found ")
           << keyword;
  list.push_back(static_cast<int32_t>(*reduction));
  return success();
}

/// `sum [..] (`, `(max, argmax) [..] (` or `(`: everything up to and with the parenthesis that
/// opens the reads.
ParseResult ComputeParser::reductions(SmallVectorImpl<int32_t> &list) {
  StringRef keyword;
  if (succeeded(parser.parseOptionalKeyword(&keyword)))
    return failure(reduction(list, keyword) || indices() || parser.parseLParen());
  if (parser.parseLParen())
    return failure();
  if (failed(parser.parseOptionalKeyword(&keyword)))
    return success(); // no reduction: this parenthesis opens the reads
  if (reduction(list, keyword))
    return failure();
  while (succeeded(parser.parseOptionalComma()))
    if (parser.parseKeyword(&keyword) || reduction(list, keyword))
      return failure();
  return failure(parser.parseRParen() || indices() || parser.parseLParen());
}

ParseResult ComputeParser::access(unsigned numReads) {
  SmallVector<AffineExpr> coords, conditions;
  SmallVector<int64_t> clamped, limits;
  auto known = symbols;
  for (unsigned i = 0; i < numReads; ++i)
    known.push_back({symbolStorage[i], getAffineSymbolExpr(i, parser.getContext())});
  auto coordinate = [&]() -> ParseResult {
    bool clamp = succeeded(parser.parseOptionalKeyword("clamp"));
    if (clamp)
      clamped.push_back(coords.size());
    return failure((clamp && parser.parseLParen()) ||
                   parser.parseAffineExpr(known, coords.emplace_back()) ||
                   (clamp && parser.parseRParen()));
  };
  auto condition = [&]() -> ParseResult {
    return failure(parser.parseAffineExpr(known, conditions.emplace_back()) || parser.parseLess() ||
                   parser.parseInteger(limits.emplace_back()));
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, coordinate))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("where")) &&
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, condition))
    return failure();
  FloatAttr outside;
  if (succeeded(parser.parseOptionalQuestion()) &&
      (parser.parseQuestion() || parser.parseAttribute(outside, parser.getBuilder().getF64Type())))
    return failure();
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(extents.size(), numReads, exprs, parser.getContext());
  };
  accesses.push_back(
      AccessAttr::getVerified([&] { return parser.emitError(parser.getCurrentLocation()); },
                              map(coords), clamped, map(conditions), limits, outside));
  return success(accesses.back() != nullptr);
}

/// The reads, after their opening parenthesis.
ParseResult ComputeParser::reads(SmallVectorImpl<OpAsmParser::Argument> &arguments) {
  if (succeeded(parser.parseOptionalRParen()))
    return success();
  do {
    OpAsmParser::Argument argument;
    symbolStorage.push_back("read" + std::to_string(tensors.size()));
    if (parser.parseArgument(argument) || parser.parseEqual() ||
        parser.parseOperand(tensors.emplace_back()) || access(tensors.size() - 1) ||
        parser.parseColonType(tensorTypes.emplace_back()))
      return failure();
    auto tensor = dyn_cast<RankedTensorType>(tensorTypes.back());
    if (!tensor)
      return parser.emitError(parser.getCurrentLocation(), "an equation reads ranked tensors");
    argument.type = scalarTypeOf(tensor);
    arguments.push_back(argument);
  } while (succeeded(parser.parseOptionalComma()));
  return parser.parseRParen();
}

ParseResult ComputeOp::parse(OpAsmParser &parser, OperationState &state) {
  ComputeParser c{parser, state, {}, {}, {}, {}, {}, {}, {}};
  SmallVector<int32_t> reductions;
  SmallVector<OpAsmParser::Argument> body, finish;
  SmallVector<Type> types;
  if (c.indices())
    return failure();
  int64_t numParallel = c.extents.size();
  if (c.reductions(reductions))
    return failure();
  if (c.reads(body) || parser.parseArrowTypeList(types) ||
      parser.parseRegion(*state.addRegion(), body))
    return failure();
  Region *finishRegion = state.addRegion();
  if (succeeded(parser.parseOptionalKeyword("finish"))) {
    auto sums = [&] { return parser.parseArgument(finish.emplace_back(), /*allowType=*/true); };
    if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, sums) ||
        parser.parseLParen() || c.reads(finish) || parser.parseRegion(*finishRegion, finish))
      return failure();
  }
  reductions.resize(types.size(), static_cast<int32_t>(Reduction::None));
  Builder &builder = parser.getBuilder();
  state.addAttribute("names", builder.getArrayAttr(c.names));
  state.addAttribute("extents", builder.getDenseI64ArrayAttr(c.extents));
  state.addAttribute("numParallel", builder.getI64IntegerAttr(numParallel));
  state.addAttribute("reductions", builder.getDenseI32ArrayAttr(reductions));
  state.addAttribute("accesses", builder.getArrayAttr(c.accesses));
  state.addTypes(types);
  if (parser.parseOptionalAttrDict(state.attributes))
    return failure();
  return parser.resolveOperands(c.tensors, c.tensorTypes, parser.getNameLoc(), state.operands);
}
