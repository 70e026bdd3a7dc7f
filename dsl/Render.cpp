// The printed form of diagnostics: position, text, source line, caret.
#include "dsl/Diagnostic.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Unicode.h"

using namespace gnc::dsl;

namespace {

/// One character of a line as it is shown.
struct Cell {
  std::string text;
  unsigned begin, end; // bytes in the line
  unsigned width;      // columns on the screen
};

/// Lines longer than this are cut around the caret.
constexpr size_t maxBytes = 160;

unsigned decodedLength(llvm::StringRef bytes) {
  const auto *begin = reinterpret_cast<const llvm::UTF8 *>(bytes.data());
  const llvm::UTF8 *at = begin;
  llvm::UTF32 character;
  if (llvm::convertUTF8Sequence(&at, begin + bytes.size(), &character, llvm::strictConversion) !=
      llvm::conversionOK)
    return 0;
  return at - begin;
}

/// Splits a line into characters; bytes that a terminal cannot show become `<8f>`.
std::vector<Cell> cells(llvm::StringRef line) {
  std::vector<Cell> list;
  for (unsigned i = 0; i < line.size();) {
    unsigned length = decodedLength(line.substr(i));
    llvm::StringRef bytes = line.substr(i, length);
    int width = length ? llvm::sys::unicode::columnWidthUTF8(bytes) : -1;
    if (line[i] == '\t') {
      list.push_back({"\t", i, i + 1, 1});
    } else if (length && width >= 0) {
      list.push_back({bytes.str(), i, i + length, unsigned(width)});
    } else {
      length = 1;
      std::string shown;
      llvm::raw_string_ostream(shown) << llvm::format("<%02x>", uint8_t(line[i]));
      list.push_back({shown, i, i + 1, unsigned(shown.size())});
    }
    i += length;
  }
  return list;
}

/// The part of a line to show: all, or a window about the caret that begins and ends with whole
/// characters.
std::pair<size_t, size_t> window(llvm::StringRef line, size_t caret) {
  if (line.size() <= maxBytes)
    return {0, line.size()};
  auto inside = [&](size_t i) { return i < line.size() && (uint8_t(line[i]) & 0xc0) == 0x80; };
  size_t first = caret > maxBytes / 2 ? caret - maxBytes / 2 : 0;
  size_t last = std::min(line.size(), first + maxBytes);
  while (first < caret && inside(first))
    ++first;
  while (last > caret && inside(last))
    --last;
  return {first, last};
}

void renderLine(llvm::raw_ostream &os, Span span) {
  Position at = span.position();
  llvm::StringRef whole = span.source->line(at.line);
  size_t begin = std::min<size_t>(at.column - 1, whole.size());
  size_t end = begin + (span.end - span.begin);
  auto [first, last] = window(whole, begin);
  std::vector<Cell> line = cells(whole.slice(first, last));
  os << llvm::format("%5u | ", at.line) << (first ? ".." : "");
  for (const Cell &cell : line)
    os << cell.text;
  os << (last < whole.size() ? ".." : "") << "\n      | " << (first ? "  " : "");
  // A span of several lines is marked to the end of its first one.
  unsigned marked = 0;
  for (const Cell &cell : line) {
    if (first + cell.end <= begin)
      os << (cell.text == "\t" ? "\t" : std::string(cell.width, ' '));
    else if (first + cell.begin < end)
      marked += cell.width;
  }
  os << '^' << std::string(marked ? marked - 1 : 0, '~') << '\n';
}

void renderHead(llvm::raw_ostream &os, Span span) {
  Position at = span.position();
  os << span.source->name() << ':' << at.line << ':' << at.column << ": ";
}

/// Text from the program may be quoted in messages: nothing in it may move the cursor.
std::string printable(llvm::StringRef text) {
  std::string shown;
  for (const Cell &cell : cells(text))
    shown += cell.text;
  return shown;
}

} // namespace

void gnc::dsl::render(llvm::raw_ostream &os, const Diagnostic &diagnostic) {
  if (diagnostic.span)
    renderHead(os, diagnostic.span);
  else
    os << "gnc: ";
  os << (diagnostic.severity == Severity::Error ? "error: " : "warning: ")
     << printable(diagnostic.text) << " [" << diagnostic.slug << "]\n";
  if (diagnostic.span)
    renderLine(os, diagnostic.span);
  for (const Remark &remark : diagnostic.remarks) {
    if (remark.span)
      renderHead(os, remark.span);
    os << (remark.kind == Remark::Note ? "note: " : "help: ") << printable(remark.text) << '\n';
    if (remark.span)
      renderLine(os, remark.span);
  }
}
