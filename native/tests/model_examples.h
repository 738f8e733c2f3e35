// Small random models of every kind of layer, and sessions of them.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "check.h"
#include "retort/model.h"

namespace examples {

using namespace retort;

inline constexpr std::int32_t width = 24;
inline constexpr std::int32_t vocabulary = 40;
inline const std::atomic<bool> never = false;

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

inline std::shared_ptr<Model> make_model(bool recurrent) {
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

inline EngineContext make_context(int threads) { return {Arithmetic::reference, &kernel_set(""), std::make_shared<ThreadPool>(threads)}; }

inline Session make_session(std::shared_ptr<const Model> model, EngineContext context) {
  return Session(std::move(model), std::move(context), {{6, RopeStyle::halves, {1.0, 0.1, 0.01}, 1.0, {}}}, KvCodec::f32, 1024);
}

inline Session make_session(std::shared_ptr<const Model> model, int threads) { return make_session(std::move(model), make_context(threads)); }

inline std::vector<std::int32_t> make_ids(std::size_t count) {
  std::vector<std::int32_t> ids(count);
  for (std::size_t i = 0; i < count; ++i) ids[i] = static_cast<std::int32_t>(i * i % vocabulary);
  return ids;
}

// Logits of ids[from, to), whose positions follow the session's.
inline std::vector<float> evaluate(Session& session, std::span<const std::int32_t> ids, std::size_t to, const std::atomic<bool>& cancelled = never) {
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

inline void same_rows(const std::vector<float>& part, const std::vector<float>& whole, std::size_t from, const char* what) {
  check::is_true(std::memcmp(part.data(), whole.data() + from * vocabulary, part.size() * sizeof(float)) == 0, what);
}

}  // namespace examples
