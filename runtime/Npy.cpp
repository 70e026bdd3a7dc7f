//===- Npy.cpp - NumPy's array files ----------------------------------------------------------===//
//
// "\x93NUMPY", version, length of the header, the header, the elements. The header is a Python
// dictionary of exactly three entries, which is read as such and not evaluated.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/Npy.h"

#include "runtime/File.h"
#include "runtime/Sources.h"
#include "runtime/Text.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

namespace gnc::runtime {

namespace {
struct Header {
  std::string descriptor;
  bool fortran = false;
  std::vector<int64_t> shape;
};

/// Reads "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", keys in any order.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : rest(text) {}

  bool parse(Header &header) {
    bool seen[3] = {};
    if (!eat('{'))
      return false;
    while (!eat('}')) {
      std::string key;
      if (!string(key) || !eat(':'))
        return false;
      size_t which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : 3;
      if (which == 3 || std::exchange(seen[which], true))
        return false;
      bool good = which == 0   ? string(header.descriptor)
                  : which == 1 ? truth(header.fortran)
                               : shape(header.shape);
      if (!good || (!eat(',') && !peek('}')))
        return false;
    }
    skip();
    return rest.empty() && seen[0] && seen[1] && seen[2];
  }

private:
  void skip() {
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\n'))
      rest.remove_prefix(1);
  }
  bool peek(char c) {
    skip();
    return !rest.empty() && rest.front() == c;
  }
  bool eat(char c) {
    if (!peek(c))
      return false;
    rest.remove_prefix(1);
    return true;
  }
  bool string(std::string &text) {
    skip();
    if (rest.empty() || (rest.front() != '\'' && rest.front() != '"'))
      return false;
    size_t end = rest.find(rest.front(), 1);
    if (end == std::string_view::npos)
      return false;
    text = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return true;
  }
  bool truth(bool &value) {
    skip();
    value = rest.starts_with("True");
    if (!value && !rest.starts_with("False"))
      return false;
    rest.remove_prefix(value ? 4 : 5);
    return true;
  }
  bool shape(std::vector<int64_t> &extents) {
    if (!eat('('))
      return false;
    while (!eat(')')) {
      int64_t extent = 0;
      size_t digits = 0;
      for (skip(); !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; ++digits) {
        extent = extent * 10 + (rest.front() - '0');
        rest.remove_prefix(1);
        if (digits > 14) // far beyond any file
          return false;
      }
      if (digits == 0 || (!eat(',') && !peek(')')))
        return false;
      extents.push_back(extent);
    }
    return extents.size() <= 32;
  }

  std::string_view rest;
};

struct Format {
  const char *descriptor;
  int64_t width;
  ElementType type;
};
constexpr Format formats[] = {
    {"|u1", 1, ElementType::U8},  {"|b1", 1, ElementType::Bool}, {"<i4", 4, ElementType::I32},
    {"<i8", 8, ElementType::I32}, {"<f4", 4, ElementType::F32},  {"<f8", 8, ElementType::F32},
};

Error notNpy(const std::string &path, const std::string &why) {
  return inputError("not-npy", "'" + path + "' is not a NumPy array: " + why)
      .withHelp("write it with numpy.save");
}

Result<const Format *> formatOf(const std::string &path, const Header &header) {
  for (const Format &format : formats)
    if (header.descriptor == format.descriptor)
      return &format;
  Error error = inputError("npy-type", "'" + path + "' has elements of type '" + header.descriptor +
                                           "', which is not read here")
                    .withNote("read: |u1 |b1 <i4 <i8 <f4 <f8");
  return std::move(error).withHelp(header.descriptor.starts_with(">")
                                       ? "it is big endian; save array.astype('<f4')"
                                       : "save array.astype('float32'), or 'uint8', 'int64'");
}

/// The bytes of all elements in the file, checked against what it has behind the header.
Result<uint64_t> bytesOf(const std::string &path, const Header &header, const Format &format,
                         uint64_t left) {
  uint64_t needed = uint64_t(format.width);
  bool overflow = false;
  for (int64_t extent : header.shape)
    overflow |= __builtin_mul_overflow(needed, uint64_t(extent), &needed);
  if (header.shape.empty())
    return inputError("empty-data", "'" + path + "' is a single number, not an array of samples")
        .withHelp("its first dimension must count the samples");
  if (!overflow && needed == 0)
    return inputError("empty-data",
                      "'" + path + "' holds no samples: its shape is " + shapeText(header.shape));
  if (overflow || needed > left)
    return inputError("truncated-data", "'" + path + "' has " + std::to_string(left) +
                                            " bytes of elements, but " + header.descriptor +
                                            shapeText(header.shape) + " needs " +
                                            (overflow ? "more" : std::to_string(needed)))
        .withHelp("the file is cut off or damaged; write it again");
  if (needed < left)
    return inputError("trailing-data", "'" + path + "' goes on after the " +
                                           std::to_string(needed) + " bytes of " +
                                           header.descriptor + shapeText(header.shape))
        .withHelp("the file is damaged or holds several arrays; write it again");
  return needed;
}

template <typename From, typename To> void narrow(const uint8_t *from, uint8_t *to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    From value;
    memcpy(&value, from + i * int64_t(sizeof value), sizeof value);
    To narrowed = To(value);
    memcpy(to + i * int64_t(sizeof narrowed), &narrowed, sizeof narrowed);
  }
}

Status checkWhole(const std::string &path, const uint8_t *from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    int64_t value;
    memcpy(&value, from + 8 * i, 8);
    if (value != int32_t(value))
      return inputError("npy-value", "element " + std::to_string(i) + " of '" + path + "' is " +
                                         std::to_string(value) + ", more than 32 bits can hold")
          .withHelp("classes and counts are smaller; save numbers as float32");
  }
  return {};
}

/// Elements of 8 bytes become 4.
Status convert(NpyArray &array, const Format &format, Bytes elements) {
  int64_t count = int64_t(elements.size()) / format.width;
  if (format.width < 8) {
    array.data = std::move(elements);
    for (int64_t i = 0; array.type == ElementType::Bool && i < count; ++i)
      array.data.data()[i] = array.data.data()[i] != 0;
    return {};
  }
  if (array.type == ElementType::I32)
    if (Status status = checkWhole(array.file, elements.data(), count); !status.ok())
      return status;
  Result<Bytes> data = Bytes::allocate(uint64_t(4 * count), "the file '" + array.file + "'");
  if (!data.ok())
    return std::move(data).error();
  array.data = std::move(*data);
  if (array.type == ElementType::I32)
    narrow<int64_t, int32_t>(elements.data(), array.data.data(), count);
  else
    narrow<double, float>(elements.data(), array.data.data(), count);
  return {};
}

constexpr std::string_view kMagic = "\x93NUMPY";

/// Reads the header; afterwards the file stands at the first element. `left` becomes the bytes
/// behind it.
Status readHeader(const std::string &path, int file, Header &header, uint64_t &left) {
  uint8_t start[12];
  int64_t got = readFully(file, start, 10);
  if (got < 10 || memcmp(start, kMagic.data(), kMagic.size()) != 0)
    return notNpy(path, "it does not begin with \\x93NUMPY");
  uint8_t version = start[6];
  if (version < 1 || version > 3)
    return notNpy(path, "version " + std::to_string(version) + " is not known");
  uint64_t length = start[8] | uint64_t(start[9]) << 8, before = 10;
  if (version > 1) {
    if (readFully(file, start + 10, 2) != 2)
      return notNpy(path, "its header is cut off");
    length |= uint64_t(start[10]) << 16 | uint64_t(start[11]) << 24;
    before = 12;
  }
  constexpr uint64_t most = 1 << 16; // three short entries
  if (length > most || before + length > left)
    return notNpy(path, "its header is cut off");
  std::string text(length, '\0');
  if (readFully(file, reinterpret_cast<uint8_t *>(text.data()), length) != int64_t(length) ||
      !HeaderParser(text).parse(header))
    return notNpy(path, "its header is not understood");
  left -= before + length;
  return {};
}
} // namespace

bool isNpy(const std::string &path) {
  uint64_t size = 0;
  Result<Descriptor> file = openForReading(path, size);
  uint8_t start[6] = {};
  return file.ok() && readFully(file->get(), start, 6) == 6 &&
         memcmp(start, kMagic.data(), kMagic.size()) == 0;
}

Result<NpyArray> readNpy(const std::string &path) {
  uint64_t left = 0;
  Result<Descriptor> file = openForReading(path, left);
  if (!file.ok())
    return std::move(file).error();
  Header header;
  if (Status status = readHeader(path, file->get(), header, left); !status.ok())
    return std::move(status).error();
  Result<const Format *> format = formatOf(path, header);
  if (!format.ok())
    return std::move(format).error();
  if (header.fortran && header.shape.size() > 1)
    return inputError("npy-order", "'" + path + "' is in Fortran order")
        .withHelp("save numpy.ascontiguousarray(array)");
  Result<uint64_t> needed = bytesOf(path, header, **format, left);
  if (!needed.ok())
    return std::move(needed).error();
  Result<Bytes> elements = Bytes::allocate(*needed, "the file '" + path + "'");
  if (!elements.ok())
    return std::move(elements).error();
  if (readFully(file->get(), elements->data(), *needed) != int64_t(*needed))
    return inputError("unreadable-file", "'" + path + "' became shorter while it was read");
  NpyArray array{path, (*format)->type, header.shape, {}};
  if (Status status = convert(array, **format, std::move(*elements)); !status.ok())
    return std::move(status).error();
  return array;
}

//===- The source -----------------------------------------------------------------------------===//

namespace {
/// Whole numbers that an input takes as numbers become numbers.
Status widen(NpyArray &array, const std::string &member, std::span<const Tensor> inputs) {
  bool asNumbers = std::any_of(inputs.begin(), inputs.end(), [&](const Tensor &input) {
    return input.member == member && input.type == ElementType::F32;
  });
  if (!asNumbers || array.type != ElementType::I32)
    return {};
  Result<Bytes> data = Bytes::allocate(array.data.size(), "the file '" + array.file + "'");
  if (!data.ok())
    return std::move(data).error();
  narrow<int32_t, float>(array.data.data(), data->data(), int64_t(array.data.size()) / 4);
  array.data = std::move(*data);
  array.type = ElementType::F32;
  return {};
}

Status addSamples(Part &part, const std::string &name, const NpyArray &array,
                  const std::vector<bool> &training, bool wanted) {
  Member member{name, array.type, {array.shape.begin() + 1, array.shape.end()}};
  int64_t each = member.sampleBytes();
  part.count = std::count(training.begin(), training.end(), wanted);
  Result<Bytes> data = Bytes::allocate(uint64_t(part.count * each), "'" + array.file + "'");
  if (!data.ok())
    return std::move(data).error();
  uint8_t *to = data->data();
  for (size_t s = 0; s < training.size(); ++s)
    if (training[s] == wanted) {
      memcpy(to, array.data.data() + int64_t(s) * each, size_t(each));
      to += each;
    }
  member.data = std::move(*data);
  part.members.push_back(std::move(member));
  return {};
}
} // namespace

Result<SourceParts> readNpySource(const DataSource &source, std::span<const Tensor> inputs) {
  SourceParts parts{std::make_shared<Part>(), std::make_shared<Part>()};
  parts.train->name = "training";
  parts.test->name = "test";
  std::vector<bool> training;
  std::string first;
  for (const auto &[name, path] : source.files) {
    Result<NpyArray> array = readNpy(path);
    if (!array.ok())
      return std::move(array).error();
    size_t count = size_t(array->shape[0]);
    if (training.empty()) {
      first = path;
      std::vector<uint64_t> keys(count);
      std::iota(keys.begin(), keys.end(), 0);
      training = chooseTraining(keys, source.split, source.seed);
    } else if (count != training.size()) {
      return inputError("data-count", "'" + path + "' has " + std::to_string(count) +
                                          " samples, but '" + first + "' has " +
                                          std::to_string(training.size()))
          .withHelp("the first dimension counts the samples; the files do not belong together");
    }
    Status status = widen(*array, name, inputs);
    if (status.ok())
      status = addSamples(*parts.train, name, *array, training, true);
    if (status.ok())
      status = addSamples(*parts.test, name, *array, training, false);
    if (!status.ok())
      return std::move(status).error();
  }
  if (parts.test->count == 0)
    return inputError("empty-data", "'" + first +
                                        "' has one sample: some have to train, some to "
                                        "test");
  return parts;
}

} // namespace gnc::runtime
