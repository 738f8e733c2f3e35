// Makes of a vector set V (see lanes.h) that takes one group of rows another one that takes two.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/lanes.h"

namespace retort::lanes {

// Two groups of a set that takes one at a time: what is broadcast of an activation then serves 16 rows.
template <class V>
struct Pair {
  static_assert(V::groups == 1);
  static constexpr int groups = 2;
  struct Float {
    typename V::Float first, second;
  };
  struct Int {
    typename V::Int first, second;
  };
  struct Sum {
    typename V::Sum first, second;
  };
  struct Prepared {
    typename V::Prepared first, second;
  };

  RETORT_INLINE static Int load(const unsigned char* at, std::ptrdiff_t distance) { return {V::load(at, 0), V::load(at + distance, 0)}; }
  RETORT_INLINE static Float load_half(const unsigned char* at, std::ptrdiff_t distance) { return {V::load_half(at, 0), V::load_half(at + distance, 0)}; }
  RETORT_INLINE static Float load_float(const unsigned char* at, std::ptrdiff_t distance) { return {V::load_float(at, 0), V::load_float(at + distance, 0)}; }
  RETORT_INLINE static Int load_unsigned(const unsigned char* at, std::ptrdiff_t distance) {
    return {V::load_unsigned(at, 0), V::load_unsigned(at + distance, 0)};
  }
  RETORT_INLINE static Int load_signed(const unsigned char* at, std::ptrdiff_t distance) { return {V::load_signed(at, 0), V::load_signed(at + distance, 0)}; }
  RETORT_INLINE static void fetch(const unsigned char* at, std::ptrdiff_t distance) {
    V::fetch(at, 0);
    V::fetch(at + distance, 0);
  }

  RETORT_INLINE static Float splat(float value) {
    const auto both = V::splat(value);
    return {both, both};
  }
  RETORT_INLINE static Int splat_int(std::int32_t value) {
    const auto both = V::splat_int(value);
    return {both, both};
  }
  RETORT_INLINE static Int broadcast(const std::int8_t* four) {
    const auto both = V::broadcast(four);
    return {both, both};
  }

  RETORT_INLINE static Int masked(Int value, int mask) { return {V::masked(value.first, mask), V::masked(value.second, mask)}; }
  RETORT_INLINE static Int shift_left(Int value, int bits) { return {V::shift_left(value.first, bits), V::shift_left(value.second, bits)}; }
  RETORT_INLINE static Int shift_right(Int value, int bits) { return {V::shift_right(value.first, bits), V::shift_right(value.second, bits)}; }
  RETORT_INLINE static Int either(Int a, Int b) { return {V::either(a.first, b.first), V::either(a.second, b.second)}; }
  RETORT_INLINE static Int add_int(Int a, Int b) { return {V::add_int(a.first, b.first), V::add_int(a.second, b.second)}; }
  RETORT_INLINE static Int subtract_int(Int a, Int b) { return {V::subtract_int(a.first, b.first), V::subtract_int(a.second, b.second)}; }
  RETORT_INLINE static Float to_float(Int value) { return {V::to_float(value.first), V::to_float(value.second)}; }
  RETORT_INLINE static Float multiply(Float a, Float b) { return {V::multiply(a.first, b.first), V::multiply(a.second, b.second)}; }
  RETORT_INLINE static Float fused(Float a, Float b, Float c) { return {V::fused(a.first, b.first, c.first), V::fused(a.second, b.second, c.second)}; }
  RETORT_INLINE static void store(float* out, Float value) {
    V::store(out, value.first);
    V::store(out + group_rows, value.second);
  }

  RETORT_INLINE static void accumulate(Sum& sum, Int codes, Int activations) {
    V::accumulate(sum.first, codes.first, activations.first);
    V::accumulate(sum.second, codes.second, activations.second);
  }
  RETORT_INLINE static Int total(Sum sum) { return {V::total(sum.first), V::total(sum.second)}; }
  RETORT_INLINE static Prepared prepare(Int codes) { return {V::prepare(codes.first), V::prepare(codes.second)}; }
  RETORT_INLINE static void accumulate_signed(Int& dot, const Prepared& weights, Int activations) {
    V::accumulate_signed(dot.first, weights.first, activations.first);
    V::accumulate_signed(dot.second, weights.second, activations.second);
  }
};

}  // namespace retort::lanes
