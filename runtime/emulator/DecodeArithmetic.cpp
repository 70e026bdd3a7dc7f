// Arithmetic, logic, shifts and fields.
#include "runtime/emulator/Decoder.h"

namespace gnc::emulator {

using Kind = InstructionClass;

static bool isHalf(Type t) { return t >= Type::F16 && t <= Type::BF16x2; }

/// Takes the modifiers of a floating-point form; false where they are those of whole numbers. What
/// an opcode does not have is left over.
bool Decoder::floatModes(Modifiers &m, std::string_view opcode, Modes &modes) {
  auto is = [&](std::initializer_list<std::string_view> names) {
    for (std::string_view name : names)
      if (opcode == name)
        return true;
    return false;
  };
  if (is({"rcp", "sqrt", "rsqrt", "sin", "cos", "lg2", "ex2", "tanh", "div"}))
    modes.approximate = m.take("approx");
  if (opcode == "div" && !modes.approximate)
    modes.full = m.take("full");
  if (!modes.approximate && !modes.full &&
      is({"add", "sub", "mul", "mad", "fma", "div", "rcp", "sqrt"})) {
    static constexpr std::pair<std::string_view, Rounding> roundings[] = {{"rn", Rounding::Nearest},
                                                                          {"rz", Rounding::Zero},
                                                                          {"rm", Rounding::Down},
                                                                          {"rp", Rounding::Up}};
    bool written = false;
    for (auto [name, rounding] : roundings)
      if (m.take(name))
        modes.rounding = rounding, written = true;
    if (!written && is({"fma", "div", "rcp", "sqrt"}))
      modes.rounding = Rounding::Nearest, modes.nan = is({"fma", "rcp", "sqrt", "div"});
  }
  bool needsRounding = modes.nan;
  modes.nan = false;
  modes.ftz = m.take("ftz");
  if (is({"min", "max"}))
    modes.nan = m.take("NaN");
  if (is({"add", "sub", "mul", "mad", "fma"}))
    modes.saturate = m.take("sat");
  if (opcode == "fma")
    modes.relu = m.take("relu");
  modes.type = m.takeType();
  if (!isFloat(modes.type))
    return false;
  if (needsRounding && !(opcode == "div" && modes.full))
    fail(quoted(opcode) + " of ." + std::string(name(modes.type)) +
         " needs a rounding such as .rn");
  return true;
}

static InstructionClass classOf(std::string_view opcode, const Modes &modes) {
  if (modes.approximate || opcode == "div" || opcode == "rcp" || opcode == "sqrt" ||
      opcode == "ex2" || opcode == "tanh")
    return Kind::Special;
  return opcode == "fma" ? Kind::Fma : Kind::Float;
}

void Decoder::arithmetic(const Statement &s) {
  Modifiers m(s);
  Modes modes;
  std::string_view opcode = s.opcode == "mad" ? "fma" : s.opcode;
  Modifiers forFloat = m;
  std::string_view first = m.next();
  bool whole = first == "lo" || first == "hi" || first == "wide" || first == "cc" ||
               (first == "sat" && s.modifiers.size() == 2 && s.modifiers[1] == "s32");
  if (whole || !floatModes(forFloat, s.opcode, modes))
    return integerArithmetic(s);
  finish(s, forFloat);
  Type t = modes.type;
  std::string key(opcode);
  if (modes.nan)
    key += ".NaN";
  if (modes.full)
    key += ".full";
  Handler handler = modes.approximate || modes.full
                        ? (isHalf(t) ? float16Handler(key, modes) : specialHandler(key, modes))
                    : isHalf(t)      ? float16Handler(key, modes)
                    : t == Type::F64 ? float64Handler(key, modes)
                                     : float32Handler(key, modes);
  if (!handler)
    unknownForm(s);
  size_t sources = opcode == "fma" ? 3
                   : opcode == "add" || opcode == "sub" || opcode == "mul" || opcode == "div" ||
                           opcode == "min" || opcode == "max" || opcode == "copysign"
                       ? 2
                       : 1;
  expectOperands(s, sources + 1, sources + 1);
  // Registers of these formats are declared by their bits.
  Type bits = t;
  Value values[3];
  for (size_t k = 0; k < sources; ++k)
    values[k] = source(s.operands[k + 1], bits);
  Draft &d = emit(handler, classOf(opcode, modes), {dest(s.operands[0], bits)}, {});
  for (unsigned k = 0; k < sources; ++k)
    use(d, k + 1, values[k]);
  bool two = t == Type::F16x2 || t == Type::BF16x2 || t == Type::F32x2;
  bool counts = opcode != "neg" && opcode != "abs" && opcode != "copysign";
  d.about.flops = counts ? (opcode == "fma" ? 2 : 1) * (two ? 2 : 1) : 0;
}

void Decoder::integerArithmetic(const Statement &s) {
  Modifiers m(s);
  std::string key(s.opcode);
  bool product =
      s.opcode == "mul" || s.opcode == "mad" || s.opcode == "mul24" || s.opcode == "mad24";
  if (m.next() == "cc")
    return carry(s);
  if (product) {
    std::string_view part = m.takeOne({"lo", "hi", "wide"});
    if (part.empty())
      unknownForm(s);
    key += "." + std::string(part);
    if (m.next() == "cc")
      return carry(s);
  } else if ((s.opcode == "add" || s.opcode == "sub") && m.take("sat"))
    key += ".sat";
  Type t = m.takeType();
  finish(s, m);
  Handler handler = integerHandler(key, t);
  if (!handler)
    unknownForm(s);
  bool wide = key == "mul.wide" || key == "mad.wide";
  Type result = !wide ? t : bytesOf(t) == 2 ? Type::B32 : Type::B64;
  bool three = s.opcode == "mad" || s.opcode == "mad24" || s.opcode == "sad";
  bool one = s.opcode == "abs" || s.opcode == "neg";
  expectOperands(s, one ? 2 : three ? 4 : 3, one ? 2 : three ? 4 : 3);
  Value a = source(s.operands[1], t);
  Value b = one ? 0 : source(s.operands[2], t);
  Value c = three ? source(s.operands[3], result) : 0;
  Draft &d = emit(handler, Kind::Integer, {dest(s.operands[0], result)}, {a});
  if (!one)
    use(d, 2, b);
  if (three)
    use(d, 3, c);
}

//===- Sums over several words ----------------------------------------------------------------===//

static uint32_t addCarry(uint32_t a, uint32_t b, bool c) { return a + b + c; }
static bool carryOut(uint32_t a, uint32_t b, bool c) { return (uint64_t{a} + b + c) >> 32; }
static uint32_t subBorrow(uint32_t a, uint32_t b, bool c) { return a - b - c; }
static bool borrowOut(uint32_t a, uint32_t b, bool c) { return a < uint64_t{b} + c; }
static uint64_t addCarry64(uint64_t a, uint64_t b, bool c) { return a + b + c; }
static bool carryOut64(uint64_t a, uint64_t b, bool c) {
  return (static_cast<unsigned __int128>(a) + b + c) >> 64;
}
static uint64_t subBorrow64(uint64_t a, uint64_t b, bool c) { return a - b - c; }
static bool borrowOut64(uint64_t a, uint64_t b, bool c) {
  return a < static_cast<unsigned __int128>(b) + c;
}

/// add.cc, addc{.cc}, sub.cc, subc{.cc}, mad{c}.{lo,hi}{.cc}: the carry is a predicate of its own.
void Decoder::carry(const Statement &s) {
  Modifiers m(s);
  bool product = s.opcode.starts_with("mad"), in = s.opcode.ends_with("c");
  bool minus = s.opcode.starts_with("sub");
  std::string_view part = product ? m.takeOne({"lo", "hi"}) : "";
  bool out = m.take("cc");
  Type t = m.takeType();
  finish(s, m);
  unsigned bytes = bytesOf(t);
  if (isFloat(t) || isBits(t) || (bytes != 4 && bytes != 8) || (product && part.empty()))
    unknownForm(s);
  expectOperands(s, product ? 4 : 3, product ? 4 : 3);
  if (!carryFlag)
    carryFlag = temporary(Type::Pred);
  Value a = source(s.operands[1], t), b = source(s.operands[2], t);
  if (product) {
    Value high = temporary(t);
    emit(integerHandler("mul." + std::string(part), t), Kind::Integer, {high}, {a, b});
    a = high, b = source(s.operands[3], t);
  }
  bool wide = bytes == 8;
  Handler sum = minus ? (wide ? Map<subBorrow64>::run : Map<subBorrow>::run)
                      : (wide ? Map<addCarry64>::run : Map<addCarry>::run);
  Handler over = minus ? (wide ? Map<borrowOut64>::run : Map<borrowOut>::run)
                       : (wide ? Map<carryOut64>::run : Map<carryOut>::run);
  Value carried = in ? carryFlag : kFalse;
  // The sum may replace an operand, so the carry comes first, to a place of its own.
  Value next = temporary(Type::Pred);
  if (out)
    emit(over, Kind::Integer, {next}, {a, b, carried});
  emit(sum, Kind::Integer, {dest(s.operands[0], t)}, {a, b, carried});
  if (out)
    emit(bitsHandler("mov", Type::Pred), Kind::Integer, {carryFlag}, {next});
}

//===- Bits -----------------------------------------------------------------------------------===//

/// and, or, xor, not, cnot, popc, clz, brev
void Decoder::bits(const Statement &s) {
  Modifiers m(s);
  Type t = m.takeType();
  finish(s, m);
  Handler handler = bitsHandler(s.opcode, t);
  if (!handler)
    unknownForm(s);
  bool one = s.opcode == "not" || s.opcode == "cnot" || s.opcode == "popc" || s.opcode == "clz" ||
             s.opcode == "brev";
  expectOperands(s, one ? 2 : 3, one ? 2 : 3);
  Value a = source(s.operands[1], t), b = one ? 0 : source(s.operands[2], t);
  Type result = s.opcode == "popc" || s.opcode == "clz" ? Type::U32 : t;
  Draft &d = emit(handler, Kind::Integer, {dest(s.operands[0], result)}, {a});
  if (!one)
    use(d, 2, b);
}

/// shl, shr, shf, bfe, bfi, bfind, lop3, prmt: amounts and positions have 32 bits.
void Decoder::shiftsAndFields(const Statement &s) {
  Modifiers m(s);
  std::string key(s.opcode);
  if (s.opcode == "shf")
    for (auto choices : {std::initializer_list<std::string_view>{"l", "r"}, {"wrap", "clamp"}})
      key += "." + std::string(m.takeOne(choices));
  if (s.opcode == "bfind" && m.take("shiftamt"))
    key += ".shiftamt";
  Type t = m.takeType();
  if (s.opcode == "prmt")
    if (std::string_view mode = m.takeOne({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
        !mode.empty())
      key += "." + std::string(mode);
  finish(s, m);
  Handler handler = bitsHandler(key, t);
  if (!handler)
    unknownForm(s);
  size_t values =
      s.opcode == "bfi" || s.opcode == "shf" || s.opcode == "prmt" || s.opcode == "lop3" ? 2 : 1;
  size_t amounts = s.opcode == "bfind"                                            ? 0
                   : s.opcode == "bfe" || s.opcode == "bfi" || s.opcode == "lop3" ? 2
                                                                                  : 1;
  expectOperands(s, 1 + values + amounts, 1 + values + amounts);
  Value sources[4];
  for (size_t k = 0; k < values + amounts; ++k)
    sources[k] = source(s.operands[k + 1], k < values ? t : Type::U32);
  Draft &d =
      emit(handler, Kind::Integer, {dest(s.operands[0], s.opcode == "bfind" ? Type::U32 : t)}, {});
  for (unsigned k = 0; k < values + amounts; ++k)
    use(d, k + 1, sources[k]);
}

/// dp4a, dp2a.{lo,hi}
void Decoder::dotProduct(const Statement &s) {
  Modifiers m(s);
  std::string key = std::string(s.opcode) + ".";
  if (s.opcode == "dp2a")
    key += std::string(m.takeOne({"lo", "hi"})) + ".";
  Type a = m.takeType(), b = m.takeType();
  finish(s, m);
  Handler handler =
      integerHandler(key + std::string(name(a)) + "." + std::string(name(b)), Type::U32);
  if (!handler)
    unknownForm(s);
  expectOperands(s, 4, 4);
  Value x = source(s.operands[1], Type::B32), y = source(s.operands[2], Type::B32),
        z = source(s.operands[3], Type::B32);
  emit(handler, Kind::Integer, {dest(s.operands[0], Type::B32)}, {x, y, z});
}

//===- testp ----------------------------------------------------------------------------------===//

template <class T> struct Finite {
  static bool f(T a) { return std::isfinite(a); }
};
template <class T> struct Infinite {
  static bool f(T a) { return std::isinf(a); }
};
template <class T> struct Number {
  static bool f(T a) { return a == a; }
};
template <class T> struct NotANumber {
  static bool f(T a) { return a != a; }
};
template <class T> struct Normal {
  static bool f(T a) { return std::isnormal(a); }
};
template <class T> struct Subnormal {
  static bool f(T a) { return std::fpclassify(a) == FP_SUBNORMAL; }
};

void Decoder::testProperty(const Statement &s) {
  Modifiers m(s);
  std::string_view property = m.takeAny();
  Type t = m.takeType();
  finish(s, m);
  static constexpr std::pair<std::string_view, Handler (*)(Type)> properties[] = {
      {"finite", among<Finite, float, double>}, {"infinite", among<Infinite, float, double>},
      {"number", among<Number, float, double>}, {"notanumber", among<NotANumber, float, double>},
      {"normal", among<Normal, float, double>}, {"subnormal", among<Subnormal, float, double>}};
  expectOperands(s, 2, 2);
  for (auto [name, find] : properties)
    if (name == property && find(t)) {
      Value a = source(s.operands[1], t);
      emit(find(t), Kind::Float, {dest(s.operands[0], Type::Pred)}, {a});
      return;
    }
  unknownForm(s);
}

} // namespace gnc::emulator
