// Memory cut from slabs on large pages, so that many small pieces that are read one after another cost few entries of the page table. A piece lives as long as the
// slabs do.
#pragma once

#include <cstddef>
#include <vector>

#include "memory/large_memory.h"

namespace retort {

// Not for two threads at once.
class Slabs {
 public:
  // What is larger than `slab_bytes` gets a slab of its own size. Only what is touched takes memory.
  explicit Slabs(std::size_t slab_bytes) : slab_bytes_(slab_bytes) {}
  // On a 64-byte border, not initialized. Throws std::bad_alloc.
  unsigned char* cut(std::size_t bytes);

 private:
  std::size_t slab_bytes_;
  std::vector<LargeMemory> slabs_;
  // Bytes of the last slab, and how many of them are cut off.
  std::size_t last_bytes_ = 0;
  std::size_t used_ = 0;
};

}  // namespace retort
