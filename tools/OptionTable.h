//===- OptionTable.h - the command line as data, for shells and the manual --------------------===//
//
// Read from the option tables of Options.cpp, so that a completion or a line of the manual cannot be
// forgotten.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace gnc::tools {

/// An option, or a place for an argument without a name.
struct OptionRow {
  std::vector<std::string> names; ///< "-q", "--quiet"; of a place: none
  std::string value;              ///< "FILE", "text|json"; empty: a flag
  std::vector<std::string> words; ///< all that the value may be, if they are few
  std::string help;
  bool required = false, repeated = false;
};

struct CommandRow {
  std::string name, help;
  std::vector<OptionRow> options, places;
};

/// Every command that `gnc --help` lists, in its order, with every option that its help lists.
std::vector<CommandRow> commandTable(const CLI::App &app);

/// The script that completes gnc's command line: `shell` is bash, zsh or fish.
std::string completionScript(const std::vector<CommandRow> &commands, const std::string &shell);

/// The manual page, section 1, as roff. `summary` is a sentence, `version` "gnc 0.1.0".
std::string manualPage(const std::vector<CommandRow> &commands, const std::string &summary,
                       const std::string &version);

} // namespace gnc::tools
