#include "row_functions.h"

#include <vector>

#include "arguments.h"
#include "retort/scoring.h"

namespace retort::binding {
namespace {

// Row length V as a positive integer that divides the number of logits; returns the number of rows.
std::size_t row_count(Napi::Env env, std::size_t logits, std::int32_t vocabulary_size) {
  if (vocabulary_size <= 0) refuse(env, "[arguments] vocabularySize: must be positive.");
  if (logits % static_cast<std::size_t>(vocabulary_size) != 0) {
    refuse(env, "[arguments] logits: " + std::to_string(logits) + " numbers are not whole rows of " +
                    std::to_string(vocabulary_size) + ".");
  }
  return logits / static_cast<std::size_t>(vocabulary_size);
}

std::span<const float> row_of(std::span<const float> matrix, std::size_t row, std::size_t size) {
  return matrix.subspan(row * size, size);
}

// Runs a body for each row; an error names the row.
template <class Body>
void for_each_row(std::size_t rows, Body body) {
  for (std::size_t row = 0; row < rows; ++row) {
    try {
      body(row);
    } catch (const Failure& failure) {
      throw Failure(failure.status(), "row " + std::to_string(row) + ": " + failure.what());
    }
  }
}

}  // namespace

Napi::Value score_rows(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto logits = float32_elements(info[0], "logits");
    const std::int32_t vocabulary_size = integer(info[1], "vocabularySize");
    const auto targets = int32_elements(info[2], "targets");
    const std::size_t rows = row_count(env, logits.size(), vocabulary_size);
    if (targets.size() != rows) {
      refuse(env, "[arguments] targets: expected one id for each of the " + std::to_string(rows) + " rows, got " +
                      std::to_string(targets.size()) + ".");
    }
    std::vector<double> negative(rows);
    std::vector<std::int32_t> argmax(rows);
    for_each_row(rows, [&](std::size_t row) {
      const RowScore score = score_row(row_of(logits, row, static_cast<std::size_t>(vocabulary_size)), targets[row]);
      negative[row] = score.negative_log_probability;
      argmax[row] = score.argmax;
    });
    auto result = Napi::Object::New(env);
    result.Set("negativeLogProbability", to_float64_array(env, negative));
    result.Set("argmax", to_int32_array(env, argmax));
    return result;
  });
}

Napi::Value divergence_rows(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto reference = float32_elements(info[0], "reference");
    const auto model = float32_elements(info[1], "model");
    const std::int32_t vocabulary_size = integer(info[2], "vocabularySize");
    const std::size_t rows = row_count(env, reference.size(), vocabulary_size);
    if (model.size() != reference.size()) refuse(env, "[arguments] reference and model differ in length.");
    const auto size = static_cast<std::size_t>(vocabulary_size);
    std::vector<double> divergence(rows);
    for_each_row(rows, [&](std::size_t row) {
      divergence[row] = row_divergence(row_of(reference, row, size), row_of(model, row, size));
    });
    return to_float64_array(env, divergence);
  });
}

}  // namespace retort::binding
