// Pictures of a data source before they are tensors: the host stage of a data section (DataSource.h
// says what belongs to it).
#ifndef GNC_DSL_HOSTFIELD_H
#define GNC_DSL_HOSTFIELD_H

#include "dsl/Evaluator.h"

#include <functional>

namespace gnc::dsl {

struct HostField;

/// Makes inputs of the function from host fields. One per function, owned by the data section.
class HostFieldMaker {
public:
  virtual ~HostFieldMaker() = default;
  /// The input of the function that the host fills; the same for the same member and transforms.
  virtual FailureOr<Tensor> make(const HostField &field) = 0;
  /// A number for one use of a random transform.
  unsigned newSite() { return ++sites; }

private:
  unsigned sites = 0;
};

/// Arithmetic that waits until the field is a tensor.
using LaterStep = std::function<FailureOr<Value>(Elaborator &, const Value &)>;

/// A member of the source and what the host does to it. Immutable.
struct HostField {
  std::string member; // "image", "a.image"
  llvm::SmallVector<int64_t, 3>
      shape;          // [channels, height, width], of masks [height, width]; 0: open
  bool files = false; // decoded from image files, so open extents vary
  bool mask = false;  // its pixels are numbers, not colours
  std::vector<std::string> transforms = {}; // "resize(256)", as runtime/HostPipeline.h has them
  std::vector<std::pair<std::string, llvm::SmallVector<int64_t, 3>>> trail =
      {}; // steps as written, shapes
  std::vector<LaterStep> later = {};
  HostFieldMaker *maker = nullptr;
  Span use = {}; // of the member: where messages about its files point

  bool varies() const { return files && llvm::is_contained(shape, 0); }
  /// "u8[3, .., ..]".
  std::string str() const;
};

/// Is it a transform that the host knows: resize, random_crop, ..?
bool isHostTransform(llvm::StringRef name);
/// Their names.
llvm::ArrayRef<llvm::StringLiteral> hostTransforms();

/// Is it a host field, or a tuple with one in it?
bool holdsHostField(const Value &value);

/// The value with host fields become tensors.
FailureOr<Value> settle(Elaborator &elab, const Value &value);

/// `field * number`, `field / number`, and for masks `field // number`: done later. None for other
/// operands.
std::optional<Value> scaleLater(const ast::Binary &expr, const Value &lhs, const Value &rhs);
/// `index(mask, K)`: done later. None for other inputs.
std::optional<Value> indexLater(llvm::ArrayRef<Argument> inputs, Span at);

/// A stage after a host field, or after a tuple of them. None if it is not the host's: then the
/// input has to be settled first.
std::optional<FailureOr<Value>> applyOnHost(Elaborator &elab, Scope &scope, const ast::Unit &unit,
                                            const Value &input);

} // namespace gnc::dsl

#endif // GNC_DSL_HOSTFIELD_H
