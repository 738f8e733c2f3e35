// What a budget of memory is spent on when a model's weights are read from a pack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace retort {

// Bytes of a model's records, in whole pages.
struct FlashSizes {
  // What every token multiplies by, in order of use.
  std::vector<std::size_t> dense;
  // Token rows that are only looked up.
  std::vector<std::size_t> rows;
  std::vector<std::size_t> experts;
  // Of one layer and token.
  std::size_t experts_used = 0;
  // For looking up rows of what is not in memory; 0: nothing is looked up.
  std::size_t lookup_bytes = 0;
  // Whether the looked-up rows are those of dense records.
  bool looks_up_dense = false;
};

struct FlashPlan {
  // Kept in memory: that many of the records in pin order.
  std::size_t pinned = 0;
  std::size_t ring_bytes = 0;
  std::size_t lookup_bytes = 0;
  std::size_t slots = 0;
  std::size_t slot_bytes = 0;

  bool operator==(const FlashPlan&) const = default;
};

// In which order dense records are kept in memory as the budget grows: any first part of it is spread evenly over all of them, so that what is left to be
// read comes at an even rate. The second of two budgets adds records to the first's or takes the last ones away.
std::vector<std::size_t> pin_order(std::size_t dense);

// Pin order: dense records by pin_order, then rows, then experts. Throws BudgetFailure (bad_request) below the minimum.
FlashPlan plan_flash(const FlashSizes& sizes, std::int64_t budget);

std::int64_t minimum_budget(const FlashSizes& sizes);
std::int64_t total_bytes(const FlashSizes& sizes);

}  // namespace retort
