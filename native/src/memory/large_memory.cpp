#include "memory/large_memory.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace retort {

LargeMemory::LargeMemory(std::size_t bytes) : memory_(nullptr, Release{std::align_val_t{64}}) {
  const bool large = bytes >= large_page_bytes;
  const std::align_val_t border{large ? large_page_bytes : 64};
  void* const memory = ::operator new(bytes, border);
#if defined(__linux__)
  // Advice only: where it is not taken, pages stay small.
  if (large) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  memory_ = {static_cast<unsigned char*>(memory), Release{border}};
}

}  // namespace retort
