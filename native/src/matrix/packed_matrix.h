// The one implementation of Matrix: a layout and its memory.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "matrix/layout.h"
#include "memory/slabs.h"
#include "retort/matrix.h"

namespace retort {

class PackedMatrix final : public Matrix {
 public:
  // Throws Failure: out_of_memory.
  PackedMatrix(const Layout& shape, std::string_view name, std::shared_ptr<Slabs> slabs);
  std::string_view layout() const noexcept override { return name_; }
  const Layout& shape() const noexcept { return shape_; }
  const unsigned char* data() const noexcept { return memory_; }
  unsigned char* data() noexcept { return memory_; }

 private:
  Layout shape_;
  std::string_view name_;
  std::shared_ptr<Slabs> slabs_;
  unsigned char* memory_;
};

// Where step `step` of a group and its block's header lie, from the group's start.
inline std::int64_t header_position(const Layout& layout, std::int64_t step) {
  return step / layout.steps_per_header * (layout.header_bytes + layout.steps_per_header * layout.step_bytes);
}
inline std::int64_t step_position(const Layout& layout, std::int64_t step) {
  return (step / layout.steps_per_header + 1) * layout.header_bytes + step * layout.step_bytes;
}

}  // namespace retort
