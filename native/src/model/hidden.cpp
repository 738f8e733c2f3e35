#include "hidden.h"

#include <algorithm>

namespace retort {
namespace {

template <class Element>
void place(std::vector<Element>& all, std::int64_t size, std::int64_t start, std::span<const Element> rows) {
  all.resize(static_cast<std::size_t>(size));
  std::copy(rows.begin(), rows.end(), all.begin() + start);
}

}  // namespace

void HiddenCollector::add(const std::string& name, std::int64_t first, std::int64_t width, std::span<const float> rows) {
  place(state(name, width).floats, count_ * width, first * width, rows);
}

void HiddenCollector::add(const std::string& name, std::int64_t first, std::int64_t width, std::span<const std::int32_t> rows) {
  place(state(name, width).integers, count_ * width, first * width, rows);
}

EvaluateOutcome::Hidden& HiddenCollector::state(const std::string& name, std::int64_t width) {
  for (auto& known : states_) {
    if (known.name == name) return known;
  }
  return states_.emplace_back(EvaluateOutcome::Hidden{name, {count_, width}, {}, {}});
}

}  // namespace retort
