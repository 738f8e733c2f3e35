#include "retort/sampling.h"

#include <array>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "../src/sampling/select.h"
#include "check.h"

using retort::Sampler;
using retort::SamplingInput;
using retort::SamplingParameters;
using retort::Status;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// Everything allowed, nothing filtered.
SamplingParameters plain() {
  SamplingParameters parameters;
  parameters.temperature = 1;
  parameters.top_k = 0;
  parameters.top_p = 1;
  return parameters;
}

SamplingParameters greedy() {
  SamplingParameters parameters = plain();
  parameters.temperature = 0;
  return parameters;
}

std::vector<double> probabilities(const SamplingParameters& parameters, const SamplingInput& input) {
  std::vector<double> result(input.logits.size());
  Sampler(parameters, 1).probabilities(input, result);
  return result;
}

std::vector<float> random_row(std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> logits(0.0F, 3.0F);
  std::vector<float> row(size);
  for (float& value : row) value = logits(generator);
  return row;
}

std::vector<std::int32_t> kept_ids(const std::vector<double>& values) {
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > 0) ids.push_back(static_cast<std::int32_t>(i));
  }
  return ids;
}

}  // namespace

TEST("greedy takes the highest logit and the lowest id among equals") {
  const std::vector<float> logits = {1.0F, 5.0F, 2.0F, 5.0F};
  check::is_true(Sampler(greedy(), 1).sample({logits, {}, {}}).id == 1, "id");
}

TEST("a greedy draw leaves the generator where it was") {
  const std::vector<float> logits = {1.0F, 5.0F};
  Sampler sampler(greedy(), 9);
  const std::uint64_t before = sampler.generator().state().state;
  sampler.sample({logits, {}, {}});
  check::is_true(sampler.generator().state().state == before, "state");
}

TEST("selecting the highest equals sorting, on rising, falling, random and equal logits") {
  for (int kind = 0; kind < 4; ++kind) {
    std::vector<float> row = random_row(5000, 4);
    if (kind == 0) std::sort(row.begin(), row.end());
    if (kind == 1) std::sort(row.begin(), row.end(), std::greater<>());
    if (kind == 2) std::transform(row.begin(), row.end(), row.begin(), [](float x) { return std::round(x); });
    std::vector<retort::Ranked> sorted;
    for (std::size_t i = 0; i < row.size(); ++i) sorted.push_back({row[i], static_cast<std::int32_t>(i)});
    std::sort(sorted.begin(), sorted.end(), retort::ranks_before);
    for (const std::size_t count : {1U, 2U, 40U, 3000U, 5000U}) {
      auto highest = retort::select_highest(std::span<const float>(row), count);
      std::sort(highest.begin(), highest.end(), retort::ranks_before);
      check::is_true(highest.size() == count, "count");
      for (std::size_t i = 0; i < count; ++i) check::is_true(highest[i].id == sorted[i].id, "id");
    }
  }
}

TEST("top-k keeps the lowest ids among equals") {
  const std::vector<float> logits = {0.0F, 1.0F, 1.0F, 1.0F, 2.0F};
  SamplingParameters parameters = plain();
  parameters.top_k = 3;
  check::is_true(kept_ids(probabilities(parameters, {logits, {}, {}})) == std::vector<std::int32_t>{1, 2, 4}, "kept");
}

TEST("top-p keeps the fewest likeliest tokens that reach it") {
  const std::vector<float> logits = {std::log(0.1F), std::log(0.4F), std::log(0.3F), std::log(0.2F)};
  for (const auto& [top_p, count] : {std::pair{0.01, 1U}, {0.39, 1U}, {0.41, 2U}, {0.69, 2U}, {0.71, 3U}, {0.91, 4U}}) {
    SamplingParameters parameters = plain();
    parameters.top_p = top_p;
    check::is_true(kept_ids(probabilities(parameters, {logits, {}, {}})).size() == count, "count");
  }
}

TEST("top-p agrees with a full sort on every kind of row") {
  for (const double spread : {0.0, 1e-30, 0.01, 1.0, 30.0, 1e30}) {
    for (const double temperature : {5e-324, 1e-300, 0.01, 1.0, 100.0}) {
      std::vector<float> row = random_row(3000, 8);
      for (float& value : row) value = static_cast<float>(static_cast<double>(value) * spread);
      SamplingParameters parameters = plain();
      parameters.temperature = temperature;
      const std::vector<double> all = probabilities(parameters, {row, {}, {}});
      parameters.top_p = 0.7001;
      const std::vector<std::int32_t> kept = kept_ids(probabilities(parameters, {row, {}, {}}));
      std::vector<std::int32_t> order(row.size());
      std::iota(order.begin(), order.end(), 0);
      const auto value = [&](std::int32_t id) { return row[static_cast<std::size_t>(id)]; };
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return value(a) > value(b); });
      double sum = 0;
      std::size_t count = 0;
      while (count < order.size() && sum < 0.7001) sum += all[static_cast<std::size_t>(order[count++])];
      order.resize(count);
      std::sort(order.begin(), order.end());
      check::is_true(kept == order, "kept");
    }
  }
}

TEST("min-p is measured against the likeliest token") {
  const std::vector<float> logits = {std::log(0.5F), std::log(0.3F), std::log(0.15F), std::log(0.05F)};
  SamplingParameters parameters = plain();
  parameters.min_p = 0.29;
  check::is_true(kept_ids(probabilities(parameters, {logits, {}, {}})).size() == 3, "count");
}

TEST("probabilities sum to 1 and a masked logit has none") {
  std::vector<float> logits = random_row(1000, 3);
  logits[17] = -infinity;
  const std::vector<double> result = probabilities(plain(), {logits, {}, {}});
  check::near(std::accumulate(result.begin(), result.end(), 0.0), 1, 1e-12);
  check::is_true(result[17] == 0, "masked");
}

TEST("penalties look only at the window and count each id once") {
  const std::vector<float> logits = {2.0F, -2.0F, 1.0F};
  const std::vector<std::int32_t> history = {2, 0, 0, 1};
  SamplingParameters parameters = plain();
  parameters.repetition_penalty = 2;
  parameters.presence_penalty = 0.5;
  parameters.frequency_penalty = 0.25;
  parameters.penalty_window = 3;
  const std::vector<double> result = probabilities(parameters, {logits, history, {}});
  const std::array<double, 3> adjusted = {1.0 - 0.5 - 0.5, -4.0 - 0.5 - 0.25, 1.0};
  check::near(std::log(result[2] / result[0]), adjusted[2] - adjusted[0], 1e-12);
  check::near(std::log(result[0] / result[1]), adjusted[0] - adjusted[1], 1e-12);
}

TEST("the scratch of one draw does not reach the next") {
  const std::vector<float> logits = {2.0F, 1.0F};
  const std::vector<std::int32_t> history = {0, 0};
  SamplingParameters parameters = plain();
  parameters.frequency_penalty = 1;
  Sampler sampler(parameters, 1);
  std::vector<double> first(2);
  std::vector<double> second(2);
  const std::vector<std::int32_t> outside = {0, 5};
  sampler.probabilities({logits, history, {}}, first);
  check::refuses(Status::bad_request, [&] { sampler.probabilities({logits, outside, {}}, second); });
  sampler.probabilities({logits, history, {}}, second);
  check::is_true(first == second, "equal");
}

TEST("log-probabilities are those of the raw logits whatever the parameters") {
  const std::vector<float> logits = {1.0F, 2.0F, 3.0F};
  SamplingParameters parameters = greedy();
  parameters.bias = {{0, 10.0}};
  parameters.top_log_probabilities = 2;
  const retort::Draw draw = Sampler(parameters, 1).sample({logits, {}, {}});
  const double log_sum = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0));
  check::is_true(draw.id == 0, "id");
  check::near(draw.log_probability, 1 - log_sum, 1e-14);
  check::is_true(draw.top.size() == 2 && draw.top[0].id == 2 && draw.top[1].id == 1, "top");
  check::near(draw.top[0].log_probability, 3 - log_sum, 1e-14);
  check::is_true(draw.probability == 1, "probability");
}

TEST("the allowed-token mask rules out the rest and ignores bits past the vocabulary") {
  const std::vector<float> logits = random_row(70, 2);
  const std::vector<std::uint32_t> mask = {0, 0x80000001U, 0xffffffe0U};
  check::is_true(kept_ids(probabilities(plain(), {logits, {}, mask})) == std::vector<std::int32_t>{32, 63, 69}, "kept");
}

TEST("a mask of the wrong size or one that allows nothing is refused") {
  const std::vector<float> logits = random_row(70, 2);
  for (const std::vector<std::uint32_t>& mask :
       {std::vector<std::uint32_t>{1U, 1U}, {0U, 0U, 0U}, {0U, 0U, 0xffffffc0U}, {1U, 1U, 1U, 1U}, {}}) {
    check::refuses(Status::bad_request, [&] { probabilities(plain(), {logits, {}, mask}); });
  }
}

TEST("a mask that allows only masked logits is a fault of the numbers") {
  const std::vector<float> logits = {-infinity, 1.0F};
  const std::vector<std::uint32_t> mask = {1U};
  check::refuses(Status::invalid_numbers, [&] { probabilities(plain(), {logits, {}, mask}); });
  check::refuses(Status::invalid_numbers, [&] { probabilities(greedy(), {logits, {}, mask}); });
}

TEST("ids outside the vocabulary are refused") {
  const std::vector<float> logits = {1.0F, 2.0F};
  for (const std::int32_t id : {-1, 2, std::numeric_limits<std::int32_t>::max()}) {
    const std::vector<std::int32_t> history = {id};
    check::refuses(Status::bad_request, [&] { probabilities(plain(), {logits, history, {}}); });
    SamplingParameters parameters = plain();
    parameters.bias = {{id, 1.0}};
    check::refuses(Status::bad_request, [&] { probabilities(parameters, {logits, {}, {}}); });
  }
}

TEST("a bias and penalties that overflow are refused") {
  const std::vector<float> logits = {3e38F, 2.0F};
  const std::vector<std::int32_t> history = {0};
  SamplingParameters parameters = plain();
  parameters.repetition_penalty = 5e-324;
  check::refuses(Status::bad_request, [&] { probabilities(parameters, {logits, history, {}}); });
}

TEST("parameters outside their limits are refused") {
  const auto refused = [](auto change) {
    SamplingParameters parameters = plain();
    change(parameters);
    check::refuses(Status::bad_request, [&] { Sampler(parameters, 1); });
  };
  const double not_a_number = std::numeric_limits<double>::quiet_NaN();
  refused([](auto& p) { p.temperature = -0.1; });
  refused([](auto& p) { p.temperature = 101; });
  refused([&](auto& p) { p.temperature = not_a_number; });
  refused([](auto& p) { p.top_k = -1; });
  refused([](auto& p) { p.top_p = 0; });
  refused([](auto& p) { p.top_p = 1.1; });
  refused([](auto& p) { p.min_p = 1.1; });
  refused([](auto& p) { p.repetition_penalty = 0; });
  refused([](auto& p) { p.presence_penalty = 101; });
  refused([&](auto& p) { p.frequency_penalty = not_a_number; });
  refused([](auto& p) { p.penalty_window = -1; });
  refused([](auto& p) { p.top_log_probabilities = 101; });
  refused([](auto& p) { p.bias = {{0, std::numeric_limits<double>::infinity()}}; });
}

TEST("after a refusal the generator is as before") {
  const std::vector<float> logits = {1.0F, 2.0F, 1.5F};
  const std::vector<float> bad = {1.0F, std::numeric_limits<float>::quiet_NaN()};
  Sampler sampler(plain(), 5);
  Sampler other(plain(), 5);
  check::refuses(Status::invalid_numbers, [&] { sampler.sample({bad, {}, {}}); });
  for (int i = 0; i < 20; ++i) {
    check::is_true(sampler.sample({logits, {}, {}}).id == other.sample({logits, {}, {}}).id, "id");
  }
}
