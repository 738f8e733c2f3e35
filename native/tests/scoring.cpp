#include "retort/scoring.h"

#include <array>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "../src/scoring/exponential.h"
#include "check.h"

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_row(std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> logits(0.0F, 4.0F);
  std::vector<float> row(size);
  for (float& value : row) value = logits(generator);
  return row;
}

double plain_log_sum(const std::vector<float>& row) {
  double highest = -std::numeric_limits<double>::infinity();
  for (const float value : row) highest = std::max(highest, static_cast<double>(value));
  double sum = 0;
  for (const float value : row) sum += std::exp(static_cast<double>(value) - highest);
  return highest + std::log(sum);
}

retort::RowScore score_row(const std::vector<float>& row, std::int32_t target) {
  const std::span<const float> rows[] = {row};
  retort::RowScore score{};
  retort::score_rows(rows, target, std::span(&score, 1), {});
  return score;
}

double row_divergence(const std::vector<float>& reference, const std::vector<float>& model) {
  const std::span<const float> rows[] = {reference, model};
  std::array<retort::RowScore, 2> scores{};
  double divergence = 0;
  retort::score_rows(rows, 0, scores, std::span(&divergence, 1));
  return divergence;
}

}  // namespace

TEST("the exponential is within 3e-16 of the library's") {
  for (double x = -707.9; x <= 0; x += 0.00317) {
    const double expected = std::exp(x);
    check::near(retort::exponential(x) / expected, 1, 3e-16 + 2.3e-16);
  }
}

TEST("the exponential of 0 is exactly 1 and of minus infinity exactly 0") {
  check::is_true(retort::exponential(0) == 1, "at 0");
  check::is_true(retort::exponential(-std::numeric_limits<double>::infinity()) == 0, "at minus infinity");
  check::is_true(retort::exponential(-1e300) == 0, "far below");
}

TEST("log-sum-exp equals a plain computation on every row length up to 200") {
  for (std::size_t size = 1; size <= 200; ++size) {
    const std::vector<float> row = random_row(size, static_cast<unsigned>(size));
    check::near(retort::summarise_row(row).log_sum_exp, plain_log_sum(row), 1e-13);
  }
}

TEST("log-sum-exp does not overflow on huge logits") {
  const std::vector<float> row = {3e38F, 3e38F, -3e38F};
  check::near(retort::summarise_row(row).log_sum_exp, 3e38, 1e32);
}

TEST("a row's score names its target's log-probability and the lowest of equal maxima") {
  const std::vector<float> row = {1.0F, 3.0F, 3.0F, -infinity};
  const retort::RowScore score = score_row(row, 0);
  check::near(score.negative_log_probability, plain_log_sum(row) - 1.0, 1e-14);
  check::is_true(score.argmax == 1, "argmax");
  check::is_true(std::isinf(score_row(row, 3).negative_log_probability), "masked target");
}

TEST("rows with a NaN, plus infinity or nothing finite are refused") {
  using retort::Status;
  for (const std::size_t size : {1U, 15U, 16U, 17U, 64U, 100U}) {
    for (std::size_t place = 0; place < size; ++place) {
      for (const float bad : {not_a_number, infinity}) {
        std::vector<float> row = random_row(size, 5);
        row[place] = bad;
        check::refuses(Status::invalid_numbers, [&] { retort::summarise_row(row); });
      }
    }
    const std::vector<float> nothing(size, -infinity);
    check::refuses(Status::invalid_numbers, [&] { retort::summarise_row(nothing); });
  }
  check::refuses(Status::invalid_numbers, [] { retort::summarise_row({}); });
}

TEST("a target outside the vocabulary is refused") {
  const std::vector<float> row = {1.0F, 2.0F};
  check::refuses(retort::Status::bad_request, [&] { score_row(row, 2); });
  check::refuses(retort::Status::bad_request, [&] { score_row(row, -1); });
}

TEST("the divergence of a row from itself is exactly 0") {
  for (const std::size_t size : {1U, 7U, 64U, 65U, 1000U}) {
    const std::vector<float> row = random_row(size, 3);
    check::is_true(row_divergence(row, row) == 0, "zero");
  }
}

TEST("the divergence equals a plain computation") {
  for (const std::size_t size : {2U, 63U, 64U, 130U, 1001U}) {
    const std::vector<float> reference = random_row(size, 1);
    const std::vector<float> model = random_row(size, 2);
    double expected = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const double p = static_cast<double>(reference[i]) - plain_log_sum(reference);
      const double q = static_cast<double>(model[i]) - plain_log_sum(model);
      expected += std::exp(p) * (p - q);
    }
    check::near(row_divergence(reference, model), expected, 1e-11);
  }
}

TEST("a token the model rules out makes the divergence infinite only where the reference allows it") {
  const std::vector<float> allows = {1.0F, 2.0F};
  const std::vector<float> forbids = {1.0F, -infinity};
  check::is_true(std::isinf(row_divergence(allows, forbids)), "allowed by the reference");
  check::near(row_divergence(forbids, allows), std::log1p(std::exp(1.0)), 1e-14);
  check::is_true(row_divergence(forbids, forbids) == 0, "forbidden by both");
}

TEST("rows of different lengths are refused") {
  const std::vector<float> two = {1.0F, 2.0F};
  const std::vector<float> three = {1.0F, 2.0F, 3.0F};
  check::refuses(retort::Status::bad_request, [&] { row_divergence(two, three); });
}

TEST("rows scored together have the scores that each has alone, to the bit") {
  const std::vector<std::vector<float>> rows = {random_row(1001, 1), random_row(1001, 2), random_row(1001, 3), random_row(1001, 1)};
  std::vector<std::span<const float>> views(rows.begin(), rows.end());
  std::array<retort::RowScore, 4> scores{};
  std::array<double, 3> divergences{};
  retort::score_rows(views, 17, scores, divergences);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const retort::RowScore alone = score_row(rows[i], 17);
    check::is_true(scores[i].negative_log_probability == alone.negative_log_probability, "log-probability");
    check::is_true(scores[i].argmax == alone.argmax, "argmax");
    if (i > 0) check::is_true(divergences[i - 1] == row_divergence(rows[0], rows[i]), "divergence");
  }
  check::is_true(divergences[2] == 0, "of an equal row");
}

TEST("no rows, and more than can be scored together, are refused") {
  const std::vector<float> row = {1.0F, 2.0F};
  const std::vector<std::span<const float>> many(retort::most_scored + 1, row);
  std::vector<retort::RowScore> scores(many.size());
  std::vector<double> divergences(many.size());
  check::refuses(retort::Status::bad_request, [&] { retort::score_rows(many, 0, scores, divergences); });
  check::refuses(retort::Status::bad_request, [&] { retort::score_rows({}, 0, scores, divergences); });
}
