// Row sums. Each is one or two passes; a fixed number of partial sums keeps the order of additions the same in every build.
#include "retort/scoring.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string>

#include "exponential.h"
#include "retort/status.h"

namespace retort {
namespace {

// A row is read in blocks of this many lanes; a short inner loop is what compilers vectorise best.
constexpr std::size_t lanes = 32;
constexpr float infinity = std::numeric_limits<float>::infinity();

using Block = std::array<float, lanes>;
using Sums = std::array<double, lanes>;

double total(const Sums& sums) { return std::accumulate(sums.begin(), sums.end(), 0.0); }

// Block `start` of a row; a partial last one is copied and filled up with what adds nothing.
const float* block_at(const float* row, std::size_t start, std::size_t size, float filler, Block& copy) {
  if (size - start >= lanes) return row + start;
  copy.fill(filler);
  std::copy_n(row + start, size - start, copy.begin());
  return copy.data();
}

// The highest logit; NaN and +infinity come out as +infinity.
RETORT_VECTOR_CLONES float checked_maximum(const float* logits, std::size_t size) {
  Block highest;
  highest.fill(-infinity);
  Block copy;
  for (std::size_t start = 0; start < size; start += lanes) {
    const float* values = block_at(logits, start, size, -infinity, copy);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const float value = values[lane] < infinity ? values[lane] : infinity;
      highest[lane] = highest[lane] < value ? value : highest[lane];
    }
  }
  return *std::max_element(highest.begin(), highest.end());
}

float maximum_or_throw(std::span<const float> logits) {
  const float maximum = checked_maximum(logits.data(), logits.size());
  if (maximum == infinity) {
    throw Failure(Status::invalid_numbers, "[logits] the model produced a NaN or an infinite logit.");
  }
  if (maximum == -infinity) throw Failure(Status::invalid_numbers, "[logits] no logit is a finite number.");
  return maximum;
}

// Sum of weights exp(reference − maximum), and for each model the sum of weight × (reference − model); a weight of 0 counts as 0 whatever the model
// says. The weights are added in the same order whether there are models or not: equal rows must diverge by exactly 0.
RETORT_VECTOR_CLONES double sum_of_weights(const float* reference, std::size_t size, double maximum, const float* const* models, std::size_t count,
                                           double* differences) {
  Sums weight_sums{};
  std::array<Sums, most_scored> difference_sums{};
  Block reference_copy;
  Block model_copy;
  Sums weights;
  for (std::size_t start = 0; start < size; start += lanes) {
    const float* r = block_at(reference, start, size, -infinity, reference_copy);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      weights[lane] = exponential(static_cast<double>(r[lane]) - maximum);
      weight_sums[lane] += weights[lane];
    }
    for (std::size_t model = 0; model < count; ++model) {
      const float* m = block_at(models[model], start, size, 0.0F, model_copy);
      Sums& sums = difference_sums[model];
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const double product = weights[lane] * (static_cast<double>(r[lane]) - static_cast<double>(m[lane]));
        sums[lane] += weights[lane] > 0.0 ? product : 0.0;
      }
    }
  }
  for (std::size_t model = 0; model < count; ++model) differences[model] = total(difference_sums[model]);
  return total(weight_sums);
}

double sum_of_weights(std::span<const float> logits, double maximum) {
  return sum_of_weights(logits.data(), logits.size(), maximum, nullptr, 0, nullptr);
}

RowScore score_of(std::span<const float> logits, std::int32_t target, const RowSummary& summary) {
  const auto highest = std::find(logits.begin(), logits.end(), static_cast<float>(summary.maximum));
  return {summary.log_sum_exp - static_cast<double>(logits[static_cast<std::size_t>(target)]), static_cast<std::int32_t>(highest - logits.begin())};
}

void check_rows(std::span<const std::span<const float>> rows, std::int32_t target) {
  if (rows.empty() || rows.size() > most_scored) {
    throw Failure(Status::bad_request, "[scoring] " + std::to_string(rows.size()) + " rows: 1 to " + std::to_string(most_scored) + " can be scored together.");
  }
  const std::size_t size = rows.front().size();
  for (const auto& row : rows) {
    if (row.size() != size) throw Failure(Status::bad_request, "[scoring] the rows have different lengths.");
  }
  if (target < 0 || static_cast<std::size_t>(target) >= size) {
    throw Failure(Status::bad_request, "[targets] id " + std::to_string(target) + " is not in the vocabulary of " + std::to_string(size) + ".");
  }
}

}  // namespace

RowSummary summarise_row(std::span<const float> logits) {
  const double maximum = maximum_or_throw(logits);
  return {maximum, maximum + std::log(sum_of_weights(logits, maximum))};
}

void score_rows(std::span<const std::span<const float>> rows, std::int32_t target, std::span<RowScore> scores, std::span<double> divergences) {
  check_rows(rows, target);
  const auto reference = rows.front();
  const auto models = rows.subspan(1);
  std::array<const float*, most_scored> places{};
  for (std::size_t i = 0; i < models.size(); ++i) places[i] = models[i].data();
  std::array<double, most_scored> differences{};
  const double maximum = maximum_or_throw(reference);
  const double weights = sum_of_weights(reference.data(), reference.size(), maximum, places.data(), models.size(), differences.data());
  const double reference_log_sum = maximum + std::log(weights);
  scores[0] = score_of(reference, target, {maximum, reference_log_sum});
  for (std::size_t i = 0; i < models.size(); ++i) {
    const RowSummary summary = summarise_row(models[i]);
    scores[i + 1] = score_of(models[i], target, summary);
    // Rounding may leave −1e-16.
    divergences[i] = std::max(differences[i] / weights - reference_log_sum + summary.log_sum_exp, 0.0);
  }
}

}  // namespace retort
