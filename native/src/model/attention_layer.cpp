#include <algorithm>

#include "cache_view.h"
#include "layers.h"
#include "rows.h"

namespace retort {
namespace {

struct Widths {
  std::int64_t head, query, key;
};

Widths widths_of(const AttentionShape& shape) {
  const std::int64_t head = shape.head_dimension;
  return {head, shape.heads * head, shape.kv_heads * head};
}

// Everything between projection and rope, and rope itself, of one row of queries or keys.
void prepare(const AttentionLayer& layer, const std::optional<Norm>& norm, const Step& step, std::int64_t token, std::span<float> row) {
  const auto head = static_cast<std::size_t>(layer.shape.head_dimension);
  if (norm) normalize(*norm, layer.norms_per_head ? head : row.size(), row);
  if (layer.clip) clamp(row, *layer.clip);
  if (!layer.rope) return;
  const auto rope = static_cast<std::size_t>(*layer.rope);
  step.rope_rows[rope].rotate(step.ropes[rope], token, head, row);
}

// Slots of one block belong to one thread.
template <class Work>
void each_token_by_blocks(std::int64_t first_slot, std::int64_t count, ThreadPool& pool, Work work) {
  const std::int64_t first_block = first_slot / kv_block_slots;
  const std::int64_t blocks = (first_slot + count - 1) / kv_block_slots - first_block + 1;
  const auto tokens = [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t from = std::max(std::int64_t{0}, (first_block + begin) * kv_block_slots - first_slot);
    const std::int64_t to = std::min(count, (first_block + end) * kv_block_slots - first_slot);
    for (std::int64_t token = from; token < to; ++token) work(token);
  };
  if (blocks == 1) return tokens(0, 1);
  pool.parallel(blocks, 1, tokens);
}

double bytes_per_element(KvCodec codec) {
  switch (codec) {
    case KvCodec::f32:
      return 4;
    case KvCodec::f16:
      return 2;
    case KvCodec::q8:
      return 1 + 2.0 / 32;
  }
  return 0;
}

std::int64_t bytes_attended(const AttentionShape& shape, const KvCache& cache, std::int64_t count) {
  std::int64_t slots = cache.length();
  if (shape.window) slots = std::min(slots, *shape.window + count - 1);
  return static_cast<std::int64_t>(static_cast<double>(2 * slots * widths_of(shape).key) * bytes_per_element(cache.codec()));
}

// What the last token of the step attends to.
void add_shares(const AttentionShape& shape, std::int64_t kv_layer, const KvCache& cache, std::span<const float> query, const Step& step,
                const Machine& machine) {
  std::vector<float> shares(static_cast<std::size_t>(shape.heads * cache.length()));
  attention_shares(shape, cache, kv_layer, query, shares, machine.kernels(), machine.pool());
  step.attention->push_back(viewed(*step.view, shares, shape.heads, cache.length()));
}

void attention(const AttentionLayer& layer, std::int64_t kv_layer, KvCache& cache, std::span<const float> input, const Step& step, Machine& machine,
               Scratch& scratch) {
  const Widths width = widths_of(layer.shape);
  const auto query = room(scratch.query, step.count * width.query);
  const auto key = room(scratch.key, step.count * width.key);
  const auto value = room(scratch.value, step.count * width.key);
  machine.multiply({{layer.query, query}, {layer.key, key}, {layer.value, value}}, input, step.count);
  const std::int64_t first_slot = cache.length() - step.count;
  each_token_by_blocks(first_slot, step.count, machine.pool(), [&](std::int64_t token) {
    const auto key_row = row_of(key, token, width.key);
    const auto value_row = row_of(value, token, width.key);
    prepare(layer, layer.query_norm, step, token, row_of(query, token, width.query));
    prepare(layer, layer.key_norm, step, token, key_row);
    if (layer.clip) clamp(value_row, *layer.clip);
    cache.write(kv_layer, first_slot + token, key_row, value_row);
  });
  const auto attended = room(scratch.attended, step.count * width.query);
  attend(layer.shape, cache, kv_layer, query, step.count, step.parents, attended, machine.kernels(), machine.pool(), &machine.cancelled());
  // A long prompt attends for a long time.
  machine.check_cancelled();
  if (step.attention != nullptr) add_shares(layer.shape, kv_layer, cache, row_of(query, step.count - 1, width.query), step, machine);
  machine.bytes_touched += bytes_attended(layer.shape, cache, step.count);
  machine.multiply(layer.output, attended, step.count, room(scratch.returned, step.count * step.hidden_size));
}

// stream = residual norm(stream + output norm(returned)).
void add_to_stream(const std::optional<Norm>& output, const std::optional<Norm>& residual, const Step& step, const Machine& machine, Scratch& scratch) {
  const std::int64_t width = step.hidden_size;
  const auto returned = room(scratch.returned, step.count * width);
  machine.each_row(step.count, width, [&](std::int64_t token) {
    const auto stream_row = row_of(step.stream, token, width);
    const auto returned_row = row_of(returned, token, width);
    if (output) normalize(*output, returned_row.size(), returned_row);
    add(stream_row, returned_row);
    if (residual) normalize(*residual, stream_row.size(), stream_row);
  });
}

}  // namespace

std::span<const float> normed(const std::optional<Norm>& norm, const Step& step, const Machine& machine, Scratch& scratch) {
  if (!norm) return step.stream;
  const std::int64_t width = step.hidden_size;
  const auto rows = room(scratch.normed, step.count * width);
  machine.each_row(step.count, width, [&](std::int64_t token) {
    const auto from = row_of(step.stream, token, width);
    const auto to = row_of(rows, token, width);
    std::copy(from.begin(), from.end(), to.begin());
    normalize(*norm, to.size(), to);
  });
  return rows;
}

void run_layer(const AttentionLayer& layer, std::int64_t index, std::int64_t kv_layer, KvCache& cache, const Step& step, Machine& machine, Scratch& scratch) {
  {
    const Stopwatch watch(machine, machine.times.attention_ns);
    attention(layer, kv_layer, cache, normed(layer.attention_input, step, machine, scratch), step, machine, scratch);
    add_to_stream(layer.attention_output, layer.attention_residual, step, machine, scratch);
  }
  const Stopwatch watch(machine, machine.times.feed_forward_ns);
  feed_forward(layer, index, normed(layer.feed_forward_input, step, machine, scratch), step, machine, scratch);
  add_to_stream(layer.feed_forward_output, layer.feed_forward_residual, step, machine, scratch);
}

}  // namespace retort
