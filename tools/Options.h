//===- Options.h - the tables of the command line ---------------------------------------------===//
#pragma once

#include "tools/Command.h"
#include "tools/CommandEmulate.h"

namespace CLI {
class App;
}

namespace gnc::tools {

/// What options say that is read further after all are parsed.
struct OptionTexts {
  std::vector<std::string> settings; ///< "name=value", as they were written
  std::string diagnosticFormat = "text";
};

/// Adds every command with its options; parsing fills in the three structs, which must outlive it.
void addOptions(CLI::App &app, Arguments &arguments, EmulateRequest &emulation, OptionTexts &texts);

} // namespace gnc::tools
