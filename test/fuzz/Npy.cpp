//===- Npy.cpp - fuzz target: NumPy's array files ---------------------------------------------===//
#include "runtime/Sources.h"
#include "test/fuzz/Fuzz.h"

using namespace gnc;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static test::InputFile file;
  test::Input input(data, size);
  file.write(input);
  runtime::DataSource source;
  source.kind = "npy";
  source.files = {{"image", file.path()}};
  runtime::Tensor asNumbers;
  asNumbers.name = asNumbers.member = "image";
  // The file, its elements as the net takes them, and the two parts.
  test::MemoryLimit limit(size, 32 << 10);
  if (auto parts = runtime::readNpySource(source, {&asNumbers, 1}); parts.ok())
    for (const runtime::Part *part : {parts->train.get(), parts->test.get()})
      test::touch(part->members[0].data.span());
  return 0;
}
