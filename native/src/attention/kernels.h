// The inner loops of attention, per instruction set. All sets give the same bits: every sum is one chain of fused multiply-adds.
#pragma once

#include <cstdint>

#include "retort/kv_cache.h"
#include "retort/matrix.h"

namespace retort {

struct AttentionKernels {
  // c[row][n] = fma(a[row][k], b[k][n], c[row][n]) for k = 0 … depth − 1 in this order. `columns` is a multiple of 8; strides count floats.
  void (*accumulate)(const float* a, std::int64_t a_stride, const float* b, std::int64_t b_stride, float* c, std::int64_t c_stride, std::int64_t rows,
                     std::int64_t depth, std::int64_t columns);
  // A block as floats, keys [dimension][32] and values [32][padded dimension]: `scratch`, or where they lie as floats already.
  const float* (*keys)(KvBlockView block, std::int64_t dimension, float* scratch);
  const float* (*values)(KvBlockView block, std::int64_t dimension, float* scratch);
  // Asks for a block's memory ahead of its use.
  void (*prefetch)(KvBlockView block, std::size_t bytes);
};

const AttentionKernels& scalar_attention();
// Null where this build or this processor lacks it.
const AttentionKernels* avx2_attention();
// Those of a set, or the scalar ones where it brings none.
const AttentionKernels& attention_kernels(const KernelSet& set);

}  // namespace retort
