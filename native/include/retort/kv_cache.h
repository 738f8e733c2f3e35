// Keys and values of a session: blocks of 32 slots × layer × KV head, K and V apart, each block with a codec of its own. Blocks are shared between
// forks and copied on write. Keys lie after rope; every slot keeps the absolute position it was rotated to (slot ≠ position).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace retort {

// f32 for reference arithmetic's exactness tests, f16 by default, q8: int8 with one float16 scale per 32 values.
enum class KvCodec : std::uint8_t { f32, f16, q8 };

struct KvLayerShape {
  std::int32_t kv_heads;
  std::int32_t head_dimension;
};

inline constexpr std::int64_t kv_block_slots = 32;

class KvCache {
 public:
  KvCache(std::vector<KvLayerShape> layers, KvCodec codec, std::int64_t capacity);
  ~KvCache();
  KvCache(KvCache&&) noexcept;
  KvCache& operator=(KvCache&&) noexcept;

  std::int64_t length() const noexcept;
  std::int64_t capacity() const noexcept;
  KvCodec codec() const noexcept;
  // Absolute position of each slot held.
  std::span<const std::int32_t> positions() const noexcept;

  // Makes room for `positions.size()` more slots of every layer and counts them as held. Throws Failure: context_full, out_of_memory; then nothing changed.
  void extend(std::span<const std::int32_t> positions);
  // Writes key and value of one slot and layer: kv_heads × head_dimension floats each. Blocks shared with a fork are copied first. Different layers or slots of
  // different blocks may be written by different threads.
  void write(std::int64_t layer, std::int64_t slot, std::span<const float> key, std::span<const float> value);
  // Decodes 32 slots of one layer and KV head into `out` [32, head_dimension], rows beyond the length zero. Thread-safe among readers.
  void read_keys(std::int64_t layer, std::int64_t head, std::int64_t block, std::span<float> out) const;
  void read_values(std::int64_t layer, std::int64_t head, std::int64_t block, std::span<float> out) const;

  // Keeps the first `length` slots. Throws Failure: bad_request.
  void truncate(std::int64_t length);
  // Shares every block until one side writes.
  KvCache fork() const;
  // Bytes of the blocks this cache holds; shared blocks count in each.
  std::size_t bytes() const noexcept;

  // The held slots as one byte string, and back. Format: version, codec, shapes, length, positions, blocks; checked on load.
  std::vector<std::byte> save() const;
  void restore(std::span<const std::byte> saved);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retort
