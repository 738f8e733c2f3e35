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

// Sum of exp(logit − maximum).
RETORT_VECTOR_CLONES double sum_of_exponentials(const float* logits, std::size_t size, double maximum) {
  Sums sums{};
  Block copy;
  for (std::size_t start = 0; start < size; start += lanes) {
    const float* values = block_at(logits, start, size, -infinity, copy);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      sums[lane] += exponential(static_cast<double>(values[lane]) - maximum);
    }
  }
  return total(sums);
}

struct ReferenceSums {
  // The same additions in the same order as sum_of_exponentials: equal rows must diverge by exactly 0.
  double weights;
  // Sum of weight × (reference − model); a weight of 0 counts as 0 whatever the model says.
  double differences;
};

RETORT_VECTOR_CLONES ReferenceSums reference_sums(const float* reference, const float* model, std::size_t size,
                                                  double maximum) {
  Sums weights{};
  Sums differences{};
  Block reference_copy;
  Block model_copy;
  for (std::size_t start = 0; start < size; start += lanes) {
    const float* r = block_at(reference, start, size, -infinity, reference_copy);
    const float* m = block_at(model, start, size, 0.0F, model_copy);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const double weight = exponential(static_cast<double>(r[lane]) - maximum);
      const double product = weight * (static_cast<double>(r[lane]) - static_cast<double>(m[lane]));
      weights[lane] += weight;
      differences[lane] += weight > 0.0 ? product : 0.0;
    }
  }
  return {total(weights), total(differences)};
}

}  // namespace

RowSummary summarise_row(std::span<const float> logits) {
  const double maximum = maximum_or_throw(logits);
  return {maximum, maximum + std::log(sum_of_exponentials(logits.data(), logits.size(), maximum))};
}

RowScore score_row(std::span<const float> logits, std::int32_t target) {
  const RowSummary summary = summarise_row(logits);
  if (target < 0 || static_cast<std::size_t>(target) >= logits.size()) {
    throw Failure(Status::bad_request, "[targets] id " + std::to_string(target) + " is not in the vocabulary of " +
                                           std::to_string(logits.size()) + ".");
  }
  const auto highest = std::find(logits.begin(), logits.end(), static_cast<float>(summary.maximum));
  return {summary.log_sum_exp - static_cast<double>(logits[static_cast<std::size_t>(target)]),
          static_cast<std::int32_t>(highest - logits.begin())};
}

double row_divergence(std::span<const float> reference, std::span<const float> model) {
  if (reference.size() != model.size()) {
    throw Failure(Status::bad_request, "[divergence] the two rows have different lengths.");
  }
  const double maximum = maximum_or_throw(reference);
  const double model_log_sum = summarise_row(model).log_sum_exp;
  const ReferenceSums sums = reference_sums(reference.data(), model.data(), reference.size(), maximum);
  const double reference_log_sum = maximum + std::log(sums.weights);
  const double divergence = sums.differences / sums.weights - reference_log_sum + model_log_sum;
  // Rounding may leave −1e-16.
  return std::max(divergence, 0.0);
}

}  // namespace retort
