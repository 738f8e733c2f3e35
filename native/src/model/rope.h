// Rotary positions (Su et al. 2021, arXiv 2104.09864): cos and sin computed in float64 per position, kept as float32.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "retort/model.h"

namespace retort {

// Throws Failure: bad_request where sizes disagree or a number is not finite.
void check_rope(const Rope& rope);

// Rows of cos and sin for some tokens: [count, dimensions / 2] each.
class RopeRows {
 public:
  // `positions`: axes × stride, axis-major, of which tokens first … first + count − 1 are taken.
  void fill(const Rope& rope, std::span<const std::int32_t> positions, std::int64_t stride, std::int64_t first, std::int64_t count);
  // Rotates each head of one token's row in place; `width` is the head's.
  void rotate(const Rope& rope, std::int64_t token, std::size_t width, std::span<float> heads) const;

 private:
  std::vector<float> cos_;
  std::vector<float> sin_;
};

}  // namespace retort
