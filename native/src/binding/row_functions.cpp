#include "row_functions.h"

#include <array>
#include <vector>

#include "arguments.h"
#include "retort/scoring.h"
#include "retort/thread_pool.h"

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

std::vector<std::span<const float>> matrices_of(Napi::Env env, const Napi::Value& value) {
  if (!value.IsArray()) refuse(env, "[arguments] logits: expected a list of matrices.");
  const auto list = value.As<Napi::Array>();
  if (list.Length() == 0 || list.Length() > most_scored) {
    refuse(env, "[arguments] logits: 1 to " + std::to_string(most_scored) + " matrices can be scored together.");
  }
  std::vector<std::span<const float>> matrices;
  for (std::uint32_t i = 0; i < list.Length(); ++i) matrices.push_back(float32_elements(list.Get(i), "logits"));
  for (const auto& matrix : matrices) {
    if (matrix.size() != matrices.front().size()) refuse(env, "[arguments] logits: the matrices differ in length.");
  }
  return matrices;
}

struct Scores {
  // Matrices × rows; divergences of all but the first.
  std::vector<double> negative;
  std::vector<std::int32_t> argmax;
  std::vector<double> divergences;
};

void score_row(std::span<const std::span<const float>> matrices, std::span<const std::int32_t> targets, std::size_t row, std::size_t size, Scores& scores) {
  std::array<std::span<const float>, most_scored> rows;
  std::array<RowScore, most_scored> found{};
  std::array<double, most_scored> divergences{};
  for (std::size_t i = 0; i < matrices.size(); ++i) rows[i] = row_of(matrices[i], row, size);
  try {
    score_rows(std::span(rows).first(matrices.size()), targets[row], found, divergences);
  } catch (const Failure& failure) {
    throw Failure(failure.status(), "row " + std::to_string(row) + ": " + failure.what());
  }
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    scores.negative[i * targets.size() + row] = found[i].negative_log_probability;
    scores.argmax[i * targets.size() + row] = found[i].argmax;
    if (i > 0) scores.divergences[(i - 1) * targets.size() + row] = divergences[i - 1];
  }
}

}  // namespace

Napi::Value score_matrices(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto matrices = matrices_of(env, info[0]);
    const std::int32_t vocabulary_size = integer(info[1], "vocabularySize");
    const auto targets = int32_elements(info[2], "targets");
    const std::int32_t threads = integer(info[3], "threads");
    const std::size_t rows = row_count(env, matrices.front().size(), vocabulary_size);
    if (targets.size() != rows) {
      refuse(env, "[arguments] targets: expected one id for each of the " + std::to_string(rows) + " rows, got " +
                      std::to_string(targets.size()) + ".");
    }
    Scores scores{std::vector<double>(matrices.size() * rows), std::vector<std::int32_t>(matrices.size() * rows),
                  std::vector<double>((matrices.size() - 1) * rows)};
    // Threads that live for one call cost microseconds, a block of rows milliseconds. Each row is one thread's alone: their number changes no sum.
    ThreadPool pool(threads);
    pool.parallel(static_cast<std::int64_t>(rows), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        score_row(matrices, targets, static_cast<std::size_t>(row), static_cast<std::size_t>(vocabulary_size), scores);
      }
    });
    auto result = Napi::Object::New(env);
    result.Set("negativeLogProbability", to_float64_array(env, scores.negative));
    result.Set("argmax", to_int32_array(env, scores.argmax));
    result.Set("divergence", to_float64_array(env, scores.divergences));
    return result;
  });
}

}  // namespace retort::binding
