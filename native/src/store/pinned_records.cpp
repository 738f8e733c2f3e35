#include "store/pinned_records.h"

#include <algorithm>

#include "retort/status.h"
#include "store/clock.h"

namespace retort {
namespace {

// Memory taken at a time, for many records: they share large pages, and a large model does not need a mapping for each. Also about what is read twice when a
// budget shrinks.
constexpr std::size_t slab_bytes = std::size_t{16} << 20;

}  // namespace

PinnedRecords::PinnedRecords(DirectFile& file, const PackRecords& records, std::vector<std::size_t> order)
    : file_(file), records_(records), order_(std::move(order)), memory_(records.size(), nullptr) {}

void PinnedRecords::shrink(std::size_t count) noexcept {
  take_back();
  while (!slabs_.empty() && slabs_.back().end > count) {
    slabs_.pop_back();
    const std::size_t kept = slabs_.empty() ? 0 : slabs_.back().end;
    for (; loaded_ > kept; --loaded_) memory_[order_[loaded_ - 1]] = nullptr;
    slab_used_ = slabs_.empty() ? 0 : slabs_.back().memory.bytes().size();
  }
  begun_ = loaded_;
}

void PinnedRecords::load(AlignedArena& arena, std::size_t count, std::uint64_t most, const std::atomic<bool>& cancelled, const Read& read) {
  std::uint64_t begun_bytes = 0;
  std::size_t finished = loaded_;
  try {
    for (;;) {
      while (begun_ < count && begun_ - loaded_ < window && begun_bytes < most) {
        begun_bytes += records_.pages(order_[begun_]).bytes;
        begin(arena, count);
      }
      // What was read before is looked at while the disk goes on.
      if (finished > loaded_) verify_oldest(finished);
      if (finished == begun_) return;
      if (cancelled.load(std::memory_order_relaxed)) throw Failure(Status::cancelled, "[flash] cancelled.");
      const std::int64_t start = now_ns();
      file_.finish(reads_[finished % window]);
      if (read) read(order_[finished], now_ns() - start);
      ++finished;
    }
  } catch (...) {
    take_back();
    shrink(loaded_);
    throw;
  }
}

void PinnedRecords::begin(AlignedArena& arena, std::size_t count) {
  if (slabs_.empty() || slabs_.back().end == begun_) {
    std::size_t end = begun_;
    std::size_t bytes = 0;
    while (end < count && (end == begun_ || bytes + records_.pages(order_[end]).bytes <= slab_bytes)) bytes += records_.pages(order_[end++]).bytes;
    slabs_.push_back({arena.take(bytes), end});
    slab_used_ = 0;
  }
  const PageRange pages = records_.pages(order_[begun_]);
  DirectRead& read = reads_[begun_ % window];
  read.offset = pages.offset;
  read.into = slabs_.back().memory.bytes().subspan(slab_used_, pages.bytes);
  file_.begin(read);
  slab_used_ += pages.bytes;
  ++begun_;
}

// The one read before `finished`, whose place among the reads is not begun again until then.
void PinnedRecords::verify_oldest(std::size_t finished) {
  const std::size_t record = order_[finished - 1];
  const auto pages = reads_[(finished - 1) % window].into;
  records_.verify(record, pages);
  memory_[record] = pages.data() + records_.pages(record).inset;
  loaded_ = finished;
}

void PinnedRecords::take_back() noexcept {
  for (DirectRead& read : reads_) file_.take_back(read);
}

std::uint64_t PinnedRecords::missing_bytes(std::size_t count) const noexcept {
  std::uint64_t bytes = 0;
  for (std::size_t i = loaded_; i < count; ++i) bytes += records_.pages(order_[i]).bytes;
  return bytes;
}

std::uint64_t PinnedRecords::bytes() const noexcept {
  std::uint64_t bytes = 0;
  for (const Slab& slab : slabs_) bytes += slab.memory.bytes().size();
  return bytes;
}

}  // namespace retort
