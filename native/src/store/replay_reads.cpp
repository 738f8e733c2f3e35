#include "replay_reads.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "arena.h"
#include "retort/status.h"

namespace retort {
namespace {

constexpr std::size_t most_memory = std::size_t{1} << 30;

// As many buffers as reads were under way at once, used in turn.
class Buffers {
 public:
  explicit Buffers(std::span<const BegunRead> reads) : arena_(most_memory), reads_(count_of(reads)) {
    size_ = std::ranges::max(reads, {}, &BegunRead::bytes).bytes;
    if (size_ > most_memory / reads_.size()) throw Failure(Status::bad_request, "[store] replaying reads: so many of that size take more than 1 GiB of memory.");
    memory_ = arena_.take(size_ * reads_.size());
    // Memory that was never used is given by the system page by page, inside the first read.
    std::ranges::fill(memory_.bytes(), std::byte{1});
  }

  std::size_t count() const noexcept { return reads_.size(); }
  DirectRead& of(std::size_t number) noexcept { return reads_[number % reads_.size()]; }
  DirectRead& prepared(std::size_t number, const BegunRead& as) noexcept {
    DirectRead& read = of(number);
    read.offset = as.offset;
    read.into = memory_.bytes().subspan(number % reads_.size() * size_, as.bytes);
    return read;
  }

 private:
  static std::size_t count_of(std::span<const BegunRead> reads) {
    if (reads.empty()) throw Failure(Status::bad_request, "[store] replaying reads: there are none.");
    return std::min(std::ranges::max(reads, {}, &BegunRead::pending).pending + 1, reads.size());
  }

  AlignedArena arena_;
  AlignedArena::Buffer memory_;
  std::size_t size_ = 0;
  std::vector<DirectRead> reads_;
};

}  // namespace

double replay_reads(DirectFile& file, std::span<const BegunRead> reads, const std::atomic<bool>& cancelled) {
  Buffers buffers(reads);
  const auto start = std::chrono::steady_clock::now();
  std::size_t begun = 0, ended = 0;
  try {
    for (const BegunRead& read : reads) {
      if (cancelled) throw Failure(Status::cancelled, "[store] replaying reads was cancelled.");
      while (ended < begun && (file.pending() > read.pending || begun - ended == buffers.count())) file.finish(buffers.of(ended++));
      file.begin(buffers.prepared(begun, read));
      ++begun;
    }
    while (ended < begun) file.finish(buffers.of(ended++));
  } catch (...) {
    // Before their memory goes.
    file.drain();
    throw;
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace retort
