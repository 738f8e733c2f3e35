// Memory for what is read whole for every token, weights and KV blocks: on a 64-byte border, and on large pages where the system has them. Not initialized.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace retort {

inline constexpr std::size_t large_page_bytes = std::size_t{2} << 20;

class LargeMemory {
 public:
  // Throws std::bad_alloc.
  explicit LargeMemory(std::size_t bytes);
  unsigned char* data() const noexcept { return memory_.get(); }

 private:
  struct Release {
    // 0: it came from operator new.
    std::size_t mapped_bytes;
    void operator()(unsigned char* memory) const noexcept;
  };
  std::unique_ptr<unsigned char[], Release> memory_;
};

}  // namespace retort
