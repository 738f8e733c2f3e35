// Records of a pack that stay in memory, in a fixed order: a budget keeps a first part of it. Used by one thread at a time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "store/arena.h"
#include "store/direct_file.h"
#include "store/pack_records.h"

namespace retort {

class PinnedRecords {
 public:
  // File and records outlive it.
  PinnedRecords(DirectFile& file, const PackRecords& records, std::vector<std::size_t> order);
  ~PinnedRecords() { take_back(); }
  PinnedRecords(const PinnedRecords&) = delete;
  PinnedRecords& operator=(const PinnedRecords&) = delete;

  // Forgets those from the `count`-th of the order on, and some before it that share their memory.
  void shrink(std::size_t count) noexcept;
  // Reads the first `count` of the order that are missing, until `most` bytes are read; `read`, where there is one, hears of each record and how long it was
  // waited for. Throws Failure: cancelled, file_unreadable, bad_file, memory_limit, out_of_memory; those read until then may stay.
  using Read = std::function<void(std::size_t record, std::int64_t waited_ns)>;
  void load(AlignedArena& arena, std::size_t count, std::uint64_t most, const std::atomic<bool>& cancelled, const Read& read = nullptr);

  // Pages of the first `count` that are not loaded.
  std::uint64_t missing_bytes(std::size_t count) const noexcept;
  std::uint64_t bytes() const noexcept;
  // A record's first byte; null where it is not loaded.
  const std::byte* memory(std::size_t record) const noexcept { return memory_[record]; }

 private:
  static constexpr std::size_t window = 16;

  // Memory of a run of the order, from the end of the one before.
  struct Slab {
    AlignedArena::Buffer memory;
    std::size_t end = 0;
  };

  void begin(AlignedArena& arena, std::size_t count);
  void verify_oldest(std::size_t finished);
  void take_back() noexcept;

  DirectFile& file_;
  const PackRecords& records_;
  std::vector<std::size_t> order_;
  std::vector<Slab> slabs_;
  // Bytes of the last slab that are given to records.
  std::size_t slab_used_ = 0;
  std::array<DirectRead, window> reads_;
  // Of the order: verified, and begun to be read.
  std::size_t loaded_ = 0;
  std::size_t begun_ = 0;
  std::vector<const std::byte*> memory_;
};

}  // namespace retort
