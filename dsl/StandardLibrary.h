// The text of the standard library, dsl/std/*.net, as it is embedded in the binary.
#ifndef GNC_DSL_STANDARDLIBRARY_H
#define GNC_DSL_STANDARDLIBRARY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace gnc::dsl {

/// One file of the library; messages name it by `name` ("std/conv.net").
struct LibraryFile {
  llvm::StringRef name, text;
};

/// All files, in the order in which they are loaded. Together they are one module.
llvm::ArrayRef<LibraryFile> standardLibrary();

} // namespace gnc::dsl

#endif // GNC_DSL_STANDARDLIBRARY_H
