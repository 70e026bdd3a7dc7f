// The members of a source that a data section reads: tensors, or pictures of the host stage.
#ifndef GNC_DSL_DATAMEMBERS_H
#define GNC_DSL_DATAMEMBERS_H

#include "dsl/DataSource.h"
#include "dsl/HostField.h"
#include "dsl/ProgramFunction.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace gnc::dsl {

/// What the statements of a data section say, before any is evaluated.
struct FieldUses {
  using Members = llvm::SmallSetVector<llvm::StringRef, 4>;
  llvm::MapVector<llvm::StringRef, Members> fields; // and the members each is made from
  llvm::MapVector<llvm::StringRef, Span> members;   // all, with the first use
  bool hostTransforms = false; // some transform is named that only the host knows
};

/// Makes `source` of a data section: the inputs of the function come into being here. Must live
/// until all fields are tensors.
class DataMembers final : public HostFieldMaker {
public:
  /// `needed`: see DataFields::make.
  DataMembers(Elaborator &elab, ProgramFunction &function, const DataSource &source,
              const FieldUses &uses, const llvm::StringMap<TensorType> &needed)
      : elab(elab), function(function), source(source), uses(uses), needed(needed) {}

  /// The value of the name `source`.
  FailureOr<Record> bind();
  FailureOr<Tensor> make(const HostField &field) override;

private:
  /// What the net declares for a field.
  struct Wanted {
    llvm::StringRef field;
    const TensorType *type = nullptr;
  };
  FailureOr<Value> valueOf(llvm::StringRef member, Span use);
  FailureOr<TensorType> typeOf(llvm::StringRef member, const SourceMember *known, Span use);
  Wanted wantedFor(llvm::StringRef member) const;
  llvm::SmallVector<int64_t, 2> wantedSize() const;
  FailureOr<TensorType> pictureType(const HostField &field);
  LogicalResult unknownMember(llvm::StringRef member, Span use);
  Value hostField(llvm::StringRef member, const SourceMember &known, Span use);
  Tensor addInput(llvm::StringRef member, const TensorType &type, Span at, const TrailStep *trail);

  Elaborator &elab;
  ProgramFunction &function;
  const DataSource &source;
  const FieldUses &uses;
  const llvm::StringMap<TensorType> &needed;
  llvm::StringMap<Tensor> made;    // by member and transforms
  llvm::StringMap<unsigned> named; // inputs a name has
};

} // namespace gnc::dsl

#endif // GNC_DSL_DATAMEMBERS_H
