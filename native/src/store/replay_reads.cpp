#include "replay_reads.h"

#include <algorithm>
#include <chrono>

#include "read_buffers.h"
#include "retort/status.h"

namespace retort {
namespace {

constexpr std::size_t most_memory = std::size_t{1} << 30;

// As many buffers as reads were under way at once.
ReadBuffers buffers_for(std::span<const BegunRead> reads) {
  if (reads.empty()) throw Failure(Status::bad_request, "[store] replaying reads: there are none.");
  const std::size_t count = std::min(std::ranges::max(reads, {}, &BegunRead::pending).pending + 1, reads.size());
  const std::size_t bytes = std::ranges::max(reads, {}, &BegunRead::bytes).bytes;
  if (bytes > most_memory / count) throw Failure(Status::bad_request, "[store] replaying reads: so many of that size take more than 1 GiB of memory.");
  return {count, bytes};
}

DirectRead& prepared(ReadBuffers& buffers, std::size_t number, const BegunRead& as) {
  DirectRead& read = buffers.read(number);
  read.offset = as.offset;
  read.into = buffers.memory(number).first(as.bytes);
  return read;
}

}  // namespace

double replay_reads(DirectFile& file, std::span<const BegunRead> reads, const std::atomic<bool>& cancelled) {
  ReadBuffers buffers = buffers_for(reads);
  const auto start = std::chrono::steady_clock::now();
  std::size_t begun = 0, ended = 0;
  try {
    for (const BegunRead& read : reads) {
      if (cancelled) throw Failure(Status::cancelled, "[store] replaying reads was cancelled.");
      while (ended < begun && (file.pending() > read.pending || begun - ended == buffers.count())) file.finish(buffers.read(ended++));
      file.begin(prepared(buffers, begun, read));
      ++begun;
    }
    while (ended < begun) file.finish(buffers.read(ended++));
  } catch (...) {
    // Before their memory goes.
    file.drain();
    throw;
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace retort
