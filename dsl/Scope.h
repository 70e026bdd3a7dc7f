// Names and their values, innermost first.
#ifndef GNC_DSL_SCOPE_H
#define GNC_DSL_SCOPE_H

#include "dsl/Value.h"

#include "llvm/ADT/StringMap.h"

namespace gnc::dsl {

class Module;
struct Parameter;

/// What a name stands for, and why it may not be used.
struct Binding {
  enum class Status {
    Bound,
    Failed,    // its value had an error that is already reported: uses are silent
    OneBranch, // assigned in one branch of an `if` or `when` only
  } status = Status::Bound;
  std::optional<Value> value; // absent only if Failed
  bool constant = false;      // made by `let`
  Parameter *state = nullptr; // of a `state`: what `<-` changes
  Span span;                  // where it was bound; of OneBranch the `if`
};

/// A body with the inputs and settings of its declaration, the body of a `for`, or (the root) a
/// module. `let` makes a name here; `=` rebinds the nearest one below the root, else makes one
/// here. Owned by the Elaborator (Elaborator::newScope), so recipes may keep them.
class Scope {
public:
  /// A root: names not found in it are the declarations that the module sees.
  explicit Scope(const Module *module) : owner(module) {}
  explicit Scope(Scope &parent) : outer(&parent), owner(parent.owner) {}
  Scope(const Scope &) = delete;
  Scope &operator=(const Scope &) = delete;

  Scope *parent() const { return outer; }
  const Module *module() const { return owner; }
  Scope *root() {
    Scope *scope = this;
    while (scope->outer)
      scope = scope->outer;
    return scope;
  }

  /// The nearest binding, or null.
  const Binding *find(llvm::StringRef name) const {
    for (const Scope *scope = this; scope; scope = scope->outer)
      if (auto it = scope->names.find(name); it != scope->names.end())
        return &it->second;
    return nullptr;
  }
  Binding *find(llvm::StringRef name) {
    return const_cast<Binding *>(std::as_const(*this).find(name));
  }
  const Binding *findHere(llvm::StringRef name) const {
    auto it = names.find(name);
    return it == names.end() ? nullptr : &it->second;
  }
  /// The value if the name is bound to one; null for a failed or missing one.
  const Value *value(llvm::StringRef name) const {
    const Binding *binding = find(name);
    return binding && binding->value ? &*binding->value : nullptr;
  }

  /// Makes a name in this scope, replacing one of this scope.
  Binding &define(llvm::StringRef name, Value value, Span at = {}, bool constant = false) {
    return names[name] = Binding{Binding::Status::Bound, std::move(value), constant, nullptr, at};
  }
  Binding &defineFailed(llvm::StringRef name, Span at = {}) {
    return names[name] = Binding{Binding::Status::Failed, std::nullopt, false, nullptr, at};
  }

  /// The nearest scope that holds the name, without the root; null if there is none.
  Scope *holder(llvm::StringRef name) {
    for (Scope *scope = this; scope && scope->outer; scope = scope->outer)
      if (scope->names.contains(name))
        return scope;
    return nullptr;
  }

  /// All names from here outwards, for "did you mean".
  void collectNames(llvm::SmallVectorImpl<llvm::StringRef> &out) const {
    for (const Scope *scope = this; scope; scope = scope->outer)
      for (const auto &entry : scope->names)
        out.push_back(entry.first());
  }
  /// Copies the bindings visible here, inner ones first, into `into`.
  void copyVisible(Scope &into) const {
    for (const Scope *scope = this; scope; scope = scope->outer)
      for (const auto &entry : scope->names)
        into.names.try_emplace(entry.first(), entry.second);
  }

private:
  Scope *outer = nullptr;
  const Module *owner = nullptr;
  llvm::StringMap<Binding> names;
};

} // namespace gnc::dsl

#endif // GNC_DSL_SCOPE_H
