// The readable reference. std::fma, as the vector sets have it in hardware: so they can be compared bit by bit.
#include <algorithm>
#include <cmath>

#include "../cache/codec.h"
#include "../matrix/half.h"
#include "kernels.h"

namespace retort {
namespace {

void accumulate(const Product& product) {
  for (std::int64_t row = 0; row < product.rows; ++row) {
    const float* const a = product.a + row * product.a_stride;
    float* const c = product.c + row * product.c_stride;
    if (product.from_zero) std::fill_n(c, product.columns, 0.0F);
    for (std::int64_t k = 0; k < product.depth; ++k) {
      const Numbers b = product.b + k * product.b_stride;
      for (std::int64_t n = 0; n < product.columns; ++n) c[n] = std::fma(a[k], b.halves != nullptr ? from_f16(b.halves[n]) : b.floats[n], c[n]);
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

}  // namespace

const AttentionKernels& scalar_attention() {
  static constexpr AttentionKernels kernels = {accumulate, keys, values};
  return kernels;
}

}  // namespace retort
