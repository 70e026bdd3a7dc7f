#include "dsl/Facts.h"

#include "dsl/Value.h"

using namespace gnc::dsl;

static std::string shapeText(const Value &value) {
  if (const Tensor *tensor = value.tensor())
    return tensor->str();
  const Record *record = value.record();
  if (!record)
    return value.str();
  std::string text;
  for (const auto &[name, field] : record->fields)
    text += (text.empty() ? "(" : ", ") + name + " " + field.str();
  return text + ")";
}

LayerFact *Facts::add(Span at, const LayerResult &result) {
  if (at.source != &source)
    return nullptr;
  auto [it, first] = byBegin.try_emplace(at.begin);
  LayerFact &fact = it->second;
  fact.assumed |= result.assumed;
  std::string shape = shapeText(result.value);
  if (!first) {
    fact.same &= shape == fact.shape;
    return &fact;
  }
  fact.shape = std::move(shape);
  fact.parameters = result.parameters;
  if (const Tensor *tensor = result.value.tensor()) {
    fact.isTensor = true;
    fact.extents.assign(tensor->shape.begin(), tensor->shape.end());
    fact.arithmetic = tensor->trail ? tensor->trail->note : "";
  }
  return &fact;
}

void Facts::stage(const ast::Stage &stage, const LayerResult &result) {
  if (LayerFact *fact = add(stage.unit->span, result))
    fact->stage = &stage;
}

void Facts::layer(Span at, const LayerResult &result) { add(at, result); }

void Facts::name(Span at, const Value &value) {
  if (at.source == &source)
    if (auto [it, first] = values.try_emplace(at.begin); first)
      it->second = value.str();
}

const LayerFact *Facts::layerAt(uint32_t begin) const {
  auto it = byBegin.find(begin);
  return it == byBegin.end() ? nullptr : &it->second;
}

llvm::StringRef Facts::valueAt(uint32_t begin) const {
  auto it = values.find(begin);
  return it == values.end() ? llvm::StringRef() : llvm::StringRef(it->second);
}
