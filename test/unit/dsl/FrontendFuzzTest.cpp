// Mutated programs through the whole front end: no crash, no invalid module, no endless work.
#include "Programs.h"

#include "dsl/Frontend.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <random>

using namespace gnc::dsl;
using namespace gnc::dsl::test;

namespace {

std::vector<std::string> tokensOf(const std::string &text) {
  Parsed parsed(text);
  std::vector<std::string> list; // each with its blanks before it
  for (const Token &token : parsed.file->tokens)
    list.push_back(parsed.source.text().slice(token.triviaBegin, token.end).str());
  return list;
}

std::string mutant(const std::vector<std::vector<std::string>> &programs, std::mt19937 &random) {
  static const char *const others[] = {" 0",      " -1", " 1000000000", " 1e30",   " 1/3", " true",
                                       " \"s\"",  " []", " (1, 2)",     " 3x3",    " inf", " step",
                                       " source", " w",  " image",      " flatten"};
  auto pick = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  std::vector<std::string> parts = programs[pick(programs.size())];
  const std::vector<std::string> &donor = programs[pick(programs.size())];
  for (size_t n = 1 + pick(3); n--;) {
    size_t at = pick(parts.size());
    switch (pick(4)) {
    case 0: parts[at].clear(); break;
    case 1: parts[at] = others[pick(std::size(others))]; break;
    case 2: parts[at] = donor[pick(donor.size())]; break;
    default: std::swap(parts[at], parts[pick(parts.size())]);
    }
  }
  std::string text;
  for (const std::string &part : parts)
    text += part;
  return text;
}

} // namespace

TEST(FrontendFuzz, MutatedProgramsAreRefusedOrValid) {
  std::vector<std::vector<std::string>> sources;
  for (const Program &program : programs())
    if (program.name.find("/std/") == std::string::npos)
      sources.push_back(tokensOf(program.text));
  std::mt19937 random(1);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  for (int round = 0; round != 400; ++round) {
    std::string text = mutant(sources, random);
    SourceManager manager;
    Diagnostics diags;
    FrontendOptions options;
    options.checkAll = true;
    FrontendResult result = elaborateText("t.net", text, options, context, manager, diags);
    EXPECT_EQ(result.module.operator bool(), !diags.hasErrors()) << text;
    std::string messages = diags.str();
    EXPECT_EQ(messages.find("[internal]"), std::string::npos) << text;
    EXPECT_EQ(messages.find("\nstd/"), std::string::npos) << text << messages;
  }
}
