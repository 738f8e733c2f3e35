// Attention of new tokens over a session's cache, in FlashAttention-2's order (Dao, arXiv 2307.08691): tiles of 256 slots from slot 0 on with a running
// maximum and sum, merged in ascending order whatever the number of threads or new tokens. So cached = uncached and chunked = whole, bit for bit.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "retort/kv_cache.h"
#include "retort/matrix.h"
#include "retort/thread_pool.h"

namespace retort {

inline constexpr std::int64_t attention_tile_slots = 256;

struct AttentionShape {
  std::int32_t heads;
  std::int32_t kv_heads;
  std::int32_t head_dimension;
  // Multiplied onto q·k.
  float scale;
  // Key position p is visible to query position q iff q − p < window.
  std::optional<std::int32_t> window;
  // cap·tanh(score/cap).
  std::optional<float> softcap;
};

// The last `count` slots of the cache are the new tokens, already written. `parents`: empty for a chain (token i sees every slot up to itself); else for each new
// token the index among the new ones of the token it follows, −1 = the slots before them, and it sees those, its ancestors and itself.
// query and out: [count, heads·head_dimension]. Once `cancelled` is true the rest of `out` stays as it is.
void attend(const AttentionShape& shape, const KvCache& cache, std::int64_t layer, std::span<const float> query, std::int64_t count,
            std::span<const std::int32_t> parents, std::span<float> out, const KernelSet& kernels, ThreadPool& pool,
            const std::atomic<bool>* cancelled = nullptr);

// How the last slot of the cache, whose query this is ([heads·head_dimension]), spreads its attention over all slots: out [heads, cache.length()], each
// head's shares adding up to 1, and 0 for what it does not see. For inspection: attend() keeps no such rows, and its results do not depend on this.
void attention_shares(const AttentionShape& shape, const KvCache& cache, std::int64_t layer, std::span<const float> query, std::span<float> out,
                      const KernelSet& kernels, ThreadPool& pool);

}  // namespace retort
