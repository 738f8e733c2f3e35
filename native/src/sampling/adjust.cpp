#include "adjust.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include "retort/status.h"

namespace retort {
namespace {

constexpr std::size_t word_bits = 32;
constexpr double masked = -std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(const std::string& message) { throw Failure(Status::bad_request, "[sampling] " + message); }

void check_range(const char* name, double value, double lowest, double highest) {
  // Written so that a NaN is refused too.
  if (!(value >= lowest && value <= highest)) {
    refuse(std::string(name) + ": " + std::to_string(value) + " is not between " + std::to_string(lowest) + " and " +
           std::to_string(highest) + ".");
  }
}

void check_positive(const char* name, double value, double highest) {
  check_range(name, value, 0, highest);
  if (value == 0) refuse(std::string(name) + ": must be above 0.");
}

void check_id(const char* name, std::int32_t id, std::size_t vocabulary_size) {
  if (id < 0 || static_cast<std::size_t>(id) >= vocabulary_size) {
    refuse(std::string(name) + ": id " + std::to_string(id) + " is not in the vocabulary of " +
           std::to_string(vocabulary_size) + ".");
  }
}

void apply_mask(std::span<const std::uint32_t> allowed, std::vector<double>& adjusted) {
  const std::size_t words = (adjusted.size() + word_bits - 1) / word_bits;
  if (allowed.size() != words) {
    refuse("allowed: expected " + std::to_string(words) + " words, one bit per id, got " +
           std::to_string(allowed.size()) + ".");
  }
  bool any = false;
  for (std::size_t word = 0; word < words; ++word) {
    const std::size_t first = word * word_bits;
    const std::size_t count = std::min(word_bits, adjusted.size() - first);
    const std::uint32_t present = count == word_bits ? ~0U : (1U << count) - 1U;
    any = any || (allowed[word] & present) != 0;
    for (std::uint32_t forbidden = ~allowed[word] & present; forbidden != 0; forbidden &= forbidden - 1U) {
      adjusted[first + static_cast<std::size_t>(std::countr_zero(forbidden))] = masked;
    }
  }
  if (!any) refuse("allowed: no token is allowed.");
}

double penalise(const SamplingParameters& parameters, double logit, std::uint32_t count) {
  const double repeated =
      logit > 0 ? logit / parameters.repetition_penalty : logit * parameters.repetition_penalty;
  return repeated - (parameters.presence_penalty + parameters.frequency_penalty * static_cast<double>(count));
}

std::span<const std::int32_t> window_of(std::span<const std::int32_t> history, std::int32_t window) {
  const auto size = static_cast<std::size_t>(window);
  return size == 0 || size >= history.size() ? history : history.last(size);
}

void apply_penalties(const SamplingParameters& parameters, std::span<const std::int32_t> window,
                     std::vector<double>& adjusted, std::vector<std::uint32_t>& counts) {
  for (const std::int32_t id : window) ++counts[static_cast<std::size_t>(id)];
  for (const std::int32_t id : window) {
    const auto index = static_cast<std::size_t>(id);
    // Only the first visit of an id finds its count.
    const std::uint32_t count = std::exchange(counts[index], 0U);
    if (count != 0) adjusted[index] = penalise(parameters, adjusted[index], count);
  }
}

// An extreme bias or penalty may push a logit to −infinity, which masks it; +infinity would make every probability a NaN.
void check_finite(const std::vector<double>& adjusted, std::int32_t id) {
  if (!(adjusted[static_cast<std::size_t>(id)] < -masked)) {
    refuse("the bias and penalties make the logit of id " + std::to_string(id) + " infinite.");
  }
}

}  // namespace

void check_parameters(const SamplingParameters& parameters) {
  constexpr double largest_penalty = 100;
  constexpr double largest_count = 10'000'000;
  check_range("temperature", parameters.temperature, 0, 100);
  check_range("topK", parameters.top_k, 0, largest_count);
  check_positive("topP", parameters.top_p, 1);
  check_range("minP", parameters.min_p, 0, 1);
  check_positive("repetitionPenalty", parameters.repetition_penalty, largest_penalty);
  check_range("presencePenalty", parameters.presence_penalty, -largest_penalty, largest_penalty);
  check_range("frequencyPenalty", parameters.frequency_penalty, -largest_penalty, largest_penalty);
  check_range("penaltyWindow", parameters.penalty_window, 0, largest_count);
  check_range("topLogProbabilities", parameters.top_log_probabilities, 0, 100);
  for (const TokenBias& entry : parameters.bias) {
    if (!std::isfinite(entry.bias)) refuse("bias: the bias of id " + std::to_string(entry.id) + " is not finite.");
  }
}

void check_ids(const SamplingParameters& parameters, const SamplingInput& input) {
  for (const std::int32_t id : window_of(input.history, parameters.penalty_window)) check_id("history", id, input.logits.size());
  for (const TokenBias& entry : parameters.bias) check_id("bias", entry.id, input.logits.size());
}

bool adjusts_nothing(const SamplingParameters& parameters, const SamplingInput& input) {
  const bool penalises = parameters.repetition_penalty != 1 || parameters.presence_penalty != 0 || parameters.frequency_penalty != 0;
  return !input.allowed && parameters.bias.empty() && !penalises;
}

void adjust_logits(const SamplingParameters& parameters, const SamplingInput& input, std::vector<double>& adjusted,
                   std::vector<std::uint32_t>& counts) {
  const std::span<const std::int32_t> window = window_of(input.history, parameters.penalty_window);
  adjusted.assign(input.logits.begin(), input.logits.end());
  counts.resize(input.logits.size(), 0U);
  if (input.allowed) apply_mask(*input.allowed, adjusted);
  for (const TokenBias& entry : parameters.bias) adjusted[static_cast<std::size_t>(entry.id)] += entry.bias;
  apply_penalties(parameters, window, adjusted, counts);
  for (const TokenBias& entry : parameters.bias) check_finite(adjusted, entry.id);
  for (const std::int32_t id : window) check_finite(adjusted, id);
}

}  // namespace retort
