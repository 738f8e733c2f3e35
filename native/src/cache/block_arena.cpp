#include "block_arena.h"

#include <algorithm>
#include <utility>

namespace retort {

BlockArena::Size& BlockArena::size_of(std::size_t bytes) {
  const auto known = std::ranges::find(sizes_, bytes, &Size::bytes);
  return known != sizes_.end() ? *known : sizes_.emplace_back(Size{bytes, nullptr});
}

void* BlockArena::allocate(std::size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Size& size = size_of(bytes);
  if (size.freed != nullptr) return std::exchange(size.freed, size.freed->next);
  return slabs_.cut(bytes);
}

void BlockArena::release(void* memory, std::size_t bytes) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  // `allocate` made the entry.
  Size& size = size_of(bytes);
  size.freed = new (memory) Freed{size.freed};
}

}  // namespace retort
