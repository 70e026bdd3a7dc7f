//===- OutputFolder.h - what a training leaves behind
//-------------------------------------------===//
#pragma once

#include "runtime/File.h"

namespace gnc::runtime {

/// The folder of `--out`: last.safetensors (the checkpoint), best.safetensors, log.csv. Held for
/// one training at a time.
class OutputFolder {
public:
  /// Creates the folder, takes it for this process (environment error "folder-busy" if another
  /// training has it), and removes temporary files that a killed process left.
  static Result<OutputFolder> open(const std::string &path);

  std::string last() const { return joinPath(path, "last.safetensors"); }
  std::string best() const { return joinPath(path, "best.safetensors"); }
  std::string log() const { return joinPath(path, "log.csv"); }

  /// Rewrites log.csv.
  Status writeLog(const std::string &head, const std::string &lines) const;

private:
  std::string path;
  Descriptor lock; ///< of the folder itself; the kernel releases it, whatever ends the process
};

} // namespace gnc::runtime
