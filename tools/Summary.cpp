//===- Summary.cpp - the paper's table
//----------------------------------------------------------===//
#include "tools/Summary.h"

#include "codegen/Assemble.h"
#include "codegen/MemoryPlan.h"
#include "codegen/Programs.h"
#include "passes/FoldWeights.h"
#include "tools/Session.h"

#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Unicode.h"

using namespace mlir;

namespace gnc::tools {

namespace {
/// 1234567 -> "1,234,567".
std::string grouped(int64_t value) {
  std::string digits = std::to_string(value);
  for (int at = int(digits.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3)
    digits.insert(size_t(at), ",");
  return digits;
}

int width(StringRef text) {
  int columns = llvm::sys::unicode::columnWidthUTF8(text);
  return columns < 0 ? int(text.size()) : columns;
}

/// `texts` left-aligned columns, then right-aligned numbers.
template <size_t columns> class Table {
public:
  void add(std::array<std::string, columns> row) { rows.push_back(std::move(row)); }
  void print(llvm::raw_ostream &os, size_t texts) const {
    std::array<int, columns> widths{};
    for (const auto &row : rows)
      for (size_t c = 0; c < row.size(); ++c)
        widths[c] = std::max(widths[c], width(row[c]));
    for (const auto &row : rows) {
      std::string line;
      for (size_t c = 0; c < row.size(); ++c) {
        std::string blanks(size_t(widths[c] - width(row[c])), ' ');
        line += (c ? "  " : "") + (c < texts ? row[c] + blanks : blanks + row[c]);
      }
      os << StringRef(line).rtrim() << "\n";
    }
  }

private:
  std::vector<std::array<std::string, columns>> rows;
};

std::string joined(const std::vector<std::string> &parts) { return llvm::join(parts, ", "); }

void printLayers(llvm::raw_ostream &os, const dsl::NetSummary &net) {
  os << net.net << "(" << joined(net.inputs) << ") -> " << joined(net.outputs) << "\n\n";
  Table<4> table;
  table.add({"layer", "output", "parameters", "multiply-adds"});
  double multiplyAdds = 0, flops = 0;
  for (const dsl::NetRow &row : net.rows) {
    if (row.level == 0) { // the others are part of these
      flops += row.flops;
      multiplyAdds += row.multiplyAdds;
    }
    auto count = [](int64_t value) { return value ? grouped(value) : std::string("-"); };
    table.add({std::string(2 * row.level, ' ') + row.text, row.shape, count(row.parameters),
               count(int64_t(row.multiplyAdds))});
  }
  table.add({"total", "", grouped(net.parameters), grouped(int64_t(multiplyAdds))});
  table.print(os, 2);
  os << "\n"
     << grouped(net.parameters) << " parameters in " << net.parameterTensors
     << (net.parameterTensors == 1 ? " tensor" : " tensors");
  if (net.stateElements)
    os << ", " << grouped(net.stateElements) << " numbers of state";
  os << "; " << grouped(int64_t(flops)) << " operations a sample\n";
  os << assumptions(net);
}

void printTraining(llvm::raw_ostream &os, const dsl::NetSummary &net) {
  if (net.training.empty())
    return;
  os << "\ntraining\n";
  Table<2> table;
  if (!net.asUsed.empty())
    table.add({"  net", net.asUsed + ": " + grouped(net.parametersAsUsed) + " parameters"});
  for (const auto &[name, value] : net.training)
    table.add({"  " + name, value});
  table.print(os, 2);
}

void printMemory(llvm::raw_ostream &os, ModuleOp module) {
  Table<7> table;
  table.add({"program", "total", "weights", "in and out", "temporaries", "unshared", "launches"});
  int64_t batch = 0;
  for (auto program : module.getOps<func::FuncOp>()) {
    std::optional<MemoryReport> report = memoryReport(program);
    if (!report)
      continue;
    int64_t launches = llvm::range_size(program.getOps<LaunchOp>());
    table.add({program.getSymName().str(), byteText(report->arena), byteText(report->persistent),
               byteText(report->host), byteText(report->temporaries), byteText(report->unshared),
               std::to_string(launches)});
    batch = plannedBatch(program);
  }
  os << "\nplanned memory with a batch of " << batch << "\n";
  table.print(os, 1);
  auto infer = module.lookupSymbol<func::FuncOp>("infer");
  if (auto folded = infer ? infer->getAttrOfType<IntegerAttr>(names::kFolded) : IntegerAttr())
    os << "infer has " << folded.getInt()
       << (folded.getInt() == 1 ? " operation" : " operations") << " folded into its weights\n";
  if (infer)
    if (auto once = infer->getAttrOfType<IntegerAttr>(names::kPrologue))
      os << "infer runs " << once.getInt() << (once.getInt() == 1 ? " launch" : " launches")
         << " once, after its weights are loaded\n";
}
} // namespace

std::string assumptions(const dsl::NetSummary &net) {
  if (net.assumed.empty())
    return "";
  return "assumed: " + joined(net.assumed) + " = 256; bind them with -s, for example -s " +
         net.assumed.front() + "=64\n";
}

bool summarize(Session &session) {
  if (!session.load(session.frontendOptions()))
    return false;
  llvm::raw_string_ostream stream(session.reply.output);
  if (!session.summary.net.empty())
    printLayers(stream, session.summary);
  printTraining(stream, session.summary);
  if (!session.lower(Phase::Buffers))
    return false;
  printMemory(stream, *session.module);
  return true;
}

} // namespace gnc::tools
