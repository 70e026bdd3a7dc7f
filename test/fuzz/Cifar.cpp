//===- Cifar.cpp - fuzz target: CIFAR-10 and CIFAR-100, the binary versions -------------------===//
//
// The first byte says which of the two; every file of the data set is the rest of the input.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/Sources.h"
#include "test/fuzz/Fuzz.h"

#include <cstdlib>
#include <unistd.h>

using namespace gnc;

namespace {
/// A folder of links to the input, removed at the end.
class Folder {
public:
  explicit Folder(const test::InputFile &file) {
    if (!mkdtemp(path.data()))
      abort();
    for (const char *name : names)
      if (symlink(file.path().c_str(), (path + "/" + name).c_str()) != 0)
        abort();
  }
  ~Folder() {
    for (const char *name : names)
      unlink((path + "/" + name).c_str());
    rmdir(path.c_str());
  }
  std::string path = "/dev/shm/gnc-fuzz-XXXXXX";

private:
  static constexpr const char *names[] = {
      "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
      "data_batch_5.bin", "test_batch.bin",   "train.bin",        "test.bin"};
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  static test::InputFile file;
  static Folder folder(file);
  test::Input input(data + 1, size - 1);
  file.write(input);
  bool hundred = data[0] % 2 != 0;
  runtime::DataSource source;
  source.path = folder.path;
  uint64_t files = hundred ? 2 : 6;
  test::MemoryLimit limit(files * input.size(), 32 << 10);
  if (auto parts = runtime::readCifar(source, hundred ? 100 : 10); parts.ok())
    for (const runtime::Part *part : {parts->train.get(), parts->test.get()})
      for (const runtime::Member &member : part->members)
        test::touch(member.data.span());
  return 0;
}
