#include "retort/kv_cache.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <string>
#include <utility>

#include "codec.h"
#include "retort/status.h"
#include "state.h"

namespace retort {
namespace {

// Bounds that keep every product of sizes far below 2^63.
constexpr std::int64_t most_slots = std::int64_t{1} << 27;
constexpr std::int64_t most_layers = 4096;
constexpr std::int64_t most_floats_per_slot = std::int64_t{1} << 20;

[[noreturn]] void refuse(const std::string& what) { throw Failure(Status::bad_request, "[kv-cache] " + what); }

void check_shapes(const std::vector<KvLayerShape>& shapes) {
  if (static_cast<std::int64_t>(shapes.size()) > most_layers) refuse("more than 4096 layers.");
  for (const KvLayerShape& shape : shapes) {
    if (shape.kv_heads < 0 || shape.head_dimension < 0) refuse("a negative count of heads or dimensions.");
    if (shape.kv_heads > 0 && shape.head_dimension == 0) refuse("a head without dimensions.");
    if (std::int64_t{shape.kv_heads} * padded_dimension(shape.head_dimension) > most_floats_per_slot) refuse("more than 2^20 floats per slot and layer.");
  }
}

// As push_back would: a cache grows by a slot at a time.
template <class Item>
void reserve_for(std::vector<Item>& items, std::size_t size) {
  if (items.capacity() < size) items.reserve(std::max(size, 2 * items.capacity()));
}

std::size_t block_index(const KvLayerShape& shape, std::int64_t block, std::int64_t head) {
  return static_cast<std::size_t>(block * shape.kv_heads + head);
}

BlockHandle& owned(BlockHandle& handle) {
  if (handle.is_shared()) handle = handle.copy();
  return handle;
}

}  // namespace

KvState KvState::emptied() const {
  KvState empty;
  empty.arena = arena;
  empty.shapes = shapes;
  empty.codec = codec;
  empty.capacity = capacity;
  empty.layers.resize(shapes.size());
  return empty;
}

void KvState::extend(std::span<const std::int32_t> more) {
  const std::int64_t old_length = length();
  const std::int64_t new_length = old_length + static_cast<std::int64_t>(more.size());
  if (static_cast<std::int64_t>(more.size()) > capacity - old_length) {
    throw Failure(Status::context_full,
                  "[kv-cache] " + std::to_string(new_length) + " slots were asked for; the context holds " + std::to_string(capacity) + ".");
  }
  const std::int64_t old_blocks = blocks_for(old_length);
  const std::int64_t new_blocks = blocks_for(new_length);
  // Everything that can fail comes first.
  std::vector<Layer> added(shapes.size());
  try {
    reserve_for(positions, static_cast<std::size_t>(new_length));
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const KvLayerShape& shape = shapes[i];
      Layer& layer = layers[i];
      reserve_for(layer.keys, block_index(shape, new_blocks, 0));
      reserve_for(layer.values, block_index(shape, new_blocks, 0));
      for (std::size_t block = block_index(shape, old_blocks, 0); block < block_index(shape, new_blocks, 0); ++block) {
        added[i].keys.push_back(BlockHandle::create(*arena, codec, key_block_bytes(codec, shape.head_dimension)));
        added[i].values.push_back(BlockHandle::create(*arena, codec, value_block_bytes(codec, shape.head_dimension)));
      }
      if (old_length % kv_block_slots == 0 || more.empty()) continue;
      for (std::size_t block = block_index(shape, old_blocks - 1, 0); block < layer.keys.size(); ++block) {
        owned(layer.keys[block]);
        owned(layer.values[block]);
      }
    }
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[kv-cache] no memory for " + std::to_string(new_length) + " slots.");
  }
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    for (BlockHandle& block : added[i].keys) bytes += block.allocated_bytes();
    for (BlockHandle& block : added[i].values) bytes += block.allocated_bytes();
    std::move(added[i].keys.begin(), added[i].keys.end(), std::back_inserter(layers[i].keys));
    std::move(added[i].values.begin(), added[i].values.end(), std::back_inserter(layers[i].values));
  }
  for (const std::int32_t position : more) {
    if (ascending == length() && (positions.empty() || positions.back() <= position)) ++ascending;
    positions.push_back(position);
  }
}

void KvState::truncate(std::int64_t new_length) {
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const std::size_t kept = block_index(shapes[i], blocks_for(new_length), 0);
    for (std::vector<BlockHandle>* blocks : {&layers[i].keys, &layers[i].values}) {
      for (; blocks->size() > kept; blocks->pop_back()) bytes -= blocks->back().allocated_bytes();
    }
  }
  positions.resize(static_cast<std::size_t>(new_length));
  ascending = std::min(ascending, new_length);
}

KvCache::KvCache(std::vector<KvLayerShape> layers, KvCodec codec, std::int64_t capacity) {
  check_shapes(layers);
  if (codec != KvCodec::f32 && codec != KvCodec::f16 && codec != KvCodec::q8) refuse("no such codec.");
  if (capacity < 1 || capacity > most_slots) refuse("a capacity of " + std::to_string(capacity) + " slots; 1 to 2^27 are possible.");
  state_ = std::make_unique<State>();
  state_->layers.resize(layers.size());
  state_->shapes = std::move(layers);
  state_->codec = codec;
  state_->capacity = capacity;
}

KvCache::~KvCache() = default;
KvCache::KvCache(KvCache&&) noexcept = default;
KvCache& KvCache::operator=(KvCache&&) noexcept = default;

std::int64_t KvCache::length() const noexcept { return state_->length(); }
std::int64_t KvCache::capacity() const noexcept { return state_->capacity; }
KvCodec KvCache::codec() const noexcept { return state_->codec; }
std::span<const KvLayerShape> KvCache::layers() const noexcept { return state_->shapes; }
std::span<const std::int32_t> KvCache::positions() const noexcept { return state_->positions; }
std::int64_t KvCache::ascending_slots() const noexcept { return state_->ascending; }
std::size_t KvCache::bytes() const noexcept { return state_->bytes; }

void KvCache::extend(std::span<const std::int32_t> positions) { state_->extend(positions); }

void KvCache::write(std::int64_t layer, std::int64_t slot, std::span<const float> key, std::span<const float> value) {
  if (layer < 0 || layer >= static_cast<std::int64_t>(state_->shapes.size())) refuse("no layer " + std::to_string(layer) + ".");
  if (slot < 0 || slot >= length()) refuse("no slot " + std::to_string(slot) + ".");
  const KvLayerShape& shape = state_->shapes[static_cast<std::size_t>(layer)];
  const std::size_t dimension = static_cast<std::size_t>(shape.head_dimension);
  const std::size_t expected = static_cast<std::size_t>(shape.kv_heads) * dimension;
  if (key.size() != expected || value.size() != expected) refuse("a key or value of the wrong size.");
  State::Layer& blocks = state_->layers[static_cast<std::size_t>(layer)];
  const std::int64_t within = slot % kv_block_slots;
  try {
    for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
      const std::size_t index = block_index(shape, slot / kv_block_slots, head);
      const std::size_t start = static_cast<std::size_t>(head) * dimension;
      encode_key(state_->codec, owned(blocks.keys[index]).data(), within, key.subspan(start, dimension));
      encode_value(state_->codec, owned(blocks.values[index]).data(), within, value.subspan(start, dimension));
    }
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[kv-cache] no memory to copy a shared block.");
  }
}

namespace {

// Checks the arguments of a read and clears the rows beyond the length; gives how many rows are held.
std::int64_t held_rows(const KvCache& cache, std::int64_t layer, std::int64_t head, std::int64_t block, std::span<float> out) {
  if (layer < 0 || layer >= static_cast<std::int64_t>(cache.layers().size())) refuse("no layer " + std::to_string(layer) + ".");
  const KvLayerShape& shape = cache.layers()[static_cast<std::size_t>(layer)];
  if (head < 0 || head >= shape.kv_heads) refuse("no KV head " + std::to_string(head) + ".");
  if (block < 0 || block >= blocks_for(cache.length())) refuse("no block " + std::to_string(block) + ".");
  if (out.size() != static_cast<std::size_t>(kv_block_slots * shape.head_dimension)) refuse("a block of the wrong size.");
  const std::int64_t rows = std::min(kv_block_slots, cache.length() - block * kv_block_slots);
  std::fill(out.begin() + rows * shape.head_dimension, out.end(), 0.0F);
  return rows;
}

}  // namespace

void KvCache::read_keys(std::int64_t layer, std::int64_t head, std::int64_t block, std::span<float> out) const {
  const std::int64_t rows = held_rows(*this, layer, head, block, out);
  const std::int64_t dimension = state_->shapes[static_cast<std::size_t>(layer)].head_dimension;
  std::vector<float> decoded(static_cast<std::size_t>(dimension * kv_block_slots));
  const KvBlockView view = key_block(layer, head, block);
  decode_keys(view.codec, view.data, dimension, decoded.data());
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < dimension; ++i) {
      out[static_cast<std::size_t>(row * dimension + i)] = decoded[static_cast<std::size_t>(i * kv_block_slots + row)];
    }
  }
}

void KvCache::read_values(std::int64_t layer, std::int64_t head, std::int64_t block, std::span<float> out) const {
  const std::int64_t rows = held_rows(*this, layer, head, block, out);
  const std::int64_t dimension = state_->shapes[static_cast<std::size_t>(layer)].head_dimension;
  std::vector<float> decoded(static_cast<std::size_t>(padded_dimension(dimension) * kv_block_slots));
  const KvBlockView view = value_block(layer, head, block);
  decode_values(view.codec, view.data, dimension, decoded.data());
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(decoded.begin() + row * padded_dimension(dimension), dimension, out.begin() + row * dimension);
  }
}

KvBlockView KvCache::key_block(std::int64_t layer, std::int64_t head, std::int64_t block) const noexcept {
  const std::size_t i = static_cast<std::size_t>(layer);
  const BlockHandle& handle = state_->layers[i].keys[block_index(state_->shapes[i], block, head)];
  return {handle.codec(), handle.data()};
}

KvBlockView KvCache::value_block(std::int64_t layer, std::int64_t head, std::int64_t block) const noexcept {
  const std::size_t i = static_cast<std::size_t>(layer);
  const BlockHandle& handle = state_->layers[i].values[block_index(state_->shapes[i], block, head)];
  return {handle.codec(), handle.data()};
}

void KvCache::truncate(std::int64_t length) {
  if (length < 0 || length > state_->length()) refuse("cannot keep " + std::to_string(length) + " of " + std::to_string(state_->length()) + " slots.");
  state_->truncate(length);
}

KvCache KvCache::fork() const {
  try {
    KvCache copy({}, state_->codec, state_->capacity);
    *copy.state_ = *state_;
    return copy;
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[kv-cache] no memory for a fork.");
  }
}

std::vector<std::byte> KvCache::save() const { return save_state(*state_); }

void KvCache::restore(std::span<const std::byte> saved) { static_cast<KvState&>(*state_) = restore_state(*state_, saved); }

}  // namespace retort
