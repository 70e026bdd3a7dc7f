//===- CsvSource.cpp - tables as samples
//--------------------------------------------------------===//
#include "runtime/Csv.h"
#include "runtime/File.h"
#include "runtime/Sources.h"
#include "runtime/Text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

namespace gnc::runtime {

namespace {
Error columnError(const CsvTable &table, const std::string &name) {
  std::string guess = nearest(name, table.names);
  return inputError("csv-column", "'" + table.file + "' has no column '" + name + "'")
      .withNote("columns: " + listText(table.names, 20))
      .withHelp(guess.empty() ? "" : "did you mean '" + guess + "'?");
}

Error valueError(const CsvTable &table, int64_t row, int64_t column, const std::string &needed) {
  const std::string &cell = table.cell(row, column);
  return inputError("csv-value", "'" + cell.substr(0, 40) + "' in line " +
                                     std::to_string(table.lines[size_t(row)]) + ", column '" +
                                     table.names[size_t(column)] + "' of '" + table.file +
                                     "' is not " + needed);
}

bool parseWhole(const std::string &cell, int32_t &value) {
  auto [end, failure] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return failure == std::errc() && end == cell.data() + cell.size() && !cell.empty();
}

/// Which class a cell is: its whole number, or the place of its name among all names.
class ClassNames {
public:
  explicit ClassNames(const CsvTable &table, int64_t column) {
    int32_t ignored;
    for (int64_t row = 0; row < table.rows(); ++row) {
      const std::string &cell = table.cell(row, column);
      numbers &= parseWhole(cell, ignored);
      names.emplace(cell, 0);
    }
    int32_t next = 0;
    for (auto &[name, number] : names)
      number = next++;
  }

  Result<int32_t> classOf(const CsvTable &table, int64_t row, int64_t column) const {
    const std::string &cell = table.cell(row, column);
    int32_t value = 0;
    if (numbers) {
      if (parseWhole(cell, value))
        return value;
      return valueError(table, row, column, "a whole number, as classes are in the training part");
    }
    auto at = names.find(cell);
    if (at != names.end())
      return at->second;
    return inputError("unknown-class", "line " + std::to_string(table.lines[size_t(row)]) +
                                           " of '" + table.file + "' has the class '" + cell +
                                           "', which the training part does not have")
        .withHelp("remove it, or add lines of it to the training part");
  }

private:
  bool numbers = true;
  std::map<std::string, int32_t> names; ///< to their places
};

/// Members of the rows of a table.
class RowReader {
public:
  RowReader(const CsvTable &table, std::vector<int64_t> rows, const ClassNames &classes,
            int64_t labelColumn)
      : table(table), rows(std::move(rows)), classes(classes), labelColumn(labelColumn) {}

  Result<std::shared_ptr<Part>> read(const char *name, std::span<const Tensor> inputs) {
    auto part = std::make_shared<Part>();
    part->name = name;
    part->count = int64_t(rows.size());
    for (const Tensor &input : inputs) {
      if (part->find(input.member))
        continue;
      Result<Member> member = readMember(input.member);
      if (!member.ok())
        return std::move(member).error();
      part->members.push_back(std::move(*member));
    }
    return part;
  }

private:
  Result<Member> readMember(const std::string &name) {
    if (name == "label" && labelColumn < 0)
      return columnError(table, name);
    if (name == "label")
      return readLabels();
    std::vector<int64_t> columns;
    bool features = name == "features" && table.find(name) < 0;
    for (int64_t column = 0; features && column < table.columns(); ++column)
      if (column != labelColumn)
        columns.push_back(column);
    if (!features) {
      columns = {table.find(name)};
      if (columns[0] < 0)
        return columnError(table, name);
    }
    return readNumbers(name, columns, features);
  }

  Result<Member> readLabels() {
    Member member{"label", ElementType::I32};
    Result<Bytes> data = Bytes::allocate(4 * rows.size(), "the labels of '" + table.file + "'");
    if (!data.ok())
      return std::move(data).error();
    member.data = std::move(*data);
    for (size_t i = 0; i < rows.size(); ++i) {
      Result<int32_t> value = classes.classOf(table, rows[i], labelColumn);
      if (!value.ok())
        return std::move(value).error();
      memcpy(member.data.data() + 4 * i, &*value, 4);
    }
    return member;
  }

  Result<Member> readNumbers(const std::string &name, const std::vector<int64_t> &columns,
                             bool vector) {
    Member member{name, ElementType::F32};
    if (vector)
      member.shape = {int64_t(columns.size())};
    Result<Bytes> data =
        Bytes::allocate(4 * rows.size() * columns.size(), "the numbers of '" + table.file + "'");
    if (!data.ok())
      return std::move(data).error();
    member.data = std::move(*data);
    uint8_t *to = member.data.data();
    for (int64_t row : rows)
      for (int64_t column : columns) {
        const std::string &cell = table.cell(row, column);
        float value = 0;
        auto [end, failure] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
        if (failure != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value))
          return valueError(table, row, column, "a number")
              .withHelp("leave such lines out, or choose other columns");
        memcpy(to, &value, 4);
        to += 4;
      }
    return member;
  }

  const CsvTable &table;
  const std::vector<int64_t> rows;
  const ClassNames &classes;
  const int64_t labelColumn;
};

std::vector<int64_t> allRows(const CsvTable &table) {
  std::vector<int64_t> rows(size_t(table.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

Result<SourceParts> readRows(const CsvTable &trainTable, std::vector<int64_t> trainRows,
                             const CsvTable &testTable, std::vector<int64_t> testRows,
                             const std::string &label, std::span<const Tensor> inputs) {
  int64_t column = trainTable.find(label.empty() ? "label" : label);
  if (column < 0 && !label.empty())
    return columnError(trainTable, label);
  static const CsvTable none;
  ClassNames classes(column < 0 ? none : trainTable, column);
  auto train =
      RowReader(trainTable, std::move(trainRows), classes, column).read("training", inputs);
  if (!train.ok())
    return std::move(train).error();
  auto test = RowReader(testTable, std::move(testRows), classes, column).read("test", inputs);
  if (!test.ok())
    return std::move(test).error();
  return SourceParts{std::move(*train), std::move(*test)};
}
} // namespace

Result<SourceParts> readCsvSource(const DataSource &source, std::span<const Tensor> inputs) {
  if (!fileExists(source.path))
    return inputError("missing-data", "there is no file '" + source.path + "'")
        .withHelp("correct the path; --data synthetic:1000 trains without data");
  Result<CsvTable> table = readCsv(source.path);
  if (!table.ok())
    return std::move(table).error();
  if (!source.files.empty()) {
    Result<CsvTable> test = readCsv(source.files.front().second);
    if (!test.ok())
      return std::move(test).error();
    if (test->names != table->names)
      return inputError("csv-header",
                        "'" + test->file + "' has other columns than '" + table->file + "'")
          .withNote("there: " + listText(table->names, 20))
          .withNote("here: " + listText(test->names, 20))
          .withHelp("both files need the same first line");
    return readRows(*table, allRows(*table), *test, allRows(*test), source.label, inputs);
  }
  if (table->rows() < 2)
    return inputError("empty-data",
                      "'" + source.path + "' has one line: some have to train, some to test")
        .withHelp("add lines, or name a file to test on: csv(\"a.csv\", test = \"b.csv\")");
  std::vector<uint64_t> keys(size_t(table->rows()));
  std::iota(keys.begin(), keys.end(), 0);
  std::vector<bool> training = chooseTraining(keys, source.split, source.seed);
  std::vector<int64_t> trainRows, testRows;
  for (int64_t row : allRows(*table))
    (training[size_t(row)] ? trainRows : testRows).push_back(row);
  return readRows(*table, std::move(trainRows), *table, std::move(testRows), source.label, inputs);
}

} // namespace gnc::runtime
