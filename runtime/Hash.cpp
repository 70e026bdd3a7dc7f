#include "runtime/Hash.h"

#include <bit>
#include <cstring>

namespace gnc::runtime {

namespace {
constexpr uint64_t prime1 = 0x9E3779B185EBCA87, prime2 = 0xC2B2AE3D27D4EB4F,
                   prime3 = 0x165667B19E3779F9, prime4 = 0x85EBCA77C2B2AE63,
                   prime5 = 0x27D4EB2F165667C5;

template <typename Word> uint64_t word(const uint8_t *at) {
  Word value;
  memcpy(&value, at, sizeof value);
  return value;
}

uint64_t mix(uint64_t lane, uint64_t value) {
  return std::rotl(lane + value * prime2, 31) * prime1;
}

/// Four lanes over blocks of 32 bytes; `at` ends behind the last whole block.
uint64_t hashBlocks(const uint8_t *&at, const uint8_t *end) {
  uint64_t lanes[] = {prime1 + prime2, prime2, 0, 0 - prime1};
  for (; end - at >= 32; at += 32)
    for (int i = 0; i < 4; ++i)
      lanes[i] = mix(lanes[i], word<uint64_t>(at + 8 * i));
  uint64_t hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
                  std::rotl(lanes[3], 18);
  for (uint64_t lane : lanes)
    hash = (hash ^ mix(0, lane)) * prime1 + prime4;
  return hash;
}
} // namespace

uint64_t hashBytes(std::span<const uint8_t> bytes) {
  const uint8_t *at = bytes.data(), *end = at + bytes.size();
  uint64_t hash = bytes.size() >= 32 ? hashBlocks(at, end) : prime5;
  hash += bytes.size();
  for (; end - at >= 8; at += 8)
    hash = std::rotl(hash ^ mix(0, word<uint64_t>(at)), 27) * prime1 + prime4;
  if (end - at >= 4) {
    hash = std::rotl(hash ^ word<uint32_t>(at) * prime1, 23) * prime2 + prime3;
    at += 4;
  }
  for (; at != end; ++at)
    hash = std::rotl(hash ^ *at * prime5, 11) * prime1;
  hash = (hash ^ hash >> 33) * prime2;
  hash = (hash ^ hash >> 29) * prime3;
  return hash ^ hash >> 32;
}

} // namespace gnc::runtime
