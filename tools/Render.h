//===- Render.h - messages with the line they are about
//-----------------------------------------===//
#pragma once

#include "runtime/Program.h"

#include <string>
#include <vector>

namespace gnc::tools {

struct Message {
  /// A note or a help with a place of its own; of the front end.
  struct Part {
    runtime::SourceLocation location = {};
    int endLine = 0, endColumn = 0;
    std::string text = {};
  };
  std::string severity = "error";
  runtime::SourceLocation location = {}; ///< line 0: nowhere
  std::string text = {}, slug = {};
  std::vector<std::string> notes = {};
  std::string help = {};
  int endLine = 0, endColumn = 0;                         ///< behind the last byte; 0: unknown
  std::vector<Part> locatedNotes = {}, locatedHelps = {}; ///< for `renderJson` alone
};

/// `file:line:col: error: text [slug]`, the line with a caret if the file can be read, the notes
/// and the help: the form of the front end's own diagnostics.
std::string render(const Message &message);

/// "23.4 MiB".
std::string byteText(int64_t bytes);

} // namespace gnc::tools
