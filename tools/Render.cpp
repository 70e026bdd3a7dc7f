//===- Render.cpp - messages with the line they are about
//---------------------------------------===//
#include "tools/Render.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>

namespace gnc::tools {

namespace {
constexpr size_t kWidest = 160;

/// The line, or "" if there is none to show.
std::string readLine(const runtime::SourceLocation &where) {
  std::ifstream file(where.file);
  std::string line;
  for (int i = 0; i < where.line; ++i)
    if (!std::getline(file, line))
      return "";
  return line;
}

/// Bytes that would move the cursor become `?`.
std::string printable(std::string text) {
  for (char &c : text)
    if (uint8_t(c) < 32 && c != '\t')
      c = '?';
  return text;
}

/// Columns before the caret: tabs stay tabs, and a character of several bytes is one column.
std::string indentation(const std::string &line, size_t bytes) {
  std::string blanks;
  for (size_t i = 0; i < std::min(bytes, line.size()); ++i)
    if (line[i] == '\t')
      blanks += '\t';
    else if ((uint8_t(line[i]) & 0xC0) != 0x80)
      blanks += ' ';
  return blanks;
}

std::string caretLines(const runtime::SourceLocation &where) {
  std::string line = printable(readLine(where));
  size_t caret = size_t(std::max(where.column, 1)) - 1;
  if (line.empty() || line.size() > kWidest || caret > line.size())
    return "";
  char number[32];
  snprintf(number, sizeof number, "%5d | ", where.line);
  return number + line + "\n      | " + indentation(line, caret) + "^\n";
}
} // namespace

std::string render(const Message &message) {
  bool located = message.location.line > 0 && !message.location.file.empty();
  std::string text = "gnc: ";
  if (located)
    text = message.location.file + ":" + std::to_string(message.location.line) + ":" +
           std::to_string(message.location.column) + ": ";
  text += message.severity + ": " + printable(message.text);
  if (!message.slug.empty())
    text += " [" + message.slug + "]";
  text += "\n";
  if (located)
    text += caretLines(message.location);
  for (const std::string &note : message.notes)
    text += "note: " + printable(note) + "\n";
  if (!message.help.empty())
    text += "help: " + printable(message.help) + "\n";
  return text;
}

std::string byteText(int64_t bytes) {
  constexpr int64_t kKibi = 1024, kMebi = kKibi * kKibi;
  char text[32];
  snprintf(text, sizeof text, "%.1f %s", double(bytes) / double(bytes >= kMebi ? kMebi : kKibi),
           bytes >= kMebi ? "MiB" : "KiB");
  return text;
}

} // namespace gnc::tools
