//===- Loader.cpp - samples that the host has to make, ahead of the step
//------------------------===//
#include "runtime/Loader.h"

#include "runtime/Text.h"
#include "runtime/ThreadPool.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace gnc::runtime {

size_t HostField::bytes() const {
  size_t n = 1;
  for (int64_t extent : shape)
    n *= size_t(extent);
  return n;
}

//===- One sample -----------------------------------------------------------------------------===//

namespace {
/// Runs `work`, which takes memory for a picture, and says of which if there is none left.
template <typename Work> auto withinMemory(const std::string &name, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc &) {
    return environmentError("out-of-memory", "there is not enough memory for '" + name + "'")
        .withHelp("make the picture smaller, or use fewer workers");
  }
}

/// The pictures of one sample as they are before any transform: each is decoded once, however many
/// fields are made from it.
class Pictures {
public:
  Pictures(const Part &part, int64_t sample, uint64_t epoch)
      : part(part), sample(sample), epoch(epoch) {}

  struct Picture {
    Part::Place place;
    std::string name;
    Image image;
  };
  Result<const Picture *> find(size_t member) {
    Part::Place place = part.place(part.members[member], sample, epoch);
    for (const Picture &known : pictures)
      if (known.place.member == place.member && known.place.sample == place.sample)
        return &known;
    Result<Picture> picture = open(place);
    if (!picture.ok())
      return std::move(picture).error();
    if (Status status = checkSize(*picture); !status.ok())
      return std::move(status).error();
    pictures.push_back(std::move(*picture));
    return &pictures.back();
  }

private:
  Result<Picture> open(Part::Place place) const {
    const Member &member = *place.member;
    if (!member.files.empty()) {
      const std::string &file = member.files[size_t(place.sample)];
      if (!part.decoder)
        return inputError("not-an-image", "'" + file +
                                              "' cannot be read: this program was built "
                                              "without image formats")
            .withHelp("hand a decoder to openDataset");
      Result<Image> image = withinMemory(
          file, [&]() -> Result<Image> { return part.decoder->decode(file, member.mask); });
      if (!image.ok())
        return std::move(image).error();
      return Picture{place, file, std::move(*image)};
    }
    const std::vector<int64_t> &shape = member.shape;
    if (shape.size() < 2 || shape.size() > 3 || member.type != ElementType::U8)
      return inputError("data-type", "'" + member.name + "' of the " + part.name + " data is " +
                                         std::string(typeText(member.type)) + shapeText(shape) +
                                         ", not an image of bytes that could be transformed");
    Image image{shape.size() == 3 ? shape[0] : 1, shape[shape.size() - 2], shape.back(), {}};
    image.pixels.assign(place.data(), place.data() + member.sampleBytes());
    return Picture{place, "sample " + std::to_string(place.sample), std::move(image)};
  }

  /// Pictures and masks of one sample belong together.
  Status checkSize(const Picture &picture) const {
    for (const Picture &other : pictures) {
      bool paired = other.place.sample == picture.place.sample &&
                    other.place.member->mask != picture.place.member->mask;
      const Picture &mask = picture.place.member->mask ? picture : other;
      const Picture &image = picture.place.member->mask ? other : picture;
      if (paired &&
          (other.image.height != picture.image.height || other.image.width != picture.image.width))
        return inputError("mask-size", "the mask '" + mask.name + "' is " + sizeText(mask.image) +
                                           ", but its picture '" + image.name + "' is " +
                                           sizeText(image.image) + " (height x width)")
            .withHelp("a mask has a pixel for every pixel of its picture");
    }
    return {};
  }
  static std::string sizeText(const Image &image) {
    return std::to_string(image.height) + "x" + std::to_string(image.width);
  }

  const Part &part;
  const int64_t sample;
  const uint64_t epoch;
  std::vector<Picture> pictures;
};

Status checkShape(const HostField &field, const Image &image, const std::string &name) {
  std::vector<int64_t> shape{image.channels, image.height, image.width};
  if (field.shape.size() == 2 && image.channels == 1)
    shape.erase(shape.begin());
  if (shape == field.shape)
    return {};
  const auto &transforms = field.pipeline.transforms;
  bool changed =
      transforms.size() > 1 || (transforms.size() == 1 && !transforms[0].arguments.empty());
  std::string size = std::to_string(field.shape[field.shape.size() - 2]) + "x" +
                     std::to_string(field.shape.back());
  return inputError("data-shape", "'" + name + "' is " + shapeText(shape) +
                                      (changed ? " after " + transforms.back().text : "") +
                                      ", but the network takes " + shapeText(field.shape) +
                                      " for '" + field.input + "'")
      .withHelp("make all pictures one size: " + field.input + " -> resize(" + size + ")")
      .at(field.location);
}
} // namespace

Status makeSample(const Part &part, std::span<const HostField> fields, int64_t sample,
                  uint64_t epoch, uint8_t *to) {
  Pictures pictures(part, sample, epoch);
  DrawKey key{part.seed, epoch, uint64_t(sample)};
  for (const HostField &field : fields) // whether they belong together comes first
    if (Result<const Pictures::Picture *> picture = pictures.find(field.member); !picture.ok())
      return std::move(picture).error().at(field.location);
  for (const HostField &field : fields) {
    Result<const Pictures::Picture *> picture = pictures.find(field.member);
    if (!picture.ok())
      return std::move(picture).error().at(field.location);
    const std::string &name = (*picture)->name;
    Status status = withinMemory(name, [&]() -> Status {
      Image image = (*picture)->image;
      if (Status applied = field.pipeline.apply(image, part.members[field.member].mask, key, name);
          !applied.ok())
        return applied;
      if (Status fits = checkShape(field, image, name); !fits.ok())
        return fits;
      memcpy(to + field.offset, image.pixels.data(), image.pixels.size());
      return {};
    });
    if (!status.ok())
      return std::move(status).error().at(field.location);
  }
  return {};
}

//===- Threads --------------------------------------------------------------------------------===//

Result<std::unique_ptr<Loader>> Loader::create(std::vector<HostField> fields, int64_t workers,
                                               int64_t batch) {
  std::unique_ptr<Loader> loader(new Loader);
  size_t bytes = 0;
  for (HostField &field : fields) {
    field.offset = bytes;
    bytes += field.bytes();
  }
  loader->hostFields = std::move(fields);
  if (workers < 0) // more would only compete with the program's own threads
    workers = std::clamp(usableProcessors(), 1, 4);
  // Two batches ahead, but not more than a quarter of a gigabyte.
  size_t room = std::max<size_t>(size_t(1) << 28, bytes) / std::max<size_t>(bytes, 1);
  loader->slots.resize(std::min(room, size_t(2 * batch + workers)));
  uint64_t total = uint64_t(loader->slots.size()) * bytes;
  if (total > availableMemory())
    return environmentError("out-of-memory", "there is not enough memory for samples read ahead: " +
                                                 bytesText(total))
        .withHelp("choose a smaller batch, or smaller pictures");
  for (Slot &slot : loader->slots)
    slot.bytes.resize(bytes);
  for (int64_t i = 0; i < workers; ++i) {
    pthread_t thread;
    if (int failure = startThread(thread, threadMain, loader.get()))
      return systemError("no-threads", "start a thread that reads data", failure);
    loader->threads.push_back(thread);
  }
  return loader;
}

Loader::~Loader() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
  }
  changed.notify_all();
  for (pthread_t thread : threads)
    pthread_join(thread, nullptr);
}

void *Loader::threadMain(void *loader) {
  static_cast<Loader *>(loader)->work();
  return nullptr;
}

void Loader::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return stopping || mayStart(); });
    if (stopping)
      return;
    size_t position = next++;
    ++busy;
    Slot &slot = slots[position % slots.size()];
    lock.unlock();
    Status status = makeSample(*part, hostFields, order[position], epoch, slot.bytes.data());
    lock.lock();
    --busy;
    slot.status = std::move(status);
    slot.ready = true;
    changed.notify_all();
  }
}

void Loader::begin(const Part &newPart, std::span<const uint32_t> samples, uint64_t newEpoch) {
  {
    std::unique_lock lock(mutex);
    next = order.size(); // nothing more is begun
    changed.wait(lock, [&] { return busy == 0; });
    part = &newPart;
    order.assign(samples.begin(), samples.end());
    epoch = newEpoch;
    next = taken = released = 0;
    for (Slot &slot : slots)
      slot.ready = false;
  }
  changed.notify_all();
}

bool Loader::nextIs(const Part &thePart, std::span<const uint32_t> samples) const {
  return part == &thePart && samples.size() <= order.size() - taken &&
         std::equal(samples.begin(), samples.end(), order.begin() + ptrdiff_t(taken));
}

Result<const uint8_t *> Loader::take() {
  std::unique_lock lock(mutex);
  size_t position = taken++;
  released = position; // what was taken before has been read
  changed.notify_all();
  Slot &slot = slots[position % slots.size()];
  if (threads.empty()) {
    slot.status = makeSample(*part, hostFields, order[position], epoch, slot.bytes.data());
  } else {
    changed.wait(lock, [&] { return slot.ready; });
    slot.ready = false;
  }
  if (!slot.status.ok())
    return slot.status.error();
  return slot.bytes.data();
}

} // namespace gnc::runtime
