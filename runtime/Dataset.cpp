//===- Dataset.cpp - samples in memory, and how they are divided
//--------------------------------===//
#include "runtime/Dataset.h"

#include "runtime/Couples.h"
#include "runtime/Loader.h"
#include "runtime/Philox.h"
#include "runtime/Text.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace gnc::runtime {

int64_t Member::elements() const {
  int64_t n = 1;
  for (int64_t extent : shape)
    n *= extent;
  return n;
}

const Member *Part::find(const std::string &member) const {
  for (const Member &candidate : members)
    if (candidate.name == member)
      return &candidate;
  return nullptr;
}

Part::Place Part::place(const Member &member, int64_t sample, uint64_t epoch) const {
  if (!couples || member.of < 0)
    return {&member, sample};
  return {&base->members[size_t(member.of)],
          member.partner ? couples->partner(sample, epoch) : sample};
}

std::vector<Tensor> inputsOf(const CompiledNet &net) {
  std::vector<Tensor> inputs;
  for (const Program *program : {&net.train, &net.eval, &net.infer})
    for (const Tensor &tensor : program->tensors) {
      bool seen = std::any_of(inputs.begin(), inputs.end(), [&](const Tensor &t) {
        return t.name == tensor.name && t.member == tensor.member;
      });
      if (tensor.role == Role::Input && !seen)
        inputs.push_back(tensor);
    }
  return inputs;
}

//===- Checks ---------------------------------------------------------------------------------===//

namespace {
/// Bytes and truth values widen into numbers; nothing is narrowed.
bool canHold(ElementType input, ElementType member) {
  if (input == member)
    return true;
  bool small = member == ElementType::U8 || member == ElementType::Bool;
  return small && (input == ElementType::F32 || input == ElementType::I32);
}

int64_t wholeValue(const Member &member, int64_t element) {
  if (member.type != ElementType::I32)
    return member.data.data()[element];
  int32_t value;
  memcpy(&value, member.data.data() + 4 * element, 4);
  return value;
}

Status checkClasses(const Part &part, const Member &declared, const Tensor &input) {
  const Member &member = *part.place(declared, 0, 0).member;
  if (member.type == ElementType::F32)
    return inputError("data-type", "'" + input.name + "' counts classes, but the data's '" +
                                       member.name + "' is f32")
        .at(input.location);
  int64_t each = member.elements(), total = part.count * each;
  int64_t highest = 0;
  int64_t wrong = -1;
  for (int64_t i = 0; i < total; ++i) {
    int64_t value = wholeValue(member, i);
    highest = std::max(highest, value);
    if (wrong < 0 && (value < 0 || value >= input.classes))
      wrong = i;
  }
  if (wrong < 0)
    return {};
  Error error =
      inputError("class-range", member.name + " " + std::to_string(wholeValue(member, wrong)) +
                                    " in sample " + std::to_string(wrong / each) + " of the " +
                                    part.name + " part, but '" + input.name +
                                    "' has the classes 0 to " + std::to_string(input.classes - 1));
  error.notes.push_back("samples are counted from 0; the highest class in this part is " +
                        std::to_string(highest));
  error.help = "give the network " + std::to_string(highest + 1) + " classes, or correct the data";
  return std::move(error).at(input.location);
}

Error unknownMember(const Part &part, const Tensor &input, const std::string &member) {
  std::vector<std::string> names;
  for (const Member &candidate : part.members)
    names.push_back(candidate.name);
  std::string guess = nearest(member, names);
  return inputError("data-member",
                    "the data have no member '" + member + "' for input '" + input.name + "'")
      .withNote("members: " + listText(names))
      .withHelp(guess.empty() ? "" : "did you mean '" + guess + "'?")
      .at(input.location);
}

/// Checks what lies in memory; what the host makes is added to `made`.
Status checkInput(const Part &part, const Tensor &input, std::vector<HostField> &made) {
  Result<HostPipeline> pipeline = HostPipeline::parse(input.member);
  if (!pipeline.ok())
    return std::move(pipeline).error();
  const Member *member = part.find(input.member);
  bool whole = member; // the whole text names it: made up as the input wants it
  if (!whole)
    member = part.find(pipeline->member);
  if (!member)
    return unknownMember(part, input, pipeline->member);
  if (!part.place(*member, 0, 0).member->files.empty() ||
      (!whole && !pipeline->transforms.empty())) {
    size_t bytes = made.empty() ? 0 : made.back().offset + made.back().bytes();
    made.push_back({input.name, size_t(member - part.members.data()), std::move(*pipeline),
                    input.declaredShape(), bytes, input.location});
    return {};
  }
  if (member->shape != input.declaredShape())
    return inputError("data-shape", "'" + input.name + "' is " + shapeText(input.declaredShape()) +
                                        " in the network, but " + shapeText(member->shape) +
                                        " in the " + part.name + " data")
        .withHelp("declare " + input.name + ": " + shapeText(member->shape))
        .at(input.location);
  if (!canHold(input.type, member->type))
    return inputError("data-type", "'" + input.name + "' is " + std::string(typeText(input.type)) +
                                       " in the network, but " +
                                       std::string(typeText(member->type)) + " in the " +
                                       part.name + " data")
        .at(input.location);
  return input.classes > 0 ? checkClasses(part, *member, input) : Status();
}
} // namespace

Status checkInputs(const Part &part, std::span<const Tensor> inputs) {
  std::vector<HostField> made;
  for (const Tensor &input : inputs)
    if (Status status = checkInput(part, input, made); !status.ok())
      return status;
  if (made.empty())
    return {};
  // What the host makes is known only when it is made: the first sample stands for all.
  std::vector<uint8_t> bytes(made.back().offset + made.back().bytes());
  return makeSample(part, made, 0, 0, bytes.data());
}

//===- Splits ---------------------------------------------------------------------------------===//

namespace {
/// Which samples of the training part are for validation depends on nothing but the seed and the
/// sample's number, so appending samples moves none.
void carve(Dataset &data, const DataOptions &options) {
  RandomStream stream(options.seed, Purpose::Validate, 0);
  std::vector<uint32_t> kept;
  for (uint32_t sample : data.train.samples)
    (stream.uniform(0, sample) < options.validate ? data.validation.samples : kept)
        .push_back(sample);
  data.train.samples = std::move(kept);
}

Split wholePart(std::string name, std::shared_ptr<const Part> part) {
  Split split{std::move(name), std::move(part), {}};
  split.samples.resize(size_t(split.part->count));
  for (size_t i = 0; i < split.samples.size(); ++i)
    split.samples[i] = uint32_t(i);
  return split;
}
} // namespace

/// Both parts have the same members in the same order, so that what is bound to one reads the
/// other.
static bool sameMembers(const Part &a, const Part &b) {
  return std::equal(
      a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
      [](const Member &x, const Member &y) { return x.name == y.name && x.type == y.type; });
}

Result<Dataset> makeDataset(std::shared_ptr<const Part> train, std::shared_ptr<const Part> test,
                            std::span<const Tensor> inputs, const DataOptions &options) {
  if (!sameMembers(*train, *test))
    return inputError("data-member", "the training and the test part have different members");
  for (const auto &part : {train, test}) {
    if (part->count < 1)
      return inputError("empty-data", "the " + part->name + " part has no samples");
    if (part->count > int64_t(std::numeric_limits<uint32_t>::max()))
      return inputError("data-count", "the " + part->name + " part has more than 2^32 samples");
    if (Status status = checkInputs(*part, inputs); !status.ok())
      return std::move(status).error();
  }
  Dataset data;
  data.train = wholePart("train", train);
  data.validation = {"validation", train, {}};
  data.test = wholePart("test", test);
  if (options.validate > 0) {
    carve(data, options);
    if (data.train.samples.empty() || data.validation.samples.empty())
      return inputError("empty-data", "validate = " + std::to_string(options.validate) + " of " +
                                          std::to_string(train->count) + " samples leaves " +
                                          std::to_string(data.train.size()) + " for training and " +
                                          std::to_string(data.validation.size()) +
                                          " for validation")
          .withHelp("choose a fraction that leaves some of both, or drop `validate`");
  }
  return data;
}

void shuffle(const Split &split, uint64_t seed, int64_t epoch, std::vector<uint32_t> &order) {
  order.assign(split.samples.begin(), split.samples.end());
  RandomStream stream(seed, Purpose::Shuffle, 0);
  for (size_t i = order.size(); i > 1; --i) // Fisher and Yates
    std::swap(order[i - 1], order[stream.below(i, uint64_t(epoch), i)]);
}

} // namespace gnc::runtime
