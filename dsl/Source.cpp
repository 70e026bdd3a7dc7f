#include "dsl/Source.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

#include <algorithm>

using namespace gnc::dsl;

Source::Source(std::string name, std::string text, unsigned id)
    : fileName(std::move(name)), contents(std::move(text)), number(id) {
  lineStarts.push_back(0);
  for (uint32_t i = 0, e = contents.size(); i != e; ++i)
    if (contents[i] == '\n')
      lineStarts.push_back(i + 1);
}

Position Source::position(uint32_t offset) const {
  auto after = std::upper_bound(lineStarts.begin(), lineStarts.end(), offset);
  unsigned line = after - lineStarts.begin();
  return {line, offset - lineStarts[line - 1] + 1};
}

llvm::StringRef Source::line(unsigned line) const {
  uint32_t begin = lineStarts[line - 1];
  uint32_t end = line < lineStarts.size() ? lineStarts[line] - 1 : contents.size();
  return llvm::StringRef(contents).slice(begin, end).rtrim('\r');
}

const Source &SourceManager::add(std::string name, std::string text) {
  sources.push_back(std::make_unique<Source>(std::move(name), std::move(text), sources.size()));
  return *sources.back();
}

std::string SourceManager::identityOf(llvm::StringRef path) {
  llvm::SmallString<128> real;
  if (llvm::sys::fs::real_path(path, real))
    return path.str();
  return real.str().str();
}

void SourceManager::replace(llvm::StringRef path, std::string text) {
  replaced[identityOf(path)] = std::move(text);
}

const Source *SourceManager::open(llvm::StringRef path, std::string &error) {
  if (!replaced.empty())
    if (auto it = replaced.find(identityOf(path)); it != replaced.end())
      return &add(path.str(), it->second);
  // A size asked first: a device or a huge file must not be read at all.
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(path, status)) {
    error = code.message();
    return nullptr;
  }
  if (status.type() == llvm::sys::fs::file_type::directory_file) {
    error = "it is a directory";
    return nullptr;
  }
  if (status.getSize() > maxFileSize) {
    error = ("it has " + llvm::Twine(status.getSize()) + " bytes; the limit is " +
             llvm::Twine(maxFileSize))
                .str();
    return nullptr;
  }
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer) {
    error = buffer.getError().message();
    return nullptr;
  }
  return &add(path.str(), (*buffer)->getBuffer().str());
}

const Source *SourceManager::find(llvm::StringRef name) const {
  for (const auto &source : sources)
    if (source->name() == name)
      return source.get();
  return nullptr;
}
