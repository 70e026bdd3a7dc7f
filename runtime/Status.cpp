//===- Status.cpp - printing errors
//-------------------------------------------------------------===//
#include "runtime/Status.h"

#include <cstring>

namespace gnc::runtime {

Error systemError(std::string slug, const std::string &what, int errorNumber) {
  char buffer[128];
  // The GNU strerror_r: thread-safe, and it may answer with a string of its own.
  const char *reason = strerror_r(errorNumber, buffer, sizeof buffer);
  return environmentError(std::move(slug), "cannot " + what + ": " + reason);
}

std::string format(const Error &error) {
  std::string text;
  if (error.location) {
    const SourceLocation &where = *error.location;
    text +=
        where.file + ":" + std::to_string(where.line) + ":" + std::to_string(where.column) + ": ";
  }
  text += "error: " + error.message + " [" + error.slug + "]\n";
  for (const std::string &note : error.notes)
    text += "note: " + note + "\n";
  if (!error.help.empty())
    text += "help: " + error.help + "\n";
  return text;
}

} // namespace gnc::runtime
