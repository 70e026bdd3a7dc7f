// The programs that syntax tests read, and helpers to parse text.
#ifndef GNC_TEST_UNIT_DSL_PROGRAMS_H
#define GNC_TEST_UNIT_DSL_PROGRAMS_H

#include "dsl/Parser.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace gnc::dsl::test {

struct Program {
  std::string name, text;
};

/// All correct programs of the repository: the examples, the library, and one that has every
/// construct of the grammar.
inline std::vector<Program> programs(std::vector<std::string> folders = {"examples", "dsl/std",
                                                                         "test/dsl/programs"}) {
  namespace fs = std::filesystem;
  fs::path root = GNC_SOURCE_DIR;
  std::vector<Program> list;
  for (const std::string &folder : folders) {
    if (!fs::exists(root / folder))
      continue;
    for (const auto &entry : fs::recursive_directory_iterator(root / folder)) {
      std::string path = entry.path().string();
      if (entry.path().extension() != ".net" || path.find("errors") != std::string::npos)
        continue;
      std::ifstream file(entry.path());
      std::stringstream text;
      text << file.rdbuf();
      list.push_back({path, text.str()});
    }
  }
  std::sort(list.begin(), list.end(),
            [](const Program &a, const Program &b) { return a.name < b.name; });
  return list;
}

/// A text with its tree and messages; they live together.
struct Parsed {
  explicit Parsed(std::string text)
      : source(sources.add("t.net", std::move(text))), file(parse(source, diags)) {}

  std::string dump() const {
    std::string text;
    llvm::raw_string_ostream os(text);
    ast::dump(os, *file);
    return text;
  }

  SourceManager sources;
  const Source &source;
  Diagnostics diags;
  std::unique_ptr<ast::File> file;
};

} // namespace gnc::dsl::test

#endif // GNC_TEST_UNIT_DSL_PROGRAMS_H
