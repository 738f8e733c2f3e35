#include <string>

#include "matrix/packed_matrix.h"
#include "retort/status.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace retort {

namespace {

constexpr std::size_t large_page_bytes = std::size_t{2} << 20;

}  // namespace

WeightMemory::WeightMemory(std::size_t bytes) : memory_(nullptr, Release{std::align_val_t{64}}) {
  const bool large = bytes >= large_page_bytes;
  const std::align_val_t border{large ? large_page_bytes : 64};
  void* const memory = ::operator new(bytes, border, std::nothrow);
  if (memory == nullptr) throw Failure(Status::out_of_memory, "[matrix] no memory for " + std::to_string(bytes) + " bytes of weights.");
#if defined(__linux__)
  // Advice only: where it is not taken, pages stay small.
  if (large) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  memory_ = {static_cast<unsigned char*>(memory), Release{border}};
}

PackedMatrix::PackedMatrix(const Layout& shape, std::string_view name)
    : shape_(shape), name_(name), memory_(static_cast<std::size_t>(shape.groups * shape.group_bytes)) {
  rows_ = shape.rows;
  columns_ = shape.columns;
  bytes_ = static_cast<std::size_t>(shape.groups * shape.group_bytes);
}

}  // namespace retort
