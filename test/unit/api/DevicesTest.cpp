//===- DevicesTest.cpp - one .gnc file for several devices ------------------------------------===//
#include "test/Tolerance.h"

#include <gnc/gnc.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace {
const char *const tiny = R"(
net Tiny(x: [4]) -> y: [3] { x -> linear(8) -> relu -> linear(3) }
infer Tiny { out = y }
)";

/// A file with programs for this processor and for cards. Nothing in them needs libdevice.
class DevicesTest : public testing::Test {
protected:
  void SetUp() override {
    std::string form = std::filesystem::temp_directory_path() / "gnc-devices-XXXXXX";
    folder = mkdtemp(form.data());
    std::ofstream(folder / "tiny.net") << tiny;
    std::string command = std::string(GNC_TOOL) + " compile " + (folder / "tiny.net").string() +
                          " --cpu native --target sm_80 -o " + path();
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string path() const { return folder / "tiny.gnc"; }

  static std::vector<float> run(const gnc::Program &program, const std::string &device) {
    gnc::Context context(program, {.threads = 1, .device = device});
    context.initialize(1);
    std::vector<float> x = {1, -2, 3, -4, 0.5f, 0.25f, -1, 2}, out(6);
    context.bindInput("x", x.data(), {2, 4});
    context.bindResult("out", out.data(), {2, 3});
    context.infer(2);
    return out;
  }

  std::filesystem::path folder;
};
} // namespace

/// The processor and a card, in software, answer alike, from one file.
TEST_F(DevicesTest, oneFileRunsOnProcessorAndCard) {
  gnc::Program program = gnc::Program::load(path());
  std::vector<float> host = run(program, "cpu"), card = run(program, "emulator");
  // Two layers with sums of up to nine terms, on numbers below 10.
  const double tolerance = gnc::test::roundings(2 * 9) * 10;
  for (size_t i = 0; i < host.size(); ++i)
    EXPECT_NEAR(host[i], card[i], tolerance) << i;
  EXPECT_EQ(run(program, "").size(), host.size()); // what is there
}

/// What a card has is not the host's to look at; the host's arrays are copied.
TEST_F(DevicesTest, cardsHaveMemoryOfTheirOwn) {
  gnc::Program program = gnc::Program::load(path());
  gnc::Context context(program, {.threads = 1, .device = "emulator"});
  try {
    context.mapInput<float>("x");
    FAIL();
  } catch (const gnc::Error &error) {
    EXPECT_EQ(error.slug, "api-device");
    EXPECT_STREQ(error.what(), "'x' is in the memory of a card");
  }
}

/// A device that the program was not compiled for is refused with what to do.
TEST_F(DevicesTest, programsForOtherDevices) {
  std::string command = std::string(GNC_TOOL) + " compile " + (folder / "tiny.net").string() +
                        " --cpu native -o " + path();
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  try {
    run(gnc::Program::load(path()), "emulator");
    FAIL();
  } catch (const gnc::Error &error) {
    EXPECT_EQ(error.slug, "no-target");
    EXPECT_STREQ(error.what(), "'Tiny' was not compiled for cards");
  }
}
