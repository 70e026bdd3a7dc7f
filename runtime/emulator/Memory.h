//===- Memory.h - the memory of the software device -------------------------------------------===//
//
// One range of addresses is reserved at start, and a device address is a host address in it, so
// that nothing is translated. Pages get memory when an allocation covers them. Between allocations
// lie red zones, freed blocks wait in a quarantine before their addresses are used again, and what
// was never written holds a pattern of NaNs; so most errors show even without the checked mode.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace gnc::emulator {

struct Allocation {
  uint64_t base = 0;
  uint64_t bytes = 0;
  uint64_t id = 0; ///< 1 is the first one
  bool freed = false;
  uint64_t end() const { return base + bytes; }
};

class DeviceMemory {
public:
  struct Options {
    uint64_t capacity = uint64_t{4} << 30; ///< bytes that allocations may have together
    bool checked = false;                  ///< keep what the checked mode needs (see below)
    uint64_t quarantine = 64 << 20;        ///< freed bytes that are not given out again
  };
  /// Bytes of NaN that new memory holds: a NaN as f32, f64, f16 and bf16.
  static constexpr uint32_t kPoison = 0x7fc0dead;
  static constexpr uint64_t kRedZone = 256;
  /// Windows of generic addresses (PTX ISA 6.4.1.1): each of this size, outside all allocations.
  static constexpr uint64_t kWindow = uint64_t{16} << 20;

  /// Null and a reason where the system does not give the addresses.
  static std::unique_ptr<DeviceMemory> create(const Options &options, std::string &error);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  /// The address of a new block, 0 where memory is short. `alignment` is a power of two.
  uint64_t allocate(uint64_t bytes, uint64_t alignment = 256);
  /// False where no living block begins at `address`.
  bool free(uint64_t address);
  /// The block that contains `address`, living or in quarantine.
  std::optional<Allocation> find(uint64_t address) const;
  /// The block that contains `address` or ends or begins nearest to it; for messages.
  std::optional<Allocation> nearest(uint64_t address) const;
  /// Is [address, address + bytes) inside one living block?
  bool valid(uint64_t address, uint64_t bytes) const;

  uint64_t capacity() const { return options.capacity; }
  uint64_t used() const { return inUse; }
  bool checked() const { return options.checked; }

  uint64_t sharedWindow() const { return windows; }
  uint64_t localWindow() const { return windows + kWindow; }
  uint64_t paramWindow() const { return windows + 2 * kWindow; }

  //===- Checked mode: which bytes were ever written
  //--------------------------------------------===//
  // Whoever writes device memory from outside a kernel (copies, memsets) says so here. Without the
  // checked mode these do nothing, and everything counts as written.

  void markInitialised(uint64_t address, uint64_t bytes);
  /// Copies the marks of a copy within the device.
  void copyInitialised(uint64_t to, uint64_t from, uint64_t bytes);
  /// The first byte of the range that was never written.
  std::optional<uint64_t> firstUninitialised(uint64_t address, uint64_t bytes) const;

  /// One bit a byte, from `begin()` on; null without the checked mode.
  uint8_t *initialisedBits() const { return initialised; }
  /// Room of the race detector for kShadow bytes a word of four; zero at first.
  static constexpr uint64_t kShadow = 32;
  uint8_t *shadow() const { return races; }
  uint64_t begin() const { return base; }
  uint64_t end() const { return base + reserved; }
  /// A number for a launch, never 0: the race detector tells launches apart by it.
  uint32_t nextLaunch();

private:
  /// A block, and the pages that are its own.
  struct Block {
    Allocation allocation;
    uint64_t begin, end;
  };

  DeviceMemory() = default;
  bool reserve(std::string &error);
  void release(const Block &block);

  Options options;
  uint64_t base = 0, reserved = 0, windows = 0;
  uint64_t inUse = 0, quarantined = 0, lastId = 0;
  uint32_t launches = 0;
  uint8_t *initialised = nullptr;
  uint8_t *races = nullptr;
  mutable std::mutex lock;
  std::map<uint64_t, Block> blocks;  ///< by base, those in quarantine too
  std::map<uint64_t, uint64_t> gaps; ///< free ranges: begin, end
  std::deque<uint64_t> freedInOrder;
};

} // namespace gnc::emulator
