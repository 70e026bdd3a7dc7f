// One function of the module under construction: `@train`, `@eval` or `@infer`.
#ifndef GNC_DSL_PROGRAMFUNCTION_H
#define GNC_DSL_PROGRAMFUNCTION_H

#include "dsl/Elaborator.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace gnc::dsl {

/// Collects arguments as the elaborator asks for them, then results; `finish` drops what nothing
/// needs and writes the signature with its attributes (ir/Gnc.h, namespace names).
class ProgramFunction : public FunctionHost {
public:
  /// An empty function at the end of `module`. `training`: it may have schedules, and weights that
  /// nothing reads stay.
  ProgramFunction(mlir::ModuleOp module, llvm::StringRef name, bool training,
                  mlir::Location location);

  mlir::Value addParameter(const Parameter &parameter, mlir::Location location) override;
  mlir::Value addSchedule(const Schedule &schedule, mlir::Location location) override;
  mlir::Value addStream(mlir::Location location) override;
  /// A field of the sample; `member` is what the data source calls it.
  mlir::Value addInput(llvm::StringRef name, llvm::StringRef member, const TensorType &type,
                       mlir::Location location);
  /// A state of the optimizer, of the shape of its weight.
  mlir::Value addOptimizerState(llvm::StringRef path, const TensorType &type,
                                const Initializer &initializer, mlir::Location location);
  /// The running average of a weight.
  mlir::Value addAverage(llvm::StringRef path, const TensorType &type, mlir::Location location);
  /// K of an input of type index(K), found after the input was made.
  void setClasses(mlir::Value argument, int64_t classes);

  /// A result that the host reads.
  void addResult(llvm::StringRef path, mlir::Value value);
  /// A result that becomes the value of `argument` when the step is committed.
  void addUpdate(mlir::Value argument, mlir::Value value);

  /// Ends the function: `func.return`, types, attributes.
  void finish();

  mlir::OpBuilder builder; // at the end of the entry block

private:
  mlir::Value addArgument(mlir::Type type, llvm::StringRef role, llvm::StringRef path,
                          mlir::Location location, mlir::NamedAttrList attributes);
  void addInitializer(mlir::NamedAttrList &attributes, const Initializer &initializer);
  void eraseUnused();
  mlir::Block &entry() { return function.getBody().front(); }

  mlir::func::FuncOp function;
  const bool training;
  std::vector<mlir::NamedAttrList> argumentAttributes;      // one per argument of the block
  llvm::StringMap<mlir::Value> schedules;                   // by program
  mlir::Value stream;                                       // null until something is drawn
  std::vector<std::pair<std::string, mlir::Value>> results; // path and value
  std::vector<std::pair<mlir::Value, mlir::Value>> updates; // argument and value; after results
};

} // namespace gnc::dsl

#endif // GNC_DSL_PROGRAMFUNCTION_H
