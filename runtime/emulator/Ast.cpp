#include "runtime/emulator/Ast.h"

namespace gnc::emulator {

static constexpr struct {
  std::string_view name;
  Type type;
  unsigned bytes;
} kTypes[] = {
    {"pred", Type::Pred, 0},   {"b8", Type::B8, 1},     {"b16", Type::B16, 2},
    {"b32", Type::B32, 4},     {"b64", Type::B64, 8},   {"b128", Type::B128, 16},
    {"u8", Type::U8, 1},       {"u16", Type::U16, 2},   {"u32", Type::U32, 4},
    {"u64", Type::U64, 8},     {"s8", Type::S8, 1},     {"s16", Type::S16, 2},
    {"s32", Type::S32, 4},     {"s64", Type::S64, 8},   {"f16", Type::F16, 2},
    {"f16x2", Type::F16x2, 4}, {"bf16", Type::BF16, 2}, {"bf16x2", Type::BF16x2, 4},
    {"tf32", Type::TF32, 4},   {"f32", Type::F32, 4},   {"f64", Type::F64, 8},
    {"f32x2", Type::F32x2, 8},
};

Type typeNamed(std::string_view name) {
  for (const auto &entry : kTypes)
    if (entry.name == name)
      return entry.type;
  return Type::None;
}

std::string_view name(Type type) {
  for (const auto &entry : kTypes)
    if (entry.type == type)
      return entry.name;
  return "none";
}

unsigned bytesOf(Type type) {
  for (const auto &entry : kTypes)
    if (entry.type == type)
      return entry.bytes;
  return 0;
}

std::string_view name(Space space) {
  static constexpr std::string_view names[] = {"generic", "global", "shared",  "local",
                                               "const",   "param",  "register"};
  return names[static_cast<unsigned>(space)];
}

std::string fullName(const Statement &s) {
  std::string name(s.opcode);
  for (std::string_view modifier : s.modifiers)
    name += "." + std::string(modifier);
  return name;
}
static std::string operandText(const Operand &o) {
  auto list = [&](char open, char close, const char *between) {
    std::string text(1, open);
    for (const Operand &element : o.elements)
      text += (text.size() > 1 ? between : "") + operandText(element);
    return text + close;
  };
  switch (o.kind) {
  case Operand::Kind::Vector: return list('{', '}', ", ");
  case Operand::Kind::List: return list('(', ')', ", ");
  case Operand::Kind::Pair: return operandText(o.elements[0]) + "|" + operandText(o.elements[1]);
  case Operand::Kind::Address: {
    auto offset = static_cast<int64_t>(o.value);
    return "[" + operandText(o.elements[0]) + (offset ? "+" + std::to_string(offset) : "") + "]";
  }
  default: return (o.negated ? "!" : "") + std::string(o.name);
  }
}
std::string textOf(const Statement &s) {
  std::string text = fullName(s);
  for (size_t k = 0; k < s.operands.size(); ++k)
    text += (k ? ", " : " ") + operandText(s.operands[k]);
  return text;
}

} // namespace gnc::emulator
