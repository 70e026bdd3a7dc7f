// The parts that every tree node shares: spans, names, ownership.
#ifndef GNC_DSL_ASTBASE_H
#define GNC_DSL_ASTBASE_H

#include "dsl/Rational.h"
#include "dsl/Source.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Casting.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gnc::dsl::ast {

/// Base of everything the arena owns. Use llvm::isa/cast/dyn_cast on Expr, Unit, Stmt, Decl.
struct Node {
  Span span; // all of the construct, first to last byte
  /// Levels of the tree from here down. The parser refuses more than `maxHeight`, so recursion
  /// over any tree it returns is safe.
  unsigned height = 1;
  static constexpr unsigned maxHeight = 1000;
  explicit Node(Span span) : span(span) {}
  Node(const Node &) = delete;
  Node &operator=(const Node &) = delete;
  virtual ~Node();
};

/// Owns the nodes of a file and frees them in a flat loop: no recursion over deep trees. Nodes
/// point to each other with plain pointers, valid as long as the arena. A pass that makes new
/// trees (gradients) keeps its own arena.
class Arena {
public:
  template <typename T, typename... Args> T *make(Args &&...args) {
    auto node = std::make_unique<T>(std::forward<Args>(args)...);
    T *raw = node.get();
    nodes.push_back(std::move(node));
    return raw;
  }

private:
  std::vector<std::unique_ptr<Node>> nodes;
};

/// A name as written; the text lives in the source.
struct Ident {
  llvm::StringRef text;
  Span span;
  explicit operator bool() const { return !text.empty(); }
};

struct Expr;
struct Stmt;
struct Type;

} // namespace gnc::dsl::ast

#endif // GNC_DSL_ASTBASE_H
