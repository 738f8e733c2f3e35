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
    std::align_val_t border;
    void operator()(unsigned char* memory) const noexcept { ::operator delete(memory, border); }
  };
  std::unique_ptr<unsigned char[], Release> memory_;
};

}  // namespace retort
