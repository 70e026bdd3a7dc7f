#include "dsl/Schedule.h"

#include "llvm/ADT/StringSwitch.h"

#include <charconv>
#include <cmath>

using namespace gnc::dsl;

Schedule Schedule::number(double value) {
  if (std::isnan(value))
    return Schedule("nan");
  if (std::isinf(value))
    return Schedule(value < 0 ? "-inf" : "inf");
  char text[64];
  auto [end, code] = std::to_chars(text, text + sizeof text, value);
  return Schedule(std::string(text, end));
}

std::optional<Schedule> Schedule::apply(llvm::StringRef op, llvm::ArrayRef<Schedule> operands) {
  std::string program;
  for (const Schedule &operand : operands)
    program += operand.program + " ";
  program += op;
  if (program.size() > maxLength)
    return std::nullopt;
  return Schedule(std::move(program));
}

unsigned Schedule::functionArity(llvm::StringRef name) {
  return llvm::StringSwitch<unsigned>(name)
      .Cases({"floor", "ceil", "round", "abs", "sqrt", "exp", "log", "sin", "cos"}, 1)
      .Cases({"min", "max"}, 2)
      .Default(0);
}
