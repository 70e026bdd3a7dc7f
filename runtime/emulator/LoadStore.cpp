// ld and st (PTX ISA 9.7.9.8 and 9.7.9.12). One template a space, for elements of 1 to 8 bytes and
// vectors of 1, 2 and 4. Elements are op[0], op[2], op[3], op[4]; the address is op[1].
#include "runtime/emulator/Handlers.h"

#include "runtime/emulator/Access.h"

namespace gnc::emulator {

static constexpr unsigned kElement[4] = {0, 2, 3, 4};

template <class E> using Register = std::conditional_t<sizeof(E) == 8, uint64_t, uint32_t>;

/// The address of each lane's element, from what its space knows.
struct FlatMemory { // global: addresses are the host's
  const uint64_t *address;
  std::byte *operator[](unsigned lane) const {
    return reinterpret_cast<std::byte *>(address[lane]);
  }
};
struct OffsetMemory {
  std::byte *base;
  const uint32_t *offset;
  std::byte *operator[](unsigned lane) const { return base + offset[lane]; }
};

template <class E, int N, class Memory>
static void loadLanes(const Warp &w, const Instruction &i, uint32_t mask, Memory memory) {
  Register<E> *to[N];
  for (int k = 0; k < N; ++k)
    to[k] = w.slot<Register<E>>(i.op[kElement[k]]);
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    E values[N];
    std::memcpy(values, memory[lane], sizeof values);
    for (int k = 0; k < N; ++k)
      to[k][lane] = values[k];
  }
}
template <class E, int N, class Memory>
static void storeLanes(const Warp &w, const Instruction &i, uint32_t mask, Memory memory) {
  const Register<E> *from[N];
  for (int k = 0; k < N; ++k)
    from[k] = w.slot<Register<E>>(i.op[kElement[k]]);
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    E values[N];
    for (int k = 0; k < N; ++k)
      values[k] = static_cast<E>(from[k][lane]);
    std::memcpy(memory[lane], values, sizeof values);
  }
}

//===- Global ---------------------------------------------------------------------------------===//

/// Is lane l at the address of lane 0 plus l elements?
static bool consecutive(const uint64_t *address, unsigned bytes) {
  uint64_t difference = 0;
  GNC_LANES difference |= (address[0] + l * bytes) ^ address[l];
  return difference == 0;
}

template <class E, int N, bool Checked> struct GlobalLoad {
  static void at(Warp &w, const Instruction &i, uint32_t mask, const uint64_t *address) {
    enterGlobal<Checked>(w, i, mask, address, sizeof(E) * N,
                         i.flags & kStrong ? Access::StrongRead : Access::Read);
    if constexpr (N == 1 && sizeof(E) >= 4)
      if (mask == kAllLanes && consecutive(address, sizeof(E))) {
        std::memcpy(w.slot<E>(i.op[0]), reinterpret_cast<const void *>(address[0]), 32 * sizeof(E));
        return;
      }
    loadLanes<E, N>(w, i, mask, FlatMemory{address});
  }
  static void run(Warp &w, const Instruction &i, uint32_t mask) {
    uint64_t address[32];
    address64(w, i, i.op[1], address);
    at(w, i, mask, address);
  }
};
template <class E, int N, bool Checked> struct GlobalStore {
  static void at(Warp &w, const Instruction &i, uint32_t mask, const uint64_t *address) {
    enterGlobal<Checked>(w, i, mask, address, sizeof(E) * N,
                         i.flags & kStrong ? Access::Atomic : Access::Write);
    if constexpr (N == 1 && sizeof(E) >= 4)
      if (mask == kAllLanes && consecutive(address, sizeof(E))) {
        std::memcpy(reinterpret_cast<void *>(address[0]), w.slot<E>(i.op[0]), 32 * sizeof(E));
        return;
      }
    storeLanes<E, N>(w, i, mask, FlatMemory{address});
  }
  static void run(Warp &w, const Instruction &i, uint32_t mask) {
    uint64_t address[32];
    address64(w, i, i.op[1], address);
    at(w, i, mask, address);
  }
};

//===- Shared ---------------------------------------------------------------------------------===//

/// 32 offsets, in the host's registers.
struct Offsets {
  __m256i of[4];
  Offsets(const Warp &w, const Instruction &i) {
    const auto *from = w.slot<__m256i>(i.op[1]);
    const __m256i add = _mm256_set1_epi32(static_cast<int>(i.immediate));
    for (int k = 0; k < 4; ++k)
      of[k] = _mm256_add_epi32(_mm256_loadu_si256(from + k), add);
  }
  explicit Offsets(const uint32_t *from) {
    for (int k = 0; k < 4; ++k)
      of[k] = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from) + k);
  }
  /// Do all lie in `size` bytes, aligned to `bytes`?
  bool fit(uint32_t size, unsigned bytes) const {
    __m256i most = _mm256_max_epu32(_mm256_max_epu32(of[0], of[1]), _mm256_max_epu32(of[2], of[3]));
    __m256i low = _mm256_or_si256(_mm256_or_si256(of[0], of[1]), _mm256_or_si256(of[2], of[3]));
    const __m256i last = _mm256_set1_epi32(static_cast<int>(size - bytes));
    bool inside =
        _mm256_movemask_epi8(_mm256_cmpeq_epi32(_mm256_max_epu32(most, last), last)) == -1;
    return inside && size >= bytes &&
           _mm256_testz_si256(low, _mm256_set1_epi32(static_cast<int>(bytes - 1)));
  }
};

/// Eight words; often all are the same one, and gathering is slow.
static __m256i gather(const std::byte *base, __m256i offsets) {
  const __m128i low = _mm256_castsi256_si128(offsets);
  const __m256i first = _mm256_broadcastd_epi32(low);
  if (_mm256_movemask_epi8(_mm256_cmpeq_epi32(offsets, first)) != -1)
    return _mm256_i32gather_epi32(reinterpret_cast<const int *>(base), offsets, 1);
  int word;
  std::memcpy(&word, base + static_cast<uint32_t>(_mm_cvtsi128_si32(low)), sizeof word);
  return _mm256_set1_epi32(word);
}

template <class E, int N, bool Checked> struct SharedLoad {
  static void at(Warp &w, const Instruction &i, uint32_t mask, const uint32_t *offset) {
    enterShared<Checked>(w, i, mask, offset, sizeof(E) * N,
                         i.flags & kStrong ? Access::StrongRead : Access::Read);
    if (sizeof(E) == 4 && mask == kAllLanes)
      gatherAll(w, i, Offsets(offset));
    else
      loadLanes<E, N>(w, i, mask, OffsetMemory{w.block->shared.data(), offset});
  }
  static void gatherAll(const Warp &w, const Instruction &i, const Offsets &offsets) {
    const std::byte *base = w.block->shared.data();
    for (int e = 0; e < N; ++e) {
      auto *to = w.slot<__m256i>(i.op[kElement[e]]);
      for (int k = 0; k < 4; ++k)
        _mm256_storeu_si256(to + k, gather(base + 4 * e, offsets.of[k]));
    }
  }
  static void run(Warp &w, const Instruction &i, uint32_t mask) {
    if constexpr (sizeof(E) == 4 && !Checked)
      if (mask == kAllLanes && !(i.flags & kWide) && w.block->worker->counts.empty()) {
        Offsets offsets(w, i);
        if (offsets.fit(w.block->launch->sharedBytes, sizeof(E) * N))
          return gatherAll(w, i, offsets);
      }
    uint32_t offset[32];
    address32(w, i, i.op[1], offset);
    at(w, i, mask, offset);
  }
};

/// What has offsets of 32 bits is accessed `at` those that the address operand gives.
template <class Form> struct ByOffset {
  static void run(Warp &w, const Instruction &i, uint32_t mask) {
    uint32_t offset[32];
    address32(w, i, i.op[1], offset);
    Form::at(w, i, mask, offset);
  }
};
template <class E, int N, bool Checked> struct SharedStore : ByOffset<SharedStore<E, N, Checked>> {
  static void at(Warp &w, const Instruction &i, uint32_t mask, const uint32_t *offset) {
    enterShared<Checked>(w, i, mask, offset, sizeof(E) * N,
                         i.flags & kStrong ? Access::Atomic : Access::Write);
    storeLanes<E, N>(w, i, mask, OffsetMemory{w.block->shared.data(), offset});
  }
};

//===- Local and parameters -------------------------------------------------------------------===//

static void enterPrivate(Warp &w, uint32_t mask, const uint32_t *offset, unsigned bytes,
                         uint32_t size, const char *space) {
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    if (offset[lane] % bytes)
      w.fault(FaultKind::Misaligned, lane,
              "access of " + std::to_string(bytes) + " bytes at " + space + " address " +
                  hex(offset[lane]) + ", which is no multiple of it");
    if (uint64_t{offset[lane]} + bytes > size)
      w.fault(FaultKind::IllegalAddress, lane,
              "access of " + std::to_string(bytes) + " bytes at " + space + " address " +
                  hex(offset[lane]) + " of " + std::to_string(size) + " bytes",
              offset[lane]);
  }
}
static std::byte *enterLocal(Warp &w, uint32_t mask, uint32_t (&offset)[32], unsigned bytes) {
  uint32_t size = w.block->launch->program->localBytes;
  enterPrivate(w, mask, offset, bytes, size, "local");
  GNC_LANES offset[l] += l * size;
  return w.block->local.data() + size_t{w.index} * kLanes * size;
}

template <class E, int N> struct LocalLoad : ByOffset<LocalLoad<E, N>> {
  static void at(Warp &w, const Instruction &i, uint32_t mask, uint32_t (&offset)[32]) {
    std::byte *base = enterLocal(w, mask, offset, sizeof(E) * N);
    loadLanes<E, N>(w, i, mask, OffsetMemory{base, offset});
  }
};
template <class E, int N> struct LocalStore : ByOffset<LocalStore<E, N>> {
  static void at(Warp &w, const Instruction &i, uint32_t mask, uint32_t (&offset)[32]) {
    std::byte *base = enterLocal(w, mask, offset, sizeof(E) * N);
    storeLanes<E, N>(w, i, mask, OffsetMemory{base, offset});
  }
};
template <class E, int N> struct ParamLoad : ByOffset<ParamLoad<E, N>> {
  static void at(Warp &w, const Instruction &i, uint32_t mask, uint32_t (&offset)[32]) {
    const LaunchState &launch = *w.block->launch;
    enterPrivate(w, mask, offset, sizeof(E) * N, launch.program->parameterBytes, "parameter");
    loadLanes<E, N>(w, i, mask, OffsetMemory{const_cast<std::byte *>(launch.parameters), offset});
  }
};

//===- Generic --------------------------------------------------------------------------------===//

/// The lanes of the mask whose address lies in a window, as offsets in it.
static uint32_t inWindow(uint32_t mask, const uint64_t *address, uint64_t window,
                         uint32_t (&offset)[32]) {
  alignas(32) uint32_t inside[32];
  GNC_LANES {
    uint64_t distance = address[l] - window;
    offset[l] = static_cast<uint32_t>(distance);
    inside[l] = distance < DeviceMemory::kWindow ? ~0u : 0u;
  }
  return mask & packLanes(inside);
}

template <class E, int N, bool Checked, bool Load>
static void genericAccess(Warp &w, const Instruction &i, uint32_t mask) {
  const DeviceMemory &memory = *w.block->launch->memory;
  uint64_t address[32];
  uint32_t offset[32];
  address64(w, i, i.op[1], address);
  if (uint32_t shared = inWindow(mask, address, memory.sharedWindow(), offset)) {
    std::conditional_t<Load, SharedLoad<E, N, Checked>, SharedStore<E, N, Checked>>::at(
        w, i, shared, offset);
    mask &= ~shared;
  }
  if (uint32_t local = inWindow(mask, address, memory.localWindow(), offset)) {
    std::conditional_t<Load, LocalLoad<E, N>, LocalStore<E, N>>::at(w, i, local, offset);
    mask &= ~local;
  }
  if constexpr (Load)
    if (uint32_t parameters = inWindow(mask, address, memory.paramWindow(), offset)) {
      ParamLoad<E, N>::at(w, i, parameters, offset);
      mask &= ~parameters;
    }
  if (mask)
    std::conditional_t<Load, GlobalLoad<E, N, Checked>, GlobalStore<E, N, Checked>>::at(w, i, mask,
                                                                                        address);
}

//===- Choice ---------------------------------------------------------------------------------===//

template <class E, int N> static HandlerPair loadOf(Space space) {
  switch (space) {
  case Space::Global:
  case Space::Const: return {GlobalLoad<E, N, false>::run, GlobalLoad<E, N, true>::run};
  case Space::Shared: return {SharedLoad<E, N, false>::run, SharedLoad<E, N, true>::run};
  case Space::Local: return {LocalLoad<E, N>::run, LocalLoad<E, N>::run};
  case Space::Param: return {ParamLoad<E, N>::run, ParamLoad<E, N>::run};
  case Space::Generic: return {genericAccess<E, N, false, true>, genericAccess<E, N, true, true>};
  case Space::Register: break;
  }
  return {};
}
template <class E, int N> static HandlerPair storeOf(Space space) {
  switch (space) {
  case Space::Global: return {GlobalStore<E, N, false>::run, GlobalStore<E, N, true>::run};
  case Space::Shared: return {SharedStore<E, N, false>::run, SharedStore<E, N, true>::run};
  case Space::Local: return {LocalStore<E, N>::run, LocalStore<E, N>::run};
  case Space::Generic: return {genericAccess<E, N, false, false>, genericAccess<E, N, true, false>};
  default: return {};
  }
}
template <class E> static HandlerPair accessOf(Space space, unsigned count, bool load) {
  switch (count) {
  case 1: return load ? loadOf<E, 1>(space) : storeOf<E, 1>(space);
  case 2: return load ? loadOf<E, 2>(space) : storeOf<E, 2>(space);
  case 4:
    if constexpr (sizeof(E) < 8)
      return load ? loadOf<E, 4>(space) : storeOf<E, 4>(space);
    break;
  default: break;
  }
  return {};
}

HandlerPair accessHandler(Space space, unsigned bytes, unsigned count, bool load) {
  switch (bytes) {
  case 1: return accessOf<uint8_t>(space, count, load);
  case 2: return accessOf<uint16_t>(space, count, load);
  case 4: return accessOf<uint32_t>(space, count, load);
  case 8: return accessOf<uint64_t>(space, count, load);
  default: return {};
  }
}

} // namespace gnc::emulator
