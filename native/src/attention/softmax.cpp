#include "softmax.h"

#include <array>
#include <bit>

#include "../scoring/exponential.h"

namespace retort {
namespace {

constexpr std::int64_t lanes = 8;

inline float exponential_float(float x) {
  constexpr float smallest = -87.0F;
  constexpr float log2_e = 0x1.715476p0F;
  constexpr float ln2_high = 0x1.62e4p-1F;
  constexpr float ln2_low = 0x1.7f7d1cp-20F;
  // Adding 1.5·2^23 leaves the nearest integer in the low bits of the sum.
  constexpr float round_to_integer = 0x1.8p23F;

  const float clamped = x < smallest ? smallest : x;
  const float shifted = clamped * log2_e + round_to_integer;
  const float n = shifted - round_to_integer;
  const float r = (clamped - n * ln2_high) - n * ln2_low;
  float sum = 1.0F / 5040.0F;
  sum = sum * r + 1.0F / 720.0F;
  sum = sum * r + 1.0F / 120.0F;
  sum = sum * r + 1.0F / 24.0F;
  sum = sum * r + 1.0F / 6.0F;
  sum = sum * r + 0.5F;
  sum = sum * r + 1.0F;
  sum = sum * r + 1.0F;
  const float power = std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127U) << 23);
  return x < smallest ? 0.0F : sum * power;
}

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

RETORT_VECTOR_CLONES void highest_by_lane(const float* scores, std::int64_t count, float* highest) {
  for (std::int64_t start = 0; start < count; start += lanes) {
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const float score = scores[start + lane];
      highest[lane] = highest[lane] < score ? score : highest[lane];
    }
  }
}

RETORT_VECTOR_CLONES void exponentials(float* scores, std::int64_t count, float maximum) {
  for (std::int64_t i = 0; i < count; ++i) scores[i] = exponential_float(scores[i] - maximum);
}

RETORT_VECTOR_CLONES void sums_by_lane(const float* weights, std::int64_t count, float* sums) {
  for (std::int64_t start = 0; start < count; start += lanes) {
    for (std::int64_t lane = 0; lane < lanes; ++lane) sums[lane] += weights[start + lane];
  }
}

RETORT_VECTOR_CLONES void add_scaled(double* out, double before, const float* tile, double weight, std::int64_t dimension) {
  for (std::int64_t i = 0; i < dimension; ++i) out[i] = out[i] * before + static_cast<double>(tile[i]) * weight;
}

}  // namespace

float exponential_single(float x) { return exponential_float(x); }

void scale_scores(float* scores, std::int64_t count, float scale, std::optional<float> softcap) {
  multiply_scores(scores, count, scale);
  if (softcap) cap_scores(scores, count, *softcap);
}

TileSum weigh_scores(float* scores, std::int64_t count) {
  TileSum tile;
  std::array<float, lanes> highest;
  highest.fill(tile.maximum);
  highest_by_lane(scores, count, highest.data());
  for (const float score : highest) tile.maximum = tile.maximum < score ? score : tile.maximum;
  exponentials(scores, count, tile.maximum);
  std::array<float, lanes> sums{};
  sums_by_lane(scores, count, sums.data());
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
  // Adding 0 makes −0 to 0: which of the two a sum of nothing but underflows ends at may depend on how the work was cut.
  for (std::int64_t i = 0; i < dimension; ++i) out[i] = static_cast<float>(sums[i] / running.sum) + 0.0F;
}

}  // namespace retort
