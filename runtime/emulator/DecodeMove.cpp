// mov, conversions, comparisons and selection.
#include "runtime/emulator/Decoder.h"

namespace gnc::emulator {

using Kind = InstructionClass;

static uint32_t pack16(uint32_t a, uint32_t b) { return a | b << 16; }
static uint64_t pack32(uint32_t a, uint32_t b) { return a | uint64_t{b} << 32; }
static uint64_t pack16x4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return pack32(pack16(a, b), pack16(c, d));
}
static uint32_t pack8(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return (a & 0xff) | (b & 0xff) << 8 | (c & 0xff) << 16 | d << 24;
}
static uint32_t pack8x2(uint32_t a, uint32_t b) { return (a & 0xff) | (b & 0xff) << 8; }
template <unsigned Shift, uint32_t Mask> uint32_t part32(uint32_t a) { return a >> Shift & Mask; }
template <unsigned Shift, uint32_t Mask> uint32_t part64(uint64_t a) {
  return static_cast<uint32_t>(a >> Shift) & Mask;
}

void Decoder::move(const Statement &s) {
  Modifiers m(s);
  Type t = m.takeType();
  finish(s, m);
  expectOperands(s, 2, 2);
  if (s.operands[1].kind == Operand::Kind::Vector)
    return pack(s, t);
  if (s.operands[0].kind == Operand::Kind::Vector)
    return unpack(s, t);
  if (s.operands[1].kind == Operand::Kind::Special && s.operands[1].name.starts_with("%clock")) {
    emit(clockHandler(bytesOf(t) == 8), Kind::Move, {dest(s.operands[0], t)}, {});
    return;
  }
  Handler handler = bitsHandler("mov", t);
  if (!handler)
    unknownForm(s);
  Value a = source(s.operands[1], t);
  emit(handler, Kind::Move, {dest(s.operands[0], t)}, {a});
}

/// mov.b32 d, {a, b} and its like.
void Decoder::pack(const Statement &s, Type t) {
  const std::vector<Operand> &parts = s.operands[1].elements;
  unsigned whole = bytesOf(t);
  if (!isBits(t) || whole > 8 || parts.empty() || whole % parts.size())
    unknownForm(s);
  unsigned part = whole / static_cast<unsigned>(parts.size());
  Type element = part == 4 ? Type::B32 : part == 2 ? Type::B16 : Type::B8;
  Handler handler = parts.size() == 2 && part == 4   ? Map<pack32>::run
                    : parts.size() == 2 && part == 2 ? Map<pack16>::run
                    : parts.size() == 4 && part == 2 ? Map<pack16x4>::run
                    : parts.size() == 4 && part == 1 ? Map<pack8>::run
                    : parts.size() == 2 && part == 1 ? Map<pack8x2>::run
                                                     : nullptr;
  if (!handler)
    unknownForm(s);
  Value values[4];
  for (size_t k = 0; k < parts.size(); ++k)
    values[k] = source(parts[k], element);
  Draft &d = emit(handler, Kind::Move, {dest(s.operands[0], t)}, {});
  for (unsigned k = 0; k < parts.size(); ++k)
    use(d, k + 1, values[k]);
}

template <uint32_t Mask, unsigned Bits> static Handler partHandler(bool wide, unsigned index) {
  static constexpr Handler narrow[4] = {
      Map<part32<0, Mask>>::run, Map<part32<Bits % 32, Mask>>::run,
      Map<part32<2 * Bits % 32, Mask>>::run, Map<part32<3 * Bits % 32, Mask>>::run};
  static constexpr Handler full[4] = {Map<part64<0, Mask>>::run, Map<part64<Bits, Mask>>::run,
                                      Map<part64<2 * Bits % 64, Mask>>::run,
                                      Map<part64<3 * Bits % 64, Mask>>::run};
  return (wide ? full : narrow)[index];
}

/// mov.b64 {a, b}, d and its like; _ drops a part.
void Decoder::unpack(const Statement &s, Type t) {
  const std::vector<Operand> &parts = s.operands[0].elements;
  unsigned whole = bytesOf(t);
  if (!isBits(t) || whole > 8 || (parts.size() != 2 && parts.size() != 4))
    unknownForm(s);
  unsigned part = whole / static_cast<unsigned>(parts.size());
  if (part == 0 || (parts.size() == 4 && part == 4))
    unknownForm(s);
  Type element = part == 4 ? Type::B32 : part == 2 ? Type::B16 : Type::B8;
  Value whole32 = source(s.operands[1], t);
  // A part may replace the whole, so all parts are taken before one is written.
  Value copy = temporary(t);
  emit(bitsHandler("mov", t), Kind::Move, {copy}, {whole32});
  for (unsigned k = 0; k < parts.size(); ++k) {
    if (parts[k].kind == Operand::Kind::Sink)
      continue;
    Handler handler = part == 4   ? partHandler<~0u, 32>(true, k)
                      : part == 2 ? partHandler<0xffff, 16>(whole == 8, k)
                                  : partHandler<0xff, 8>(false, k);
    emit(handler, Kind::Move, {dest(parts[k], element)}, {copy});
  }
}

//===- cvt ------------------------------------------------------------------------------------===//

void Decoder::convert(const Statement &s) {
  Modifiers m(s);
  Conversion c{};
  static constexpr struct {
    std::string_view name;
    Rounding rounding;
    bool whole;
  } roundings[] = {{"rn", Rounding::Nearest, false}, {"rz", Rounding::Zero, false},
                   {"rm", Rounding::Down, false},    {"rp", Rounding::Up, false},
                   {"rni", Rounding::Nearest, true}, {"rzi", Rounding::Zero, true},
                   {"rmi", Rounding::Down, true},    {"rpi", Rounding::Up, true}};
  for (const auto &r : roundings)
    if (m.take(r.name))
      c.rounded = true, c.rounding = r.rounding, c.toInteger = r.whole;
  if (m.take("rna"))
    c.rounded = c.ties = true;
  c.relu = m.take("relu");
  c.ftz = m.take("ftz");
  c.saturate = m.take("sat");
  c.to = m.takeType();
  c.from = m.takeType();
  finish(s, m);
  Value mode = constant(conversionMode(c), false);
  if (c.to == Type::F16x2 || c.to == Type::BF16x2) {
    expectOperands(s, 3, 3);
    Value a = source(s.operands[1], c.from), b = source(s.operands[2], c.from);
    emit(convertPairHandler(c), Kind::Move, {dest(s.operands[0], Type::B32)}, {a, b, mode});
    return;
  }
  Handler handler = convertHandler(c);
  if (!handler || c.to == Type::None || c.from == Type::None)
    unknownForm(s);
  expectOperands(s, 2, 2);
  // Registers may be wider than the types (ISA 9.4.1): the upper part of a source does not count,
  // a result is extended to the register.
  Value a = source(s.operands[1], c.from, true);
  if (bytesOf(c.from) < 8 && bytesOf(registerType(s.operands[1])) == 8) {
    Value narrow = temporary(Type::U32);
    emit(convertHandler({Type::U32, Type::U64}), Kind::Move, {narrow}, {a, mode});
    a = narrow;
  }
  unsigned have = bytesOf(registerType(s.operands[0]));
  bool extend = !isFloat(c.to) && isSigned(c.to) && have > bytesOf(c.to);
  Value to = dest(s.operands[0], c.to, true);
  if (!extend && (have < 8 || bytesOf(c.to) == 8)) {
    emit(handler, Kind::Move, {to}, {a, mode});
    return;
  }
  Value exact = temporary(c.to);
  emit(handler, Kind::Move, {exact}, {a, mode});
  Type full = have == 8   ? (extend ? Type::S64 : Type::U64)
              : have == 4 ? (extend ? Type::S32 : Type::U32)
                          : (extend ? Type::S16 : Type::U16);
  Type part = isFloat(c.to) ? unsignedOf(c.to) : c.to;
  emit(convertHandler({full, part}), Kind::Move, {to}, {exact, mode});
}

//===- Addresses ------------------------------------------------------------------------------===//

static uint64_t addressSum(uint64_t a, uint64_t b) { return a + b; }

/// The window of a space in the generic addresses, 0 where addresses are the same.
static uint64_t windowOf(Space space, const DeviceMemory &memory) {
  return space == Space::Shared  ? memory.sharedWindow()
         : space == Space::Local ? memory.localWindow()
         : space == Space::Param ? memory.paramWindow()
                                 : 0;
}

void Decoder::convertAddress(const Statement &s) {
  Modifiers m(s);
  bool to = m.take("to");
  Space of = space(m);
  Type t = m.takeType();
  finish(s, m);
  expectOperands(s, 2, 2);
  if (t != Type::U64 || of == Space::Generic)
    unknownForm(s);
  Value a = source(s.operands[1], t);
  uint64_t window = windowOf(of, memory);
  emit(Map<addressSum>::run, Kind::Integer, {dest(s.operands[0], t)},
       {a, constant(to ? -window : window, true)});
}

static bool insideWindow(uint64_t a, uint64_t window) { return a - window < DeviceMemory::kWindow; }
static bool outsideWindows(uint64_t a, uint64_t windows) {
  return a - windows >= 3 * DeviceMemory::kWindow;
}

void Decoder::isSpace(const Statement &s) {
  Modifiers m(s);
  Space of = space(m);
  finish(s, m);
  expectOperands(s, 2, 2);
  Value a = source(s.operands[1], Type::U64);
  uint64_t window = windowOf(of, memory);
  if (!window && of != Space::Global)
    unknownForm(s);
  emit(window ? Map<insideWindow>::run : Map<outsideWindows>::run, Kind::Compare,
       {dest(s.operands[0], Type::Pred)},
       {a, constant(window ? window : memory.sharedWindow(), true)});
}

//===- Comparison and selection ---------------------------------------------------------------===//

Value Decoder::negated(Value predicate) {
  Value result = temporary(Type::Pred);
  emit(bitsHandler("not", Type::Pred), Kind::Compare, {result}, {predicate});
  return result;
}
Value Decoder::combined(std::string_view operation, Value a, Value b) {
  Value result = temporary(Type::Pred);
  emit(bitsHandler(operation, Type::Pred), Kind::Compare, {result}, {a, b});
  return result;
}
Value Decoder::compared(const Statement &s, std::string_view comparison, Type type, bool ftz,
                        size_t first) {
  Handler handler = compareHandler(comparison, type, ftz);
  if (!handler)
    unknownForm(s);
  Value a = source(s.operands[first], type), b = source(s.operands[first + 1], type);
  Value result = temporary(Type::Pred);
  emit(handler, Kind::Compare, {result}, {a, b});
  return result;
}

/// setp.CMP{.BOOL}{.ftz}.TYPE p{|q}, a, b{, {!}c}
void Decoder::compare(const Statement &s) {
  Modifiers m(s);
  std::string_view comparison = m.takeAny();
  std::string_view operation = m.takeOne({"and", "or", "xor"});
  bool ftz = m.take("ftz");
  Type t = m.takeType();
  finish(s, m);
  size_t operands = operation.empty() ? 3 : 4;
  expectOperands(s, operands, operands);
  const Operand &to = s.operands[0];
  bool pair = to.kind == Operand::Kind::Pair;
  const Operand &p = pair ? to.elements[0] : to;
  if (operation.empty() && !pair) { // by far the most
    Handler handler = compareHandler(comparison, t, ftz);
    if (!handler)
      unknownForm(s);
    Value a = source(s.operands[1], t), b = source(s.operands[2], t);
    emit(handler, Kind::Compare, {dest(p, Type::Pred)}, {a, b});
    return;
  }
  Value result = compared(s, comparison, t, ftz, 1), opposite = pair ? negated(result) : kFalse;
  if (!operation.empty()) {
    Value c = predicateSource(s.operands[3]);
    result = combined(operation, result, c);
    opposite = pair ? combined(operation, opposite, c) : kFalse;
  }
  emit(bitsHandler("mov", Type::Pred), Kind::Compare, {dest(p, Type::Pred)}, {result});
  if (pair)
    emit(bitsHandler("mov", Type::Pred), Kind::Compare, {dest(to.elements[1], Type::Pred)},
         {opposite});
}

/// set.CMP{.BOOL}{.ftz}.DTYPE.STYPE d, a, b{, {!}c}
void Decoder::compareSet(const Statement &s) {
  Modifiers m(s);
  std::string_view comparison = m.takeAny();
  std::string_view operation = m.takeOne({"and", "or", "xor"});
  bool ftz = m.take("ftz");
  Type to = m.takeType(), from = m.takeType();
  finish(s, m);
  size_t operands = operation.empty() ? 3 : 4;
  expectOperands(s, operands, operands);
  if (to != Type::U32 && to != Type::S32 && to != Type::F32)
    unknownForm(s);
  Value result = compared(s, comparison, from, ftz, 1);
  if (!operation.empty())
    result = combined(operation, result, predicateSource(s.operands[3]));
  Value yes = constant(to == Type::F32 ? 0x3f800000 : ~0u, false), no = constant(0, false);
  emit(selectHandler(Type::B32), Kind::Compare, {dest(s.operands[0], to)}, {yes, no, result});
}

void Decoder::select(const Statement &s) {
  Modifiers m(s);
  bool bySign = s.opcode == "slct", ftz = bySign && m.take("ftz");
  Type t = m.takeType(), sign = bySign ? m.takeType() : Type::Pred;
  finish(s, m);
  expectOperands(s, 4, 4);
  Handler handler = selectHandler(t);
  if (!handler || (bySign && sign != Type::S32 && sign != Type::F32))
    unknownForm(s);
  Value a = source(s.operands[1], t), b = source(s.operands[2], t), c;
  if (bySign) {
    c = temporary(Type::Pred);
    emit(compareHandler("ge", sign, ftz), Kind::Compare, {c},
         {source(s.operands[3], sign), constant(0, false)});
  } else
    c = predicateSource(s.operands[3]);
  emit(handler, Kind::Move, {dest(s.operands[0], t)}, {a, b, c});
}

} // namespace gnc::emulator
