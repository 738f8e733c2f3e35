// Reading packed codes, one row at a time: the plain meaning of layout.h, used by the scalar kernels and by read_rows.
#pragma once

#include <array>
#include <cstdint>

#include "matrix/layout.h"

namespace retort {

struct ScaleAndOffset {
  float scale;
  float offset;
};

inline constexpr std::int64_t widest_step = 32;

// The codes of row `row` (0…7 of its group) in one step, in the order of columns; `zero` not yet subtracted.
std::array<std::int32_t, widest_step> read_codes(const Layout& layout, const unsigned char* step, std::int64_t row);

// Scale and offset of row `row` in the `index`-th step after a header.
ScaleAndOffset read_scale(const Layout& layout, const unsigned char* header, std::int64_t index, std::int64_t row);

bool has_offset(Scales scales);

// Values of row `row` in columns [begin, end) of a group; begin a multiple of the step.
void read_values(const Layout& layout, const unsigned char* group, std::int64_t row, std::int64_t begin, std::int64_t end, float* out);

}  // namespace retort
