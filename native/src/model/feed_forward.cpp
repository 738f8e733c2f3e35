#include <algorithm>
#include <string>

#include "layers.h"
#include "rows.h"
#include "store/flash_store.h"

namespace retort {
namespace {

// A prompt needs nearly all experts of a layer.
constexpr std::int64_t most_guessing_tokens = 2;
// Times the probability of the best expert that is not chosen. Of guesses from there on nine in ten are right on the benchmark's mixture, of those below one in two;
// reading more of these in vain, and fewer at all, took longer (tests/bench/flash).
constexpr float likely_enough = 1.3F;

// down(activation(gate(in)) · up(in)), or down(activation(up(in))) without a gate.
void multi_layer(const AttentionLayer& layer, const Linear& gate, const Linear& up, const Linear& down, std::span<const float> in, std::int64_t count,
                 std::span<float> out, Machine& machine, Scratch& scratch) {
  const std::int64_t size = up.matrix->rows();
  const auto inner = room(scratch.up, count * size);
  if (!layer.gated) {
    machine.multiply(up, in, count, inner);
    machine.each_row(count, size, [&](std::int64_t row) { activate(layer.activation, row_of(inner, row, size)); });
    return machine.multiply(down, inner, count, out);
  }
  const auto gates = room(scratch.gate, count * size);
  machine.multiply({{gate, gates}, {up, inner}}, in, count);
  machine.each_row(count, size, [&](std::int64_t row) {
    const auto gate_row = row_of(gates, row, size);
    activate(layer.activation, gate_row);
    multiply_rows(row_of(inner, row, size), gate_row);
  });
  machine.multiply(down, inner, count, out);
}

// The `used` experts of the highest probability, best first, the lower one among equals; their probabilities go into `shares`.
void choose(const AttentionLayer& layer, std::span<float> probabilities, std::span<std::int32_t> chosen, std::span<float> shares) {
  softmax(probabilities);
  std::vector<std::int32_t> order(probabilities.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  const auto probability = [&](std::int32_t expert) { return probabilities[static_cast<std::size_t>(expert)]; };
  // What is not a number sorts as zero: comparing it would have no order.
  for (float& value : probabilities) value = value >= 0.0F ? value : 0.0F;
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(chosen.size()), order.end(), [&](std::int32_t a, std::int32_t b) {
    return probability(a) != probability(b) ? probability(a) > probability(b) : a < b;
  });
  float sum = 0.0F;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    chosen[i] = order[i];
    shares[i] = probability(order[i]);
    sum += shares[i];
  }
  if (!layer.normalize_chosen) return;
  for (float& share : shares) share /= sum;
}

void route(const AttentionLayer& layer, std::int64_t index, std::span<const float> input, const Step& step, Machine& machine, Scratch& scratch) {
  const auto count = static_cast<std::int64_t>(layer.experts.size());
  const std::int64_t used = layer.experts_used;
  const auto logits = room(scratch.router, step.count * count);
  const auto chosen = room(scratch.chosen, step.count * used);
  const auto shares = room(scratch.shares, step.count * used);
  machine.multiply(layer.router, input, step.count, logits);
  const std::string name = "router." + std::to_string(index);
  if (step.hidden != nullptr) step.hidden->add(name + ".logits", step.first, count, std::span<const float>(logits));
  machine.each_row(step.count, 8 * count, [&](std::int64_t token) {
    choose(layer, row_of(logits, token, count), row_of(chosen, token, used), row_of(shares, token, used));
  });
  if (step.hidden == nullptr) return;
  step.hidden->add(name + ".topk", step.first, used, std::span<const std::int32_t>(chosen));
  step.hidden->add(name + ".weights", step.first, used, std::span<const float>(shares));
}

// One expert over all tokens that chose it. `places`: indices into chosen [count, used].
void run_expert(const AttentionLayer& layer, const AttentionLayer::Expert& expert, std::span<const std::int64_t> places, std::span<const float> input,
                const Step& step, Machine& machine, Scratch& scratch) {
  const std::int64_t width = step.hidden_size;
  const auto count = static_cast<std::int64_t>(places.size());
  const auto in = room(scratch.expert_in, count * width);
  const auto out = room(scratch.expert_out, count * width);
  const auto returned = room(scratch.expert_returned, step.count * layer.experts_used * width);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto from = row_of(input, places[i] / layer.experts_used, width);
    std::copy(from.begin(), from.end(), row_of(in, static_cast<std::int64_t>(i), width).begin());
  }
  multi_layer(layer, expert.gate, expert.up, expert.down, in, count, out, machine, scratch);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto from = row_of(out, static_cast<std::int64_t>(i), width);
    std::copy(from.begin(), from.end(), row_of(returned, places[i], width).begin());
  }
}

// Calls run(expert) for each expert that some token chose: those in memory first where they lie in a pack, while the others are read and `guess` was called.
template <class Guess, class Run>
void each_chosen(std::int64_t layer, Machine& machine, Scratch& scratch, Guess guess, Run run) {
  if (machine.flash() == nullptr || !machine.flash()->has_experts(layer)) {
    for (std::size_t expert = 0; expert < scratch.places.size(); ++expert) {
      if (scratch.places[expert].empty()) continue;
      machine.check_cancelled();
      run(expert);
    }
    return;
  }
  scratch.expert_uses.clear();
  for (const auto& places : scratch.places) scratch.expert_uses.push_back(static_cast<std::int64_t>(places.size()));
  machine.flash()->begin_experts(layer, scratch.expert_uses);
  guess();
  for (std::int64_t expert = machine.flash()->next_expert(); expert >= 0; expert = machine.flash()->next_expert()) run(static_cast<std::size_t>(expert));
}

// The next layer's router asked before its time, with the stream as it is now: most of its choice is the same (WARP, moe-stream). Those that come close to the
// first that is not chosen are left out: they are read in vain about as often as not.
void guess_following(const AttentionLayer& layer, std::int64_t index, const Step& step, Machine& machine, Scratch& scratch) {
  if (layer.experts.empty() || step.count > most_guessing_tokens || !machine.flash()->has_experts(index)) return;
  const auto count = static_cast<std::int64_t>(layer.experts.size());
  const auto logits = room(scratch.guess_logits, count);
  const auto best = room(scratch.guesses, std::min<std::int64_t>(count, layer.experts_used + 1));
  const auto row = room(scratch.guess_input, step.hidden_size);
  for (std::int64_t token = 0; token < step.count; ++token) {
    const auto from = row_of(step.stream, token, step.hidden_size);
    std::copy(from.begin(), from.end(), row.begin());
    if (layer.feed_forward_input) normalize(*layer.feed_forward_input, row.size(), row);
    machine.multiply(layer.router, row, 1, logits);
    choose(layer, logits, best, room(scratch.guess_shares, std::ssize(best)));
    const auto probability = [&](std::int32_t expert) { return logits[static_cast<std::size_t>(expert)]; };
    const float least = probability(best.back()) * likely_enough;
    const auto end = std::ranges::find_if(best, [&](std::int32_t expert) { return probability(expert) < least; });
    machine.flash()->guess_experts(index, std::span(best.begin(), end));
  }
}

void mixture(const AttentionLayer& layer, std::int64_t index, std::span<const float> input, const Step& step, Machine& machine, Scratch& scratch) {
  route(layer, index, input, step, machine, scratch);
  const std::int64_t width = step.hidden_size;
  const std::int64_t used = layer.experts_used;
  const auto chosen = room(scratch.chosen, step.count * used);
  auto& places = scratch.places;
  places.resize(layer.experts.size());
  for (auto& each : places) each.clear();
  for (std::size_t place = 0; place < chosen.size(); ++place) {
    places[static_cast<std::size_t>(chosen[place])].push_back(static_cast<std::int64_t>(place));
  }
  const auto guess = [&] {
    if (step.following != nullptr) guess_following(*step.following, index + 1, step, machine, scratch);
  };
  each_chosen(index, machine, scratch, guess, [&](std::size_t expert) { run_expert(layer, layer.experts[expert], places[expert], input, step, machine, scratch); });
  const auto out = room(scratch.returned, step.count * width);
  const auto returned = room(scratch.expert_returned, step.count * used * width);
  const auto shares = room(scratch.shares, step.count * used);
  machine.each_row(step.count, width * used, [&](std::int64_t token) {
    const auto row = row_of(out, token, width);
    std::fill(row.begin(), row.end(), 0.0F);
    // In the router's order, whatever order the experts ran in.
    for (std::int64_t place = token * used; place < (token + 1) * used; ++place) {
      add_scaled(row, row_of(returned, place, width), shares[static_cast<std::size_t>(place)]);
    }
  });
}

}  // namespace

void feed_forward(const AttentionLayer& layer, std::int64_t index, std::span<const float> input, const Step& step, Machine& machine, Scratch& scratch) {
  if (!layer.experts.empty()) return mixture(layer, index, input, step, machine, scratch);
  const auto out = room(scratch.returned, step.count * step.hidden_size);
  multi_layer(layer, layer.gate, layer.up, layer.down, input, step.count, out, machine, scratch);
}

}  // namespace retort
