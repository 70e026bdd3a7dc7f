//===- Json.cpp - messages for programs
//----------------------------------------------------------===//
#include "tools/Json.h"

#include <cstdint>
#include <cstdio>

namespace gnc::tools {

namespace {
/// The bytes of the character that the text begins with; 0 if it is no UTF-8 (too long a form, a
/// surrogate, beyond the last character).
size_t characterLength(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : 0u; };
  unsigned first = byte(0);
  if (first < 0x80)
    return 1;
  size_t length = first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : 4;
  if (first < 0xC2 || first > 0xF4)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80)
      return 0;
  unsigned second = byte(1);
  bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
               (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return wrong ? 0 : length;
}

std::string place(const runtime::SourceLocation &where, int endLine, int endColumn) {
  bool located = where.line > 0 && !where.file.empty();
  if (!located)
    return R"("file":null,"line":null,"column":null,"end":null)";
  auto number = [](int value) { return std::to_string(value); };
  std::string text = "\"file\":" + jsonString(where.file) + ",\"line\":" + number(where.line) +
                     ",\"column\":" + number(where.column);
  if (endLine <= 0)
    return text + ",\"end\":null";
  return text + ",\"end\":{\"line\":" + number(endLine) + ",\"column\":" + number(endColumn) + "}";
}

std::string list(const std::vector<Message::Part> &parts) {
  std::string text = "[";
  for (const Message::Part &part : parts)
    text += (text.size() > 1 ? ",{" : "{") + place(part.location, part.endLine, part.endColumn) +
            ",\"message\":" + jsonString(part.text) + "}";
  return text + "]";
}
} // namespace

std::string jsonString(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    size_t length = characterLength(text);
    uint8_t c = uint8_t(text[0]);
    char escape[8];
    if (!length) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      (out += '\\') += char(c);
    } else if (c < 32 || c == 127) {
      snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length ? length : 1);
  }
  return out + "\"";
}

std::string renderJson(const Message &message) {
  std::vector<Message::Part> notes, helps = message.locatedHelps;
  for (const std::string &note : message.notes)
    notes.push_back({.text = note});
  notes.insert(notes.end(), message.locatedNotes.begin(), message.locatedNotes.end());
  if (!message.help.empty())
    helps.push_back({.text = message.help});
  return "{" + place(message.location, message.endLine, message.endColumn) +
         ",\"severity\":" + jsonString(message.severity) + ",\"slug\":" + jsonString(message.slug) +
         ",\"message\":" + jsonString(message.text) + ",\"notes\":" + list(notes) +
         ",\"helps\":" + list(helps) + "}\n";
}

} // namespace gnc::tools
