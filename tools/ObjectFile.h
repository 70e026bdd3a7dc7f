//===- ObjectFile.h - a compiled net as an object file
//------------------------------------------===//
#pragma once

#include "runtime/Status.h"

#include <span>

namespace gnc::tools {

/// A net's name as a part of C identifiers.
std::string identifierOf(const std::string &net);

/// An ELF64 relocatable object for x86-64 that defines `gnc_image_<net>` (runtime/gnc_runtime.h)
/// and nothing else that other objects see: the instructions of `net.native` with their constants,
/// the description, and `weights` if there are any. Its only undefined symbols are functions of
/// libm and libc.
runtime::Result<std::vector<uint8_t>> objectFile(const runtime::CompiledNet &net,
                                                 std::span<const uint8_t> weights);

} // namespace gnc::tools
