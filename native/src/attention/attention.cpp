// Who computes what. A job is one KV head and some new tokens. With many jobs (prefill) each goes through its tiles by itself. With few (decode) the tiles
// are shared out too: all are computed apart and kept, then every job merges its own. Both add up the same numbers in the same order.
#include "retort/attention.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <string>

#include "kernels.h"
#include "retort/status.h"
#include "softmax.h"
#include "tile.h"
#include "visibility.h"

namespace retort {
namespace {

// Rows of a job: enough to use decoded keys and values many times, few enough that scores and sums stay in the second-level cache.
constexpr std::int64_t rows_per_job = 48;
// Jobs per thread from which on tiles are not shared out.
constexpr std::int64_t jobs_per_thread = 4;
// Most floats kept between computing and merging (16 MiB).
constexpr std::int64_t most_kept_floats = std::int64_t{4} << 20;

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

[[noreturn]] void refuse(const std::string& what) { throw Failure(Status::bad_request, "[attention] " + what); }

void check_call(const AttentionShape& shape, const KvCache& cache, std::int64_t layer, std::span<const float> query, std::int64_t count,
                std::span<const std::int32_t> parents, std::span<float> out) {
  if (layer < 0 || layer >= static_cast<std::int64_t>(cache.layers().size())) refuse("no layer " + std::to_string(layer) + ".");
  const KvLayerShape& held = cache.layers()[at(layer)];
  if (held.kv_heads != shape.kv_heads || held.head_dimension != shape.head_dimension) refuse("the cache's layer has another shape.");
  if (shape.kv_heads < 1 || shape.heads < 1 || shape.heads % shape.kv_heads != 0) refuse("heads that are no multiple of the KV heads.");
  if (shape.window && *shape.window < 1) refuse("a window below 1.");
  if (shape.softcap && !(*shape.softcap > 0 && std::isfinite(*shape.softcap))) refuse("a softcap that is no positive number.");
  if (count < 0 || count > cache.length()) refuse(std::to_string(count) + " new tokens in a cache of " + std::to_string(cache.length()) + ".");
  const std::size_t floats = at(count) * at(shape.heads) * at(shape.head_dimension);
  if (query.size() != floats || out.size() != floats) refuse("queries or outputs of the wrong size.");
  if (!parents.empty() && parents.size() != at(count)) refuse("parents of the wrong size.");
}

// The last tokens, which have most to do, come first.
std::vector<AttentionJob> jobs_of(const AttentionCall& call) {
  const std::int64_t tokens = std::max(rows_per_job / call.group(), std::int64_t{1});
  std::vector<AttentionJob> jobs;
  for (std::int64_t end = call.count; end > 0; end -= std::min(tokens, end)) {
    for (std::int64_t head = 0; head < call.shape.kv_heads; ++head) jobs.push_back({head, std::max(end - tokens, std::int64_t{0}), end});
  }
  return jobs;
}

struct TileRange {
  std::int64_t begin, end;
};

TileRange tiles_of(const AttentionCall& call, const AttentionJob& job) {
  TileRange range{call.visibility.first_tile(job.begin), 0};
  for (std::int64_t token = job.begin; token < job.end; ++token) {
    range.begin = std::min(range.begin, call.visibility.first_tile(token));
    range.end = std::max(range.end, (call.visibility.path_length(token) + attention_tile_slots - 1) / attention_tile_slots);
  }
  return range;
}

std::int64_t rows_of(const AttentionCall& call, const AttentionJob& job) { return (job.end - job.begin) * call.group(); }

// The rows of a job while tiles are added to them.
class JobSums {
 public:
  JobSums(const AttentionCall& call, const AttentionJob& job)
      : call_(call), job_(job), running_(at(rows_of(call, job))), sums_(running_.size() * at(call.padded()), 0.0) {}

  void add(std::span<const TileSum> tiles, std::span<const float> outs) {
    for (std::size_t row = 0; row < running_.size(); ++row) {
      const std::size_t start = row * at(call_.padded());
      merge_tile(running_[row], sums_.data() + start, tiles[row], outs.data() + start, call_.padded());
    }
  }

  void finish(std::span<float> out) const {
    const std::int64_t group = call_.group();
    for (std::int64_t row = 0; row < static_cast<std::int64_t>(running_.size()); ++row) {
      const std::int64_t head = job_.head * group + row % group;
      float* const to = out.data() + ((job_.begin + row / group) * call_.shape.heads + head) * call_.dimension();
      finish_row(running_[at(row)], sums_.data() + row * call_.padded(), to, call_.dimension());
    }
  }

 private:
  const AttentionCall& call_;
  const AttentionJob& job_;
  std::vector<RunningSum> running_;
  std::vector<double> sums_;
};

// Each job by one thread, tile after tile.
void attend_by_jobs(const AttentionCall& call, std::span<const AttentionJob> jobs, std::span<float> out, ThreadPool& pool,
                    const std::atomic<bool>* cancelled) {
  pool.parallel(static_cast<std::int64_t>(jobs.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (const AttentionJob& job : jobs.subspan(at(begin), at(end - begin))) {
      if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) return;
      TileWorker worker(call, job);
      JobSums sums(call, job);
      std::vector<TileSum> tile_sums(at(worker.rows()));
      LineFloats tile_out(at(worker.rows() * call.padded()));
      const TileRange tiles = tiles_of(call, job);
      for (std::int64_t tile = tiles.begin; tile < tiles.end; ++tile) {
        worker.compute(tile, tile_sums, tile_out);
        sums.add(tile_sums, tile_out);
      }
      sums.finish(out);
    }
  });
}

// One tile of one job, and where its rows are kept.
struct Piece {
  std::size_t job;
  std::int64_t tile;
  std::int64_t first_row;
};

void attend_by_tiles(const AttentionCall& call, std::span<const AttentionJob> jobs, std::span<float> out, ThreadPool& pool) {
  std::vector<Piece> pieces;
  // Pieces of a job: first_piece[job] … first_piece[job + 1] − 1, ascending.
  std::vector<std::size_t> first_piece;
  std::int64_t rows = 0;
  for (std::size_t job = 0; job < jobs.size(); ++job) {
    first_piece.push_back(pieces.size());
    const TileRange tiles = tiles_of(call, jobs[job]);
    for (std::int64_t tile = tiles.begin; tile < tiles.end; ++tile, rows += rows_of(call, jobs[job])) pieces.push_back({job, tile, rows});
  }
  first_piece.push_back(pieces.size());
  std::vector<TileSum> kept_sums(at(rows));
  LineFloats kept_out(at(rows * call.padded()));
  const auto sums_of = [&](const Piece& piece) { return std::span(kept_sums).subspan(at(piece.first_row), at(rows_of(call, jobs[piece.job]))); };
  const auto out_of = [&](const Piece& piece) {
    return std::span(kept_out).subspan(at(piece.first_row * call.padded()), at(rows_of(call, jobs[piece.job]) * call.padded()));
  };
  pool.parallel(static_cast<std::int64_t>(pieces.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t next = begin;
    while (next < end) {
      const std::size_t job = pieces[at(next)].job;
      TileWorker worker(call, jobs[job]);
      for (; next < end && pieces[at(next)].job == job; ++next) worker.compute(pieces[at(next)].tile, sums_of(pieces[at(next)]), out_of(pieces[at(next)]));
    }
  });
  pool.parallel(static_cast<std::int64_t>(jobs.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::size_t job = at(begin); job < at(end); ++job) {
      JobSums sums(call, jobs[job]);
      for (std::size_t piece = first_piece[job]; piece < first_piece[job + 1]; ++piece) sums.add(sums_of(pieces[piece]), out_of(pieces[piece]));
      sums.finish(out);
    }
  });
}

bool worth_sharing_tiles(const AttentionCall& call, std::span<const AttentionJob> jobs, int threads) {
  if (threads == 1 || static_cast<std::int64_t>(jobs.size()) >= jobs_per_thread * threads) return false;
  std::int64_t tiles = 0;
  std::int64_t floats = 0;
  for (const AttentionJob& job : jobs) {
    const TileRange range = tiles_of(call, job);
    tiles += range.end - range.begin;
    floats += (range.end - range.begin) * rows_of(call, job) * call.padded();
  }
  return tiles > static_cast<std::int64_t>(jobs.size()) && floats <= most_kept_floats;
}

}  // namespace

void attend(const AttentionShape& shape, const KvCache& cache, std::int64_t layer, std::span<const float> query, std::int64_t count,
            std::span<const std::int32_t> parents, std::span<float> out, const KernelSet& kernels, ThreadPool& pool,
            const std::atomic<bool>* cancelled) {
  check_call(shape, cache, layer, query, count, parents, out);
  if (count == 0) return;
  try {
    const Visibility visibility(cache, count, parents, shape.window);
    const AttentionCall call{shape, cache, layer, query, count, visibility, attention_kernels(kernels)};
    const std::vector<AttentionJob> jobs = jobs_of(call);
    if (worth_sharing_tiles(call, jobs, pool.threads())) {
      attend_by_tiles(call, jobs, out, pool);
    } else {
      attend_by_jobs(call, jobs, out, pool, cancelled);
    }
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[attention] no memory for the scores of " + std::to_string(count) + " tokens.");
  }
}

const AttentionKernels& attention_kernels(const KernelSet& set) {
  const std::string_view name = kernel_set_name(set);
  const AttentionKernels* const vectors = name == "avx2" || name == "avx512" ? avx2_attention() : nullptr;
  return vectors != nullptr ? *vectors : scalar_attention();
}

}  // namespace retort
