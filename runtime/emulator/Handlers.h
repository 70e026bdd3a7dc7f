//===- Handlers.h - instructions that are more than a function of each lane -------------------===//
#pragma once

#include "runtime/emulator/Program.h"

namespace gnc::emulator {

/// For the fast and for the checked mode.
struct HandlerPair {
  Handler fast = nullptr, checked = nullptr;
  HandlerPair() = default;
  HandlerPair(Handler fast, Handler checked) : fast(fast), checked(checked) {}
  HandlerPair(Handler both) : fast(both), checked(both) {}
};

// All are null where a form does not exist.

/// Elements op[0], op[2], op[3], op[4], address op[1]; parameters are only read.
HandlerPair accessHandler(Space space, unsigned bytes, unsigned count, bool load);
/// op[0] = old value (0 for red: no register), address op[1], operands op[2], op[3] (cas: compare,
/// swap). `operation`: "add", "cas", ..
HandlerPair atomicHandler(std::string_view operation, Type type, Space space, bool ftz);
/// shfl: d op[0], source op[1], lane op[2], clamp op[3], predicate op[4], member mask op[5].
HandlerPair shuffleHandler(std::string_view mode);
/// vote: d op[0], predicate op[1], its negation op[2] (a constant predicate), member mask op[5].
HandlerPair voteHandler(std::string_view mode);
/// match: d op[0], source op[1], predicate op[4] or 0, member mask op[5].
HandlerPair matchHandler(bool all, bool wide);
/// redux: d op[0], source op[1], member mask op[5].
HandlerPair reduxHandler(std::string_view operation, Type type);
HandlerPair activeMaskHandler();
/// bar.warp.sync and, with nothing to do, fences.
HandlerPair warpBarrierHandler();
HandlerPair nothingHandler();
/// op[0] = instructions that this thread of the host has issued.
HandlerPair clockHandler(bool wide);
HandlerPair trapHandler();

/// cp.async: to op[0] (shared), from op[1] (global), source size op[2] (kZeroFill); immediate: the
/// offset of the source, op[3] that of the destination (a constant).
HandlerPair copyAsyncHandler(unsigned bytes);
HandlerPair commitGroupHandler();
/// immediate: groups that may still be under way.
HandlerPair waitGroupHandler();

/// ldmatrix: address op[1], `count` registers at extra; stmatrix likewise.
HandlerPair loadMatrixHandler();
HandlerPair storeMatrixHandler();
HandlerPair moveMatrixHandler();

/// A matrix product d = a b + c of a warp; registers of d, a, b, c at extra, one after another.
struct MatrixForm {
  unsigned m = 0, n = 0, k = 0;
  Type d = Type::F32, a = Type::F16, b = Type::F16, c = Type::F32;
  unsigned countD = 0, countA = 0, countB = 0, countC = 0;
  HandlerPair handler;
};
/// Null handler where there is no such form.
MatrixForm matrixForm(std::string_view shape, Type d, Type a, Type b, Type c);

/// wmma fragments of 16 x 16 x 16: load into or store from registers at extra; address op[1],
/// stride op[2]. The fragments' layout is our own: PTX leaves it open.
HandlerPair wmmaAccessHandler(char operand, Type type, bool columnMajor, Space space, bool load);
MatrixForm wmmaForm(Type d, Type c);

} // namespace gnc::emulator
