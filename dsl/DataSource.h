// `source = idx("dir")` of a data section: which sources there are and what they provide.
//
// Host stage and compiled stage: what a data section says up to the point where a sample has a
// static shape runs on the host, on worker threads; the rest is equations of the program.
//  - A member that is decoded from image files (folder, pairs) is a HostField: its height and width
//    vary. On a HostField the transforms named in HostField.h (resize, random_crop, pad, ..)
//    are host transforms; a number may scale it (`/ 255`), which waits until it is a tensor.
//  - Everything else is a tensor, and `pad`, `random_crop`, .. of a tensor are ops of the library.
//    So is every transform of a HostField whose shape has become static, if the library has it.
//  - A HostField becomes a tensor (an input of the program) where anything else is done with it, or
//    at the end of the section. What is still unknown of its shape then is what the net declares.
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
  bool files = false;         // image files: extents of 0 vary from sample to sample
  bool mask = false;          // (of them) numbers, not colours
  llvm::StringRef alias = {}; // another name for it

  /// Bytes of [channels, height, width], or of a mask: the host may transform it.
  bool isPicture() const { return type.element == ElementKind::U8 && (type.rank() == 3 || mask); }
};

/// Where samples come from: runtime::DataSource, and the members.
struct DataSource {
  std::string kind; // "idx", "synthetic"
  std::string path; // resolved against the folder of the .net file
  int64_t count = 0;
  int64_t seed = 1;
  std::vector<std::pair<std::string, std::string>> files; // see runtime::DataSource; resolved
  double split = 0.9;
  std::string label;             // csv: a column
  std::optional<double> couples; // `-> couples(equal = p)`: members a.NAME, b.NAME, equal
  Span span;
  std::vector<SourceMember> members;
  bool anyMember = false; // synthetic: further members are numbers of the shape that the net needs
  bool anyColumn = false; // csv: further members are single numbers

  /// By name or alias; null if there is none. Of coupled sources without "a." or "b.".
  const SourceMember *find(llvm::StringRef name) const;
};

/// Evaluates the `source` of a data section in `scope`. `dataOverride` is `--data`.
FailureOr<DataSource> evaluateSource(const ast::DataDecl &data, Elaborator &elab,
                                     const Module &module, Scope &scope,
                                     llvm::StringRef dataOverride);

/// "idx(dir), .., synthetic(n, seed = 1)".
std::string allSources();

/// What may stand after `source =`, for who lists it: "idx", "idx(dir)", the members.
struct SourceUse {
  llvm::StringRef name, use;
  llvm::SmallVector<llvm::StringRef, 4> members;
};
std::vector<SourceUse> sourceUses();

} // namespace gnc::dsl

#endif // GNC_DSL_DATASOURCE_H
