// ld, st, atom, red, cp.async, prefetch.
#include "runtime/emulator/Decoder.h"

namespace gnc::emulator {

using Kind = InstructionClass;

Space Decoder::space(Modifiers &m) {
  static constexpr std::pair<std::string_view, Space> names[] = {
      {"global", Space::Global},      {"shared", Space::Shared},    {"shared::cta", Space::Shared},
      {"local", Space::Local},        {"const", Space::Const},      {"param", Space::Param},
      {"param::entry", Space::Param}, {"param::func", Space::Param}};
  for (auto [name, space] : names)
    if (m.take(name))
      return space;
  return Space::Generic;
}

bool Decoder::scope(Modifiers &m) { return !m.takeOne({"cta", "gpu", "sys"}).empty(); }

/// True where an access is strong: it may meet another strong one without a race.
bool Decoder::ordering(Modifiers &m, bool load) {
  if (m.take("volatile"))
    return true;
  if (m.take("weak"))
    return false;
  if (!m.take("relaxed") && !m.take(load ? "acquire" : "release"))
    return false;
  scope(m);
  return true;
}

/// Hints about caches change no value.
void Decoder::cacheHints(Modifiers &m) {
  m.takeOne({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  m.take("nc");
  while (m.next().starts_with("L1::") || m.next().starts_with("L2::")) {
    if (m.next() == "L2::cache_hint")
      fail("cache policies are not supported");
    m.takeAny();
  }
}

static unsigned vectorOf(Modifiers &m) { return m.take("v2") ? 2 : m.take("v4") ? 4 : 1; }

static InstructionClass classOf(Space space, bool load) {
  switch (space) {
  case Space::Shared: return load ? Kind::SharedLoad : Kind::SharedStore;
  case Space::Local: return Kind::Local;
  case Space::Param: return Kind::Parameter;
  default: return load ? Kind::GlobalLoad : Kind::GlobalStore;
  }
}

/// The race detector's granule is the smallest access to shared memory.
void Decoder::noteShared(unsigned bytes) {
  unsigned shift = bytes >= 4 ? 2 : bytes == 2 ? 1 : 0;
  program.sharedShift = std::min<uint8_t>(program.sharedShift, static_cast<uint8_t>(shift));
}

/// Where elements of vectors lie in op[]; op[1] is the address.
static constexpr unsigned kElement[4] = {0, 2, 3, 4};

static const std::vector<Operand> &elementsOf(const Operand &o, std::vector<Operand> &room) {
  if (o.kind == Operand::Kind::Vector)
    return o.elements;
  room.assign(1, o);
  return room;
}

void Decoder::load(const Statement &s) {
  Modifiers m(s);
  bool strong = ordering(m, true);
  Space of = space(m);
  cacheHints(m);
  unsigned count = vectorOf(m);
  Type t = m.takeType();
  finish(s, m);
  expectOperands(s, 2, 2);
  Place place = address(s.operands[1], of);
  unsigned bytes = bytesOf(t);
  std::vector<Operand> room;
  const std::vector<Operand> &elements = elementsOf(s.operands[0], room);
  HandlerPair handler = accessHandler(place.space, bytes, count, true);
  if (!handler.fast || t == Type::TF32)
    unknownForm(s);
  if (elements.size() != count)
    fail("a load of " + std::to_string(count) + " elements into " +
         std::to_string(elements.size()));
  Value results[4], loaded[4];
  bool extended[4];
  Type plain = unsignedOf(t);
  for (unsigned k = 0; k < count; ++k) {
    results[k] = dest(elements[k], plain, true);
    unsigned have = bytesOf(registerType(elements[k]));
    extended[k] = (have == 8 && bytes < 8) || (isSigned(t) && bytes < 4 && have > bytes);
    loaded[k] = extended[k] ? temporary(plain) : results[k];
  }
  Draft &d = emitAt(handler, classOf(place.space, true));
  for (unsigned k = 0; k < count; ++k)
    define(d, kElement[k], loaded[k]);
  use(d, 1, place.base);
  d.i.immediate = place.offset;
  d.i.bytes = static_cast<uint8_t>(bytes);
  d.i.count = static_cast<uint8_t>(count);
  d.i.flags = (strong ? kStrong : 0) | (place.wide ? kWide : 0);
  d.about.space = place.space;
  if (place.space == Space::Shared || place.space == Space::Generic)
    noteShared(bytes);
  for (unsigned k = 0; k < count; ++k)
    if (extended[k]) { // to the width of the register, by the sign of the type
      unsigned have = bytesOf(registerType(elements[k]));
      Type full = have == 8   ? (isSigned(t) ? Type::S64 : Type::U64)
                  : have == 4 ? (isSigned(t) ? Type::S32 : Type::U32)
                              : Type::S16;
      emit(convertHandler({full, isSigned(t) ? t : plain}), Kind::Move, {results[k]},
           {loaded[k], constant(0, false)});
    }
}

void Decoder::store(const Statement &s) {
  Modifiers m(s);
  bool strong = ordering(m, false);
  Space of = space(m);
  cacheHints(m);
  unsigned count = vectorOf(m);
  Type t = m.takeType();
  finish(s, m);
  expectOperands(s, 2, 2);
  Place place = address(s.operands[0], of);
  unsigned bytes = bytesOf(t);
  std::vector<Operand> room;
  const std::vector<Operand> &elements = elementsOf(s.operands[1], room);
  HandlerPair handler = accessHandler(place.space, bytes, count, false);
  if (!handler.fast || t == Type::TF32)
    unknownForm(s);
  if (elements.size() != count)
    fail("a store of " + std::to_string(count) + " elements from " +
         std::to_string(elements.size()));
  Value values[4];
  for (unsigned k = 0; k < count; ++k) {
    values[k] = source(elements[k], isSigned(t) ? unsignedOf(t) : t, true); // .b32 takes 0f..
    if (bytesOf(registerType(elements[k])) == 8 && bytes < 8) {
      Value narrow = temporary(Type::U32);
      emit(convertHandler({Type::U32, Type::U64}), Kind::Move, {narrow},
           {values[k], constant(0, false)});
      values[k] = narrow;
    }
  }
  Draft &d = emitAt(handler, classOf(place.space, false));
  for (unsigned k = 0; k < count; ++k)
    use(d, kElement[k], values[k]);
  use(d, 1, place.base);
  d.i.immediate = place.offset;
  d.i.bytes = static_cast<uint8_t>(bytes);
  d.i.count = static_cast<uint8_t>(count);
  d.i.flags = (strong ? kStrong : 0) | (place.wide ? kWide : 0);
  d.about.space = place.space;
  if (place.space == Space::Shared || place.space == Space::Generic)
    noteShared(bytes);
}

/// atom{.sem}{.scope}{.space}.OP.TYPE d, [a], b{, c}; red without d.
void Decoder::atomic(const Statement &s) {
  Modifiers m(s);
  bool reduces = s.opcode == "red";
  m.takeOne({"relaxed", "acquire", "release", "acq_rel"});
  scope(m);
  Space of = space(m);
  // Some compilers write the space before the scope.
  scope(m);
  std::string_view operation =
      m.takeOne({"add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec"});
  bool noftz = m.take("noftz");
  Type t = m.takeType();
  finish(s, m);
  bool half = t == Type::F16 || t == Type::F16x2 || t == Type::BF16 || t == Type::BF16x2;
  bool swaps = operation == "cas" || operation == "exch";
  if (operation.empty() || half != noftz || (reduces && swaps))
    unknownForm(s);
  size_t first = reduces ? 0 : 1, values = operation == "cas" ? 2 : 1;
  expectOperands(s, first + 1 + values, first + 1 + values);
  Place place = address(s.operands[first], of);
  // Global sums of f32 flush subnormal numbers, shared ones do not (9.7.13.5).
  HandlerPair handler = atomicHandler(operation, t, place.space, place.space != Space::Shared);
  if (!handler.fast)
    unknownForm(s);
  Value b = source(s.operands[first + 1], t);
  Value c = values == 2 ? source(s.operands[first + 2], t) : 0;
  Value old = reduces ? temporary(t) : dest(s.operands[0], t);
  Draft &d = emitAt(handler, Kind::Atomic);
  define(d, 0, old);
  use(d, 1, place.base);
  use(d, 2, b);
  if (values == 2)
    use(d, 3, c);
  d.i.immediate = place.offset;
  d.i.bytes = static_cast<uint8_t>(bytesOf(t));
  d.i.count = 1;
  d.i.flags = kStrong | (place.wide ? kWide : 0);
  d.about.space = place.space;
  d.about.flops = isFloat(t) && operation == "add" ? 1 : 0;
  if (place.space == Space::Shared || place.space == Space::Generic)
    noteShared(bytesOf(t));
}

//===- cp.async -------------------------------------------------------------------------------===//

void Decoder::copyOnce(const Statement &s, Modifiers m) {
  bool all = m.take("ca");
  if (!all && !m.take("cg"))
    unknownForm(s);
  if (!(m.take("shared") || m.take("shared::cta")) || !m.take("global"))
    unknownForm(s);
  while (m.next().starts_with("L2::") && m.next() != "L2::cache_hint")
    m.takeAny();
  finish(s, m);
  expectOperands(s, 3, 4);
  const Operand &size = s.operands[2];
  bool fits = size.kind == Operand::Kind::Integer &&
              (size.value == 16 || (all && (size.value == 4 || size.value == 8)));
  if (!fits)
    fail("cp.async." + std::string(all ? "ca copies 4, 8 or" : "cg copies") + " 16 bytes");
  if (s.operands.size() == 4 && registerType(s.operands[3]) == Type::Pred)
    unknownForm(s);
  Place to = address(s.operands[0], Space::Shared), from = address(s.operands[1], Space::Global);
  Value sourceSize = s.operands.size() == 4 ? source(s.operands[3], Type::U32) : 0;
  Value toOffset = constant(static_cast<uint64_t>(to.offset), false);
  Draft &d = emitAt(copyAsyncHandler(static_cast<unsigned>(size.value)), Kind::Async);
  use(d, 0, to.base);
  use(d, 1, from.base);
  if (sourceSize)
    use(d, 2, sourceSize), d.i.flags |= kZeroFill;
  use(d, 3, toOffset);
  d.i.immediate = from.offset;
  d.i.bytes = static_cast<uint8_t>(size.value);
  d.i.count = 1;
  d.i.flags |= to.wide ? kWide : 0;
  d.about.space = Space::Global;
}

void Decoder::copyAsync(const Statement &s) {
  Modifiers m(s);
  if (!m.take("async"))
    unknownForm(s);
  if (m.take("commit_group")) {
    finish(s, m);
    expectOperands(s, 0, 0);
    emitAt(commitGroupHandler(), Kind::Async);
  } else if (m.take("wait_group") || m.take("wait_all")) {
    bool all = s.modifiers.back() == "wait_all";
    finish(s, m);
    expectOperands(s, !all, !all);
    if (!all && s.operands[0].kind != Operand::Kind::Integer)
      fail("cp.async.wait_group needs a number");
    Draft &d = emitAt(waitGroupHandler(), Kind::Async);
    d.i.immediate = all ? -1 : static_cast<int64_t>(s.operands[0].value);
  } else
    copyOnce(s, m);
}

/// Moves data between caches: no value changes.
void Decoder::prefetch(const Statement &s) {
  Modifiers m(s);
  space(m);
  if (m.takeOne({"L1", "L2", "L2::evict_last", "L2::evict_normal"}).empty())
    unknownForm(s);
  finish(s, m);
  expectOperands(s, 1, 1);
  emitAt(nothingHandler(), Kind::GlobalLoad);
}

} // namespace gnc::emulator
