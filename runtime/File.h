//===- File.h - whole files, read and replaced
//--------------------------------------------------===//
#pragma once

#include "runtime/Memory.h"

#include <functional>

namespace gnc::runtime {

/// An open file descriptor, closed with its owner.
class Descriptor {
public:
  Descriptor() = default;
  explicit Descriptor(int number) : number(number) {}
  Descriptor(Descriptor &&other) noexcept : number(std::exchange(other.number, -1)) {}
  Descriptor &operator=(Descriptor &&other) noexcept {
    std::swap(number, other.number);
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const { return number; }
  bool valid() const { return number >= 0; }
  /// Returns 0, or errno: a full disk may speak up only here.
  int close();

private:
  int number = -1;
};

/// Opens a regular file for reading; `size` gets its length. The error's slug is "unreadable-file".
Result<Descriptor> openForReading(const std::string &path, uint64_t &size);

/// Reads up to `count` bytes, fewer only at the end of the file. Returns the number, or -1 with
/// errno set.
int64_t readFully(int descriptor, uint8_t *to, uint64_t count);

/// The whole file.
Result<Bytes> readFile(const std::string &path);

/// The next bytes of a file, valid until the next call; empty at its end. Or why there are none.
using NextPiece = std::function<Result<std::span<const uint8_t>>()>;

/// Replaces `path` by the concatenation of all pieces, or leaves it as it was: writes PATH.tmp,
/// syncs it, renames it, and syncs the folder. A PATH.tmp left by a killed process is overwritten.
/// A device or a pipe is written to. Errors: environment, "cannot-write", and those of `next`.
Status replaceFile(const std::string &path, const NextPiece &next);
Status replaceFile(const std::string &path, std::span<const std::span<const uint8_t>> pieces);

/// Removes a file; that it does not exist is no error.
Status removeFile(const std::string &path);

bool fileExists(const std::string &path);
bool folderExists(const std::string &path);

/// Creates the folder and its parents. Errors: environment, "cannot-write".
Status createFolder(const std::string &path);

/// `folder/name`.
std::string joinPath(const std::string &folder, const std::string &name);

} // namespace gnc::runtime
