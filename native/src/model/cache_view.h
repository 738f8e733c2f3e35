// Values of a layer's cache, [heads, slots], to what a view asks of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "retort/model.h"

namespace retort {

// Throws Failure: bad_request for a slot beyond `slots`.
void check_view(const CacheView& view, std::int64_t slots);
std::vector<float> viewed(const CacheView& view, std::span<const float> values, std::int64_t heads, std::int64_t slots);

}  // namespace retort
