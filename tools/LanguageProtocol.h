//===- LanguageProtocol.h - from the language service to protocol messages --------------------===//
//
// Positions of the protocol count UTF-16 code units, ours bytes: this is where the two meet, and
// nowhere else. Messages that LLVM's library does not know are completed here.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "dsl/Service.h"

#include "llvm/Support/LSP/Protocol.h"

namespace gnc::tools {

/// A position that is not in the text becomes the nearest one that is.
uint32_t offsetOf(const dsl::Source &source, llvm::lsp::Position position);
llvm::lsp::Position positionOf(const dsl::Source &source, uint32_t offset);
llvm::lsp::Range rangeOf(dsl::Span span);

/// Diagnostics with their slugs as codes.
struct PublishParams {
  llvm::lsp::PublishDiagnosticsParams message;
  std::vector<std::string> codes; // one a diagnostic
};
/// Keeps references to `params`.
llvm::json::Value toJSON(const PublishParams &params);

/// Parameters that name a document: of `formatting`, of `didSave`.
struct DocumentParams {
  llvm::lsp::TextDocumentIdentifier textDocument;
};
bool fromJSON(const llvm::json::Value &value, DocumentParams &params, llvm::json::Path path);

/// Where a span is, as a file that an editor can open. A file of the standard library is written
/// to the user's cache for that, not to be changed. Fails with the reason.
llvm::Expected<llvm::lsp::Location> locationOf(const dsl::Analysis &analysis, dsl::Span span);
/// Was this file made by `locationOf`?
bool isLibraryCopy(llvm::StringRef path);

PublishParams publishParams(const llvm::lsp::URIForFile &uri, int64_t version,
                            const dsl::Analysis &analysis);
llvm::lsp::Hover hoverOf(const dsl::Hover &found);
llvm::lsp::CompletionItem completionItem(const dsl::Completion &completion);

} // namespace gnc::tools
