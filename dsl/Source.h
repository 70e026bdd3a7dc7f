// Source text: files, byte spans in them, and line/column positions.
#ifndef GNC_DSL_SOURCE_H
#define GNC_DSL_SOURCE_H

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gnc::dsl {

/// A place in a file, both 1-based; the column counts bytes, as editors and compilers do.
struct Position {
  unsigned line = 1;
  unsigned column = 1;
};

/// One file (or one string) with its line table. Never moves once made: spans point to it.
class Source {
public:
  Source(std::string name, std::string text, unsigned id = 0);
  Source(const Source &) = delete;
  Source &operator=(const Source &) = delete;

  llvm::StringRef name() const { return fileName; }
  llvm::StringRef text() const { return contents; }
  /// The order in which sources were added; diagnostics are sorted by it first.
  unsigned id() const { return number; }

  Position position(uint32_t offset) const;
  unsigned lineCount() const { return lineStarts.size(); }
  /// The text of a 1-based line without its line end.
  llvm::StringRef line(unsigned line) const;
  uint32_t lineStart(unsigned line) const { return lineStarts[line - 1]; }

private:
  std::string fileName, contents;
  std::vector<uint32_t> lineStarts;
  unsigned number;
};

/// A range of bytes [begin, end) of a source. A default span is "nowhere" (not located).
struct Span {
  const Source *source = nullptr;
  uint32_t begin = 0, end = 0;

  explicit operator bool() const { return source != nullptr; }
  bool operator==(const Span &) const = default;
  /// What the user wrote, byte for byte.
  llvm::StringRef text() const {
    return source ? source->text().slice(begin, end) : llvm::StringRef();
  }
  Position position() const { return source ? source->position(begin) : Position(); }
  Position endPosition() const { return source ? source->position(end) : Position(); }
  /// From the start of this span to the end of `last` (of the same source).
  Span to(Span last) const {
    if (!source)
      return last;
    return {source, begin, last.source == source && last.end > begin ? last.end : end};
  }
};

/// Owns the sources of one compilation.
class SourceManager {
public:
  const Source &add(std::string name, std::string text);
  /// Reads a file; null with `error` set when it cannot be read or is too large to be a program.
  const Source *open(llvm::StringRef path, std::string &error);
  /// From now on `open` gives this text for the file, by whatever path: that of an open document.
  void replace(llvm::StringRef path, std::string text);
  /// One file has one identity, whatever path leads to it; a path to nothing is its own.
  static std::string identityOf(llvm::StringRef path);
  /// A source added before under this name, or null.
  const Source *find(llvm::StringRef name) const;

  /// No network is written by hand in more than this; offsets and memory stay small.
  static constexpr uint64_t maxFileSize = 4u << 20;

private:
  std::vector<std::unique_ptr<Source>> sources;
  llvm::StringMap<std::string> replaced; // by identity
};

} // namespace gnc::dsl

#endif // GNC_DSL_SOURCE_H
