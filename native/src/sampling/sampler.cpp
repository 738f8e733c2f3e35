#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "adjust.h"
#include "retort/sampling.h"
#include "retort/scoring.h"
#include "retort/status.h"
#include "select.h"

namespace retort {
namespace {

std::vector<TokenLogProbability> likeliest(std::span<const float> logits, std::int32_t count, double log_sum_exp) {
  std::vector<Ranked> highest = select_highest(logits, static_cast<std::size_t>(count));
  std::sort(highest.begin(), highest.end(), ranks_before);
  std::vector<TokenLogProbability> result;
  result.reserve(highest.size());
  for (const Ranked& entry : highest) result.push_back({entry.id, entry.logit - log_sum_exp});
  return result;
}

// The candidate in whose share of [0, total) the point lies; shares lie side by side in ascending id.
std::size_t pick(const std::vector<double>& weights, double point) {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < weights.size(); ++i) {
    sum += weights[i];
    if (sum > point) return i;
  }
  return weights.size() - 1;
}

template <class Number>
void keep_only(std::span<const Number> logits, std::size_t index, Candidates& candidates) {
  candidates.ids.assign(1, static_cast<std::int32_t>(index));
  candidates.logits.assign(1, static_cast<double>(logits[index]));
  candidates.weights.assign(1, 1.0);
}

}  // namespace

Sampler::Sampler(SamplingParameters parameters, std::uint64_t seed)
    : parameters_(std::move(parameters)), generator_(seed) {
  check_parameters(parameters_);
}

double Sampler::build_candidates(const SamplingInput& input, double maximum) {
  check_ids(parameters_, input);
  if (parameters_.temperature == 0 && adjusts_nothing(parameters_, input)) {
    const auto highest = std::ranges::find(input.logits, static_cast<float>(maximum));
    keep_only(input.logits, static_cast<std::size_t>(highest - input.logits.begin()), candidates_);
    return 1.0;
  }
  adjust_logits(parameters_, input, adjusted_, counts_);
  if (parameters_.temperature == 0) {
    keep_only(std::span<const double>(adjusted_), highest_index(adjusted_), candidates_);
  } else {
    keep_top_k(adjusted_, parameters_.top_k, candidates_);
  }
  if (candidates_.ids.empty() || candidates_.logits.front() == -std::numeric_limits<double>::infinity()) {
    throw Failure(Status::invalid_numbers, "[sampling] no allowed token has a finite logit.");
  }
  if (parameters_.temperature == 0) return 1.0;
  weigh(parameters_.temperature, candidates_);
  keep_top_p(parameters_.top_p, parameters_.temperature, candidates_);
  keep_min_p(parameters_.min_p, candidates_);
  return std::accumulate(candidates_.weights.begin(), candidates_.weights.end(), 0.0);
}

Draw Sampler::sample(const SamplingInput& input) {
  const auto [maximum, log_sum_exp] = summarise_row(input.logits);
  const double total = build_candidates(input, maximum);
  Draw draw{};
  draw.top = likeliest(input.logits, parameters_.top_log_probabilities, log_sum_exp);
  // A greedy draw takes no random number.
  const std::size_t chosen =
      parameters_.temperature == 0 ? 0 : pick(candidates_.weights, generator_.next_unit() * total);
  draw.id = candidates_.ids[chosen];
  draw.log_probability = static_cast<double>(input.logits[static_cast<std::size_t>(draw.id)]) - log_sum_exp;
  draw.probability = candidates_.weights[chosen] / total;
  return draw;
}

void Sampler::probabilities(const SamplingInput& input, std::span<double> out) {
  if (out.size() != input.logits.size()) {
    throw Failure(Status::bad_request, "[sampling] the output has " + std::to_string(out.size()) + " places for " +
                                           std::to_string(input.logits.size()) + " logits.");
  }
  const double total = build_candidates(input, summarise_row(input.logits).maximum);
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t i = 0; i < candidates_.ids.size(); ++i) {
    out[static_cast<std::size_t>(candidates_.ids[i])] = candidates_.weights[i] / total;
  }
}

}  // namespace retort
