#include "tile.h"

#include <algorithm>
#include <limits>

#include "../cache/codec.h"

namespace retort {
namespace {

constexpr std::int64_t tile_blocks = attention_tile_slots / kv_block_slots;
constexpr float hidden = -std::numeric_limits<float>::infinity();

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

}  // namespace

TileWorker::TileWorker(const AttentionCall& call, const AttentionJob& job) : call_(call), job_(job) {
  const std::int64_t dimension = call.dimension();
  const std::int64_t group = call.group();
  query_.resize(at(rows() * dimension));
  scores_.resize(at(rows() * attention_tile_slots));
  runs_.resize(at(job.end - job.begin));
  decoded_.resize(at(kv_block_slots * call.padded()));
  for (std::int64_t token = job.begin; token < job.end; ++token) {
    const float* const from = call.query.data() + (token * call.shape.heads + job.head * group) * dimension;
    std::copy_n(from, group * dimension, query_.begin() + (token - job.begin) * group * dimension);
  }
}

void TileWorker::compute(std::int64_t tile, std::span<TileSum> sums, std::span<float> out) {
  std::fill(sums.begin(), sums.end(), TileSum{});
  std::fill(out.begin(), out.end(), 0.0F);
  for (std::int64_t token = job_.begin; token < job_.end; ++token) call_.visibility.runs(token, tile, runs_[at(token - job_.begin)]);
  if (tile < call_.visibility.first_branched_tile()) return compute_chain(tile, sums, out.data());
  decode_new_tokens();
  for (std::int64_t token = job_.begin; token < job_.end; ++token) {
    const std::int64_t row = (token - job_.begin) * call_.group();
    if (!runs(token).empty()) compute_branch(token, tile, sums.data() + row, out.data() + row * call_.padded());
  }
}

// Scores of a token's rows to weights.
void TileWorker::weigh(std::int64_t token, std::int64_t tile, TileSum* sums) {
  const std::vector<Run>& visible = runs(token);
  if (visible.empty()) return;
  const std::int64_t start = tile * attention_tile_slots;
  // Whole blocks from the first to the last visible rank; adding the zeros of what is hidden changes no bit.
  const std::int64_t begin = (visible.front().begin - start) / kv_block_slots * kv_block_slots;
  const std::int64_t end = (visible.back().end - start + kv_block_slots - 1) / kv_block_slots * kv_block_slots;
  for (std::int64_t g = 0; g < call_.group(); ++g) {
    float* const scores = row_scores(token) + g * attention_tile_slots;
    scale_scores(scores + begin, end - begin, call_.shape.scale, call_.shape.softcap);
    std::int64_t next = begin;
    for (const Run& run : visible) {
      std::fill(scores + next, scores + run.begin - start, hidden);
      next = run.end - start;
    }
    std::fill(scores + next, scores + end, hidden);
    sums[g] = weigh_scores(scores + begin, end - begin);
  }
}

void TileWorker::compute_chain(std::int64_t tile, std::span<TileSum> sums, float* out) {
  const std::int64_t start = tile * attention_tile_slots;
  const std::int64_t group = call_.group();
  std::int64_t begin = start + attention_tile_slots;
  std::int64_t end = start;
  for (const std::vector<Run>& visible : runs_) {
    if (visible.empty()) continue;
    begin = std::min(begin, visible.front().begin);
    end = std::max(end, visible.back().end);
  }
  if (begin >= end) return;
  const std::int64_t first_block = begin / kv_block_slots;
  const std::int64_t last_block = (end - 1) / kv_block_slots;

  for (std::int64_t block = first_block; block <= last_block; ++block) {
    const Numbers keys = numbers_of(call_.cache.key_block(call_.layer, job_.head, block), call_.kernels.keys);
    call_.kernels.accumulate({.a = query_.data(), .a_stride = call_.dimension(), .b = keys, .b_stride = kv_block_slots,
                              .c = scores_.data() + (block * kv_block_slots - start), .c_stride = attention_tile_slots, .rows = rows(),
                              .depth = call_.dimension(), .columns = kv_block_slots, .from_zero = true,
                              .ahead = block < last_block ? key_bytes(block + 1) : value_bytes(first_block)});
  }
  for (std::int64_t token = job_.begin; token < job_.end; ++token) weigh(token, tile, sums.data() + (token - job_.begin) * group);
  for (std::int64_t block = first_block; block <= last_block; ++block) {
    const Numbers values = numbers_of(call_.cache.value_block(call_.layer, job_.head, block), call_.kernels.values);
    add_values(values, block, tile, out, block < last_block ? value_bytes(block + 1) : key_bytes(block + 1));
  }
}

Numbers TileWorker::numbers_of(KvBlockView block, decltype(AttentionKernels::keys) decode) {
  if (block.codec == KvCodec::f16) return {nullptr, reinterpret_cast<const std::uint16_t*>(block.data)};
  return {decode(block, call_.dimension(), decoded_.data()), nullptr};
}

// The bytes of a block, none where there is no such block.
std::span<const std::byte> TileWorker::key_bytes(std::int64_t block) const {
  if (block * kv_block_slots >= call_.cache.length()) return {};
  const KvBlockView view = call_.cache.key_block(call_.layer, job_.head, block);
  return {view.data, key_block_bytes(view.codec, call_.dimension())};
}

std::span<const std::byte> TileWorker::value_bytes(std::int64_t block) const {
  if (block * kv_block_slots >= call_.cache.length()) return {};
  const KvBlockView view = call_.cache.value_block(call_.layer, job_.head, block);
  return {view.data, value_block_bytes(view.codec, call_.dimension())};
}

void TileWorker::add_weighted(const float* weights, Numbers values, std::int64_t slots, std::int64_t row_count, float* out,
                              std::span<const std::byte> ahead) {
  const std::int64_t padded = call_.padded();
  call_.kernels.accumulate({.a = weights, .a_stride = attention_tile_slots, .b = values, .b_stride = padded, .c = out, .c_stride = padded, .rows = row_count,
                            .depth = slots, .columns = padded, .from_zero = false, .ahead = ahead});
}

// out += weights · values for the visible ranks of a block. Only these are touched: what a row must not see may be no number.
void TileWorker::add_values(Numbers values, std::int64_t block, std::int64_t tile, float* out, std::span<const std::byte> ahead) {
  const std::int64_t start = block * kv_block_slots;
  const std::int64_t end = start + kv_block_slots;
  const std::int64_t column = start - tile * attention_tile_slots;
  const std::int64_t padded = call_.padded();
  const auto sees_all = [&](const std::vector<Run>& visible) {
    return std::any_of(visible.begin(), visible.end(), [&](const Run& run) { return run.begin <= start && run.end >= end; });
  };
  if (std::all_of(runs_.begin(), runs_.end(), sees_all)) {
    return add_weighted(scores_.data() + column, values, kv_block_slots, rows(), out, ahead);
  }
  for (std::int64_t token = job_.begin; token < job_.end; ++token) {
    float* const token_out = out + (token - job_.begin) * call_.group() * padded;
    for (const Run& run : runs(token)) {
      const std::int64_t from = std::max(run.begin, start) - start;
      const std::int64_t to = std::min(run.end, end) - start;
      if (from >= to) continue;
      add_weighted(row_scores(token) + column + from, values + from * padded, to - from, call_.group(), token_out, ahead);
      ahead = {};
    }
  }
}

void TileWorker::decode_new_tokens() {
  if (!new_keys_.empty()) return;
  const std::int64_t first = call_.visibility.base() / kv_block_slots;
  const std::int64_t blocks = (call_.cache.length() - 1) / kv_block_slots - first + 1;
  const std::int64_t key_floats = kv_block_slots * call_.dimension();
  const std::int64_t value_floats = kv_block_slots * call_.padded();
  new_values_.resize(at(blocks * value_floats));
  path_keys_.resize(at(tile_blocks * key_floats));
  path_values_.resize(at(tile_blocks * value_floats));
  new_keys_.resize(at(blocks * key_floats));
  for (std::int64_t block = 0; block < blocks; ++block) {
    copy_block(first + block, new_keys_.data() + block * key_floats, new_values_.data() + block * value_floats);
  }
}

void TileWorker::copy_block(std::int64_t block, float* keys, float* values) {
  const std::int64_t dimension = call_.dimension();
  std::copy_n(call_.kernels.keys(call_.cache.key_block(call_.layer, job_.head, block), dimension, decoded_.data()), kv_block_slots * dimension, keys);
  std::copy_n(call_.kernels.values(call_.cache.value_block(call_.layer, job_.head, block), dimension, decoded_.data()), kv_block_slots * call_.padded(), values);
}

// The ranks of a tile below `end` as if they were slots: what lies before the new tokens, then the token's branch.
void TileWorker::lay_out_branch(std::int64_t token, std::int64_t tile, std::int64_t end) {
  const std::int64_t dimension = call_.dimension();
  const std::int64_t padded = call_.padded();
  const std::int64_t start = tile * attention_tile_slots;
  const std::int64_t base = call_.visibility.base();
  if (laid_out_tile_ != tile) {
    for (std::int64_t slot = start; slot < base; slot += kv_block_slots) {
      copy_block(slot / kv_block_slots, path_keys_.data() + (slot - start) * dimension, path_values_.data() + (slot - start) * padded);
    }
    laid_out_tile_ = tile;
  }
  const std::int64_t first_new = base / kv_block_slots * kv_block_slots;
  const auto branch = call_.visibility.branch(token);
  for (std::int64_t rank = std::max(base, start); rank < end; ++rank) {
    const std::int64_t from = base + branch[at(rank - base)] - first_new;
    const std::int64_t to = rank - start;
    const float* const from_key = new_keys_.data() + from / kv_block_slots * kv_block_slots * dimension + from % kv_block_slots;
    float* const to_key = path_keys_.data() + to / kv_block_slots * kv_block_slots * dimension + to % kv_block_slots;
    for (std::int64_t i = 0; i < dimension; ++i) to_key[i * kv_block_slots] = from_key[i * kv_block_slots];
    std::copy_n(new_values_.data() + from * padded, padded, path_values_.data() + to * padded);
  }
}

void TileWorker::compute_branch(std::int64_t token, std::int64_t tile, TileSum* sums, float* out) {
  const std::int64_t start = tile * attention_tile_slots;
  const std::int64_t group = call_.group();
  const std::int64_t dimension = call_.dimension();
  const std::vector<Run>& visible = runs(token);
  lay_out_branch(token, tile, visible.back().end);
  const float* const query = query_.data() + (token - job_.begin) * group * dimension;
  for (std::int64_t rank = visible.front().begin / kv_block_slots * kv_block_slots; rank < visible.back().end; rank += kv_block_slots) {
    call_.kernels.accumulate({.a = query, .a_stride = dimension, .b = {path_keys_.data() + (rank - start) * dimension, nullptr}, .b_stride = kv_block_slots,
                              .c = row_scores(token) + (rank - start), .c_stride = attention_tile_slots, .rows = group, .depth = dimension,
                              .columns = kv_block_slots, .from_zero = true});
  }
  weigh(token, tile, sums);
  for (const Run& run : visible) {
    add_weighted(row_scores(token) + (run.begin - start), {path_values_.data() + (run.begin - start) * call_.padded(), nullptr}, run.end - run.begin, group, out, {});
  }
}

}  // namespace retort
