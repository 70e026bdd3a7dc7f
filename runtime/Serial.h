//===- Serial.h - plain data to bytes and back
//--------------------------------------------------===//
//
// A type has one function `fields(archive, value)` that names its members in order; writing and
// reading both follow it, so they cannot disagree. Numbers are 8 bytes, little-endian; strings and
// lists are a count and their elements.
//
// What a reader builds may be larger than the bytes that it is built from. A writer therefore adds
// up what a reader will take, and pads with zeros to half of it; a reader takes no more than twice
// its bytes, so a count that lies costs nothing.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace gnc::runtime {

static_assert(std::endian::native == std::endian::little, "files are read as they lie in memory");

template <typename T, typename U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

/// Memory that a list takes beside its own object, with what the allocator keeps for itself.
inline uint64_t heapBytes(uint64_t bytes) { return bytes ? bytes + 32 : 0; }
inline uint64_t heapBytes(const std::string &text) {
  return text.size() > std::string().capacity() ? heapBytes(text.size() + 1) : 0;
}

class SerialWriter {
public:
  /// What was written, padded for the reader.
  std::vector<uint8_t> finish() && {
    bytes.resize(std::max<uint64_t>(bytes.size(), (memory + 1) / 2));
    return std::move(bytes);
  }

  template <typename T> void operator()(const T &value) {
    if constexpr (std::is_arithmetic_v<T>)
      word(std::is_floating_point_v<T> ? std::bit_cast<uint64_t>(double(value)) : uint64_t(value));
    else
      fields(*this, value);
  }
  void operator()(const std::string &text) {
    word(text.size());
    bytes.insert(bytes.end(), text.begin(), text.end());
    memory += heapBytes(text);
  }
  void operator()(const std::vector<uint8_t> &blob) {
    word(blob.size());
    bytes.insert(bytes.end(), blob.begin(), blob.end());
    memory += heapBytes(blob.size());
  }
  template <typename T> void operator()(const std::vector<T> &list) {
    word(list.size());
    memory += heapBytes(list.size() * sizeof(T));
    for (const T &element : list)
      (*this)(element);
  }
  template <typename T> void choice(T value, T last) {
    (void)last;
    word(uint64_t(value));
  }

private:
  void word(uint64_t value) {
    auto at = reinterpret_cast<const uint8_t *>(&value);
    bytes.insert(bytes.end(), at, at + sizeof value);
  }
  std::vector<uint8_t> bytes;
  uint64_t memory = 0;
};

/// After the first thing that is wrong every read gives zeros; `problem` says what it was.
class SerialReader {
public:
  explicit SerialReader(std::span<const uint8_t> bytes) : rest(bytes), memory(2 * bytes.size()) {}

  const char *problem = nullptr;

  template <typename T> void operator()(T &value) {
    if constexpr (std::is_same_v<T, bool>)
      value = number(1);
    else if constexpr (std::is_floating_point_v<T>)
      value = T(std::bit_cast<double>(word()));
    else if constexpr (std::is_integral_v<T>)
      integer(value);
    else
      fields(*this, value);
  }
  void operator()(std::string &text) {
    uint64_t size = count(1);
    size = take(size, size > std::string().capacity());
    text.assign(reinterpret_cast<const char *>(rest.data()), size);
    skip(size);
  }
  void operator()(std::vector<uint8_t> &blob) {
    uint64_t size = take(count(1), 1);
    blob.assign(rest.begin(), rest.begin() + ptrdiff_t(size));
    skip(size);
  }
  template <typename T> void operator()(std::vector<T> &list) {
    uint64_t size = take(count(sizeof(uint64_t)), sizeof(T));
    list.clear();
    list.resize(size);
    for (T &element : list)
      (*this)(element);
  }
  template <typename T> void choice(T &value, T last) { value = T(number(uint64_t(last))); }

  /// To be called behind the last field: what is left is padding.
  void finish() {
    for (uint8_t byte : rest)
      if (byte)
        return fail("something follows the last field");
  }

private:
  void fail(const char *what) {
    if (!problem)
      problem = what;
    rest = {};
  }
  uint64_t word() {
    uint64_t value = 0;
    if (rest.size() < sizeof value)
      fail("it ends in the middle of a field");
    else
      memcpy(&value, rest.data(), sizeof value);
    skip(sizeof value);
    return value;
  }
  uint64_t number(uint64_t last) {
    uint64_t value = word();
    if (value > last)
      fail("a number is out of its range");
    return value > last ? 0 : value;
  }
  template <typename T> void integer(T &value) {
    uint64_t wide = word();
    value = T(wide);
    if (uint64_t(value) != wide) // sign-extended, as it was written
      fail("a number is out of its range");
  }
  /// A count of elements that take at least `least` bytes each.
  uint64_t count(uint64_t least) {
    uint64_t value = word();
    if (value > rest.size() / least)
      fail("a count is larger than what follows");
    return problem ? 0 : value;
  }
  /// `size`, if the memory for it is granted.
  uint64_t take(uint64_t size, uint64_t each) {
    charge(heapBytes(size * each)); // size is below the length of the bytes
    return problem ? 0 : size;
  }
  void charge(uint64_t size) {
    if (size > memory)
      return fail("it describes more than it can hold");
    memory -= size;
  }
  void skip(uint64_t size) { rest = rest.subspan(std::min<uint64_t>(size, rest.size())); }

  std::span<const uint8_t> rest;
  uint64_t memory;
};

} // namespace gnc::runtime
