//===- Csv.h - comma-separated values
//-----------------------------------------------------------===//
#pragma once

#include "runtime/Memory.h"

namespace gnc::runtime {

/// A table of text. RFC 4180: fields in quotes may hold commas, line ends and doubled quotes; lines
/// end in LF or CRLF; the first line names the columns.
struct CsvTable {
  std::string file;
  std::vector<std::string> names;
  std::vector<std::string> cells; ///< row after row
  std::vector<int64_t> lines;     ///< of every row, from 1

  int64_t rows() const { return int64_t(lines.size()); }
  int64_t columns() const { return int64_t(names.size()); }
  const std::string &cell(int64_t row, int64_t column) const {
    return cells[size_t(row * columns() + column)];
  }
  /// The column of that name, or -1.
  int64_t find(const std::string &name) const;
};

/// Errors: input; "unreadable-file", "empty-data", "csv-header" (a name twice or missing),
/// "csv-row" (another number of fields than the header, a quote that does not end).
Result<CsvTable> readCsv(const std::string &path);

} // namespace gnc::runtime
