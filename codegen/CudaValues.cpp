//===- CudaValues.cpp - types, constants and names in CUDA C++ --------------------------------===//
#include "codegen/CudaFunction.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// Types and constants
//===------------------------------------------------------------------------------------------===//

std::string CudaFunction::scalarType(Type type, CudaView view) {
  if (type.isF32())
    return "float";
  if (type.isInteger(1))
    return "bool";
  if (type.isIndex())
    return view == CudaView::Unsigned ? "unsigned" : "int";
  std::string name = type.isInteger(8)                                     ? "char"
                     : type.isInteger(16) || type.isF16() || type.isBF16() ? "short"
                     : type.isInteger(64)                                  ? "long long"
                                                                           : "int";
  return (view == CudaView::Signed ? "signed " : "unsigned ") + name;
}

std::string CudaFunction::typeOf(Type type, CudaView view) {
  if (auto vector = dyn_cast<VectorType>(type))
    return "Vec<" + scalarType(vector.getElementType(), view) + ", " +
           std::to_string(vector.getNumElements()) + ">";
  return scalarType(type, view);
}

std::string CudaFunction::converted(const std::string &text, Type type, CudaView from,
                                    CudaView to) {
  Type element = getElementTypeOrSelf(type);
  std::string target = scalarType(element, to);
  if (scalarType(element, from) == target)
    return text;
  return "cast<" + target + ">(" + text + ")";
}

std::string CudaFunction::viewed(Value value, CudaView view) {
  return converted(nameOf(value), value.getType(), CudaView::Plain, view);
}

static std::string floatText(const APFloat &value) {
  if (value.isNaN())
    return "__int_as_float(0x7fffffff)";
  if (value.isInfinity())
    return value.isNegative() ? "(-__int_as_float(0x7f800000))" : "__int_as_float(0x7f800000)";
  char buffer[40];
  snprintf(buffer, sizeof buffer, "%.9g", double(value.convertToFloat()));
  std::string text = buffer;
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return value.isNegative() ? "(" + text + "f)" : text + "f";
}

std::string CudaFunction::integer(Type type, const APInt &value) {
  if (type.isInteger(1))
    return value.isZero() ? "false" : "true";
  if (type.isInteger(8) || type.isInteger(16)) // a literal is an int
    return "cast<" + scalarType(type) + ">(" + std::to_string(value.getZExtValue()) + ")";
  if (type.isIndex())
    return value.isNegative() ? "(" + std::to_string(value.getSExtValue()) + ")"
                              : std::to_string(value.getSExtValue());
  return std::to_string(value.getZExtValue()) + (type.isInteger(64) ? "ull" : "u");
}

std::string CudaFunction::constant(arith::ConstantOp op) {
  auto textOf = [](Type type, Attribute value) {
    if (auto number = dyn_cast<FloatAttr>(value))
      return floatText(number.getValue());
    return integer(type, cast<IntegerAttr>(value).getValue());
  };
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense)
    return textOf(op.getType(), op.getValue());
  Type type = dense.getElementType();
  if (dense.isSplat()) {
    std::string text = textOf(type, dense.getSplatValue<Attribute>());
    return "splat<" + std::to_string(dense.getNumElements()) + ">(" + text + ")";
  }
  std::string text;
  for (Attribute value : dense.getValues<Attribute>())
    text += (text.empty() ? "" : ", ") + textOf(type, value);
  return typeOf(op.getType()) + "{{" + text + "}}";
}

//===------------------------------------------------------------------------------------------===//
// Values
//===------------------------------------------------------------------------------------------===//

void CudaFunction::defineVariable(Value value, const std::string &text, StringRef hint) {
  std::string name = fresh(hint);
  line() << "const " << typeOf(value.getType()) << ' ' << name << " = " << text << ";\n";
  nameOf(value) = name;
}

/// Where it is used, if that is once, in the same block, and not in the yield that overwrites
/// variables.
static bool belongsInline(Operation *op) {
  Value value = op->getResult(0);
  return value.hasOneUse() && isMemoryEffectFree(op) &&
         (*value.getUsers().begin())->getBlock() == op->getBlock() &&
         !isa<scf::YieldOp, scf::ForOp>(*value.getUsers().begin());
}

void CudaFunction::define(Operation *op, const std::string &text, StringRef hint) {
  constexpr size_t kLong = 72;
  if (belongsInline(op) && text.size() < kLong)
    nameOf(op->getResult(0)) = text;
  else
    defineVariable(op->getResult(0), text, hint);
}

std::string CudaFunction::element(Value memory, Value offset) {
  return nameOf(memory) + "[" + nameOf(offset) + "]";
}

std::string CudaFunction::vectorAt(Value memory, Value offset, Type type, bool write) {
  auto vector = cast<VectorType>(type);
  std::string pointer = (write ? "" : "const ") + typeOf(vector);
  return "*reinterpret_cast<" + pointer + " *>(&" + element(memory, offset) + ")";
}

} // namespace gnc
