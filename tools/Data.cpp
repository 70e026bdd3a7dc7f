//===- Data.cpp - the data of a net, and single files in their place
//----------------------------===//
#include "tools/Data.h"

#include "runtime/File.h"
#include "runtime/HostPipeline.h"
#include "runtime/Idx.h"
#include "runtime/Npy.h"
#include "runtime/images/Images.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace gnc::tools {

using runtime::Member;
using runtime::Result;

Result<runtime::Dataset> openData(const Arguments &arguments, const runtime::CompiledNet &net) {
  const runtime::Recipe &recipe = net.recipe;
  if (recipe.source.kind.empty())
    return runtime::inputError("no-data",
                               "net " + recipe.net + " has no data section to take samples from")
        .withHelp("give it files, --input field=FILE, or made-up samples, --data synthetic:10");
  runtime::DataOptions options;
  options.validate = recipe.validate;
  options.seed = arguments.compile.seed.value_or(recipe.seed);
  options.decoder = &runtime::imageDecoder();
  options.workers = recipe.workers;
  return runtime::openDataset(recipe.source, runtime::inputsOf(net), options);
}

namespace {
/// The folder that all files of a source have in common, with its slash.
std::string commonFolder(const runtime::DataSource &source) {
  std::string folder = source.path;
  for (const auto &[what, file] : source.files) {
    if (folder.empty())
      folder = file;
    size_t same = 0;
    while (same < folder.size() && same < file.size() && folder[same] == file[same])
      ++same;
    folder.resize(same);
  }
  return folder.substr(0, folder.rfind('/') + 1);
}
} // namespace

void overrideSource(runtime::DataSource &source, const std::string &data) {
  constexpr std::string_view synthetic = "synthetic:";
  if (data.starts_with(synthetic)) {
    source.kind = "synthetic";
    source.files.clear();
    source.path.clear();
    source.seed = 1;
    source.count = strtoll(data.c_str() + synthetic.size(), nullptr, 10); // the parser looked
    return;
  }
  if (source.files.empty() && source.kind != "csv") {
    if (source.kind == "synthetic")
      source.kind = "idx";
    source.path = data; // the folder itself
    return;
  }
  size_t known = commonFolder(source).size();
  auto move = [&](std::string &file) { file = runtime::joinPath(data, file.substr(known)); };
  if (!source.path.empty())
    move(source.path);
  for (auto &[what, file] : source.files)
    move(file);
}

Result<runtime::Split> openSplit(const Arguments &arguments, const runtime::CompiledNet &net,
                                 const std::string &name) {
  auto data = openData(arguments, net);
  if (!data.ok())
    return std::move(data).error();
  runtime::Split &split = name == "train"        ? data->train
                          : name == "validation" ? data->validation
                                                 : data->test;
  if (split.size() == 0)
    return runtime::inputError("empty-split", "the split '" + name + "' has no samples")
        .withHelp("a validation split needs 'validate = 0.1' in the train section")
        .at(net.recipe.location);
  return std::move(split);
}

namespace {
using Shape = std::vector<int64_t>;

/// A picture for a net whose data are no picture files: its channels become those of the input.
Result<Member> decodedPicture(const runtime::Tensor &input, Member member,
                              const std::string &path) {
  Result<runtime::Image> image = runtime::imageDecoder().decode(path, false);
  if (!image.ok())
    return std::move(image).error();
  const Shape &shape = input.declaredShape();
  bool colour = shape.size() == 3 && shape[0] == 3;
  auto channels = runtime::HostPipeline::parse(colour ? "image -> rgb" : "image -> gray");
  if (!channels.ok())
    return std::move(channels).error();
  if (auto status = channels->apply(*image, false, {}, path); !status.ok())
    return std::move(status).error();
  member.shape = {image->channels, image->height, image->width};
  if (shape.size() == 2)
    member.shape.erase(member.shape.begin());
  auto bytes = runtime::Bytes::allocate(image->pixels.size(), "'" + path + "'");
  if (!bytes.ok())
    return std::move(bytes).error();
  memcpy(bytes->data(), image->pixels.data(), image->pixels.size());
  member.data = std::move(*bytes);
  return member;
}

/// One sample, or samples one after the other.
Result<Member> numpyMember(const runtime::Tensor &input, Member member, const std::string &path) {
  Result<runtime::NpyArray> array = runtime::readNpy(path);
  if (!array.ok())
    return std::move(array).error();
  bool one = array->shape.size() == input.declaredShape().size();
  member.type = array->type;
  member.shape.assign(array->shape.begin() + (one ? 0 : 1), array->shape.end());
  member.data = std::move(array->data);
  return member;
}

/// Images of an IDX file become [n, 1, h, w] if that is what the net takes.
Result<Member> idxMember(const runtime::Tensor &input, Member member, const std::string &path) {
  const Shape &shape = input.declaredShape();
  bool channel = shape.size() == 3 && shape[0] == 1;
  Result<runtime::IdxArray> array = runtime::readIdx(path, shape.size() + (channel ? 0 : 1));
  if (!array.ok())
    return std::move(array).error();
  member.shape.assign(array->shape.begin() + 1, array->shape.end());
  if (channel)
    member.shape.insert(member.shape.begin(), 1);
  member.data = std::move(array->bytes);
  return member;
}
} // namespace

Result<Member> readInput(const runtime::Tensor &input, const std::string &path) {
  Result<runtime::HostPipeline> pipeline = runtime::HostPipeline::parse(input.member);
  if (!pipeline.ok())
    return std::move(pipeline).error();
  Member member;
  member.name = pipeline->member;
  if (runtime::isImageFile(path)) {
    // Of picture files the first transform says how many channels they get.
    using Kind = runtime::HostTransform::Kind;
    const auto &transforms = pipeline->transforms;
    bool files = !transforms.empty() &&
                 (transforms[0].kind == Kind::Gray || transforms[0].kind == Kind::Rgb);
    if (!files)
      return decodedPicture(input, std::move(member), path);
    member.files = {path};
    return member;
  }
  if (runtime::isNpy(path))
    return numpyMember(input, std::move(member), path);
  return idxMember(input, std::move(member), path);
}

int64_t sampleCount(const Member &member) {
  if (!member.files.empty())
    return int64_t(member.files.size());
  return int64_t(member.data.size()) / std::max<int64_t>(member.sampleBytes(), 1);
}

} // namespace gnc::tools
