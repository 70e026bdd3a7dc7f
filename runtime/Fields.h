//===- Fields.h - the members of what is serialised
//---------------------------------------------===//
//
// One function a type, in order (Serial.h). Not here: addresses, machine code and weights, which
// a CompiledNet has from elsewhere. A change is a new version of the format (Description.cpp).
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Program.h"
#include "runtime/Serial.h"

namespace gnc::runtime {

template <typename A, Is<std::pair<std::string, std::string>> T> void fields(A &archive, T &pair) {
  archive(pair.first);
  archive(pair.second);
}

template <typename A, Is<SourceLocation> T> void fields(A &archive, T &place) {
  archive(place.file);
  archive(place.line);
  archive(place.column);
}

template <typename A, Is<Initializer> T> void fields(A &archive, T &initial) {
  archive.choice(initial.kind, Initializer::Kind::Orthogonal);
  archive(initial.a);
  archive(initial.b);
}

template <typename A, Is<Tensor> T> void fields(A &archive, T &tensor) {
  archive(tensor.name);
  archive.choice(tensor.role, Role::Halt);
  archive.choice(tensor.type, ElementType::Bool);
  archive(tensor.batched);
  archive(tensor.shape);
  archive(tensor.declared);
  archive(tensor.was);
  archive(tensor.strides);
  archive(tensor.batchStride);
  archive(tensor.offset);
  archive(tensor.bytes);
  archive(tensor.initial);
  archive(tensor.schedule);
  archive(tensor.classes);
  archive(tensor.member);
  archive(tensor.location);
}

template <typename A, Is<Kernel> T> void fields(A &archive, T &kernel) {
  archive(kernel.key);
  archive(kernel.symbol);
  archive(kernel.threads);
  archive(kernel.sharedBytes);
}

template <typename A, Is<LibraryPlan> T> void fields(A &archive, T &plan) {
  archive(plan.key);
  archive(plan.text);
  archive(plan.ids);
  archive(plan.workspaceBytes);
}

template <typename A, Is<TileCount> T> void fields(A &archive, T &tiles) {
  archive(tiles.perSample);
  archive(tiles.fixed);
  archive(tiles.divisor);
  archive(tiles.times);
}

template <typename A, Is<Work> T> void fields(A &archive, T &work) {
  archive(work.perSample);
  archive(work.fixed);
}

template <typename A, Is<Launch::Samples> T> void fields(A &archive, T &samples) {
  archive(samples.offset);
  archive(samples.bytes);
}

template <typename A, Is<Launch> T> void fields(A &archive, T &launch) {
  archive(launch.kernel);
  archive(launch.site);
  archive(launch.arguments);
  archive(launch.tiles);
  archive(launch.flops);
  archive(launch.bytes);
  archive(launch.written);
  archive(launch.summed);
  archive(launch.library);
}

template <typename A, Is<Site> T> void fields(A &archive, T &site) {
  archive(site.name);
  archive(site.location);
}

template <typename A, Is<Program::Constant> T> void fields(A &archive, T &constant) {
  archive(constant.offset);
  archive(constant.bytes);
}

template <typename A, Is<Program> T> void fields(A &archive, T &program) {
  archive(program.name);
  archive.choice(program.target, Target::Cuda);
  archive(program.module);
  archive(program.maxBatch);
  archive(program.arenaBytes);
  archive(program.persistentBytes);
  archive(program.tensors);
  archive(program.kernels);
  archive(program.plans);
  archive(program.sites);
  archive(program.launches);
  archive(program.commit);
  archive(program.prologue);
  archive(program.constants);
}

template <typename A, Is<DataSource> T> void fields(A &archive, T &source) {
  archive(source.kind);
  archive(source.path);
  archive(source.count);
  archive(source.seed);
  archive(source.location);
  archive(source.files);
  archive(source.split);
  archive(source.label);
  archive(source.couples);
}

template <typename A, Is<Recipe> T> void fields(A &archive, T &recipe) {
  archive(recipe.net);
  archive(recipe.source);
  archive(recipe.batch);
  archive(recipe.epochs);
  archive(recipe.steps);
  archive(recipe.seed);
  archive(recipe.validate);
  archive(recipe.metrics);
  archive(recipe.tables);
  archive(recipe.outputs);
  archive(recipe.best);
  archive(recipe.init);
  archive(recipe.initLocation);
  archive(recipe.workers);
  archive(recipe.location);
}

template <typename A, Is<CompiledNet> T> void fields(A &archive, T &net) {
  archive(net.recipe);
  archive(net.train);
  archive(net.eval);
  archive(net.score);
  archive(net.infer);
}

template <typename A, Is<NativeCode::Entry> T> void fields(A &archive, T &entry) {
  archive(entry.key);
  archive(entry.offset);
}

template <typename A, Is<NativeCode> T> void fields(A &archive, T &code) {
  archive(code.level);
  archive(code.textBytes);
  archive(code.entries);
  archive(code.references);
  archive(code.stubs);
  archive(code.imports);
  archive(code.bytes);
}

} // namespace gnc::runtime
