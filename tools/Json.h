//===- Json.h - messages for programs
//------------------------------------------------------------===//
#pragma once

#include "tools/Render.h"

#include <string_view>

namespace gnc::tools {

/// A JSON string with its quotes. What is no UTF-8 becomes U+FFFD.
std::string jsonString(std::string_view text);

/// The message as one JSON object on one line: file, line, column, end, severity, slug, message,
/// notes, helps. `end` is {line, column}, behind the last byte; without a place, these are null.
std::string renderJson(const Message &message);

} // namespace gnc::tools
