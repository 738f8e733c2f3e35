#include "rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "../scoring/exponential.h"
#include "../scoring/exponential32.h"

namespace retort {
namespace {

constexpr std::size_t lanes = 16;

// Σ term(i), i < count: lane i % 16 takes term i, and lanes are added pairwise.
template <class Term>
float lane_sum(std::size_t count, Term term) {
  std::array<float, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += term(i + lane);
  }
  for (std::size_t lane = 0; i + lane < count; ++lane) sums[lane] += term(i + lane);
  for (std::size_t half = lanes / 2; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

void normalize_run(const Norm& norm, std::size_t first, std::span<float> run) {
  const auto count = static_cast<float>(run.size());
  const float mean = norm.kind == NormKind::layer ? lane_sum(run.size(), [&](std::size_t i) { return run[i]; }) / count : 0.0F;
  const float variance = lane_sum(run.size(), [&](std::size_t i) { return (run[i] - mean) * (run[i] - mean); }) / count;
  const float factor = 1.0F / std::sqrt(variance + norm.epsilon);
  const float* weight = norm.weight.data() + first;
  for (std::size_t i = 0; i < run.size(); ++i) run[i] = (run[i] - mean) * factor * weight[i];
  if (!norm.bias.empty()) add(run, std::span(norm.bias).subspan(first, run.size()));
}

// 1 − 2/(exp(2x) + 1): absolute error below 2e-7.
float hyperbolic_tangent(float x) { return 1.0F - 2.0F / (exponential32(2.0F * x) + 1.0F); }

// One loop per function: only so does each vectorise.
RETORT_VECTOR_CLONES void silu(float* row, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) row[i] = row[i] / (1.0F + exponential32(-row[i]));
}

RETORT_VECTOR_CLONES void gelu_tanh(float* row, std::size_t count) {
  constexpr float root_of_two_over_pi = 0.7978845608028654F;
  for (std::size_t i = 0; i < count; ++i) {
    const float x = row[i];
    row[i] = 0.5F * x * (1.0F + hyperbolic_tangent(root_of_two_over_pi * (x + 0.044715F * x * x * x)));
  }
}

void gelu(float* row, std::size_t count) {
  constexpr float root_of_half = 0.7071067811865476F;
  for (std::size_t i = 0; i < count; ++i) row[i] = 0.5F * row[i] * (1.0F + std::erf(row[i] * root_of_half));
}

void relu(float* row, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) row[i] = row[i] < 0.0F ? 0.0F : row[i];
}

RETORT_VECTOR_CLONES void soft_cap(float* row, std::size_t count, float cap) {
  for (std::size_t i = 0; i < count; ++i) row[i] = cap * hyperbolic_tangent(row[i] / cap);
}

RETORT_VECTOR_CLONES void exponentials(float* row, std::size_t count, float highest) {
  for (std::size_t i = 0; i < count; ++i) row[i] = exponential32(row[i] - highest);
}

}  // namespace

float dot(std::span<const float> a, std::span<const float> b) {
  return lane_sum(a.size(), [&](std::size_t i) { return a[i] * b[i]; });
}

void normalize(const Norm& norm, std::size_t width, std::span<float> row) {
  for (std::size_t start = 0; start < row.size(); start += width) {
    normalize_run(norm, start % norm.weight.size(), row.subspan(start, width));
  }
}

void add(std::span<float> row, std::span<const float> other) {
  for (std::size_t i = 0; i < row.size(); ++i) row[i] += other[i];
}

void add_scaled(std::span<float> row, std::span<const float> other, float factor) {
  for (std::size_t i = 0; i < row.size(); ++i) row[i] += factor * other[i];
}

void clamp(std::span<float> row, float limit) {
  for (float& value : row) value = value > limit ? limit : value < -limit ? -limit : value;
}

void activate(Activation activation, std::span<float> row) {
  switch (activation) {
    case Activation::silu:
      return silu(row.data(), row.size());
    case Activation::gelu_tanh:
      return gelu_tanh(row.data(), row.size());
    case Activation::gelu:
      return gelu(row.data(), row.size());
    case Activation::relu:
      return relu(row.data(), row.size());
  }
}

void multiply_rows(std::span<float> row, std::span<const float> other) {
  for (std::size_t i = 0; i < row.size(); ++i) row[i] *= other[i];
}

void soft_cap(std::span<float> row, float cap) { soft_cap(row.data(), row.size(), cap); }

void softmax(std::span<float> row) {
  exponentials(row.data(), row.size(), *std::max_element(row.begin(), row.end()));
  const float sum = lane_sum(row.size(), [&](std::size_t i) { return row[i]; });
  for (float& value : row) value /= sum;
}

float softplus(float x) { return x > 20.0F ? x : std::log1p(exponential32(x)); }

}  // namespace retort
