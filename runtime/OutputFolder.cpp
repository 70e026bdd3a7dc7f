//===- OutputFolder.cpp - what a training leaves behind
//-----------------------------------------===//
#include "runtime/OutputFolder.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

namespace gnc::runtime {

Result<OutputFolder> OutputFolder::open(const std::string &path) {
  if (Status status = createFolder(path); !status.ok())
    return std::move(status).error();
  OutputFolder folder;
  folder.path = path;
  folder.lock = Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.lock.valid())
    return systemError("cannot-write", "open the folder '" + path + "'", errno);
  // A file system without locks is no reason not to train.
  if (flock(folder.lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return environmentError("folder-busy", "another training is writing into '" + path + "'")
        .withHelp("wait for it, or give --out another folder");
  for (const std::string &file : {folder.last(), folder.best(), folder.log()})
    if (Status status = removeFile(file + ".tmp"); !status.ok())
      return std::move(status).error();
  return folder;
}

Status OutputFolder::writeLog(const std::string &head, const std::string &lines) const {
  auto bytes = [](const std::string &text) {
    return std::span(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  };
  std::span<const uint8_t> pieces[] = {bytes(head), bytes(lines)};
  return replaceFile(log(), pieces);
}

} // namespace gnc::runtime
