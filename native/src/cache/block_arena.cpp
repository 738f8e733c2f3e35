#include "block_arena.h"

#include <algorithm>
#include <utility>

namespace retort {
namespace {

constexpr std::size_t border = 64;

std::size_t rounded(std::size_t bytes) { return (std::max(bytes, border) + border - 1) / border * border; }

}  // namespace

BlockArena::Size& BlockArena::size_of(std::size_t bytes) {
  const auto known = std::ranges::find(sizes_, bytes, &Size::bytes);
  return known != sizes_.end() ? *known : sizes_.emplace_back(Size{bytes, nullptr});
}

void* BlockArena::allocate(std::size_t bytes) {
  const std::size_t taken = rounded(bytes);
  const std::lock_guard<std::mutex> lock(mutex_);
  Size& size = size_of(taken);
  if (size.freed != nullptr) return std::exchange(size.freed, size.freed->next);
  if (slab_bytes_ - used_ < taken) {
    const std::size_t slab = std::max(taken, large_page_bytes);
    slabs_.emplace_back(slab);
    slab_bytes_ = slab;
    used_ = 0;
  }
  void* const memory = slabs_.back().data() + used_;
  used_ += taken;
  return memory;
}

void BlockArena::release(void* memory, std::size_t bytes) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  // `allocate` made the entry.
  Size& size = size_of(rounded(bytes));
  size.freed = new (memory) Freed{size.freed};
}

}  // namespace retort
