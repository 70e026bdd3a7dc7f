//===- ApiHarness.h - calls of the C API that have to succeed
//------------------------------------===//
#pragma once

#include "FakeNet.h"

#include "runtime/api/ApiObjects.h"

#include <gtest/gtest.h>

namespace gnc::runtime::test {

/// A status that has to be success.
#define OK(call)                                                                                   \
  do {                                                                                             \
    gnc_status *status = (call);                                                                   \
    EXPECT_EQ(status, nullptr) << gnc_status_text(status);                                         \
    gnc_status_free(status);                                                                       \
  } while (false)

inline std::string slugOf(gnc_status *status) {
  std::string slug = gnc_status_slug(status);
  gnc_status_free(status);
  return slug;
}

template <typename T> T sized() {
  T value{};
  value.size = sizeof(T);
  return value;
}

struct ProgramHandle {
  gnc_program *handle = api::programHandle(fakeNet());
  ~ProgramHandle() { OK(gnc_program_free(handle)); }
};

inline gnc_context *newContext(gnc_program *program, gnc_mode mode, int threads = 1) {
  gnc_context_options options = sized<gnc_context_options>();
  options.mode = mode;
  options.threads = threads;
  gnc_context *context = nullptr;
  OK(gnc_context_create(program, &options, &context));
  return context;
}

/// An array as the API is told of it.
class Array {
public:
  Array(void *data, gnc_type type, std::vector<int64_t> extents, const int64_t *strides = nullptr)
      : shape(std::move(extents)), buffer(sized<gnc_buffer>()) {
    buffer.data = data;
    buffer.type = type;
    buffer.rank = int32_t(shape.size());
    buffer.shape = shape.data();
    buffer.strides = strides;
  }
  Array(const Array &) = delete;
  operator const gnc_buffer *() const { return &buffer; }

private:
  std::vector<int64_t> shape;
  gnc_buffer buffer;
};

/// All of a split's images and labels, dense.
struct Samples {
  std::vector<uint8_t> images;
  std::vector<int32_t> labels;

  explicit Samples(const Dataset &data) {
    const Part &part = *data.train.part;
    const Member &image = *part.find("image"), &label = *part.find("label");
    images.assign(image.data.data(), image.data.data() + image.data.size());
    for (int64_t s = 0; s < part.count; ++s)
      labels.push_back(label.type == ElementType::U8
                           ? label.data.data()[s]
                           : reinterpret_cast<const int32_t *>(label.data.data())[s]);
  }
  int64_t count() const { return int64_t(labels.size()); }
  /// Samples in an order, for a batch.
  Samples(const Samples &all, std::span<const uint32_t> order) {
    for (uint32_t s : order) {
      images.insert(images.end(), all.images.begin() + s * 16, all.images.begin() + s * 16 + 16);
      labels.push_back(all.labels[s]);
    }
  }
};

} // namespace gnc::runtime::test
