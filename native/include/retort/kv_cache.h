// Keys and values of a session: blocks of 32 slots × layer × KV head, K and V apart, each block with a codec of its own. Blocks are shared between
// forks and copied on write. Keys lie after rope; every slot keeps the absolute position it was rotated to (slot ≠ position).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace retort {

// f32 for reference arithmetic's exactness tests, f16 by default, q8: int8 with one float16 scale per 32 values of a slot. f16 keeps what lies
// beyond ±65504 as ±65504; infinity and NaN stay, or make a q8 group NaN.
enum class KvCodec : std::uint8_t { f32, f16, q8 };

enum class KvPart : std::uint8_t { keys, values };

struct KvLayerShape {
  std::int32_t kv_heads;
  std::int32_t head_dimension;
};

inline constexpr std::int64_t kv_block_slots = 32;

// A block as it lies in memory: for attention, which knows the codecs (src/cache/codec.h).
struct KvBlockView {
  KvCodec codec;
  const std::byte* data;
};

// Not for two threads at once, except where a function says so. Forks are independent of each other.
class KvCache {
 public:
  // `capacity` counts slots; memory is taken by `extend`. A layer without KV heads holds nothing. Throws Failure: bad_request.
  KvCache(std::vector<KvLayerShape> layers, KvCodec codec, std::int64_t capacity);
  ~KvCache();
  KvCache(KvCache&&) noexcept;
  KvCache& operator=(KvCache&&) noexcept;

  std::int64_t length() const noexcept;
  std::int64_t capacity() const noexcept;
  KvCodec codec() const noexcept;
  std::span<const KvLayerShape> layers() const noexcept;
  // Absolute position of each slot held.
  std::span<const std::int32_t> positions() const noexcept;
  // How many slots, from slot 0 on, have positions that never fall.
  std::int64_t ascending_slots() const noexcept;

  // Makes room for `positions.size()` more slots of every layer and counts them as held. Throws Failure: context_full, out_of_memory; then nothing changed.
  void extend(std::span<const std::int32_t> positions);
  // Writes key and value of one slot and layer: kv_heads × head_dimension floats each. Blocks shared with a fork are copied first (`extend` does so for the block
  // it continues). Different layers or slots of different blocks may be written by different threads. Throws Failure: bad_request, out_of_memory.
  void write(std::int64_t layer, std::int64_t slot, std::span<const float> key, std::span<const float> value);
  // Decodes 32 slots of one layer and KV head into `out` [32, head_dimension], rows beyond the length zero. Thread-safe among readers. Throws Failure: bad_request.
  void read_keys(std::int64_t layer, std::int64_t head, std::int64_t block, std::span<float> out) const;
  void read_values(std::int64_t layer, std::int64_t head, std::int64_t block, std::span<float> out) const;
  // Euclidean norm of the key or value of each slot held, of one layer and KV head. Thread-safe among readers. Throws Failure: bad_request, out_of_memory.
  void norms(std::int64_t layer, std::int64_t head, KvPart part, std::span<float> out) const;
  // The same undecoded and unchecked; slots beyond the length hold anything. Valid until the cache changes.
  KvBlockView key_block(std::int64_t layer, std::int64_t head, std::int64_t block) const noexcept;
  KvBlockView value_block(std::int64_t layer, std::int64_t head, std::int64_t block) const noexcept;

  // Keeps the first `length` slots. Throws Failure: bad_request.
  void truncate(std::int64_t length);
  // Shares every block until one side writes. Throws Failure: out_of_memory.
  KvCache fork() const;
  // Bytes of the blocks this cache holds; shared blocks count in each.
  std::size_t bytes() const noexcept;

  // The held slots as one byte string, and back (format: src/cache/saved.cpp). Equal contents give equal bytes. `restore` replaces what is held. Throws Failure:
  // bad_file (damaged bytes), bad_request (saved with another codec or other shapes), context_full, out_of_memory; then nothing changed.
  std::vector<std::byte> save() const;
  void restore(std::span<const std::byte> saved);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retort
