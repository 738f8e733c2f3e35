#include "retort/kv_cache.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "check.h"
#include "retort/thread_pool.h"

using retort::kv_block_slots;
using retort::KvCache;
using retort::KvCodec;
using retort::KvLayerShape;
using retort::Status;

namespace {

constexpr KvCodec all_codecs[] = {KvCodec::f32, KvCodec::f16, KvCodec::q8};
const std::vector<KvLayerShape> mixed_shapes = {{1, 8}, {3, 20}, {0, 0}, {2, 64}, {1, 33}};

using Floats = std::vector<float>;

Floats random_floats(std::mt19937& random, std::int64_t size, float spread = 1) {
  std::normal_distribution<float> normal(0, spread);
  Floats values(static_cast<std::size_t>(size));
  for (float& value : values) value = normal(random);
  return values;
}

std::vector<std::int32_t> positions_from(std::int64_t first, std::int64_t count) {
  std::vector<std::int32_t> positions(static_cast<std::size_t>(count));
  std::iota(positions.begin(), positions.end(), static_cast<std::int32_t>(first));
  return positions;
}

std::int64_t width(const KvLayerShape& shape) { return std::int64_t{shape.kv_heads} * shape.head_dimension; }

// What a cache should hold: per slot and layer the floats that were written.
struct PlainCache {
  struct Slot {
    std::int32_t position;
    std::vector<Floats> keys, values;
  };
  std::vector<Slot> slots;
};

void extend_both(KvCache& cache, PlainCache& plain, std::int64_t count, std::mt19937& random) {
  const std::int64_t old_length = cache.length();
  const auto positions = positions_from(static_cast<std::int64_t>(random() % 1000), count);
  cache.extend(positions);
  for (std::int64_t slot = old_length; slot < cache.length(); ++slot) {
    PlainCache::Slot written{positions[static_cast<std::size_t>(slot - old_length)], {}, {}};
    for (std::size_t layer = 0; layer < cache.layers().size(); ++layer) {
      written.keys.push_back(random_floats(random, width(cache.layers()[layer])));
      written.values.push_back(random_floats(random, width(cache.layers()[layer])));
      cache.write(static_cast<std::int64_t>(layer), slot, written.keys.back(), written.values.back());
    }
    plain.slots.push_back(std::move(written));
  }
}

float largest_of(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

// How far a decoded value may be from the one written; `group` are the values that share a scale with it.
double bound(KvCodec codec, float value, std::span<const float> group) {
  switch (codec) {
    case KvCodec::f32: return 0;
    case KvCodec::f16: return std::max(std::fabs(static_cast<double>(value)) * 0x1p-11, 0x1p-25);
    // Half a step, and at the ends what rounding the scale to 11 bits takes away.
    case KvCodec::q8: return static_cast<double>(largest_of(group)) * (0.5 / 127 + 0x1p-11) + 0x1p-25;
  }
  return 0;
}

void expect_row(KvCodec codec, std::span<const float> decoded, std::span<const float> written) {
  for (std::size_t i = 0; i < written.size(); ++i) {
    const std::size_t start = i / 32 * 32;
    check::near(decoded[i], written[i], bound(codec, written[i], written.subspan(start, std::min<std::size_t>(32, written.size() - start))));
  }
}

void expect_equal(const KvCache& cache, const PlainCache& plain) {
  check::is_true(cache.length() == static_cast<std::int64_t>(plain.slots.size()), "same length");
  for (std::size_t slot = 0; slot < plain.slots.size(); ++slot) check::is_true(cache.positions()[slot] == plain.slots[slot].position, "same position");
  for (std::size_t layer = 0; layer < cache.layers().size(); ++layer) {
    const KvLayerShape shape = cache.layers()[layer];
    const std::size_t dimension = static_cast<std::size_t>(shape.head_dimension);
    Floats keys(kv_block_slots * dimension);
    Floats values(kv_block_slots * dimension);
    for (std::int32_t head = 0; head < shape.kv_heads; ++head) {
      for (std::int64_t block = 0; block * kv_block_slots < cache.length(); ++block) {
        cache.read_keys(static_cast<std::int64_t>(layer), head, block, keys);
        cache.read_values(static_cast<std::int64_t>(layer), head, block, values);
        for (std::size_t row = 0; row < kv_block_slots; ++row) {
          const std::size_t slot = static_cast<std::size_t>(block * kv_block_slots) + row;
          const auto key = std::span(keys).subspan(row * dimension, dimension);
          const auto value = std::span(values).subspan(row * dimension, dimension);
          if (slot >= plain.slots.size()) {
            check::is_true(largest_of(key) == 0 && largest_of(value) == 0, "rows beyond the length are zero");
            continue;
          }
          const std::size_t start = static_cast<std::size_t>(head) * dimension;
          expect_row(cache.codec(), key, std::span(plain.slots[slot].keys[layer]).subspan(start, dimension));
          expect_row(cache.codec(), value, std::span(plain.slots[slot].values[layer]).subspan(start, dimension));
        }
      }
    }
  }
}

KvCache small_cache(KvCodec codec, std::int64_t length, unsigned seed, std::int64_t capacity = 100) {
  std::mt19937 random(seed);
  KvCache cache({{2, 16}}, codec, capacity);
  PlainCache plain;
  extend_both(cache, plain, length, random);
  return cache;
}

// As src/cache/saved.cpp does it: a forger can too.
void write_checksum(std::vector<std::byte>& saved) {
  const std::size_t size = saved.size() - 8;
  std::uint64_t sum = size;
  for (std::size_t start = 0; start < size; start += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, saved.data() + start, std::min<std::size_t>(8, size - start));
    sum = std::rotl((sum ^ word) * 0x9e3779b97f4a7c15, 29);
  }
  std::memcpy(saved.data() + size, &sum, 8);
}

// One row of one head through a codec.
Floats through(KvCodec codec, const Floats& written) {
  KvCache cache({{1, static_cast<std::int32_t>(written.size())}}, codec, 1);
  cache.extend(positions_from(0, 1));
  cache.write(0, 0, written, written);
  Floats block(kv_block_slots * written.size());
  cache.read_keys(0, 0, 0, block);
  Floats key(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(written.size()));
  cache.read_values(0, 0, 0, block);
  for (std::size_t i = 0; i < written.size(); ++i) {
    check::is_true(std::memcmp(&key[i], &block[i], sizeof(float)) == 0, "keys and values come back alike");
  }
  return key;
}

}  // namespace

TEST("what is written is read back within the bounds of each codec") {
  for (const KvCodec codec : all_codecs) {
    std::mt19937 random(1);
    KvCache cache(mixed_shapes, codec, 200);
    PlainCache plain;
    for (const std::int64_t count : {1, 30, 1, 1, 40, 64}) {
      extend_both(cache, plain, count, random);
      expect_equal(cache, plain);
    }
  }
}

TEST("f16 rounds to nearest even, keeps subnormals and holds what is too large at its largest") {
  const Floats written = {1.0F, 1.0F + 0x1p-11F, 1.0F + 3 * 0x1p-11F, 0x1p-24F, 0x1p-25F, 0x1.8p-24F, -0x1p-14F, 65504.0F, 65519.0F, 1e9F, -1e30F, -0.0F};
  const Floats expected = {1.0F, 1.0F, 1.0F + 0x1p-9F, 0x1p-24F, 0.0F, 0x1p-23F, -0x1p-14F, 65504.0F, 65504.0F, 65504.0F, -65504.0F, -0.0F};
  const Floats read = through(KvCodec::f16, written);
  for (std::size_t i = 0; i < read.size(); ++i) {
    check::is_true(std::memcmp(&read[i], &expected[i], sizeof(float)) == 0, "bits as expected");
  }
}

TEST("numbers that are none stay none") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const KvCodec codec : {KvCodec::f32, KvCodec::f16}) {
    const Floats read = through(codec, {nan, infinity, -infinity, 2.0F});
    check::is_true(std::isnan(read[0]) && read[1] == infinity && read[2] == -infinity && read[3] == 2.0F, "as written");
  }
  Floats two_groups(40, 1.0F);
  two_groups[3] = infinity;
  const Floats read = through(KvCodec::q8, two_groups);
  check::is_true(std::isnan(read[0]) && std::isnan(read[31]), "the group of it");
  check::near(read[32], 1.0, 0.001);
}

TEST("q8 keeps zeros, tiny and huge groups") {
  check::is_true(largest_of(through(KvCodec::q8, Floats(32, 0.0F))) == 0, "zeros");
  check::is_true(largest_of(through(KvCodec::q8, Floats(32, 1e-12F))) == 0, "too small for a half scale");
  check::near(through(KvCodec::q8, Floats(32, 5e6F))[7], 5e6, 5e6 * 0x1p-10);
  check::is_true(std::isfinite(through(KvCodec::q8, Floats(32, 1e30F))[0]), "held at the largest");
}

TEST("forks, writes and truncations in any order leave each cache with its own contents") {
  struct Pair {
    KvCache cache;
    PlainCache plain;
  };
  for (const KvCodec codec : all_codecs) {
    for (unsigned seed = 0; seed < 6; ++seed) {
      std::mt19937 random(seed);
      std::vector<Pair> pairs;
      pairs.push_back({KvCache({{2, 8}, {1, 33}}, codec, 400), {}});
      for (int step = 0; step < 60; ++step) {
        Pair& pair = pairs[random() % pairs.size()];
        const std::int64_t length = pair.cache.length();
        switch (random() % 4) {
          case 0: extend_both(pair.cache, pair.plain, std::min<std::int64_t>(random() % 50, 400 - length), random); break;
          case 1: {
            const std::int64_t kept = static_cast<std::int64_t>(random() % static_cast<unsigned>(length + 1));
            pair.cache.truncate(kept);
            pair.plain.slots.resize(static_cast<std::size_t>(kept));
            break;
          }
          case 2:
            if (pairs.size() < 5) {
              Pair fork{pair.cache.fork(), pair.plain};
              pairs.push_back(std::move(fork));
            } else {
              pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(random() % pairs.size()));
            }
            break;
          case 3:
            if (length > 0) {
              const std::int64_t slot = static_cast<std::int64_t>(random() % static_cast<unsigned>(length));
              PlainCache::Slot& plain = pair.plain.slots[static_cast<std::size_t>(slot)];
              plain.keys[1] = random_floats(random, 33);
              plain.values[1] = random_floats(random, 33);
              pair.cache.write(1, slot, plain.keys[1], plain.values[1]);
            }
            break;
        }
      }
      for (const Pair& pair : pairs) expect_equal(pair.cache, pair.plain);
    }
  }
}

TEST("layers and blocks are written by different threads at once") {
  retort::ThreadPool pool(4);
  KvCache cache(std::vector<KvLayerShape>(6, {2, 16}), KvCodec::f16, 128);
  PlainCache plain;
  std::mt19937 random(12);
  extend_both(cache, plain, 100, random);
  const KvCache fork = cache.fork();
  const PlainCache before = plain;
  for (PlainCache::Slot& slot : plain.slots) {
    for (Floats& key : slot.keys) key = random_floats(random, 32);
  }
  // Part p is layer p / 4, block p % 4; all are shared and copied by whoever writes.
  pool.parallel(24, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      for (std::int64_t slot = part % 4 * 32; slot < std::min<std::int64_t>(part % 4 * 32 + 32, 100); ++slot) {
        const std::size_t layer = static_cast<std::size_t>(part / 4);
        const PlainCache::Slot& written = plain.slots[static_cast<std::size_t>(slot)];
        cache.write(part / 4, slot, written.keys[layer], written.values[layer]);
      }
    }
  });
  expect_equal(cache, plain);
  expect_equal(fork, before);
}

TEST("forks live and die on different threads") {
  KvCache cache = small_cache(KvCodec::f16, 40, 6, 400);
  const auto saved = cache.save();
  std::vector<std::thread> threads;
  std::atomic<int> kept{0};
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([fork = cache.fork(), &saved, &kept, i]() mutable {
      std::mt19937 random(i);
      PlainCache discarded;
      for (int round = 0; round < 20; ++round) {
        extend_both(fork, discarded, 1 + round, random);
        const KvCache other = fork.fork();
        fork.truncate(40);
      }
      if (fork.save() == saved) ++kept;
    });
  }
  std::mt19937 random(9);
  PlainCache more;
  extend_both(cache, more, 30, random);
  for (std::thread& thread : threads) thread.join();
  cache.truncate(40);
  check::is_true(kept == 4 && cache.save() == saved, "each kept the slots they share");
}

TEST("norms are those of the rows that are read back") {
  std::mt19937 random(23);
  for (const KvCodec codec : all_codecs) {
    KvCache cache(mixed_shapes, codec, 100);
    PlainCache plain;
    extend_both(cache, plain, 71, random);
    for (std::size_t layer = 0; layer < mixed_shapes.size(); ++layer) {
      const std::size_t dimension = static_cast<std::size_t>(mixed_shapes[layer].head_dimension);
      for (std::int32_t head = 0; head < mixed_shapes[layer].kv_heads; ++head) {
        Floats key_norms(71), value_norms(71);
        cache.norms(static_cast<std::int64_t>(layer), head, retort::KvPart::keys, key_norms);
        cache.norms(static_cast<std::int64_t>(layer), head, retort::KvPart::values, value_norms);
        for (std::size_t slot = 0; slot < 71; ++slot) {
          Floats keys(kv_block_slots * dimension), values(kv_block_slots * dimension);
          cache.read_keys(static_cast<std::int64_t>(layer), head, static_cast<std::int64_t>(slot) / kv_block_slots, keys);
          cache.read_values(static_cast<std::int64_t>(layer), head, static_cast<std::int64_t>(slot) / kv_block_slots, values);
          const auto norm_of = [&](const Floats& rows) {
            double sum = 0;
            for (std::size_t i = 0; i < dimension; ++i) sum += std::pow(static_cast<double>(rows[slot % kv_block_slots * dimension + i]), 2);
            return std::sqrt(sum);
          };
          check::near(key_norms[slot], norm_of(keys), 1e-4);
          check::near(value_norms[slot], norm_of(values), 1e-4);
        }
      }
    }
  }
  KvCache cache(mixed_shapes, KvCodec::f16, 100);
  Floats none;
  check::refuses(Status::bad_request, [&] { cache.norms(5, 0, retort::KvPart::keys, none); });
  check::refuses(Status::bad_request, [&] { cache.norms(2, 0, retort::KvPart::keys, none); });
}

TEST("bytes follow the slots held and forget what is dropped") {
  KvCache cache({{2, 64}, {1, 8}}, KvCodec::f16, 1000);
  check::is_true(cache.bytes() == 0, "an empty cache holds nothing");
  cache.extend(positions_from(0, 1));
  const std::size_t one_block = cache.bytes();
  // Keys and values of 32 slots in 2 bytes each, and at most a cache line for each of the six blocks.
  const std::size_t payload = 2 * 32 * (2 * 64 + 8) * 2;
  check::is_true(one_block >= payload && one_block <= payload + 6 * 64, "one block per head");
  cache.extend(positions_from(1, 31));
  check::is_true(cache.bytes() == one_block, "32 slots fit into a block");
  cache.extend(positions_from(32, 33));
  check::is_true(cache.bytes() == 3 * one_block, "65 slots need three");
  check::is_true(cache.fork().bytes() == 3 * one_block, "shared blocks count in each");
  cache.truncate(33);
  check::is_true(cache.bytes() == 2 * one_block, "dropped blocks are gone");
  cache.truncate(0);
  check::is_true(cache.bytes() == 0, "nothing is left");
}

TEST("q8 takes little more than half of f16") {
  KvCache half({{4, 64}}, KvCodec::f16, 4096);
  KvCache eighth({{4, 64}}, KvCodec::q8, 4096);
  half.extend(positions_from(0, 4096));
  eighth.extend(positions_from(0, 4096));
  check::is_true(static_cast<double>(eighth.bytes()) < 0.55 * static_cast<double>(half.bytes()), "17/32 and headers");
}

TEST("positions count as ascending up to the first that falls") {
  KvCache cache({{1, 8}}, KvCodec::f32, 20);
  check::is_true(cache.ascending_slots() == 0, "none held");
  cache.extend(std::vector<std::int32_t>{3, 3, 7});
  check::is_true(cache.ascending_slots() == 3, "equal ones do not fall");
  cache.extend(std::vector<std::int32_t>{6, 8});
  cache.extend(std::vector<std::int32_t>{9});
  check::is_true(cache.ascending_slots() == 3, "7 then 6");
  cache.truncate(3);
  cache.extend(std::vector<std::int32_t>{7, 9});
  check::is_true(cache.ascending_slots() == 5, "the falling one was dropped");
}

TEST("a saved cache comes back equal and saves to the same bytes") {
  for (const KvCodec codec : all_codecs) {
    for (const std::int64_t length : {0, 1, 31, 32, 33, 100}) {
      std::mt19937 random(static_cast<unsigned>(length));
      KvCache cache(mixed_shapes, codec, 100);
      PlainCache plain;
      extend_both(cache, plain, length, random);
      const auto saved = cache.save();
      KvCache other(mixed_shapes, codec, 100);
      PlainCache discarded;
      extend_both(other, discarded, 40, random);
      other.restore(saved);
      expect_equal(other, plain);
      check::is_true(other.bytes() == cache.bytes() && other.ascending_slots() == cache.ascending_slots(), "same accounts");
      check::is_true(other.save() == saved, "same bytes");
    }
  }
}

TEST("a save does not tell what was truncated") {
  for (const KvCodec codec : all_codecs) {
    KvCache once = small_cache(codec, 10, 5);
    KvCache back = small_cache(codec, 10, 5);
    std::mt19937 random(9);
    PlainCache discarded;
    extend_both(back, discarded, 20, random);
    back.truncate(10);
    check::is_true(once.save() == back.save(), "same bytes");
  }
}

TEST("a restored cache is independent of the forks before it") {
  KvCache cache = small_cache(KvCodec::f16, 40, 2);
  const auto saved = cache.save();
  const KvCache fork = cache.fork();
  cache.restore(small_cache(KvCodec::f16, 50, 3).save());
  check::is_true(fork.save() == saved, "the fork kept its contents");
}

TEST("every saved cache with one byte changed is refused and changes nothing") {
  KvCache cache = small_cache(KvCodec::q8, 33, 7);
  const auto saved = cache.save();
  KvCache target = small_cache(KvCodec::q8, 5, 8);
  const auto before = target.save();
  for (std::size_t i = 0; i < saved.size(); ++i) {
    auto damaged = saved;
    damaged[i] ^= static_cast<std::byte>(1 + i % 255);
    bool refused = false;
    try {
      target.restore(damaged);
    } catch (const retort::Failure&) {
      refused = true;
    }
    check::is_true(refused, "refused");
  }
  check::is_true(target.save() == before, "unchanged");
}

TEST("every saved cache cut short or with more behind it is refused") {
  const auto saved = small_cache(KvCodec::f16, 3, 7).save();
  KvCache target({{2, 16}}, KvCodec::f16, 100);
  for (std::size_t size = 0; size < saved.size(); ++size) {
    check::refuses(Status::bad_file, [&] { target.restore(std::span(saved).first(size)); });
  }
  auto longer = saved;
  longer.resize(saved.size() + 8);
  check::refuses(Status::bad_file, [&] { target.restore(longer); });
  check::is_true(target.length() == 0, "unchanged");
}

TEST("random bytes behind a right beginning are refused") {
  std::mt19937 random(3);
  const auto saved = small_cache(KvCodec::f32, 2, 7).save();
  KvCache target({{2, 16}}, KvCodec::f32, 100);
  for (int round = 0; round < 2000; ++round) {
    auto bytes = saved;
    const std::size_t kept = random() % 48;
    for (std::size_t i = kept; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(random());
    bool refused = false;
    try {
      target.restore(bytes);
    } catch (const retort::Failure&) {
      refused = true;
    }
    check::is_true(refused, "refused");
  }
}

TEST("changed bytes under a right checksum restore to something whole or are refused") {
  std::mt19937 random(4);
  const auto saved = small_cache(KvCodec::q8, 33, 7).save();
  int refusals = 0;
  for (int round = 0; round < 3000; ++round) {
    auto bytes = saved;
    for (int change = 0; change < 3; ++change) bytes[random() % (change == 0 ? 48 : bytes.size() - 8)] = static_cast<std::byte>(random());
    write_checksum(bytes);
    KvCache target({{2, 16}}, KvCodec::q8, 100);
    try {
      target.restore(bytes);
      check::is_true(target.length() == 33, "whole");
      target.save();
    } catch (const retort::Failure&) {
      ++refusals;
      check::is_true(target.length() == 0, "unchanged");
    }
  }
  check::is_true(refusals > 2000 && refusals < 3000, "most changes fall on the header");
}

TEST("a save of another version, codec, shape or of more slots says so") {
  const auto saved = small_cache(KvCodec::f16, 40, 1).save();
  auto of_tomorrow = saved;
  of_tomorrow[8] = std::byte{2};
  check::refuses(Status::unsupported_format, [&] { KvCache({{2, 16}}, KvCodec::f16, 100).restore(of_tomorrow); });
  check::refuses(Status::bad_request, [&] { KvCache({{2, 16}}, KvCodec::q8, 100).restore(saved); });
  check::refuses(Status::bad_request, [&] { KvCache({{1, 16}}, KvCodec::f16, 100).restore(saved); });
  check::refuses(Status::bad_request, [&] { KvCache({{2, 16}, {2, 16}}, KvCodec::f16, 100).restore(saved); });
  check::refuses(Status::context_full, [&] { KvCache({{2, 16}}, KvCodec::f16, 39).restore(saved); });
}

TEST("a full cache refuses more slots and stays as it was") {
  KvCache cache = small_cache(KvCodec::f16, 90, 4);
  const auto before = cache.save();
  check::refuses(Status::context_full, [&] { cache.extend(positions_from(0, 11)); });
  check::is_true(cache.save() == before && cache.capacity() == 100, "unchanged");
  cache.extend(positions_from(0, 10));
  check::refuses(Status::context_full, [&] { cache.extend(positions_from(0, 1)); });
}

TEST("shapes, codecs and capacities out of range are refused") {
  check::refuses(Status::bad_request, [] { KvCache({{1, 8}}, KvCodec::f16, 0); });
  check::refuses(Status::bad_request, [] { KvCache({{1, 8}}, KvCodec::f16, std::int64_t{1} << 40); });
  check::refuses(Status::bad_request, [] { KvCache({{-1, 8}}, KvCodec::f16, 10); });
  check::refuses(Status::bad_request, [] { KvCache({{1, 0}}, KvCodec::f16, 10); });
  check::refuses(Status::bad_request, [] { KvCache({{1 << 16, 1 << 16}}, KvCodec::f16, 10); });
  check::refuses(Status::bad_request, [] { KvCache({{1, 8}}, static_cast<KvCodec>(7), 10); });
}

TEST("reads, writes and truncations out of range are refused") {
  KvCache cache = small_cache(KvCodec::f16, 40, 4);
  const Floats right(32);
  const Floats wrong(31);
  check::refuses(Status::bad_request, [&] { cache.write(1, 0, right, right); });
  check::refuses(Status::bad_request, [&] { cache.write(-1, 0, right, right); });
  check::refuses(Status::bad_request, [&] { cache.write(0, 40, right, right); });
  check::refuses(Status::bad_request, [&] { cache.write(0, 0, wrong, right); });
  check::refuses(Status::bad_request, [&] { cache.write(0, 0, right, wrong); });
  Floats block(32 * 16);
  check::refuses(Status::bad_request, [&] { cache.read_keys(0, 2, 0, block); });
  check::refuses(Status::bad_request, [&] { cache.read_keys(0, 0, 2, block); });
  check::refuses(Status::bad_request, [&] { cache.read_values(1, 0, 0, block); });
  check::refuses(Status::bad_request, [&] { cache.read_values(0, 0, 0, std::span(block).first(100)); });
  check::refuses(Status::bad_request, [&] { cache.truncate(41); });
  check::refuses(Status::bad_request, [&] { cache.truncate(-1); });
}
