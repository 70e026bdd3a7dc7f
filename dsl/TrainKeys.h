// The keys of a train section: which there are, what each may be.
#ifndef GNC_DSL_TRAINKEYS_H
#define GNC_DSL_TRAINKEYS_H

#include "dsl/Elaborator.h"

#include <string>

namespace gnc::dsl {

/// A key as it may be written, and what its value says.
struct TrainKey {
  llvm::StringRef name, meaning;
};
/// All of them, the most used first.
llvm::ArrayRef<TrainKey> trainKeys();

/// What a train section says, as written: names checked, nothing evaluated.
class TrainKeys {
public:
  /// Reads the section; what is wrong with it is reported (unknown keys, two values for one key).
  TrainKeys(const ast::TrainDecl &train, Diagnostics &diags);

  const ast::TrainDecl &train;
  /// No error was reported.
  bool valid() const { return isValid; }
  /// The value of a key, or null if the section does not have it.
  const ast::Expr *find(llvm::StringRef key) const { return values.lookup(key); }
  /// Where a key is written, or the head of the section.
  Span place(llvm::StringRef key) const;
  /// An unknown key, reported, looks as if this one were meant.
  bool isMisspelt(llvm::StringRef key) const { return misspelt.contains(key); }
  /// `let NAME = ..`, in order.
  llvm::ArrayRef<const ast::LetStmt *> lets() const { return helpers; }

  /// Is it a key of train sections with a number that `-s` may set?
  static bool isNumberKey(llvm::StringRef name);

private:
  void add(const ast::AssignStmt &assign, Diagnostics &diags);
  void checkComplete(Diagnostics &diags);

  llvm::StringMap<const ast::Expr *> values;
  std::vector<const ast::LetStmt *> helpers;
  llvm::StringSet<> misspelt; // keys that an unknown one was probably meant to be
  bool isValid = true;
};

/// The numbers and names of a train section, evaluated: runtime::Recipe.
struct TrainNumbers {
  int64_t batch = 32, epochs = 0, steps = 0, seed = 0;
  int64_t workers = -1; // -1: not given
  double validate = 0;
  std::string best;              // of `save = best(..)`
  std::string init;              // the file, resolved against the folder of the .net file; "": none
  std::optional<double> average; // the decay of `average = ema(decay)`
  std::string precision = "f32"; // what intermediate tensors are stored as: f32, f16 or bf16
};

/// Evaluates them in `scope` (which holds the section's `let`s), for a section of `module`.
/// `overrides` (`-s`) win; those used are added to `elab.usedOverrides`.
FailureOr<TrainNumbers> evaluateNumbers(const TrainKeys &keys, Elaborator &elab,
                                        const Module &module, Scope &scope,
                                        const llvm::StringMap<Value> &overrides,
                                        llvm::ArrayRef<std::string> metrics);

/// What `init`, `average` and `precision` say (TrainStart.cpp); the numbers are filled in.
LogicalResult evaluateStart(const TrainKeys &keys, Elaborator &elab, const Module &module,
                            Scope &scope, TrainNumbers &numbers);

/// `clip = norm(c)` or `clip = value(c)`.
struct Clip {
  enum class Kind { None, Norm, Value } kind = Kind::None;
  double limit = 0;
};
FailureOr<Clip> evaluateClip(const TrainKeys &keys, Elaborator &elab, Scope &scope);

} // namespace gnc::dsl

#endif // GNC_DSL_TRAINKEYS_H
