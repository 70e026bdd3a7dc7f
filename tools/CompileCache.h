//===- CompileCache.h - compiled nets, kept between runs
//----------------------------------------===//
//
// A net that was compiled before starts without the compiler. An entry is one file: everything that
// the result depends on, as text (the sources with all files they use, options, processor,
// compiler), what the compiler said, and the .gnc file. The name of the file is a hash of that
// text; the text itself is compared. What is damaged is not there; what cannot be written is not
// kept.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Memory.h"
#include "tools/Compiler.h"

namespace gnc::tools {

class CompileCache {
public:
  /// `folder`: where it is, or "off"; "" for $GNC_CACHE, without it $XDG_CACHE_HOME/gnc or
  /// ~/.cache/gnc.
  explicit CompileCache(const std::string &folder);

  /// Everything that the reply to `request` depends on; "" for what is not kept: without a folder,
  /// a module, a card, passes verified or timed, a source that cannot be read.
  std::string keyOf(const CompileRequest &request) const;

  struct Entry {
    std::string diagnostics;      ///< what the compiler said: warnings
    std::vector<uint8_t> program; ///< a .gnc file, whose own hashes are still to be checked
  };
  /// An entry, and it counts as used now.
  std::optional<Entry> find(const std::string &key) const;

  /// Keeps an entry; the ones that were not used for longest go when all are more than
  /// `mostBytes`.
  void keep(const std::string &key, const std::string &diagnostics,
            std::span<const uint8_t> program) const;

  static constexpr uint64_t mostBytes = uint64_t(512) << 20;

  /// The file of an entry.
  std::string pathOf(const std::string &key) const;

private:
  void shrink() const;

  std::string folder; ///< "": off
};

} // namespace gnc::tools
