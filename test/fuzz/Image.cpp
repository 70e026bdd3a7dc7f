//===- Image.cpp - fuzz target: PNG and JPEG, as pictures and as masks ------------------------===//
#include "runtime/images/Images.h"
#include "test/fuzz/Fuzz.h"

using namespace gnc;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static test::InputFile file;
  test::Input input(data, size);
  file.write(input);
  for (bool mask : {false, true}) {
    // libjpeg's tables and its buffer of rows
    test::MemoryLimit limit(test::unpackedBytes(input), 512 << 10);
    if (auto image = runtime::imageDecoder().decode(file.path(), mask); image.ok())
      test::touch(image->pixels);
  }
  return 0;
}
