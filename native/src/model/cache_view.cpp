#include "cache_view.h"

#include <cmath>
#include <limits>
#include <string>

#include "retort/status.h"

namespace retort {

void check_view(const CacheView& view, std::int64_t slots) {
  if (view.slot && (*view.slot < 0 || *view.slot >= slots)) {
    throw Failure(Status::bad_request, "[session] position " + std::to_string(*view.slot) + " is none of the " + std::to_string(slots) + " that are held.");
  }
}

std::vector<float> viewed(const CacheView& view, std::span<const float> values, std::int64_t heads, std::int64_t slots) {
  const auto at = [&](std::int64_t head, std::int64_t slot) { return values[static_cast<std::size_t>(head * slots + slot)]; };
  std::vector<float> out(static_cast<std::size_t>(view.slot ? heads : slots), std::numeric_limits<float>::quiet_NaN());
  if (view.slot) {
    for (std::int64_t head = 0; head < heads; ++head) out[static_cast<std::size_t>(head)] = at(head, *view.slot);
    return out;
  }
  if (view.head && (*view.head < 0 || *view.head >= heads)) return out;
  for (std::int64_t slot = 0; slot < slots; ++slot) {
    double sum = 0;
    for (std::int64_t head = 0; head < heads; ++head) sum += static_cast<double>(at(head, slot));
    out[static_cast<std::size_t>(slot)] = view.head ? at(*view.head, slot) : static_cast<float>(sum / static_cast<double>(heads));
  }
  return out;
}

}  // namespace retort
