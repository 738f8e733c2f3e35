#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <vector>

#include "../cache/state.h"
#include "kernels.h"
#include "retort/attention.h"
#include "retort/status.h"
#include "softmax.h"
#include "tile.h"
#include "visibility.h"

namespace retort {
namespace {

constexpr double hidden = -std::numeric_limits<double>::infinity();

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

// Scores of the query heads of one KV head, by the kernels that attend() has: [group, whole blocks].
LineFloats scores_of(const AttentionShape& shape, const KvCache& cache, std::int64_t layer, std::int64_t head, const float* query,
                     const AttentionKernels& kernels) {
  const std::int64_t group = shape.heads / shape.kv_heads;
  const std::int64_t dimension = shape.head_dimension;
  const std::int64_t blocks = blocks_for(cache.length());
  const std::int64_t width = blocks * kv_block_slots;
  LineFloats aligned(query, query + group * dimension);
  LineFloats decoded(at(kv_block_slots * dimension));
  LineFloats scores(at(group * width));
  for (std::int64_t block = 0; block < blocks; ++block) {
    const float* const keys = kernels.keys(cache.key_block(layer, head, block), dimension, decoded.data());
    kernels.accumulate({.a = aligned.data(), .a_stride = dimension, .b = {keys, nullptr}, .b_stride = kv_block_slots,
                        .c = scores.data() + block * kv_block_slots, .c_stride = width, .rows = group, .depth = dimension, .columns = kv_block_slots,
                        .from_zero = true});
  }
  scale_scores(scores.data(), group * width, shape.scale, shape.softcap);
  return scores;
}

std::vector<Run> visible_runs(const Visibility& visibility, std::int64_t length) {
  std::vector<Run> all;
  std::vector<Run> runs;
  for (std::int64_t tile = 0; tile * attention_tile_slots < length; ++tile) {
    visibility.runs(0, tile, runs);
    all.insert(all.end(), runs.begin(), runs.end());
  }
  return all;
}

void spread(const float* scores, const std::vector<Run>& visible, std::span<float> out) {
  double highest = hidden;
  for (const Run& run : visible) {
    for (std::int64_t slot = run.begin; slot < run.end; ++slot) highest = std::max(highest, static_cast<double>(scores[slot]));
  }
  std::ranges::fill(out, 0.0F);
  double sum = 0;
  for (const Run& run : visible) {
    for (std::int64_t slot = run.begin; slot < run.end; ++slot) sum += std::exp(static_cast<double>(scores[slot]) - highest);
  }
  for (const Run& run : visible) {
    for (std::int64_t slot = run.begin; slot < run.end; ++slot) out[at(slot)] = static_cast<float>(std::exp(static_cast<double>(scores[slot]) - highest) / sum);
  }
}

}  // namespace

void attention_shares(const AttentionShape& shape, const KvCache& cache, std::int64_t layer, std::span<const float> query, std::span<float> out,
                      const KernelSet& kernels, ThreadPool& pool) {
  const auto refuse = [](const char* what) { throw Failure(Status::bad_request, std::string("[attention] ") + what); };
  if (layer < 0 || layer >= static_cast<std::int64_t>(cache.layers().size())) refuse("no such layer.");
  if (cache.length() == 0) refuse("an empty cache.");
  if (query.size() != at(shape.heads) * at(shape.head_dimension)) refuse("a query of the wrong size.");
  if (out.size() != at(shape.heads) * at(cache.length())) refuse("shares of the wrong size.");
  try {
    const Visibility visibility(cache, 1, {}, shape.window);
    const std::vector<Run> visible = visible_runs(visibility, cache.length());
    const std::int64_t group = shape.heads / shape.kv_heads;
    const std::int64_t width = blocks_for(cache.length()) * kv_block_slots;
    pool.parallel(shape.kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t head = begin; head < end; ++head) {
        const float* const first = query.data() + head * group * shape.head_dimension;
        const LineFloats scores = scores_of(shape, cache, layer, head, first, attention_kernels(kernels));
        for (std::int64_t g = 0; g < group; ++g) {
          spread(scores.data() + g * width, visible, out.subspan(at((head * group + g) * cache.length()), at(cache.length())));
        }
      }
    });
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[attention] no memory for the shares of a layer.");
  }
}

}  // namespace retort
