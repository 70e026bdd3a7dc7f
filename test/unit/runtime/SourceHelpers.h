//===- SourceHelpers.h - what tests of sources share
//-----------------------------------------===//
#pragma once

#include "TestFiles.h"
#include "TestImages.h"
#include "runtime/Sources.h"
#include "runtime/images/Images.h"

#include <cstring>

namespace gnc::runtime::test {

inline DataSource sourceOf(const std::string &kind, const std::string &path) {
  DataSource source;
  source.kind = kind;
  source.path = path;
  source.location = {"a.net", 3, 12};
  return source;
}

inline Tensor input(const std::string &member, std::vector<int64_t> shape, ElementType type,
                    int64_t classes = 0) {
  Tensor tensor;
  tensor.name = tensor.member = member;
  tensor.batched = true;
  tensor.shape = std::move(shape);
  tensor.type = type;
  tensor.classes = classes;
  return tensor;
}

inline Result<Dataset> open(const DataSource &source, const std::vector<Tensor> &inputs) {
  DataOptions options;
  options.decoder = &imageDecoder();
  return openDataset(source, inputs, options);
}

/// The error, which must be the user's and have the place of the source.
inline Error errorOf(const DataSource &source, const std::vector<Tensor> &inputs) {
  Result<Dataset> data = open(source, inputs);
  if (data.ok()) {
    ADD_FAILURE() << "no error";
    return internalError("");
  }
  EXPECT_EQ(data.error().code, ErrorCode::Input);
  EXPECT_TRUE(data.error().location.has_value());
  return data.error();
}

inline void folder(const std::string &path) { std::filesystem::create_directories(path); }

inline std::vector<int32_t> wholes(const Member &member) {
  std::vector<int32_t> values(member.data.size() / 4);
  memcpy(values.data(), member.data.data(), member.data.size());
  return values;
}

inline std::vector<float> numbers(const Member &member) {
  std::vector<float> values(member.data.size() / 4);
  memcpy(values.data(), member.data.data(), member.data.size());
  return values;
}

} // namespace gnc::runtime::test
