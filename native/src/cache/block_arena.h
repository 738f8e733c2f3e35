// Where the blocks of a cache and its forks lie. A freed block is used again for the next of its size; all memory goes when the last cache goes.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "memory/slabs.h"

namespace retort {

// Any thread may call.
class BlockArena {
 public:
  // At least a pointer's size; on a 64-byte border, not initialized. Throws std::bad_alloc.
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
  Slabs slabs_{large_page_bytes};
  // A cache has few sizes: keys and values of each shape of layer.
  std::vector<Size> sizes_;
};

}  // namespace retort
