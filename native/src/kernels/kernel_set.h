// What a kernel set provides. All sets give the same bits: per (input row, output row)
//   fast:      sum = fma(scale_w · float(dot), scale_a, sum), then where there are offsets sum = fma(offset, sum_a, sum), step after step;
//   reference: four sums over columns ≡ 0…3 (mod 4), each by fma in ascending order, then (s0 + s1) + (s2 + s3).
// Plain data only, see layout.h.
#pragma once

#include "matrix/layout.h"

namespace retort {

struct KernelSet {
  const char* name;
  // Added to Layout::zero for corrections of signed byte codes: 128 where the set's dot reads them as unsigned.
  std::int32_t byte_bias;
  // One row of activations: codes in −127…127 of a scale, 0 beyond `columns`. A step that holds a number that is not finite gets the scale NaN.
  void (*quantize_row)(const float* in, std::int64_t columns, std::int64_t step_columns, std::int32_t zero, std::int8_t* codes, float* scales, float* sums,
                       std::int32_t* corrections);
  // out[m · layout.rows + r] for `count` input rows and the rows of `groups` groups from `first` on; `weights` points to group `first`.
  void (*multiply_codes)(const Layout& layout, const unsigned char* weights, std::int64_t first, std::int64_t groups, const QuantizedRows& in,
                         std::int64_t count, float* out);
  // The same on float32 activations [count, columns]. count ≤ float_rows.
  void (*multiply_floats)(const Layout& layout, const unsigned char* weights, std::int64_t first, std::int64_t groups, const float* in, std::int64_t count,
                          float* out);
};

inline constexpr std::int64_t float_rows = 32;

// Each throws Failure: unsupported_feature where this processor or this build lacks it.
const KernelSet& scalar_kernels();
const KernelSet& avx2_kernels();
const KernelSet& avx512_kernels();
const KernelSet& neon_kernels();

}  // namespace retort
