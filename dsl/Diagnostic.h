// One diagnostic engine for lexer, parser, elaborator, op checker and data.
#ifndef GNC_DSL_DIAGNOSTIC_H
#define GNC_DSL_DIAGNOSTIC_H

#include "dsl/Source.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

#include <deque>
#include <string>
#include <vector>

namespace gnc::dsl {

enum class Severity { Error, Warning };

/// A line below a diagnostic. A located one shows its own source line.
struct Remark {
  enum Kind { Note, Help } kind;
  Span span; // may be nowhere
  std::string text;
};

/// What was found and what was needed; the slug names its page (`gnc explain SLUG`).
struct Diagnostic {
  Severity severity;
  std::string slug;
  Span span;
  std::string text;
  std::vector<Remark> remarks; // in the order of printing

  Diagnostic &note(const llvm::Twine &text) { return remark(Remark::Note, {}, text); }
  Diagnostic &note(Span at, const llvm::Twine &text) { return remark(Remark::Note, at, text); }
  Diagnostic &help(const llvm::Twine &text) { return remark(Remark::Help, {}, text); }
  Diagnostic &help(Span at, const llvm::Twine &text) { return remark(Remark::Help, at, text); }

private:
  Diagnostic &remark(Remark::Kind kind, Span at, const llvm::Twine &text);
};

/// Collects diagnostics; prints them sorted by position. Use:
///   diags.error("unknown-setting", arg.span, "conv has no setting 'strid'")
///       .note("settings of conv: k, size, stride")
///       .help("did you mean 'stride'?");
class Diagnostics {
public:
  /// The reference stays valid as long as the engine.
  Diagnostic &error(llvm::StringRef slug, Span at, const llvm::Twine &text);
  Diagnostic &warning(llvm::StringRef slug, Span at, const llvm::Twine &text);

  bool hasErrors() const { return errors != 0; }
  unsigned errorCount() const { return errors; }
  unsigned warningCount() const { return warnings; }
  bool empty() const { return items.empty(); }
  void clear();

  /// In the order of the text: by source, then by offset; equal ones (a block elaborated twice)
  /// once only.
  std::vector<const Diagnostic *> sorted() const;
  /// The form of the language page: `file:line:col: error: text [slug]`, the line, the caret.
  /// At most `maxErrors` errors, then a line that says how many more there are.
  void render(llvm::raw_ostream &os) const;
  std::string str() const;

  unsigned maxErrors = 20;

private:
  Diagnostic &add(Severity severity, llvm::StringRef slug, Span at, const llvm::Twine &text);

  std::deque<Diagnostic> items; // a deque: references handed out stay valid
  Diagnostic overflow{};        // takes what comes after far too many
  unsigned errors = 0, warnings = 0;
};

/// Renders one diagnostic (and its remarks).
void render(llvm::raw_ostream &os, const Diagnostic &diagnostic);

/// The candidate most like `name` ("did you mean"), or "" if none is near enough.
llvm::StringRef nearest(llvm::StringRef name, llvm::ArrayRef<llvm::StringRef> candidates);

/// "a, b or c" for messages.
std::string orList(llvm::ArrayRef<llvm::StringRef> words);

} // namespace gnc::dsl

#endif // GNC_DSL_DIAGNOSTIC_H
