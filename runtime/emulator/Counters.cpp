#include "runtime/emulator/Counters.h"

#include "runtime/emulator/Warp.h"

#include <cstdio>
#include <numeric>

namespace gnc::emulator {

const char *name(InstructionClass kind) {
  static constexpr const char *names[kClasses] = {
      "fma",       "float",       "special",      "integer",     "move",         "compare",
      "matrix",    "global load", "global store", "shared load", "shared store", "local",
      "parameter", "atomic",      "async copy",   "control",     "sync"};
  return names[static_cast<unsigned>(kind)];
}

uint64_t Counters::totalIssued() const {
  return std::accumulate(issued.begin(), issued.end(), uint64_t{0});
}
uint64_t Counters::totalLanes() const {
  return std::accumulate(lanes.begin(), lanes.end(), uint64_t{0});
}

static void add(Requests &to, const Requests &from) {
  to.count += from.count;
  to.bytes += from.bytes;
  to.units += from.units;
  to.idealUnits += from.idealUnits;
}

void Counters::add(const Counters &other) {
  launches += other.launches;
  blocks += other.blocks;
  for (unsigned k = 0; k < kClasses; ++k) {
    issued[k] += other.issued[k];
    lanes[k] += other.lanes[k];
  }
  flops += other.flops;
  emulator::add(globalLoads, other.globalLoads);
  emulator::add(globalStores, other.globalStores);
  emulator::add(sharedLoads, other.sharedLoads);
  emulator::add(sharedStores, other.sharedStores);
  bytesRead += other.bytesRead;
  bytesWritten += other.bytesWritten;
  loopIssued += other.loopIssued;
  loopFma += other.loopFma;
  seconds += other.seconds;
}

/// The loop whose own instructions, without those of loops inside, were issued most. A loop is what
/// a branch backwards encloses.
static void countLoop(Counters &c, const Program &program, const std::vector<uint64_t> &issued) {
  std::vector<uint32_t> loopOf(program.code.size(), ~0u); // by its end; inner ones come first
  uint64_t best = 0, fma = 0;
  for (uint32_t k = 0; k < program.code.size(); ++k) {
    const Instruction &i = program.code[k];
    if (i.flow != Flow::Branch || i.target > k)
      continue;
    uint64_t sum = 0, fmas = 0;
    for (uint32_t j = i.target; j <= k; ++j) {
      if (loopOf[j] != ~0u)
        continue;
      loopOf[j] = k;
      sum += issued[j];
      fmas += program.about[j].kind == InstructionClass::Fma ? issued[j] : 0;
    }
    if (sum > best)
      best = sum, fma = fmas;
  }
  c.loopIssued += best;
  c.loopFma += fma;
}

void addCounts(Counters &counters, const Program &program, const std::vector<Worker> &workers,
               uint64_t blocks, double seconds) {
  Counters c;
  std::vector<uint64_t> issued(program.code.size());
  for (const Worker &worker : workers) {
    for (size_t k = 0; k < program.code.size(); ++k) {
      const Description &about = program.about[k];
      const Worker::Count &count = worker.counts[k];
      issued[k] += count.issued;
      c.issued[static_cast<unsigned>(about.kind)] += count.issued;
      c.lanes[static_cast<unsigned>(about.kind)] += count.lanes;
      c.flops +=
          about.flops * (about.kind == InstructionClass::Matrix ? count.issued : count.lanes);
    }
    c.add(worker.requests);
  }
  SectorSet read, written;
  for (const Worker &worker : workers) {
    read.add(worker.read);
    written.add(worker.written);
  }
  c.bytesRead = read.bytes();
  c.bytesWritten = written.bytes();
  countLoop(c, program, issued);
  c.launches = 1;
  c.blocks = blocks;
  c.seconds = seconds;
  counters.add(c);
}

static void line(std::string &text, const char *what, const char *format, auto... values) {
  char room[160];
  int used = std::snprintf(room, sizeof room, "%-22s", what);
  std::snprintf(room + used, sizeof room - static_cast<size_t>(used), format, values...);
  text += std::string(room) + "\n";
}
static double ratio(uint64_t a, uint64_t b) {
  return b ? static_cast<double>(a) / static_cast<double>(b) : 0;
}

std::string Counters::text() const {
  std::string text;
  using U = unsigned long long;
  line(text, "launches", "%llu of %llu blocks", U{launches}, U{blocks});
  line(text, "instructions", "%llu of warps, %llu of lanes (%.1f a warp)", U{totalIssued()},
       U{totalLanes()}, ratio(totalLanes(), totalIssued()));
  for (unsigned k = 0; k < kClasses; ++k)
    if (issued[k])
      line(text, (std::string("  ") + name(static_cast<InstructionClass>(k))).c_str(),
           "%llu (%.1f %%)", U{issued[k]}, 100 * ratio(issued[k], totalIssued()));
  if (loopIssued)
    line(text, "busiest loop", "%llu, %.1f %% fma", U{loopIssued},
         100 * ratio(loopFma, loopIssued));
  line(text, "flops", "%llu", U{flops});
  auto requests = [&](const char *what, const Requests &r, const char *unit) {
    if (r.count)
      line(text, what, "%llu requests, %llu bytes, %llu %s (%.2f a request, %.2f of the ideal)",
           U{r.count}, U{r.bytes}, U{r.units}, unit, ratio(r.units, r.count),
           ratio(r.units, r.idealUnits));
  };
  requests("global loads", globalLoads, "sectors");
  requests("global stores", globalStores, "sectors");
  if (bytesRead || bytesWritten)
    line(text, "global memory", "%llu bytes read, %llu written, each sector once a launch",
         U{bytesRead}, U{bytesWritten});
  requests("shared loads", sharedLoads, "wavefronts");
  requests("shared stores", sharedStores, "wavefronts");
  if (seconds > 0)
    line(text, "emulated in", "%.3f s, %.2f G lane operations/s", seconds,
         static_cast<double>(totalLanes()) / seconds / 1e9);
  return text;
}

} // namespace gnc::emulator
