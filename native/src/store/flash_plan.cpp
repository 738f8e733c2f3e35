#include "store/flash_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "retort/status.h"
#include "store/checked_file.h"

namespace retort {
namespace {

// Read ahead of the computing: enough for a disk's queue and for what is computed without weights (attention over a long context), and no more, since every
// byte of it is one less that stays in memory.
constexpr std::size_t ring_target = std::size_t{32} << 20;
// Of a small budget it is this part at most.
constexpr std::size_t largest_ring_share = 4;
// Records in the ring at the least: one is computed with while the next is read.
constexpr std::size_t ring_records = 2;

std::size_t sum(const std::vector<std::size_t>& sizes) { return std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}); }
std::size_t largest(const std::vector<std::size_t>& sizes) { return sizes.empty() ? 0 : *std::ranges::max_element(sizes); }

class Planner {
 public:
  // Memory is taken in whole pages.
  Planner(const FlashSizes& sizes, std::size_t budget) : sizes_(sizes), budget_(budget / direct_page * direct_page) {}

  FlashPlan plan() const {
    if (budget_ >= total_) return {sizes_.dense.size() + sizes_.rows.size() + sizes_.experts.size(), 0, 0, 0, 0};
    return sizes_.experts.empty() ? dense_plan() : expert_plan();
  }

  std::size_t minimum() const {
    const std::size_t least = sizes_.experts.empty() ? sizes_.lookup_bytes + std::min(dense_, ring_minimum()) : trunk() + sizes_.experts_used * slot_bytes_;
    return std::min(least, total_);
  }

 private:
  std::size_t ring_minimum() const { return ring_records * largest(sizes_.dense); }
  // All but experts, and what rows are looked up with where they are not part of it.
  std::size_t trunk() const { return dense_ + (sizes_.looks_up_dense ? 0 : sizes_.lookup_bytes); }

  FlashPlan dense_plan() const {
    // Here rows are not those of dense records: with all of these in memory the budget would hold everything.
    if (budget_ >= trunk()) return with_rows({sizes_.dense.size(), 0, sizes_.lookup_bytes, 0, 0});
    const std::size_t left = budget_ - sizes_.lookup_bytes;
    // Where little is missing a long ring would be memory that could hold it.
    const std::size_t missing = dense_ - std::min(dense_, left);
    const std::size_t ring = std::max(ring_minimum(), std::min({ring_target, missing, left / largest_ring_share / direct_page * direct_page}));
    std::size_t pinned = 0;
    std::size_t used = ring;
    for (const std::size_t record : pin_order(sizes_.dense.size())) {
      if (used + sizes_.dense[record] > left) break;
      used += sizes_.dense[record];
      ++pinned;
    }
    return {pinned, ring, sizes_.lookup_bytes, 0, 0};
  }

  FlashPlan expert_plan() const {
    const std::size_t lookup = sizes_.looks_up_dense ? 0 : sizes_.lookup_bytes;
    const std::size_t slots = std::min((budget_ - trunk()) / slot_bytes_, sizes_.experts.size());
    return with_rows({sizes_.dense.size(), 0, lookup, slots, slot_bytes_});
  }

  // Rows take what nothing else can use.
  FlashPlan with_rows(FlashPlan plan) const {
    std::size_t used = trunk() + plan.slots * plan.slot_bytes;
    for (const std::size_t bytes : sizes_.rows) {
      if (used + bytes > budget_) break;
      used += bytes;
      ++plan.pinned;
    }
    return plan;
  }

  const FlashSizes& sizes_;
  std::size_t budget_;
  std::size_t dense_ = sum(sizes_.dense);
  std::size_t slot_bytes_ = largest(sizes_.experts);
  std::size_t total_ = dense_ + sum(sizes_.rows) + sum(sizes_.experts);
};

}  // namespace

std::vector<std::size_t> pin_order(std::size_t dense) {
  // Multiples of the golden ratio, without their whole part, fall evenly into any stretch of 0…1 (Weyl 1916), and no period of the layers meets them.
  constexpr double golden = 0.6180339887498949;
  std::vector<double> keys(dense);
  for (std::size_t i = 0; i < dense; ++i) keys[i] = std::fmod(static_cast<double>(i) * golden, 1.0);
  std::vector<std::size_t> order(dense);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return keys[i]; });
  return order;
}

std::int64_t minimum_budget(const FlashSizes& sizes) { return static_cast<std::int64_t>(Planner(sizes, 0).minimum()); }

std::int64_t total_bytes(const FlashSizes& sizes) { return static_cast<std::int64_t>(sum(sizes.dense) + sum(sizes.rows) + sum(sizes.experts)); }

FlashPlan plan_flash(const FlashSizes& sizes, std::int64_t budget) {
  const Planner planner(sizes, static_cast<std::size_t>(std::max<std::int64_t>(budget, 0)));
  const auto minimum = static_cast<std::int64_t>(planner.minimum());
  if (budget < minimum) {
    throw BudgetFailure("[flash] a budget of " + std::to_string(budget) + " bytes is too small for the weights of this model: they need at least " +
                            std::to_string(minimum) + ".",
                        minimum);
  }
  return planner.plan();
}

}  // namespace retort
