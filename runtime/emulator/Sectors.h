//===- Sectors.h - which sectors of global memory a launch touched ----------------------------===//
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <unordered_map>

namespace gnc::emulator {

/// A set of sectors of 32 bytes, in pages of bits. Not copied: it remembers the page it saw last.
class SectorSet {
public:
  static constexpr uint64_t kBytes = 32;

  SectorSet() = default;
  SectorSet(SectorSet &&) = default;
  SectorSet &operator=(SectorSet &&) = default;

  void insert(uint64_t address) {
    uint64_t sector = address / kBytes, number = sector / kPageSectors, bit = sector % kPageSectors;
    if (!last || number != lastNumber)
      last = &pages[number], lastNumber = number;
    (*last)[bit / 64] |= uint64_t{1} << bit % 64;
  }
  void add(const SectorSet &other) {
    for (const auto &[number, page] : other.pages)
      for (size_t word = 0; word < page.size(); ++word)
        pages[number][word] |= page[word];
  }
  uint64_t bytes() const {
    uint64_t count = 0;
    for (const auto &[number, page] : pages)
      for (uint64_t word : page)
        count += static_cast<unsigned>(std::popcount(word));
    return count * kBytes;
  }

private:
  static constexpr uint64_t kPageSectors = 4096;
  using Page = std::array<uint64_t, kPageSectors / 64>;
  std::unordered_map<uint64_t, Page> pages; // new ones are all zeros
  Page *last = nullptr;
  uint64_t lastNumber = 0;
};

} // namespace gnc::emulator
