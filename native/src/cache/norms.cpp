#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <vector>

#include "codec.h"
#include "retort/kv_cache.h"
#include "retort/status.h"
#include "state.h"

namespace retort {
namespace {

using Sums = std::array<double, kv_block_slots>;

// Keys lie dimension by dimension, values slot by slot (codec.h).
Sums squares(KvPart part, KvBlockView block, std::int64_t dimension, float* decoded) {
  Sums sums{};
  const bool of_keys = part == KvPart::keys;
  (of_keys ? decode_keys : decode_values)(block.codec, block.data, dimension, decoded);
  const std::int64_t slot_stride = of_keys ? 1 : padded_dimension(dimension);
  const std::int64_t stride = of_keys ? kv_block_slots : 1;
  for (std::int64_t i = 0; i < dimension; ++i) {
    for (std::int64_t slot = 0; slot < kv_block_slots; ++slot) {
      const double value = static_cast<double>(decoded[i * stride + slot * slot_stride]);
      sums[static_cast<std::size_t>(slot)] += value * value;
    }
  }
  return sums;
}

}  // namespace

void KvCache::norms(std::int64_t layer, std::int64_t head, KvPart part, std::span<float> out) const {
  const auto refuse = [](const char* what) { throw Failure(Status::bad_request, std::string("[kv-cache] ") + what); };
  if (layer < 0 || layer >= static_cast<std::int64_t>(layers().size())) refuse("no such layer.");
  const KvLayerShape& shape = layers()[static_cast<std::size_t>(layer)];
  if (head < 0 || head >= shape.kv_heads) refuse("no such KV head.");
  if (static_cast<std::int64_t>(out.size()) != length()) refuse("norms of the wrong size.");
  try {
    std::vector<float> decoded(static_cast<std::size_t>(kv_block_slots * padded_dimension(shape.head_dimension)));
    for (std::int64_t block = 0; block < blocks_for(length()); ++block) {
      const KvBlockView view = part == KvPart::keys ? key_block(layer, head, block) : value_block(layer, head, block);
      const Sums sums = squares(part, view, shape.head_dimension, decoded.data());
      const auto rest = out.subspan(static_cast<std::size_t>(block * kv_block_slots));
      const std::size_t held = std::min<std::size_t>(rest.size(), kv_block_slots);
      for (std::size_t slot = 0; slot < held; ++slot) rest[slot] = static_cast<float>(std::sqrt(sums[slot]));
    }
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[kv-cache] no memory for a decoded block.");
  }
}

}  // namespace retort
