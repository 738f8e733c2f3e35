#include "memory/slabs.h"

#include <algorithm>

namespace retort {

unsigned char* Slabs::cut(std::size_t bytes) {
  constexpr std::size_t border = 64;
  const std::size_t taken = (bytes + border - 1) / border * border;
  if (last_bytes_ - used_ < taken) {
    const std::size_t slab = std::max(taken, slab_bytes_);
    slabs_.emplace_back(slab);
    last_bytes_ = slab;
    used_ = 0;
  }
  unsigned char* const memory = slabs_.back().data() + used_;
  used_ += taken;
  return memory;
}

}  // namespace retort
