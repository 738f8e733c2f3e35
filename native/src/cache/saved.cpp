// A saved cache, all little-endian:
//
//   "retortKV"  u32 version  u32 codec  u32 layers  u32 0  u64 length
//   per layer   u32 KV heads  u32 head dimension
//   per slot    i32 position
//   per layer, block and head: u32 codec, bytes of the keys; u32 codec, bytes of the values (codec.h; slots beyond the length are zero)
//   u64 checksum of all before it
//
// A reader knows every size from its own shapes and the length; nothing is taken from the bytes that is not compared first.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "codec.h"
#include "retort/status.h"
#include "state.h"

namespace retort {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::array<char, 8> magic = {'r', 'e', 't', 'o', 'r', 't', 'K', 'V'};
constexpr std::uint32_t version = 1;
constexpr std::size_t header_bytes = magic.size() + 4 * sizeof(std::uint32_t) + sizeof(std::uint64_t);

[[noreturn]] void damaged(const std::string& what) { throw Failure(Status::bad_file, "[kv-cache] the saved cache is damaged: " + what); }

// Words are mixed in by xor and an odd factor: both can be undone, so that one changed word always changes the sum.
std::uint64_t checksum(std::span<const std::byte> bytes) {
  std::uint64_t sum = bytes.size();
  for (std::size_t start = 0; start < bytes.size(); start += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + start, std::min(sizeof word, bytes.size() - start));
    sum = std::rotl((sum ^ word) * 0x9e3779b97f4a7c15, 29);
  }
  return sum;
}

class Writer {
 public:
  explicit Writer(std::size_t size) { bytes_.reserve(size); }
  template <class Value>
  void value(Value value) {
    raw(&value, sizeof value);
  }
  void raw(const void* from, std::size_t size) {
    const auto* const start = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), start, start + size);
  }
  std::vector<std::byte> finish() {
    value(checksum(bytes_));
    return std::move(bytes_);
  }

 private:
  std::vector<std::byte> bytes_;
};

// The caller has compared the whole size before, so reads cannot run out; they are checked all the same.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  template <class Value>
  Value value() {
    Value value;
    raw(&value, sizeof value);
    return value;
  }
  void raw(void* to, std::size_t size) {
    if (size > rest_.size()) damaged("it ends early.");
    if (size > 0) std::memcpy(to, rest_.data(), size);
    rest_ = rest_.subspan(size);
  }

 private:
  std::span<const std::byte> rest_;
};

std::size_t saved_size(const KvState& state, std::int64_t length) {
  std::size_t per_block = 0;
  for (const KvLayerShape& shape : state.shapes) {
    per_block += static_cast<std::size_t>(shape.kv_heads) *
                 (2 * sizeof(std::uint32_t) + key_block_bytes(state.codec, shape.head_dimension) + value_block_bytes(state.codec, shape.head_dimension));
  }
  return header_bytes + state.shapes.size() * 2 * sizeof(std::uint32_t) + static_cast<std::size_t>(length) * sizeof(std::int32_t) +
         static_cast<std::size_t>(blocks_for(length)) * per_block + sizeof(std::uint64_t);
}

// The same blocks, but slots from `held` on cleared: what was there before a truncation is nobody's.
void write_block(Writer& writer, const BlockHandle& block, std::int64_t held, std::int64_t dimension, decltype(&encode_key) encode) {
  writer.value(static_cast<std::uint32_t>(block.codec()));
  if (held == kv_block_slots) return writer.raw(block.data(), block.bytes());
  BlockHandle cleared = block.copy();
  const std::vector<float> zeros(static_cast<std::size_t>(dimension));
  for (std::int64_t slot = held; slot < kv_block_slots; ++slot) encode(block.codec(), cleared.data(), slot, zeros);
  writer.raw(cleared.data(), cleared.bytes());
}

void read_block(Reader& reader, BlockHandle& block) {
  if (reader.value<std::uint32_t>() != static_cast<std::uint32_t>(block.codec())) damaged("a block has another codec than its cache.");
  reader.raw(block.data(), block.bytes());
}

// Leaves the reader behind the shapes and gives the length.
std::int64_t check_header(Reader& reader, const KvState& like) {
  std::array<char, magic.size()> found{};
  reader.raw(found.data(), found.size());
  if (found != magic) damaged("it is not a saved cache.");
  const auto found_version = reader.value<std::uint32_t>();
  if (found_version != version) throw Failure(Status::unsupported_format, "[kv-cache] saved caches of version " + std::to_string(found_version) + " are not known.");
  const bool same_codec = reader.value<std::uint32_t>() == static_cast<std::uint32_t>(like.codec);
  const bool same_layers = reader.value<std::uint32_t>() == like.shapes.size();
  if (reader.value<std::uint32_t>() != 0) damaged("its reserved word is not 0.");
  const auto length = reader.value<std::uint64_t>();
  if (!same_codec) throw Failure(Status::bad_request, "[kv-cache] the cache was saved with another codec.");
  bool same_shapes = same_layers;
  for (std::size_t i = 0; same_shapes && i < like.shapes.size(); ++i) {
    same_shapes = reader.value<std::uint32_t>() == static_cast<std::uint32_t>(like.shapes[i].kv_heads);
    same_shapes = reader.value<std::uint32_t>() == static_cast<std::uint32_t>(like.shapes[i].head_dimension) && same_shapes;
  }
  if (!same_shapes) throw Failure(Status::bad_request, "[kv-cache] the cache was saved from a model of other shapes.");
  if (length > static_cast<std::uint64_t>(like.capacity)) {
    throw Failure(Status::context_full, "[kv-cache] the saved cache has " + std::to_string(length) + " slots; the context holds " + std::to_string(like.capacity) + ".");
  }
  return static_cast<std::int64_t>(length);
}

}  // namespace

std::vector<std::byte> save_state(const KvState& state) {
  try {
    Writer writer(saved_size(state, state.length()));
    writer.raw(magic.data(), magic.size());
    writer.value(version);
    writer.value(static_cast<std::uint32_t>(state.codec));
    writer.value(static_cast<std::uint32_t>(state.shapes.size()));
    writer.value(std::uint32_t{0});
    writer.value(static_cast<std::uint64_t>(state.length()));
    for (const KvLayerShape& shape : state.shapes) {
      writer.value(static_cast<std::uint32_t>(shape.kv_heads));
      writer.value(static_cast<std::uint32_t>(shape.head_dimension));
    }
    for (const std::int32_t position : state.positions) writer.value(position);
    for (std::size_t i = 0; i < state.shapes.size(); ++i) {
      const KvLayerShape& shape = state.shapes[i];
      const KvState::Layer& layer = state.layers[i];
      for (std::size_t block = 0; block < layer.keys.size(); ++block) {
        const std::int64_t first_slot = static_cast<std::int64_t>(block) / shape.kv_heads * kv_block_slots;
        const std::int64_t held = std::min(kv_block_slots, state.length() - first_slot);
        write_block(writer, layer.keys[block], held, shape.head_dimension, encode_key);
        write_block(writer, layer.values[block], held, shape.head_dimension, encode_value);
      }
    }
    return writer.finish();
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[kv-cache] no memory to save " + std::to_string(state.length()) + " slots.");
  }
}

KvState restore_state(const KvState& like, std::span<const std::byte> saved) {
  Reader reader(saved);
  const std::int64_t length = check_header(reader, like);
  if (saved.size() != saved_size(like, length)) damaged("its size does not fit its length.");
  std::uint64_t expected = 0;
  std::memcpy(&expected, saved.data() + saved.size() - sizeof expected, sizeof expected);
  if (checksum(saved.first(saved.size() - sizeof expected)) != expected) damaged("its checksum is wrong.");
  try {
    KvState state = like.emptied();
    std::vector<std::int32_t> positions(static_cast<std::size_t>(length));
    reader.raw(positions.data(), positions.size() * sizeof(std::int32_t));
    state.extend(positions);
    for (KvState::Layer& layer : state.layers) {
      for (std::size_t block = 0; block < layer.keys.size(); ++block) {
        read_block(reader, layer.keys[block]);
        read_block(reader, layer.values[block]);
      }
    }
    return state;
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[kv-cache] no memory to restore " + std::to_string(length) + " slots.");
  }
}

}  // namespace retort
