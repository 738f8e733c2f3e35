// What is done to rows of activations between matrix products. Each function works on one row, in one order whatever surrounds it: sums run over
// 16 lanes that are added at the end, so that they vectorise and always give the same bits.
#pragma once

#include <cstdint>
#include <span>

#include "retort/model.h"

namespace retort {

float dot(std::span<const float> a, std::span<const float> b);

// Norms each run of `width` values of the row in place; a weight longer than that goes on with the next run.
void normalize(const Norm& norm, std::size_t width, std::span<float> row);
void add(std::span<float> row, std::span<const float> other);
void add_scaled(std::span<float> row, std::span<const float> other, float factor);
void clamp(std::span<float> row, float limit);
void activate(Activation activation, std::span<float> row);
// row · other, one by one, into row.
void multiply_rows(std::span<float> row, std::span<const float> other);
// cap·tanh(x/cap).
void soft_cap(std::span<float> row, float cap);
void softmax(std::span<float> row);
// ln(1 + exp(x)).
float softplus(float x);

}  // namespace retort
