#include "softmax.h"

#include <algorithm>
#include <array>

#include "../scoring/exponential.h"
#include "../scoring/exponential32.h"
#include "retort/kv_cache.h"

namespace retort {
namespace {

constexpr std::size_t lanes = 8;
using Lanes = std::array<float, lanes>;

// What is hidden, and what weighs less than 2^−125 of the highest, is 0.
inline float weight_of(float score) { return score < -87.0F ? 0.0F : exponential32(score); }

inline double capped(double score, double cap) {
  const double x = score / cap;
  const double e = exponential(x < 0 ? 2 * x : -2 * x);
  const double magnitude = (1 - e) / (1 + e);
  return cap * (x < 0 ? -magnitude : magnitude);
}

RETORT_VECTOR_CLONES void multiply_scores(float* scores, std::int64_t count, float scale) {
  for (std::int64_t i = 0; i < count; ++i) scores[i] *= scale;
}

RETORT_VECTOR_CLONES void cap_scores(float* scores, std::int64_t count, double cap) {
  for (std::int64_t i = 0; i < count; ++i) scores[i] = static_cast<float>(capped(scores[i], cap));
}

RETORT_VECTOR_CLONES float highest_of(const float* scores, std::int64_t count) {
  // As many lanes as a block has slots: an inner loop of this length is what compilers vectorise.
  std::array<float, kv_block_slots> highest;
  highest.fill(-std::numeric_limits<float>::infinity());
  for (std::int64_t start = 0; start < count; start += kv_block_slots) {
    for (std::size_t lane = 0; lane < kv_block_slots; ++lane) {
      const float score = scores[static_cast<std::size_t>(start) + lane];
      highest[lane] = highest[lane] < score ? score : highest[lane];
    }
  }
  return *std::max_element(highest.begin(), highest.end());
}

RETORT_VECTOR_CLONES void exponentials(float* scores, std::int64_t count, float maximum) {
  for (std::int64_t i = 0; i < count; ++i) scores[i] = weight_of(scores[i] - maximum);
}

RETORT_VECTOR_CLONES Lanes sums_by_lane(const float* weights, std::int64_t count) {
  Lanes sums{};
  for (std::int64_t start = 0; start < count; start += std::int64_t{lanes}) {
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += weights[start + static_cast<std::int64_t>(lane)];
  }
  return sums;
}

RETORT_VECTOR_CLONES void add_scaled(double* out, double before, const float* tile, double weight, std::int64_t dimension) {
  for (std::int64_t i = 0; i < dimension; ++i) out[i] = out[i] * before + static_cast<double>(tile[i]) * weight;
}

RETORT_VECTOR_CLONES void scale_sums(const double* sums, double scale, float* out, std::int64_t dimension) {
  // Adding 0 makes −0 to 0: which of the two a sum of nothing but underflows ends at may depend on how the work was cut.
  for (std::int64_t i = 0; i < dimension; ++i) out[i] = static_cast<float>(sums[i] * scale) + 0.0F;
}

}  // namespace

void scale_scores(float* scores, std::int64_t count, float scale, std::optional<float> softcap) {
  multiply_scores(scores, count, scale);
  if (softcap) cap_scores(scores, count, *softcap);
}

TileSum weigh_scores(float* scores, std::int64_t count) {
  TileSum tile;
  tile.maximum = highest_of(scores, count);
  exponentials(scores, count, tile.maximum);
  const Lanes sums = sums_by_lane(scores, count);
  tile.sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  return tile;
}

void merge_tile(RunningSum& running, double* out, const TileSum& tile, const float* tile_out, std::int64_t dimension) {
  if (tile.sum == 0) return;
  const double maximum = running.maximum < tile.maximum ? static_cast<double>(tile.maximum) : running.maximum;
  const double before = exponential(running.maximum - maximum);
  const double weight = exponential(tile.maximum - maximum);
  running.maximum = maximum;
  running.sum = running.sum * before + static_cast<double>(tile.sum) * weight;
  add_scaled(out, before, tile_out, weight, dimension);
}

void finish_row(const RunningSum& running, const double* sums, float* out, std::int64_t dimension) {
  scale_sums(sums, 1 / running.sum, out, dimension);
}

}  // namespace retort
