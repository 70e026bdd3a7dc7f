//===- Csv.cpp - comma-separated values
//---------------------------------------------------------===//
#include "runtime/Csv.h"

#include "runtime/File.h"

#include <algorithm>
#include <set>

namespace gnc::runtime {

int64_t CsvTable::find(const std::string &name) const {
  auto at = std::find(names.begin(), names.end(), name);
  return at == names.end() ? -1 : at - names.begin();
}

namespace {
class CsvReader {
public:
  CsvReader(const std::string &path, std::string_view text) : path(path), rest(text) {}

  Result<CsvTable> read();

private:
  /// The fields of one line (or more, with quotes); false at the end of the file.
  Result<bool> readRow(std::vector<std::string> &fields);
  Status readQuoted(std::string &field);
  Status checkHeader(const CsvTable &table) const;
  Error rowError(const std::string &problem) const {
    return inputError("csv-row",
                      "line " + std::to_string(rowLine) + " of '" + path + "' " + problem);
  }

  const std::string &path;
  std::string_view rest;
  int64_t line = 1, rowLine = 1;
};

Status CsvReader::readQuoted(std::string &field) {
  rest.remove_prefix(1);
  for (;;) {
    size_t end = rest.find('"');
    if (end == std::string_view::npos)
      return rowError("has a quote that does not end").withHelp("close it, or write \"\" for one");
    line += std::count(rest.begin(), rest.begin() + ptrdiff_t(end), '\n');
    field += rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (!rest.starts_with('"'))
      break;
    field += '"';
    rest.remove_prefix(1);
  }
  bool ends = rest.empty() || rest.starts_with(',') || rest.starts_with('\n') ||
              rest.starts_with("\r\n") || rest == "\r";
  if (!ends)
    return rowError("has text behind the end of a quote")
        .withHelp("quote the whole field, and write \"\" for a quote in it");
  return {};
}

Result<bool> CsvReader::readRow(std::vector<std::string> &fields) {
  fields.clear();
  while (rest.starts_with('\n') || rest.starts_with("\r\n")) { // empty lines
    rest.remove_prefix(rest.starts_with('\n') ? 1 : 2);
    ++line;
  }
  rowLine = line;
  if (rest.empty())
    return false;
  for (;;) {
    std::string field;
    if (rest.starts_with('"')) {
      if (Status status = readQuoted(field); !status.ok())
        return std::move(status).error();
    } else {
      size_t end = std::min(rest.find_first_of(",\n"), rest.size());
      field = rest.substr(0, end);
      rest.remove_prefix(end);
      if (field.ends_with('\r') && !rest.starts_with(','))
        field.pop_back();
    }
    fields.push_back(std::move(field));
    if (rest.starts_with('\r'))
      rest.remove_prefix(1);
    bool more = rest.starts_with(',');
    if (!rest.empty())
      rest.remove_prefix(1);
    if (more)
      continue;
    ++line;
    return true;
  }
}

Status CsvReader::checkHeader(const CsvTable &table) const {
  std::set<std::string_view> seen;
  for (size_t i = 0; i < table.names.size(); ++i) {
    const std::string &name = table.names[i];
    if (name.empty())
      return inputError("csv-header",
                        "column " + std::to_string(i + 1) + " of '" + path + "' has no name")
          .withHelp("the first line names the columns");
    if (!seen.insert(name).second)
      return inputError("csv-header", "two columns of '" + path + "' are called '" + name + "'")
          .withHelp("the first line names the columns; rename one");
  }
  return {};
}

Result<CsvTable> CsvReader::read() {
  CsvTable table;
  table.file = path;
  if (rest.starts_with("\xef\xbb\xbf")) // a byte order mark
    rest.remove_prefix(3);
  Result<bool> more = readRow(table.names);
  if (!more.ok())
    return std::move(more).error();
  if (Status status = checkHeader(table); !status.ok())
    return std::move(status).error();
  std::vector<std::string> fields;
  for (;;) {
    more = readRow(fields);
    if (!more.ok())
      return std::move(more).error();
    if (!*more)
      break;
    if (fields.size() != table.names.size())
      return rowError("has " + std::to_string(fields.size()) +
                      (fields.size() == 1 ? " field" : " fields") + ", but the header names " +
                      std::to_string(table.names.size()))
          .withHelp("fields are separated by commas; a comma in a field needs quotes around it");
    for (std::string &field : fields)
      table.cells.push_back(std::move(field));
    table.lines.push_back(rowLine);
  }
  if (table.lines.empty())
    return inputError("empty-data", "'" + path + "' has no lines of data")
        .withHelp("the first line names the columns, every other one is a sample");
  return table;
}
} // namespace

Result<CsvTable> readCsv(const std::string &path) {
  Result<Bytes> bytes = readFile(path);
  if (!bytes.ok())
    return std::move(bytes).error();
  // Text takes more memory cut into fields than as a whole.
  if (bytes->size() > availableMemory() / 40)
    return environmentError("out-of-memory", "'" + path + "' is too large to be read as a table")
        .withHelp("save it as NumPy arrays and use npy(..)");
  return CsvReader(path, {reinterpret_cast<const char *>(bytes->data()), bytes->size()}).read();
}

} // namespace gnc::runtime
