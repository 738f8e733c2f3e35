#include "retort/model.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <thread>

#include "../src/scoring/exponential32.h"
#include "../src/model/rope.h"
#include "../src/model/rows.h"
#include "../src/model/saved_session.h"
#include "check.h"

namespace {

using namespace retort;

constexpr std::int32_t width = 24;
constexpr std::int32_t vocabulary = 40;
const std::atomic<bool> never = false;

class Maker {
 public:
  explicit Maker(unsigned seed) : generator_(seed) {}

  std::vector<float> values(std::size_t count, float scale = 1.0F) {
    std::normal_distribution<float> normal(0.0F, scale);
    std::vector<float> all(count);
    for (float& value : all) value = normal(generator_);
    return all;
  }
  Linear linear(std::int64_t rows, std::int64_t columns) {
    ThreadPool pool(1);
    const auto weights = values(static_cast<std::size_t>(rows * columns), 0.3F);
    return {pack_matrix({SourceType::f32, rows, columns, std::as_bytes(std::span(weights))}, pool), values(static_cast<std::size_t>(rows), 0.1F), {}};
  }
  Norm norm(std::size_t size) { return {NormKind::rms, 1e-5F, std::vector<float>(size, 1.0F), {}}; }

  AttentionLayer attention_layer(std::size_t experts) {
    AttentionLayer layer;
    layer.attention_input = norm(width);
    layer.feed_forward_input = norm(width);
    layer.shape = {4, 2, 6, 0.4F, std::nullopt, std::nullopt};
    layer.rope = 0;
    layer.query = linear(24, width);
    layer.key = linear(12, width);
    layer.value = linear(12, width);
    layer.output = linear(width, 24);
    layer.query_norm = norm(6);
    layer.key_norm = norm(6);
    if (experts == 0) {
      layer.gate = linear(30, width);
      layer.up = linear(30, width);
      layer.down = linear(width, 30);
      return layer;
    }
    layer.router = linear(static_cast<std::int64_t>(experts), width);
    layer.experts_used = 2;
    for (std::size_t i = 0; i < experts; ++i) layer.experts.push_back({linear(10, width), linear(10, width), linear(width, 10)});
    return layer;
  }

  StateSpaceLayer state_space_layer() {
    StateSpaceLayer layer;
    layer.norm = norm(width);
    layer.inner_size = 80;
    layer.state_size = 5;
    layer.convolution = 4;
    layer.time_step_rank = 3;
    layer.in = linear(160, width);
    layer.x = linear(13, 80);
    layer.time_step = linear(80, 3);
    layer.out = linear(width, 80);
    layer.convolution_weight = values(320);
    layer.a = values(400);
    for (float& a : layer.a) a = -std::fabs(a);
    layer.d = values(80);
    return layer;
  }

 private:
  std::mt19937 generator_;
};

std::shared_ptr<Model> make_model(bool recurrent) {
  Maker maker(7);
  auto model = std::make_shared<Model>();
  model->hidden_size = width;
  model->vocabulary_size = vocabulary;
  model->embedding_size = width;
  const Linear embedding = maker.linear(vocabulary, width);
  model->embedding = embedding.matrix;
  model->layers.emplace_back(maker.attention_layer(0));
  if (recurrent) model->layers.emplace_back(maker.state_space_layer());
  model->layers.emplace_back(maker.attention_layer(5));
  model->final_norm = maker.norm(width);
  model->head = {embedding.matrix, {}, {}};
  return model;
}

EngineContext make_context(int threads) { return {Arithmetic::reference, &kernel_set(""), std::make_shared<ThreadPool>(threads)}; }

Session make_session(std::shared_ptr<const Model> model, int threads) {
  return Session(std::move(model), make_context(threads), {{6, RopeStyle::halves, {1.0, 0.1, 0.01}, 1.0, {}}}, KvCodec::f32, 1024);
}

std::vector<std::int32_t> make_ids(std::size_t count) {
  std::vector<std::int32_t> ids(count);
  for (std::size_t i = 0; i < count; ++i) ids[i] = static_cast<std::int32_t>(i * i % vocabulary);
  return ids;
}

// Logits of ids[from, to), whose positions follow the session's.
std::vector<float> evaluate(Session& session, std::span<const std::int32_t> ids, std::size_t to, const std::atomic<bool>& cancelled = never) {
  const auto from = static_cast<std::size_t>(session.length());
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> rows;
  for (std::size_t i = from; i < to; ++i) {
    positions.push_back(static_cast<std::int32_t>(i));
    rows.push_back(static_cast<std::int32_t>(i - from));
  }
  std::vector<float> logits(rows.size() * vocabulary);
  session.evaluate({ids.subspan(from, to - from), {}, positions, {}, rows, logits, false}, cancelled);
  return logits;
}

void same_rows(const std::vector<float>& part, const std::vector<float>& whole, std::size_t from, const char* what) {
  check::is_true(std::memcmp(part.data(), whole.data() + from * vocabulary, part.size() * sizeof(float)) == 0, what);
}

}  // namespace

TEST("the exponential in float32 has a relative error below 2e-7 and keeps what is not a number") {
  for (float x = -87.0F; x <= 88.0F; x += 0.00713F) {
    const double exact = std::exp(static_cast<double>(x));
    check::near(static_cast<double>(exponential32(x)) / exact, 1.0, 2e-7);
  }
  check::is_true(exponential32(0.0F) == 1.0F, "exp(0)");
  check::is_true(std::isnan(exponential32(std::numeric_limits<float>::quiet_NaN())), "not a number");
  check::is_true(std::isfinite(exponential32(1e30F)) && exponential32(-1e30F) > 0.0F, "the borders");
}

TEST("activations are those of the C library within 4e-7") {
  const auto compare = [](Activation activation, auto exact) {
    for (float x = -12.0F; x <= 12.0F; x += 0.0137F) {
      float value = x;
      activate(activation, {&value, 1});
      check::near(static_cast<double>(value), exact(static_cast<double>(x)), 4e-7 * (1.0 + std::fabs(static_cast<double>(x))));
    }
  };
  compare(Activation::silu, [](double x) { return x / (1.0 + std::exp(-x)); });
  compare(Activation::gelu, [](double x) { return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0))); });
  compare(Activation::gelu_tanh, [](double x) { return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x))); });
  compare(Activation::relu, [](double x) { return x > 0.0 ? x : 0.0; });
}

TEST("a norm over groups gives each its own mean square") {
  const Norm norm{NormKind::rms, 0.0F, {1, 1, 2, 2}, {}};
  std::vector<float> row{3, 3, 5, 5};
  normalize(norm, 2, row);
  check::near(static_cast<double>(row[0]), 1.0, 1e-6);
  check::near(static_cast<double>(row[3]), 2.0, 1e-6);
}

TEST("a rope with three sections takes each frequency's position from its axis") {
  const Rope rope{4, RopeStyle::pairs, {1.0, 0.5}, 1.0, {1, 1}};
  const std::vector<std::int32_t> positions{1, 2, 30, 40, 0, 0};
  RopeRows rows;
  rows.fill(rope, positions, 2, 1, 1);
  std::vector<float> head{1, 0, 1, 0};
  rows.rotate(rope, 0, 4, head);
  check::near(static_cast<double>(head[0]), std::cos(2.0), 1e-6);
  check::near(static_cast<double>(head[3]), std::sin(20.0), 1e-6);
}

TEST("rows are the same bits in parts, on several threads, after going back, in forks and restored") {
  for (const bool recurrent : {false, true}) {
    const auto model = make_model(recurrent);
    const auto ids = make_ids(600);
    Session whole_session = make_session(model, 1);
    const auto whole = evaluate(whole_session, ids, ids.size());
    Session session = make_session(model, 3);
    same_rows(evaluate(session, ids, 1), whole, 0, "one token");
    same_rows(evaluate(session, ids, 290), whole, 1, "over a part's border");
    same_rows(evaluate(session, ids, 300), whole, 290, "ten tokens");
    session.truncate(290);
    same_rows(evaluate(session, ids, 293), whole, 290, "after going back");
    const auto fork = session.fork();
    Session restored = make_session(model, 2);
    restored.restore(session.save());
    same_rows(evaluate(session, ids, 400), whole, 293, "the first");
    same_rows(evaluate(*fork, ids, 600), whole, 293, "the fork");
    same_rows(evaluate(restored, ids, 600), whole, 293, "the restored");
    session.truncate(0);
    same_rows(evaluate(session, ids, 40), whole, 0, "from the start");
  }
}

TEST("a cancelled call leaves the session as it was, whenever it was cancelled") {
  for (const bool recurrent : {false, true}) {
    const auto model = make_model(recurrent);
    const auto ids = make_ids(600);
    Session session = make_session(model, 2);
    evaluate(session, ids, 20);
    Session other = make_session(model, 2);
    other.restore(session.save());
    const auto expected = evaluate(other, ids, 22);
    for (int delay_us = 0; delay_us < 4000; delay_us += 500) {
      std::atomic<bool> cancelled = delay_us == 0;
      std::thread canceller([&] {
        std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
        cancelled = true;
      });
      bool was_cancelled = false;
      try {
        evaluate(session, ids, 600, cancelled);
      } catch (const Failure& failure) {
        was_cancelled = failure.status() == Status::cancelled;
      }
      canceller.join();
      if (!was_cancelled) break;  // done before
      check::is_true(session.length() == 20, "the length");
      Session again = make_session(model, 1);
      again.restore(session.save());
      check::is_true(evaluate(again, ids, 22) == expected, "the contents");
    }
    check::refuses(Status::cancelled, [&] {
      Session fresh = make_session(model, 1);
      evaluate(fresh, ids, 600, std::atomic<bool>(true));
    });
  }
}

TEST("recurrent layers go back no further than to before the last call") {
  Session session = make_session(make_model(true), 1);
  const auto ids = make_ids(30);
  evaluate(session, ids, 10);
  evaluate(session, ids, 20);
  check::refuses(Status::unsupported_feature, [&] { session.truncate(15); });
  session.truncate(10);
  check::refuses(Status::unsupported_feature, [&] { session.truncate(5); });
  check::is_true(session.length() == 10, "the length");
}

TEST("a request that does not fit is refused before anything is computed") {
  Session session = make_session(make_model(false), 1);
  const auto ids = make_ids(1025);
  check::refuses(Status::context_full, [&] { evaluate(session, ids, 1025); });
  const std::vector<std::int32_t> one{1};
  const std::vector<std::int32_t> wrong{-1};
  const std::vector<std::int32_t> zero{0};
  std::vector<float> logits(vocabulary);
  check::refuses(Status::bad_request, [&] { session.evaluate({wrong, {}, one, {}, {}, {}, false}, never); });
  check::refuses(Status::bad_request, [&] { session.evaluate({one, {}, wrong, {}, {}, {}, false}, never); });
  check::refuses(Status::bad_request, [&] { session.evaluate({one, {}, one, one, {}, {}, false}, never); });
  check::refuses(Status::bad_request, [&] { session.evaluate({one, {}, one, {}, one, logits, false}, never); });
  check::refuses(Status::bad_request, [&] { session.evaluate({{}, {}, {}, {}, {}, {}, false}, never); });
  check::refuses(Status::bad_request, [&] { session.evaluate({one, {}, one, {}, zero, std::span(logits).first(1), false}, never); });
  check::is_true(session.length() == 0, "the length");
}

TEST("a saved session cut anywhere is refused and changes nothing") {
  const auto model = make_model(true);
  Session session = make_session(model, 1);
  evaluate(session, make_ids(40), 40);
  const auto saved = session.save();
  Session other = make_session(model, 1);
  for (std::size_t length = 0; length < saved.size(); length += 97) {
    check::refuses(Status::bad_file, [&] { other.restore(std::span(saved).first(length)); });
  }
  SavedSession longer = decode(saved);
  longer.recurrent.push_back(0.0F);
  check::refuses(Status::bad_file, [&] { other.restore(encode(longer)); });
  check::is_true(other.length() == 0, "the length");
}
