//===- SafetensorsHeader.cpp - the JSON inside a safetensors file
//-------------------------------===//
#include "runtime/SafetensorsHeader.h"

#include <nlohmann/json.hpp>

namespace gnc::runtime {

namespace {
using Json = nlohmann::json;

/// The events of { "__metadata__": {text: text}, name: {"dtype": text, "shape": [..],
/// "data_offsets": [a, b]} }. Answering false stops the parser.
class HeaderReader : public nlohmann::json_sax<Json> {
public:
  explicit HeaderReader(SafetensorsHeader &header) : header(header) {}
  std::string problem;

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a truth value"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t &) override {
    return refuse("a number that is not whole");
  }
  bool binary(binary_t &) override { return refuse("binary data"); }
  bool number_unsigned(number_unsigned_t value) override;
  bool string(string_t &value) override;
  bool start_object(std::size_t) override;
  bool end_object() override;
  bool key(string_t &name) override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    problem = "its header is not JSON at byte " + std::to_string(8 + position);
    return false;
  }

private:
  enum class Place { Outside, Top, Metadata, Entry, Shape, Offsets };

  bool refuse(const std::string &what) {
    problem = "its header has " + what + " where it does not belong";
    if (!tensorName.empty())
      problem += ", at '" + tensorName.substr(0, 80) + "'";
    return false;
  }

  SafetensorsHeader &header;
  Place place = Place::Outside;
  std::string tensorName, field;
  HeaderEntry entry;
  int offsets = 0;
  bool hasType = false, hasShape = false, hasOffsets = false, hasMetadata = false;
};

bool HeaderReader::key(string_t &name) {
  if (place == Place::Top) {
    bool seen =
        name == "__metadata__" ? std::exchange(hasMetadata, true) : header.entries.contains(name);
    tensorName = name;
    return !seen || refuse("a second entry of one name");
  }
  if (place == Place::Metadata) {
    field = name;
    return header.metadata.emplace(name, "").second || refuse("a second entry of one name");
  }
  bool *has = name == "dtype"          ? &hasType
              : name == "shape"        ? &hasShape
              : name == "data_offsets" ? &hasOffsets
                                       : nullptr;
  if (!has || std::exchange(*has, true))
    return refuse("the key '" + name.substr(0, 80) + "'");
  field = name;
  return true;
}

bool HeaderReader::start_object(std::size_t) {
  if (place == Place::Outside) {
    place = Place::Top;
  } else if (place == Place::Top) {
    place = tensorName == "__metadata__" ? Place::Metadata : Place::Entry;
    entry = {};
    offsets = 0;
    hasType = hasShape = hasOffsets = false;
  } else {
    return refuse("an object");
  }
  return true;
}

bool HeaderReader::end_object() {
  if (place == Place::Entry) {
    if (!hasType || !hasShape || !hasOffsets)
      return refuse("an entry without dtype, shape or data_offsets");
    header.entries[tensorName] = std::move(entry);
  }
  place = place == Place::Top ? Place::Outside : Place::Top;
  tensorName.clear();
  return true;
}

bool HeaderReader::start_array(std::size_t) {
  if (place != Place::Entry || field == "dtype")
    return refuse("a list");
  place = field == "shape" ? Place::Shape : Place::Offsets;
  return true;
}

bool HeaderReader::end_array() {
  if (place == Place::Offsets && offsets != 2)
    return refuse("data_offsets of " + std::to_string(offsets) + " numbers");
  place = Place::Entry;
  return true;
}

bool HeaderReader::number_unsigned(number_unsigned_t value) {
  if (place == Place::Shape) {
    entry.shape.push_back(value);
    return true;
  }
  if (place != Place::Offsets || offsets == 2)
    return refuse("a number");
  (offsets++ == 0 ? entry.begin : entry.end) = value;
  return true;
}

bool HeaderReader::string(string_t &value) {
  if (place == Place::Metadata)
    header.metadata[field] = value;
  else if (place == Place::Entry && field == "dtype")
    entry.type = value;
  else
    return refuse("text");
  return true;
}
} // namespace

std::string parseHeader(std::span<const uint8_t> json, SafetensorsHeader &header) {
  HeaderReader reader(header);
  const char *begin = reinterpret_cast<const char *>(json.data());
  bool whole = Json::sax_parse(begin, begin + json.size(), &reader);
  if (whole)
    return {};
  return reader.problem.empty() ? "its header is not JSON" : reader.problem;
}

} // namespace gnc::runtime
