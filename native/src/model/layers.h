// The blocks of a model over a part of the new tokens. Each reads and writes the residual stream [count, hidden_size].
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hidden.h"
#include "machine.h"
#include "retort/model.h"
#include "rope.h"

namespace retort {

// Buffers of a session, kept between calls.
struct Scratch {
  std::vector<float> stream, normed, returned;
  std::vector<float> query, key, value, attended;
  std::vector<float> gate, up;
  std::vector<float> router, shares, expert_in, expert_out, expert_returned;
  std::vector<std::int32_t> chosen;
  // Per expert: which of the chosen are it.
  std::vector<std::vector<std::int64_t>> places;
  std::vector<std::int64_t> expert_uses;
  std::vector<float> guess_input, guess_logits, guess_shares;
  std::vector<std::int32_t> guesses;
  std::vector<float> projected, mixed, parameters, time_rank, time_step, inner;
  std::vector<float> head_rows, head_input, head_output;
};

// A part of the tokens of one call.
struct Step {
  std::int64_t first = 0;  // among the call's tokens
  std::int64_t count = 0;
  std::int64_t hidden_size = 0;
  std::span<const std::int32_t> parents;  // empty: a chain
  std::span<float> stream;
  std::span<const Rope> ropes;
  std::span<const RopeRows> rope_rows;
  HiddenCollector* hidden = nullptr;
  // The layer after the one that runs; null where it has no attention, or there is none.
  const AttentionLayer* following = nullptr;
  // Where the step has the call's last token and its attention is asked for.
  const CacheView* view = nullptr;
  std::vector<std::vector<float>>* attention = nullptr;
};

// `index` counts all layers, `kv_layer` those with attention. The cache was extended by the step's tokens.
void run_layer(const AttentionLayer& layer, std::int64_t index, std::int64_t kv_layer, KvCache& cache, const Step& step, Machine& machine, Scratch& scratch);

// `state`: what the layer keeps between tokens, state_size_of(layer) floats.
void run_layer(const StateSpaceLayer& layer, std::span<float> state, const Step& step, Machine& machine, Scratch& scratch);
std::int64_t channels_of(const StateSpaceLayer& layer);
std::int64_t state_size_of(const StateSpaceLayer& layer);

// What the feed-forward part of a layer returns for `input`, into scratch.returned.
void feed_forward(const AttentionLayer& layer, std::int64_t index, std::span<const float> input, const Step& step, Machine& machine, Scratch& scratch);

// The stream's rows normed into scratch.normed, or the stream itself where there is no norm.
std::span<const float> normed(const std::optional<Norm>& norm, const Step& step, const Machine& machine, Scratch& scratch);

}  // namespace retort
