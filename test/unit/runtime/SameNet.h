//===- SameNet.h - are two compiled nets the same?
//----------------------------------------------===//
//
// Member by member, and in no way as they are serialised: a structured binding does not compile
// when a member was added that nobody compares.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Program.h"

#include <gtest/gtest.h>
#include <tuple>

namespace gnc::runtime::test {

bool same(const Tensor &x, const Tensor &y);
bool same(const Kernel &x, const Kernel &y);
bool same(const LibraryPlan &x, const LibraryPlan &y);
bool same(const Launch::Samples &x, const Launch::Samples &y);
bool same(const Launch &x, const Launch &y);
bool same(const Site &x, const Site &y);
bool same(const Program::Constant &x, const Program::Constant &y);

inline auto asTuple(const SourceLocation &place) {
  const auto &[file, line, column] = place;
  return std::tie(file, line, column);
}
inline auto asTuple(const Initializer &initial) {
  const auto &[kind, a, b] = initial;
  return std::tie(kind, a, b);
}
inline auto asTuple(const Work &work) {
  const auto &[perSample, fixed] = work;
  return std::tie(perSample, fixed);
}

inline auto asTuple(const TileCount &tiles) {
  const auto &[perSample, fixed, divisor, times] = tiles;
  return std::tie(perSample, fixed, divisor, times);
}

inline bool same(const Tensor &x, const Tensor &y) {
  auto parts = [](const Tensor &t) {
    const auto &[name, role, type, batched, shape, declared, was, strides, batchStride, offset,
                 bytes, initial, schedule, classes, member, location] = t;
    return std::tuple_cat(std::tie(name, role, type, batched, shape, declared, was, strides,
                                   batchStride, offset, bytes, schedule, classes, member),
                          asTuple(initial), asTuple(location));
  };
  return parts(x) == parts(y);
}

inline bool same(const Kernel &x, const Kernel &y) {
  auto parts = [](const Kernel &k) {
    const auto &[key, entry, symbol, threads, sharedBytes] = k;
    (void)entry; // an address
    return std::tie(key, symbol, threads, sharedBytes);
  };
  return parts(x) == parts(y);
}

template <typename T> bool same(const std::vector<T> &x, const std::vector<T> &y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](const T &a, const T &b) { return same(a, b); });
}

inline bool same(const LibraryPlan &x, const LibraryPlan &y) {
  const auto &[key, text, ids, workspaceBytes] = x;
  return std::tie(key, text, ids, workspaceBytes) ==
         std::tie(y.key, y.text, y.ids, y.workspaceBytes);
}

inline bool same(const Launch::Samples &x, const Launch::Samples &y) {
  const auto &[offset, bytes] = x;
  return offset == y.offset && bytes == y.bytes;
}

inline bool same(const Launch &x, const Launch &y) {
  auto parts = [](const Launch &l) {
    const auto &[kernel, site, arguments, tiles, flops, bytes, written, summed, library] = l;
    (void)written, (void)summed;
    return std::tuple_cat(std::tie(kernel, site, arguments, library), asTuple(tiles),
                          asTuple(flops), asTuple(bytes));
  };
  return parts(x) == parts(y) && same(x.written, y.written) && same(x.summed, y.summed);
}

inline bool same(const Site &x, const Site &y) {
  const auto &[name, location] = x;
  return name == y.name && asTuple(location) == asTuple(y.location);
}

inline bool same(const Program::Constant &x, const Program::Constant &y) {
  const auto &[offset, bytes] = x;
  return offset == y.offset && bytes == y.bytes;
}

inline void expectSame(const NativeCode &x, const NativeCode &y) {
  const auto &[level, bytes, textBytes, entries, references, stubs, imports] = x;
  EXPECT_EQ(std::tie(level, bytes, textBytes, references, stubs, imports),
            std::tie(y.level, y.bytes, y.textBytes, y.references, y.stubs, y.imports));
  EXPECT_TRUE(std::equal(entries.begin(), entries.end(), y.entries.begin(), y.entries.end(),
                         [](const NativeCode::Entry &a, const NativeCode::Entry &b) {
                           const auto &[key, offset] = a;
                           return key == b.key && offset == b.offset;
                         }));
}

inline void expectSame(const Program &x, const Program &y) {
  const auto &[name, target, module, maxBatch, arenaBytes, persistentBytes, tensors, kernels, plans,
               sites, launches, commit, prologue, constants, code] = x;
  (void)code; // of this process
  EXPECT_EQ(std::tie(name, target, module, maxBatch, arenaBytes, persistentBytes, commit, prologue),
            std::tie(y.name, y.target, y.module, y.maxBatch, y.arenaBytes, y.persistentBytes,
                     y.commit, y.prologue));
  EXPECT_TRUE(same(tensors, y.tensors)) << name;
  EXPECT_TRUE(same(kernels, y.kernels)) << name;
  EXPECT_TRUE(same(plans, y.plans)) << name;
  EXPECT_TRUE(same(sites, y.sites)) << name;
  EXPECT_TRUE(same(launches, y.launches)) << name;
  EXPECT_TRUE(same(constants, y.constants)) << name;
}

inline bool same(const DataSource &x, const DataSource &y) {
  auto parts = [](const DataSource &s) {
    const auto &[kind, path, count, seed, location, files, split, label, couples] = s;
    return std::tuple_cat(std::tie(kind, path, count, seed, files, split, label, couples),
                          asTuple(location));
  };
  return parts(x) == parts(y);
}

inline bool same(const Recipe &x, const Recipe &y) {
  auto parts = [](const Recipe &r) {
    const auto &[net, source, batch, epochs, steps, seed, validate, metrics, tables, outputs, best,
                 init, initLocation, workers, location] = r;
    (void)source;
    return std::tuple_cat(std::tie(net, batch, epochs, steps, seed, validate, metrics, tables,
                                   outputs, best, init, workers),
                          asTuple(initLocation), asTuple(location));
  };
  return parts(x) == parts(y) && same(x.source, y.source);
}

/// All but addresses, machine code and weights.
inline void expectSame(const CompiledNet &x, const CompiledNet &y) {
  const auto &[recipe, train, eval, score, infer, native, weights] = x;
  (void)native, (void)weights;
  EXPECT_TRUE(same(recipe, y.recipe));
  expectSame(train, y.train);
  expectSame(eval, y.eval);
  expectSame(score, y.score);
  expectSame(infer, y.infer);
}

} // namespace gnc::runtime::test
