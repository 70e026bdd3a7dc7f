//===- ImageHeader.cpp - the C header of a net compiled ahead of time
//----------------------------===//
#include "tools/ImageHeader.h"

#include "runtime/Checkpoint.h"
#include "runtime/CodeLoader.h"
#include "runtime/Text.h"
#include "tools/ObjectFile.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace gnc::tools {

namespace {
using runtime::Program;
using runtime::Role;
using runtime::Tensor;

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return char(std::toupper(c)); });
  return text;
}

/// "{1, 28, 28}"; a scalar has no initialiser.
std::string shapeInitialiser(const std::vector<int64_t> &shape) {
  std::string text = runtime::shapeText(shape);
  text.front() = '{', text.back() = '}';
  return text;
}

const char *cTypeOf(runtime::ElementType type) {
  switch (type) {
  case runtime::ElementType::F32: return "float";
  case runtime::ElementType::I32: return "int32_t";
  default: return "uint8_t";
  }
}

/// The macros of one input or result.
std::string tensorMacros(const std::string &net, const char *kind, const Tensor &tensor) {
  std::string prefix = upper(net + "_" + kind + "_" + identifierOf(tensor.name));
  const std::vector<int64_t> &shape = tensor.declaredShape();
  std::string text = "\n/* " + tensor.name + ": " + std::string(runtime::typeText(tensor.type)) +
                     runtime::shapeText(shape) + (tensor.batched ? " for each sample" : "") +
                     " */\n";
  auto define = [&](const char *what, const std::string &value) {
    text += "#define " + prefix + what + " " + value + "\n";
  };
  define("", "\"" + tensor.name + "\"");
  define("_TYPE", cTypeOf(tensor.type));
  define("_ELEMENTS", std::to_string(tensor.elements()));
  define("_RANK", std::to_string(shape.size()));
  if (!shape.empty())
    define("_SHAPE", shapeInitialiser(shape));
  if (tensor.classes)
    define("_CLASSES", std::to_string(tensor.classes));
  return text;
}

std::string tensorsOf(const std::string &net, const char *kind, const Program &program, Role role,
                      std::vector<std::string> &seen) {
  std::string text;
  for (const Tensor &tensor : program.tensors) {
    std::string key = kind + tensor.name;
    if (tensor.role != role || std::find(seen.begin(), seen.end(), key) != seen.end())
      continue;
    seen.push_back(key);
    text += tensorMacros(net, kind, tensor);
  }
  return text;
}

/// The first program that is there, of those given.
const Program &firstOf(std::initializer_list<const Program *> programs) {
  for (const Program *program : programs)
    if (!program->launches.empty() || !program->tensors.empty())
      return *program;
  return **programs.begin();
}

/// A line for every tensor of best.safetensors, in the order of the file.
std::string weightLines(const runtime::CompiledNet &net) {
  struct Line {
    std::string key;
    const Tensor *tensor;
  };
  std::vector<Line> lines;
  for (const Tensor &tensor : firstOf({&net.train, &net.eval, &net.infer}).tensors) {
    if (tensor.role == Role::Weight || tensor.role == Role::State)
      lines.push_back({tensor.name, &tensor});
    else if (tensor.role == Role::Average)
      lines.push_back({runtime::averageKey(tensor.name), &tensor});
  }
  auto width = [](const Line &line) { return runtime::byteWidth(line.tensor->type); };
  std::sort(lines.begin(), lines.end(), [&](const Line &a, const Line &b) {
    return width(a) != width(b) ? width(a) > width(b) : a.key < b.key;
  });
  std::string text;
  int64_t offset = 0;
  for (const Line &line : lines) {
    char place[32];
    snprintf(place, sizeof place, "%12lld  ", (long long)offset);
    text += " * " + std::string(place) + std::string(runtime::typeText(line.tensor->type)) +
            runtime::shapeText(line.tensor->declaredShape()) + "  " + line.key + "\n";
    offset += line.tensor->elements() * width(line);
  }
  return text;
}

std::string programLines(const runtime::CompiledNet &net) {
  std::string text;
  for (const Program *program : {&net.train, &net.eval, &net.infer})
    if (program->maxBatch > 0)
      text += (text.empty() ? "" : ", ") + program->name + " (" +
              std::to_string(program->maxBatch) + " samples at a time)";
  return text;
}
} // namespace

std::string imageHeader(const runtime::CompiledNet &net) {
  std::string name = identifierOf(net.recipe.net), macro = upper(name);
  std::string text = "/* " + net.recipe.net + ", compiled by gnc " GNC_VERSION_TEXT " for " +
                     runtime::cpuLevelName(net.native->level) + ": " + programLines(net) +
                     ".\n *\n"
                     " *     gnc_program *program;\n"
                     " *     gnc_status *status = gnc_program_load_image(&gnc_image_" +
                     name +
                     ", &program);\n *\n"
                     " * Weights and states, by byte in the data of a weights file as gnc writes "
                     "it:\n *\n" +
                     weightLines(net) + " */\n";
  text += "#ifndef GNC_NET_" + macro + "_H\n#define GNC_NET_" + macro +
          "_H\n\n#include <gnc/gnc_runtime.h>\n\n"
          "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
          "extern const gnc_image gnc_image_" +
          name + ";\n\n#define " + macro + "_BATCH " + std::to_string(net.recipe.batch) +
          " /* samples of a training step */\n";
  std::vector<std::string> seen;
  for (const Program *program : {&net.infer, &net.eval, &net.train})
    text += tensorsOf(name, "input", *program, Role::Input, seen);
  text += tensorsOf(name, "result", net.infer, Role::Result, seen);
  return text + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
}

} // namespace gnc::tools
