#include "tools/Trace.h"

#include "runtime/File.h"
#include "tools/Json.h"

#include <array>

namespace gnc::tools {

/// Runs what another executor would, launch by launch.
class TracingDevice::TracedExecutor final : public runtime::Executor {
public:
  TracedExecutor(TracingDevice &trace, std::unique_ptr<runtime::Executor> inner)
      : Executor(inner->program()), trace(trace), inner(std::move(inner)) {}

  void runLaunches(size_t first, size_t last, int64_t n) override;
  void takeInputs() override { inner->takeInputs(); }
  void takeMemory() override { inner->takeMemory(); }
  std::span<uint8_t> spare() override { return inner->spare(); }
  bool borrows(const runtime::Tensor &tensor) const override { return inner->borrows(tensor); }
  runtime::Status status() const override { return inner->status(); }
  runtime::Status finish() override { return inner->finish(); }
  const uint8_t *read(const runtime::Tensor &tensor, int64_t n) const override {
    return inner->read(tensor, n);
  }
  uint8_t *stage(const runtime::Tensor &tensor) override { return inner->stage(tensor); }
  void send(const runtime::Tensor &tensor, int64_t n) override { inner->send(tensor, n); }

private:
  TracingDevice &trace;
  std::unique_ptr<runtime::Executor> inner;
};

void TracingDevice::TracedExecutor::runLaunches(size_t first, size_t last, int64_t n) {
  auto micros = [&](Clock::time_point time) {
    return std::chrono::duration<double, std::micro>(time - trace.begin).count();
  };
  for (; first < last && trace.events.size() < trace.most; ++first) {
    const runtime::Launch &launch = source.launches[first];
    const runtime::Site &site = source.sites[launch.site];
    double start = micros(Clock::now());
    inner->runLaunches(first, first + 1, n);
    (void)inner->finish(); // asked again by whoever runs the program
    trace.events.push_back({source.name, site.name,
                            site.location.file + ":" + std::to_string(site.location.line),
                            source.keyOf(launch).substr(0, 10), launch.flops.at(n),
                            launch.bytes.at(n), start, micros(Clock::now()) - start, n});
  }
  if (first < last)
    inner->runLaunches(first, last, n);
}

runtime::Result<std::unique_ptr<runtime::Executor>>
TracingDevice::traced(runtime::Result<std::unique_ptr<runtime::Executor>> inner) {
  if (!inner.ok())
    return inner;
  return std::unique_ptr<runtime::Executor>(new TracedExecutor(*this, std::move(*inner)));
}

runtime::Status TracingDevice::write(const std::string &path) const {
  std::string text = "[";
  for (const Event &event : events) {
    char numbers[240];
    snprintf(numbers, sizeof numbers, "\"ts\": %.3f, \"dur\": %.3f, ", event.start, event.length);
    text += text.size() > 1 ? ",\n" : "\n";
    text += "{\"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"cat\": " + jsonString(event.program) +
            ", \"name\": " + jsonString(event.layer.empty() ? "(the step)" : event.layer) + ", " +
            numbers;
    snprintf(numbers, sizeof numbers,
             "\"flops\": %.0f, \"gflops\": %.2f, \"bytes\": %.0f, \"gbytes_per_second\": %.2f, "
             "\"samples\": %lld}}",
             event.flops, event.length > 0 ? event.flops / event.length * 1e-3 : 0, event.bytes,
             event.length > 0 ? event.bytes / event.length * 1e-3 : 0,
             static_cast<long long>(event.samples));
    text += "\"args\": {\"kernel\": " + jsonString(event.kernel) +
            ", \"line\": " + jsonString(event.place) + ", " + numbers;
  }
  text += "\n]\n";
  std::array pieces{std::span(reinterpret_cast<const uint8_t *>(text.data()), text.size())};
  return runtime::replaceFile(path, std::span<const std::span<const uint8_t>>(pieces));
}

} // namespace gnc::tools
