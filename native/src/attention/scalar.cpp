// The readable reference. std::fma, as the vector sets have it in hardware: so they can be compared bit by bit.
#include <cmath>

#include "../cache/codec.h"
#include "kernels.h"

namespace retort {
namespace {

void accumulate(const float* a, std::int64_t a_stride, const float* b, std::int64_t b_stride, float* c, std::int64_t c_stride, std::int64_t rows,
                std::int64_t depth, std::int64_t columns) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t k = 0; k < depth; ++k) {
      for (std::int64_t n = 0; n < columns; ++n) {
        float& sum = c[row * c_stride + n];
        sum = std::fma(a[row * a_stride + k], b[k * b_stride + n], sum);
      }
    }
  }
}

const float* keys(KvBlockView block, std::int64_t dimension, float* scratch) {
  decode_keys(block.codec, block.data, dimension, scratch);
  return scratch;
}

const float* values(KvBlockView block, std::int64_t dimension, float* scratch) {
  decode_values(block.codec, block.data, dimension, scratch);
  return scratch;
}

void prefetch(KvBlockView, std::size_t) {}

}  // namespace

const AttentionKernels& scalar_attention() {
  static constexpr AttentionKernels kernels = {accumulate, keys, values, prefetch};
  return kernels;
}

}  // namespace retort
