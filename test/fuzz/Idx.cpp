//===- Idx.cpp - fuzz target: IDX files, plain and gzip ---------------------------------------===//
#include "runtime/Idx.h"
#include "test/fuzz/Fuzz.h"

using namespace gnc;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static test::InputFile file;
  test::Input input(data, size);
  file.write(input);
  // The rank that a reader expects is the caller's; most inputs are read with the one they have.
  size_t rank = size > 3 && data[3] >= 1 && data[3] <= 4 ? data[3] : 3;
  test::MemoryLimit limit(test::unpackedBytes(input), 160 << 10); // zlib's window, a read buffer
  if (auto array = runtime::readIdx(file.path(), rank); array.ok())
    test::touch(array->bytes.span());
  return 0;
}
