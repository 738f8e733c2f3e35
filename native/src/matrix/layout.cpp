#include <algorithm>
#include <bit>
#include <limits>
#include <string>

#include "matrix/type_facts.h"
#include "retort/status.h"

namespace retort {
namespace {

[[noreturn]] void refuse(std::string_view name, const std::string& what) {
  throw Failure(Status::bad_file, "[matrix] layout " + std::string(name.substr(0, 40)) + ": " + what);
}

std::int64_t header_bytes_of(Scales scales) {
  switch (scales) {
    case Scales::none:
      return 0;
    case Scales::f16:
      return 16;
    case Scales::f16_offset:
      return 32;
    case Scales::f16_point:
      return 24;
    case Scales::f32:
      return 32;
    case Scales::f32_offset:
      return 64;
    case Scales::f32_point:
      return 40;
    case Scales::k4:
      return 160;
    case Scales::k6:
      return 144;
  }
  return 0;
}

std::int64_t step_bytes_of(const Layout& layout) {
  switch (layout.codes) {
    case Codes::f32:
      return 4 * group_rows;
    case Codes::f16:
    case Codes::bf16:
      return 2 * group_rows;
    case Codes::twos:
      return 2 * layout.step_columns;
    case Codes::nibbles:
      return 4 * layout.step_columns;
    case Codes::fives:
      return 160;
    case Codes::sixes:
      return 96;
    case Codes::bytes:
      return 8 * layout.step_columns;
  }
  return 0;
}

const TypeFacts& named_facts(std::string_view name) {
  const auto* const found = std::ranges::find(type_facts, name, &TypeFacts::name);
  if (found == std::end(type_facts)) refuse(name, "is not known to this version of Retort.");
  return *found;
}

void check_fixed(const Layout& parts, const TypeFacts& facts) {
  const bool agrees = parts.scales == facts.scales && parts.zero == facts.zero && parts.point_base == 0 && parts.step_columns == facts.step_columns &&
                      parts.steps_per_header == steps_per_header_of(facts);
  if (!agrees) refuse(facts.name, "its scales, zero or steps are not those of the type.");
  if (parts.columns % facts.columns != 0) refuse(facts.name, std::to_string(parts.columns) + " columns do not fill its blocks.");
}

// Scales, and how many columns share them, differ from file to file; see layout_of in pack.cpp.
void check_own_scales(const Layout& parts, const TypeFacts& facts) {
  if (parts.scales == Scales::none || parts.scales == Scales::k4 || parts.scales == Scales::k6) refuse(facts.name, "it has no such scales.");
  if (parts.point_base < 0 || parts.point_base > 255) refuse(facts.name, "a zero of " + std::to_string(parts.point_base) + ": it must be 0…255.");
  if (parts.zero != (parts.codes == Codes::bytes ? parts.point_base - 128 : parts.point_base)) refuse(facts.name, "its two zeros do not agree.");
  const bool has_steps = parts.step_columns == 32 || (parts.step_columns == 16 && parts.steps_per_header == 1);
  const bool has_blocks = parts.steps_per_header >= 1 && parts.steps_per_header <= largest_side / 32 &&
                          std::has_single_bit(static_cast<std::uint64_t>(parts.steps_per_header));
  if (!has_steps || !has_blocks) refuse(facts.name, "its blocks are no power of two of columns from 16.");
}

}  // namespace

bool complete(Layout& layout) {
  layout.steps = (layout.columns + layout.step_columns - 1) / layout.step_columns;
  layout.header_bytes = header_bytes_of(layout.scales);
  layout.step_bytes = step_bytes_of(layout);
  layout.groups = (layout.rows + group_rows - 1) / group_rows;
  layout.group_bytes = (layout.steps + layout.steps_per_header - 1) / layout.steps_per_header * layout.header_bytes + layout.steps * layout.step_bytes;
  return layout.groups <= std::numeric_limits<std::int64_t>::max() / 2 / layout.group_bytes;
}

Layout checked_layout(const Layout& parts, std::string_view name) {
  const TypeFacts& facts = named_facts(name);
  if (parts.rows < 1 || parts.columns < 1 || parts.rows > largest_side || parts.columns > largest_side) {
    refuse(name, std::to_string(parts.rows) + " rows and " + std::to_string(parts.columns) + " columns are no size of a matrix.");
  }
  if (parts.codes != facts.codes) refuse(name, "its codes are not those of the type.");
  if (facts.columns == 0) {
    check_own_scales(parts, facts);
  } else {
    check_fixed(parts, facts);
  }
  Layout layout = parts;
  if (!complete(layout)) refuse(name, "the matrix is too large.");
  return layout;
}

std::string_view layout_name(std::string_view name) { return named_facts(name).name; }

}  // namespace retort
