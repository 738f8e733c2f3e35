// Selective state spaces, version 1 (Gu and Dao 2023, arXiv 2312.00752) and version 2 (Dao and Gu 2024, arXiv 2405.21060), in their recurrent form: token by
// token, so that a token's result never depends on how many are evaluated at once. Threads split channels.
#include <algorithm>
#include <cmath>

#include "../scoring/exponential32.h"
#include "layers.h"
#include "rows.h"

namespace retort {
namespace {

constexpr std::int64_t channels_worth_a_thread = 64;

std::size_t index_of(std::int64_t value) { return static_cast<std::size_t>(value); }

// The last convolution − 1 inputs of each channel, [convolution − 1, channels], oldest first.
std::int64_t window_size_of(const StateSpaceLayer& layer) { return (layer.convolution - 1) * channels_of(layer); }

// Where the input of the convolution lies in a projected row, and how wide that is.
struct Projection {
  std::int64_t width, mixed, gate, time_step;
};

Projection projection_of(const StateSpaceLayer& layer) {
  const std::int64_t inner = layer.inner_size;
  if (layer.version == 1) return {2 * inner, 0, inner, 0};
  return {inner + channels_of(layer) + layer.heads, inner, 0, inner + channels_of(layer)};
}

// Each channel sees its own last `convolution` inputs, the newest last; then SiLU. `window` moves on by the step's tokens.
void convolve(const StateSpaceLayer& layer, std::span<float> window, std::span<const float> projected, std::span<float> mixed, const Step& step,
              const Machine& machine) {
  const std::int64_t channels = channels_of(layer);
  const std::int64_t past = layer.convolution - 1;
  const Projection place = projection_of(layer);
  // The input of `channel` at a token of the step, or before it for negative ones.
  const auto input = [&](std::int64_t token, std::int64_t channel) {
    if (token < 0) return window[index_of((past + token) * channels + channel)];
    return projected[index_of(token * place.width + place.mixed + channel)];
  };
  machine.pool().parallel(channels, channels_worth_a_thread, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t token = 0; token < step.count; ++token) {
      float* out = mixed.data() + token * channels;
      for (std::int64_t channel = begin; channel < end; ++channel) {
        const float* weight = layer.convolution_weight.data() + channel * layer.convolution;
        float sum = layer.convolution_bias.empty() ? 0.0F : layer.convolution_bias[index_of(channel)];
        for (std::int64_t k = 0; k < layer.convolution; ++k) sum += weight[k] * input(token - past + k, channel);
        out[channel] = sum;
      }
      activate(Activation::silu, mixed.subspan(index_of(token * channels + begin), index_of(end - begin)));
    }
    // Ascending, so that a row is read before it is written over.
    for (std::int64_t row = 0; row < past; ++row) {
      for (std::int64_t channel = begin; channel < end; ++channel) {
        window[index_of(row * channels + channel)] = input(step.count - past + row, channel);
      }
    }
  });
}

// One channel and token: state = decay · state + step · b · x, returns Σ state · c.
template <class Decay>
float advance(std::span<float> state, std::span<const float> b, std::span<const float> c, float scaled, Decay decay) {
  for (std::size_t n = 0; n < state.size(); ++n) state[n] = decay(n) * state[n] + scaled * b[n];
  return dot(state, c);
}

void gate_by(std::span<float> inner, std::span<const float> projected, const StateSpaceLayer& layer, std::int64_t token, std::int64_t begin, std::int64_t end) {
  const Projection place = projection_of(layer);
  for (std::int64_t channel = begin; channel < end; ++channel) {
    const float gate = projected[index_of(token * place.width + place.gate + channel)];
    inner[index_of(token * layer.inner_size + channel)] *= gate / (1.0F + exponential32(-gate));
  }
}

// Time steps, B and C of every token come from the convolved inputs themselves.
void scan_1(const StateSpaceLayer& layer, std::span<float> state, std::span<const float> projected, std::span<const float> x, std::span<float> inner,
            const Step& step, Machine& machine, Scratch& scratch) {
  const std::int64_t channels = layer.inner_size;
  const std::int64_t size = layer.state_size;
  const std::int64_t rank = layer.time_step_rank;
  const std::int64_t width = rank + 2 * size;
  const auto parameters = room(scratch.parameters, step.count * width);
  const auto ranks = room(scratch.time_rank, step.count * rank);
  const auto steps = room(scratch.time_step, step.count * channels);
  machine.multiply(layer.x, x, step.count, parameters);
  for (std::int64_t token = 0; token < step.count; ++token) {
    const auto from = row_of(parameters, token, width).first(index_of(rank));
    std::copy(from.begin(), from.end(), row_of(ranks, token, rank).begin());
  }
  machine.multiply(layer.time_step, ranks, step.count, steps);
  machine.pool().parallel(channels, channels_worth_a_thread, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t token = 0; token < step.count; ++token) {
      const auto row = row_of(parameters, token, width);
      const auto b = row.subspan(index_of(rank), index_of(size));
      const auto c = row.subspan(index_of(rank + size), index_of(size));
      for (std::int64_t channel = begin; channel < end; ++channel) {
        const float input = x[index_of(token * channels + channel)];
        const float time = softplus(steps[index_of(token * channels + channel)]);
        const float* a = layer.a.data() + channel * size;
        const auto cells = row_of(state, channel, size);
        const float sum = advance(cells, b, c, time * input, [&](std::size_t n) { return exponential32(a[n] * time); });
        inner[index_of(token * channels + channel)] = sum + input * layer.d[index_of(channel)];
      }
      gate_by(inner, projected, layer, token, begin, end);
    }
  });
}

// Channels of one head share a decay and a time step; heads of one group share B and C.
void scan_2(const StateSpaceLayer& layer, std::span<float> state, std::span<const float> projected, std::span<const float> mixed, std::span<float> inner,
            const Step& step, const Machine& machine) {
  const std::int64_t channels = layer.inner_size;
  const std::int64_t size = layer.state_size;
  const std::int64_t width = channels_of(layer);
  const std::int64_t head_width = channels / layer.heads;
  const Projection place = projection_of(layer);
  const auto run_head = [&](std::int64_t head, std::int64_t token) {
    float time = softplus(projected[index_of(token * place.width + place.time_step + head)] + layer.time_step_bias[index_of(head)]);
    if (layer.time_step_limit) time = std::clamp(time, layer.time_step_limit->first, layer.time_step_limit->second);
    const float decay = exponential32(layer.a[index_of(head)] * time);
    const auto row = row_of(mixed, token, width);
    const std::int64_t group = channels + head * layer.groups / layer.heads * size;
    const auto b = row.subspan(index_of(group), index_of(size));
    const auto c = row.subspan(index_of(group + layer.groups * size), index_of(size));
    for (std::int64_t channel = head * head_width; channel < (head + 1) * head_width; ++channel) {
      const float x = row[index_of(channel)];
      const float sum = advance(row_of(state, channel, size), b, c, time * x, [decay](std::size_t) { return decay; });
      inner[index_of(token * channels + channel)] = sum + x * layer.d[index_of(head)];
    }
    gate_by(inner, projected, layer, token, head * head_width, (head + 1) * head_width);
  };
  machine.pool().parallel(layer.heads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t token = 0; token < step.count; ++token) {
      for (std::int64_t head = begin; head < end; ++head) run_head(head, token);
    }
  });
  if (!layer.gate_norm) return;
  const auto group_width = index_of(channels / layer.gate_norm_groups);
  machine.each_row(step.count, channels, [&](std::int64_t token) { normalize(*layer.gate_norm, group_width, row_of(inner, token, channels)); });
}

}  // namespace

std::int64_t channels_of(const StateSpaceLayer& layer) {
  if (layer.version == 1) return layer.inner_size;
  return layer.inner_size + 2 * std::int64_t{layer.groups} * layer.state_size;
}

std::int64_t state_size_of(const StateSpaceLayer& layer) { return window_size_of(layer) + std::int64_t{layer.inner_size} * layer.state_size; }

void run_layer(const StateSpaceLayer& layer, std::span<float> state, const Step& step, Machine& machine, Scratch& scratch) {
  const Stopwatch watch(machine, machine.times.other_ns);
  const auto window = state.first(index_of(window_size_of(layer)));
  const auto cells = state.subspan(window.size());
  const auto projected = room(scratch.projected, step.count * projection_of(layer).width);
  const auto mixed = room(scratch.mixed, step.count * channels_of(layer));
  const auto inner = room(scratch.inner, step.count * layer.inner_size);
  machine.multiply(layer.in, normed(layer.norm, step, machine, scratch), step.count, projected);
  convolve(layer, window, projected, mixed, step, machine);
  if (layer.version == 1) {
    scan_1(layer, cells, projected, mixed, inner, step, machine, scratch);
  } else {
    scan_2(layer, cells, projected, mixed, inner, step, machine);
  }
  machine.bytes_touched += static_cast<std::int64_t>(state.size_bytes());
  const auto returned = room(scratch.returned, step.count * step.hidden_size);
  machine.multiply(layer.out, inner, step.count, returned);
  machine.each_row(step.count, step.hidden_size, [&](std::int64_t token) {
    add(row_of(step.stream, token, step.hidden_size), row_of(returned, token, step.hidden_size));
  });
}

}  // namespace retort
