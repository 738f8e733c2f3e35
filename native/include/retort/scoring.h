// Sums over rows of logits, in float64: what perplexity, KL divergence and a draw's log-probability need.
// Pure functions without state; a row may hold −infinity (a masked token) but no NaN, no +infinity and at least one finite number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace retort {

struct RowSummary {
  double maximum;
  // Natural log of the sum of exp(logit).
  double log_sum_exp;
};

// One row (V). Throws Failure: invalid_numbers.
RowSummary summarise_row(std::span<const float> logits);

struct RowScore {
  // −ln p(target); +infinity where the target's logit is −infinity.
  double negative_log_probability;
  // The lowest id among the highest logits.
  std::int32_t argmax;
};

// Rows that can be scored together: a reference and what is compared with it.
constexpr std::size_t most_scored = 8;

// Rows (V each) of a reference, which is the first, and of models that read the same, against one target. `scores` has one for each row, `divergences`
// KL(reference ‖ model) in nats for each but the first: never negative, exactly 0 for equal rows, +infinity where the model rules out what the
// reference allows. Each exponential is computed once. Throws Failure: invalid_numbers, bad_request (target outside 0…V−1, lengths differ, more
// than most_scored rows or none).
void score_rows(std::span<const std::span<const float>> rows, std::int32_t target, std::span<RowScore> scores, std::span<double> divergences);

}  // namespace retort
