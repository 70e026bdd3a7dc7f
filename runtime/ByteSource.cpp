//===- ByteSource.cpp - a file's bytes, unpacked on the way
//-------------------------------------===//
#include "runtime/ByteSource.h"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace gnc::runtime {

ByteSource::~ByteSource() {
  if (started)
    inflateEnd(&stream);
}

Status ByteSource::open(const std::string &name) {
  path = name;
  Result<Descriptor> opened = openForReading(path, size);
  if (!opened.ok())
    return std::move(opened).error();
  file = std::move(*opened);
  uint8_t magic[2] = {};
  int64_t got = pread(file.get(), magic, 2, 0);
  compressed = got == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
  if (!compressed && size > 0 && path.ends_with(".gz"))
    return inputError("bad-gzip", "'" + path + "' is named .gz, but is not a gzip file")
        .withHelp("if it is already unpacked, rename it without .gz; otherwise fetch it again");
  if (!compressed)
    return {};
  input.resize(1 << 16);
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) // 16: a gzip header, nothing else
    return environmentError("out-of-memory", "zlib has no memory to unpack '" + path + "'");
  started = true;
  return {};
}

uint64_t ByteSource::most() const {
  // Deflate spends at least 2 bits on 258 bytes: a factor of 1032 is the best it can do.
  return compressed ? size * 1032 : size;
}

Status ByteSource::refill() {
  int64_t got = readFully(file.get(), input.data(), input.size());
  if (got < 0)
    return systemError("unreadable-file", "read '" + path + "'", errno);
  stream.next_in = input.data();
  stream.avail_in = uInt(got);
  return {};
}

Result<uint64_t> ByteSource::read(uint8_t *to, uint64_t count) {
  if (compressed)
    return inflateInto(to, count);
  int64_t got = readFully(file.get(), to, count);
  if (got < 0)
    return systemError("unreadable-file", "read '" + path + "'", errno);
  return uint64_t(got);
}

Result<uint64_t> ByteSource::inflateInto(uint8_t *to, uint64_t count) {
  uint64_t done = 0;
  while (done < count && !truncated) {
    if (stream.avail_in == 0)
      if (Status status = refill(); !status.ok())
        return std::move(status).error();
    if (stream.avail_in == 0) {
      truncated = !finished;
      break;
    }
    if (finished) { // gzip files may be strung together
      inflateReset(&stream);
      finished = false;
    }
    stream.next_out = to + done;
    stream.avail_out = uInt(std::min<uint64_t>(count - done, 1 << 30));
    uInt room = stream.avail_out;
    int answer = inflate(&stream, Z_NO_FLUSH);
    done += room - stream.avail_out;
    finished = answer == Z_STREAM_END;
    if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR)
      return inputError("bad-gzip",
                        "'" + path + "' is damaged: " + (stream.msg ? stream.msg : "bad gzip data"))
          .withHelp("fetch it again");
  }
  return done;
}

} // namespace gnc::runtime
