#include "dsl/AST.h"

using namespace gnc::dsl;
using namespace gnc::dsl::ast;

Node::~Node() = default; // the anchor of the vtable

llvm::StringRef ast::spelling(BinaryOp op) {
  static constexpr llvm::StringLiteral names[] = {"+", "-", "*", "/", "//", "%", "^", "and", "or"};
  return names[size_t(op)];
}

llvm::StringRef ast::spelling(CompareOp op) {
  static constexpr llvm::StringLiteral names[] = {"==", "!=", "<", "<=", ">", ">="};
  return names[size_t(op)];
}

static constexpr llvm::StringLiteral reducerNames[] = {"sum", "prod", "max",    "min",    "mean",
                                                       "any", "all",  "argmax", "argmin", "count"};

llvm::StringRef ast::spelling(Reducer op) { return reducerNames[size_t(op)]; }

std::optional<Reducer> ast::reducerNamed(llvm::StringRef name) {
  for (size_t i = 0; i != std::size(reducerNames); ++i)
    if (reducerNames[i] == name)
      return Reducer(i);
  return std::nullopt;
}

static constexpr llvm::StringLiteral elemNames[] = {
    "f32", "f16", "bf16", "i32", "u8", "bool", "index", "int", "number", "size", "string", "layer"};

llvm::StringRef ast::spelling(Elem elem) { return elemNames[size_t(elem)]; }

std::optional<Elem> ast::elemNamed(llvm::StringRef name) {
  for (size_t i = 0; i != std::size(elemNames); ++i)
    if (elemNames[i] == name)
      return Elem(i);
  return std::nullopt;
}
