//===- LanguageServer.h - gnc lsp -------------------------------------------------------------===//
#pragma once

#include <cstdio>

namespace gnc::tools {

/// How messages stand on the streams: as the protocol says, or, for tests, between lines of
/// `// -----`, which are answered one by one.
enum class MessageStyle { Standard, Delimited };

/// Speaks the Language Server Protocol until the client says `exit` or closes the input. Returns
/// the exit code: 0 after a proper `shutdown`, else 1.
int serveLanguage(std::FILE *input, MessageStyle style);

} // namespace gnc::tools
