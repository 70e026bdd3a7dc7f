#include "runtime/emulator/DriverConfig.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace gnc::emulator {

namespace {
std::string_view variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

bool parse(std::string_view text, uint64_t &value) {
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() && end == text.data() + text.size();
}

/// "4G", "512M", "1024".
bool parseBytes(std::string_view text, uint64_t &value) {
  unsigned shift = 0;
  if (!text.empty())
    shift = text.back() == 'G' ? 30 : text.back() == 'M' ? 20 : text.back() == 'K' ? 10 : 0;
  if (shift)
    text.remove_suffix(1);
  if (!parse(text, value) || value > uint64_t{1} << (44 - shift))
    return false;
  value <<= shift;
  return value > 0;
}

/// "FUNCTION[#N]=CODE".
bool parseFault(std::string_view text, DriverConfig &config) {
  size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    return false;
  std::string_view name = text.substr(0, equals);
  DriverConfig::Fault fault;
  if (size_t number = name.find('#'); number != std::string_view::npos) {
    if (!parse(name.substr(number + 1), fault.call) || fault.call == 0)
      return false;
    name = name.substr(0, number);
  }
  uint64_t code = 0;
  if (!parse(text.substr(equals + 1), code) || code == 0 || code > 999)
    return false;
  fault.code = cuda::Code(int(code));
  config.faults[std::string(name)] = fault;
  return true;
}

template <typename Visit> bool forEachItem(std::string_view list, Visit visit) {
  while (!list.empty()) {
    size_t comma = list.find(',');
    if (!visit(list.substr(0, comma)))
      return false;
    list = comma == std::string_view::npos ? "" : list.substr(comma + 1);
  }
  return true;
}

bool parseOrder(std::string_view text, Order &order) {
  order = text == "early" ? Order::Early : text == "random" ? Order::Random : Order::Late;
  return text == "late" || order != Order::Late;
}
} // namespace

DriverConfig DriverConfig::fromEnvironment() {
  DriverConfig config;
  auto read = [&](const char *name, const char *example, auto take) {
    std::string_view value = variable(name);
    if (!value.empty() && !take(value) && config.error.empty())
      config.error = std::string(name) + "=" + std::string(value) + " is not understood, write " +
                     name + "=" + example;
  };
  auto flag = [](bool &target) {
    return [&target](std::string_view value) {
      target = value == "1";
      return value == "0" || value == "1";
    };
  };
  uint64_t number = 0;
  read("GNC_EMULATOR_CARD", "sm_80", [&](std::string_view value) {
    return forEachItem(value, [&](std::string_view name) {
      config.cards.push_back(findCard(name));
      return config.cards.back() != nullptr;
    });
  });
  read("GNC_EMULATOR_MEMORY", "4G",
       [&](std::string_view value) { return parseBytes(value, config.memory); });
  read("GNC_EMULATOR_DRIVER", "13000", [&](std::string_view value) {
    bool ok = parse(value, number) && number >= 1000 && number < 100000;
    config.version = ok ? int(number) : config.version;
    return ok;
  });
  read("GNC_EMULATOR_CHECK", "1", flag(config.checked));
  read("GNC_EMULATOR_STATS", "1", flag(config.statistics));
  read("GNC_EMULATOR_ORDER", "late, early or random",
       [&](std::string_view value) { return parseOrder(value, config.order); });
  read("GNC_EMULATOR_SEED", "1", [&](std::string_view value) { return parse(value, config.seed); });
  read("GNC_EMULATOR_THREADS", "2", [&](std::string_view value) {
    bool ok = parse(value, number) && number <= 1024;
    config.threads = ok ? unsigned(number) : 0;
    return ok;
  });
  read("GNC_EMULATOR_FAULT", "cuMemAlloc_v2#1=2", [&](std::string_view value) {
    return forEachItem(value, [&](std::string_view item) { return parseFault(item, config); });
  });
  if (config.cards.empty())
    config.cards.push_back(&emulator::cards()[1]);
  return config;
}

} // namespace gnc::emulator
