// Measures attention over the cache: a decode step (one token, all layers) at 512 and 8192 slots beside the bandwidth of reading memory, and the prefill of 512
// tokens, for the shapes of a 135M and a 1B model. Prints medians; run it on a quiet machine: `attention_bench [threads] [kernel set]`. Not part of ctest.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

#include "retort/attention.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RETORT_WIDE_READ __attribute__((target("avx2")))
#else
#define RETORT_WIDE_READ
#endif

namespace {

using Clock = std::chrono::steady_clock;
using retort::KvCodec;

double seconds_of(const auto& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

RETORT_WIDE_READ std::uint64_t sum_of(const std::uint64_t* begin, const std::uint64_t* end) {
  constexpr int lanes = 32;
  std::uint64_t sums[lanes] = {};
  for (; begin + lanes <= end; begin += lanes) {
    for (int i = 0; i < lanes; ++i) sums[i] += begin[i];
  }
  return std::accumulate(std::begin(sums), std::end(sums), std::uint64_t{0});
}

// GB/s of reading 512 MiB once.
double read_rate(const std::vector<std::uint64_t>& memory, retort::ThreadPool& pool) {
  const double seconds = seconds_of([&] {
    pool.parallel(static_cast<std::int64_t>(memory.size()), 1 << 16, [&](std::int64_t begin, std::int64_t end) {
      const volatile std::uint64_t kept = sum_of(memory.data() + begin, memory.data() + end);
      static_cast<void>(kept);
    });
  });
  return static_cast<double>(memory.size() * sizeof(std::uint64_t)) / seconds / 1e9;
}

struct Model {
  const char* name;
  int layers;
  retort::AttentionShape shape;
};

retort::KvCache filled_cache(const Model& model, KvCodec codec, std::int64_t length) {
  retort::KvCache cache(std::vector<retort::KvLayerShape>(static_cast<std::size_t>(model.layers), {model.shape.kv_heads, model.shape.head_dimension}), codec, length);
  std::vector<std::int32_t> positions(static_cast<std::size_t>(length));
  std::iota(positions.begin(), positions.end(), 0);
  cache.extend(positions);
  std::mt19937 random(1);
  std::vector<float> vector(static_cast<std::size_t>(model.shape.kv_heads * model.shape.head_dimension));
  for (std::int64_t slot = 0; slot < length; ++slot) {
    for (float& value : vector) value = static_cast<float>(random() % 2001) / 1000.0F - 1.0F;
    for (int layer = 0; layer < model.layers; ++layer) cache.write(layer, slot, vector, vector);
  }
  return cache;
}

// All layers, `count` new tokens.
double step_seconds(const Model& model, const retort::KvCache& cache, std::int64_t count, const retort::KernelSet& kernels, retort::ThreadPool& pool) {
  const std::vector<float> query(static_cast<std::size_t>(count * model.shape.heads * model.shape.head_dimension), 0.5F);
  std::vector<float> out(query.size());
  return seconds_of([&] {
    for (int layer = 0; layer < model.layers; ++layer) retort::attend(model.shape, cache, layer, query, count, {}, out, kernels, pool);
  });
}

const char* name_of(KvCodec codec) { return codec == KvCodec::f32 ? "f32" : codec == KvCodec::f16 ? "f16" : "q8"; }

void bench_decode(const Model& model, KvCodec codec, const std::vector<std::uint64_t>& memory, const retort::KernelSet& kernels, retort::ThreadPool& pool) {
  const retort::KvCache short_cache = filled_cache(model, codec, 512);
  const retort::KvCache long_cache = filled_cache(model, codec, 8192);
  std::vector<double> rates, short_steps, long_steps, allowed;
  for (int round = 0; round < 11; ++round) {
    rates.push_back(read_rate(memory, pool));
    short_steps.push_back(step_seconds(model, short_cache, 1, kernels, pool));
    long_steps.push_back(step_seconds(model, long_cache, 1, kernels, pool));
  }
  const double added_bytes = static_cast<double>(long_cache.bytes() - short_cache.bytes());
  const double added = median_of(long_steps) - median_of(short_steps);
  std::printf("%-5s %-4s decode  512: %7.3f ms  8192: %7.3f ms  added %6.1f MB at %5.1f GB/s of %5.1f (x%.2f of reading)\n", model.name, name_of(codec),
              1e3 * median_of(short_steps), 1e3 * median_of(long_steps), added_bytes / 1e6, added_bytes / added / 1e9, median_of(rates),
              added * median_of(rates) * 1e9 / added_bytes);
}

void bench_prefill(const Model& model, KvCodec codec, const retort::KernelSet& kernels, retort::ThreadPool& pool) {
  constexpr double tokens = 512;
  const retort::KvCache cache = filled_cache(model, codec, 512);
  std::vector<double> steps;
  for (int round = 0; round < 5; ++round) steps.push_back(step_seconds(model, cache, 512, kernels, pool));
  const double products = 2 * tokens * (tokens + 1) / 2 * model.shape.heads * model.shape.head_dimension * model.layers;
  std::printf("%-5s %-4s prefill 512: %7.1f ms  %.1f GFLOP/s\n", model.name, name_of(codec), 1e3 * median_of(steps), 2 * products / median_of(steps) / 1e9);
}

}  // namespace

int main(int count, char** arguments) {
  retort::ThreadPool pool(count > 1 ? std::atoi(arguments[1]) : 2);
  const retort::KernelSet& kernels = retort::kernel_set(count > 2 ? arguments[2] : "");
  std::printf("%d threads, %s\n", pool.threads(), std::string(retort::kernel_set_name(kernels)).c_str());
  const std::vector<std::uint64_t> memory(std::size_t{1} << 26, 1);
  const Model models[] = {{"135M", 30, {9, 3, 64, 0.125F, {}, {}}}, {"1B", 16, {32, 8, 64, 0.125F, {}, {}}}};
  for (const Model& model : models) {
    for (const KvCodec codec : {KvCodec::f32, KvCodec::f16, KvCodec::q8}) bench_decode(model, codec, memory, kernels, pool);
    for (const KvCodec codec : {KvCodec::f16, KvCodec::q8}) bench_prefill(model, codec, kernels, pool);
  }
}
