// The fields of a data section inside one function: members of the source become arguments, the
// section's arithmetic becomes equations.
#ifndef GNC_DSL_DATAFIELDS_H
#define GNC_DSL_DATAFIELDS_H

#include "dsl/DataSource.h"
#include "dsl/ProgramFunction.h"

namespace gnc::dsl {

/// A data section elaborated for one function.
class DataFields {
public:
  /// `needed` holds the types that the net declares for its inputs, by the name of the field they
  /// take: a member whose shape is known only when the data are opened takes the shape of the first
  /// such field made from it. The data are checked against it when they are opened.
  static FailureOr<DataFields> make(Elaborator &elab, ProgramFunction &function,
                                    const ast::DataDecl &data, const Module &module,
                                    const llvm::StringMap<TensorType> &needed,
                                    llvm::StringRef dataOverride);

  DataSource source;
  /// Fields by name, in the order of their first assignment.
  std::vector<std::pair<llvm::StringRef, Value>> fields;
  const Value *find(llvm::StringRef field) const;
  std::vector<llvm::StringRef> names() const;
};

} // namespace gnc::dsl

#endif // GNC_DSL_DATAFIELDS_H
