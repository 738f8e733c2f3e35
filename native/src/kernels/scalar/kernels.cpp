// The reference kernels: one output at a time, as kernel_set.h defines it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/kernel_set.h"
#include "matrix/codes.h"
#include "matrix/packed_matrix.h"

namespace retort {

namespace {

// A step whose largest magnitude is below this counts as zeros, so that 127 / largest stays finite.
constexpr float smallest_activation = 0x1p-100F;

void quantize_step(const float* in, std::int64_t count, std::int8_t* codes, float& scale, std::int32_t& sum) {
  float largest = 0;
  bool finite = true;
  for (std::int64_t i = 0; i < count; ++i) {
    finite = finite && std::isfinite(in[i]);
    largest = std::max(largest, std::fabs(in[i]));
  }
  sum = 0;
  if (!finite || largest < smallest_activation) {
    scale = finite ? 0.0F : std::numeric_limits<float>::quiet_NaN();
    std::fill_n(codes, count, std::int8_t{0});
    return;
  }
  scale = largest / 127.0F;
  const float inverse = 127.0F / largest;
  for (std::int64_t i = 0; i < count; ++i) {
    codes[i] = static_cast<std::int8_t>(std::nearbyint(in[i] * inverse));
    sum += codes[i];
  }
}

void quantize_row(const float* in, std::int64_t columns, std::int64_t step_columns, std::int32_t zero, std::int8_t* codes, float* scales, float* sums,
                  std::int32_t* corrections) {
  for (std::int64_t first = 0, step = 0; first < columns; first += step_columns, ++step) {
    const std::int64_t count = std::min(step_columns, columns - first);
    std::int32_t sum = 0;
    quantize_step(in + first, count, codes + first, scales[step], sum);
    std::fill(codes + first + count, codes + first + step_columns, std::int8_t{0});
    sums[step] = scales[step] * static_cast<float>(sum);
    corrections[step] = -zero * sum;
  }
}

float dot_codes(const Layout& layout, const unsigned char* group, std::int64_t row, const QuantizedRows& in, std::int64_t m) {
  float total = 0;
  const bool offsets = has_offset(layout.scales);
  for (std::int64_t step = 0; step < layout.steps; ++step) {
    const auto codes = read_codes(layout, group + step_position(layout, step), row);
    const auto [scale, offset] = read_scale(layout, group + header_position(layout, step), step % layout.steps_per_header, row);
    const std::int8_t* activations = in.codes + m * in.row_codes + step * layout.step_columns;
    std::int32_t dot = in.corrections == nullptr ? 0 : in.corrections[m * in.steps + step];
    for (std::int64_t i = 0; i < layout.step_columns; ++i) dot += codes[static_cast<std::size_t>(i)] * activations[i];
    total = std::fma(scale * static_cast<float>(dot), in.scales[m * in.steps + step], total);
    if (offsets) total = std::fma(offset, in.sums[m * in.steps + step], total);
  }
  return total;
}

float dot_floats(const float* weights, const float* in, std::int64_t columns) {
  float sums[4] = {};
  for (std::int64_t column = 0; column < columns; ++column) sums[column % 4] = std::fma(weights[column], in[column], sums[column % 4]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

void multiply_codes(const Layout& layout, const unsigned char* weights, std::int64_t first, std::int64_t groups, const QuantizedRows& in, std::int64_t count,
                    float* out) {
  const std::int64_t end = std::min((first + groups) * group_rows, layout.rows);
  for (std::int64_t row = first * group_rows; row < end; ++row) {
    const unsigned char* group = weights + (row / group_rows - first) * layout.group_bytes;
    for (std::int64_t m = 0; m < count; ++m) out[m * layout.rows + row] = dot_codes(layout, group, row % group_rows, in, m);
  }
}

void multiply_floats(const Layout& layout, const unsigned char* weights, std::int64_t first, std::int64_t groups, const float* in, std::int64_t count,
                     float* out) {
  const std::int64_t end = std::min((first + groups) * group_rows, layout.rows);
  std::vector<float> values(static_cast<std::size_t>(layout.columns));
  for (std::int64_t row = first * group_rows; row < end; ++row) {
    read_values(layout, weights + (row / group_rows - first) * layout.group_bytes, row % group_rows, 0, layout.columns, values.data());
    for (std::int64_t m = 0; m < count; ++m) out[m * layout.rows + row] = dot_floats(values.data(), in + m * layout.columns, layout.columns);
  }
}

constexpr KernelSet kernels = {"scalar", 0, quantize_row, multiply_codes, multiply_floats};

}  // namespace

const KernelSet& scalar_kernels() { return kernels; }

}  // namespace retort
