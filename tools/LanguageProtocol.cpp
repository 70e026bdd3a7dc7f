//===- LanguageProtocol.cpp - from the language service to protocol messages ------------------===//
#include "tools/LanguageProtocol.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA1.h"

namespace lsp = llvm::lsp;

namespace gnc::tools {

namespace {
/// Bytes of the character that begins with `lead`; a byte that begins none stands alone.
unsigned bytesOf(char lead) {
  uint8_t byte = uint8_t(lead);
  return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
}

/// Characters outside of the basic plane are pairs.
unsigned unitsOf(char lead) { return bytesOf(lead) == 4 ? 2 : 1; }
} // namespace

//===- Positions ------------------------------------------------------------------------------===//

uint32_t offsetOf(const dsl::Source &source, lsp::Position position) {
  if (position.line < 0)
    return 0;
  if (unsigned(position.line) >= source.lineCount())
    return source.text().size();
  llvm::StringRef line = source.line(position.line + 1);
  size_t byte = 0;
  for (int unit = 0; unit < position.character && byte < line.size(); byte += bytesOf(line[byte]))
    unit += unitsOf(line[byte]);
  return source.lineStart(position.line + 1) + std::min(byte, line.size());
}

lsp::Position positionOf(const dsl::Source &source, uint32_t offset) {
  dsl::Position at = source.position(std::min<size_t>(offset, source.text().size()));
  llvm::StringRef before = source.line(at.line).take_front(at.column - 1);
  int units = 0;
  for (size_t byte = 0; byte < before.size(); byte += bytesOf(before[byte]))
    units += unitsOf(before[byte]);
  return {int(at.line) - 1, units};
}

lsp::Range rangeOf(dsl::Span span) {
  return {positionOf(*span.source, span.begin), positionOf(*span.source, span.end)};
}

//===- The standard library as files ----------------------------------------------------------===//

namespace {
llvm::Error failure(const llvm::Twine &text) {
  return llvm::make_error<lsp::LSPError>(text.str(), lsp::ErrorCode::RequestFailed);
}

/// One folder for all versions; a file's own folder is named after its content.
bool libraryFolder(llvm::SmallVectorImpl<char> &path) {
  if (!llvm::sys::path::cache_directory(path))
    return false;
  llvm::sys::path::append(path, "gnc", "library");
  return true;
}

/// The path of a library file's copy, which is made if it is not there.
llvm::Expected<std::string> libraryCopy(const dsl::Source &source) {
  llvm::SmallString<128> path;
  if (!libraryFolder(path))
    return failure("there is no cache folder to show the standard library in; set XDG_CACHE_HOME");
  auto digest = llvm::SHA1::hash(llvm::arrayRefFromStringRef(source.text()));
  llvm::sys::path::append(path, llvm::toHex(llvm::ArrayRef(digest).take_front(6), true));
  std::error_code error = llvm::sys::fs::create_directories(path);
  llvm::SmallString<128> folder = path;
  llvm::sys::path::append(path, llvm::sys::path::filename(source.name()));
  if (error)
    return failure("cannot make " + folder + ": " + error.message());
  auto known = llvm::MemoryBuffer::getFile(path);
  if (known && (*known)->getBuffer() == source.text())
    return path.str().str();
  llvm::Error written = llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
    stream << source.text();
    return llvm::Error::success();
  });
  if (written)
    return std::move(written);
  using llvm::sys::fs::perms;
  (void)llvm::sys::fs::setPermissions(path, perms::all_read); // to be read, not to be changed
  return path.str().str();
}
} // namespace

bool isLibraryCopy(llvm::StringRef path) {
  llvm::SmallString<128> folder;
  return libraryFolder(folder) && path.starts_with(folder);
}

llvm::Expected<lsp::Location> locationOf(const dsl::Analysis &analysis, dsl::Span span) {
  std::string path = span.source->name().str();
  if (analysis.isLibrary(span.source)) {
    auto copy = libraryCopy(*span.source);
    if (!copy)
      return copy.takeError();
    path = std::move(*copy);
  }
  auto uri = lsp::URIForFile::fromFile(path);
  if (!uri)
    return uri.takeError();
  return lsp::Location(*uri, rangeOf(span));
}

//===- Messages -------------------------------------------------------------------------------===//

namespace {
/// Texts cut short may end inside of a character, and files hold anything.
std::string utf8(const std::string &text) {
  return llvm::json::isUTF8(text) ? text : llvm::json::fixUTF8(text);
}

/// The text with everything that has no place of its own below it.
std::string fullText(const dsl::ServiceMessage &message) {
  std::string text;
  if (message.elsewhere) {
    dsl::Position at = message.diagnostic->span.position();
    text =
        llvm::formatv("{0}:{1}:{2}: ", message.diagnostic->span.source->name(), at.line, at.column);
  }
  text += message.diagnostic->text;
  for (const dsl::Remark &remark : message.diagnostic->remarks)
    if (!remark.span)
      text += (remark.kind == dsl::Remark::Note ? "\nnote: " : "\nhelp: ") + remark.text;
  return text;
}

std::vector<lsp::DiagnosticRelatedInformation> related(const dsl::ServiceMessage &message,
                                                       const dsl::Analysis &analysis) {
  std::vector<lsp::DiagnosticRelatedInformation> list;
  auto add = [&](dsl::Span span, const std::string &text) {
    if (!span)
      return;
    // A place that cannot be shown is left out; the message itself stays.
    if (auto location = locationOf(analysis, span))
      list.emplace_back(std::move(*location), utf8(text));
    else
      llvm::consumeError(location.takeError());
  };
  if (message.elsewhere)
    add(message.diagnostic->span, message.diagnostic->text);
  for (const dsl::Remark &remark : message.diagnostic->remarks)
    add(remark.span, remark.text);
  return list;
}
} // namespace

PublishParams publishParams(const lsp::URIForFile &uri, int64_t version,
                            const dsl::Analysis &analysis) {
  PublishParams params{{uri, version}, {}};
  if (isLibraryCopy(uri.file()))
    return params; // it is not a user's file: that it declares the library's names is no mistake
  for (const dsl::ServiceMessage &message : analysis.messages()) {
    if (!message.at)
      continue;
    lsp::Diagnostic one;
    one.range = rangeOf(message.at);
    one.severity = message.diagnostic->severity == dsl::Severity::Error
                       ? lsp::DiagnosticSeverity::Error
                       : lsp::DiagnosticSeverity::Warning;
    one.source = "gnc";
    one.message = utf8(fullText(message));
    if (auto more = related(message, analysis); !more.empty())
      one.relatedInformation = std::move(more);
    params.message.diagnostics.push_back(std::move(one));
    params.codes.push_back(message.diagnostic->slug);
  }
  return params;
}

llvm::json::Value toJSON(const PublishParams &params) {
  llvm::json::Value value = lsp::toJSON(params.message);
  llvm::json::Array &list = *value.getAsObject()->getArray("diagnostics");
  for (size_t i = 0; i != params.codes.size(); ++i)
    if (!params.codes[i].empty())
      (*list[i].getAsObject())["code"] = params.codes[i];
  return value;
}

bool fromJSON(const llvm::json::Value &value, DocumentParams &params, llvm::json::Path path) {
  llvm::json::ObjectMapper mapper(value, path);
  return mapper && mapper.map("textDocument", params.textDocument);
}

lsp::Hover hoverOf(const dsl::Hover &found) {
  lsp::Hover hover(rangeOf(found.span));
  hover.contents.value = utf8(found.text);
  return hover;
}

lsp::CompletionItem completionItem(const dsl::Completion &completion) {
  using Kind = dsl::CompletionKind;
  auto kind = [&] {
    switch (completion.kind) {
    case Kind::Layer: return lsp::CompletionItemKind::Class;
    case Kind::Function: return lsp::CompletionItemKind::Function;
    case Kind::Setting: return lsp::CompletionItemKind::Property;
    case Kind::Name: return lsp::CompletionItemKind::Variable;
    case Kind::Key: return lsp::CompletionItemKind::Property;
    case Kind::Field: return lsp::CompletionItemKind::Field;
    case Kind::Module: return lsp::CompletionItemKind::Module;
    case Kind::Keyword: return lsp::CompletionItemKind::Keyword;
    }
    return lsp::CompletionItemKind::Text;
  };
  lsp::CompletionItem item(completion.label, kind());
  item.detail = utf8(completion.detail);
  item.insertText = completion.insert;
  if (!completion.documentation.empty())
    item.documentation =
        lsp::MarkupContent{lsp::MarkupKind::Markdown, utf8(completion.documentation)};
  return item;
}

} // namespace gnc::tools
