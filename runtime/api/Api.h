//===- Api.h - between C and the runtime
//-------------------------------------------------------===//
//
// What all functions of the C API share: statuses, structs with their size first, and the guard
// that no exception passes.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/api/Handles.h"
#include "runtime/gnc_runtime.h"

#include <cstring>
#include <exception>
#include <new>

namespace gnc::runtime::api {

/// A status for the caller; an immortal one if there is no memory for it.
gnc_status *statusOf(Error error) noexcept;
gnc_status *outOfMemory() noexcept;

/// Runs what a function of the API does: a Status comes out, whatever happens.
template <typename Body> gnc_status *guarded(Body body) noexcept {
  try {
    Status status = body();
    return status.ok() ? nullptr : statusOf(std::move(status).error());
  } catch (const std::bad_alloc &) {
    return outOfMemory();
  } catch (const std::exception &problem) {
    return statusOf(internalError(problem.what()));
  } catch (...) { // thrown by a callback, for nothing of ours does
    return statusOf(usageError("api-argument", "a callback threw something"));
  }
}

inline Error badArgument(const std::string &text, const std::string &help) {
  return usageError("api-argument", text).withHelp(help);
}

/// A pointer that must not be null.
inline Status required(const void *pointer, const char *what) {
  if (pointer)
    return {};
  return badArgument(std::string(what) + " is NULL",
                     "NULL is for what the header says may be left out");
}

/// Whether the caller's struct says its size; `name` is that of the struct.
Status checkSize(size_t given, size_t ours, const char *name);
/// The caller may know members that we do not: they have to be zero.
Status checkRest(const void *given, size_t size, size_t ours, const char *name);

/// Reads a struct of the caller; null leaves `to` as it is, where the caller may leave it out.
template <typename T> Status readStruct(const T *given, const char *name, T &to) {
  if (Status status = checkSize(given->size, sizeof(T), name); !status.ok())
    return status;
  if (Status status = checkRest(given, given->size, sizeof(T), name); !status.ok())
    return status;
  memcpy(&to, given, sizeof(T));
  return {};
}

/// Fills a struct of the caller, as far as both sides know it.
template <typename T> Status writeStruct(const T &from, const char *name, T *to) {
  if (Status status = required(to, name); !status.ok())
    return status;
  size_t size = to->size;
  if (Status status = checkSize(size, sizeof(T), name); !status.ok())
    return status;
  memset(static_cast<void *>(to), 0, size);
  memcpy(static_cast<void *>(to), &from, sizeof(T));
  to->size = size;
  return {};
}

template <typename T> Result<std::shared_ptr<T>> find(HandleKind kind, const void *handle) {
  Result<std::shared_ptr<void>> found = findHandle(kind, handle);
  if (!found.ok())
    return std::move(found).error();
  return std::static_pointer_cast<T>(std::move(*found));
}

} // namespace gnc::runtime::api
