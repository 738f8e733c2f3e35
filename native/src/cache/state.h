// What a cache holds. `kv_cache.cpp` changes it, `saved.cpp` turns it into bytes and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "block.h"
#include "retort/kv_cache.h"

namespace retort {

constexpr std::int64_t blocks_for(std::int64_t slots) { return (slots + kv_block_slots - 1) / kv_block_slots; }

struct KvState {
  // Of one layer: block b of head h is at b · kv_heads + h.
  struct Layer {
    std::vector<BlockHandle> keys;
    std::vector<BlockHandle> values;
  };

  // Shared with forks and with states emptied from this one; first, so that it goes last.
  std::shared_ptr<BlockArena> arena = std::make_shared<BlockArena>();
  std::vector<KvLayerShape> shapes;
  KvCodec codec = KvCodec::f16;
  std::int64_t capacity = 0;

  std::vector<Layer> layers;
  std::vector<std::int32_t> positions;
  // Slots from 0 whose positions never fall.
  std::int64_t ascending = 0;
  std::size_t bytes = 0;

  std::int64_t length() const { return static_cast<std::int64_t>(positions.size()); }
  // An empty one with the same settings.
  KvState emptied() const;
  // Throws Failure: context_full, out_of_memory; then nothing changed.
  void extend(std::span<const std::int32_t> more);
  void truncate(std::int64_t length);
};

struct KvCache::State : KvState {};

std::vector<std::byte> save_state(const KvState& state);
// `like` gives codec, shapes and capacity that the saved ones must fit.
KvState restore_state(const KvState& like, std::span<const std::byte> saved);

}  // namespace retort
