// `source = idx("dir")` of a data section: which sources there are and what they provide.
#ifndef GNC_DSL_DATASOURCE_H
#define GNC_DSL_DATASOURCE_H

#include "dsl/Elaborator.h"

#include <string>
#include <vector>

namespace gnc::dsl {

/// A member of a source, `source.image`. An extent of 0 is known when the data are opened; so is
/// the shape as a whole if `anyShape`.
struct SourceMember {
  llvm::StringRef name;
  TensorType type;
  bool anyShape = false;
};

/// Where samples come from: runtime::DataSource, and the members.
struct DataSource {
  std::string kind; // "idx", "synthetic"
  std::string path; // resolved against the folder of the .net file
  int64_t count = 0;
  int64_t seed = 1;
  Span span;
  std::vector<SourceMember> members;
  bool anyMember = false; // synthetic: further members are numbers of the shape that the net needs
};

/// Evaluates the `source` of a data section in `scope`. `dataOverride` is `--data`.
FailureOr<DataSource> evaluateSource(const ast::DataDecl &data, Elaborator &elab,
                                     const Module &module, Scope &scope,
                                     llvm::StringRef dataOverride);

/// Is it a transform that the host would do (decoding, random crops, ..)?
bool isHostTransform(llvm::StringRef name);
/// "idx(dir), synthetic(n, seed = 1)".
std::string supportedSources();

} // namespace gnc::dsl

#endif // GNC_DSL_DATASOURCE_H
