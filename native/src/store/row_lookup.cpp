#include "store/row_lookup.h"

#include <algorithm>

#include "matrix/codes.h"
#include "retort/status.h"
#include "store/clock.h"

namespace retort {
namespace {

// Reads of groups at once that memory is taken for.
constexpr std::size_t groups_at_once = 8;

// However the group lies to the pages.
std::size_t widened(std::size_t group_bytes) { return pages_around(direct_page - 1, group_bytes).bytes; }

// The wanted rows from the front on that are in one unit (a group, a tile) of the table.
template <class Unit>
std::span<const WantedRow> first_run(std::span<const WantedRow> wanted, Unit unit) {
  std::size_t count = 1;
  while (count < wanted.size() && unit(wanted[count].row) == unit(wanted[0].row)) ++count;
  return wanted.first(count);
}

// `group`: the bytes of the group that all of them are in.
void decode(const Layout& layout, const std::byte* group, std::span<const WantedRow> rows, std::span<float> out) {
  for (const WantedRow& wanted : rows) {
    float* const to = out.data() + wanted.place * static_cast<std::size_t>(layout.columns);
    read_values(layout, reinterpret_cast<const unsigned char*>(group), wanted.row % group_rows, 0, layout.columns, to);
  }
}

}  // namespace

std::size_t RowLookup::memory_bytes(std::size_t largest_record, std::size_t group_bytes) {
  return std::max(largest_record, groups_at_once * widened(group_bytes));
}

LookupCounts RowLookup::look_up(const FlashMatrix& matrix, std::span<WantedRow> wanted, std::span<float> out, const std::atomic<bool>& cancelled) {
  std::ranges::sort(wanted, {}, &WantedRow::row);
  LookupCounts counts;
  const auto tile_of = [&](std::int64_t row) { return matrix.tile_of(row / group_rows); };
  try {
    std::size_t kept = 0;
    for (std::span<const WantedRow> left = wanted; !left.empty();) {
      const auto run = first_run(left, tile_of);
      left = left.subspan(run.size());
      if (cancelled.load(std::memory_order_relaxed)) throw Failure(Status::cancelled, "[flash] cancelled.");
      const std::size_t tile = tile_of(run.front().row);
      if (verified_[matrix.tiles()[tile].record] == 0) {
        read_record(matrix, tile, run, out, counts);
      } else {
        std::ranges::copy(run, wanted.begin() + static_cast<std::ptrdiff_t>(kept));
        kept += run.size();
      }
    }
    read_groups(matrix, wanted.first(kept), out, counts, cancelled);
  } catch (...) {
    take_back();
    throw;
  }
  return counts;
}

// One tile's rows, from the whole of its record.
void RowLookup::read_record(const FlashMatrix& matrix, std::size_t tile, std::span<const WantedRow> wanted, std::span<float> out, LookupCounts& counts) {
  const auto [record, offset, groups] = matrix.tiles()[tile];
  const PageRange pages = records_.pages(record);
  DirectRead& read = reads_[0];
  read.offset = pages.offset;
  read.into = memory_.bytes().first(pages.bytes);
  const std::int64_t start = now_ns();
  file_.begin(read);
  file_.finish(read);
  counts.stall_ns += now_ns() - start;
  counts.bytes += static_cast<std::int64_t>(pages.bytes);
  ++counts.reads;
  records_.verify(record, read.into);
  mark_verified(record);
  const std::byte* const first = read.into.data() + pages.inset + offset;
  for (auto left = wanted; !left.empty();) {
    const auto run = first_run(left, [](std::int64_t row) { return row / group_rows; });
    left = left.subspan(run.size());
    const std::int64_t group = run.front().row / group_rows - matrix.pieces()[tile].first_group;
    decode(matrix.shape(), first + group * matrix.shape().group_bytes, run, out);
  }
}

std::uint64_t RowLookup::place_of(const FlashMatrix& matrix, std::int64_t group) const {
  const std::size_t tile = matrix.tile_of(group);
  const auto within = static_cast<std::uint64_t>((group - matrix.pieces()[tile].first_group) * matrix.shape().group_bytes);
  return records_[matrix.tiles()[tile].record].offset + matrix.tiles()[tile].offset + within;
}

// Those whose records were verified before.
void RowLookup::read_groups(const FlashMatrix& matrix, std::span<const WantedRow> wanted, std::span<float> out, LookupCounts& counts,
                            const std::atomic<bool>& cancelled) {
  const auto group_of = [](std::int64_t row) { return row / group_rows; };
  const auto group_bytes = static_cast<std::size_t>(matrix.shape().group_bytes);
  const std::size_t room = widened(group_bytes);
  const std::size_t at_once = std::min(window, memory_.bytes().size() / room);
  std::span<const WantedRow> to_begin = wanted;
  std::size_t begun = 0;
  std::size_t finished = 0;
  for (std::span<const WantedRow> left = wanted; !left.empty(); ++finished) {
    for (; !to_begin.empty() && begun - finished < at_once; ++begun) {
      const PageRange pages = pages_around(place_of(matrix, group_of(to_begin.front().row)), group_bytes);
      DirectRead& read = reads_[begun % at_once];
      read.offset = pages.offset;
      read.into = memory_.bytes().subspan(begun % at_once * room, pages.bytes);
      file_.begin(read);
      to_begin = to_begin.subspan(first_run(to_begin, group_of).size());
    }
    if (cancelled.load(std::memory_order_relaxed)) throw Failure(Status::cancelled, "[flash] cancelled.");
    DirectRead& read = reads_[finished % at_once];
    const std::int64_t start = now_ns();
    file_.finish(read);
    counts.stall_ns += now_ns() - start;
    counts.bytes += static_cast<std::int64_t>(read.into.size());
    ++counts.reads;
    const auto run = first_run(left, group_of);
    left = left.subspan(run.size());
    const std::uint64_t place = place_of(matrix, group_of(run.front().row));
    decode(matrix.shape(), read.into.data() + (place - read.offset), run, out);
  }
}

void RowLookup::take_back() noexcept {
  for (DirectRead& read : reads_) file_.take_back(read);
}

}  // namespace retort
