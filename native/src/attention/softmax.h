// Scores of a tile to weights, and the merging of tiles. Additions come in one order whatever the tile is computed with.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace retort {

// scores[i] · scale, then cap·tanh(·/cap) where there is a cap. `count` is a multiple of 32, here and below.
void scale_scores(float* scores, std::int64_t count, float scale, std::optional<float> softcap);

struct TileSum {
  float maximum = -std::numeric_limits<float>::infinity();
  // 0 where nothing was visible, else at least 1 (or NaN).
  float sum = 0;
};

// Scores become exp(score − maximum). What is not visible comes as −infinity and becomes 0. Eight partial sums over i mod 8.
TileSum weigh_scores(float* scores, std::int64_t count);

// One row's attention so far: out = Σ weight·value, relative to exp(maximum).
struct RunningSum {
  double maximum = -std::numeric_limits<double>::infinity();
  double sum = 0;
};

// Adds a tile to what came before it; `out` and `tile_out` have `dimension` numbers.
void merge_tile(RunningSum& running, double* out, const TileSum& tile, const float* tile_out, std::int64_t dimension);
void finish_row(const RunningSum& running, const double* sums, float* out, std::int64_t dimension);

}  // namespace retort
