// Memory that direct reads fill: on page borders, counted to the last byte against a limit, and given back to the system when a buffer goes.
//
// Take few large buffers and cut them at page borders: only from 2 MiB on does the system give large pages, and what is less than one of them at a buffer's
// end is small pages again. A disk is told of every piece of memory that does not lie next to the one before, so that 2 MiB into small pages
// were measured to come less than half as fast as into large ones, for eight times the processor's time (tests/bench/disk.cpp).
#pragma once

#include <cstddef>
#include <span>

#include "checked_file.h"

namespace retort {

// Outlives its buffers. Used by one thread at a time.
class AlignedArena {
 public:
  class Buffer {
   public:
    Buffer() = default;
    ~Buffer() { release(); }
    Buffer(Buffer&& other) noexcept;
    Buffer& operator=(Buffer&& other) noexcept;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    // Begins on a multiple of direct_page, of large_page_bytes where it is that large; the size is a multiple of direct_page. Zero at first.
    std::span<std::byte> bytes() const noexcept { return memory_; }

   private:
    friend class AlignedArena;
    Buffer(AlignedArena& arena, std::span<std::byte> memory) : arena_(&arena), memory_(memory) {}
    void release() noexcept;

    AlignedArena* arena_ = nullptr;
    std::span<std::byte> memory_;
  };

  explicit AlignedArena(std::size_t limit) : limit_(limit) {}
  AlignedArena(const AlignedArena&) = delete;
  AlignedArena& operator=(const AlignedArena&) = delete;

  // `bytes`, rounded up to whole pages; at least one page. Throws Failure: memory_limit (more than is left of the limit), out_of_memory.
  Buffer take(std::size_t bytes);

  // What buffers hold is not touched: below it, `take` refuses until enough of them have gone.
  void set_limit(std::size_t limit) noexcept { limit_ = limit; }
  std::size_t used() const noexcept { return used_; }
  // What `take` would still give in one buffer.
  std::size_t left() const noexcept { return used_ < limit_ ? (limit_ - used_) / direct_page * direct_page : 0; }

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
};

}  // namespace retort
