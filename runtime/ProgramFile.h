//===- ProgramFile.h - compiled programs in files and images
//------------------------------------===//
//
// A *description* is a CompiledNet as bytes, without its machine code: what an ahead-of-time image
// holds. A *program file* (.gnc) holds, for one net, descriptions and machine code for several
// targets, and weights if wanted. Both are little-endian, written deterministically, versioned,
// and carry a hash of their content; a reader checks every count and offset against the bytes that
// are there before it takes memory. The hash finds damage, not malice: a .gnc holds machine code,
// and who loads one trusts it as he would a shared library.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Memory.h"

namespace gnc::runtime {

//===- Descriptions ---------------------------------------------------------------------------===//

/// Keys of all kernels of a net, each once, in the order of its description.
std::vector<std::string> kernelKeys(const CompiledNet &net);

/// The net as bytes: all but machine code, addresses and weights.
std::vector<uint8_t> describeNet(const CompiledNet &net);

/// The net of an image: `kernels` are the functions in the order of the description (empty: entries
/// stay null). Errors: input "bad-program", "program-version".
Result<CompiledNet> readProgram(std::span<const uint8_t> description,
                                std::span<const KernelEntry> kernels);

//===- Files ----------------------------------------------------------------------------------===//

/// What a machine can run: the level of its processor, and of its card (sm_90: 90; 0: no card).
struct Machine {
  unsigned cpu = 0, cuda = 0;
  /// This processor, no card.
  static Machine here();
};

/// A net for one target: with machine code (CompiledNet::native), or with programs for cards from
/// `cuda` on.
struct ProgramVariant {
  const CompiledNet *net = nullptr;
  unsigned cuda = 0;
};

/// The bytes of a file; no two variants are for the same target. `weights` is a safetensors file,
/// or empty.
Result<std::vector<uint8_t>> programFileBytes(std::span<const ProgramVariant> variants,
                                              std::span<const uint8_t> weights);

/// Reads the best variant that `machine` can run (a card before the processor, the highest level
/// that it has) and the weights, and loads the code. What is for other targets is not read. Errors:
/// "unreadable-file"; input "bad-program", "program-version"; environment "no-target", listing what
/// there is; "out-of-memory"; those of loadCode.
Result<CompiledNet> loadProgramFile(const std::string &path, Machine machine = Machine::here());

/// The same for a file in memory; `name` is for messages.
Result<CompiledNet> loadProgramBytes(std::span<const uint8_t> file, const std::string &name,
                                     Machine machine = Machine::here());

/// A target that a file has programs for.
struct ProgramTarget {
  Target target = Target::Cpu;
  unsigned level = 0; ///< x86-64-v<level>, or sm_<level>
  uint64_t descriptionBytes = 0, codeBytes = 0;
  std::string name() const; ///< "x86-64-v3", "sm_90"
};

struct ProgramFileInfo {
  std::vector<ProgramTarget> targets; ///< in the order of the file
  uint64_t weightBytes = 0, fileBytes = 0;
  uint64_t hash = 0; ///< of the whole content
  CompiledNet net;   ///< of the first target, without its code
};

/// What is in a file; every byte of it is checked, whatever this machine can run.
Result<ProgramFileInfo> inspectProgramFile(const std::string &path);

/// Whether the name is one of a program file: it ends with ".gnc".
bool isProgramFile(const std::string &path);

} // namespace gnc::runtime
