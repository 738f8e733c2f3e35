// Where the blocks of a cache and its forks lie: cut from slabs on large pages, because attention walks over all of them for every token and a page table's entry
// per 4 KiB would cost it as much as the reading. A freed block is used again for the next of its size; slabs go when the last cache goes.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "memory/large_memory.h"

namespace retort {

// Any thread may call.
class BlockArena {
 public:
  // On a 64-byte border, not initialized. Throws std::bad_alloc.
  void* allocate(std::size_t bytes);
  // `bytes` as it was allocated with.
  void release(void* memory, std::size_t bytes) noexcept;

 private:
  // Lies in the freed memory itself, so that releasing needs none.
  struct Freed {
    Freed* next;
  };
  struct Size {
    std::size_t bytes;
    Freed* freed;
  };

  Size& size_of(std::size_t bytes);

  std::mutex mutex_;
  std::vector<LargeMemory> slabs_;
  // Of the last slab.
  std::size_t used_ = 0;
  std::size_t slab_bytes_ = 0;
  // A cache has few sizes: keys and values of each shape of layer.
  std::vector<Size> sizes_;
};

}  // namespace retort
