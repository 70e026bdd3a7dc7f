//===- Completions.cpp - scripts that complete the command line in a shell --------------------===//
#include "tools/OptionTable.h"

namespace gnc::tools {

namespace {
std::string joined(const std::vector<std::string> &words, const std::string &between = " ") {
  std::string text;
  for (const std::string &word : words)
    text += (text.empty() ? "" : between) + word;
  return text;
}

std::vector<std::string> namesOf(const std::vector<CommandRow> &commands) {
  std::vector<std::string> names;
  for (const CommandRow &command : commands)
    names.push_back(command.name);
  return names;
}

/// Text between single quotes of a shell, where a quote has to be written as `quote`.
std::string quoted(const std::string &text, const std::string &quote) {
  std::string result;
  for (char c : text)
    result += c == '\'' ? quote : std::string(1, c);
  return result;
}

/// Words of a place count as well: `gnc completions bash`.
std::vector<std::string> placeWords(const CommandRow &command) {
  std::vector<std::string> words;
  for (const OptionRow &place : command.places)
    words.insert(words.end(), place.words.begin(), place.words.end());
  return words;
}

//===- bash -----------------------------------------------------------------------------------===//

/// What is not said here is completed as a file, by `-o default`.
std::string bash(const std::vector<CommandRow> &commands) {
  std::string options, values;
  for (const CommandRow &command : commands) {
    std::vector<std::string> names;
    for (const OptionRow &option : command.options) {
      names.insert(names.end(), option.names.begin(), option.names.end());
      for (const std::string &name : option.names)
        if (!option.value.empty())
          values += "    " + command.name + "," + name + ") words='" + joined(option.words) +
                    "'; options='' ;;\n";
    }
    options += "    " + command.name + ") options='" + joined(names) + "'; words='" +
               joined(placeWords(command)) + "' ;;\n";
  }
  return "# bash completion for gnc, written by `gnc completions bash`\n"
         "_gnc() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local options='' words=''\n"
         "  if ((COMP_CWORD == 1)); then\n"
         "    options='--help --version' words='" +
         joined(namesOf(commands)) +
         "'\n"
         "  else\n"
         "    case ${COMP_WORDS[1]} in\n" +
         options +
         "    esac\n"
         "    case ${COMP_WORDS[1]},$before in\n" +
         values +
         "    esac\n"
         "  fi\n"
         "  [[ $current == -* ]] && words=$options\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "}\n"
         "complete -o default -o bashdefault -F _gnc gnc\n";
}

//===- zsh ------------------------------------------------------------------------------------===//

/// In a specification of _arguments brackets and colons have a meaning.
std::string zshText(const std::string &text) {
  std::string result;
  for (char c : quoted(text, "'\\''"))
    result +=
        c == '[' || c == ']' || c == ':' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return result;
}

std::string zshAction(const OptionRow &row) {
  return ":" + zshText(row.value) + ":" +
         (row.words.empty() ? "_files" : "(" + joined(row.words) + ")");
}

std::string zsh(const std::vector<CommandRow> &commands) {
  std::string list, cases;
  for (const CommandRow &command : commands) {
    list += "    '" + command.name + ":" + zshText(command.help) + "'\n";
    cases += "    " + command.name + ") _arguments";
    for (const OptionRow &option : command.options)
      for (const std::string &name : option.names)
        cases += " \\\n      '" + std::string(option.repeated ? "*" : "") + name + "[" +
                 zshText(option.help) + "]" + (option.value.empty() ? "" : zshAction(option)) + "'";
    for (const OptionRow &place : command.places)
      cases += " \\\n      '" +
               std::string(place.repeated   ? "*"
                           : place.required ? ""
                                            : ":") +
               zshAction(place) + "'";
    cases += " ;;\n";
  }
  return "#compdef gnc\n"
         "# zsh completion for gnc, written by `gnc completions zsh`\n"
         "local -a commands=(\n" +
         list +
         "  )\n"
         "if ((CURRENT == 2)); then\n"
         "  _arguments '--help[print help]' '--version[print the version]'\n"
         "  _describe command commands\n"
         "else\n"
         "  shift words; ((CURRENT--))\n"
         "  case $words[1] in\n" +
         cases +
         "  esac\n"
         "fi\n";
}

//===- fish -----------------------------------------------------------------------------------===//

std::string fishNames(const OptionRow &option) {
  std::string text;
  for (const std::string &name : option.names)
    text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  return text;
}

std::string fish(const std::vector<CommandRow> &commands) {
  std::string text = "# fish completion for gnc, written by `gnc completions fish`\n"
                     "complete -c gnc -n __fish_use_subcommand -l help -d 'print help'\n"
                     "complete -c gnc -n __fish_use_subcommand -l version -d 'print the version'\n";
  for (const CommandRow &command : commands) {
    text += "complete -c gnc -f -n __fish_use_subcommand -a " + command.name + " -d '" +
            quoted(command.help, "\\'") + "'\n";
    std::string here = "complete -c gnc -n '__fish_seen_subcommand_from " + command.name + "'";
    for (const OptionRow &option : command.options) {
      text += here + fishNames(option);
      if (!option.value.empty())
        text += " -r";
      if (!option.words.empty())
        text += " -f -a '" + joined(option.words) + "'";
      text += " -d '" + quoted(option.help, "\\'") + "'\n";
    }
    if (std::string words = joined(placeWords(command)); !words.empty())
      text += here + " -f -a '" + words + "'\n";
  }
  return text;
}
} // namespace

std::string completionScript(const std::vector<CommandRow> &commands, const std::string &shell) {
  return shell == "bash" ? bash(commands) : shell == "zsh" ? zsh(commands) : fish(commands);
}

} // namespace gnc::tools
