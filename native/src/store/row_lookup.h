// Rows of a table that is not in memory, looked up group by group: small reads, widened to pages, many at once. A record is read whole and verified before
// the first of its rows is used. Used by one thread at a time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "store/arena.h"
#include "store/direct_file.h"
#include "store/flash_matrix.h"
#include "store/pack_records.h"

namespace retort {

// A row of the table, and where in the output it goes.
struct WantedRow {
  std::int64_t row = 0;
  std::size_t place = 0;
};

struct LookupCounts {
  std::int64_t bytes = 0;
  std::int64_t reads = 0;
  std::int64_t stall_ns = 0;
};

class RowLookup {
 public:
  // What `look_up` needs of memory for a table of such records and groups.
  static std::size_t memory_bytes(std::size_t largest_record, std::size_t group_bytes);

  // File and records outlive it.
  RowLookup(DirectFile& file, const PackRecords& records) : file_(file), records_(records), verified_(records.size(), 0) {}
  ~RowLookup() { take_back(); }
  RowLookup(const RowLookup&) = delete;
  RowLookup& operator=(const RowLookup&) = delete;

  // Of memory_bytes for the table that is looked up.
  void set_memory(AlignedArena::Buffer memory) noexcept { memory_ = std::move(memory); }
  std::size_t bytes() const noexcept { return memory_.bytes().size(); }
  // Somebody else has seen that the record is sound.
  void mark_verified(std::size_t record) noexcept { verified_[record] = 1; }

  // `wanted` is put in order. out [·, columns]. Throws Failure: cancelled, file_unreadable, bad_file; then no read is left in flight.
  LookupCounts look_up(const FlashMatrix& matrix, std::span<WantedRow> wanted, std::span<float> out, const std::atomic<bool>& cancelled);

 private:
  static constexpr std::size_t window = 8;

  void read_record(const FlashMatrix& matrix, std::size_t tile, std::span<const WantedRow> wanted, std::span<float> out, LookupCounts& counts);
  void read_groups(const FlashMatrix& matrix, std::span<const WantedRow> wanted, std::span<float> out, LookupCounts& counts,
                   const std::atomic<bool>& cancelled);
  // Of a group in the file.
  std::uint64_t place_of(const FlashMatrix& matrix, std::int64_t group) const;
  void take_back() noexcept;

  DirectFile& file_;
  const PackRecords& records_;
  AlignedArena::Buffer memory_;
  std::vector<std::uint8_t> verified_;
  std::array<DirectRead, window> reads_;
};

}  // namespace retort
