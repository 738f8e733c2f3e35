// Which tokens stay: top-k, top-p, min-p, all without sorting the vocabulary.
// Tokens are ranked by falling logit, lowest id first among equals; a cut is the last token that stays.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "retort/sampling.h"

namespace retort {

struct Ranked {
  double logit;
  std::int32_t id;
};

inline bool ranks_before(const Ranked& a, const Ranked& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

// The `count` first-ranked finite entries, in no order; fewer where there are fewer. One pass: what passes a rising threshold is
// buffered, and a full buffer is cut back by nth_element, so the work is O(V) whatever the order of the logits.
template <class Number>
std::vector<Ranked> select_highest(std::span<const Number> logits, std::size_t count) {
  std::vector<Ranked> kept;
  if (count == 0) return kept;
  const std::size_t capacity = std::min(logits.size(), std::max<std::size_t>(2 * count, 64));
  kept.reserve(capacity);
  const auto cut_back = [&] {
    std::nth_element(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(count - 1), kept.end(), ranks_before);
    kept.resize(count);
  };
  auto threshold = -std::numeric_limits<Number>::infinity();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    // An equal logit met later has a higher id, so it ranks behind everything kept.
    if (!(logits[i] > threshold)) continue;
    kept.push_back({static_cast<double>(logits[i]), static_cast<std::int32_t>(i)});
    if (kept.size() == capacity && kept.size() > count) {
      cut_back();
      threshold = static_cast<Number>(kept[count - 1].logit);
    }
  }
  if (kept.size() > count) cut_back();
  return kept;
}

// Index of the highest, the first among equals. `values` is not empty and holds no NaN.
std::size_t highest_index(std::span<const double> values);

// Fills ids and logits with the `top_k` first-ranked finite entries (0 = all), ascending id.
void keep_top_k(std::span<const double> adjusted, std::int32_t top_k, Candidates& candidates);

// Fills weights: exp((logit − highest logit) / temperature); the highest gets exactly 1.
void weigh(double temperature, Candidates& candidates);

// Keeps the fewest first-ranked candidates whose weights reach `top_p` of all weights; at least one.
void keep_top_p(double top_p, double temperature, Candidates& candidates);

// Keeps candidates at least `min_p` times as likely as the likeliest.
void keep_min_p(double min_p, Candidates& candidates);

}  // namespace retort
