// Reads that each have memory of their own, of one size and used in turn.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "store/arena.h"
#include "store/direct_file.h"

namespace retort {

class ReadBuffers {
 public:
  // `bytes`: of each, a multiple of direct_page; the caller sees to it that they are not too many. Throws Failure: out_of_memory.
  ReadBuffers(std::size_t count, std::size_t bytes) : memory_(arena_.take(count * bytes)), bytes_(bytes), reads_(count) {
    // Memory that was never used is given by the system page by page, inside the first read.
    std::ranges::fill(memory_.bytes(), std::byte{1});
    for (std::size_t i = 0; i < count; ++i) read(i).into = memory(i);
  }

  std::size_t count() const noexcept { return reads_.size(); }
  // Of each.
  std::size_t bytes() const noexcept { return bytes_; }
  // Of the number-th of any number of reads.
  DirectRead& read(std::size_t number) noexcept { return reads_[number % count()]; }
  std::span<std::byte> memory(std::size_t number) const noexcept { return memory_.bytes().subspan(number % count() * bytes_, bytes_); }

 private:
  AlignedArena arena_{SIZE_MAX};
  AlignedArena::Buffer memory_;
  std::size_t bytes_;
  std::vector<DirectRead> reads_;
};

}  // namespace retort
