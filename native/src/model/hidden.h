// Hidden states of one evaluate call, gathered part by part.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "retort/model.h"

namespace retort {

class HiddenCollector {
 public:
  explicit HiddenCollector(std::int64_t count) : count_(count) {}

  // Rows of the tokens from `first` on, `width` values each.
  void add(const std::string& name, std::int64_t first, std::int64_t width, std::span<const float> rows);
  void add(const std::string& name, std::int64_t first, std::int64_t width, std::span<const std::int32_t> rows);
  std::vector<EvaluateOutcome::Hidden> finish() { return std::move(states_); }

 private:
  EvaluateOutcome::Hidden& state(const std::string& name, std::int64_t width);

  std::int64_t count_;
  std::vector<EvaluateOutcome::Hidden> states_;
};

}  // namespace retort
