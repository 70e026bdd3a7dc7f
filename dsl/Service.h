// The language service: what an editor asks about a document. Knows no protocol; tools/ speaks it.
//
// An Analysis is one look at one text: parsed and elaborated when it is made, questions are only
// look-ups. It answers for texts that are being typed as well: names and documentation come from
// tokens and from whatever parses, shapes from what could be elaborated.
#ifndef GNC_DSL_SERVICE_H
#define GNC_DSL_SERVICE_H

#include "dsl/Diagnostic.h"
#include "dsl/Source.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gnc::dsl {

namespace service {
struct Document;
} // namespace service

/// The texts of open documents by path; they take the place of what the files hold.
using Texts = std::map<std::string, std::string>;

/// A message with the place to show it at, which lies in the document: a message about a file that
/// the document uses is shown at the `use`.
struct ServiceMessage {
  const Diagnostic *diagnostic = nullptr;
  Span at;
  bool elsewhere = false; // the diagnostic's own place is in another file
};

/// What is known about a place, as Markdown.
struct Hover {
  Span span;
  std::string text;
};

/// Shown between the bytes of the text, in front of `offset`.
struct InlayShape {
  uint32_t offset = 0;
  std::string text; // "[32, 24, 24]"
};

enum class CompletionKind { Layer, Function, Setting, Name, Key, Field, Module, Keyword };

struct Completion {
  std::string label;
  CompletionKind kind = CompletionKind::Name;
  std::string detail;        // "size = 1", a signature
  std::string documentation; // Markdown
  std::string insert;        // what is typed, if not the label: "stride = "
};

class Analysis {
public:
  /// `path` names the document; its text, and those of files it uses, are taken from `texts` first.
  Analysis(llvm::StringRef path, const Texts &texts);
  ~Analysis();

  /// The document. Null if it could not be read.
  const Source *source() const;
  /// Is it a file of the standard library?
  bool isLibrary(const Source *source) const;

  /// What the front end says, which is what `gnc check` says: passes have nothing to say about a
  /// text that it accepts. In the order of the text.
  std::vector<ServiceMessage> messages() const;
  /// Offsets are bytes of the document; what lies behind its end is its end.
  std::optional<Hover> hover(uint32_t offset) const;
  /// The shape after every stage that has none written.
  std::vector<InlayShape> shapes() const;
  std::vector<Completion> completions(uint32_t offset) const;
  /// Where the name at the offset was made; nowhere if it has no such place. May lie in another
  /// source. The span of a `use` leads to the start of its file.
  Span definition(uint32_t offset) const;

private:
  std::unique_ptr<service::Document> document;
};

} // namespace gnc::dsl

#endif // GNC_DSL_SERVICE_H
