#include "runtime/emulator/Card.h"

#include <array>

namespace gnc::emulator {

static constexpr Card card(unsigned sm, std::string_view name, unsigned multiprocessors,
                           unsigned clockMHz, unsigned memoryMHz, unsigned bus, unsigned gibibytes,
                           unsigned l2MiB, unsigned threads, unsigned blocks, unsigned sharedKiB) {
  Card c;
  c.sm = sm;
  c.name = name;
  c.multiprocessors = multiprocessors;
  c.clockKHz = clockMHz * 1000;
  c.memoryClockKHz = memoryMHz * 1000;
  c.memoryBusBits = bus;
  c.memoryBytes = uint64_t{gibibytes} << 30;
  c.l2Bytes = l2MiB << 20;
  c.maxThreadsPerMultiprocessor = threads;
  c.maxBlocksPerMultiprocessor = blocks;
  c.sharedPerMultiprocessor = sharedKiB << 10;
  // Before sm_80 a block may have all of it, later a KiB is kept back.
  c.sharedReserved = sm < 80 ? 0 : 1 << 10;
  c.sharedPerBlockOptin = c.sharedPerMultiprocessor - c.sharedReserved;
  return c;
}

static constexpr std::array kCards = {
    card(75, "T4", 40, 1590, 5001, 256, 16, 4, 1024, 16, 64),
    card(80, "A100", 108, 1410, 1215, 5120, 40, 40, 2048, 32, 164),
    card(86, "RTX 3090", 82, 1695, 9751, 384, 24, 6, 1536, 16, 100),
    card(89, "RTX 4090", 128, 2520, 10501, 384, 24, 72, 1536, 24, 100),
    card(90, "H100 SXM", 132, 1980, 2619, 5120, 80, 50, 2048, 32, 228),
    card(100, "B200", 148, 1965, 3996, 8192, 180, 126, 2048, 32, 228),
    card(120, "RTX 5090", 170, 2407, 14001, 512, 32, 96, 1536, 24, 100),
};

std::span<const Card> cards() { return kCards; }

const Card *findCard(std::string_view name) {
  if (name.starts_with("sm_"))
    name.remove_prefix(3);
  unsigned sm = 0;
  for (char c : name) {
    if (c < '0' || c > '9' || sm > 1000)
      return nullptr;
    sm = sm * 10 + (c - '0');
  }
  for (const Card &c : kCards)
    if (c.sm == sm)
      return &c;
  return nullptr;
}

} // namespace gnc::emulator
