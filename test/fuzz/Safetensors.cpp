//===- Safetensors.cpp - fuzz target: weights -------------------------------------------------===//
#include "runtime/Safetensors.h"
#include "test/fuzz/Fuzz.h"

#include <cstring>

using namespace gnc;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto bytes = runtime::Bytes::allocate(size, "the input");
  if (!bytes.ok())
    return 0;
  memcpy(bytes->data(), data, size);
  test::MemoryLimit limit(size, 32 << 10);
  if (auto file = runtime::parseSafetensors(std::move(*bytes), "input"); file.ok())
    for (const auto &[name, tensor] : file->tensors)
      test::touch(tensor.bytes);
  return 0;
}
