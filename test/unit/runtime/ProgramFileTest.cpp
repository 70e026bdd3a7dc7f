//===- ProgramFileTest.cpp - compiled programs in files, whole and damaged
//------------------------===//
#include "runtime/ProgramFile.h"

#include "SameNet.h"
#include "TestFiles.h"
#include "WholeNet.h"
#include "runtime/CodeLoader.h"
#include "runtime/Hash.h"
#include "runtime/Serial.h"
#include "runtime/Trainer.h"
#include "test/Scale.h"

#include <fstream>
#include <random>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
using Buffer = std::vector<uint8_t>;

/// A file for two levels of processors, with "weights".
Buffer fileOf(const CompiledNet &net, std::initializer_list<uint32_t> levels) {
  std::vector<CompiledNet> nets;
  for (uint32_t level : levels) {
    nets.push_back(net);
    nets.back().native = emptyCode(net, level);
    nets.back().recipe.net = "Level" + std::to_string(level);
  }
  std::vector<ProgramVariant> variants;
  for (const CompiledNet &one : nets)
    variants.push_back({&one});
  auto bytes = programFileBytes(variants, Buffer{'w', 'e', 'i', 'g', 'h', 't'});
  EXPECT_TRUE(bytes.ok());
  return *bytes;
}

/// What is wrong with damaged bytes is said in one of these ways.
void expectRefusal(const Error &error) {
  EXPECT_EQ(error.code, ErrorCode::Input);
  EXPECT_TRUE(error.slug == "bad-program" || error.slug == "program-version") << error.slug;
  EXPECT_FALSE(error.message.empty());
  EXPECT_FALSE(error.help.empty());
}

/// A description whose hash is right whatever it says: head of four words, then the fields.
void mendHash(Buffer &description) {
  uint64_t hash = hashBytes(std::span(description).subspan(32));
  memcpy(&description[24], &hash, sizeof hash);
}
} // namespace

TEST(Hash, IsXXH64) {
  auto hash = [](std::string_view text) {
    return hashBytes({reinterpret_cast<const uint8_t *>(text.data()), text.size()});
  };
  EXPECT_EQ(hash(""), 0xEF46DB3751D8E999u);
  EXPECT_EQ(hash("a"), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(hash("abc"), 0x44BC2CF5AD770999u);
  EXPECT_EQ(hash("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1u);
}

TEST(Description, HoldsEveryMember) {
  CompiledNet net = wholeNet();
  std::vector<KernelEntry> entries = entriesOf(net);
  Buffer description = describeNet(net);
  EXPECT_EQ(description, describeNet(net));
  auto read = readProgram(description, entries);
  ASSERT_TRUE(read.ok()) << read.error().message;
  expectSame(net, *read);
  EXPECT_EQ(entriesOf(*read), entries);
  EXPECT_EQ(describeNet(*read), description);
}

// A net that was read trains as the one that was written.
TEST(Description, Trains) {
  CompiledNet net = wholeNet();
  net.train.constants.pop_back();
  net.train.tensors[0].declared.clear();
  net.recipe.best.clear(), net.recipe.init.clear(), net.recipe.tables.clear();
  auto read = readProgram(describeNet(net), entriesOf(net));
  ASSERT_TRUE(read.ok()) << read.error().message;
  struct : TrainObserver {
    std::vector<double> losses;
    void onStep(const StepReport &report) override { losses.push_back(report.loss); }
  } one, two;
  TemporaryFolder folder;
  TrainOptions options;
  options.threads = 1;
  for (auto [which, observer] : {std::pair(&net, &one), std::pair(&*read, &two)}) {
    options.outDir = folder.path + "/" + (which == &net ? "a" : "b");
    ASSERT_TRUE(train(*which, fakeData(*which), options, *observer).ok());
  }
  EXPECT_FALSE(one.losses.empty());
  EXPECT_EQ(one.losses, two.losses);
}

TEST(Description, IsRefusedWhereItEnds) {
  CompiledNet net = wholeNet();
  Buffer whole = describeNet(net);
  for (size_t size = 0; size < whole.size(); ++size) {
    auto read = readProgram(std::span(whole).first(size), entriesOf(net));
    ASSERT_FALSE(read.ok());
    expectRefusal(read.error());
  }
}

TEST(Description, EveryChangeIsSeen) {
  CompiledNet net = wholeNet();
  Buffer whole = describeNet(net);
  for (size_t i = 0; i < whole.size(); ++i) {
    Buffer changed = whole;
    changed[i] ^= uint8_t(1 << i % 8);
    auto read = readProgram(changed, entriesOf(net));
    ASSERT_FALSE(read.ok()) << "byte " << i;
    expectRefusal(read.error());
  }
}

// Where the hash is right all the same, every number is doubted: the net is refused, or it can be
// made ready to run.
TEST(Description, LiesAreRefusedOrHarmless) {
  CompiledNet net = wholeNet();
  std::vector<KernelEntry> entries = entriesOf(net);
  Buffer whole = describeNet(net);
  auto pool = ThreadPool::create(1);
  ASSERT_TRUE(pool.ok());
  unsigned refused = 0, count = gnc::test::caseCount(4000, 400000);
  for (unsigned i = 0; i < count; ++i) {
    std::mt19937_64 random(gnc::test::caseSeed(i));
    Buffer changed = whole;
    size_t at = 32 + random() % (whole.size() - 32);
    uint64_t values[] = {0, 1, ~uint64_t(0), uint64_t(1) << 62, random() % 64, random()};
    if (random() % 2)
      changed[at] ^= uint8_t(1 + random() % 255);
    else if (at = at / 8 * 8; at + 8 <= whole.size())
      memcpy(&changed[at], &values[random() % 6], 8);
    mendHash(changed);
    auto read = readProgram(changed, entries);
    if (!read.ok()) {
      expectRefusal(read.error());
      ++refused;
    } else if (read->infer.arenaBytes < 1 << 20 && read->infer.maxBatch > 0) {
      EXPECT_TRUE(Executor::create(read->infer, **pool).ok());
    }
  }
  EXPECT_GT(refused, count / 10);
}

// What is built is at most twice what is read: a count that lies takes no memory, and an honest one
// comes with enough bytes.
TEST(Description, ItsMemoryIsBounded) {
  const uint64_t count = 1000;
  Buffer bytes(8 + 8 * count); // so many empty strings, each four times as large as its length
  memcpy(bytes.data(), &count, sizeof count);
  std::vector<std::string> list;
  SerialReader reader(bytes);
  reader(list);
  EXPECT_STREQ(reader.problem, "it describes more than it can hold");
  EXPECT_TRUE(list.empty());
  list.resize(count);
  SerialWriter writer;
  writer(list);
  Buffer honest = std::move(writer).finish();
  EXPECT_GE(2 * honest.size(), count * sizeof(std::string));
  SerialReader again(honest);
  again(list);
  again.finish();
  EXPECT_EQ(again.problem, nullptr);
  EXPECT_EQ(list.size(), count);
}

TEST(Description, NeedsItsKernels) {
  CompiledNet net = wholeNet();
  std::vector<KernelEntry> entries = entriesOf(net);
  entries.pop_back();
  auto read = readProgram(describeNet(net), entries);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().message, "the compiled program is damaged: it comes with " +
                                      std::to_string(entries.size()) + " kernels and needs " +
                                      std::to_string(entries.size() + 1));
}

TEST(Description, OfAnotherVersionSaysSo) {
  Buffer bytes = describeNet(wholeNet());
  bytes[8] = 9;
  auto read = readProgram(bytes, {});
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().slug, "program-version");
  EXPECT_EQ(read.error().message,
            "the compiled program has version 9 of its format, this gnc reads 4");
}

TEST(ProgramFile, TheBestVariantIsTaken) {
  CompiledNet net = wholeNet();
  Buffer file = fileOf(net, {2, 3, 4});
  EXPECT_EQ(file, fileOf(net, {2, 3, 4}));
  for (unsigned level = 2; level <= cpuLevel(); ++level) {
    auto loaded = loadProgramBytes(file, "net.gnc", {level, 0});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded->recipe.net, "Level" + std::to_string(level));
    expectSame(*emptyCode(net, level), *loaded->native);
    ASSERT_TRUE(loaded->weights);
    EXPECT_EQ(loaded->weights->size(), 6u);
    loaded->recipe.net = net.recipe.net;
    expectSame(net, *loaded);
    for (const Kernel &kernel : loaded->train.kernels)
      kernel.entry(0, 1, 1, nullptr); // returns
    // What was loaded can be written again.
    loaded->recipe.net = "Level" + std::to_string(level);
    ProgramVariant variant{&*loaded};
    auto again = programFileBytes(std::span(&variant, 1), loaded->weights->span());
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(*again, fileOf(net, {level}));
  }
}

TEST(ProgramFile, WithNothingForThisMachineSaysWhatThereIs) {
  Buffer file = fileOf(wholeNet(), {3, 4});
  auto loaded = loadProgramBytes(file, "net.gnc", {2, 0});
  ASSERT_FALSE(loaded.ok());
  const Error &error = loaded.error();
  EXPECT_EQ(error.code, ErrorCode::Environment);
  EXPECT_EQ(error.slug, "no-target");
  EXPECT_EQ(error.message, "'net.gnc': the compiled program has nothing that runs here");
  EXPECT_EQ(error.notes,
            (std::vector<std::string>{"it is for x86-64-v3, x86-64-v4",
                                      "here is a processor of x86-64-v2 and no card"}));
  EXPECT_EQ(error.help, "compile it with --cpu=x86-64-v2");
}

// Programs for cards stand beside those for processors; the newest that the card can run is taken.
TEST(ProgramFile, HoldsProgramsForCards) {
  CompiledNet cpu = wholeNet(), card = wholeNet();
  cpu.native = emptyCode(cpu, 2);
  for (Program *program : {&card.train, &card.eval, &card.score, &card.infer}) {
    program->target = Target::Cuda;
    program->module = ".version 7.0";
    for (Kernel &kernel : program->kernels)
      kernel.symbol = "k", kernel.threads = 128, kernel.entry = nullptr;
  }
  Launch &planned = card.train.launches.front();
  planned.library = true, planned.kernel = 0;
  planned.arguments.assign(4, 0); // three tensors and the workspace
  CompiledNet newer = card;
  newer.train.module = newer.infer.module = ".version 8.0";
  ProgramVariant variants[] = {{&cpu, 0}, {&card, 70}, {&newer, 90}};
  auto file = programFileBytes(variants, {});
  ASSERT_TRUE(file.ok());
  auto load = [&](Machine machine) { return loadProgramBytes(*file, "net.gnc", machine); };
  EXPECT_EQ(load({2, 0})->infer.target, Target::Cpu);
  EXPECT_EQ(load({2, 80})->infer.module, ".version 7.0");
  EXPECT_TRUE(load({2, 80})->train.launches.front().library);
  EXPECT_EQ(load({2, 120})->infer.module, ".version 8.0");
  EXPECT_EQ(load({0, 70})->infer.target, Target::Cuda);
  auto older = load({0, 60});
  ASSERT_FALSE(older.ok());
  EXPECT_EQ(older.error().notes[0], "it is for x86-64-v2, sm_70, sm_90");
}

TEST(ProgramFile, IsRefusedWhereItEnds) {
  Buffer file = fileOf(wholeNet(), {2});
  for (size_t size = 0; size < file.size(); size += size < 2000 ? 1 : 131) {
    auto loaded = loadProgramBytes(std::span(file).first(size), "net.gnc");
    ASSERT_FALSE(loaded.ok());
    expectRefusal(loaded.error());
  }
}

TEST(ProgramFile, EveryChangeIsSeen) {
  Buffer file = fileOf(wholeNet(), {2});
  for (size_t i = 0; i < file.size(); i += i < 2000 ? 1 : 17) {
    Buffer changed = file;
    changed[i] ^= uint8_t(1 << i % 8);
    auto loaded = loadProgramBytes(changed, "net.gnc");
    ASSERT_FALSE(loaded.ok()) << "byte " << i;
    expectRefusal(loaded.error());
  }
}

TEST(ProgramFile, IsReadFromADisk) {
  TemporaryFolder folder;
  std::string path = folder.path + "/net.gnc";
  Buffer file = fileOf(wholeNet(), {2, 4});
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<char *>(file.data()), file.size());
  EXPECT_TRUE(loadProgramFile(path).ok());
  auto info = inspectProgramFile(path);
  ASSERT_TRUE(info.ok());
  ASSERT_EQ(info->targets.size(), 2u);
  EXPECT_EQ(info->targets[1].name(), "x86-64-v4");
  EXPECT_EQ(info->weightBytes, 6u);
  EXPECT_EQ(info->fileBytes, file.size());
  auto missing = loadProgramFile(folder.path + "/none.gnc");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().slug, "unreadable-file");
}
