//===- Render.h - messages with the line they are about
//-----------------------------------------===//
#pragma once

#include "runtime/Program.h"

#include <string>
#include <vector>

namespace gnc::tools {

struct Message {
  std::string severity = "error";
  runtime::SourceLocation location = {}; ///< line 0: nowhere
  std::string text = {}, slug = {};
  std::vector<std::string> notes = {};
  std::string help = {};
};

/// `file:line:col: error: text [slug]`, the line with a caret if the file can be read, the notes
/// and the help: the form of the front end's own diagnostics.
std::string render(const Message &message);

} // namespace gnc::tools
