// From a source's rows to packed groups.
#pragma once

#include "matrix/layout.h"
#include "retort/matrix.h"

namespace retort {

struct PackingJob {
  const MatrixSource& source;
  const Layout& layout;
  // Rows from `first_row` on, `row_bytes` each.
  std::span<const std::byte> bytes;
  std::int64_t first_row;
  std::int64_t row_bytes;
};

// Whether offset = scale · (base − n) in float32 for a whole n of 0…255, and which.
bool find_point(float scale, float offset, std::int32_t base, std::int32_t& point);

// Writes a whole group, padding included.
void pack_group(const PackingJob& job, std::int64_t group, unsigned char* out);

}  // namespace retort
