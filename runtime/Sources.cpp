//===- Sources.cpp - from what a data section says to a dataset
//---------------------------------===//
#include "runtime/Sources.h"

#include "runtime/Couples.h"
#include "runtime/Idx.h"
#include "runtime/Philox.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gnc::runtime {

namespace {
std::shared_ptr<Part> idxPart(const char *name, IdxArray images, IdxArray labels) {
  auto part = std::make_shared<Part>();
  part->name = name;
  part->count = images.shape[0];
  std::vector<int64_t> image{1, images.shape[1], images.shape[2]};
  part->members.push_back({"image", ElementType::U8, image, std::move(images.bytes)});
  part->members.push_back({"label", ElementType::U8, {}, std::move(labels.bytes)});
  return part;
}

Result<SourceParts> makeSynthetic(const DataSource &source, std::span<const Tensor> inputs) {
  if (source.count < 1)
    return inputError("empty-data", "synthetic data of " + std::to_string(source.count) +
                                        " samples train nothing")
        .withHelp("give a number of at least 1");
  SourceParts parts;
  // The test part is a sixth as long, as MNIST's is: other samples of the same world.
  int64_t counts[] = {source.count, (source.count + 5) / 6};
  for (auto [name, part, count] : {std::tuple("training", &parts.train, counts[0]),
                                   std::tuple("test", &parts.test, counts[1])}) {
    auto made = makeSyntheticPart(name, count, source.seed, inputs);
    if (!made.ok())
      return std::move(made).error();
    *part = std::move(*made);
  }
  return parts;
}

Result<SourceParts> readParts(const DataSource &source, std::span<const Tensor> inputs) {
  if (source.kind == "idx")
    return readIdxSource(source);
  if (source.kind == "cifar10" || source.kind == "cifar100")
    return readCifar(source, source.kind == "cifar10" ? 10 : 100);
  if (source.kind == "folder")
    return readFolder(source);
  if (source.kind == "pairs")
    return readPairs(source);
  if (source.kind == "csv")
    return readCsvSource(source, inputs);
  if (source.kind == "npy")
    return readNpySource(source, inputs);
  if (source.kind == "synthetic")
    return makeSynthetic(source, inputs);
  return inputError("unknown-source", "there is no data source '" + source.kind + "'")
      .withNote("sources: idx, cifar10, cifar100, folder, pairs, csv, npy, synthetic");
}

Result<Dataset> openPlain(const DataSource &source, std::span<const Tensor> inputs,
                          const DataOptions &options) {
  Result<SourceParts> parts = readParts(source, inputs);
  if (!parts.ok())
    return std::move(parts).error();
  for (Part *part : {parts->train.get(), parts->test.get()}) {
    part->decoder = options.decoder;
    part->seed = options.seed;
    part->workers = options.workers;
  }
  return makeDataset(parts->train, parts->test, inputs, options);
}

Result<Dataset> openSource(const DataSource &source, std::span<const Tensor> inputs,
                           const DataOptions &options) {
  if (source.couples < 0)
    return openPlain(source, inputs, options);
  Result<Dataset> data =
      openPlain(source, baseInputs(inputs, source.kind == "synthetic" ? 10 : 0), options);
  if (!data.ok())
    return data;
  data = coupled(std::move(*data), source.couples, options.seed);
  if (!data.ok())
    return data;
  for (const Split *split : {&data->train, &data->test})
    if (Status status = checkInputs(*split->part, inputs); !status.ok())
      return std::move(status).error();
  return data;
}
} // namespace

Result<SourceParts> readIdxSource(const DataSource &source) {
  Result<IdxFolder> data = readIdxFolder(source.path, source.location);
  if (!data.ok())
    return std::move(data).error();
  return SourceParts{
      idxPart("training", std::move(data->trainImages), std::move(data->trainLabels)),
      idxPart("test", std::move(data->testImages), std::move(data->testLabels))};
}

Result<Dataset> openDataset(const DataSource &source, std::span<const Tensor> inputs,
                            const DataOptions &options) {
  Result<Dataset> data = openSource(source, inputs, options);
  if (!data.ok())
    return std::move(data).error().at(source.location);
  return data;
}

std::vector<bool> chooseTraining(std::span<const uint64_t> keys, double share, uint64_t seed) {
  RandomStream stream(seed, Purpose::Split, 0);
  std::vector<std::pair<uint64_t, size_t>> ranked;
  for (size_t i = 0; i < keys.size(); ++i) {
    PhiloxBlock bits = stream.block(0, keys[i]);
    ranked.emplace_back(uint64_t(bits[1]) << 32 | bits[0], i);
  }
  std::sort(ranked.begin(), ranked.end());
  size_t count = size_t(std::lround(share * double(keys.size())));
  if (keys.size() > 1)
    count = std::clamp<size_t>(count, 1, keys.size() - 1);
  std::vector<bool> training(keys.size());
  for (size_t i = 0; i < count; ++i)
    training[ranked[i].second] = true;
  return training;
}

} // namespace gnc::runtime
