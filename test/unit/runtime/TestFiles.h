//===- TestFiles.h - folders, files and IDX data for tests
//--------------------------------------===//
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <vector>
#include <zlib.h>

namespace gnc::runtime::test {

/// A folder of its own, removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder() {
    // In memory if the system has such a place: thousands of small files cost a disk seconds.
    std::string form = "/dev/shm/gnc-test-XXXXXX";
    if (!mkdtemp(form.data())) {
      form = (std::filesystem::temp_directory_path() / "gnc-test-XXXXXX").string();
      if (!mkdtemp(form.data()))
        abort();
    }
    path = form;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string operator/(const std::string &name) const { return path + "/" + name; }

  std::string path;
};

inline void writeText(const std::string &path, const std::string &text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

inline std::string readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void writeGzip(const std::string &path, const std::string &text) {
  gzFile file = gzopen(path.c_str(), "wb");
  ASSERT_EQ(gzwrite(file, text.data(), unsigned(text.size())), int(text.size()));
  gzclose(file);
}

/// An IDX file of unsigned bytes in memory.
inline std::string idxText(const std::vector<uint32_t> &shape, const std::string &bytes) {
  std::string text{0, 0, 8, char(shape.size())};
  for (uint32_t extent : shape)
    for (int shift = 24; shift >= 0; shift -= 8)
      text += char(extent >> shift & 0xff);
  return text + bytes;
}

/// A small pseudo-random generator for mutations; nothing of the runtime's own.
class Dice {
public:
  explicit Dice(uint64_t seed) : state(seed * 2 + 1) {}
  uint64_t below(uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  }

private:
  uint64_t state;
};

/// Changes a few bytes, removes some, doubles some, or cuts the end off.
inline std::string mutate(std::string text, Dice &dice) {
  for (uint64_t change = 0, changes = 1 + dice.below(3); change < changes && !text.empty();
       ++change) {
    size_t at = dice.below(text.size());
    switch (dice.below(5)) {
    case 0: text[at] = char(dice.below(256)); break;
    case 1: text[at] = char(text[at] ^ 1 << dice.below(8)); break;
    case 2: text.erase(at, 1 + dice.below(4)); break;
    case 3: text.insert(at, text.substr(at, 1 + dice.below(12))); break;
    default: text.resize(at); break;
    }
  }
  return text;
}

} // namespace gnc::runtime::test
