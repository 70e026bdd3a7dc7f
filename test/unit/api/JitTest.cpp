//===- JitTest.cpp - the compiler in a host program
//--------------------------------------------===//
//
// Uses nothing but the public headers and the libraries that a host program links.
//
//===------------------------------------------------------------------------------------------===//
#include "test/Scale.h"
#include "test/Tolerance.h"

#include <gnc/compiler.hpp>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

namespace {
namespace fs = std::filesystem;

/// A folder of its own, removed at the end.
struct Folder {
  fs::path path;
  Folder() {
    std::string form = fs::temp_directory_path() / "gnc-jit-XXXXXX";
    path = mkdtemp(form.data());
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string &name, const std::string &text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
  /// The only entry of a cache.
  fs::path entry() const {
    for (const auto &file : fs::directory_iterator(path))
      return file.path();
    return {};
  }
  size_t entries() const {
    return size_t(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
};

const char *const lenet = R"(
net LeNet(image: [1, 28, 28]) -> logits: [10] {
  image -> conv(32, 5x5) -> relu -> maxpool(2) -> flatten -> linear(128) -> relu -> linear(10)
}
infer LeNet {
  digit      = argmax(logits)
  confidence = max(softmax(logits))
}
)";

/// Small enough to compile in a moment; `width` makes it another net.
gnc::Source tiny(int width) {
  return {"tiny.net", "net Tiny(x: [4]) -> y: [3] { x -> linear(" + std::to_string(width) +
                          ") -> relu -> linear(3) }\ninfer Tiny { out = softmax(y) }\n"};
}

double millisecondsOf(const auto &body) {
  auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

/// One picture through the net.
int32_t infer(const gnc::Program &program) {
  gnc::Context context(program, {.threads = 1});
  context.initialize(1);
  std::vector<float> image(28 * 28, 0.5f);
  int32_t digit = -1;
  context.bindInput("image", image.data(), {1, 1, 28, 28});
  context.bindResult("digit", &digit, {1});
  context.infer(1);
  return digit;
}

void runTiny(const gnc::Program &program) {
  gnc::Context context(program, {.threads = 1});
  context.initialize(1);
  auto in = context.mapInput<float>("x");
  std::fill(in.data, in.data + 4, 1.f);
  auto out = context.mapResult<float>("out");
  context.infer(1);
  EXPECT_NEAR(out.data[0] + out.data[1] + out.data[2], 1, gnc::test::roundings(16));
}

long residentKilobytes() {
  long pages = 0, resident = 0;
  if (FILE *file = fopen("/proc/self/statm", "r")) {
    EXPECT_EQ(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
  }
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}
} // namespace

/// Text to a digit: cold, with the compiler to load, and from the cache.
TEST(JitTest, lenetFromText) {
  Folder cache;
  gnc::CompileOptions options{.batch = 1, .cache = cache.path};
  int32_t first = -1, second = -2;
  double cold = millisecondsOf([&] {
    gnc::Compilation result = gnc::compile(gnc::Source{"lenet.net", lenet}, options);
    ASSERT_TRUE(result) << result.diagnostics.at(0).message;
    first = infer(*result.program);
  });
  double cached = 1e9, processor = 1e9;
  for (int i = 0; i < 5; ++i) {
    std::clock_t begin = std::clock();
    cached = std::min(cached, millisecondsOf([&] {
                        gnc::Compilation result =
                            gnc::compile(gnc::Source{"lenet.net", lenet}, options);
                        ASSERT_TRUE(result);
                        second = infer(*result.program);
                      }));
    processor = std::min(processor, double(std::clock() - begin) * 1000 / CLOCKS_PER_SEC);
  }
  printf("measured: LeNet inference from text: %.0f ms cold, %.1f ms from the cache\n", cold,
         cached);
  if (gnc::test::fullScale()) // on a quiet machine; a slow one is no defect
    EXPECT_LT(processor, 50); // other processes do not count
  EXPECT_EQ(first, second);
  EXPECT_EQ(cache.entries(), 1u);
}

/// Mistakes are data: place, arithmetic, help; and no program.
TEST(JitTest, mistakesAreData) {
  gnc::Compilation result =
      gnc::compile(gnc::Source{"wrong.net", "net Wrong(x: [4]) -> y: [3] {\n  x -> liner(3)\n}\n"},
                   {.cache = "off"});
  EXPECT_FALSE(result);
  ASSERT_EQ(result.diagnostics.size(), 1u);
  const gnc::Diagnostic &d = result.diagnostics[0];
  EXPECT_EQ(d.severity, "error");
  EXPECT_EQ(d.slug, "undefined-layer");
  EXPECT_EQ(d.file, "wrong.net");
  EXPECT_EQ(d.line, 2);
  EXPECT_EQ(d.column, 8);
  EXPECT_EQ(d.endColumn, 13);
  ASSERT_EQ(d.helps.size(), 1u);
  EXPECT_EQ(d.helps[0].text, "did you mean 'linear'?");
}

/// What is no mistake of the text is thrown.
TEST(JitTest, wrongOptionsAreThrown) {
  try {
    gnc::compile(tiny(8), {.vectorBits = 100, .cache = "off"});
    FAIL();
  } catch (const gnc::Error &error) {
    EXPECT_EQ(error.slug, "api-argument");
    EXPECT_STREQ(error.what(), "there are no vectors of 100 bits");
  }
  EXPECT_THROW(gnc::compile(tiny(8), {.disabledPasses = {"fuze"}, .cache = "off"}), gnc::Error);
}

/// A budget of memory that no plan keeps is the program's fault, with a table.
TEST(JitTest, tooLittleMemoryIsADiagnostic) {
  gnc::Compilation found = gnc::compile(tiny(8), {.memory = 100, .cache = "off"});
  EXPECT_FALSE(found.program);
  ASSERT_EQ(found.diagnostics.size(), 1u);
  EXPECT_EQ(found.diagnostics[0].slug, "too-little-memory");
  EXPECT_GE(found.diagnostics[0].notes.size(), 2u);
  EXPECT_TRUE(gnc::compile(tiny(8), {.memory = 1 << 30, .cache = "off"}).program);
}

/// Settings, programs and batch are as asked for.
TEST(JitTest, optionsReachTheProgram) {
  gnc::Source source{"s.net", "net S(x: [4]; k = 5) -> y: [k] { x -> linear(k) }\n"
                              "infer S { out = y }\n"};
  gnc::Compilation result =
      gnc::compile(source, {.settings = {{"k", "7"}}, .batch = 6, .cache = "off"});
  ASSERT_TRUE(result) << result.diagnostics.at(0).message;
  EXPECT_EQ(result.program->mode(gnc::Mode::Infer).max_batch, 6);
  EXPECT_FALSE(result.program->has(gnc::Mode::Train));
  EXPECT_EQ(result.program->tensor(gnc::Mode::Infer, gnc::Role::Result, "out").shape,
            std::vector<int64_t>{7});
}

/// What a program computes from its weights once is computed anew when they change.
TEST(JitTest, changedWeightsAreUsed) {
  gnc::Source source{"n.net", "net N(x: [1, 6, 6]) -> y: [3] {\n"
                              "  x -> conv(4, 3x3) -> bn -> relu -> flatten -> linear(3)\n}\n"
                              "infer N { out = y }\n"};
  gnc::Compilation result = gnc::compile(source, {.batch = 2, .cache = "off"});
  ASSERT_TRUE(result) << result.diagnostics.at(0).message;
  auto run = [](gnc::Context &context) {
    auto x = context.mapInput<float>("x");
    for (int i = 0; i < 2 * 36; ++i)
      x.data[i] = float(i % 7) - 3;
    std::vector<float> out(6);
    context.bindResult("out", out.data(), {2, 3});
    context.infer(2);
    return out;
  };
  // Positive everywhere, a variance included.
  auto fill = [&](gnc::Context &context, float from) {
    for (const gnc::TensorInfo &tensor : result.program->tensors(gnc::Mode::Infer)) {
      if (tensor.role != gnc::Role::Weight && tensor.role != gnc::Role::State)
        continue;
      std::vector<float> values(tensor.bytes / sizeof(float));
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = from + 0.1f * float(i % 5);
      context.writeTensor(tensor.role, tensor.name, std::span<const float>(values));
    }
  };
  gnc::Context used(*result.program, {.threads = 1}), fresh(*result.program, {.threads = 1});
  fill(used, 1);
  std::vector<float> first = run(used);
  fill(used, 2);
  fill(fresh, 2);
  std::vector<float> second = run(used);
  EXPECT_NE(first, second);
  EXPECT_EQ(second, run(fresh));
}

//===- The cache ------------------------------------------------------------------------------===//

/// An entry is found again only for the same text and options; warnings come with it.
TEST(JitTest, cacheKeysAreComplete) {
  Folder cache;
  auto compile = [&](const gnc::Source &source, gnc::CompileOptions options = {}) {
    options.cache = cache.path;
    gnc::Compilation result = gnc::compile(source, options);
    EXPECT_TRUE(result);
    return result.diagnostics.size();
  };
  gnc::Source shadowing{"w.net", "let dropout = 1\n" + tiny(8).text};
  size_t warnings = compile(shadowing);
  EXPECT_GT(warnings, 0u);
  EXPECT_EQ(compile(shadowing), warnings);
  EXPECT_EQ(cache.entries(), 1u);
  compile(tiny(8));
  compile(tiny(9));
  compile(tiny(9), {.batch = 3});
  compile(tiny(9), {.disabledPasses = {"simplify"}});
  compile({"other.net", tiny(9).text}); // messages name the file
  EXPECT_EQ(cache.entries(), 6u);
  compile(tiny(9), {.batch = 3});
  EXPECT_EQ(cache.entries(), 6u);
}

/// A file that the text uses belongs to the key.
TEST(JitTest, cacheSeesUsedFiles) {
  Folder cache, sources;
  sources.write("parts.net", "let width = 5\n");
  sources.write("main.net", "use \"parts.net\": width\n"
                            "net M(x: [4]) -> y: [width] { x -> linear(width) }\n"
                            "infer M { out = y }\n");
  auto width = [&] {
    gnc::Compilation result = gnc::compile(sources.path / "main.net", {.cache = cache.path});
    EXPECT_TRUE(result);
    return result.program->tensor(gnc::Mode::Infer, gnc::Role::Result, "out").shape.at(0);
  };
  EXPECT_EQ(width(), 5);
  EXPECT_EQ(width(), 5);
  EXPECT_EQ(cache.entries(), 1u);
  sources.write("parts.net", "let width = 6\n");
  EXPECT_EQ(width(), 6);
}

/// Damage anywhere in an entry, or half an entry, is not believed, and mended.
TEST(JitTest, damagedEntriesAreRewritten) {
  Folder cache;
  gnc::CompileOptions options{.cache = cache.path};
  ASSERT_TRUE(gnc::compile(tiny(8), options));
  fs::path entry = cache.entry();
  auto read = [&] {
    std::ifstream file(entry, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string sound = read();
  for (size_t i = 0; i < 6; ++i) {
    std::string bad = sound;
    if (i == 0)
      bad.resize(bad.size() / 2);
    else
      bad[i * (bad.size() - 1) / 5] = char(bad[i * (bad.size() - 1) / 5] ^ 1);
    std::ofstream(entry, std::ios::binary | std::ios::trunc) << bad;
    gnc::Compilation result = gnc::compile(tiny(8), options);
    ASSERT_TRUE(result);
    runTiny(*result.program);
    EXPECT_EQ(read(), sound) << "damaged at " << i << " fifths";
  }
  EXPECT_EQ(cache.entries(), 1u);
}

//===- Many
//------------------------------------------------------------------------------------===//

/// Several threads compile and run at once.
TEST(JitTest, compilesInSeveralThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      gnc::Compilation result = gnc::compile(tiny(8 + t), {.threads = 1 + t % 2, .cache = "off"});
      ASSERT_TRUE(result);
      runTiny(*result.program);
    });
  for (std::thread &thread : threads)
    thread.join();
}

/// Compile, run, release: nothing stays behind.
TEST(JitTest, cyclesDoNotGrow) {
  unsigned cycles = gnc::test::caseCount(20, 1000), warmUp = std::max(10u, cycles / 10);
  auto cycle = [&] {
    gnc::Compilation result = gnc::compile(tiny(8), {.threads = 1, .cache = "off"});
    ASSERT_TRUE(result);
    runTiny(*result.program);
  };
  for (unsigned i = 0; i < warmUp; ++i)
    cycle();
  long before = residentKilobytes();
  for (unsigned i = 0; i < cycles; ++i)
    cycle();
  long grown = residentKilobytes() - before;
  printf("measured: %u compile-run-release cycles grow the process by %ld KB\n", cycles, grown);
  EXPECT_LT(grown, 1024);
}
