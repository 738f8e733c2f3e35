// What packs and the TypeScript side call the parts of a layout (electron/engine/native/addon.ts); each list is in the order of its enum.
#pragma once

#include <array>
#include <string_view>

#include "matrix/layout.h"

namespace retort {

inline constexpr std::array<std::string_view, 8> codes_names = {"f32", "f16", "bf16", "twos", "nibbles", "fives", "sixes", "bytes"};
static_assert(codes_names.size() == static_cast<std::size_t>(Codes::bytes) + 1);

inline constexpr std::array<std::string_view, 9> scales_names = {"none",      "f16", "f16_offset", "f16_point", "f32", "f32_offset",
                                                                 "f32_point", "k4",  "k6"};
static_assert(scales_names.size() == static_cast<std::size_t>(Scales::k6) + 1);

}  // namespace retort
