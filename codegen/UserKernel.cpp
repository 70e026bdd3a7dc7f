#include "codegen/UserKernel.h"

#include "codegen/Assemble.h"
#include "codegen/GpuLower.h"
#include "codegen/KernelBuilder.h"
#include "codegen/Nvrtc.h"
#include "codegen/Programs.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace gnc {

namespace {
/// dictionary (kernels of the user), as gnc.cuda has it: source, names, constants, blocks, batch;
/// and of each parameter its C++ `types` and the elements of a `samples` (0: it has no batch), of
/// the first result the `elements` without the batch.
constexpr StringLiteral kUser = "gnc.cuda";
} // namespace

bool isUserKernel(func::FuncOp kernel) { return kernel->hasAttr(kUser); }

//===------------------------------------------------------------------------------------------===//
// Declaring
//===------------------------------------------------------------------------------------------===//

static StringRef cudaType(Type element) {
  if (element.isF32())
    return "float";
  if (element.isInteger(32))
    return "int";
  return element.isInteger(1) ? "bool" : "unsigned char";
}

/// Elements without the batch.
static int64_t elementsOf(Type type) {
  int64_t count = 1;
  for (int64_t extent : cast<RankedTensorType>(type).getShape().drop_front(isBatched(type)))
    count *= extent;
  return count;
}

/// All that the text depends on. Where it stands in the user's file is not a part of that: equal
/// texts are one kernel.
static DictionaryAttr describe(Builder &builder, CudaOp op) {
  SmallVector<Attribute> types;
  SmallVector<int64_t> samples;
  for (TypeRange range : {TypeRange(op.getInputs()), TypeRange(op.getResults())})
    for (Type type : range) {
      StringRef spelt = cudaType(cast<RankedTensorType>(type).getElementType());
      bool input = samples.size() < op.getInputs().size();
      types.push_back(builder.getStringAttr((input ? "const " : "") + spelt));
      samples.push_back(isBatched(type) ? elementsOf(type) : 0);
    }
  NamedAttrList list;
  list.set("source", op.getSourceAttr());
  list.set("names", op.getNamesAttr());
  list.set("constants", op.getConstantsAttr());
  list.set("types", builder.getArrayAttr(types));
  list.set("samples", builder.getDenseI64ArrayAttr(samples));
  list.set("elements", builder.getI64IntegerAttr(elementsOf(op.getResult(0).getType())));
  if (op.getBlocks())
    list.set("blocks", op.getBlocksAttr());
  if (op.getBatch())
    list.set("batch", op.getBatchAttr());
  return list.getDictionary(op.getContext());
}

/// Blocks, or for an element a thread threads, are counted by samples where there are some.
static SmallVector<int64_t> tilesOf(CudaOp op) {
  bool batched = isBatched(op.getResult(0).getType());
  int64_t count = op.getBlocks().value_or(elementsOf(op.getResult(0).getType()));
  int64_t divisor = op.getBlocks() ? 1 : op.getThreads();
  return batched ? SmallVector<int64_t>{count, 0, divisor, 1}
                 : SmallVector<int64_t>{0, count, divisor, 1};
}

FailureOr<UserLaunch> declareUserKernel(ModuleOp module, CudaOp op, int64_t batch,
                                        function_ref<Value(Value)> bufferOf) {
  UserLaunch launch;
  launch.tiles = tilesOf(op);
  double threads = double(launch.tiles[0]) * double(batch) + double(launch.tiles[1]);
  if (threads > INT32_MAX)
    return op.emitError() << "a kernel has at most 2147483647 "
                          << (op.getBlocks() ? "blocks" : "threads") << "; make the batch of "
                          << batch << " smaller";
  for (Value input : op.getInputs())
    launch.arguments.push_back(bufferOf(input));
  for (Value result : op.getResults()) {
    launch.written.push_back(int64_t(launch.arguments.size()));
    launch.arguments.push_back(bufferOf(result));
  }
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location place = FileLineColLoc::get(op.getFileAttr(), unsigned(op.getLine()), 1);
  SmallVector<Type> types(ValueRange(launch.arguments).getTypes());
  types.push_back(builder.getIndexType());
  launch.kernel = func::FuncOp::create(builder, place, "user", builder.getFunctionType(types, {}));
  launch.kernel.setPrivate();
  launch.kernel->setAttr(names::kKernel, builder.getUnitAttr());
  launch.kernel->setAttr(names::kThreads, op.getThreadsAttr());
  launch.kernel->setAttr(kUser, describe(builder, op));
  builder.setInsertionPointToEnd(launch.kernel.addEntryBlock());
  func::ReturnOp::create(builder, place);
  return launch;
}

//===------------------------------------------------------------------------------------------===//
// CUDA C++
//===------------------------------------------------------------------------------------------===//

namespace {
/// One kernel, written as text.
class UserText {
public:
  UserText(const KernelTable::Entry &entry, unsigned number, bool lines)
      : entry(entry), user(func()->getAttrOfType<DictionaryAttr>(kUser)), number(number),
        lines(lines) {}

  std::string print() {
    printHead();
    printConstants();
    printPlace();
    if (lines)
      os << "#line " << cast<FileLineColLoc>(func().getLoc()).getLine() << " \"" << number
         << "\"\n";
    for (char c : text("source"))
      if (c != '\r')
        os << c;
    os << "\n}\n";
    return std::move(out);
  }

private:
  func::FuncOp func() const { return entry.function; }
  StringRef text(StringRef name) const { return user.getAs<StringAttr>(name).getValue(); }
  int64_t whole(StringRef name) const { return user.getAs<IntegerAttr>(name).getInt(); }
  int64_t threads() const { return func()->getAttrOfType<IntegerAttr>(names::kThreads).getInt(); }
  ArrayRef<int64_t> samples() const {
    return user.getAs<DenseI64ArrayAttr>("samples").asArrayRef();
  }
  StringRef parameter(unsigned i) const {
    return cast<StringAttr>(user.getAs<ArrayAttr>("names")[i]).getValue();
  }
  /// It computes one sample of several.
  bool isMapped() const {
    return !user.contains("batch") && llvm::any_of(samples(), [](int64_t n) { return n > 0; });
  }

  void printHead() {
    os << "extern \"C\" __global__ void __launch_bounds__(" << threads() << ")\n"
       << gpuSymbol(entry.key) << "(";
    for (auto [i, type] : llvm::enumerate(user.getAs<ArrayAttr>("types")))
      os << cast<StringAttr>(type).getValue() << " *__restrict__ " << parameter(i) << ", ";
    os << "int " << (user.contains("batch") ? text("batch") : "gnc_samples") << ")\n{\n";
  }

  void printConstants() {
    for (NamedAttribute constant : user.getAs<DictionaryAttr>("constants")) {
      os << "  [[maybe_unused]] ";
      StringRef name = constant.getName().getValue();
      if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
        os << "const float " << name << " = " << floatText(number.getValue()) << ";\n";
      else if (auto truth = dyn_cast<BoolAttr>(constant.getValue()))
        os << "constexpr bool " << name << " = " << (truth.getValue() ? "true" : "false") << ";\n";
      else
        os << "constexpr int " << name << " = " << cast<IntegerAttr>(constant.getValue()).getInt()
           << ";\n";
    }
  }

  static std::string floatText(APFloat value) {
    if (!value.isFinite())
      return value.isNaN()        ? "__int_as_float(0x7fffffff)"
             : value.isNegative() ? "-__int_as_float(0x7f800000)"
                                  : "__int_as_float(0x7f800000)";
    SmallString<24> digits;
    value.toString(digits, /*FormatPrecision=*/9, /*FormatMaxPadding=*/0);
    StringRef point = digits.str().find_first_of(".eE") == StringRef::npos ? ".0f" : "f";
    return (digits + point).str();
  }

  /// `i` or `block`, and where the sample's tensors begin.
  void printPlace() {
    bool blocks = user.contains("blocks");
    int64_t count = blocks ? whole("blocks") : whole("elements");
    std::string first = blocks ? "blockIdx.x" : "blockIdx.x * blockDim.x + threadIdx.x";
    StringRef name = blocks ? "block" : "i";
    StringRef all = isMapped() ? "gnc_place" : name;
    os << "  [[maybe_unused]] const int " << all << " = " << first << ";\n";
    if (!blocks) {
      bool batched = samples()[user.getAs<ArrayAttr>("names").size() - 1] > 0;
      os << "  if (" << all << " >= " << count;
      if (isMapped())
        os << " * gnc_samples";
      else if (batched)
        os << " * " << text("batch");
      os << ")\n    return;\n";
    }
    if (!isMapped())
      return;
    os << "  [[maybe_unused]] const int " << name << " = gnc_place % " << count << ";\n";
    for (auto [i, elements] : llvm::enumerate(samples()))
      if (elements > 0)
        os << "  " << parameter(i) << " += size_t(gnc_place / " << count << ") * " << elements
           << ";\n";
  }

  const KernelTable::Entry &entry;
  DictionaryAttr user;
  unsigned number;
  bool lines;
  std::string out;
  llvm::raw_string_ostream os{out};
};
} // namespace

std::string printUserKernels(ArrayRef<KernelTable::Entry> kernels, bool lines) {
  std::string text;
  for (auto [number, entry] : llvm::enumerate(kernels))
    text += UserText(entry, unsigned(number), lines).print() + "\n";
  return text;
}

//===------------------------------------------------------------------------------------------===//
// PTX
//===------------------------------------------------------------------------------------------===//

static size_t indentOf(StringRef line) { return line.find_first_not_of(" \t"); }

/// The column of what a compiler means in line `at` of the user's file, from the two lines behind
/// its message: that line again, indented in its own way, and a caret below it.
static int columnOf(func::FuncOp kernel, unsigned at, StringRef behind) {
  auto [shown, rest] = behind.split('\n');
  size_t caret = rest.split('\n').first.find('^');
  StringRef line = kernel->getAttrOfType<DictionaryAttr>(kUser).getAs<StringAttr>("source");
  for (unsigned first = cast<FileLineColLoc>(kernel.getLoc()).getLine(); first < at; ++first)
    line = line.split('\n').second;
  size_t indent = indentOf(line.split('\n').first), shownIndent = indentOf(shown);
  if (indent == StringRef::npos || shownIndent == StringRef::npos || caret == StringRef::npos ||
      caret < shownIndent)
    return 1;
  return int(caret - shownIndent + indent + 1);
}

/// What the compiler says about the texts, as an error in the first line that it complains of. Its
/// messages begin "NUMBER(LINE): error: ", in a line of their own.
static runtime::Error refusedSource(ArrayRef<KernelTable::Entry> kernels, StringRef log) {
  runtime::Error error = runtime::inputError("cuda-source", "");
  for (StringRef rest = log; !rest.empty();) {
    StringRef line;
    std::tie(line, rest) = rest.split('\n');
    auto [place, message] = line.split(": error: ");
    unsigned number = 0, at = 0;
    if (message.empty() || place.consumeInteger(10, number) || !place.consume_front("(") ||
        place.consumeInteger(10, at) || number >= kernels.size())
      continue;
    if (!error.message.empty()) {
      error.notes.push_back("line " + std::to_string(at) + ": " + message.str());
      continue;
    }
    auto text = cast<FileLineColLoc>(func::FuncOp(kernels[number].function).getLoc());
    error.message = "CUDA C++: " + message.str();
    error.location = runtime::SourceLocation{text.getFilename().str(), int(at),
                                             columnOf(kernels[number].function, at, rest)};
  }
  if (!error.message.empty())
    return error;
  error.message = "nvrtc refuses the kernels in CUDA C++";
  return std::move(error).withNote(log.str());
}

runtime::Result<std::string> compileUserKernels(ArrayRef<KernelTable::Entry> kernels,
                                                const CudaTarget &target) {
  auto compiled = runNvrtc(printUserKernels(kernels, /*lines=*/true), target, {});
  if (!compiled.ok()) {
    auto text = cast<FileLineColLoc>(func::FuncOp(kernels.front().function).getLoc());
    runtime::Error error = compiled.error();
    error.help = "install the CUDA toolkit and set CUDA_HOME: it compiles this op";
    return std::move(error).at({text.getFilename().str(), int(text.getLine()), 1});
  }
  if (!compiled->accepted)
    return refusedSource(kernels, compiled->text);
  return std::move(compiled->text);
}

namespace {
struct PtxText {
  unsigned version = 0; ///< 83 for 8.3
  StringRef target, body;
};

PtxText partsOf(StringRef text) {
  auto behind = [&](StringRef word) { return text.substr(text.find(word) + word.size()).ltrim(); };
  PtxText parts;
  StringRef version = behind(".version");
  unsigned major = 0, minor = 0;
  if (!version.consumeInteger(10, major) && version.consume_front("."))
    version.consumeInteger(10, minor);
  parts.version = 10 * major + minor;
  parts.target = behind(".target").take_until([](char c) { return c == '\n' || c == '\r'; });
  parts.body = behind(".address_size").drop_until([](char c) { return c == '\n'; }).ltrim();
  return parts;
}
} // namespace

std::string joinPtx(const std::string &first, const std::string &second) {
  PtxText a = partsOf(first), b = partsOf(second);
  unsigned version = std::max(a.version, b.version);
  return "//\n// Made by gnc\n//\n\n.version " + std::to_string(version / 10) + "." +
         std::to_string(version % 10) + "\n.target " + a.target.str() + "\n.address_size 64\n\n" +
         a.body.str() + "\n" + b.body.str();
}

//===------------------------------------------------------------------------------------------===//
// Processors
//===------------------------------------------------------------------------------------------===//

runtime::Status refuseUserKernels(ModuleOp module) {
  CudaOp found;
  module.walk([&](CudaOp op) {
    found = op;
    return WalkResult::interrupt();
  });
  if (!found)
    return {};
  return runtime::environmentError("needs-card", "a kernel in CUDA C++ runs on a card alone")
      .withHelp("use --device=cuda, or --device=emulator; gnc compile makes code for cards alone "
                "with --target=sm_80 --cpu=none")
      .at(siteOf(found.getLoc()).location);
}

} // namespace gnc
