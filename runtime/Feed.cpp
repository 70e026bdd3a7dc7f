//===- Feed.cpp - carries samples into a program's inputs
//---------------------------------------===//
#include "runtime/Feed.h"

#include "runtime/Couples.h"
#include "runtime/Layout.h"

#include <cassert>
#include <cstring>

namespace gnc::runtime {

namespace {
/// Element by element, widening on the way. The dense side may be unaligned, the arena is not.
template <typename From, typename To>
void scatter(const uint8_t *dense, const Tensor &input, uint8_t *sample) {
  To *base = reinterpret_cast<To *>(sample);
  forEachRow(input, [&](int64_t offset, int64_t stride, int64_t length) {
    for (int64_t i = 0; i < length; ++i, dense += sizeof(From)) {
      From value;
      memcpy(&value, dense, sizeof value);
      base[offset + i * stride] = To(value);
    }
  });
}

void scatterAs(ElementType member, const uint8_t *dense, const Tensor &input, uint8_t *sample) {
  bool narrow = byteWidth(member) == 1;
  if (input.type == ElementType::F32)
    return narrow ? scatter<uint8_t, float>(dense, input, sample)
                  : scatter<float, float>(dense, input, sample);
  if (input.type == ElementType::I32)
    return narrow ? scatter<uint8_t, int32_t>(dense, input, sample)
                  : scatter<int32_t, int32_t>(dense, input, sample);
  scatter<uint8_t, uint8_t>(dense, input, sample);
}
} // namespace

/// Does the host have to make this input, or does it lie in memory as it is?
static bool isMade(const Part &part, const Member &member, const HostPipeline &pipeline) {
  const Member *origin = member.of < 0 ? &member : &part.base->members[size_t(member.of)];
  return !origin->files.empty() || !pipeline.transforms.empty();
}

Result<Feed> Feed::bind(const Part &part, Executor &executor) {
  Feed feed;
  feed.executor = &executor;
  std::vector<HostField> fields;
  for (const Tensor &tensor : executor.program().tensors) {
    if (tensor.role != Role::Input)
      continue;
    Result<HostPipeline> pipeline = HostPipeline::parse(tensor.member);
    if (!pipeline.ok())
      return std::move(pipeline).error();
    // Samples made up by type are made as the input wants them, transforms and all.
    const Member *member = part.find(tensor.member);
    if (member)
      pipeline->transforms.clear();
    else
      member = part.find(pipeline->member);
    bool made = member && isMade(part, *member, *pipeline);
    if (!member || (!made && member->shape != tensor.declaredShape()) || !tensor.batched)
      return internalError("input '" + tensor.name + "' of program '" + executor.program().name +
                           "' does not fit the data");
    size_t index = size_t(member - part.members.data());
    bool sameBytes = member->type == tensor.type && isDense(tensor);
    feed.bindings.push_back({&tensor, index, sameBytes, made ? int(fields.size()) : -1});
    if (made)
      fields.push_back(
          {tensor.name, index, std::move(*pipeline), tensor.declaredShape(), 0, tensor.location});
  }
  if (fields.empty())
    return feed;
  auto loader = Loader::create(std::move(fields), part.workers, executor.program().maxBatch);
  if (!loader.ok())
    return std::move(loader).error();
  feed.loader = std::move(*loader);
  return feed;
}

void Feed::write(const Binding &binding, ElementType type, const uint8_t *from, int64_t row) const {
  uint8_t *to = sampleAddress(*binding.input, row, executor->stage(*binding.input));
  if (binding.sameBytes)
    memcpy(to, from, size_t(binding.input->elements() * byteWidth(type)));
  else
    scatterAs(type, from, *binding.input, to);
}

void Feed::gatherMember(const Part &part, const Binding &binding,
                        std::span<const uint32_t> samples) const {
  const Member &member = part.members[binding.member];
  bool equal = part.couples && member.of < 0;
  for (size_t s = 0; s < samples.size(); ++s) {
    assert(samples[s] < part.count);
    if (equal) {
      uint8_t value = part.couples->equal(samples[s], part.couples->partner(samples[s], epoch));
      write(binding, member.type, &value, int64_t(s));
    } else {
      write(binding, member.type, part.place(member, samples[s], epoch).data(), int64_t(s));
    }
  }
}

void Feed::expect(const Part &part, std::span<const uint32_t> samples, uint64_t newEpoch) {
  epoch = newEpoch;
  if (loader)
    loader->begin(part, samples, newEpoch);
}

Status Feed::gather(const Part &part, std::span<const uint32_t> samples) {
  if (Status status = stage(part, samples); !status.ok())
    return status;
  for (const Binding &binding : bindings)
    executor->send(*binding.input, int64_t(samples.size()));
  return {};
}

Status Feed::stage(const Part &part, std::span<const uint32_t> samples) {
  assert(int64_t(samples.size()) <= executor->program().maxBatch);
  for (const Binding &binding : bindings)
    if (binding.hostField < 0)
      gatherMember(part, binding, samples);
  if (!loader)
    return {};
  if (!loader->nextIs(part, samples))
    loader->begin(part, samples, epoch);
  for (size_t s = 0; s < samples.size(); ++s) {
    Result<const uint8_t *> made = loader->take();
    if (!made.ok())
      return std::move(made).error();
    for (const Binding &binding : bindings)
      if (binding.hostField >= 0) {
        const HostField &field = loader->fields()[size_t(binding.hostField)];
        write(binding, ElementType::U8, *made + field.offset, int64_t(s));
      }
  }
  return {};
}

} // namespace gnc::runtime
