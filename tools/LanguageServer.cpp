//===- LanguageServer.cpp - gnc lsp -----------------------------------------------------------===//
//
// One thread. A change is only noted; the document is looked at when a question about it comes or
// when no message waits any more, so a burst of changes costs one look.
//
//===------------------------------------------------------------------------------------------===//
#include "tools/LanguageServer.h"

#include "dsl/Format.h"
#include "tools/LanguageProtocol.h"

#include "llvm/Support/LSP/Transport.h"

#include <map>
#include <poll.h>

namespace lsp = llvm::lsp;

namespace gnc::tools {

namespace {
struct OpenDocument {
  lsp::URIForFile uri;
  int64_t version = 0;
  std::unique_ptr<dsl::Analysis> analysis; // null: to be looked at again
  bool published = false;
};

class LanguageServer {
public:
  explicit LanguageServer(lsp::JSONTransport &transport) : handler(transport) {
    publish = handler.outgoingNotification<PublishParams>("textDocument/publishDiagnostics");
    registerHandlers();
  }

  lsp::MessageHandler handler;
  bool wasShutDown = false;

  /// Looks at every document that changed and tells the client what is wrong with it.
  void publishDue();

private:
  void registerHandlers();
  void initialize(const lsp::InitializeParams &, lsp::Callback<llvm::json::Value> reply);
  void ignore(const lsp::NoParams &) {}
  void shutdown(const lsp::NoParams &, lsp::Callback<std::nullptr_t> reply);
  void open(const lsp::DidOpenTextDocumentParams &params);
  void change(const lsp::DidChangeTextDocumentParams &params);
  void save(const DocumentParams &) { forgetAnalyses(); }
  void close(const lsp::DidCloseTextDocumentParams &params);
  void hover(const lsp::TextDocumentPositionParams &params,
             lsp::Callback<std::optional<lsp::Hover>> reply);
  void shapes(const lsp::InlayHintsParams &params,
              lsp::Callback<std::vector<lsp::InlayHint>> reply);
  void complete(const lsp::CompletionParams &params, lsp::Callback<lsp::CompletionList> reply);
  void define(const lsp::TextDocumentPositionParams &params,
              lsp::Callback<std::vector<lsp::Location>> reply);
  void format(const DocumentParams &params, lsp::Callback<std::vector<lsp::TextEdit>> reply);

  /// What is known of an open document as it is now; null if it is not open.
  const dsl::Analysis *analysisOf(const lsp::URIForFile &uri);
  /// Documents use each other: what one says may hang on the text of all.
  void forgetAnalyses();

  std::map<std::string, OpenDocument> documents; // by path
  dsl::Texts texts;
  lsp::OutgoingNotification<PublishParams> publish;
};
} // namespace

void LanguageServer::registerHandlers() {
  handler.method("initialize", this, &LanguageServer::initialize);
  handler.notification("initialized", this, &LanguageServer::ignore);
  handler.method("shutdown", this, &LanguageServer::shutdown);
  handler.notification("textDocument/didOpen", this, &LanguageServer::open);
  handler.notification("textDocument/didChange", this, &LanguageServer::change);
  handler.notification("textDocument/didSave", this, &LanguageServer::save);
  handler.notification("textDocument/didClose", this, &LanguageServer::close);
  handler.method("textDocument/hover", this, &LanguageServer::hover);
  handler.method("textDocument/inlayHint", this, &LanguageServer::shapes);
  handler.method("textDocument/completion", this, &LanguageServer::complete);
  handler.method("textDocument/definition", this, &LanguageServer::define);
  handler.method("textDocument/formatting", this, &LanguageServer::format);
}

void LanguageServer::initialize(const lsp::InitializeParams &,
                                lsp::Callback<llvm::json::Value> reply) {
  llvm::json::Object sync{
      {"openClose", true}, {"change", int(lsp::TextDocumentSyncKind::Full)}, {"save", true}};
  llvm::json::Object completion{{"triggerCharacters", {">", "(", "."}}};
  reply(llvm::json::Object{
      {"serverInfo", llvm::json::Object{{"name", "gnc"}}},
      {"capabilities", llvm::json::Object{{"textDocumentSync", std::move(sync)},
                                          {"hoverProvider", true},
                                          {"inlayHintProvider", true},
                                          {"completionProvider", std::move(completion)},
                                          {"definitionProvider", true},
                                          {"documentFormattingProvider", true}}}});
}

void LanguageServer::shutdown(const lsp::NoParams &, lsp::Callback<std::nullptr_t> reply) {
  wasShutDown = true;
  reply(nullptr);
}

//===- Documents ------------------------------------------------------------------------------===//

void LanguageServer::forgetAnalyses() {
  for (auto &[path, document] : documents) {
    document.analysis.reset();
    document.published = false;
  }
}

void LanguageServer::open(const lsp::DidOpenTextDocumentParams &params) {
  const lsp::TextDocumentItem &item = params.textDocument;
  std::string path = item.uri.file().str();
  documents[path] = OpenDocument{item.uri, item.version, nullptr, false};
  texts[path] = item.text;
  forgetAnalyses();
}

void LanguageServer::change(const lsp::DidChangeTextDocumentParams &params) {
  auto it = documents.find(params.textDocument.uri.file().str());
  if (it == documents.end())
    return;
  it->second.version = params.textDocument.version;
  if (failed(lsp::TextDocumentContentChangeEvent::applyTo(params.contentChanges, texts[it->first])))
    lsp::Logger::error("a change of {0} does not fit its text", it->first);
  forgetAnalyses();
}

void LanguageServer::close(const lsp::DidCloseTextDocumentParams &params) {
  std::string path = params.textDocument.uri.file().str();
  auto it = documents.find(path);
  if (it == documents.end())
    return;
  publish(PublishParams{{it->second.uri, it->second.version}, {}});
  documents.erase(it);
  texts.erase(path);
  forgetAnalyses();
}

const dsl::Analysis *LanguageServer::analysisOf(const lsp::URIForFile &uri) {
  auto it = documents.find(uri.file().str());
  if (it == documents.end())
    return nullptr;
  OpenDocument &document = it->second;
  if (!document.analysis)
    document.analysis = std::make_unique<dsl::Analysis>(it->first, texts);
  return document.analysis->source() ? document.analysis.get() : nullptr;
}

void LanguageServer::publishDue() {
  for (auto &[path, document] : documents)
    if (!document.published) {
      document.published = true;
      if (const dsl::Analysis *analysis = analysisOf(document.uri))
        publish(publishParams(document.uri, document.version, *analysis));
    }
}

//===- Questions ------------------------------------------------------------------------------===//

void LanguageServer::hover(const lsp::TextDocumentPositionParams &params,
                           lsp::Callback<std::optional<lsp::Hover>> reply) {
  const dsl::Analysis *analysis = analysisOf(params.textDocument.uri);
  if (!analysis)
    return reply(std::optional<lsp::Hover>());
  auto found = analysis->hover(offsetOf(*analysis->source(), params.position));
  if (!found)
    return reply(std::optional<lsp::Hover>());
  reply(std::optional<lsp::Hover>(hoverOf(*found)));
}

void LanguageServer::shapes(const lsp::InlayHintsParams &params,
                            lsp::Callback<std::vector<lsp::InlayHint>> reply) {
  std::vector<lsp::InlayHint> hints;
  if (const dsl::Analysis *analysis = analysisOf(params.textDocument.uri))
    for (const dsl::InlayShape &shape : analysis->shapes()) {
      lsp::Position at = positionOf(*analysis->source(), shape.offset);
      if (at < params.range.start || params.range.end < at)
        continue;
      lsp::InlayHint &hint = hints.emplace_back(lsp::InlayHintKind::Type, at);
      hint.label = shape.text;
      hint.paddingLeft = true;
    }
  reply(std::move(hints));
}

void LanguageServer::complete(const lsp::CompletionParams &params,
                              lsp::Callback<lsp::CompletionList> reply) {
  lsp::CompletionList list;
  if (const dsl::Analysis *analysis = analysisOf(params.textDocument.uri))
    for (const dsl::Completion &one :
         analysis->completions(offsetOf(*analysis->source(), params.position)))
      list.items.push_back(completionItem(one));
  reply(std::move(list));
}

void LanguageServer::define(const lsp::TextDocumentPositionParams &params,
                            lsp::Callback<std::vector<lsp::Location>> reply) {
  const dsl::Analysis *analysis = analysisOf(params.textDocument.uri);
  dsl::Span span;
  if (analysis)
    span = analysis->definition(offsetOf(*analysis->source(), params.position));
  if (!span)
    return reply(std::vector<lsp::Location>());
  llvm::Expected<lsp::Location> location = locationOf(*analysis, span);
  if (!location)
    return reply(location.takeError());
  reply(std::vector<lsp::Location>{std::move(*location)});
}

void LanguageServer::format(const DocumentParams &params,
                            lsp::Callback<std::vector<lsp::TextEdit>> reply) {
  std::vector<lsp::TextEdit> edits;
  auto it = texts.find(params.textDocument.uri.file().str());
  if (it == texts.end())
    return reply(std::move(edits));
  dsl::SourceManager sources;
  dsl::Diagnostics ignored; // published already
  auto formatted = dsl::format(it->first, it->second, sources, ignored);
  if (formatted && *formatted != it->second) {
    dsl::Source source(it->first, it->second);
    edits.push_back({{{0, 0}, positionOf(source, uint32_t(it->second.size()))}, *formatted});
  }
  reply(std::move(edits));
}

//===- The streams ----------------------------------------------------------------------------===//

namespace {
/// Does what is due before it waits for the next message.
class IdleInput final : public lsp::JSONTransportInput {
public:
  IdleInput(std::FILE *file, lsp::JSONStreamStyle style)
      : JSONTransportInput(style), file(file), input(file, style) {}

  LanguageServer *server = nullptr;

  bool hasError() const override { return input.hasError(); }
  bool isEndOfInput() const override { return input.isEndOfInput(); }
  llvm::LogicalResult readDelimitedMessage(std::string &json) override {
    server->publishDue();
    return input.readDelimitedMessage(json);
  }
  llvm::LogicalResult readStandardMessage(std::string &json) override {
    pollfd descriptor{fileno(file), POLLIN, 0};
    if (poll(&descriptor, 1, 0) == 0)
      server->publishDue();
    return input.readStandardMessage(json);
  }

private:
  std::FILE *file;
  lsp::JSONTransportInputOverFile input;
};
} // namespace

int serveLanguage(std::FILE *input, MessageStyle style) {
  // Without a buffer of its own, what waits can be seen at the descriptor.
  setvbuf(input, nullptr, _IONBF, 0);
  bool test = style == MessageStyle::Delimited;
  auto idle = std::make_unique<IdleInput>(input, test ? lsp::JSONStreamStyle::Delimited
                                                      : lsp::JSONStreamStyle::Standard);
  IdleInput &reader = *idle;
  lsp::JSONTransport transport(std::move(idle), llvm::outs(), /*PrettyOutput=*/test);
  LanguageServer server(transport);
  reader.server = &server;
  llvm::Error error = transport.run(server.handler);
  bool ended = !error;
  if (error)
    lsp::Logger::error("the connection broke: {0}", llvm::toString(std::move(error)));
  return ended && server.wasShutDown ? 0 : 1;
}

} // namespace gnc::tools
