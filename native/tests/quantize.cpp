#include "retort/quantize.h"

#include <cmath>
#include <limits>
#include <vector>

#include "check.h"

namespace {

using retort::RoundingRule;
using retort::Status;

struct Rounded {
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
  std::vector<std::uint8_t> zero_points;
};

Rounded rounded(const std::vector<float>& values, std::int64_t columns, RoundingRule rule, bool zero_points = false) {
  const auto rows = static_cast<std::int64_t>(values.size()) / columns;
  const auto blocks = static_cast<std::size_t>(rows * ((columns + rule.block - 1) / rule.block));
  Rounded result{std::vector<std::uint8_t>(values.size()), std::vector<float>(blocks), std::vector<std::uint8_t>(zero_points ? blocks : 0)};
  retort::round_rows(values, columns, rule, {result.codes, result.scales, result.zero_points});
  return result;
}

}  // namespace

TEST("the value farthest from zero becomes code 0 and zero the middle") {
  const auto up = rounded({4, -2, 0, 1}, 4, {.bits = 4, .block = 4});
  check::near(up.scales[0], -0.5, 0);
  check::is_true(up.codes == std::vector<std::uint8_t>{0, 12, 8, 6}, "codes");
  const auto down = rounded({-4, 2, 0, 4}, 4, {.bits = 4, .block = 4});
  check::near(down.scales[0], 0.5, 0);
  // 4 / 0.5 + 8 is one code too many.
  check::is_true(down.codes == std::vector<std::uint8_t>{0, 12, 8, 15}, "codes");
}

TEST("with zero points the codes span the block, and zero is one of its values") {
  const auto both = rounded({-1, 0, 2, 0.4F, 3, 3, 3, 3}, 4, {.bits = 2, .block = 4}, true);
  check::near(both.scales[0], 1, 0);
  check::is_true(both.zero_points == std::vector<std::uint8_t>{1, 0}, "zero points");
  check::is_true(both.codes == std::vector<std::uint8_t>{0, 1, 3, 1, 3, 3, 3, 3}, "codes");
  check::near(both.scales[1], 1, 0);
}

TEST("a row's last block may be shorter, and a block of zeros is one") {
  const auto result = rounded({127, 0, -64, 0, 0, 0}, 3, {.bits = 8, .block = 2});
  check::near(result.scales[0], -127.0 / 128, 0);
  check::near(result.scales[1], 0.5, 0);
  check::near(result.scales[2], 0, 0);
  check::is_true(result.codes == std::vector<std::uint8_t>{0, 128, 0, 128, 128, 128}, "codes");
}

TEST("halves go to the even multiple of the scale") {
  const auto result = rounded({-8, 0.5, 1.5, -0.5, -1.5, 2.5}, 6, {.bits = 4, .block = 6});
  check::is_true(result.codes == std::vector<std::uint8_t>{0, 8, 10, 8, 6, 10}, "codes");
}

TEST("a scale is stored as the float16 number next to it") {
  const auto result = rounded({-1.0F, 0.1F}, 2, {.bits = 8, .block = 2});
  check::near(result.scales[0], 0.0078125, 0);
  const auto uneven = rounded({-0.1F, 0.05F}, 2, {.bits = 4, .block = 2});
  // 0.0125 is no float16 number; the nearest is 0.0124969482421875.
  check::near(uneven.scales[0], 0.0124969482421875, 0);
}

TEST("what is no number, or beyond float16, is refused") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float wrong : {nan, infinity, -infinity, 1e9F}) {
    check::refuses(Status::invalid_numbers, [&] { rounded({1, wrong}, 2, {.bits = 4, .block = 2}); });
    check::refuses(Status::invalid_numbers, [&] { rounded({1, wrong}, 2, {.bits = 4, .block = 2}, true); });
  }
}

TEST("sizes that disagree are refused") {
  check::refuses(Status::bad_request, [] { rounded({1, 2}, 2, {.bits = 3, .block = 2}); });
  std::vector<std::uint8_t> codes(3);
  std::vector<float> scales(1);
  const std::vector<float> values{1, 2, 3};
  check::refuses(Status::bad_request, [&] { retort::round_rows(values, 2, {.bits = 4, .block = 2}, {codes, scales, {}}); });
  check::refuses(Status::bad_request, [&] { retort::round_rows(values, 3, {.bits = 4, .block = 2}, {codes, scales, {}}); });
}
