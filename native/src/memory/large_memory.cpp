#include "memory/large_memory.h"

#if defined(__linux__)
#include <sys/mman.h>

#include <cstdint>
#endif

namespace retort {
namespace {

constexpr std::align_val_t border{64};

}  // namespace

LargeMemory::LargeMemory(std::size_t bytes) {
#if defined(__linux__)
  // Not operator new: inside Electron that is Chromium's, which ends the process where a border is above 1 MiB or a piece above 2 GiB.
  if (bytes >= large_page_bytes) {
    void* const mapped = mmap(nullptr, bytes + large_page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    // The large page too many is for going to a border; what is before it goes back.
    const std::size_t before = large_page_bytes - reinterpret_cast<std::uintptr_t>(mapped) % large_page_bytes;
    munmap(mapped, before);
    const std::size_t left = bytes + large_page_bytes - before;
    memory_ = {static_cast<unsigned char*>(mapped) + before, Release{left}};
    // Advice only: where it is not taken, pages stay small.
    madvise(memory_.get(), left, MADV_HUGEPAGE);
    return;
  }
#endif
  memory_ = {static_cast<unsigned char*>(::operator new(bytes, border)), Release{0}};
}

void LargeMemory::Release::operator()(unsigned char* memory) const noexcept {
#if defined(__linux__)
  if (mapped_bytes > 0) {
    munmap(memory, mapped_bytes);
    return;
  }
#endif
  ::operator delete(memory, border);
}

}  // namespace retort
