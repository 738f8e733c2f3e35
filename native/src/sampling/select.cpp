#include "select.h"

#include <array>
#include <numeric>

#include "../scoring/exponential.h"

namespace retort {
namespace {

// Keeps the candidates for which `stays(index)` holds, in order.
template <class Predicate>
void keep_if(Candidates& candidates, Predicate stays) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < candidates.ids.size(); ++i) {
    if (!stays(i)) continue;
    candidates.ids[kept] = candidates.ids[i];
    candidates.logits[kept] = candidates.logits[i];
    candidates.weights[kept] = candidates.weights[i];
    ++kept;
  }
  candidates.ids.resize(kept);
  candidates.logits.resize(kept);
  candidates.weights.resize(kept);
}

RETORT_VECTOR_CLONES void weights_of(const double* logits, double* weights, std::size_t size, double highest,
                                     double temperature) {
  for (std::size_t i = 0; i < size; ++i) weights[i] = exponential((logits[i] - highest) / temperature);
}

// Several maxima side by side, which compilers vectorise.
RETORT_VECTOR_CLONES double highest_of(const double* values, std::size_t size) {
  constexpr std::size_t lanes = 16;
  std::array<double, lanes> highest;
  highest.fill(-std::numeric_limits<double>::infinity());
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) highest[lane] = highest[lane] < values[i + lane] ? values[i + lane] : highest[lane];
  }
  for (; i < size; ++i) highest[0] = std::max(highest[0], values[i]);
  return *std::max_element(highest.begin(), highest.end());
}

// Sorts candidates into buckets of equal width by the distance from the highest logit, so that only the bucket in which the sum
// reaches its target needs sorting. All that is beyond 40 temperatures, less than 1e-17 of the highest weight, shares the last one.
class Buckets {
 public:
  static constexpr std::size_t count = 2048;

  Buckets(const Candidates& candidates, double temperature) {
    const auto [lowest, highest] = std::minmax_element(candidates.logits.begin(), candidates.logits.end());
    highest_ = *highest;
    range_ = std::min(*highest - *lowest, 40 * temperature);
    // Too narrow to divide by: one bucket then holds everything.
    if (range_ < 1e-290) range_ = 0;
    scale_ = range_ > 0 ? static_cast<double>(count) / range_ : 0;
  }

  // Never decreases as the logit falls: each operation is monotonic, rounding included.
  std::size_t of(double logit) const {
    const double distance = highest_ - logit;
    if (distance >= range_) return count - 1;
    return std::min(static_cast<std::size_t>(distance * scale_), count - 1);
  }

 private:
  double highest_;
  double range_;
  double scale_;
};

}  // namespace

std::size_t highest_index(std::span<const double> values) {
  const double highest = highest_of(values.data(), values.size());
  return static_cast<std::size_t>(std::find(values.begin(), values.end(), highest) - values.begin());
}

void keep_top_k(std::span<const double> adjusted, std::int32_t top_k, Candidates& candidates) {
  const auto count = static_cast<std::size_t>(top_k);
  Ranked cut{-std::numeric_limits<double>::infinity(), -1};
  if (count != 0 && count < adjusted.size()) {
    const std::vector<Ranked> kept = select_highest(adjusted, count);
    if (kept.size() == count) cut = *std::max_element(kept.begin(), kept.end(), ranks_before);
  }
  candidates.ids.resize(adjusted.size());
  candidates.logits.resize(adjusted.size());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < adjusted.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    candidates.ids[kept] = id;
    candidates.logits[kept] = adjusted[i];
    kept += adjusted[i] > cut.logit || (adjusted[i] == cut.logit && id <= cut.id) ? 1U : 0U;
  }
  candidates.ids.resize(kept);
  candidates.logits.resize(kept);
}

void weigh(double temperature, Candidates& candidates) {
  candidates.weights.resize(candidates.logits.size());
  const double highest = *std::max_element(candidates.logits.begin(), candidates.logits.end());
  weights_of(candidates.logits.data(), candidates.weights.data(), candidates.logits.size(), highest, temperature);
}

void keep_top_p(double top_p, double temperature, Candidates& candidates) {
  if (top_p >= 1) return;
  const double target = top_p * std::accumulate(candidates.weights.begin(), candidates.weights.end(), 0.0);
  const Buckets buckets(candidates, temperature);
  std::array<double, Buckets::count> sums{};
  for (std::size_t i = 0; i < candidates.ids.size(); ++i) sums[buckets.of(candidates.logits[i])] += candidates.weights[i];

  double reached = 0;
  std::size_t last = 0;
  while (last + 1 < Buckets::count && reached + sums[last] < target) reached += sums[last++];

  std::vector<std::size_t> members;
  for (std::size_t i = 0; i < candidates.ids.size(); ++i) {
    if (buckets.of(candidates.logits[i]) == last) members.push_back(i);
  }
  const auto ranked = [&](std::size_t i) { return Ranked{candidates.logits[i], candidates.ids[i]}; };
  std::sort(members.begin(), members.end(),
            [&](std::size_t a, std::size_t b) { return ranks_before(ranked(a), ranked(b)); });
  Ranked cut{-std::numeric_limits<double>::infinity(), -1};
  for (const std::size_t i : members) {
    cut = ranked(i);
    reached += candidates.weights[i];
    if (reached >= target) break;
  }
  keep_if(candidates, [&](std::size_t i) { return !ranks_before(cut, ranked(i)); });
}

void keep_min_p(double min_p, Candidates& candidates) {
  if (min_p <= 0) return;
  keep_if(candidates, [&](std::size_t i) { return candidates.weights[i] >= min_p; });
}

}  // namespace retort
