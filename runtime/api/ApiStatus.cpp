//===- ApiStatus.cpp - errors for C
//------------------------------------------------------------===//
#include "runtime/api/Api.h"

namespace gnc::runtime::api {

namespace {
struct StatusObject {
  Error error;
  std::string text;
};

/// Given out where there is no memory for a ticket: no count is that high.
gnc_status *const immortal =
    reinterpret_cast<gnc_status *>(~uintptr_t(0) << 4 | uintptr_t(HandleKind::Status));

const StatusObject &immortalObject() {
  static const auto *object =
      new StatusObject{environmentError("out-of-memory", "there is not enough memory"),
                       "error: there is not enough memory [out-of-memory]\n"};
  return *object;
}
/// Made when the library is loaded: later there may be no memory for it.
[[maybe_unused]] const StatusObject &made = immortalObject();

/// What a status that is none says.
const StatusObject &goneObject() {
  static const auto *object = [] {
    Error error = usageError("api-handle", "the status has been freed");
    return new StatusObject{error, format(error)};
  }();
  return *object;
}

const StatusObject *find(const gnc_status *status) noexcept {
  if (!status)
    return nullptr;
  if (status == immortal)
    return &immortalObject();
  try {
    auto found = findHandle(HandleKind::Status, status);
    // The caller frees the status after he has read it; what is returned lives as long.
    return found.ok() ? static_cast<const StatusObject *>(found->get()) : &goneObject();
  } catch (...) {
    return &immortalObject();
  }
}
} // namespace

gnc_status *statusOf(Error error) noexcept {
  try {
    auto object = std::make_shared<StatusObject>();
    object->text = format(error);
    object->error = std::move(error);
    return static_cast<gnc_status *>(addHandle(HandleKind::Status, std::move(object)));
  } catch (...) {
    return immortal;
  }
}

gnc_status *outOfMemory() noexcept { return immortal; }

Status checkSize(size_t given, size_t ours, const char *name) {
  if (given >= ours)
    return {};
  return badArgument(std::string(name) + ".size is " + std::to_string(given) +
                         ", but the struct has " + std::to_string(ours) + " bytes",
                     "set size to sizeof(" + std::string(name) + ")");
}

Status checkRest(const void *given, size_t size, size_t ours, const char *name) {
  auto bytes = static_cast<const uint8_t *>(given);
  for (size_t i = ours; i < size; ++i)
    if (bytes[i])
      return badArgument("this version of the library does not know all members of " +
                             std::string(name) + " that are set",
                         "install the version that the program was built with, or leave them zero");
  return {};
}

} // namespace gnc::runtime::api

using namespace gnc::runtime::api;

int32_t gnc_version(void) { return GNC_VERSION; }

gnc_code gnc_status_code(const gnc_status *status) {
  const StatusObject *object = find(status);
  return object ? gnc_code(object->error.code) : GNC_OK;
}
const char *gnc_status_slug(const gnc_status *status) {
  const StatusObject *object = find(status);
  return object ? object->error.slug.c_str() : "";
}
const char *gnc_status_message(const gnc_status *status) {
  const StatusObject *object = find(status);
  return object ? object->error.message.c_str() : "";
}
const char *gnc_status_help(const gnc_status *status) {
  const StatusObject *object = find(status);
  return object ? object->error.help.c_str() : "";
}
size_t gnc_status_note_count(const gnc_status *status) {
  const StatusObject *object = find(status);
  return object ? object->error.notes.size() : 0;
}
const char *gnc_status_note(const gnc_status *status, size_t index) {
  const StatusObject *object = find(status);
  return object && index < object->error.notes.size() ? object->error.notes[index].c_str() : "";
}
const char *gnc_status_file(const gnc_status *status) {
  const StatusObject *object = find(status);
  return object && object->error.location ? object->error.location->file.c_str() : "";
}
int32_t gnc_status_line(const gnc_status *status) {
  const StatusObject *object = find(status);
  return object && object->error.location ? object->error.location->line : 0;
}
int32_t gnc_status_column(const gnc_status *status) {
  const StatusObject *object = find(status);
  return object && object->error.location ? object->error.location->column : 0;
}
const char *gnc_status_text(const gnc_status *status) {
  const StatusObject *object = find(status);
  return object ? object->text.c_str() : "";
}
void gnc_status_free(gnc_status *status) {
  if (status && status != immortal)
    guarded([&]() -> gnc::runtime::Status {
      (void)removeHandle(HandleKind::Status, status);
      return {};
    });
}

gnc_status *gnc_status_create(gnc_code code, const char *slug, const char *message,
                              const char *help, const char *file, int32_t line, int32_t column) {
  using namespace gnc::runtime;
  return code == GNC_OK ? nullptr : guarded([&]() -> Status {
    if (Status status = required(message, "the message"); !status.ok())
      return status;
    bool known = code >= GNC_INPUT && code <= GNC_INTERNAL;
    Error error =
        makeError(known ? ErrorCode(code) : ErrorCode::Internal, slug ? slug : "", message);
    return std::move(error).withHelp(help ? help : "").at({file ? file : "", line, column});
  });
}
