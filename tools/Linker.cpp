//===- Linker.cpp - the machine's own linker
//------------------------------------------------------===//
#include "tools/Linker.h"

#include "runtime/File.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace gnc::tools {

namespace {
using runtime::Error;
using runtime::Result;

struct Linker {
  std::string program;
  bool driver; ///< knows by itself where libm is
};

/// The first that is on the PATH.
Result<Linker> findLinker() {
  const char *path = getenv("PATH");
  std::string folders = path ? path : "/usr/bin:/bin";
  constexpr std::pair<const char *, bool> known[] = {
      {"cc", true}, {"clang", true}, {"gcc", true}, {"ld.lld", false}, {"ld", false}};
  for (auto [name, driver] : known)
    for (size_t begin = 0; begin <= folders.size();) {
      size_t end = std::min(folders.find(':', begin), folders.size());
      std::string program = runtime::joinPath(folders.substr(begin, end - begin), name);
      if (end > begin && access(program.c_str(), X_OK) == 0)
        return Linker{program, driver};
      begin = end + 1;
    }
  return runtime::environmentError("no-linker", "there is no linker on the PATH to make a shared "
                                                "library with")
      .withNote("looked for: cc, clang, gcc, ld.lld, ld")
      .withHelp("install one (Debian: apt-get install gcc), or write an object (-o NET.o) or a "
                "program file (-o NET.gnc), which need none");
}

std::vector<std::string> commandLine(const Linker &linker, const std::string &object,
                                     const std::string &library) {
  std::vector<std::string> words = {linker.program, "-shared", "-o", library, object};
  if (linker.driver) {
    words.push_back("-lm");
    return words;
  }
  for (const char *folder : {"/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib"})
    words.push_back(std::string("-L") + folder);
  words.push_back("-l:libm.so.6");
  words.push_back("-z");
  words.push_back("noexecstack");
  return words;
}

std::string readAll(int descriptor) {
  std::string text;
  char buffer[4096];
  for (;;) {
    ssize_t got = read(descriptor, buffer, sizeof buffer);
    if (got > 0)
      text.append(buffer, size_t(got));
    else if (got == 0 || errno != EINTR)
      return text;
  }
}

/// Runs a program; what it prints comes back in `output`. The exit status, or an error.
Result<int> runProgram(const std::vector<std::string> &words, std::string &output) {
  std::vector<char *> arguments;
  for (const std::string &word : words)
    arguments.push_back(const_cast<char *>(word.c_str()));
  arguments.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return runtime::systemError("link-failed", "run " + words[0], errno);
  runtime::Descriptor from(ends[0]), to(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, to.get(), STDERR_FILENO);
  pid_t child = 0;
  int failure = posix_spawn(&child, words[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure)
    return runtime::systemError("link-failed", "run " + words[0], failure);
  to = runtime::Descriptor();
  output = readAll(from.get());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
} // namespace

runtime::Status linkLibrary(const std::string &object, const std::string &library) {
  Result<Linker> linker = findLinker();
  if (!linker.ok())
    return std::move(linker).error();
  std::string output;
  Result<int> status = runProgram(commandLine(*linker, object, library), output);
  if (!status.ok())
    return std::move(status).error();
  if (*status == 0)
    return {};
  Error error = runtime::environmentError("link-failed", linker->program + " cannot make '" +
                                                             library + "' of '" + object + "'");
  for (size_t begin = 0; begin < output.size() && error.notes.size() < 8;) {
    size_t end = std::min(output.find('\n', begin), output.size());
    error.notes.push_back(output.substr(begin, end - begin));
    begin = end + 1;
  }
  return std::move(error).withHelp("link the object file yourself: gnc compile NET.net -o NET.o");
}

} // namespace gnc::tools
