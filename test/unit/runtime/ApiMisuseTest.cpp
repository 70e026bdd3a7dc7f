//===- ApiMisuseTest.cpp - what wrong calls of the C API are told
//------------------------------===//
#include "ApiMisuse.h"
#include "FakeNet.h"

#include "runtime/api/ApiObjects.h"

#include <gtest/gtest.h>

#include <regex>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
/// The texts of all statuses that the calls got.
std::string said(int (*calls)(gnc_program *, misuse_say, void *)) {
  gnc_program *program = api::programHandle(fakeNet());
  std::string text;
  auto add = [](void *user, const char *line) { *static_cast<std::string *>(user) += line; };
  EXPECT_EQ(calls(program, add, &text), 0)
      << "wrong calls that succeeded, or right ones that failed";
  EXPECT_EQ(gnc_program_free(program), nullptr);
  return std::regex_replace(text, std::regex("processor is x86-64-v[1-4]"), "processor is another");
}
} // namespace

TEST(ApiMisuseTest, arguments) {
  EXPECT_EQ(said(misuse_arguments),
            R"(error: gnc_program_info.size is 0, but the struct has 56 bytes [api-argument]
help: set size to sizeof(gnc_program_info)
error: gnc_program_info is NULL [api-argument]
help: NULL is for what the header says may be left out
error: the path is NULL [api-argument]
help: NULL is for what the header says may be left out
error: the place for the program is NULL [api-argument]
help: NULL is for what the header says may be left out
error: there is no metric 1; there are 1 [api-argument]
help: count from 0 to gnc_program_info.metric_count - 1
error: there is no tensor 99; there are 6 [api-argument]
help: count from 0 to gnc_mode_info.tensor_count - 1
error: the program 'infer' has no input 'imgae' [api-name]
note: it has image
help: did you mean 'image'?
error: there is no role 6 [api-argument]
help: pass one of GNC_ROLE_..
error: there is no mode 7 [api-argument]
help: pass GNC_MODE_INFER, GNC_MODE_EVAL or GNC_MODE_TRAIN
error: this version of the library does not know all members of gnc_context_options that are set [api-argument]
help: install the version that the program was built with, or leave them zero
error: cannot run on -1 threads [threads]
help: give a number from 1 to 1024, or 0 for all processors
error: there is no device 'tpu' [api-device]
help: pass "cpu", "cuda", "cuda:1", "emulator", or NULL
)");
}

TEST(ApiMisuseTest, handles) {
  EXPECT_EQ(said(misuse_handles), R"(error: the context is NULL [api-handle]
help: look at the status of the call that makes it
error: the context is no handle of this library [api-handle]
help: pass what the library gave, unchanged
error: this is a program, not a context [api-handle]
help: pass a gnc_context
error: the context has been freed [api-handle]
help: free it after its last use
error: the context has been freed [api-handle]
help: free it after its last use
error: the status has been freed [api-handle]
)");
}

TEST(ApiMisuseTest, buffers) {
  EXPECT_EQ(said(misuse_buffers), R"(error: the program 'infer' has no input 'label' [api-name]
note: it has image
error: the name is NULL [api-argument]
help: NULL is for what the header says may be left out
error: the gnc_buffer is NULL [api-argument]
help: NULL is for what the header says may be left out
error: 'image' is u8[n, 1, 4, 4], but the array is u8[2, 1, 3, 4] [api-buffer]
help: the first extent of a batched tensor counts samples, the others are those of one sample; types are not converted
error: 'image' is u8[n, 1, 4, 4], but the array is u8[2, 1, 4] [api-buffer]
help: the first extent of a batched tensor counts samples, the others are those of one sample; types are not converted
error: 'image' is u8[n, 1, 4, 4], but the array is of rank 1000 [api-buffer]
help: the first extent of a batched tensor counts samples, the others are those of one sample; types are not converted
error: 'image' is u8[n, 1, 4, 4], but the array is f32[2, 1, 4, 4] [api-buffer]
help: the first extent of a batched tensor counts samples, the others are those of one sample; types are not converted
error: there is no type 9 [api-argument]
help: pass GNC_F32, GNC_I32, GNC_U8 or GNC_BOOL
error: gnc_buffer.data is NULL [api-argument]
help: NULL is for what the header says may be left out
error: 'image' is u8[n, 1, 4, 4], but the array is longer than memory [api-buffer]
help: the first extent of a batched tensor counts samples, the others are those of one sample; types are not converted
error: gnc_buffer.size is 4, but the struct has 40 bytes [api-argument]
help: set size to sizeof(gnc_buffer)
error: 'Fake.w' is f32[3, 16], 192 bytes, but the array has 12 [api-buffer]
help: pass the bytes of the whole tensor, dense
error: the program 'infer' has no weight 'Fake.b' [api-name]
note: it has Fake.w
help: did you mean 'Fake.w'?
error: tensors of role 0 do not live from run to run [api-argument]
help: pass GNC_ROLE_WEIGHT, _STATE, _OPTIMIZER or _AVERAGE
error: gnc_buffer is NULL [api-argument]
help: NULL is for what the header says may be left out
)");
}

TEST(ApiMisuseTest, order) {
  EXPECT_EQ(said(misuse_order),
            R"(error: the input 'image' has neither been bound nor mapped [api-order]
help: call gnc_bind_input with u8[n, 1, 4, 4]
error: there are no weights yet: nothing has been written to Fake.w, Fake.mean [api-order]
help: call gnc_load_weights, gnc_initialize or gnc_copy_weights first
error: a run of 0 samples [api-batch]
help: pass the number of samples, at least 1
error: the array of 'image' has room for 2 samples, not for 3 [api-batch]
help: bind an array of at least 3 samples
error: gnc_train_step on a context of inference [api-argument]
help: create a context of training
error: gnc_eval_begin on a context of inference [api-argument]
help: create a context of evaluation
error: no training has begun [api-order]
help: call gnc_train_begin or gnc_load_checkpoint first
error: no training has begun [api-order]
help: call gnc_train_begin or gnc_load_checkpoint first
fake.net:9:1: error: there are no samples to train on [empty-data]
error: give epochs or steps, not both [no-length]
error: cannot read 'missing.safetensors': No such file or directory [unreadable-file]
error: this step takes 5 samples, not 4: an epoch has 23 in batches of 5 [api-batch]
help: pass min(batch, what is left of the epoch)
fake.net:3:1: error: 'label' of sample 3 holds 3, but has to be from 0 to 2 [class-range]
error: the training is over: all 3 steps have been done [api-order]
help: begin a longer one: gnc_training_options.epochs
error: both contexts are the same one [api-argument]
help: pass two contexts of one program
error: cannot read 'missing.safetensors': No such file or directory [unreadable-file]
error: 'these' is not a good safetensors file: it declares a header of 7523097587056930670 bytes; at most 100000000 are allowed [bad-safetensors]
)");
}

TEST(ApiMisuseTest, files) { EXPECT_EQ(said(misuse_files), R"(error: cannot read 'missing.gnc': No such file or directory [unreadable-file]
error: cannot read '/': it is not a regular file [unreadable-file]
error: 'these': the compiled program is damaged: it does not begin as a .gnc file does [bad-program]
help: compile it again: gnc compile NET.net -o FILE
error: 'these': the compiled program is damaged: it has 0 bytes [bad-program]
help: compile it again: gnc compile NET.net -o FILE
error: 'these': the compiled program is damaged: it has 20 bytes [bad-program]
help: compile it again: gnc compile NET.net -o FILE
error: 'these': the compiled program has version 99 of its format, this gnc reads 1 [program-version]
help: compile it again with this gnc, or use the gnc that it was compiled with
error: the compiled program is damaged: its description has 0 bytes [bad-program]
help: compile it again: gnc compile NET.net -o FILE
error: the compiled program is damaged: it does not begin as a description does [bad-program]
help: compile it again: gnc compile NET.net -o FILE
error: the image is of version 7, this library reads version 1 [program-version]
help: compile the network again with the gnc that this library came with
error: the network is compiled for x86-64-v9, this processor is another [no-target]
help: compile it for this processor, or as a .gnc file for several
)"); }
