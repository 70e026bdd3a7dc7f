// Branches, calls, barriers, and the table of opcodes.
#include "runtime/emulator/Decoder.h"

#include <span>

namespace gnc::emulator {

using Kind = InstructionClass;

void Decoder::branch(const Statement &s) {
  Modifiers m(s);
  m.take("uni");
  finish(s, m);
  expectOperands(s, 1, 1);
  if (s.operands[0].kind != Operand::Kind::Label)
    fail("bra needs a label");
  Draft &d = emitAt(nothingHandler(), Kind::Control);
  d.i.flow = Flow::Branch;
  d.i.target = frames.back().labelBase + s.operands[0].id;
}

void Decoder::ret(const Statement &s) {
  Modifiers m(s);
  m.take("uni");
  finish(s, m);
  expectOperands(s, 0, 0);
  Draft &d = emitAt(nothingHandler(), Kind::Control);
  if (frames.size() == 1) {
    d.i.flow = Flow::Exit;
  } else {
    d.i.flow = Flow::Branch;
    d.i.target = frames.back().returnLabel;
  }
}

void Decoder::exit(const Statement &s) {
  finish(s, Modifiers(s));
  expectOperands(s, 0, 0);
  emitAt(nothingHandler(), Kind::Control).i.flow = Flow::Exit;
}

void Decoder::trap(const Statement &s) {
  finish(s, Modifiers(s));
  expectOperands(s, 0, 0);
  emitAt(trapHandler(), Kind::Control);
}

/// nanosleep: time does not pass here.
void Decoder::sleep(const Statement &s) {
  Modifiers m(s);
  m.take("u32");
  finish(s, m);
  expectOperands(s, 1, 1);
  emitAt(nothingHandler(), Kind::Control);
}

//===- Calls ----------------------------------------------------------------------------------===//

/// Parameters of device functions in .param space are the caller's local variables; those in
/// registers are copied.
void Decoder::passArgument(const Frame &caller, Frame &callee, uint32_t formal,
                           const Operand &actual) {
  const Variable &v = text.variables[formal];
  if (v.space == Space::Register || actual.kind != Operand::Kind::Variable)
    fail("arguments of calls that are no .param variables are not supported");
  auto place = caller.locals.find(actual.id);
  if (place == caller.locals.end() || text.variables[actual.id].bytes < v.bytes)
    fail("the argument " + quoted(actual.name) + " is no .param variable of " +
         std::to_string(v.bytes) + " bytes");
  callee.locals[formal] = place->second;
}

/// call{.uni} (results), function, (arguments);
void Decoder::call(const Statement &s) {
  Modifiers m(s);
  m.take("uni");
  finish(s, m);
  const Operand *results = nullptr, *arguments = nullptr, *name = nullptr;
  for (const Operand &o : s.operands) {
    if (o.kind == Operand::Kind::List)
      (name ? arguments : results) = &o;
    else if (o.kind == Operand::Kind::Name && !name)
      name = &o;
    else
      fail("calls by address are not supported");
  }
  if (!name)
    fail("a call needs the name of a function");
  if (name->name == "__assertfail") {
    emitAt(trapHandler(), Kind::Control);
    return;
  }
  const Routine *callee = nullptr;
  for (const Routine &routine : text.routines)
    if (routine.name == name->name && routine.defined && !routine.entry)
      callee = &routine;
  if (!callee)
    fail("the function " + quoted(name->name) + " has no body here" +
         (name->name == "vprintf" ? ": printf is not supported" : ""));
  for (const Frame &frame : frames)
    if (frame.routine == callee)
      fail("the function " + quoted(name->name) + " calls itself, which is not supported");
  if (s.guard)
    fail("a call with a guard is not supported");
  size_t given = arguments ? arguments->elements.size() : 0;
  size_t wanted = results ? results->elements.size() : 0;
  if (given != callee->parameters.size() || wanted != callee->results.size())
    fail("the call of " + quoted(name->name) + " does not fit its parameters");
  Frame frame{callee, 0, 0, newLabel(), {}};
  for (size_t k = 0; k < given; ++k)
    passArgument(frames.back(), frame, callee->parameters[k], arguments->elements[k]);
  for (size_t k = 0; k < wanted; ++k)
    passArgument(frames.back(), frame, callee->results[k], results->elements[k]);
  body(std::move(frame));
  current = &s;
}

//===- Barriers -------------------------------------------------------------------------------===//

/// bar{.cta}.sync a{, b}; bar.arrive a, b; bar.red; bar.warp.sync m; barrier{.cta}.*{.aligned}
void Decoder::barrier(const Statement &s) {
  Modifiers m(s);
  bool older = s.opcode == "bar";
  if (older && m.take("warp")) {
    if (!m.take("sync"))
      unknownForm(s);
    finish(s, m);
    expectOperands(s, 1, 1);
    Value members = source(s.operands[0], Type::B32);
    Draft &d = emitAt(warpBarrierHandler(), Kind::Sync);
    use(d, 5, members);
    d.i.flow = Flow::WarpSync;
    return;
  }
  m.take("cta");
  std::string_view form = m.takeOne({"sync", "arrive", "red"});
  if (form.empty())
    unknownForm(s);
  uint8_t flags = form == "arrive" ? kArrive : form == "red" ? kReduce : 0;
  program.usesBarriers = true;
  if (form == "red")
    return barrierReduce(s, m, flags);
  if (!m.take("aligned") && !older)
    flags |= kUnaligned;
  finish(s, m);
  expectOperands(s, form == "arrive" ? 2 : 1, 2);
  Value number = source(s.operands[0], Type::U32);
  Value count = s.operands.size() == 2 ? source(s.operands[1], Type::U32) : 0;
  Draft &d = emitAt(nothingHandler(), Kind::Sync);
  use(d, 1, number);
  if (count)
    use(d, 2, count), flags |= kHasCount;
  d.i.flow = Flow::Barrier;
  d.i.flags = flags;
}

/// .popc.u32 d, a{, b}, {!}p; .and.pred and .or.pred likewise
void Decoder::barrierReduce(const Statement &s, Modifiers m, uint8_t flags) {
  std::string_view operation = m.takeOne({"popc", "and", "or"});
  if (!m.take("aligned") && s.opcode != "bar")
    flags |= kUnaligned;
  Type t = m.takeType();
  finish(s, m);
  bool count = operation == "popc";
  if (operation.empty() || t != (count ? Type::U32 : Type::Pred))
    unknownForm(s);
  expectOperands(s, 3, 4);
  Value number = source(s.operands[1], Type::U32);
  Value threads = s.operands.size() == 4 ? source(s.operands[2], Type::U32) : 0;
  Value vote = predicateSource(s.operands.back());
  Value result = dest(s.operands[0], t);
  Draft &d = emitAt(nothingHandler(), Kind::Sync);
  define(d, 0, result);
  use(d, 1, number);
  if (threads)
    use(d, 2, threads), flags |= kHasCount;
  use(d, 3, vote);
  use(d, 4, kFalse);
  d.i.immediate = count ? 0 : operation == "and" ? 1 : 2;
  d.i.flow = Flow::Barrier;
  d.i.flags = flags;
}

/// Memory is coherent here at any time.
void Decoder::fence(const Statement &s) {
  Modifiers m(s);
  bool older = s.opcode == "membar";
  if (!older)
    m.takeOne({"sc", "acq_rel", "acquire", "release"});
  if (m.takeOne({"cta", "gl", "gpu", "sys"}).empty())
    unknownForm(s);
  finish(s, m);
  expectOperands(s, 0, 0);
  emitAt(nothingHandler(), Kind::Sync);
}

std::span<const Decoder::OpcodeEntry> Decoder::opcodes() {
  static constexpr OpcodeEntry entries[] = {
      {"ld", &Decoder::load},
      {"ldu", &Decoder::load},
      {"st", &Decoder::store},
      {"fma", &Decoder::arithmetic},
      {"add", &Decoder::arithmetic},
      {"sub", &Decoder::arithmetic},
      {"mul", &Decoder::arithmetic},
      {"mad", &Decoder::arithmetic},
      {"div", &Decoder::arithmetic},
      {"rem", &Decoder::integerArithmetic},
      {"abs", &Decoder::arithmetic},
      {"neg", &Decoder::arithmetic},
      {"min", &Decoder::arithmetic},
      {"max", &Decoder::arithmetic},
      {"rcp", &Decoder::arithmetic},
      {"sqrt", &Decoder::arithmetic},
      {"rsqrt", &Decoder::arithmetic},
      {"sin", &Decoder::arithmetic},
      {"cos", &Decoder::arithmetic},
      {"lg2", &Decoder::arithmetic},
      {"ex2", &Decoder::arithmetic},
      {"tanh", &Decoder::arithmetic},
      {"copysign", &Decoder::arithmetic},
      {"testp", &Decoder::testProperty},
      {"mul24", &Decoder::integerArithmetic},
      {"mad24", &Decoder::integerArithmetic},
      {"sad", &Decoder::integerArithmetic},
      {"addc", &Decoder::carry},
      {"subc", &Decoder::carry},
      {"madc", &Decoder::carry},
      {"and", &Decoder::bits},
      {"or", &Decoder::bits},
      {"xor", &Decoder::bits},
      {"not", &Decoder::bits},
      {"cnot", &Decoder::bits},
      {"popc", &Decoder::bits},
      {"clz", &Decoder::bits},
      {"brev", &Decoder::bits},
      {"shl", &Decoder::shiftsAndFields},
      {"shr", &Decoder::shiftsAndFields},
      {"shf", &Decoder::shiftsAndFields},
      {"bfe", &Decoder::shiftsAndFields},
      {"bfi", &Decoder::shiftsAndFields},
      {"bfind", &Decoder::shiftsAndFields},
      {"lop3", &Decoder::shiftsAndFields},
      {"prmt", &Decoder::shiftsAndFields},
      {"dp4a", &Decoder::dotProduct},
      {"dp2a", &Decoder::dotProduct},
      {"mov", &Decoder::move},
      {"cvt", &Decoder::convert},
      {"cvta", &Decoder::convertAddress},
      {"isspacep", &Decoder::isSpace},
      {"setp", &Decoder::compare},
      {"set", &Decoder::compareSet},
      {"selp", &Decoder::select},
      {"slct", &Decoder::select},
      {"bra", &Decoder::branch},
      {"ret", &Decoder::ret},
      {"exit", &Decoder::exit},
      {"trap", &Decoder::trap},
      {"call", &Decoder::call},
      {"bar", &Decoder::barrier},
      {"barrier", &Decoder::barrier},
      {"membar", &Decoder::fence},
      {"fence", &Decoder::fence},
      {"nanosleep", &Decoder::sleep},
      {"atom", &Decoder::atomic},
      {"red", &Decoder::atomic},
      {"cp", &Decoder::copyAsync},
      {"prefetch", &Decoder::prefetch},
      {"shfl", &Decoder::shuffle},
      {"vote", &Decoder::vote},
      {"match", &Decoder::match},
      {"redux", &Decoder::redux},
      {"activemask", &Decoder::activeMask},
      {"ldmatrix", &Decoder::matrixAccess},
      {"stmatrix", &Decoder::matrixAccess},
      {"movmatrix", &Decoder::moveMatrix},
      {"mma", &Decoder::matrixProduct},
      {"wmma", &Decoder::wmma},
  };
  return entries;
}

} // namespace gnc::emulator
