#include "FakeNet.h"
#include "TestFiles.h"
#include "runtime/Evaluate.h"
#include "runtime/Feed.h"

#include <algorithm>
#include <cstring>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
/// A host with a guest, beside an executor of the guest's program with memory of its own.
struct Couple {
  Couple(const Program &hostProgram, const Program &guestProgram)
      : pool(std::move(*ThreadPool::create(1))),
        host(std::move(*Executor::create(hostProgram, *pool, &guestProgram))),
        guest(std::move(*Executor::createGuest(guestProgram, *pool, *host))),
        alone(std::move(*Executor::create(guestProgram, *pool))) {}

  /// What all results are for a full batch, with the host's weights.
  std::vector<float> answer(Executor &executor, const Dataset &data) {
    StateCopy copy = std::move(*StateCopy::plan(*host, executor));
    copy.run();
    executor.prepare();
    int64_t n = executor.program().maxBatch;
    Feed feed = std::move(*Feed::bind(*data.train.part, executor));
    EXPECT_TRUE(feed.gather(*data.train.part, std::span(data.train.samples).first(size_t(n))).ok());
    executor.answer(n);
    std::vector<float> values;
    for (const Tensor &tensor : executor.program().tensors)
      if (tensor.role == Role::Result)
        for (float value : executor.readTensor(tensor, n))
          values.push_back(value);
    return values;
  }
  /// What any run of the host may do to it.
  void scribble() { std::ranges::fill(host->spare(), uint8_t(0xff)); }

  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<Executor> host, guest, alone;
};

bool within(const uint8_t *address, std::span<uint8_t> memory) {
  return memory.data() <= address && address < memory.data() + memory.size();
}
} // namespace

TEST(Guest, AnswersWhatItWouldInMemoryOfItsOwn) {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);
  // Two constants: one is written again before each evaluation or it would be lost.
  net.eval.constants.push_back({net.eval.arenaBytes, {1, 2, 3, 4}});
  net.eval.arenaBytes += 64;
  Couple couple(net.train, net.eval);
  couple.host->initialize(7);
  std::vector<float> expected = couple.answer(*couple.alone, data);
  couple.scribble();
  EXPECT_EQ(couple.answer(*couple.guest, data), expected);
  Tensor constant;
  constant.type = ElementType::U8;
  constant.offset = net.eval.constants.back().offset;
  const uint8_t *bytes = couple.guest->read(constant, 1);
  EXPECT_TRUE(within(bytes, couple.host->spare()));
  EXPECT_EQ(std::vector<uint8_t>(bytes, bytes + 4), (std::vector<uint8_t>{1, 2, 3, 4}));
}

TEST(Guest, LeavesWhatItsHostKeeps) {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);
  Couple couple(net.train, net.eval);
  couple.host->initialize(7);
  auto kept = [&] {
    std::vector<std::vector<float>> values;
    for (const Tensor &tensor : net.train.tensors)
      values.push_back(couple.host->readTensor(tensor, net.train.maxBatch));
    return values;
  };
  auto before = kept();
  couple.answer(*couple.guest, data);
  EXPECT_EQ(kept(), before);
}

TEST(Guest, BorrowsWhatLiesAsItWantsIt) {
  CompiledNet net = fakeNet();
  Couple couple(net.train, net.eval); // the weight lies transposed
  const Tensor &w = *net.eval.find(Role::Weight, "Fake.w");
  const Tensor &mean = *net.eval.find(Role::State, "Fake.mean");
  EXPECT_FALSE(couple.guest->borrows(w));
  EXPECT_TRUE(within(couple.guest->stage(w), couple.host->spare()));
  EXPECT_TRUE(couple.guest->borrows(mean));
  EXPECT_EQ(couple.guest->stage(mean),
            couple.host->stage(*net.train.find(Role::State, "Fake.mean")));
  EXPECT_FALSE(couple.alone->borrows(mean));
}

TEST(Guest, NeedsNoRoomForWeightsThatItBorrows) {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);
  Couple couple(net.eval, net.eval);
  couple.host->initialize(3);
  for (const Tensor &tensor : net.eval.tensors)
    if (isPersistent(tensor.role))
      EXPECT_TRUE(couple.guest->borrows(tensor)) << tensor.name;
  EXPECT_EQ(couple.host->spare().size(), net.eval.arenaBytes - net.eval.persistentBytes);
  EXPECT_EQ(couple.answer(*couple.guest, data), couple.answer(*couple.alone, data));
}

TEST(Guest, HasMemoryOfItsOwnWhereThereIsNoRoom) {
  CompiledNet net = fakeNet();
  auto pool = std::move(*ThreadPool::create(1));
  Program large = net.eval;
  large.arenaBytes += 1 << 20;
  auto host = std::move(*Executor::create(net.train, *pool));
  auto guest = std::move(*Executor::createGuest(large, *pool, *host));
  for (const Tensor &tensor : large.tensors) {
    EXPECT_FALSE(guest->borrows(tensor));
    EXPECT_FALSE(within(guest->stage(tensor), host->spare()));
  }
}

TEST(Guest, AHostThatPreparesHasNothingToSpare) {
  CompiledNet net = fakeNet();
  auto pool = std::move(*ThreadPool::create(1));
  Program prepared = net.eval;
  prepared.prologue = 1;
  auto host = std::move(*Executor::create(prepared, *pool, &net.eval));
  EXPECT_TRUE(host->spare().empty());
}
