//===- Card.h - the cards that the software device can pretend to be --------------------------===//
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gnc::emulator {

/// What a card of one compute capability offers: one product a capability, with the numbers of its
/// data sheet and of the table "Technical Specifications per Compute Capability" of the CUDA C++
/// Programming Guide.
struct Card {
  unsigned sm = 80;      ///< compute capability 8.0 is 80
  std::string_view name; ///< of the product
  unsigned multiprocessors = 0;
  unsigned clockKHz = 0; ///< boost clock
  unsigned memoryClockKHz = 0;
  unsigned memoryBusBits = 0;
  uint64_t memoryBytes = 0;
  unsigned l2Bytes = 0;
  unsigned maxThreadsPerMultiprocessor = 0;
  unsigned maxBlocksPerMultiprocessor = 0;
  unsigned sharedPerMultiprocessor = 0; ///< bytes
  unsigned sharedPerBlockOptin = 0;     ///< bytes that a kernel may ask for
  unsigned sharedPerBlock = 48 << 10;   ///< bytes that every kernel may use
  unsigned sharedReserved = 1 << 10;    ///< bytes of a block that the system keeps
  unsigned registersPerMultiprocessor = 64 << 10;
  unsigned registersPerBlock = 64 << 10;
  unsigned maxRegistersPerThread = 255;
  unsigned maxThreadsPerBlock = 1024;
  unsigned maxBlock[3] = {1024, 1024, 64};
  unsigned maxGrid[3] = {0x7fffffff, 65535, 65535};
  unsigned maxParameterBytes = 4352; ///< 32764 from sm_70 on with PTX 8.1; the runtime stays below
  unsigned constantBytes = 64 << 10;
};

/// All cards, by rising capability; the second is the default.
std::span<const Card> cards();

/// "sm_80" or "80"; null where there is none.
const Card *findCard(std::string_view name);

} // namespace gnc::emulator
