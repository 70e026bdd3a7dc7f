#include "runtime/emulator/Decoder.h"

#include "runtime/emulator/Memory.h"

#include <algorithm>

namespace gnc::emulator {

void Decoder::fail(const std::string &message) const {
  throw ParseFailure{{current ? current->line : 0, message}};
}

void Decoder::unknownForm(const Statement &s) const {
  fail("the form " + quoted(fullName(s)) + " is not supported");
}
void Decoder::finish(const Statement &s, const Modifiers &m) const {
  if (!m.done())
    fail("the modifier " + quoted("." + std::string(m.next())) + " of " + quoted(fullName(s)) +
         " is not supported");
}
void Decoder::expectOperands(const Statement &s, size_t least, size_t most) const {
  if (s.operands.size() < least || s.operands.size() > most)
    fail(quoted(s.opcode) + " has " + std::to_string(s.operands.size()) + " operands, needs " +
         std::to_string(least) + (most > least ? " to " + std::to_string(most) : ""));
}

//===- Emission -------------------------------------------------------------------------------===//

void Decoder::use(Draft &d, unsigned op, Value value) {
  d.i.op[op] = value;
  d.used |= 1u << op;
}
void Decoder::define(Draft &d, unsigned op, Value value) {
  d.i.op[op] = value;
  d.defined |= 1u << op;
}

Draft &Decoder::emitAt(HandlerPair handler, InstructionClass kind) {
  if (!handler.fast)
    unknownForm(*current);
  Draft d;
  d.i.run[0] = handler.fast;
  d.i.run[1] = handler.checked;
  d.i.guard = kTrue;
  if (current->guard) {
    d.i.guard = makeValue(ValueKind::Register, frames.back().registerBase + current->guard->id);
    d.i.flip = current->guard->negated ? ~0u : 0;
  }
  d.about.line = current->line;
  d.about.place = current->place;
  d.about.kind = kind;
  d.about.text = textOf(*current);
  draft.drafts.push_back(std::move(d));
  return draft.drafts.back();
}
Draft &Decoder::emit(HandlerPair handler, InstructionClass kind,
                     std::initializer_list<Value> results, std::initializer_list<Value> sources) {
  Draft &d = emitAt(handler, kind);
  unsigned op = 0;
  for (Value value : results)
    define(d, op++, value);
  for (Value value : sources)
    use(d, op++, value);
  return d;
}

Value Decoder::constant(uint64_t value, bool wide) {
  value = wide ? value : value & 0xffffffff;
  auto [entry, isNew] = constantIds.emplace(std::pair(wide, value), draft.constants.size());
  if (isNew)
    draft.constants.push_back({wide, value});
  return makeValue(ValueKind::Constant, entry->second);
}
Value Decoder::temporary(Type type) {
  draft.registers.push_back(type);
  return makeValue(ValueKind::Register, static_cast<uint32_t>(draft.registers.size() - 1));
}
uint32_t Decoder::newLabel() {
  draft.labels.push_back(~0u);
  return static_cast<uint32_t>(draft.labels.size() - 1);
}
void Decoder::placeLabel(uint32_t label) {
  draft.labels[label] = static_cast<uint32_t>(draft.drafts.size());
}

//===- Operands -------------------------------------------------------------------------------===//

Type Decoder::registerType(const Operand &o) const {
  return o.kind == Operand::Kind::Register ? frames.back().routine->registers[o.id] : Type::None;
}

static uint64_t floatBits(const Operand &o, Type type, bool &fits) {
  bool wide = bytesOf(type) == 8, narrow = bytesOf(type) == 4;
  fits = wide || narrow;
  if (o.kind == Operand::Kind::Float32) {
    float value = std::bit_cast<float>(static_cast<uint32_t>(o.value));
    return wide ? std::bit_cast<uint64_t>(static_cast<double>(value)) : o.value;
  }
  double value = std::bit_cast<double>(o.value);
  return wide ? o.value : std::bit_cast<uint32_t>(static_cast<float>(value));
}

Value Decoder::source(const Operand &o, Type type, bool relaxed) {
  unsigned bytes = bytesOf(type);
  switch (o.kind) {
  case Operand::Kind::Register: {
    Type have = registerType(o);
    if (o.negated || (have == Type::Pred) != (type == Type::Pred) ||
        (relaxed ? bytesOf(have) < bytes : bytesOf(have) != bytes))
      fail("the register " + quoted(o.name) + " of type ." + std::string(name(have)) + " where ." +
           std::string(name(type)) + " is needed");
    return makeValue(ValueKind::Register, frames.back().registerBase + o.id);
  }
  case Operand::Kind::Integer:
    if (type == Type::Pred)
      return o.value ? kTrue : kFalse;
    if (type == Type::F32 || type == Type::F64)
      break;
    return constant(bytes < 4 ? o.value & ((1u << 8 * bytes) - 1) : o.value, bytes == 8);
  case Operand::Kind::Float32:
  case Operand::Kind::Float64: {
    bool fits = false;
    uint64_t bits = floatBits(o, type, fits);
    if (!fits || isSigned(type) || isUnsigned(type))
      break;
    return constant(bits, bytes == 8);
  }
  case Operand::Kind::Special: return special(o, type);
  case Operand::Kind::Variable: return variableAddress(o, type);
  default: break;
  }
  fail("the operand " + quoted(o.name) + " where a value of type ." + std::string(name(type)) +
       " is needed");
}

Value Decoder::dest(const Operand &o, Type type, bool relaxed) {
  if (o.kind == Operand::Kind::Sink)
    return temporary(type);
  if (o.kind != Operand::Kind::Register)
    fail("the operand " + quoted(o.name) + " where a register is needed");
  return source(o, type, relaxed);
}

Value Decoder::predicateSource(const Operand &o) {
  Operand plain = o;
  plain.negated = false;
  Value value = source(plain, Type::Pred);
  return o.negated ? negated(value) : value;
}

Value Decoder::special(const Operand &o, Type type) {
  static constexpr struct {
    std::string_view name;
    Special which;
    unsigned bytes;
  } known[] = {
      {"%tid.x", Special::TidX, 4},
      {"%tid.y", Special::TidY, 4},
      {"%tid.z", Special::TidZ, 4},
      {"%ntid.x", Special::NtidX, 4},
      {"%ntid.y", Special::NtidY, 4},
      {"%ntid.z", Special::NtidZ, 4},
      {"%ctaid.x", Special::CtaidX, 4},
      {"%ctaid.y", Special::CtaidY, 4},
      {"%ctaid.z", Special::CtaidZ, 4},
      {"%nctaid.x", Special::NctaidX, 4},
      {"%nctaid.y", Special::NctaidY, 4},
      {"%nctaid.z", Special::NctaidZ, 4},
      {"%laneid", Special::Laneid, 4},
      {"%warpid", Special::Warpid, 4},
      {"%nwarpid", Special::Nwarpid, 4},
      {"%smid", Special::Smid, 4},
      {"%nsmid", Special::Nsmid, 4},
      {"%gridid", Special::Gridid, 8},
      {"%lanemask_eq", Special::LanemaskEq, 4},
      {"%lanemask_le", Special::LanemaskLe, 4},
      {"%lanemask_lt", Special::LanemaskLt, 4},
      {"%lanemask_ge", Special::LanemaskGe, 4},
      {"%lanemask_gt", Special::LanemaskGt, 4},
      {"%dynamic_smem_size", Special::DynamicShared, 4},
      {"%total_smem_size", Special::TotalShared, 4},
  };
  for (const auto &entry : known) {
    if (entry.name != o.name)
      continue;
    if (bytesOf(type) != entry.bytes)
      fail(quoted(o.name) + " has " + std::to_string(8 * entry.bytes) + " bits");
    bool wide = entry.bytes == 8;
    auto [id, isNew] = specialIds.emplace(std::pair(entry.which, wide), draft.specials.size());
    if (isNew)
      draft.specials.emplace_back(entry.which, wide);
    return makeValue(ValueKind::Special, id->second);
  }
  fail("the special register " + quoted(o.name) + " is not supported");
}

Value Decoder::variableAddress(const Operand &o, Type type) {
  const Variable &v = text.variables[o.id];
  unsigned bytes = bytesOf(type);
  uint64_t value = 0;
  bool offset = true; // of 32 bits
  if (auto shared = sharedOffsets.find(o.id); shared != sharedOffsets.end())
    value = shared->second, usesDynamicShared |= v.unsized;
  else if (auto local = frames.back().locals.find(o.id); local != frames.back().locals.end())
    value = local->second;
  else if (auto parameter = paramOffsets.find(o.id); parameter != paramOffsets.end())
    value = parameter->second;
  else if (auto global = addresses.find(o.id); global != addresses.end())
    value = global->second, offset = false;
  else
    fail("the variable " + quoted(o.name) + " has no address here");
  if ((bytes != 8 && bytes != 4) || (bytes == 4 && !offset) || isFloat(type))
    fail("the address of " + quoted(o.name) + " does not fit a value of type ." +
         std::string(name(type)));
  return constant(value + o.value, bytes == 8);
}

/// [base + offset] of an access to `space`.
Decoder::Place Decoder::address(const Operand &o, Space space) {
  if (o.kind != Operand::Kind::Address)
    fail("an address in brackets is needed");
  const Operand &base = o.elements[0];
  Place place{space, 0, static_cast<int64_t>(o.value), true};
  if (base.kind == Operand::Kind::Variable) {
    const Variable &v = text.variables[base.id];
    bool privately = frames.back().locals.count(base.id) != 0;
    bool same = v.space == space || (space == Space::Generic && v.space != Space::Param);
    if (!same)
      fail("the variable " + quoted(base.name) + " of space ." + std::string(name(v.space)) +
           " in an access to ." + std::string(name(space)));
    // Parameters of device functions live in local memory.
    place.space = privately ? Space::Local : v.space;
    bool narrow = place.space != Space::Global && place.space != Space::Const;
    place.wide = !narrow;
    place.base = variableAddress(base, narrow ? Type::U32 : Type::U64);
    return place;
  }
  Type have = registerType(base);
  if (base.kind == Operand::Kind::Integer) {
    place.base = constant(base.value, true);
  } else if (bytesOf(have) == 8) {
    place.base = source(base, Type::U64);
  } else if (bytesOf(have) == 4 &&
             (space == Space::Shared || space == Space::Local || space == Space::Param)) {
    place.base = source(base, Type::U32);
    place.wide = false;
  } else
    fail("the address " + quoted(base.name) + " is no 64-bit register");
  return place;
}

//===- Functions ------------------------------------------------------------------------------===//

void Decoder::placeVariables(Frame &frame) {
  for (uint32_t id : frame.routine->variables) {
    const Variable &v = text.variables[id];
    auto place = [&](uint32_t &size) {
      uint32_t at = (size + v.alignment - 1) / v.alignment * v.alignment;
      if (v.bytes > (1u << 24) - at)
        fail(quoted(v.name) + " is larger than its memory");
      size = at + static_cast<uint32_t>(v.bytes);
      return at;
    };
    if (v.space != Space::Shared) // placed before, once for all calls
      frame.locals[id] = place(program.localBytes);
  }
}

void Decoder::body(Frame frame) {
  const Routine &routine = *frame.routine;
  frame.registerBase = static_cast<uint32_t>(draft.registers.size());
  draft.registers.insert(draft.registers.end(), routine.registers.begin(), routine.registers.end());
  frame.labelBase = static_cast<uint32_t>(draft.labels.size());
  draft.labels.resize(draft.labels.size() + routine.labels.size(), ~0u);
  std::multimap<uint32_t, uint32_t> labelsAt;
  for (uint32_t label = 0; label < routine.labels.size(); ++label)
    labelsAt.emplace(routine.labels[label], frame.labelBase + label);
  placeVariables(frame);
  frames.push_back(std::move(frame));
  for (uint32_t k = 0; k <= routine.statements.size(); ++k) {
    for (auto [at, end] = labelsAt.equal_range(k); at != end; ++at)
      placeLabel(at->second);
    if (k < routine.statements.size())
      statement(routine.statements[k]);
  }
  placeLabel(frames.back().returnLabel);
  frames.pop_back();
}

void Decoder::statement(const Statement &s) {
  current = &s;
  for (const OpcodeEntry &entry : opcodes())
    if (entry.name == s.opcode) {
      if (draft.drafts.size() > 1u << 20)
        fail("a kernel of more than 1048576 instructions");
      (this->*entry.decode)(s);
      return;
    }
  fail("the opcode " + quoted(s.opcode) + " is not supported");
}

void Decoder::placeParameters(const Routine &entry, Function &function) {
  uint32_t at = 0;
  for (uint32_t id : entry.parameters) {
    const Variable &v = text.variables[id];
    at = (at + v.alignment - 1) / v.alignment * v.alignment;
    paramOffsets[id] = at;
    function.parameters.push_back({std::string(v.name), std::string(name(v.type)), at,
                                   static_cast<uint32_t>(v.bytes), v.alignment, v.pointer,
                                   v.pointerAlignment});
    at += static_cast<uint32_t>(v.bytes);
    if (at > 32764)
      fail("more than 32764 bytes of parameters");
  }
  function.parameterBytes = program.parameterBytes = at;
}

static uint32_t threadsOf(const uint32_t (&n)[3]) {
  uint64_t all = uint64_t{n[0]} * n[1] * n[2];
  return static_cast<uint32_t>(std::min<uint64_t>(all, 1u << 30));
}

Function Decoder::decode(const Routine &entry) {
  Function function;
  function.name = entry.name;
  placeParameters(entry, function);
  program.sharedShift = 2;
  for (uint32_t id : text.globals) { // static shared memory, then the dynamic part
    const Variable &v = text.variables[id];
    if (v.space == Space::Shared && !v.unsized) {
      program.sharedBytes = (program.sharedBytes + v.alignment - 1) / v.alignment * v.alignment;
      sharedOffsets[id] = program.sharedBytes;
      program.sharedBytes += static_cast<uint32_t>(v.bytes);
    }
  }
  // Dynamic variables come behind all static ones, those of device functions included.
  for (const Routine &routine : text.routines)
    for (uint32_t id : routine.variables)
      if (const Variable &v = text.variables[id];
          v.space == Space::Shared && (&routine == &entry || !routine.entry)) {
        program.sharedBytes = (program.sharedBytes + v.alignment - 1) / v.alignment * v.alignment;
        sharedOffsets[id] = program.sharedBytes;
        program.sharedBytes += static_cast<uint32_t>(v.bytes);
      }
  for (uint32_t id : text.globals)
    if (text.variables[id].space == Space::Shared && text.variables[id].unsized)
      program.sharedAlignment = std::max(program.sharedAlignment, text.variables[id].alignment);
  uint32_t dynamic = (program.sharedBytes + program.sharedAlignment - 1) / program.sharedAlignment *
                     program.sharedAlignment;
  for (uint32_t id : text.globals)
    if (text.variables[id].space == Space::Shared && text.variables[id].unsized)
      sharedOffsets[id] = dynamic;

  Frame frame{&entry, 0, 0, newLabel(), {}};
  Statement end;
  body(frame);
  current = entry.statements.empty() ? nullptr : &entry.statements.back();
  end.line = current ? current->line : entry.line;
  end.opcode = "ret";
  current = &end;
  frames.push_back(frame);
  emitAt(nothingHandler(), InstructionClass::Control).i.flow = Flow::Exit;
  frames.pop_back();

  program.kernel = entry.name;
  allocateRegisters(draft, program, function.registers);
  for (const Text::Place &place : text.places) {
    auto file = text.files.find(place.file);
    program.places.push_back((file == text.files.end() ? "?" : std::string(file->second)) + ":" +
                             std::to_string(place.line));
  }
  program.parameters = function.parameters;
  if (usesDynamicShared)
    program.sharedBytes = dynamic;
  function.usesDynamicShared = usesDynamicShared;
  function.sharedBytes = program.sharedBytes;
  function.localBytes = program.localBytes = (program.localBytes + 15) / 16 * 16;
  std::copy_n(entry.requiredThreads, 3, function.requiredBlock);
  function.maxThreads = entry.requiredThreads[0] ? threadsOf(entry.requiredThreads)
                        : entry.maxThreads[0]    ? threadsOf(entry.maxThreads)
                                                 : 0;
  function.program = std::make_shared<const Program>(std::move(program));
  return function;
}

} // namespace gnc::emulator
