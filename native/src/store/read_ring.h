// Records read ahead in the order they will be used: memory that is filled at one end and emptied at the other. Used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "store/arena.h"
#include "store/direct_file.h"
#include "store/pack_records.h"

namespace retort {

class ReadRing {
 public:
  // Both outlive the ring. `most`: records it holds at once, whatever room is left.
  ReadRing(DirectFile& file, AlignedArena::Buffer memory, std::size_t most);
  ~ReadRing() { clear(); }
  ReadRing(const ReadRing&) = delete;
  ReadRing& operator=(const ReadRing&) = delete;

  bool is_empty() const noexcept { return count_ == 0; }
  // Begins to read behind the last one; false where there is no room now. `label` is the caller's own name of it. Throws Failure: bad_request.
  bool begin(std::size_t label, const PageRange& pages);

  // Of the oldest; there must be one.
  std::size_t label() const noexcept { return entries_[first_].label; }
  std::span<const std::byte> memory() const noexcept { return entries_[first_].read.into; }
  bool is_done() { return file_.is_done(entries_[first_].read); }
  // Throws Failure: file_unreadable, bad_file.
  void finish() { file_.finish(entries_[first_].read); }
  // Takes the read back where it was not finished.
  void drop() noexcept;
  void clear() noexcept;

 private:
  struct Entry {
    std::size_t label = 0;
    // Its place in the memory.
    std::size_t start = 0;
    DirectRead read;
  };

  // Where so many bytes would go; false where they do not fit.
  bool find_room(std::size_t bytes, std::size_t& start) const noexcept;

  DirectFile& file_;
  AlignedArena::Buffer memory_;
  std::vector<Entry> entries_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

}  // namespace retort
