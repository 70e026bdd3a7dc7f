//===- Handles.h - tickets for objects of the C API
//--------------------------------------------===//
//
// A handle is a number that is given out once, dressed as a pointer and never followed. So a stale
// or foreign handle is found out for certain, and an object lives until the last call that uses it
// has ended, whoever frees its handle meanwhile.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"

#include <memory>

namespace gnc::runtime::api {

enum class HandleKind : uint8_t { Program = 1, Context = 2, Status = 3 };

/// Gives out a handle; it owns the object from now on.
void *addHandle(HandleKind kind, std::shared_ptr<void> object);

/// The object of a handle. Error: "api-handle".
Result<std::shared_ptr<void>> findHandle(HandleKind kind, const void *handle);

/// The same, and the handle is none any more.
Result<std::shared_ptr<void>> removeHandle(HandleKind kind, const void *handle);

} // namespace gnc::runtime::api
