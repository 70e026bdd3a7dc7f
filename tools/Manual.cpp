//===- Manual.cpp - the manual page -----------------------------------------------------------===//
#include "tools/OptionTable.h"

namespace gnc::tools {

namespace {
/// Text for roff: a hyphen that can be typed, no backslash and no dot or quote that is a request.
std::string roff(const std::string &text) {
  std::string result;
  for (char c : text) {
    if (c == '-')
      result += "\\-";
    else if (c == '\\')
      result += "\\e";
    else
      result += c;
  }
  return result.starts_with('.') || result.starts_with('\'') ? "\\&" + result : result;
}

/// "\fB\-o\fR \fIFILE\fR".
std::string head(const OptionRow &row) {
  std::string text;
  for (const std::string &name : row.names)
    text += (text.empty() ? "\\fB" : ", \\fB") + roff(name) + "\\fR";
  if (!row.value.empty())
    text += (text.empty() ? "\\fI" : " \\fI") + roff(row.value) + "\\fR";
  return text;
}

std::string synopsis(const CommandRow &command) {
  std::string text = ".B gnc " + roff(command.name) + "\n.RI [ OPTION ...]";
  for (const OptionRow &place : command.places) {
    std::string name = "\\fI" + roff(place.value) + "\\fR" + (place.repeated ? "..." : "");
    text += "\n" + (place.required ? name : "[" + name + "]");
  }
  return text + "\n";
}

std::string section(const CommandRow &command) {
  std::string text = ".SS gnc " + roff(command.name) + "\n" + roff(command.help) + ".\n";
  for (const auto *rows : {&command.places, &command.options})
    for (const OptionRow &row : *rows)
      text += ".TP\n" + head(row) + "\n" + roff(row.help) + "\n";
  return text;
}
} // namespace

std::string manualPage(const std::vector<CommandRow> &commands, const std::string &summary,
                       const std::string &version) {
  std::string what = summary.starts_with("gnc ") ? summary.substr(4) : summary;
  std::string text = ".TH GNC 1 \"\" \"" + version + "\" \"User Commands\"\n.SH NAME\ngnc \\- " +
                     roff(what) + "\n.SH SYNOPSIS\n";
  for (const CommandRow &command : commands)
    text += synopsis(command) + ".br\n";
  text += ".SH DESCRIPTION\n"
          "A network is one text file: net, loss, optimizer and data. gnc checks it, derives the "
          "backward pass, compiles the whole training step to machine code, and trains it.\n"
          ".SH COMMANDS\n";
  for (const CommandRow &command : commands)
    text += section(command);
  return text + ".SH EXIT STATUS\n"
                ".TP\n0\nsuccess\n"
                ".TP\n1\nthe input is wrong\n"
                ".TP\n2\nwrong usage\n"
                ".TP\n3\nthe environment: a missing library, a full disk, no memory\n"
                ".TP\n4\na bug of gnc\n"
                ".TP\n130, 143\na signal; the checkpoint is saved\n"
                ".SH EXAMPLES\n"
                ".EX\ngnc train /usr/share/gnc/examples/fashion.net \\-\\-out runs/fashion\n"
                "gnc explain undefined\\-layer\n.EE\n";
}

} // namespace gnc::tools
