//===- Status.h - errors as values
//--------------------------------------------------------------===//
//
// Every function of the runtime that can fail returns a Status or a Result. An Error says what was
// found, what was needed and one thing to do about it; the tool prints it and exits with its code.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Program.h"

#include <optional>
#include <utility>
#include <variant>

namespace gnc::runtime {

/// Whose fault it is; the values are the exit codes of the tool.
enum class ErrorCode : uint8_t {
  Input = 1,       ///< a file, a program text or data are wrong
  Usage = 2,       ///< options contradict each other
  Environment = 3, ///< the disk is full, memory is short, a folder cannot be written
  Internal = 4,    ///< a bug of ours
};

struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string slug;    ///< stable name of the kind of error ("missing-data"), for `gnc explain`
  std::string message; ///< one line, no full stop, names things as the user wrote them
  std::vector<std::string> notes;
  std::string help; ///< one concrete edit; may be empty
  std::optional<SourceLocation> location;

  Error withNote(std::string text) && {
    notes.push_back(std::move(text));
    return std::move(*this);
  }
  Error withHelp(std::string text) && {
    help = std::move(text);
    return std::move(*this);
  }
  /// Keeps a location that is already there: the innermost one knows best. Line 0 is no location.
  Error at(const SourceLocation &where) && {
    if (!location && where.line > 0)
      location = where;
    return std::move(*this);
  }
};

inline Error makeError(ErrorCode code, std::string slug, std::string message) {
  Error error;
  error.code = code;
  error.slug = std::move(slug);
  error.message = std::move(message);
  return error;
}
inline Error inputError(std::string slug, std::string message) {
  return makeError(ErrorCode::Input, std::move(slug), std::move(message));
}
inline Error usageError(std::string slug, std::string message) {
  return makeError(ErrorCode::Usage, std::move(slug), std::move(message));
}
inline Error environmentError(std::string slug, std::string message) {
  return makeError(ErrorCode::Environment, std::move(slug), std::move(message));
}
inline Error internalError(std::string message) {
  return makeError(ErrorCode::Internal, "internal", std::move(message));
}
/// An environment error from `errno`: "cannot WHAT: REASON".
Error systemError(std::string slug, const std::string &what, int errorNumber);

/// `file:line:col: error: message [slug]`, then the notes and the help, each on its line.
std::string format(const Error &error);

/// Success, or an Error.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Error error) : failure(std::move(error)) {}

  bool ok() const { return !failure; }
  const Error &error() const & { return *failure; }
  Error error() && { return std::move(*failure); }

private:
  std::optional<Error> failure;
};

/// A value, or an Error. Read the value only if `ok()`.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state.index() == 0; }
  T &operator*() { return *std::get_if<0>(&state); }
  const T &operator*() const { return *std::get_if<0>(&state); }
  T *operator->() { return std::get_if<0>(&state); }
  const T *operator->() const { return std::get_if<0>(&state); }
  const Error &error() const & { return *std::get_if<1>(&state); }
  Error error() && { return std::move(*std::get_if<1>(&state)); }

private:
  std::variant<T, Error> state;
};

} // namespace gnc::runtime
