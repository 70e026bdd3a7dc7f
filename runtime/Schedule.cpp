//===- Schedule.cpp - scalars the host computes before each step
//--------------------------------===//
#include "runtime/Schedule.h"

#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>

namespace gnc::runtime {

namespace {
using Op = Schedule::Op;
constexpr int deepest = 256;

struct Word {
  std::string_view text;
  Op op;
};

constexpr Word words[] = {
    {"step", Op::Step},    {"epoch", Op::Epoch}, {"epochs", Op::Epochs},   {"neg", Op::Neg},
    {"floor", Op::Floor},  {"ceil", Op::Ceil},   {"round", Op::Round},     {"abs", Op::Abs},
    {"sqrt", Op::Sqrt},    {"exp", Op::Exp},     {"log", Op::Log},         {"sin", Op::Sin},
    {"cos", Op::Cos},      {"not", Op::Not},     {"+", Op::Add},           {"-", Op::Sub},
    {"*", Op::Mul},        {"/", Op::Div},       {"^", Op::Pow},           {"//", Op::FloorDiv},
    {"%", Op::Mod},        {"min", Op::Min},     {"max", Op::Max},         {"<", Op::Less},
    {"<=", Op::LessEqual}, {">", Op::Greater},   {">=", Op::GreaterEqual}, {"==", Op::Equal},
    {"!=", Op::NotEqual},  {"and", Op::And},     {"or", Op::Or},           {"if", Op::If},
};

/// The whole token as a number.
std::optional<double> readNumber(std::string_view token) {
  std::string text(token); // strtod needs the zero
  char *end = nullptr;
  double value = strtod(text.c_str(), &end);
  if (text.empty() || isspace(static_cast<unsigned char>(text[0])) ||
      end != text.c_str() + text.size())
    return std::nullopt;
  return value;
}

double unary(Op op, double a) {
  switch (op) {
  case Op::Neg: return -a;
  case Op::Floor: return std::floor(a);
  case Op::Ceil: return std::ceil(a);
  case Op::Round: return std::round(a);
  case Op::Abs: return std::fabs(a);
  case Op::Sqrt: return std::sqrt(a);
  case Op::Exp: return std::exp(a);
  case Op::Log: return std::log(a);
  case Op::Sin: return std::sin(a);
  case Op::Cos: return std::cos(a);
  default: return a == 0; // Not
  }
}

double binary(Op op, double a, double b) {
  switch (op) {
  case Op::Add: return a + b;
  case Op::Sub: return a - b;
  case Op::Mul: return a * b;
  case Op::Div: return a / b;
  case Op::Pow: return std::pow(a, b);
  case Op::FloorDiv: return std::floor(a / b);
  case Op::Mod: return a - b * std::floor(a / b);      // follows the divisor
  case Op::Min: return std::isnan(a) || a < b ? a : b; // min and max pass NaN on
  case Op::Max: return std::isnan(a) || a > b ? a : b;
  case Op::Less: return a < b;
  case Op::LessEqual: return a <= b;
  case Op::Greater: return a > b;
  case Op::GreaterEqual: return a >= b;
  case Op::Equal: return a == b;
  case Op::NotEqual: return a != b;
  case Op::And: return a != 0 && b != 0;
  default: return a != 0 || b != 0; // Or
  }
}

int operandCount(Op op) { return op <= Op::Epochs ? 0 : op <= Op::Not ? 1 : op <= Op::Or ? 2 : 3; }
} // namespace

Result<Schedule> Schedule::parse(std::string_view text, const SourceLocation &location) {
  auto refuse = [&](const std::string &why) {
    return inputError("bad-schedule",
                      "the schedule '" + std::string(text.substr(0, 200)) + "' " + why)
        .at(location);
  };
  Schedule schedule;
  int depth = 0;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(' ', begin), text.size());
    std::string_view token = text.substr(begin, end - begin);
    begin = end + 1;
    Instruction instruction{Op::Number, 0};
    const Word *word = nullptr;
    for (const Word &candidate : words)
      if (candidate.text == token)
        word = &candidate;
    if (word)
      instruction.op = word->op;
    else if (std::optional<double> number = readNumber(token))
      instruction.number = *number;
    else
      return refuse("has no operator or variable '" + std::string(token.substr(0, 40)) + "'");
    int operands = operandCount(instruction.op);
    if (depth < operands)
      return refuse("lacks an operand for '" + std::string(token) + "'");
    depth += 1 - operands;
    if (depth > deepest)
      return refuse("is nested too deeply");
    schedule.code.push_back(instruction);
  }
  if (depth != 1)
    return refuse("leaves " + std::to_string(depth) + " values, not one");
  return schedule;
}

double Schedule::evaluate(const Variables &variables) const {
  std::array<double, deepest> stack;
  int top = -1; // parse() has checked that it stays inside
  for (const Instruction &instruction : code) {
    switch (operandCount(instruction.op)) {
    case 0:
      stack[++top] = instruction.op == Op::Number  ? instruction.number
                     : instruction.op == Op::Step  ? variables.step
                     : instruction.op == Op::Epoch ? variables.epoch
                                                   : variables.epochs;
      break;
    case 1: stack[top] = unary(instruction.op, stack[top]); break;
    case 2:
      --top;
      stack[top] = binary(instruction.op, stack[top], stack[top + 1]);
      break;
    default:
      top -= 2;
      stack[top] = stack[top] != 0 ? stack[top + 1] : stack[top + 2];
      break;
    }
  }
  return top == 0 ? stack[0] : 0;
}

} // namespace gnc::runtime
