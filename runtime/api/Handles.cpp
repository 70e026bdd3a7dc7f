//===- Handles.cpp - tickets for objects of the C API
//------------------------------------------===//
#include "runtime/api/Handles.h"

#include <mutex>
#include <shared_mutex>
#include <unordered_map>

namespace gnc::runtime::api {

namespace {
/// A ticket is a count with the kind in its low bits.
constexpr uintptr_t kindBits = 4, kindMask = (uintptr_t(1) << kindBits) - 1;

struct Registry {
  std::shared_mutex mutex;
  std::unordered_map<uintptr_t, std::shared_ptr<void>> objects;
  uintptr_t given = 0;
};

/// Never destroyed: threads may still call while the process ends.
Registry &registry() {
  static auto *instance = new Registry;
  return *instance;
}

const char *nameOf(uintptr_t kind) {
  switch (HandleKind(kind)) {
  case HandleKind::Program: return "program";
  case HandleKind::Context: return "context";
  case HandleKind::Status: return "status";
  }
  return nullptr;
}

/// Why the handle leads nowhere; `given` is the last count.
Error explain(HandleKind kind, uintptr_t ticket, uintptr_t given) {
  std::string name = nameOf(uintptr_t(kind));
  auto refuse = [&](const std::string &text, const std::string &help) {
    return usageError("api-handle", text).withHelp(help);
  };
  if (ticket == 0)
    return refuse("the " + name + " is NULL", "look at the status of the call that makes it");
  const char *other = nameOf(ticket & kindMask);
  bool known = other && ticket >> kindBits >= 1 && ticket >> kindBits <= given;
  if (!known)
    return refuse("the " + name + " is no handle of this library",
                  "pass what the library gave, unchanged");
  if ((ticket & kindMask) != uintptr_t(kind))
    return refuse("this is a " + std::string(other) + ", not a " + name, "pass a gnc_" + name);
  return refuse("the " + name + " has been freed", "free it after its last use");
}
} // namespace

void *addHandle(HandleKind kind, std::shared_ptr<void> object) {
  Registry &all = registry();
  std::unique_lock lock(all.mutex);
  uintptr_t ticket = (all.given + 1) << kindBits | uintptr_t(kind);
  all.objects.emplace(ticket, std::move(object));
  ++all.given;
  return reinterpret_cast<void *>(ticket);
}

Result<std::shared_ptr<void>> findHandle(HandleKind kind, const void *handle) {
  Registry &all = registry();
  auto ticket = reinterpret_cast<uintptr_t>(handle);
  std::shared_lock lock(all.mutex);
  auto found = all.objects.find(ticket);
  if (found == all.objects.end() || (ticket & kindMask) != uintptr_t(kind))
    return explain(kind, ticket, all.given);
  return found->second;
}

Result<std::shared_ptr<void>> removeHandle(HandleKind kind, const void *handle) {
  Registry &all = registry();
  auto ticket = reinterpret_cast<uintptr_t>(handle);
  std::unique_lock lock(all.mutex);
  auto found = all.objects.find(ticket);
  if (found == all.objects.end() || (ticket & kindMask) != uintptr_t(kind))
    return explain(kind, ticket, all.given);
  std::shared_ptr<void> object = std::move(found->second);
  all.objects.erase(found);
  return object; // destroyed by the caller, without the lock
}

} // namespace gnc::runtime::api
