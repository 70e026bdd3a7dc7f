//===- OptionTable.cpp - the command line as data ---------------------------------------------===//
#include "tools/OptionTable.h"

#include <CLI/CLI.hpp>

namespace gnc::tools {

namespace {
/// The members of "TEXT:{text,json}".
std::vector<std::string> wordsOf(const std::string &type) {
  std::vector<std::string> words;
  size_t open = type.find('{'), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos)
    return words;
  for (std::string word : CLI::detail::split(type.substr(open + 1, close - open - 1), ','))
    words.push_back(std::move(word));
  return words;
}

/// "DIR|synthetic:N" of "DIR|synthetic:N:INT in [1 - 9]": CLI11 appends what its validators say.
std::string withoutValidators(const std::string &type) {
  size_t end = type.size();
  for (const char *validator : {":{", ":INT in [", ":UINT in ["})
    end = std::min(end, type.find(validator));
  return type.substr(0, end);
}

OptionRow rowOf(const CLI::Option &option) {
  OptionRow row;
  for (const std::string &name : option.get_snames())
    row.names.push_back("-" + name);
  for (const std::string &name : option.get_lnames())
    row.names.push_back("--" + name);
  row.help = option.get_description();
  row.required = option.get_required();
  row.repeated = option.get_items_expected_max() > 1 ||
                 option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  if (option.get_items_expected_max() == 0)
    return row;
  std::string type = option.get_type_name();
  row.words = wordsOf(type);
  row.value = withoutValidators(type);
  if (row.value == "TEXT" && !row.words.empty())
    row.value = CLI::detail::join(row.words, "|");
  if (row.value == "INT" || row.value == "UINT")
    row.value = "N";
  return row;
}
} // namespace

std::vector<CommandRow> commandTable(const CLI::App &app) {
  std::vector<CommandRow> table;
  for (const CLI::App *command : app.get_subcommands([](const CLI::App *) { return true; })) {
    CommandRow row{command->get_name(), command->get_description(), {}, {}};
    for (const CLI::Option *option : command->get_options())
      if (!option->get_group().empty())
        (option->nonpositional() ? row.options : row.places).push_back(rowOf(*option));
    table.push_back(std::move(row));
  }
  return table;
}

} // namespace gnc::tools
