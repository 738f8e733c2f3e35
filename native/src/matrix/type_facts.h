// What is fixed about the layout that each type of a source gets, and the sizes that follow from a layout's parts.
#pragma once

#include <cstdint>
#include <string_view>

#include "matrix/layout.h"
#include "retort/matrix.h"

namespace retort {

// Keeps every product of sizes far from overflow.
inline constexpr std::int64_t largest_side = std::int64_t{1} << 31;

// Of a row of blocks of `columns` and `bytes`; scales lie inside the source's blocks where the type is ggml's. Columns 0: columns and scales come with the
// source.
struct TypeFacts {
  std::string_view name;
  std::int64_t columns;
  std::int64_t bytes;
  Codes codes;
  Scales scales;
  std::int32_t zero;
  std::int64_t step_columns;
};

// In the order of SourceType.
inline constexpr TypeFacts type_facts[] = {
    {"f32×8", 1, 4, Codes::f32, Scales::none, 0, 1},
    {"f16×8", 1, 2, Codes::f16, Scales::none, 0, 1},
    {"bf16×8", 1, 2, Codes::bf16, Scales::none, 0, 1},
    {"q4_0×8", 32, 18, Codes::nibbles, Scales::f16, 8, 32},
    {"q4_1×8", 32, 20, Codes::nibbles, Scales::f16_offset, 0, 32},
    {"q5_0×8", 32, 22, Codes::fives, Scales::f16, 16, 32},
    {"q8_0×8", 32, 34, Codes::bytes, Scales::f16, 0, 32},
    {"q4_k×8", 256, 144, Codes::nibbles, Scales::k4, 0, 32},
    {"q6_k×8", 256, 210, Codes::sixes, Scales::k6, 32, 16},
    {"nbits2×8", 0, 0, Codes::twos, Scales::none, 0, 32},
    {"nbits4×8", 0, 0, Codes::nibbles, Scales::none, 0, 32},
    {"nbits8×8", 0, 0, Codes::bytes, Scales::none, 0, 32},
    {"blocks8×8", 0, 0, Codes::bytes, Scales::none, 0, 32},
};

inline const TypeFacts& facts_of(SourceType type) { return type_facts[static_cast<std::size_t>(type)]; }
inline std::int64_t steps_per_header_of(const TypeFacts& facts) { return facts.columns > facts.step_columns ? facts.columns / facts.step_columns : 1; }

// Fills in steps, groups and bytes, which follow from all else. False where the matrix is too large to count its bytes.
bool complete(Layout& layout);

// A layout as a pack names it, with the matrix' size; the name is that of its type. Throws Failure: bad_file where no matrix that was packed here lies so.
Layout checked_layout(const Layout& parts, std::string_view name);
// The same name, living as long as the program. Throws Failure: bad_file.
std::string_view layout_name(std::string_view name);

}  // namespace retort
