// A program that does not fit together is refused, whatever wrote it.
#include "runtime/ProgramCheck.h"
#include "WholeNet.h"

#include <functional>
#include <gtest/gtest.h>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {

constexpr auto kNowhere = ~uint64_t(0) - 64; // a distance from it wraps around

struct Lie {
  const char *name;
  std::function<void(Program &)> tell;
  std::string message;
};

void expectRefused(const Program &honest, const std::vector<Lie> &lies) {
  ASSERT_TRUE(checkProgram(honest).ok());
  for (const Lie &lie : lies) {
    SCOPED_TRACE(lie.name);
    Program program = honest;
    lie.tell(program);
    Status status = checkProgram(program);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::Internal);
    EXPECT_EQ(status.error().message, lie.message);
  }
}

std::string launchOf(const Program &program) {
  return "program '" + program.name + "' has a launch without a kernel, place or tiles";
}

TEST(ProgramCheck, WhatDoesNotFitIsRefused) {
  Program honest = wholeNet().train;
  std::string program = "program '" + honest.name + "'", launch = launchOf(honest),
              tensor = "tensor '" + honest.tensors[0].name + "' of " + program + " ";
  expectRefused(
      honest,
      {
          {"no batch", [](Program &p) { p.maxBatch = 0; }, program + " is planned for 0 samples"},
          {"all persists", [](Program &p) { p.persistentBytes = p.arenaBytes + 1; },
           program + " keeps more than it has"},
          {"constant", [](Program &p) { p.constants[0].offset = p.arenaBytes; },
           "a constant of " + program + " lies outside the arena"},
          {"commit", [](Program &p) { p.commit = p.launches.size() + 1; },
           program + " commits after its end"},
          {"prologue", [](Program &p) { p.prologue = p.commit + 1; },
           program + " commits after its end"},
          {"shape", [](Program &p) { p.tensors[0].shape[0] = -1; },
           tensor + "has no sensible shape"},
          {"arena", [](Program &p) { p.tensors[0].offset = kNowhere; },
           tensor + "lies outside the arena"},
          {"alignment", [](Program &p) { p.tensors[0].offset += 2, p.arenaBytes += 64; },
           tensor + "is not aligned"},
          {"bytes", [](Program &p) { p.tensors[0].bytes -= 1; },
           tensor + "reaches beyond its bytes"},
          {"kernel", [](Program &p) { p.launches[0].kernel = uint32_t(p.kernels.size()); }, launch},
          {"no code", [](Program &p) { p.kernels[p.launches[0].kernel].entry = nullptr; }, launch},
          {"site", [](Program &p) { p.launches[0].site = uint32_t(p.sites.size()); }, launch},
          {"argument", [](Program &p) { p.launches[0].arguments[0] = p.arenaBytes + 1; }, launch},
          {"tiles", [](Program &p) { p.launches[0].tiles.divisor = 0; }, launch},
          {"plan", // which would fit on a card
           [](Program &p) {
             p.launches[0].library = true, p.launches[0].kernel = 0;
             p.launches[0].arguments.assign(4, 0), p.arenaBytes += 4096;
           },
           launch},
      });
}

TEST(ProgramCheck, APlanHasItsTensorsItsRoomAndItsSamples) {
  Program honest = wholeNet().train;
  honest.target = Target::Cuda;
  honest.module = ".version 7.0";
  honest.arenaBytes += 4096;
  for (Kernel &kernel : honest.kernels)
    kernel.symbol = "k", kernel.threads = 128, kernel.entry = nullptr;
  Launch &planned = honest.launches[0];
  planned.library = true, planned.kernel = 0;
  planned.arguments = {0, 64, 128, 192}; // three tensors and the workspace
  planned.summed = {{64, 16}};
  std::string launch = launchOf(honest), halt = "program '" + honest.name + "' commits and ";
  expectRefused(
      honest,
      {
          {"number", [](Program &p) { p.launches[0].kernel = uint32_t(p.plans.size()); }, launch},
          {"a tensor less", [](Program &p) { p.launches[0].arguments.pop_back(); }, launch},
          {"a tensor more", [](Program &p) { p.plans[0].workspaceBytes = 0; }, launch},
          {"workspace", [](Program &p) { p.plans[0].workspaceBytes = p.arenaBytes - 191; }, launch},
          {"samples", [](Program &p) { p.launches[0].summed[0].offset = p.arenaBytes - 1; },
           launch},
          {"a sample's bytes",
           [](Program &p) {
             p.launches[0].summed[0].bytes = ~uint64_t(0) / uint64_t(p.maxBatch) + 1;
           },
           launch},
          {"text", [](Program &p) { p.plans[0].text = std::string("{\0}", 3); }, launch},
          {"module", [](Program &p) { p.module = std::string("a\0b", 3); },
           "the module of program '" + honest.name + "' is no text"},
          {"nothing stops commits", [](Program &p) { p.tensors.back().role = Role::Result; },
           halt + "cannot be stopped"},
          {"a number", [](Program &p) { p.tensors.back().type = ElementType::F32; },
           "tensor 'halt' of program '" + honest.name + "' is not the word that stops commits"},
          {"a plan writes weights", [](Program &p) { p.launches.push_back(p.launches[0]); },
           halt + "writes weights by a plan"},
          {"threads",
           [](Program &p) { p.launches[0].library = false, p.kernels[0].threads = 1025; }, launch},
          {"symbol", [](Program &p) { p.launches[0].library = false, p.kernels[0].symbol.clear(); },
           launch},
      });
}

} // namespace
