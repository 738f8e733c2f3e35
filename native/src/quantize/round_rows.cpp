#include <algorithm>
#include <cmath>
#include <string>

#include "matrix/half.h"
#include "retort/quantize.h"
#include "retort/status.h"

namespace retort {

namespace {

// The scale is that of the codes; the float16 number next to it is stored. (Codes rounded to the stored one would differ from other quantizers' where a value
// lies between two codes, and matrices that were quantized before have many such values.)
struct Point {
  float scale;
  std::int32_t zero;
};

[[noreturn]] void refuse(Status status, const std::string& what) { throw Failure(status, "[quantize] " + what); }

// The nearest float16 number.
float stored(float scale) {
  const float half = from_f16(to_f16(scale));
  if (!std::isfinite(half)) refuse(Status::invalid_numbers, "values that are not finite, or too large for a float16 scale.");
  return half;
}

// The value farthest from zero, the negative one of two, is 2^(bits − 1) steps away: there is one code more below the zero point than above.
Point symmetric(float least, float most, std::int32_t bits) {
  const std::int32_t half_range = 1 << (bits - 1);
  const float farthest = std::fabs(most) > std::fabs(least) ? most : least;
  return {-farthest / static_cast<float>(half_range), half_range};
}

// The codes span least to most; zero is always one of the values.
Point with_zero_point(float least, float most, std::int32_t bits) {
  least = std::min(least, 0.0F);
  most = std::max(most, 0.0F);
  const auto range = static_cast<float>((1 << bits) - 1);
  const float scale = (most - least) / range;
  const float zero = scale == 0 ? 0 : std::clamp(-least / scale, 0.0F, range);
  return {scale, std::isfinite(zero) ? static_cast<std::int32_t>(std::nearbyint(zero)) : 0};
}

void round_block(std::span<const float> values, const Point& point, std::int32_t bits, std::span<std::uint8_t> codes) {
  const auto largest = static_cast<float>((1 << bits) - 1);
  const auto zero = static_cast<float>(point.zero);
  for (std::size_t i = 0; i < values.size(); ++i) {
    // Halves go to the even multiple of the scale, so that they do not all lean to one side: matrices that were quantized before have many.
    const float steps = point.scale == 0 ? 0 : std::nearbyint(values[i] / point.scale);
    codes[i] = static_cast<std::uint8_t>(std::clamp(steps + zero, 0.0F, largest));
  }
}

void check_sizes(std::span<const float> values, std::int64_t columns, const RoundingRule& rule, const RoundedRows& out) {
  if (rule.bits != 2 && rule.bits != 4 && rule.bits != 8) refuse(Status::bad_request, "codes have 2, 4 or 8 bits.");
  if (rule.block < 1 || columns < 1) refuse(Status::bad_request, "blocks and rows have at least one column.");
  const auto count = static_cast<std::int64_t>(values.size());
  if (count % columns != 0) refuse(Status::bad_request, "the values are no whole rows.");
  const auto blocks = static_cast<std::size_t>(count / columns * ((columns + rule.block - 1) / rule.block));
  const bool points_fit = out.zero_points.empty() || out.zero_points.size() == blocks;
  if (out.codes.size() != values.size() || out.scales.size() != blocks || !points_fit) {
    refuse(Status::bad_request, "the room for codes and scales is not theirs.");
  }
}

}  // namespace

void round_rows(std::span<const float> values, std::int64_t columns, const RoundingRule& rule, const RoundedRows& out) {
  check_sizes(values, columns, rule, out);
  const auto width = static_cast<std::size_t>(columns);
  std::size_t block = 0;
  for (std::size_t row = 0; row < values.size(); row += width) {
    for (std::size_t column = 0; column < width; column += static_cast<std::size_t>(rule.block)) {
      const std::size_t count = std::min(static_cast<std::size_t>(rule.block), width - column);
      const auto own = values.subspan(row + column, count);
      // A value that is no number would get past the comparisons.
      if (!std::all_of(own.begin(), own.end(), [](float value) { return std::isfinite(value); })) {
        refuse(Status::invalid_numbers, "values that are not finite, or too large for a float16 scale.");
      }
      const auto [least, most] = std::minmax_element(own.begin(), own.end());
      const Point point = out.zero_points.empty() ? symmetric(*least, *most, rule.bits) : with_zero_point(*least, *most, rule.bits);
      out.scales[block] = stored(point.scale);
      if (!out.zero_points.empty()) out.zero_points[block] = static_cast<std::uint8_t>(point.zero);
      round_block(own, point, rule.bits, out.codes.subspan(row + column, count));
      ++block;
    }
  }
}

}  // namespace retort
