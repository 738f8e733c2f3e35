// Sums over rows of logits, in float64: what perplexity, KL divergence and a draw's log-probability need.
// Pure functions without state; a row may hold −infinity (a masked token) but no NaN, no +infinity and at least one finite number.
#pragma once

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

// One row (V). Throws Failure: invalid_numbers, bad_request (target outside 0…V−1).
RowScore score_row(std::span<const float> logits, std::int32_t target);

// KL(reference ‖ model) in nats of two rows (V); never negative, +infinity where the model rules out what the reference allows.
// Throws Failure: invalid_numbers, bad_request (lengths differ).
double row_divergence(std::span<const float> reference, std::span<const float> model);

}  // namespace retort
