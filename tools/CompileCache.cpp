//===- CompileCache.cpp - compiled nets, kept between runs
//--------------------------------------===//
#include "tools/CompileCache.h"

#include "runtime/CodeLoader.h"
#include "runtime/File.h"
#include "runtime/Hash.h"
#include "tools/CompilerLibrary.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace gnc::tools {

namespace {
constexpr char magic[8] = {'G', 'N', 'C', 'K', 'E', 'E', 'P', '1'};
constexpr const char *suffix = ".entry", *between = ".part";

/// Little-endian, as all of gnc's files.
struct Head {
  char magic[8];
  uint64_t key, diagnostics, program; ///< bytes of each
  uint64_t hash;                      ///< of key and diagnostics
};

std::span<const uint8_t> bytesOf(const std::string &text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

/// A part of the key: no two lists of parts give one text.
void add(std::string &key, const std::string &part) {
  key += std::to_string(part.size()) + ":" + part + "\n";
}

std::string environment(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

std::string folderOf(const std::string &given) {
  std::string folder = given.empty() ? environment("GNC_CACHE") : given;
  if (folder == "off")
    return "";
  if (!folder.empty())
    return folder;
  if (std::string base = environment("XDG_CACHE_HOME"); !base.empty())
    return base + "/gnc";
  std::string home = environment("HOME");
  return home.empty() ? "" : home + "/.cache/gnc";
}

//===- Sources --------------------------------------------------------------------------------===//

/// The largest file that the language reads.
constexpr uint64_t mostSource = 4u << 20;

std::optional<std::string> readSource(const std::string &path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) ||
      uint64_t(status.st_size) > mostSource)
    return std::nullopt;
  runtime::Result<runtime::Bytes> bytes = runtime::readFile(path);
  if (!bytes.ok())
    return std::nullopt;
  return std::string(bytes->data(), bytes->data() + bytes->size());
}

/// Every text between quotes on a line: among them are all files that a source uses, for a comment
/// never begins before them. False if one has an escape, which only the compiler can read.
bool stringsOf(const std::string &source, std::vector<std::string> &strings) {
  for (size_t begin = source.find('"'); begin != std::string::npos;) {
    size_t end = source.find_first_of("\"\n\\", begin + 1);
    if (end == std::string::npos)
      return true;
    if (source[end] == '\\')
      return false;
    if (source[end] == '"')
      strings.push_back(source.substr(begin + 1, end - begin - 1));
    begin = source.find('"', end + 1);
  }
  return true;
}

/// Adds a source and all that it names, each once. What is named and is no small file is no source.
bool addSources(std::string &key, const std::string &path, const std::string &text,
                std::set<std::string> &seen) {
  add(key, path);
  add(key, text);
  std::vector<std::string> strings;
  if (!stringsOf(text, strings))
    return false;
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  for (const std::string &name : strings) {
    std::string used = name.starts_with('/') ? name : folder + name;
    if (!seen.insert(used).second)
      continue;
    if (std::optional<std::string> source = readSource(used))
      if (!addSources(key, used, *source, seen))
        return false;
  }
  return true;
}

/// Which compiler it is: the file that would be loaded.
std::string compilerIdentity() {
  struct stat status;
  std::string path = compilerPath();
  if (path.empty() || stat(path.c_str(), &status) != 0)
    return "";
  return std::to_string(status.st_size) + " " + std::to_string(status.st_mtim.tv_sec) + "." +
         std::to_string(status.st_mtim.tv_nsec) + " " + std::to_string(status.st_ino);
}

/// What the command line says, besides the file.
void addOptions(std::string &key, const CompileRequest &request) {
  add(key, request.net);
  for (const auto &[name, value] : request.settings)
    add(key, name + "=" + value);
  add(key, "data " + request.data);
  add(key, "seed " + (request.seed ? std::to_string(*request.seed) : ""));
  for (int64_t number : {request.batch, int64_t(request.optLevel), int64_t(request.vectorBits),
                         int64_t(request.memory), int64_t(request.cpuLevel),
                         int64_t(request.warningsAreErrors), int64_t(request.jsonDiagnostics)})
    add(key, std::to_string(number));
  for (const std::string &program : request.programs)
    add(key, "program " + program);
  for (const std::string &pass : request.disabledPasses)
    add(key, "without " + pass);
}

//===- Files ----------------------------------------------------------------------------------===//

bool writeAll(int descriptor, const void *bytes, size_t count) {
  auto from = static_cast<const char *>(bytes);
  while (count) {
    ssize_t written = write(descriptor, from, count);
    if (written <= 0)
      return false;
    from += written;
    count -= size_t(written);
  }
  return true;
}

/// Another name for every writer, so that two of them never meet in one file.
std::string temporaryName(const std::string &path) {
  static std::atomic<unsigned> count{0};
  return path + "." + std::to_string(getpid()) + "." + std::to_string(count++) + between;
}
} // namespace

CompileCache::CompileCache(const std::string &given) : folder(folderOf(given)) {}

std::string CompileCache::keyOf(const CompileRequest &request) const {
  bool plain = !request.file.ends_with(".mlir");
  if (folder.empty() || !plain || !request.card.empty() || request.verifyEach || request.timing)
    return "";
  std::string identity = compilerIdentity();
  std::optional<std::string> text = request.text ? request.text : readSource(request.file);
  if (identity.empty() || !text)
    return "";
  std::string key;
  add(key, "compiler " + identity + " protocol " + std::to_string(kCompilerVersion));
  add(key, runtime::cpuLevelName(runtime::cpuLevel()));
  addOptions(key, request);
  std::set<std::string> seen = {request.file};
  return addSources(key, request.file, *text, seen) ? key : "";
}

std::string CompileCache::pathOf(const std::string &key) const {
  char name[24];
  snprintf(name, sizeof name, "%016llx", (unsigned long long)runtime::hashBytes(bytesOf(key)));
  return folder + "/" + name + suffix;
}

std::optional<CompileCache::Entry> CompileCache::find(const std::string &key) const {
  if (key.empty())
    return std::nullopt;
  std::string path = pathOf(key);
  struct stat status; // another user's machine code is not run
  if (stat(path.c_str(), &status) != 0 || status.st_uid != geteuid())
    return std::nullopt;
  runtime::Result<runtime::Bytes> file = runtime::readFile(path);
  Head head;
  if (!file.ok() || file->size() < sizeof head)
    return std::nullopt;
  memcpy(&head, file->data(), sizeof head);
  std::span<const uint8_t> rest = file->span().subspan(sizeof head);
  bool sound = memcmp(head.magic, magic, sizeof magic) == 0 && head.key == key.size() &&
               head.diagnostics <= rest.size() && head.key <= rest.size() - head.diagnostics &&
               head.program == rest.size() - head.key - head.diagnostics &&
               head.hash == runtime::hashBytes(rest.first(head.key + head.diagnostics)) &&
               memcmp(rest.data(), key.data(), key.size()) == 0;
  if (!sound)
    return std::nullopt;
  const char *said = reinterpret_cast<const char *>(rest.data()) + head.key;
  std::span<const uint8_t> program = rest.subspan(head.key + head.diagnostics);
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0); // used now
  return Entry{{said, said + head.diagnostics}, {program.begin(), program.end()}};
}

void CompileCache::keep(const std::string &key, const std::string &diagnostics,
                        std::span<const uint8_t> program) const {
  if (key.empty() || !runtime::createFolder(folder).ok())
    return;
  std::string text = key + diagnostics;
  Head head{{}, key.size(), diagnostics.size(), program.size(), runtime::hashBytes(bytesOf(text))};
  memcpy(head.magic, magic, sizeof magic);
  std::string path = pathOf(key), part = temporaryName(path);
  int descriptor = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return;
  bool written = writeAll(descriptor, &head, sizeof head) &&
                 writeAll(descriptor, text.data(), text.size()) &&
                 writeAll(descriptor, program.data(), program.size());
  written = close(descriptor) == 0 && written;
  if (!written || rename(part.c_str(), path.c_str()) != 0)
    unlink(part.c_str());
  shrink();
}

/// Removes what was not used for longest, and what killed writers left.
void CompileCache::shrink() const {
  struct File {
    timespec used;
    std::string path;
    uint64_t bytes;
  };
  std::vector<File> files;
  uint64_t total = 0;
  DIR *listing = opendir(folder.c_str());
  if (!listing)
    return;
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  while (dirent *entry = readdir(listing)) {
    std::string name = entry->d_name, path = folder + "/" + name;
    struct stat status;
    bool ours = name.ends_with(suffix) || name.ends_with(between);
    if (!ours || stat(path.c_str(), &status) != 0)
      continue;
    if (name.ends_with(between) && now.tv_sec - status.st_mtim.tv_sec > 3600)
      unlink(path.c_str());
    if (!name.ends_with(suffix))
      continue;
    files.push_back({status.st_mtim, path, uint64_t(status.st_size)});
    total += uint64_t(status.st_size);
  }
  closedir(listing);
  std::sort(files.begin(), files.end(), [](const File &a, const File &b) {
    return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec);
  });
  for (size_t i = 0; total > mostBytes && i < files.size(); ++i) {
    unlink(files[i].path.c_str());
    total -= files[i].bytes;
  }
}

} // namespace gnc::tools
