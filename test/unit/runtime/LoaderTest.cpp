#include "runtime/Loader.h"
#include "TestFiles.h"
#include "TestImages.h"

#include <atomic>
#include <csignal>
#include <new>
#include <numeric>
#include <unistd.h>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
/// Makes pictures of a size and content that their name decides, more slowly for some; "bad" ones
/// fail.
class FakeDecoder final : public ImageDecoder {
public:
  Result<Image> decode(const std::string &path, bool mask) const override {
    ++decoded;
    uint64_t number = strtoull(path.c_str(), nullptr, 10);
    usleep(useconds_t(number % 7 * 20));
    if (path.find("bad") != std::string::npos)
      return inputError("damaged-image", "'" + path + "' cannot be decoded");
    bool larger = path.find("larger") != std::string::npos;
    return noise(mask ? 1 : 3, 12 + int64_t(number % 5) + larger, 14, number);
  }
  mutable std::atomic<int64_t> decoded{0};
};

struct Fixture {
  explicit Fixture(int64_t count = 60, bool withMasks = false) {
    part.name = "training";
    part.count = count;
    part.decoder = &decoder;
    part.seed = 5;
    part.members.push_back({"image", ElementType::U8});
    for (int64_t i = 0; i < count; ++i)
      part.members[0].files.push_back(std::to_string(i) + ".png");
    if (withMasks) {
      part.members.push_back({"mask", ElementType::U8});
      part.members[1].mask = true;
      part.members[1].files = part.members[0].files;
    }
    order.resize(size_t(count));
    std::iota(order.rbegin(), order.rend(), 0);
  }

  std::vector<HostField>
  fields(const std::string &text = "random_crop(8, 8) #1 -> random_flip(0.5) #2",
         std::vector<int64_t> shape = {3, 8, 8}) const {
    std::vector<HostField> list;
    list.push_back({"image", 0, *HostPipeline::parse("image -> " + text), std::move(shape)});
    if (part.members.size() > 1)
      list.push_back({"mask", 1, *HostPipeline::parse("mask -> " + text), {8, 8}});
    return list;
  }

  /// All samples in order, with so many threads.
  std::string run(int64_t workers, uint64_t epoch = 1) {
    auto loader = Loader::create(fields(), workers, 4);
    EXPECT_TRUE(loader.ok());
    (*loader)->begin(part, order, epoch);
    std::string all;
    size_t bytes = (*loader)->fields().back().offset + (*loader)->fields().back().bytes();
    for (size_t i = 0; i < order.size(); ++i) {
      Result<const uint8_t *> sample = (*loader)->take();
      EXPECT_TRUE(sample.ok());
      all.append(reinterpret_cast<const char *>(*sample), bytes);
    }
    return all;
  }

  FakeDecoder decoder;
  Part part;
  std::vector<uint32_t> order;
};
} // namespace

TEST(Loader, AnyNumberOfThreadsGivesTheSameBytes) {
  Fixture f(60, true);
  std::string alone = f.run(0);
  for (int64_t workers : {1, 2, 3, 8})
    EXPECT_EQ(f.run(workers), alone) << workers;
  EXPECT_NE(f.run(2, 9), alone); // another epoch, other draws
}

// Picture and mask of the fake decoder have the same pixels: with one site they are cropped alike.
TEST(Loader, SitesShareDraws) {
  Fixture f(1, true);
  f.part.members[0].files[0] = f.part.members[1].files[0] = "3.png";
  for (const char *site : {"1", "2"}) {
    std::vector<HostField> fields = f.fields("random_crop(8, 8) #1");
    fields[1].pipeline = *HostPipeline::parse(std::string("mask -> random_crop(8, 8) #") + site);
    fields[1].offset = fields[0].bytes();
    std::vector<uint8_t> bytes(4 * 64);
    ASSERT_TRUE(makeSample(f.part, fields, 0, 0, bytes.data()).ok());
    EXPECT_EQ(std::equal(bytes.begin(), bytes.begin() + 64, bytes.begin() + 192), *site == '1');
  }
}

TEST(Loader, ReadsOnlySoFarAhead) {
  Fixture f(60);
  auto loader = Loader::create(f.fields(), 2, 4);
  ASSERT_TRUE(loader.ok());
  (*loader)->begin(f.part, f.order, 0);
  ASSERT_TRUE((*loader)->take().ok());
  usleep(20000);
  EXPECT_LE(f.decoder.decoded, 2 * 4 + 2 + 1); // two batches and one for each thread
}

TEST(Loader, BeginForgetsWhatWasAnnounced) {
  Fixture f(60);
  auto loader = Loader::create(f.fields(), 3, 4);
  ASSERT_TRUE(loader.ok());
  std::vector<uint32_t> some{7, 3}, others{4, 7};
  for (int round = 0; round < 50; ++round) {
    (*loader)->begin(f.part, f.order, 1);
    ASSERT_TRUE((*loader)->take().ok());
    (*loader)->begin(f.part, round % 2 ? some : others, 1);
    EXPECT_TRUE((*loader)->nextIs(f.part, round % 2 ? some : others));
    EXPECT_FALSE((*loader)->nextIs(f.part, round % 2 ? others : some));
    uint32_t sample = (round % 2 ? some : others)[0];
    std::vector<uint8_t> expected(3 * 8 * 8);
    ASSERT_TRUE(makeSample(f.part, (*loader)->fields(), sample, 1, expected.data()).ok());
    Result<const uint8_t *> made = (*loader)->take();
    ASSERT_TRUE(made.ok());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), *made));
  }
}

// Whoever fails first in time, the error is that of the first sample in the order.
TEST(Loader, ErrorsComeInOrder) {
  for (int64_t workers : {0, 1, 4}) {
    Fixture f(30);
    std::iota(f.order.begin(), f.order.end(), 0);
    f.part.members[0].files[13] = "13bad.png";
    f.part.members[0].files[14] = "14bad.png";
    auto loader = Loader::create(f.fields(), workers, 4);
    ASSERT_TRUE(loader.ok());
    (*loader)->begin(f.part, f.order, 0);
    for (int i = 0; i < 13; ++i)
      ASSERT_TRUE((*loader)->take().ok());
    Result<const uint8_t *> failed = (*loader)->take();
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().message, "'13bad.png' cannot be decoded");
  }
}

TEST(Loader, ShapesThatDoNotFitAreNamed) {
  Fixture f(3);
  std::vector<uint8_t> bytes(3 * 64);
  auto fields = f.fields("resize(9)");
  Status status = makeSample(f.part, fields, 2, 0, bytes.data());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().slug, "data-shape");
  EXPECT_EQ(status.error().message,
            "'2.png' is [3, 9, 9] after resize(9), but the network takes [3, 8, 8] for 'image'");
  EXPECT_EQ(status.error().help, "make all pictures one size: image -> resize(8x8)");
}

TEST(Loader, MasksHaveTheSizeOfTheirPicture) {
  Fixture f(3, true);
  f.part.members[1].files[1] = "1larger.png";
  std::vector<uint8_t> bytes(4 * 64);
  auto fields = f.fields();
  fields[1].offset = fields[0].bytes();
  EXPECT_TRUE(makeSample(f.part, fields, 0, 0, bytes.data()).ok());
  Status status = makeSample(f.part, fields, 1, 0, bytes.data());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().slug, "mask-size");
  EXPECT_EQ(status.error().message,
            "the mask '1larger.png' is 14x14, but its picture '1.png' is 13x14 (height x width)");
}

TEST(Loader, WithoutADecoderFilesAreAnError) {
  Fixture f(1);
  f.part.decoder = nullptr;
  std::vector<uint8_t> bytes(3 * 64);
  EXPECT_EQ(makeSample(f.part, f.fields(), 0, 0, bytes.data()).error().slug, "not-an-image");
}

namespace {
/// Counts the calls by a thread that a signal could be delivered to.
class SignalDecoder final : public ImageDecoder {
public:
  Result<Image> decode(const std::string &, bool) const override {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    open += !sigismember(&blocked, SIGINT) || !sigismember(&blocked, SIGTERM);
    return noise(3, 12, 14, 1);
  }
  mutable std::atomic<int> open{0};
};

class GreedyDecoder final : public ImageDecoder {
public:
  Result<Image> decode(const std::string &, bool) const override { throw std::bad_alloc(); }
};
} // namespace

// Ctrl-C is for the program's own thread.
TEST(Loader, WorkersReceiveNoSignals) {
  Fixture f;
  SignalDecoder decoder;
  f.part.decoder = &decoder;
  f.run(2);
  EXPECT_EQ(decoder.open, 0);
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_FALSE(sigismember(&blocked, SIGINT)); // the caller's are as they were
}

TEST(Loader, MemoryThatIsNotThereIsAnErrorOfThatSample) {
  for (int64_t workers : {0, 2}) {
    Fixture f(3);
    GreedyDecoder decoder;
    f.part.decoder = &decoder;
    auto loader = Loader::create(f.fields(), workers, 4);
    ASSERT_TRUE(loader.ok());
    (*loader)->begin(f.part, f.order, 0);
    Result<const uint8_t *> sample = (*loader)->take();
    ASSERT_FALSE(sample.ok());
    EXPECT_EQ(sample.error().code, ErrorCode::Environment);
    EXPECT_EQ(sample.error().slug, "out-of-memory");
    EXPECT_EQ(sample.error().message, "there is not enough memory for '2.png'");
  }
}
