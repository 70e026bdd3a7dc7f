//===- Usage.cpp - mistakes on the command line -----------------------------------------------===//
#include "tools/Usage.h"

#include "runtime/File.h"
#include "runtime/Text.h"
#include "tools/Command.h"

#include <algorithm>
#include <charconv>

namespace gnc::tools {

namespace {
bool isNumber(std::string_view text, uint64_t least) {
  uint64_t value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() && end == text.data() + text.size() && value >= least;
}

std::string checkSource(std::string &text) {
  constexpr std::string_view synthetic = "synthetic:";
  size_t colon = text.find(':');
  bool looksSynthetic = colon != std::string::npos && isNumber(text.substr(colon + 1), 0);
  bool known = text.starts_with(synthetic);
  if (known ? isNumber(text.substr(synthetic.size()), 1)
            : !text.empty() && (!looksSynthetic || runtime::folderExists(text)))
    return "";
  return "'" + text + "' is neither a folder nor synthetic:N, for example synthetic:1000";
}

/// The help for a misspelt name, or nothing.
std::string asked(const std::string &found, const std::vector<std::string> &names) {
  std::string guess = runtime::nearest(found, names);
  return guess.empty() ? "" : "did you mean '" + guess + "'?";
}

runtime::Error noCommand(const CLI::App &app, const std::string &found) {
  std::vector<std::string> names;
  for (const CLI::App *command : app.get_subcommands([](const CLI::App *) { return true; }))
    names.push_back(command->get_name());
  std::string text = found.empty() ? "a command is missing" : "there is no command '" + found + "'";
  return runtime::usageError("usage", text)
      .withNote("commands: " + runtime::listText(names, names.size()))
      .withHelp(asked(found, names));
}

/// An argument that nothing takes.
runtime::Error unexpected(const CLI::App &command, const std::string &ours,
                          const std::string &found) {
  if (!found.starts_with("-"))
    return runtime::usageError("usage", ours + " has no place for '" + found + "'");
  std::string name = found.substr(0, found.find('='));
  std::vector<std::string> names;
  for (const CLI::Option *option : command.get_options())
    for (const std::string &known : option->get_lnames())
      names.push_back("--" + known);
  return runtime::usageError("usage", ours + " has no option '" + name + "'")
      .withHelp(asked(name, names));
}

runtime::Error explain(const CLI::App &app, const CLI::ParseError &error,
                       const std::string &first) {
  std::vector<CLI::App *> commands = app.get_subcommands();
  if (commands.empty())
    return first.starts_with("-") ? unexpected(app, "gnc", first) : noCommand(app, first);
  const CLI::App &command = *commands.front();
  std::string ours = "gnc " + command.get_name();
  std::vector<std::string> rest = command.remaining();
  runtime::Error found = dynamic_cast<const CLI::ExtrasError *>(&error) && !rest.empty()
                             ? unexpected(command, ours, rest.front())
                             : runtime::usageError("usage", ours + ": " + error.what());
  if (found.help.empty())
    found.help = ours + " --help lists what it takes";
  return found;
}
} // namespace

CLI::Validator isSeed() {
  return CLI::Validator(
      [](std::string &text) {
        return isNumber(text, 0) ? "" : "'" + text + "' is no whole number from 0 to 2^64 - 1";
      },
      "");
}

CLI::Validator isDevice() {
  return CLI::Validator(
      [](std::string &text) {
        std::string kind = text.substr(0, text.find(':'));
        bool numbered = kind.size() < text.size();
        bool known = kind == "cuda" || kind == "emulator" || (kind == "cpu" && !numbered);
        return known && (!numbered || isNumber(text.substr(kind.size() + 1), 0))
                   ? ""
                   : "'" + text + "' is none of cpu, cuda, cuda:N, emulator";
      },
      "");
}

CLI::Validator isDataSource() { return CLI::Validator(checkSource, ""); }

int reportUsage(const CLI::App &app, const CLI::ParseError &error, int argc, char **argv) {
  return report(explain(app, error, argc > 1 ? argv[1] : ""));
}

} // namespace gnc::tools
