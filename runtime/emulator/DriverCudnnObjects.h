//===- DriverCudnnObjects.h - descriptors of the software device's cuDNN ----------------------===//
#pragma once

#include "runtime/emulator/DriverCudnn.h"

#include <cstring>
#include <map>

namespace gnc::emulator::dnn {

/// A descriptor: what was set, and what became of it.
struct Object {
  Kind kind;
  bool final = false;
  struct Value {
    int64_t count = 0;
    std::vector<uint8_t> bytes;
    std::vector<std::shared_ptr<const Object>> kept; ///< descriptors that were given
  };
  std::map<Name, Value> values;
  GraphText graph;       ///< OperationGraph, EngineConfig, ExecutionPlan
  int engine = 0;        ///< Engine, EngineConfig: its number in `engines`
  std::string text;      ///< ExecutionPlan
  int64_t workspace = 0; ///< ExecutionPlan
  gnc::cudnn::Handle handle = nullptr;

  template <typename T> std::vector<T> all(Name name) const {
    auto found = values.find(name);
    std::vector<T> result(found == values.end() ? 0 : size_t(found->second.count));
    if (!result.empty())
      memcpy(result.data(), found->second.bytes.data(), result.size() * sizeof(T));
    return result;
  }
  template <typename T> T one(Name name, T otherwise = {}) const {
    std::vector<T> values = all<T>(name);
    return values.empty() ? otherwise : values.front();
  }
  const Object &object(Name name) const {
    return *static_cast<const Object *>(one<Descriptor>(name));
  }
  bool has(Name name) const { return values.contains(name); }
};

struct HandleState {
  gnc::cuda::Stream stream = nullptr;
};

/// All that is alive, and what went wrong last.
struct Library {
  std::map<const void *, std::shared_ptr<Object>> objects;
  std::map<const void *, std::unique_ptr<HandleState>> handles;
  std::string mistake;

  Object *find(Descriptor descriptor) {
    auto found = objects.find(descriptor);
    return found == objects.end() ? nullptr : found->second.get();
  }
  Status refuse(Status status, std::string text) {
    mistake = std::move(text);
    return status;
  }
};

Library &library();

/// "tensor 5".
std::string numbered(const char *what, int64_t number);
bool isDescriptorKind(Kind kind);

/// cudnnBackendSetAttribute, Finalize and GetAttribute.
Status setValue(Object &object, Name name, Type type, int64_t count, const void *elements);
Status finalizeObject(Object &object);
Status getValue(Object &object, Name name, Type type, int64_t wanted, int64_t *count,
                void *elements);

} // namespace gnc::emulator::dnn
