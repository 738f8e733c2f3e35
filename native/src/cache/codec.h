// How the 32 slots of a block lie, per codec. D: head dimension; P: D rounded up to a multiple of 8; G: groups of 32 dimensions, the last one shorter.
//
//         keys                                        values
//   f32   float [D][32]                               float [32][P]
//   f16   half [D][32]                                half [32][P]
//   q8    int8 [D][32], half scales [G][32]           int8 [32][P], half scales [32][G]
//
// Keys lie dimension by dimension and values slot by slot, so that both products of attention run over 32 or P floats in a row.
// A value beyond ±65504 is kept as ±65504 in f16; infinity and NaN stay what they are (q8: the group becomes NaN).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "retort/kv_cache.h"

namespace retort {

inline constexpr std::int64_t q8_group = 32;

constexpr std::int64_t padded_dimension(std::int64_t dimension) { return (dimension + 7) / 8 * 8; }
constexpr std::int64_t group_count(std::int64_t dimension) { return (dimension + q8_group - 1) / q8_group; }

std::size_t key_block_bytes(KvCodec codec, std::int64_t dimension);
std::size_t value_block_bytes(KvCodec codec, std::int64_t dimension);

// `slot` counts within the block; the vector's size is D.
void encode_key(KvCodec codec, std::byte* block, std::int64_t slot, std::span<const float> key);
void encode_value(KvCodec codec, std::byte* block, std::int64_t slot, std::span<const float> value);

// Readable reference; attention has the same for AVX2. out: [D][32] and [32][P].
void decode_keys(KvCodec codec, const std::byte* block, std::int64_t dimension, float* out);
void decode_values(KvCodec codec, const std::byte* block, std::int64_t dimension, float* out);

}  // namespace retort
