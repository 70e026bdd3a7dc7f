// Small shapes for an op: those of a use, shrunk, or chosen to fit the signature.
#include "dsl/OpMaker.h"

#include "ir/Gnc.h"

#include <random>

using namespace gnc::dsl;
using llvm::StringRef;

//===- the shapes of a use, shrunk ----------------------------------------------------------===//

// Extents up to this are left as they are: enough for a window and its borders.
static constexpr int64_t smallExtent = 6;

/// Every extent and class count of the inputs.
static void forEachExtent(OpPlan &plan, llvm::function_ref<void(int64_t &)> visit) {
  for (std::optional<TensorType> &input : plan.inputs) {
    for (int64_t &extent : input->shape)
      visit(extent);
    if (input->classes)
      visit(input->classes);
  }
}

/// Equal extents belong together: all that are `from` become `to`.
static OpPlan replaced(OpPlan plan, int64_t from, int64_t to) {
  forEachExtent(plan, [&](int64_t &extent) { extent = extent == from ? to : extent; });
  return plan;
}

/// All large extents divided by one number, if it divides them.
static std::optional<OpPlan> divided(OpPlan plan, int64_t by) {
  bool whole = true;
  forEachExtent(plan, [&](int64_t &extent) {
    if (extent <= smallExtent)
      return;
    whole &= extent % by == 0;
    extent /= by;
    whole &= extent > 2;
  });
  return whole ? std::optional(plan) : std::nullopt;
}

OpInstance OpMaker::makeSmall(OpPlan plan) const {
  OpInstance best = make(plan);
  if (!best.module)
    return best;
  auto attempt = [&](const OpPlan &smaller) {
    OpInstance made = make(smaller);
    if (!made.module)
      return false;
    plan = smaller, best = std::move(made);
    return true;
  };
  // Dimensions that are multiples of each other (2*H) shrink together, the others one by one.
  for (int64_t by : {64, 32, 16, 8, 7, 4})
    if (std::optional<OpPlan> smaller = divided(plan, by); smaller && attempt(*smaller))
      break;
  llvm::SmallVector<int64_t> large;
  forEachExtent(plan, [&](int64_t extent) {
    if (extent > smallExtent && !llvm::is_contained(large, extent))
      large.push_back(extent);
  });
  for (int64_t extent : large) {
    llvm::SmallVector<int64_t> taken;
    forEachExtent(plan, [&](int64_t known) { taken.push_back(known); });
    for (int64_t to : {5, 4, 6, 3, 8, 7, 2, 9, 10, 11, 12, 14, 16, 18, 20, 24})
      if (to < extent && !llvm::is_contained(taken, to) && attempt(replaced(plan, extent, to)))
        break;
  }
  return best;
}

//===- chosen shapes ------------------------------------------------------------------------===//

namespace {
class Choice {
public:
  explicit Choice(unsigned seed) : random(seed) {}
  int64_t operator()(llvm::ArrayRef<int64_t> among) { return among[random() % among.size()]; }
  bool coin() { return random() % 2; }

private:
  std::mt19937 random;
};
} // namespace

/// A value for a setting: one without a default needs it, of the others only those whose kind is
/// known are changed.
static std::optional<Value> settingValue(const ast::Param &setting, bool vary, Choice &choice) {
  ast::Elem kind = setting.type ? setting.type->elem : ast::Elem::Number;
  bool truth = kind == ast::Elem::Bool || llvm::isa_and_nonnull<ast::Bool>(setting.value);
  if (setting.value && !(vary && choice.coin()))
    return std::nullopt;
  if (truth)
    return Value::boolean(choice.coin());
  if (kind == ast::Elem::Size || kind == ast::Elem::Int)
    return Value::number(choice({2, 1, 3, 0, 2, 1}));
  if (!setting.value && kind == ast::Elem::Number)
    return Value::number(choice({2, 1, 3, 4}));
  return std::nullopt;
}

/// How much an instance shows: extents above 1 that differ, few guarded reads, changed settings.
int OpMaker::score(OpInstance &instance, const OpPlan &plan) const {
  int points = 0;
  llvm::SmallVector<int64_t> seen;
  auto function = instance.function();
  for (mlir::TypeRange types :
       {mlir::TypeRange(function.getArgumentTypes()), mlir::TypeRange(function.getResultTypes())})
    for (mlir::Type type : types)
      for (int64_t extent : llvm::cast<mlir::RankedTensorType>(type).getShape()) {
        points += extent == 1 ? -4 : llvm::is_contained(seen, extent) ? 0 : 1;
        seen.push_back(extent);
      }
  instance.module->walk([&](gnc::ComputeOp equation) {
    for (unsigned i = 0; i < equation.getReads().size(); ++i)
      points -= equation.getAccess(i).isGuarded() ? 3 : 0;
  });
  for (const Recipe::Given &setting : plan.settings)
    points += setting.value->isNumber() && *setting.value->asDouble() == 0 ? -2 : 4;
  return points;
}

OpInstance OpMaker::choose(OpPlan plan, bool vary) const {
  bindKnown(plan);
  Choice choice(op.name.text.size() * 7 + vary);
  OpInstance best;
  int most = 0;
  unsigned made = 0;
  constexpr unsigned maxTries = 300, enough = 8;
  for (unsigned attempt = 0; attempt < maxTries && made < enough; ++attempt) {
    OpPlan full = plan;
    // Windows and strides fit into small extents; what does not may fit into larger ones.
    bool larger = attempt > maxTries / 2 && !made;
    auto extent = [&] {
      return Value::number(larger ? choice({2, 4, 7, 8, 9, 12, 16})
                                  : choice({2, 3, 4, 5, 6, 3, 4, 5}));
    };
    for (StringRef name : freeNames())
      full.dimensions.try_emplace(name, !isPack(name)   ? extent()
                                        : choice.coin() ? Value::tuple({extent(), extent()})
                                                        : Value::tuple({extent()}));
    for (const ast::Param &setting : op.params.settings) {
      bool given = llvm::any_of(
          plan.settings, [&](const Recipe::Given &g) { return g.name.text == setting.name.text; });
      if (std::optional<Value> value = given ? std::nullopt : settingValue(setting, vary, choice))
        full.settings.push_back(
            {setting.name, std::make_shared<const Value>(*value), setting.span});
    }
    OpInstance instance = make(full);
    if (!instance.module) {
      if (attempt == 0)
        best = std::move(instance);
      continue;
    }
    int points = score(instance, full);
    if (made++ == 0 || points > most)
      most = points, best = std::move(instance);
  }
  return best;
}
