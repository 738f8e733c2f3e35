#include "retort/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <vector>

#include "check.h"

using retort::AttentionShape;
using retort::KernelSet;
using retort::kv_block_slots;
using retort::KvCache;
using retort::KvCodec;
using retort::Status;
using retort::ThreadPool;

namespace {

using Floats = std::vector<float>;
using Integers = std::vector<std::int32_t>;

// The scalar set, and the AVX2 one where this processor has it.
std::vector<const KernelSet*> sets_here() {
  std::vector<const KernelSet*> sets = {&retort::kernel_set("scalar")};
  try {
    sets.push_back(&retort::kernel_set("avx2"));
  } catch (const retort::Failure&) {
    // Another processor: the scalar set alone.
  }
  return sets;
}

const KernelSet& best_set() { return *sets_here().back(); }

Floats random_floats(std::mt19937& random, std::int64_t size, float spread = 1) {
  std::normal_distribution<float> normal(0, spread);
  Floats values(static_cast<std::size_t>(size));
  for (float& value : values) value = normal(random);
  return values;
}

Integers counting(std::int64_t count) {
  Integers positions(static_cast<std::size_t>(count));
  std::iota(positions.begin(), positions.end(), 0);
  return positions;
}

// A whole sequence: what goes into the cache, and a query for every slot.
struct Sequence {
  AttentionShape shape;
  KvCodec codec;
  Integers positions;
  Floats keys, values, queries;

  std::int64_t length() const { return static_cast<std::int64_t>(positions.size()); }
  std::int64_t kv_width() const { return std::int64_t{shape.kv_heads} * shape.head_dimension; }
  std::int64_t query_width() const { return std::int64_t{shape.heads} * shape.head_dimension; }
  std::span<const float> query(std::int64_t first, std::int64_t count) const {
    return std::span(queries).subspan(static_cast<std::size_t>(first * query_width()), static_cast<std::size_t>(count * query_width()));
  }
};

Sequence random_sequence(std::mt19937& random, const AttentionShape& shape, KvCodec codec, std::int64_t length) {
  Sequence sequence{shape, codec, counting(length), {}, {}, {}};
  sequence.keys = random_floats(random, length * sequence.kv_width());
  sequence.values = random_floats(random, length * sequence.kv_width());
  sequence.queries = random_floats(random, length * sequence.query_width(), 2);
  return sequence;
}

KvCache cache_for(const Sequence& sequence) { return KvCache({{sequence.shape.kv_heads, sequence.shape.head_dimension}}, sequence.codec, 1 << 17); }

void append(KvCache& cache, const Sequence& sequence, std::int64_t count) {
  const std::int64_t first = cache.length();
  const std::size_t width = static_cast<std::size_t>(sequence.kv_width());
  cache.extend(std::span(sequence.positions).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
  for (std::size_t slot = static_cast<std::size_t>(first); slot < static_cast<std::size_t>(first + count); ++slot) {
    cache.write(0, static_cast<std::int64_t>(slot), std::span(sequence.keys).subspan(slot * width, width), std::span(sequence.values).subspan(slot * width, width));
  }
}

// Attention of the last `count` slots of the cache; their queries are those of the same slots of the sequence.
Floats attend_last(const KvCache& cache, const Sequence& sequence, std::int64_t count, ThreadPool& pool, const KernelSet& kernels, const Integers& parents = {}) {
  Floats out(static_cast<std::size_t>(count * sequence.query_width()), 77.0F);
  retort::attend(sequence.shape, cache, 0, sequence.query(cache.length() - count, count), count, parents, out, kernels, pool);
  return out;
}

// The sequence in chunks of the given sizes, again and again.
Floats attend_in_chunks(const Sequence& sequence, const std::vector<std::int64_t>& sizes, ThreadPool& pool, const KernelSet& kernels) {
  KvCache cache = cache_for(sequence);
  Floats all;
  for (std::size_t i = 0; cache.length() < sequence.length(); ++i) {
    const std::int64_t count = std::min(sizes[i % sizes.size()], sequence.length() - cache.length());
    append(cache, sequence, count);
    const Floats out = attend_last(cache, sequence, count, pool, kernels);
    all.insert(all.end(), out.begin(), out.end());
  }
  return all;
}

bool same_bits(std::span<const float> a, std::span<const float> b) { return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0; }

// Whether new token `token` (slot base + token) sees `slot`.
bool sees(const Sequence& sequence, std::int64_t base, std::int64_t token, std::int64_t slot, const Integers& parents) {
  const auto position = [&](std::int64_t of) { return std::int64_t{sequence.positions[static_cast<std::size_t>(of)]}; };
  if (sequence.shape.window && position(base + token) - position(slot) >= *sequence.shape.window) return false;
  if (slot < base) return true;
  if (parents.empty()) return slot <= base + token;
  for (std::int64_t ancestor = token; ancestor >= 0; ancestor = parents[static_cast<std::size_t>(ancestor)]) {
    if (base + ancestor == slot) return true;
  }
  return false;
}

// What the codec made of the keys or values of a head: [length, dimension].
Floats decoded(const KvCache& cache, std::int64_t head, bool keys) {
  const std::int64_t dimension = cache.layers()[0].head_dimension;
  Floats all;
  Floats block(static_cast<std::size_t>(kv_block_slots * dimension));
  for (std::int64_t i = 0; i * kv_block_slots < cache.length(); ++i) {
    if (keys) {
      cache.read_keys(0, head, i, block);
    } else {
      cache.read_values(0, head, i, block);
    }
    all.insert(all.end(), block.begin(), block.end());
  }
  return all;
}

// Attention by its definition in float64 for the last `count` slots, compared with `actual`.
void expect_by_definition(const KvCache& cache, const Sequence& sequence, std::int64_t count, const Integers& parents, const Floats& actual) {
  const AttentionShape& shape = sequence.shape;
  const std::int64_t dimension = shape.head_dimension;
  const std::int64_t base = cache.length() - count;
  for (std::int64_t head = 0; head < shape.heads; ++head) {
    const std::int64_t kv_head = head / (shape.heads / shape.kv_heads);
    const Floats keys = decoded(cache, kv_head, true);
    const Floats values = decoded(cache, kv_head, false);
    for (std::int64_t token = 0; token < count; ++token) {
      const auto query = sequence.query(base + token, 1).subspan(static_cast<std::size_t>(head * dimension), static_cast<std::size_t>(dimension));
      std::vector<double> scores;
      std::vector<std::int64_t> slots;
      for (std::int64_t slot = 0; slot < cache.length(); ++slot) {
        if (!sees(sequence, base, token, slot, parents)) continue;
        double score = 0;
        for (std::int64_t i = 0; i < dimension; ++i) {
          score += static_cast<double>(query[static_cast<std::size_t>(i)]) * static_cast<double>(keys[static_cast<std::size_t>(slot * dimension + i)]);
        }
        score *= static_cast<double>(shape.scale);
        if (shape.softcap) score = static_cast<double>(*shape.softcap) * std::tanh(score / static_cast<double>(*shape.softcap));
        scores.push_back(score);
        slots.push_back(slot);
      }
      const double highest = *std::max_element(scores.begin(), scores.end());
      double sum = 0;
      for (double& score : scores) sum += (score = std::exp(score - highest));
      for (std::int64_t i = 0; i < dimension; ++i) {
        double expected = 0;
        double magnitude = 0;
        for (std::size_t j = 0; j < slots.size(); ++j) {
          const double value = static_cast<double>(values[static_cast<std::size_t>(slots[j] * dimension + i)]);
          expected += scores[j] / sum * value;
          magnitude += scores[j] / sum * std::fabs(value);
        }
        // Scores of up to about 30 carry an absolute error of a few 2^−24 times that into the weights.
        check::near(actual[static_cast<std::size_t>(token * sequence.query_width() + head * dimension + i)], expected, 5e-6 * magnitude + 1e-9);
      }
    }
  }
}

template <class Item>
Item pick(std::mt19937& random, std::initializer_list<Item> items) {
  return *(items.begin() + static_cast<std::ptrdiff_t>(random() % items.size()));
}

AttentionShape random_shape(std::mt19937& random) {
  const std::int32_t kv_heads = pick(random, {1, 1, 2, 3});
  const std::int32_t dimension = pick(random, {8, 12, 16, 20, 32, 33, 40, 64, 80, 96, 128});
  AttentionShape shape{kv_heads * pick(random, {1, 1, 2, 3, 4, 5, 7, 8}), kv_heads, dimension, 1.0F / std::sqrt(static_cast<float>(dimension)), {}, {}};
  if (random() % 3 == 0) shape.window = pick(random, {1, 2, 31, 64, 255, 256, 257, 400});
  if (random() % 3 == 0) shape.softcap = pick(random, {1.5F, 30.0F, 50.0F});
  return shape;
}

KvCodec random_codec(std::mt19937& random) { return pick(random, {KvCodec::f32, KvCodec::f16, KvCodec::q8}); }

Integers random_tree(std::mt19937& random, std::int64_t count) {
  Integers parents;
  for (std::int64_t i = 0; i < count; ++i) parents.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(i + 1)) - 1);
  return parents;
}

// Positions of a tree: one more than the parent's.
void set_positions(Sequence& sequence, std::int64_t base, const Integers& parents) {
  for (std::size_t i = 0; i < parents.size(); ++i) {
    const std::int64_t before = parents[i] < 0 ? base - 1 : base + parents[i];
    sequence.positions[static_cast<std::size_t>(base) + i] = before < 0 ? 0 : sequence.positions[static_cast<std::size_t>(before)] + 1;
  }
}

const std::vector<std::vector<std::int64_t>> chunkings = {{1}, {1000}, {7, 1, 64}, {256}, {100, 3}, {31, 33, 2}};

}  // namespace

TEST("attention is what its definition says, for all shapes, codecs and kernel sets") {
  std::mt19937 random(1);
  ThreadPool pool(2);
  for (int round = 0; round < 60; ++round) {
    const std::int64_t length = 1 + static_cast<std::int64_t>(random() % (round % 4 == 0 ? 700 : 80));
    const Sequence sequence = random_sequence(random, random_shape(random), random_codec(random), length);
    KvCache cache = cache_for(sequence);
    append(cache, sequence, length);
    const std::int64_t count = 1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(std::min<std::int64_t>(length, 40)));
    for (const KernelSet* kernels : sets_here()) expect_by_definition(cache, sequence, count, {}, attend_last(cache, sequence, count, pool, *kernels));
  }
}

TEST("trees see their ancestors and what was before them") {
  std::mt19937 random(2);
  ThreadPool pool(2);
  for (int round = 0; round < 40; ++round) {
    const std::int64_t base = static_cast<std::int64_t>(random() % (round % 4 == 0 ? 600 : 70));
    const std::int64_t count = 1 + static_cast<std::int64_t>(random() % 40);
    Sequence sequence = random_sequence(random, random_shape(random), random_codec(random), base + count);
    const Integers parents = random_tree(random, count);
    set_positions(sequence, base, parents);
    KvCache cache = cache_for(sequence);
    append(cache, sequence, base + count);
    for (const KernelSet* kernels : sets_here()) expect_by_definition(cache, sequence, count, parents, attend_last(cache, sequence, count, pool, *kernels, parents));
  }
}

TEST("windows follow positions that rise unevenly, stand still or fall") {
  std::mt19937 random(3);
  ThreadPool pool(2);
  for (int round = 0; round < 40; ++round) {
    AttentionShape shape = random_shape(random);
    shape.window = pick(random, {1, 5, 40, 300});
    Sequence sequence = random_sequence(random, shape, KvCodec::f32, 1 + static_cast<std::int64_t>(random() % 600));
    std::int32_t position = 0;
    for (std::int32_t& at : sequence.positions) at = position = std::max(0, position + static_cast<std::int32_t>(random() % 6) - (round % 2 == 0 ? 0 : 2));
    KvCache cache = cache_for(sequence);
    append(cache, sequence, sequence.length());
    const std::int64_t count = std::min<std::int64_t>(sequence.length(), 20);
    for (const KernelSet* kernels : sets_here()) expect_by_definition(cache, sequence, count, {}, attend_last(cache, sequence, count, pool, *kernels));
  }
}

TEST("all kernel sets give the same bits") {
  std::mt19937 random(4);
  ThreadPool pool(2);
  for (int round = 0; round < 30; ++round) {
    const std::int64_t length = 1 + static_cast<std::int64_t>(random() % 300);
    const Sequence sequence = random_sequence(random, random_shape(random), random_codec(random), length);
    const Floats scalar = attend_in_chunks(sequence, {50}, pool, retort::kernel_set("scalar"));
    for (const KernelSet* kernels : sets_here()) check::is_true(same_bits(scalar, attend_in_chunks(sequence, {50}, pool, *kernels)), "the scalar set's bits");
  }
}

TEST("any chunking of the new tokens gives the same bits") {
  std::mt19937 random(5);
  ThreadPool pool(2);
  for (int round = 0; round < 16; ++round) {
    const std::int64_t length = round % 2 == 0 ? 300 + static_cast<std::int64_t>(random() % 400) : 1 + static_cast<std::int64_t>(random() % 120);
    const Sequence sequence = random_sequence(random, random_shape(random), random_codec(random), length);
    const Floats whole = attend_in_chunks(sequence, {length}, pool, best_set());
    for (const auto& chunks : chunkings) check::is_true(same_bits(whole, attend_in_chunks(sequence, chunks, pool, best_set())), "cached = uncached");
  }
}

TEST("any number of threads gives the same bits") {
  std::mt19937 random(6);
  ThreadPool one(1);
  for (int round = 0; round < 8; ++round) {
    const Sequence sequence = random_sequence(random, random_shape(random), random_codec(random), 500 + static_cast<std::int64_t>(random() % 300));
    KvCache cache = cache_for(sequence);
    append(cache, sequence, sequence.length());
    for (const std::int64_t count : {std::int64_t{1}, std::int64_t{4}, std::int64_t{60}, sequence.length()}) {
      const Floats expected = attend_last(cache, sequence, count, one, best_set());
      for (const int threads : {2, 3, 8}) {
        ThreadPool many(threads);
        check::is_true(same_bits(expected, attend_last(cache, sequence, count, many, best_set())), "one thread = many");
      }
    }
  }
}

TEST("a fork, a truncated and a restored cache give the same bits") {
  std::mt19937 random(7);
  ThreadPool pool(2);
  for (int round = 0; round < 8; ++round) {
    const Sequence sequence = random_sequence(random, random_shape(random), random_codec(random), 290);
    Sequence other = random_sequence(random, sequence.shape, sequence.codec, 290);
    std::copy_n(sequence.keys.begin(), 270 * sequence.kv_width(), other.keys.begin());
    std::copy_n(sequence.values.begin(), 270 * sequence.kv_width(), other.values.begin());
    KvCache cache = cache_for(sequence);
    append(cache, sequence, 270);
    KvCache fork = cache.fork();
    KvCache restored = cache_for(sequence);
    restored.restore(cache.save());
    // The first one goes another way and comes back.
    append(cache, other, 20);
    const Floats elsewhere = attend_last(cache, sequence, 20, pool, best_set());
    cache.truncate(270);
    for (KvCache* each : {&cache, &fork, &restored}) append(*each, sequence, 20);
    const Floats expected = attend_last(cache, sequence, 20, pool, best_set());
    check::is_true(same_bits(expected, attend_last(fork, sequence, 20, pool, best_set())), "forked");
    check::is_true(same_bits(expected, attend_last(restored, sequence, 20, pool, best_set())), "restored");
    check::is_true(sequence.shape.window == 1 || !same_bits(expected, elsewhere), "other keys give other bits");
  }
}

TEST("a branch of a tree gives the bits of the same tokens in a chain") {
  std::mt19937 random(8);
  ThreadPool pool(2);
  for (int round = 0; round < 24; ++round) {
    // Also where branch and chain fall into different tiles.
    const std::int64_t base = pick(random, {0, 5, 200, 250, 255, 256, 500, 511});
    const std::int64_t count = 30;
    Sequence sequence = random_sequence(random, random_shape(random), random_codec(random), base + count);
    const Integers parents = random_tree(random, count);
    set_positions(sequence, base, parents);
    KvCache cache = cache_for(sequence);
    append(cache, sequence, base + count);
    const Floats tree = attend_last(cache, sequence, count, pool, best_set(), parents);

    for (std::int32_t leaf = 0; leaf < count; leaf += 7) {
      std::vector<std::int64_t> slots(static_cast<std::size_t>(base));
      std::iota(slots.begin(), slots.end(), 0);
      std::vector<std::int64_t> branch;
      for (std::int32_t at = leaf; at >= 0; at = parents[static_cast<std::size_t>(at)]) branch.insert(branch.begin(), base + at);
      slots.insert(slots.end(), branch.begin(), branch.end());
      Sequence chain{sequence.shape, sequence.codec, {}, {}, {}, {}};
      for (const std::int64_t slot : slots) {
        const auto copy = [&](const Floats& from, Floats& to, std::int64_t width) { to.insert(to.end(), from.begin() + slot * width, from.begin() + (slot + 1) * width); };
        chain.positions.push_back(sequence.positions[static_cast<std::size_t>(slot)]);
        copy(sequence.keys, chain.keys, chain.kv_width());
        copy(sequence.values, chain.values, chain.kv_width());
        copy(sequence.queries, chain.queries, chain.query_width());
      }
      KvCache chain_cache = cache_for(chain);
      append(chain_cache, chain, chain.length());
      const Floats last = attend_last(chain_cache, chain, 1, pool, best_set());
      const auto in_tree = std::span(tree).subspan(static_cast<std::size_t>(leaf * chain.query_width()), last.size());
      check::is_true(same_bits(last, in_tree), "branch = chain");
    }
  }
}

TEST("a tree that is a chain gives the chain's bits") {
  std::mt19937 random(9);
  ThreadPool pool(3);
  for (const std::int64_t length : {20, 270, 530}) {
    const Sequence sequence = random_sequence(random, random_shape(random), KvCodec::f16, length);
    KvCache cache = cache_for(sequence);
    append(cache, sequence, length);
    Integers parents = counting(20);
    for (std::int32_t& parent : parents) --parent;
    check::is_true(same_bits(attend_last(cache, sequence, 20, pool, best_set()), attend_last(cache, sequence, 20, pool, best_set(), parents)), "same bits");
  }
}

TEST("a token that is no number spoils only those that see it") {
  std::mt19937 random(10);
  ThreadPool pool(2);
  for (const bool in_key : {false, true}) {
    Sequence sequence = random_sequence(random, {6, 2, 24, 0.2F, {}, {}}, KvCodec::f32, 100);
    const Floats clean = attend_in_chunks(sequence, {100}, pool, best_set());
    const std::int64_t spoiled = 70;
    (in_key ? sequence.keys : sequence.values)[static_cast<std::size_t>(spoiled * sequence.kv_width())] = std::numeric_limits<float>::quiet_NaN();
    const Floats out = attend_in_chunks(sequence, {100}, pool, best_set());
    const std::size_t before = static_cast<std::size_t>(spoiled * sequence.query_width());
    check::is_true(same_bits(std::span(clean).first(before), std::span(out).first(before)), "those before it");
    check::is_true(std::isnan(out[before]) && std::isnan(out[out.size() - static_cast<std::size_t>(sequence.query_width())]), "those behind it");
  }
}

TEST("scores of any size stay numbers") {
  std::mt19937 random(11);
  ThreadPool pool(1);
  for (const float spread : {1e-20F, 1e3F, 1e12F}) {
    Sequence sequence = random_sequence(random, {2, 1, 16, 1.0F, {}, {}}, KvCodec::f32, 300);
    sequence.queries = random_floats(random, static_cast<std::int64_t>(sequence.queries.size()), spread);
    for (const float value : attend_in_chunks(sequence, {300}, pool, best_set())) check::is_true(std::isfinite(value), "finite");
  }
}

TEST("a context of 32768 slots is attended to by the last tokens without quadratic memory") {
  std::mt19937 random(12);
  ThreadPool pool(2);
  const Sequence sequence = random_sequence(random, {9, 3, 64, 0.125F, {}, {}}, KvCodec::q8, 32768);
  KvCache cache = cache_for(sequence);
  append(cache, sequence, sequence.length());
  const Floats last = attend_last(cache, sequence, 1, pool, best_set());
  expect_by_definition(cache, sequence, 1, {}, last);
  const Floats chunk = attend_last(cache, sequence, 256, pool, best_set());
  check::is_true(same_bits(last, std::span(chunk).last(last.size())), "cached = chunked");
}

// Shares of one head: 1 in all, 0 for what is hidden, and with the values what attention gave.
void expect_shares(std::span<const float> shares, const Sequence& sequence, std::span<const float> values, std::span<const float> attended) {
  const std::int64_t length = sequence.length();
  const std::int64_t dimension = sequence.shape.head_dimension;
  double sum = 0;
  for (std::int64_t slot = 0; slot < length; ++slot) {
    const float share = shares[static_cast<std::size_t>(slot)];
    if (!sees(sequence, length - 1, 0, slot, {})) check::is_true(share == 0, "nothing for a hidden slot");
    sum += static_cast<double>(share);
  }
  check::near(sum, 1, 1e-5);
  for (std::int64_t i = 0; i < dimension; ++i) {
    double weighed = 0;
    for (std::int64_t slot = 0; slot < length; ++slot) {
      weighed += static_cast<double>(shares[static_cast<std::size_t>(slot)]) * static_cast<double>(values[static_cast<std::size_t>(slot * dimension + i)]);
    }
    check::near(weighed, attended[static_cast<std::size_t>(i)], 1e-4);
  }
}

TEST("shares add up to 1 and weigh the values to what attention gives") {
  std::mt19937 random(29);
  ThreadPool pool(3);
  const AttentionShape shapes[] = {{6, 2, 16, 0.3F, std::nullopt, std::nullopt}, {4, 4, 20, 0.2F, 70, 5.0F}};
  for (const AttentionShape& shape : shapes) {
    for (const KvCodec codec : {KvCodec::f32, KvCodec::f16, KvCodec::q8}) {
      const Sequence sequence = random_sequence(random, shape, codec, 301);
      KvCache cache = cache_for(sequence);
      append(cache, sequence, sequence.length());
      const std::size_t length = static_cast<std::size_t>(cache.length());
      const std::size_t dimension = static_cast<std::size_t>(shape.head_dimension);
      for (const KernelSet* set : sets_here()) {
        const Floats attended = attend_last(cache, sequence, 1, pool, *set);
        Floats shares(static_cast<std::size_t>(shape.heads) * length, 77.0F);
        retort::attention_shares(shape, cache, 0, sequence.query(cache.length() - 1, 1), shares, *set, pool);
        for (std::size_t head = 0; head < static_cast<std::size_t>(shape.heads); ++head) {
          const Floats values = decoded(cache, static_cast<std::int64_t>(head) / (shape.heads / shape.kv_heads), false);
          expect_shares(std::span(shares).subspan(head * length, length), sequence, values, std::span(attended).subspan(head * dimension, dimension));
        }
      }
    }
  }
}

TEST("no new tokens are no work") {
  ThreadPool pool(1);
  const KvCache cache({{1, 8}}, KvCodec::f16, 10);
  retort::attend({1, 1, 8, 1.0F, {}, {}}, cache, 0, {}, 0, {}, {}, best_set(), pool);
}

TEST("attention that is cancelled leaves the rest as it is") {
  std::mt19937 random(12);
  ThreadPool pool(2);
  const Sequence sequence = random_sequence(random, {4, 2, 16, 1.0F, {}, {}}, KvCodec::f16, 600);
  KvCache cache = cache_for(sequence);
  append(cache, sequence, 600);
  Floats out(static_cast<std::size_t>(600 * sequence.query_width()), 77.0F);
  const std::atomic<bool> cancelled = true;
  retort::attend(sequence.shape, cache, 0, sequence.query(0, 600), 600, {}, out, best_set(), pool, &cancelled);
  check::is_true(std::ranges::all_of(out, [](float value) { return value == 77.0F; }), "nothing is written");
}

TEST("calls that do not fit are refused") {
  std::mt19937 random(13);
  ThreadPool pool(1);
  const Sequence sequence = random_sequence(random, {4, 2, 16, 1.0F, {}, {}}, KvCodec::f16, 10);
  KvCache cache = cache_for(sequence);
  append(cache, sequence, 10);
  const auto refused = [&](auto change) {
    AttentionShape shape = sequence.shape;
    std::int64_t layer = 0;
    std::int64_t count = 2;
    Integers parents;
    Floats query(2 * 64);
    Floats out(2 * 64);
    change(shape, layer, count, parents, query, out);
    check::refuses(Status::bad_request, [&] { retort::attend(shape, cache, layer, query, count, parents, out, best_set(), pool); });
  };
  refused([](auto& shape, auto&, auto&, auto&, auto&, auto&) { shape.heads = 5; });
  refused([](auto& shape, auto&, auto&, auto&, auto&, auto&) { shape.kv_heads = 4; });
  refused([](auto& shape, auto&, auto&, auto&, auto&, auto&) { shape.head_dimension = 8; });
  refused([](auto& shape, auto&, auto&, auto&, auto&, auto&) { shape.window = 0; });
  refused([](auto& shape, auto&, auto&, auto&, auto&, auto&) { shape.softcap = 0.0F; });
  refused([](auto&, auto& layer, auto&, auto&, auto&, auto&) { layer = 1; });
  refused([](auto&, auto&, auto& count, auto&, auto&, auto&) { count = 11; });
  refused([](auto&, auto&, auto& count, auto&, auto&, auto&) { count = -1; });
  refused([](auto&, auto&, auto&, auto&, auto& query, auto&) { query.pop_back(); });
  refused([](auto&, auto&, auto&, auto&, auto&, auto& out) { out.pop_back(); });
  refused([](auto&, auto&, auto&, auto& parents, auto&, auto&) { parents = {-1}; });
  refused([](auto&, auto&, auto&, auto& parents, auto&, auto&) { parents = {-1, 1}; });
  refused([](auto&, auto&, auto&, auto& parents, auto&, auto&) { parents = {-2, 0}; });
}
