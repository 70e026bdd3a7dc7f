//===- Hash.h - a hash of bytes
//------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <span>

namespace gnc::runtime {

/// XXH64 with seed 0 (Collet, github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md). It finds
/// damage; whoever means harm can compute it too.
uint64_t hashBytes(std::span<const uint8_t> bytes);

} // namespace gnc::runtime
