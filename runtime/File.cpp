//===- File.cpp - whole files, read and replaced
//------------------------------------------------===//
#include "runtime/File.h"

#include "runtime/Text.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace gnc::runtime {

int Descriptor::close() {
  if (number < 0)
    return 0;
  // Never again after EINTR: on Linux the descriptor is gone all the same.
  return ::close(std::exchange(number, -1)) == 0 || errno == EINTR ? 0 : errno;
}

Result<Descriptor> openForReading(const std::string &path, uint64_t &size) {
  // O_NONBLOCK: a pipe in place of a file is an error below, not a wait for a writer.
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info;
  if (!file.valid() || fstat(file.get(), &info) != 0) {
    Error error = systemError("unreadable-file", "read '" + path + "'", errno);
    error.code = ErrorCode::Input; // a missing file is the user's to name, like any other input
    return error;
  }
  if (!S_ISREG(info.st_mode))
    return inputError("unreadable-file", "cannot read '" + path + "': it is not a regular file");
  size = uint64_t(info.st_size);
  return file;
}

int64_t readFully(int descriptor, uint8_t *to, uint64_t count) {
  uint64_t done = 0;
  while (done < count) {
    ssize_t got = read(descriptor, to + done, count - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    done += uint64_t(got);
  }
  return int64_t(done);
}

Result<Bytes> readFile(const std::string &path) {
  uint64_t size = 0;
  Result<Descriptor> file = openForReading(path, size);
  if (!file.ok())
    return std::move(file).error();
  Result<Bytes> bytes = Bytes::allocate(size, "the file '" + path + "'");
  if (!bytes.ok())
    return bytes;
  int64_t got = readFully(file->get(), bytes->data(), size);
  if (got < 0)
    return systemError("unreadable-file", "read '" + path + "'", errno);
  if (uint64_t(got) != size)
    return environmentError("unreadable-file", "'" + path + "' shrank while it was read");
  return bytes;
}

namespace {
/// Returns 0, or errno.
int writeFully(int descriptor, std::span<const uint8_t> bytes) {
  // At most a GiB at a time: write() takes no more than about 2 GiB.
  while (!bytes.empty()) {
    ssize_t put = write(descriptor, bytes.data(), std::min<size_t>(bytes.size(), size_t(1) << 30));
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return put < 0 ? errno : ENOSPC;
    bytes = bytes.subspan(size_t(put));
  }
  return 0;
}

std::string folderOf(const std::string &path) {
  size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// Makes the rename itself durable. Returns 0, or errno.
int syncFolder(const std::string &folder) {
  Descriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.valid())
    return errno;
  // Some network file systems cannot sync folders; then the rename is as durable as they make it.
  if (fsync(descriptor.get()) != 0 && errno != EINVAL && errno != ENOTSUP)
    return errno;
  return 0;
}

/// A device or a pipe: what is written goes through it, and it must not be replaced.
bool isDevice(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

/// Returns 0, or errno; 0 as well where the pieces end in an error, which `made` then holds.
int writePieces(int descriptor, const NextPiece &next, Status &made) {
  for (;;) {
    Result<std::span<const uint8_t>> piece = next();
    if (!piece.ok()) {
      made = std::move(piece).error();
      return 0;
    }
    if (piece->empty())
      return 0;
    if (int failure = writeFully(descriptor, *piece))
      return failure;
  }
}

/// Returns 0, or errno.
int writeThrough(const std::string &path, const NextPiece &next, Status &made) {
  Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid())
    return errno;
  if (int failure = writePieces(file.get(), next, made))
    return failure;
  return file.close();
}

/// Returns 0, or errno.
int writeTemporary(const std::string &path, const NextPiece &next, Status &made) {
  // Whatever lies there (an old temporary, a link) is not written through but replaced.
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return errno;
  Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file.valid())
    return errno;
  if (int failure = writePieces(file.get(), next, made))
    return failure;
  if (made.ok() && fsync(file.get()) != 0)
    return errno;
  return file.close();
}
} // namespace

Status replaceFile(const std::string &path, const NextPiece &next) {
  Status made;
  if (isDevice(path)) {
    int failure = writeThrough(path, next, made);
    return failure ? systemError("cannot-write", "write '" + path + "'", failure) : made;
  }
  std::string temporary = path + ".tmp";
  int failure = writeTemporary(temporary, next, made);
  if (!failure && made.ok() && rename(temporary.c_str(), path.c_str()) != 0)
    failure = errno;
  if (failure || !made.ok())
    unlink(temporary.c_str());
  if (failure) {
    Error error = systemError("cannot-write", "write '" + path + "'", failure);
    if (fileExists(path))
      error.notes.push_back("the file is as it was before");
    return error;
  }
  if (!made.ok())
    return made;
  if (int unsynced = syncFolder(folderOf(path)))
    return systemError("cannot-write", "sync the folder of '" + path + "'", unsynced);
  return {};
}

Status replaceFile(const std::string &path, std::span<const std::span<const uint8_t>> pieces) {
  auto rest = pieces;
  return replaceFile(path, [&]() -> Result<std::span<const uint8_t>> {
    while (!rest.empty() && rest.front().empty()) // an empty one would be the end
      rest = rest.subspan(1);
    if (rest.empty())
      return std::span<const uint8_t>();
    std::span<const uint8_t> piece = rest.front();
    rest = rest.subspan(1);
    return piece;
  });
}

Status removeFile(const std::string &path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return systemError("cannot-write", "remove '" + path + "'", errno);
  return {};
}

bool fileExists(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
}

bool folderExists(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Status createFolder(const std::string &path) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  if (failure && !folderExists(path))
    return environmentError("cannot-write",
                            "cannot create the folder '" + path + "': " + failure.message());
  if (!folderExists(path))
    return environmentError("cannot-write", "'" + path + "' exists and is not a folder");
  return {};
}

std::string joinPath(const std::string &folder, const std::string &name) {
  return folder.empty() || folder.back() == '/' ? folder + name : folder + "/" + name;
}

} // namespace gnc::runtime
