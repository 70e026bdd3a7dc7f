//===- Synthetic.cpp - seeded samples of the declared types
//-------------------------------------===//
//
// Every class has a prototype, a fixed random value for every element. An element of a sample is,
// by a fair coin, its class's prototype or noise: half of the elements tell the class, and each one
// by itself is uniform.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/Dataset.h"
#include "runtime/HostPipeline.h"
#include "runtime/Philox.h"

#include <algorithm>
#include <cstring>

namespace gnc::runtime {

namespace {
uint64_t siteOf(const std::string &part, const std::string &member) {
  return siteHash(part + "/" + member);
}

void store(ElementType type, uint8_t *to, uint32_t bits) {
  float uniform = float(RandomStream::toUniform(bits));
  int32_t whole = int32_t(bits >> 24);
  switch (type) {
  case ElementType::F32: memcpy(to, &uniform, sizeof uniform); break;
  case ElementType::I32: memcpy(to, &whole, sizeof whole); break;
  case ElementType::U8: *to = uint8_t(whole); break;
  case ElementType::Bool: *to = uint8_t(bits >> 31); break;
  }
}

struct Synthesis {
  const Part &part;
  uint64_t seed;
  std::vector<int32_t> classes; ///< of each sample; empty without a class input
};

void fillClasses(Synthesis &synthesis, Member &member, const Tensor &input) {
  RandomStream stream(synthesis.seed, Purpose::SyntheticClass,
                      siteOf(synthesis.part.name, member.name));
  int64_t each = member.elements();
  bool first = synthesis.classes.empty();
  for (int64_t i = 0; i < synthesis.part.count * each; ++i) {
    int32_t value = int32_t(stream.below(uint64_t(input.classes), 0, uint64_t(i)));
    if (member.type == ElementType::I32)
      memcpy(member.data.data() + 4 * i, &value, 4);
    else
      member.data.data()[i] = uint8_t(value);
    if (first && i % each == 0)
      synthesis.classes.push_back(value);
  }
}

void fillValues(const Synthesis &synthesis, Member &member) {
  // Prototypes are the same in both parts, and whatever the host does to a member; samples are not.
  std::string name = HostPipeline::memberOf(member.name);
  RandomStream prototype(synthesis.seed, Purpose::SyntheticData, siteOf("prototype", name));
  RandomStream noise(synthesis.seed, Purpose::SyntheticData, siteOf(synthesis.part.name, name));
  int64_t each = member.elements(), width = byteWidth(member.type);
  uint8_t *to = member.data.data();
  for (int64_t sample = 0; sample < synthesis.part.count; ++sample)
    for (int64_t element = 0; element < each; ++element, to += width) {
      PhiloxBlock bits = noise.block(uint64_t(sample), uint64_t(element));
      bool tells = !synthesis.classes.empty() && (bits[1] & 1);
      if (tells)
        bits = prototype.block(uint64_t(synthesis.classes[size_t(sample)]), uint64_t(element));
      store(member.type, to, bits[0]);
    }
}

/// An empty member for an input, or an error.
Result<Member> allocateMember(const Tensor &input, int64_t count) {
  Member member;
  member.name = input.member;
  member.type = input.type;
  member.shape = input.declaredShape();
  if (input.classes > 256 && byteWidth(input.type) == 1)
    return internalError("input '" + input.name + "' has more classes than a byte");
  uint64_t total = uint64_t(byteWidth(input.type));
  bool overflow = __builtin_mul_overflow(total, uint64_t(count), &total);
  for (int64_t extent : input.shape)
    overflow |= extent < 0 || __builtin_mul_overflow(total, uint64_t(extent), &total);
  Result<Bytes> bytes =
      Bytes::allocate(overflow ? UINT64_MAX : total,
                      std::to_string(count) + " synthetic samples of '" + input.name + "'");
  if (!bytes.ok())
    return std::move(bytes).error().withHelp("ask for fewer samples");
  member.data = std::move(*bytes);
  return member;
}
} // namespace

Result<std::shared_ptr<Part>> makeSyntheticPart(std::string name, int64_t count, uint64_t seed,
                                                std::span<const Tensor> inputs) {
  auto part = std::make_shared<Part>();
  part->name = std::move(name);
  part->count = count;
  std::vector<const Tensor *> declared;
  for (const Tensor &input : inputs) {
    if (part->find(input.member))
      continue; // two inputs may read one member
    Result<Member> member = allocateMember(input, count);
    if (!member.ok())
      return std::move(member).error();
    part->members.push_back(std::move(*member));
    declared.push_back(&input);
  }
  Synthesis synthesis{*part, seed, {}};
  for (size_t i = 0; i < declared.size(); ++i)
    if (declared[i]->classes > 0)
      fillClasses(synthesis, part->members[i], *declared[i]);
  for (size_t i = 0; i < declared.size(); ++i)
    if (declared[i]->classes == 0)
      fillValues(synthesis, part->members[i]);
  return part;
}

} // namespace gnc::runtime
