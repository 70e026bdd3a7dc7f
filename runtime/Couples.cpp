//===- Couples.cpp - samples in twos, equal or not
//----------------------------------------------===//
#include "runtime/Couples.h"

#include "runtime/HostPipeline.h"
#include "runtime/Philox.h"

#include <algorithm>
#include <cstring>

namespace gnc::runtime {

Couples::Couples(std::span<const uint32_t> samples, std::vector<int32_t> classOf, double equal,
                 uint64_t seed)
    : classes(std::move(classOf)), ordered(samples.begin(), samples.end()),
      position(classes.size()), share(equal), seed(seed) {
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](uint32_t a, uint32_t b) { return classes[a] < classes[b]; });
  int32_t highest = classes[ordered.back()];
  firstOf.resize(size_t(highest) + 1);
  endOf.resize(size_t(highest) + 1);
  for (uint32_t i = 0; i < ordered.size(); ++i) {
    size_t k = size_t(classes[ordered[i]]);
    position[ordered[i]] = i;
    if (endOf[k] == 0)
      firstOf[k] = i;
    endOf[k] = i + 1;
  }
}

int64_t Couples::partner(int64_t sample, uint64_t epoch) const {
  RandomStream stream(seed, Purpose::Couple, 0);
  uint64_t first = firstOf[size_t(classes[size_t(sample)])];
  uint64_t end = endOf[size_t(classes[size_t(sample)])], same = end - first;
  bool equal = stream.uniform(epoch, uint64_t(sample) * 2) < share;
  uint64_t draw = uint64_t(sample) * 2 + 1;
  if (!equal) { // all but the class's own stretch
    uint64_t i = stream.below(ordered.size() - same, epoch, draw);
    return ordered[i < first ? i : i + same];
  }
  if (same == 1)
    return sample;
  uint64_t i = first + stream.below(same - 1, epoch, draw); // all but itself
  return ordered[i < position[size_t(sample)] ? i : i + 1];
}

namespace {
Result<std::vector<int32_t>> classesOf(const Part &part) {
  const Member *label = part.find("label");
  if (!label || label->elements() != 1 || label->type == ElementType::F32)
    return inputError("couples", "couples(..) needs a class a sample, but the source has no member "
                                 "'label' of whole numbers")
        .withHelp("couple the samples of a source with labels: idx(..) -> couples(equal = 0.5)");
  std::vector<int32_t> classes(size_t(part.count));
  for (size_t i = 0; i < classes.size(); ++i)
    if (label->type == ElementType::I32)
      memcpy(&classes[i], label->data.data() + 4 * i, 4);
    else
      classes[i] = label->data.data()[i];
  // A class is a place in a table: nothing that a file says may make it large.
  constexpr int32_t most = 1 << 24;
  for (size_t i = 0; i < classes.size(); ++i)
    if (classes[i] < 0 || classes[i] >= most)
      return inputError("couples", "label " + std::to_string(classes[i]) + " in sample " +
                                       std::to_string(i) + " of the " + part.name +
                                       " part is no class to couple by")
          .withHelp("labels are whole numbers from 0");
  return classes;
}

std::shared_ptr<Part> coupledPart(const std::shared_ptr<const Part> &base) {
  auto part = std::make_shared<Part>();
  part->name = base->name;
  part->count = base->count;
  part->base = base;
  part->decoder = base->decoder;
  part->seed = base->seed;
  part->workers = base->workers;
  for (bool partner : {false, true})
    for (const Member &of : base->members) {
      Member member{(partner ? "b." : "a.") + of.name, of.type, of.shape};
      member.mask = of.mask;
      member.of = int(&of - base->members.data());
      member.partner = partner;
      part->members.push_back(std::move(member));
    }
  part->members.push_back({"equal", ElementType::Bool});
  return part;
}
} // namespace

Result<Dataset> coupled(Dataset data, double equal, uint64_t seed) {
  for (Split *split : {&data.train, &data.validation, &data.test}) {
    if (split->samples.empty()) {
      split->part = coupledPart(split->part);
      continue;
    }
    Result<std::vector<int32_t>> classes = classesOf(*split->part);
    if (!classes.ok())
      return std::move(classes).error();
    auto other = [&](uint32_t s) { return (*classes)[s] != (*classes)[split->samples.front()]; };
    if (equal < 1 && std::none_of(split->samples.begin(), split->samples.end(), other))
      return inputError("couples", "all samples of the " + split->name +
                                       " split have one class, so no two are different")
          .withHelp("write couples(equal = 1), or take data with more classes");
    auto part = coupledPart(split->part);
    part->couples = std::make_shared<Couples>(split->samples, std::move(*classes), equal, seed);
    split->part = std::move(part);
  }
  return data;
}

std::vector<Tensor> baseInputs(std::span<const Tensor> inputs, int64_t classes) {
  std::vector<Tensor> needed;
  bool labelled = false;
  for (const Tensor &input : inputs) {
    std::string member = HostPipeline::memberOf(input.member);
    if (!member.starts_with("a.") && !member.starts_with("b."))
      continue;
    needed.push_back(input);
    needed.back().member = input.member.substr(2);
    labelled |= member.substr(2) == "label";
  }
  if (!labelled) {
    Tensor label;
    label.name = label.member = "label";
    label.type = ElementType::I32;
    label.classes = classes;
    label.batched = true;
    needed.push_back(label);
  }
  return needed;
}

} // namespace gnc::runtime
