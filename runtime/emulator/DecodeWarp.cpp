// Instructions in which the lanes of a warp work together.
#include "runtime/emulator/Decoder.h"

namespace gnc::emulator {

using Kind = InstructionClass;

/// shfl.sync.MODE.b32 d{|p}, a, b, c, members
void Decoder::shuffle(const Statement &s) {
  Modifiers m(s);
  if (!m.take("sync"))
    fail("shfl without .sync is of cards before sm_70");
  std::string_view mode = m.takeOne({"up", "down", "bfly", "idx"});
  if (mode.empty() || !m.take("b32"))
    unknownForm(s);
  finish(s, m);
  expectOperands(s, 5, 5);
  bool pair = s.operands[0].kind == Operand::Kind::Pair;
  const Operand &to = pair ? s.operands[0].elements[0] : s.operands[0];
  Value a = source(s.operands[1], Type::B32), b = source(s.operands[2], Type::U32);
  Value c = source(s.operands[3], Type::U32), members = source(s.operands[4], Type::B32);
  Draft &d = emitAt(shuffleHandler(mode), Kind::Sync);
  use(d, 1, a);
  use(d, 2, b);
  use(d, 3, c);
  use(d, 5, members);
  define(d, 0, dest(to, Type::B32));
  if (pair)
    define(d, 4, dest(s.operands[0].elements[1], Type::Pred));
  d.i.flow = Flow::WarpSync;
}

/// vote.sync.MODE d, {!}a, members
void Decoder::vote(const Statement &s) {
  Modifiers m(s);
  if (!m.take("sync"))
    fail("vote without .sync is of cards before sm_70");
  std::string_view mode = m.takeOne({"all", "any", "uni", "ballot"});
  Type t = m.takeType();
  bool ballot = mode == "ballot";
  if (mode.empty() || t != (ballot ? Type::B32 : Type::Pred))
    unknownForm(s);
  finish(s, m);
  expectOperands(s, 3, 3);
  Value a = predicateSource(s.operands[1]), members = source(s.operands[2], Type::B32);
  Value result = dest(s.operands[0], t);
  Draft &d = emitAt(voteHandler(mode), Kind::Sync);
  define(d, 0, result);
  use(d, 1, a);
  use(d, 5, members);
  d.i.flow = Flow::WarpSync;
}

/// match.any.sync.TYPE d, a, members; match.all.sync.TYPE d{|p}, a, members
void Decoder::match(const Statement &s) {
  Modifiers m(s);
  std::string_view mode = m.takeOne({"any", "all"});
  bool sync = m.take("sync");
  Type t = m.takeType();
  finish(s, m);
  bool pair = s.operands.size() == 3 && s.operands[0].kind == Operand::Kind::Pair;
  if (mode.empty() || !sync || (t != Type::B32 && t != Type::B64) || (pair && mode == "any"))
    unknownForm(s);
  expectOperands(s, 3, 3);
  const Operand &to = pair ? s.operands[0].elements[0] : s.operands[0];
  Value a = source(s.operands[1], t), members = source(s.operands[2], Type::B32);
  Draft &d = emitAt(matchHandler(mode == "all", t == Type::B64), Kind::Sync);
  define(d, 0, dest(to, Type::B32));
  if (pair)
    define(d, 4, dest(s.operands[0].elements[1], Type::Pred));
  use(d, 1, a);
  use(d, 5, members);
  d.i.flow = Flow::WarpSync;
}

void Decoder::redux(const Statement &s) {
  Modifiers m(s);
  bool sync = m.take("sync");
  std::string_view operation = m.takeOne({"add", "min", "max", "and", "or", "xor"});
  Type t = m.takeType();
  finish(s, m);
  if (!sync || operation.empty())
    unknownForm(s);
  expectOperands(s, 3, 3);
  Value a = source(s.operands[1], t), members = source(s.operands[2], Type::B32);
  Value result = dest(s.operands[0], t);
  Draft &d = emitAt(reduxHandler(operation, t), Kind::Sync);
  define(d, 0, result);
  use(d, 1, a);
  use(d, 5, members);
  d.i.flow = Flow::WarpSync;
}

void Decoder::activeMask(const Statement &s) {
  Modifiers m(s);
  if (!m.take("b32"))
    unknownForm(s);
  finish(s, m);
  expectOperands(s, 1, 1);
  emit(activeMaskHandler(), Kind::Sync, {dest(s.operands[0], Type::B32)}, {});
}

//===- Matrices -------------------------------------------------------------------------------===//

/// Registers of a fragment; a single one may stand without braces.
void Decoder::fragment(const Operand &o, Type type, unsigned count, bool result,
                       std::vector<Value> &to) {
  std::vector<Operand> room;
  if (o.kind != Operand::Kind::Vector)
    room.push_back(o);
  const std::vector<Operand> &elements = room.empty() ? o.elements : room;
  if (elements.size() != count)
    fail("a fragment of " + std::to_string(elements.size()) + " registers, needs " +
         std::to_string(count));
  for (const Operand &element : elements)
    to.push_back(result ? dest(element, type) : source(element, type));
}

/// ldmatrix.sync.aligned.m8n8.xN{.trans}.shared.b16 r, [a]; stmatrix with exchanged operands
void Decoder::matrixAccess(const Statement &s) {
  Modifiers m(s);
  bool loads = s.opcode == "ldmatrix";
  if (!m.take("sync") || !m.take("aligned") || !m.take("m8n8"))
    unknownForm(s);
  unsigned count = m.take("x1") ? 1 : m.take("x2") ? 2 : m.take("x4") ? 4 : 0;
  bool transposed = m.take("trans");
  bool inShared = m.take("shared") || m.take("shared::cta");
  if (count == 0 || !inShared || !m.take("b16"))
    unknownForm(s);
  finish(s, m);
  expectOperands(s, 2, 2);
  Place place = address(s.operands[loads], Space::Shared);
  std::vector<Value> registers;
  fragment(s.operands[!loads], Type::B32, count, loads, registers);
  Draft &d = emitAt(loads ? loadMatrixHandler() : storeMatrixHandler(),
                    loads ? Kind::SharedLoad : Kind::SharedStore);
  use(d, 1, place.base);
  d.extra = std::move(registers);
  d.extraDefined = loads ? count : 0;
  d.i.immediate = place.offset;
  d.i.bytes = 16;
  d.i.count = static_cast<uint8_t>(count);
  d.i.flags = (transposed ? kTransposed : 0) | (place.wide ? kWide : 0);
  d.i.flow = Flow::WarpSync;
  d.about.space = Space::Shared;
}

void Decoder::moveMatrix(const Statement &s) {
  Modifiers m(s);
  if (!m.take("sync") || !m.take("aligned") || !m.take("m8n8") || !m.take("trans") ||
      !m.take("b16"))
    unknownForm(s);
  finish(s, m);
  expectOperands(s, 2, 2);
  Value a = source(s.operands[1], Type::B32);
  Draft &d = emit(moveMatrixHandler(), Kind::Sync, {dest(s.operands[0], Type::B32)}, {a});
  d.i.flow = Flow::WarpSync;
}

void Decoder::product(const Statement &s, const MatrixForm &form) {
  if (!form.handler.fast)
    unknownForm(s);
  expectOperands(s, 4, 4);
  auto registerOf = [](Type t) { return t == Type::F32 || t == Type::S32 ? t : Type::B32; };
  std::vector<Value> registers;
  fragment(s.operands[0], registerOf(form.d), form.countD, true, registers);
  fragment(s.operands[1], Type::B32, form.countA, false, registers);
  fragment(s.operands[2], Type::B32, form.countB, false, registers);
  fragment(s.operands[3], registerOf(form.c), form.countC, false, registers);
  Draft &d = emitAt(form.handler, Kind::Matrix);
  d.extra = std::move(registers);
  d.extraDefined = form.countD;
  d.i.flow = Flow::WarpSync;
  d.about.flops = 2 * form.m * form.n * form.k;
}

/// mma.sync.aligned.SHAPE.row.col.D.A.B.C d, a, b, c
void Decoder::matrixProduct(const Statement &s) {
  Modifiers m(s);
  if (!m.take("sync") || !m.take("aligned"))
    unknownForm(s);
  std::string_view shape = m.takeAny();
  if (!m.take("row") || !m.take("col"))
    unknownForm(s);
  if (m.next() == "satfinite")
    unknownForm(s);
  Type d = m.takeType(), a = m.takeType(), b = m.takeType(), c = m.takeType();
  finish(s, m);
  product(s, matrixForm(shape, d, a, b, c));
}

/// wmma.load, .store and .mma of m16n16k16 with f16 factors
void Decoder::wmma(const Statement &s) {
  Modifiers m(s);
  if (m.take("load"))
    return wmmaAccess(s, m, true);
  if (m.take("store"))
    return wmmaAccess(s, m, false);
  if (!m.take("mma") || !m.take("sync") || !m.take("aligned"))
    unknownForm(s);
  std::string_view a = m.takeOne({"row", "col"}), b = m.takeOne({"row", "col"});
  if (a.empty() || b.empty() || !m.take("m16n16k16"))
    unknownForm(s);
  Type d = m.takeType(), c = m.takeType();
  finish(s, m);
  // Fragments hold a matrix in row order, however it lay in memory.
  product(s, wmmaForm(d, c));
}

void Decoder::wmmaAccess(const Statement &s, Modifiers m, bool load) {
  std::string_view operand = load ? m.takeOne({"a", "b", "c"}) : m.takeOne({"d"});
  if (operand.empty() || !m.take("sync") || !m.take("aligned"))
    unknownForm(s);
  std::string_view layout = m.takeOne({"row", "col"});
  if (layout.empty() || !m.take("m16n16k16"))
    unknownForm(s);
  Space of = space(m);
  Type t = m.takeType();
  finish(s, m);
  const Operand &where = s.operands[load ? 1 : 0];
  expectOperands(s, 2, 3);
  Place place = address(where, of);
  if (place.space == Space::Shared)
    noteShared(bytesOf(t));
  HandlerPair handler = wmmaAccessHandler(operand[0], t, layout == "col", place.space, load);
  if (!handler.fast)
    unknownForm(s);
  unsigned count = t == Type::F32 ? 8 : operand == "a" || operand == "b" ? 8 : 4;
  std::vector<Value> registers;
  fragment(s.operands[load ? 0 : 1], t == Type::F32 ? t : Type::B32, count, load, registers);
  Value stride = s.operands.size() == 3 ? source(s.operands[2], Type::U32) : constant(16, false);
  Draft &d = emitAt(handler, load ? Kind::GlobalLoad : Kind::GlobalStore);
  use(d, 1, place.base);
  use(d, 2, stride);
  d.extra = std::move(registers);
  d.extraDefined = load ? count : 0;
  d.i.immediate = place.offset;
  d.i.bytes = static_cast<uint8_t>(bytesOf(t));
  d.i.count = static_cast<uint8_t>(count);
  d.i.flags = place.wide ? kWide : 0;
  d.i.flow = Flow::WarpSync;
  d.about.space = place.space;
}

} // namespace gnc::emulator
