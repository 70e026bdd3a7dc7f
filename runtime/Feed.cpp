//===- Feed.cpp - carries samples into a program's inputs
//---------------------------------------===//
#include "runtime/Feed.h"

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

Result<Feed> Feed::bind(const Part &part, Executor &executor) {
  Feed feed;
  feed.executor = &executor;
  for (const Tensor &tensor : executor.program().tensors) {
    if (tensor.role != Role::Input)
      continue;
    const Member *member = part.find(tensor.member);
    if (!member || member->shape != tensor.declaredShape() || !tensor.batched)
      return internalError("input '" + tensor.name + "' of program '" + executor.program().name +
                           "' does not fit the data");
    bool sameBytes = member->type == tensor.type && isDense(tensor);
    feed.bindings.push_back({&tensor, size_t(member - part.members.data()), sameBytes});
  }
  return feed;
}

void Feed::gather(const Part &part, std::span<const uint32_t> samples) const {
  assert(int64_t(samples.size()) <= executor->program().maxBatch);
  for (const Binding &binding : bindings) {
    const Member &member = part.members[binding.member];
    int64_t bytes = member.sampleBytes();
    for (size_t s = 0; s < samples.size(); ++s) {
      assert(samples[s] < part.count);
      const uint8_t *from = member.data.data() + int64_t(samples[s]) * bytes;
      uint8_t *to = sampleAddress(*binding.input, int64_t(s), executor->arena());
      if (binding.sameBytes)
        memcpy(to, from, size_t(bytes));
      else
        scatterAs(member.type, from, *binding.input, to);
    }
  }
}

} // namespace gnc::runtime
