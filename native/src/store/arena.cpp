#include "arena.h"

#include <cstdint>
#include <string>
#include <utility>

#include "memory/large_memory.h"
#include "retort/status.h"

#ifdef _WIN32
#define NOMINMAX
#include <windows.h>
#else
#include <sys/mman.h>
#endif

namespace retort {
namespace {

#ifdef _WIN32

// Compiles, and has not been run yet. VirtualAlloc's borders are 64 KiB.
std::byte* map_pages(std::size_t bytes) noexcept {
  return static_cast<std::byte*>(VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
}

void unmap_pages(std::byte* memory, std::size_t) noexcept { VirtualFree(memory, 0, MEM_RELEASE); }

#else

void unmap_pages(std::byte* memory, std::size_t bytes) noexcept {
  if (bytes > 0) munmap(memory, bytes);
}

std::byte* map_anywhere(std::size_t bytes) noexcept {
  void* const mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mapped == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapped);
}

// Not operator new, for LargeMemory's reason, and mapped for each buffer alone, so that what is released leaves the process.
std::byte* map_pages(std::size_t bytes) noexcept {
  if (bytes < large_page_bytes) return map_anywhere(bytes);
  if (bytes > SIZE_MAX - large_page_bytes) return nullptr;
  // A large page too many, for going to a border. Nothing of it stays: a large page across the end would be memory that nobody counts.
  std::byte* const mapped = map_anywhere(bytes + large_page_bytes);
  if (mapped == nullptr) return nullptr;
  const std::size_t before = (large_page_bytes - reinterpret_cast<std::uintptr_t>(mapped) % large_page_bytes) % large_page_bytes;
  unmap_pages(mapped, before);
  unmap_pages(mapped + before + bytes, large_page_bytes - before);
#ifdef __linux__
  // Advice only.
  madvise(mapped + before, bytes, MADV_HUGEPAGE);
#endif
  return mapped + before;
}

#endif

}  // namespace

AlignedArena::Buffer::Buffer(Buffer&& other) noexcept : arena_(std::exchange(other.arena_, nullptr)), memory_(std::exchange(other.memory_, {})) {}

AlignedArena::Buffer& AlignedArena::Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  release();
  arena_ = std::exchange(other.arena_, nullptr);
  memory_ = std::exchange(other.memory_, {});
  return *this;
}

void AlignedArena::Buffer::release() noexcept {
  if (arena_ == nullptr) return;
  unmap_pages(memory_.data(), memory_.size());
  arena_->used_ -= memory_.size();
  arena_ = nullptr;
  memory_ = {};
}

AlignedArena::Buffer AlignedArena::take(std::size_t bytes) {
  const std::size_t pages = bytes / direct_page + (bytes % direct_page != 0 || bytes == 0 ? 1 : 0);
  if (pages > left() / direct_page) {
    const std::string asked = std::to_string(bytes), rest = std::to_string(left());
    throw Failure(Status::memory_limit, "[store] " + asked + " bytes are more than the " + rest + " left of the memory budget of " + std::to_string(limit_) + ".");
  }
  const std::size_t size = pages * direct_page;
  std::byte* const memory = map_pages(size);
  if (memory == nullptr) throw Failure(Status::out_of_memory, "[store] no memory for a buffer of " + std::to_string(size) + " bytes.");
  used_ += size;
  return {*this, {memory, size}};
}

}  // namespace retort
