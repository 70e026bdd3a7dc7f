//===- ApiTest.cpp - the C API
//-----------------------------------------------------------------===//
#include "ApiHarness.h"
#include "TestFiles.h"

#include "runtime/Safetensors.h"
#include "test/Tolerance.h"

#include <thread>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

//===- Bad use (see ApiMisuseTest) ------------------------------------------------------------===//

TEST(ApiTest, twoThreadsOnOneContext) {
  ProgramHandle program;
  gnc_context *context = newContext(program.handle, GNC_MODE_INFER);
  {
    auto use = api::Use::begin(context); // a call of another thread that goes on
    ASSERT_TRUE(use.ok());
    std::string text;
    std::thread([&] {
      gnc_status *status = gnc_initialize(context, 1);
      text = gnc_status_text(status);
      gnc_status_free(status);
    }).join();
    EXPECT_EQ(text, "error: the context is in use by another call [context-busy]\n"
                    "help: give every thread a context of its own; they share the program\n");
    OK(gnc_context_free(context)); // the call goes on with what it has
    EXPECT_EQ((*use)->mode, GNC_MODE_INFER);
  }
  EXPECT_EQ(slugOf(gnc_initialize(context, 1)), "api-handle");
}

TEST(ApiTest, weightsOfAnotherNetwork) {
  TemporaryFolder folder;
  std::string path = folder / "other.safetensors";
  ASSERT_TRUE(writeSafetensors(path, {{"Other.w", ElementType::F32, {1}, {0, 0, 0, 0}}}, {}).ok());
  ProgramHandle program;
  gnc_context *context = newContext(program.handle, GNC_MODE_INFER);
  gnc_status *status = gnc_load_weights(context, path.c_str());
  EXPECT_EQ(std::string(gnc_status_text(status)),
            "error: the weights in '" + path +
                "' are not those of this network [weights-differ]\n"
                "note: missing in the file: Fake.mean, Fake.w\n"
                "note: unknown to the network: Other.w\n");
  EXPECT_EQ(gnc_status_code(status), GNC_INPUT);
  EXPECT_EQ(gnc_status_note_count(status), 2u);
  EXPECT_EQ(std::string(gnc_status_note(status, 1)), "unknown to the network: Other.w");
  EXPECT_EQ(std::string(gnc_status_note(status, 2)), "");
  gnc_status_free(status);
  OK(gnc_context_free(context));
}

//===- What a program says --------------------------------------------------------------------===//

TEST(ApiTest, programsDescribeThemselves) {
  ProgramHandle program;
  gnc_program_info info = sized<gnc_program_info>();
  OK(gnc_program_describe(program.handle, &info));
  EXPECT_EQ(std::string(info.net), "Fake");
  EXPECT_EQ(info.batch, 5);
  EXPECT_EQ(info.metric_count, 1);
  gnc_mode_info mode = sized<gnc_mode_info>();
  OK(gnc_program_mode(program.handle, GNC_MODE_TRAIN, &mode));
  EXPECT_EQ(mode.available, 1);
  EXPECT_EQ(mode.max_batch, 5);
  EXPECT_EQ(mode.tensor_count, 8);
  EXPECT_GT(mode.memory, mode.persistent);
  gnc_tensor_info tensor = sized<gnc_tensor_info>();
  OK(gnc_program_find_tensor(program.handle, GNC_MODE_INFER, GNC_ROLE_INPUT, "image", &tensor));
  EXPECT_EQ(tensor.type, GNC_U8);
  EXPECT_EQ(tensor.rank, 3); // as it was declared, not as the compiler refined it
  EXPECT_EQ(tensor.shape[2], 4);
  EXPECT_EQ(tensor.bytes, 16u);
}

/// A caller of tomorrow has longer structs: what is behind ours comes back as zero.
TEST(ApiTest, longerStructsAreFilledAsFarAsKnown) {
  ProgramHandle program;
  struct {
    gnc_mode_info known;
    int64_t later = 5;
  } newer;
  newer.known = {};
  newer.known.size = sizeof newer;
  OK(gnc_program_mode(program.handle, GNC_MODE_EVAL, &newer.known));
  EXPECT_EQ(newer.known.max_batch, 4);
  EXPECT_EQ(newer.later, 0);
  EXPECT_EQ(newer.known.size, sizeof newer);
}

//===- Inference ------------------------------------------------------------------------------===//

namespace {
/// Probabilities of all samples, n at a time, from arrays as they are bound.
std::vector<float> inferAll(gnc_context *context, int64_t count, const Array &image) {
  std::vector<float> probability(size_t(count * 3));
  OK(gnc_bind_input(context, "image", image));
  Array result(probability.data(), GNC_F32, {count, 3});
  OK(gnc_bind_result(context, "probability", result));
  OK(gnc_infer(context, count));
  return probability;
}
} // namespace

/// However the arrays lie, and by whatever way they come, the results are the same.
TEST(ApiTest, stridedDenseAndMappedArraysAgree) {
  ProgramHandle program;
  Samples all(fakeData(fakeNet()));
  gnc_context *context = newContext(program.handle, GNC_MODE_INFER);
  OK(gnc_initialize(context, 7));
  int64_t n = all.count(); // more than the three that run together
  std::vector<float> dense = inferAll(context, n, Array(all.images.data(), GNC_U8, {n, 1, 4, 4}));
  EXPECT_NEAR(dense[0] + dense[1] + dense[2], 1, gnc::test::roundings(16));

  // Backwards in memory, columns before rows, two bytes a pixel.
  std::vector<uint8_t> other(size_t(n * 32));
  for (int64_t s = 0; s < n; ++s)
    for (int64_t y = 0; y < 4; ++y)
      for (int64_t x = 0; x < 4; ++x)
        other[size_t((n - 1 - s) * 32 + x * 8 + y * 2)] = all.images[size_t(s * 16 + y * 4 + x)];
  int64_t strides[] = {-32, 0, 2, 8};
  EXPECT_EQ(
      inferAll(context, n, Array(&other[size_t((n - 1) * 32)], GNC_U8, {n, 1, 4, 4}, strides)),
      dense);

  gnc_buffer image = sized<gnc_buffer>(), result = sized<gnc_buffer>();
  OK(gnc_map_input(context, "image", &image));
  OK(gnc_map_result(context, "probability", &result));
  ASSERT_EQ(image.rank, 4);
  EXPECT_EQ(image.shape[0], 3);
  for (int64_t i = 0; i < 16; ++i)
    static_cast<uint8_t *>(image.data)[i] = all.images[size_t(i)];
  OK(gnc_infer(context, 1));
  for (int64_t k = 0; k < 3; ++k)
    EXPECT_EQ(static_cast<float *>(result.data)[k * result.strides[1]], dense[size_t(k)]);
  EXPECT_EQ(slugOf(gnc_infer(context, 4)), "api-batch"); // mapped arrays hold three
  OK(gnc_context_free(context));
}

/// Weights go by file, tensor by tensor, and from context to context.
TEST(ApiTest, weightsTravel) {
  TemporaryFolder folder;
  ProgramHandle program;
  Samples all(fakeData(fakeNet()));
  gnc_context *first = newContext(program.handle, GNC_MODE_INFER);
  OK(gnc_initialize(first, 7));
  Array images(all.images.data(), GNC_U8, {all.count(), 1, 4, 4});
  std::vector<float> expected = inferAll(first, all.count(), images);
  std::string path = folder / "w.safetensors";
  OK(gnc_save_weights(first, path.c_str()));

  gnc_context *second = newContext(program.handle, GNC_MODE_INFER);
  OK(gnc_load_weights(second, path.c_str()));
  EXPECT_EQ(inferAll(second, all.count(), images), expected);
  std::vector<float> w(3 * 16);
  float mean = 0;
  OK(gnc_read_tensor(second, GNC_ROLE_WEIGHT, "Fake.w", w.data(), w.size() * 4));
  OK(gnc_initialize(second, 8));
  EXPECT_NE(inferAll(second, all.count(), images), expected);

  gnc_context *third = newContext(program.handle, GNC_MODE_INFER);
  OK(gnc_write_tensor(third, GNC_ROLE_WEIGHT, "Fake.w", w.data(), w.size() * 4));
  EXPECT_EQ(slugOf(gnc_save_weights(third, path.c_str())), "api-order"); // a state is missing
  OK(gnc_write_tensor(third, GNC_ROLE_STATE, "Fake.mean", &mean, 4));
  EXPECT_EQ(inferAll(third, all.count(), images), expected);
  OK(gnc_copy_weights(third, second));
  OK(gnc_program_free(program.handle)); // contexts live on
  EXPECT_EQ(inferAll(second, all.count(), images), expected);
  for (gnc_context *context : {first, second, third})
    OK(gnc_context_free(context));
  program.handle = nullptr;
}

/// Many threads, one program, a context each; handles come and go meanwhile.
TEST(ApiTest, manyThreadsOneProgram) {
  ProgramHandle program;
  Samples all(fakeData(fakeNet()));
  Array images(all.images.data(), GNC_U8, {all.count(), 1, 4, 4});
  gnc_context *reference = newContext(program.handle, GNC_MODE_INFER);
  OK(gnc_initialize(reference, 7));
  const std::vector<float> expected = inferAll(reference, all.count(), images);
  std::vector<float> shared(3); // of the context that all of them use
  OK(gnc_bind_result(reference, "probability", Array(shared.data(), GNC_F32, {1, 3})));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int round = 0; round < 20; ++round) {
        gnc_context *context = newContext(program.handle, GNC_MODE_INFER, 1 + t % 2);
        OK(gnc_initialize(context, 7));
        EXPECT_EQ(inferAll(context, all.count(), images), expected);
        gnc_status_free(gnc_infer(reference, 1)); // busy, or not
        OK(gnc_context_free(context));
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  OK(gnc_context_free(reference));
}
