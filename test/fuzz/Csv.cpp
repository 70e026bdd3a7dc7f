//===- Csv.cpp - fuzz target: tables ----------------------------------------------------------===//
#include "runtime/Sources.h"
#include "test/fuzz/Fuzz.h"

using namespace gnc;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static test::InputFile file;
  test::Input input(data, size);
  file.write(input);
  runtime::DataSource source;
  source.kind = "csv";
  source.path = file.path();
  source.label = "kind";
  std::vector<runtime::Tensor> inputs(3);
  const char *members[] = {"label", "features", "size"};
  for (size_t i = 0; i < inputs.size(); ++i)
    inputs[i].name = inputs[i].member = members[i];
  inputs[0].type = runtime::ElementType::I32;
  // Text cut into fields: a field of one letter and its comma become a string (readCsv says so and
  // asks for memory accordingly).
  test::MemoryLimit limit(20 * size, 64 << 10);
  if (auto parts = runtime::readCsvSource(source, inputs); parts.ok())
    for (const runtime::Part *part : {parts->train.get(), parts->test.get()})
      for (const runtime::Member &member : part->members)
        test::touch(member.data.span());
  return 0;
}
