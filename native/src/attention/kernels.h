// The inner loops of attention, per instruction set. All sets give the same bits: every sum is one chain of fused multiply-adds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "retort/kv_cache.h"
#include "retort/matrix.h"

namespace retort {

// Floats, or half-precision numbers where these are not null: to convert those at each use costs less than to decode a block first.
struct Numbers {
  const float* floats;
  const std::uint16_t* halves;
  Numbers operator+(std::int64_t count) const { return halves != nullptr ? Numbers{nullptr, halves + count} : Numbers{floats + count, nullptr}; }
};

// c[row][n] = fma(a[row][k], b[k][n], c[row][n]) for k = 0 … depth − 1 in this order, where `from_zero` instead of what c holds from 0 on.
struct Product {
  const float* a;
  std::int64_t a_stride;  // in floats, as the others
  Numbers b;
  std::int64_t b_stride;
  float* c;
  std::int64_t c_stride;
  std::int64_t rows;
  std::int64_t depth;
  std::int64_t columns;  // a multiple of 8
  bool from_zero;
  // Memory that is needed next: asked for a line at a time while this is computed, so that neither waits for the other.
  std::span<const std::byte> ahead = {};
};

struct AttentionKernels {
  void (*accumulate)(const Product& product);
  // A block as floats, keys [dimension][32] and values [32][padded dimension]: `scratch`, or where they lie as floats already.
  const float* (*keys)(KvBlockView block, std::int64_t dimension, float* scratch);
  const float* (*values)(KvBlockView block, std::int64_t dimension, float* scratch);
};

const AttentionKernels& scalar_attention();
// Null where this build or this processor lacks it.
const AttentionKernels* avx2_attention();
// Those of a set, or the scalar ones where it brings none.
const AttentionKernels& attention_kernels(const KernelSet& set);

}  // namespace retort
