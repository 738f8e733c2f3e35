// From a source's rows to packed groups, one function per source type. Each writes a whole group, padded rows included.
#pragma once

#include "matrix/layout.h"
#include "retort/matrix.h"

namespace retort {

struct PackingJob {
  const MatrixSource& source;
  const Layout& layout;
  // Of one row of source.bytes.
  std::int64_t row_bytes;
};

using GroupPacker = void (*)(const PackingJob& job, std::int64_t group, unsigned char* out);

// Whether offset = scale · (base − n) in float32 for a whole n of 0…255, and which.
bool find_point(float scale, float offset, std::int32_t base, std::int32_t& point);

GroupPacker group_packer(SourceType type);

}  // namespace retort
