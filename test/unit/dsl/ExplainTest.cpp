// `gnc explain`: every message has a page, and the page's example gives that message and no other.
#include "dsl/Frontend.h"
#include "dsl/LibraryText.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

using namespace gnc::dsl;

namespace {

/// The slugs that the sources of the language give to their messages: what stands first in
/// error(..), warning(..), .., and every text of several words with hyphens between them.
std::set<std::string> slugsInSources() {
  std::regex call(R"re(\b(?:error|warning|report|unexpected)\(\s*"([a-z][a-z0-9-]*)"\s*,)re"
                  R"re(|"([a-z]+(?:-[a-z]+)+)")re");
  std::set<std::string> slugs;
  for (const auto &entry : std::filesystem::directory_iterator(GNC_SOURCE_DIR "/dsl")) {
    if (entry.path().extension() != ".cpp")
      continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    std::string source = text.str();
    for (std::sregex_iterator it(source.begin(), source.end(), call), end; it != end; ++it)
      slugs.insert((*it)[1].matched ? (*it)[1].str() : (*it)[2].str());
  }
  return slugs;
}

struct Example {
  std::string text;
  FrontendOptions options;
};

/// The block ```net [compile] [-s NAME=VALUE] [--data TEXT] of a page, if it has one: what `gnc
/// check`, or `gnc compile`, would be given.
std::optional<Example> exampleOf(llvm::StringRef page) {
  auto [before, rest] = page.split("```net");
  if (rest.empty())
    return std::nullopt;
  auto [arguments, body] = rest.split('\n');
  Example example{body.split("```").first.str(), {}};
  example.options.checkAll = true;
  llvm::SmallVector<llvm::StringRef> words;
  arguments.split(words, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (size_t i = 0; i < words.size(); ++i)
    if (words[i] == "compile") {
      example.options.checkAll = false;
    } else if (words[i] == "--data" && i + 1 < words.size()) {
      example.options.dataOverride = words[++i].str();
    } else if (words[i] == "-s" && i + 1 < words.size()) {
      auto [name, value] = words[++i].split('=');
      example.options.settings.push_back({name.str(), value.str()});
    }
  return example;
}

std::set<std::string> slugsGiven(const Example &example) {
  mlir::MLIRContext context;
  SourceManager sources;
  Diagnostics diags;
  elaborateText("example.net", example.text, example.options, context, sources, diags);
  std::set<std::string> slugs;
  for (const Diagnostic *item : diags.sorted())
    slugs.insert(item->slug);
  return slugs;
}

} // namespace

TEST(Explain, EveryMessageHasAPage) {
  std::set<std::string> pages;
  for (const ExplainPage &page : explainPages()) {
    EXPECT_TRUE(pages.insert(page.slug.str()).second) << page.slug.str() << " has two pages";
    EXPECT_GE(page.text.size(), 40u) << page.slug.str();
  }
  std::set<std::string> slugs = slugsInSources();
  EXPECT_GT(slugs.size(), 150u) << "does the pattern still fit the sources?";
  for (const std::string &slug : slugs)
    EXPECT_TRUE(pages.count(slug)) << "no page in dsl/explain explains [" << slug << "]";
}

TEST(Explain, ExamplesGiveTheirMessage) {
  size_t examples = 0;
  for (const ExplainPage &page : explainPages()) {
    std::optional<Example> example = exampleOf(page.text);
    if (!example)
      continue;
    ++examples;
    EXPECT_EQ(slugsGiven(*example), std::set<std::string>{page.slug.str()})
        << page.slug.str() << "\n"
        << example->text;
  }
  // Some need a second file, a huge one, or a bug: they have no example.
  EXPECT_GE(examples, 220u);
}

TEST(Explain, LibraryEntriesHaveTheirSource) {
  size_t documented = 0;
  for (const LibraryEntry &entry : libraryEntries()) {
    EXPECT_NE(entry.source.find(entry.name), std::string::npos);
    documented += !entry.summary.empty();
    EXPECT_EQ(entry.source.starts_with("##"), !entry.summary.empty()) << entry.name;
  }
  EXPECT_GT(documented, 40u);
}
