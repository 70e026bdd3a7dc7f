//===- GradientReport.cpp - gnc check --grad, gnc grad ----------------------------------------===//
#include "tools/GradientReport.h"

#include "dsl/GradientText.h"
#include "dsl/OpInstance.h"
#include "passes/AdjointFunction.h"
#include "passes/CompareGradients.h"
#include "tools/Session.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace gnc::tools {

namespace {
/// Stopped: `stop` cuts it on purpose, and without that it is the derivative. None: all inputs are
/// whole numbers.
enum class Origin { Derived, Given, Stopped, Surrogate, None };

/// A line of the table: all instances of one op.
struct Row {
  Origin origin = Origin::Derived;
  int64_t compared = 0, kinks = 0;
  double worst = 0;
  bool differs = false;
  std::string problem; ///< why an instance was not compared
};

class GradientCheck {
public:
  explicit GradientCheck(Session &session) : session(session) {}
  void run();

private:
  void check(dsl::OpInstance &instance, Row &row);
  void reportEntry(const dsl::OpInstance &instance, Origin origin, const GradientEntry &entry);
  void reportLost(const dsl::OpInstance &instance, const LostValue &lost);
  void print(const llvm::MapVector<StringRef, Row> &rows);

  Session &session;
};

constexpr llvm::StringLiteral kOrigins[] = {"derived", "given", "stopped", "surrogate", "none"};
bool isCompared(Origin origin) { return origin == Origin::Derived || origin == Origin::Given; }

/// Whether there is a kernel in CUDA C++, which has values on a card alone; or one without a
/// gradient.
bool hasKernel(func::FuncOp function, bool withGradient = true) {
  return function
      .walk([&](CudaOp op) {
        bool given = isa<CustomOp>(op->getParentOp());
        return withGradient || !given ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Given gradients of ops that this one calls count as its own.
Origin originOf(func::FuncOp function) {
  if (hasKernel(function, /*withGradient=*/false))
    return Origin::None;
  if (llvm::none_of(function.getArgumentTypes(), [](Type type) {
        return cast<RankedTensorType>(type).getElementType().isF32();
      }))
    return Origin::None;
  Origin origin = Origin::Derived;
  function.walk([&](CustomOp custom) {
    origin = std::max(origin, custom.getSurrogate() ? Origin::Surrogate : Origin::Given);
  });
  return origin;
}

/// Whole numbers are drawn below the class counts. The more an op computes, the fewer entries are
/// looked at.
DrawOptions optionsFor(const dsl::OpInstance &instance) {
  DrawOptions options;
  for (const dsl::OpOperand &input : instance.inputs)
    options.classes.push_back(input.classes);
  double work = 1;
  for (Operation &op : instance.function().front())
    if (auto cost = dyn_cast<CostOpInterface>(op))
      work += cost.cost(options.batch).flops;
  constexpr double budget = 2e6; // operations: some 50 ms
  options.entries = unsigned(std::clamp(budget / work, 4.0, 32.0));
  return options;
}

/// Is the gradient the derivative once every `stop` is left out?
bool isStopped(func::FuncOp forward, const DrawOptions &options) {
  SmallVector<StopOp> stops;
  forward.walk([&](StopOp stop) { stops.push_back(stop); });
  if (stops.empty())
    return false;
  for (StopOp stop : stops) {
    stop.replaceAllUsesWith(stop.getOperand());
    stop.erase();
  }
  auto adjoint = makeAdjointFunction(forward, "unstopped");
  return succeeded(adjoint) && !compareGradients(forward, adjoint->function, options).worst;
}

std::string elementText(StringRef name, ArrayRef<int64_t> index) {
  std::string text = name.str();
  for (auto [i, at] : llvm::enumerate(index))
    text += (i ? ", " : "[") + std::to_string(at);
  return index.empty() ? text : text + "]";
}

std::string numberText(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.6g", value);
  return text;
}
} // namespace

void GradientCheck::reportEntry(const dsl::OpInstance &instance, Origin origin,
                                const GradientEntry &entry) {
  const std::string &input = instance.inputs[entry.input].name;
  dsl::Span given = instance.given[entry.input];
  std::string text = given ? "the gradient that " + instance.name + " gives for " + input +
                                 " is not its derivative"
                           : "the derived gradient of " + instance.name + " for " + input +
                                 " is not what differences say";
  dsl::Diagnostic &error =
      session.diagnostics.error("gradient-differs", given ? given : instance.span, text);
  std::string element = elementText(input, entry.index);
  error.note("d." + element + " is " + numberText(entry.derived) + ", the difference quotient " +
             numberText(entry.quotient) + ", where " + element + " = " + numberText(entry.at));
  error.note("with " + instance.text());
  if (origin == Origin::Given)
    error.help("mend it; or, if it is meant so, write grad @surrogate { .. }");
  else
    error.help("a jump within 1e-6 of the inputs would explain it; else this is a bug in gnc");
}

void GradientCheck::reportLost(const dsl::OpInstance &instance, const LostValue &lost) {
  std::string what =
      lost.gradient ? "the gradient of " + instance.name + " for " +
                          (lost.number < instance.inputs.size() ? instance.inputs[lost.number].name
                                                                : std::string("a schedule"))
                    : "result " + instance.results[lost.number].name + " of " + instance.name;
  std::string where = lost.input ? numberText(lost.input) : "+-1e-6, +-30 and +-100";
  session.diagnostics
      .warning("not-finite-f32", instance.span,
               what + " is not finite in f32 where its inputs are " + where)
      .note("in f64 it is " + numberText(lost.exact))
      .note("with " + instance.text())
      .help("compute it without large numbers on the way: softplus(x) for log(1 + exp(x)), "
            "x - max for softmax");
}

void GradientCheck::check(dsl::OpInstance &instance, Row &row) {
  if (!instance.module) {
    row.problem = instance.problem;
    return;
  }
  row.origin = std::max(row.origin, originOf(instance.function()));
  if (hasKernel(instance.function())) {
    row.problem = "a kernel in CUDA C++ has values on a card alone";
    return;
  }
  std::string failure;
  ScopedDiagnosticHandler handler(&session.context, [&](Diagnostic &diagnostic) {
    failure = diagnostic.str();
    return success();
  });
  func::FuncOp forward = instance.function();
  auto adjoint = makeAdjointFunction(forward, "adjoint");
  if (failed(adjoint)) {
    row.problem = failure;
    return;
  }
  DrawOptions options = optionsFor(instance);
  if (isCompared(row.origin)) {
    GradientComparison found = compareGradients(forward, adjoint->function, options);
    if (found.worst && isStopped(forward, options)) {
      row.origin = Origin::Stopped;
      return;
    }
    row.compared += found.compared;
    row.kinks += found.kinks;
    row.worst = std::max(row.worst, found.worstError);
    if (!found.problem.empty())
      row.problem = found.problem;
    if (found.worst && !row.differs)
      reportEntry(instance, row.origin, *found.worst);
    row.differs |= found.worst.has_value();
  }
  if (auto lost = findLostValue(forward, adjoint->function, options))
    reportLost(instance, *lost);
}

namespace {
/// "2 given, 1 surrogate".
std::string counted(ArrayRef<size_t> counts) {
  std::string text;
  for (auto [count, what] : llvm::zip_equal(counts, kOrigins))
    if (count)
      text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + what.str();
  return text;
}
} // namespace

void GradientCheck::print(const llvm::MapVector<StringRef, Row> &rows) {
  llvm::raw_string_ostream os(session.reply.output);
  size_t width = 2, counts[std::size(kOrigins)] = {}, unchecked = 0;
  Row total;
  for (const auto &[name, row] : rows) {
    width = std::max(width, name.size());
    ++counts[size_t(row.origin)];
    unchecked += !row.compared && isCompared(row.origin);
    total.compared += row.compared, total.kinks += row.kinks;
    total.worst = std::max(total.worst, row.worst);
  }
  os << llvm::left_justify("op", width) << "  gradient   entries  worst error\n";
  for (const auto &[name, row] : rows) {
    os << llvm::left_justify(name, width) << "  "
       << llvm::left_justify(kOrigins[size_t(row.origin)], 9);
    if (!isCompared(row.origin))
      os << "        -  not compared\n";
    else if (!row.compared)
      os << "        -  not checked: " << row.problem << "\n";
    else
      os << llvm::formatv("  {0,7}  {1,11}", row.compared, llvm::formatv("{0:e1}", row.worst).str())
         << (row.differs ? "  differs\n" : "\n");
  }
  os << rows.size() << (rows.size() == 1 ? " op (" : " ops (") << counted(counts) << "), "
     << total.compared << " entries compared";
  if (total.kinks)
    os << ", " << total.kinks << " at kinks drawn again";
  os << llvm::formatv("; worst error {0:e1}", total.worst);
  if (unchecked)
    os << "; " << unchecked << " not checked";
  os << "\n";
}

void GradientCheck::run() {
  dsl::Diagnostics repeated; // the check before has said all of it
  auto instances = dsl::instantiateOps(session.request.file, session.frontendOptions(),
                                       session.context, session.sources, repeated);
  if (!instances) {
    session.diagnostics = std::move(repeated);
    session.takeFrontendDiagnostics();
    return;
  }
  llvm::MapVector<StringRef, Row> rows;
  for (dsl::OpInstance &instance : *instances)
    check(instance, rows[instance.name]);
  session.takeFrontendDiagnostics();
  print(rows);
  session.mark("gradients");
}

void checkGradients(Session &session) {
  if (session.isNet())
    GradientCheck(session).run();
  else
    session.fail(2, {.text = "a printed module has no ops of the language any more",
                     .slug = "usage",
                     .help = "gnc check --grad takes the .net file"});
}

/// " Other shapes: -s x=2x5x4.": how the first input's shape is given.
static std::string shapeHint(const dsl::OpInstance &instance) {
  const dsl::OpOperand &input = instance.inputs.front();
  StringRef dims = StringRef(input.type).rsplit('[').second;
  if (dims.contains(';'))
    dims = dims.split(';').second.ltrim();
  std::string shape = llvm::join(llvm::split(dims.drop_back(), ", "), "x");
  return instance.pointwise || shape.empty()
             ? ""
             : " Other shapes: -s " + input.name + "=" + shape + ".";
}

void printGradient(Session &session, const std::string &op) {
  auto instance = dsl::instantiateOp(session.request.file, op, session.frontendOptions(),
                                     session.context, session.sources, session.diagnostics);
  session.takeFrontendDiagnostics();
  if (!instance)
    return;
  if (hasKernel(instance->function(), /*withGradient=*/false)) {
    session.fail(1, {.text = op + " is a kernel in CUDA C++: it has the gradient that is written "
                                  "behind it, and there is none",
                     .slug = "no-gradient",
                     .help = "write one: grad { d.x[..] = .. }"});
    return;
  }
  if (originOf(instance->function()) == Origin::None) {
    session.fail(1, {.text = "the inputs of " + op + " are whole numbers: they have no gradient",
                     .slug = "no-gradient",
                     .help = "numbers have one: declare an input f32"});
    return;
  }
  auto adjoint = makeAdjointFunction(instance->function(), "adjoint");
  if (failed(adjoint)) {
    session.failFromDiagnostics(true);
    return;
  }
  bool chosen = session.request.settings.empty();
  session.reply.output = "# The gradient of " + op + " with " + instance->text() + "." +
                         (chosen ? shapeHint(*instance) : "") + "\n" +
                         dsl::gradientText(*instance, adjoint->function);
}

} // namespace gnc::tools
