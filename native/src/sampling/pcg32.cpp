#include "retort/sampling.h"
#include "retort/status.h"

namespace retort {
namespace {

constexpr std::uint64_t multiplier = 6364136223846793005ULL;

}  // namespace

Pcg32::Pcg32(std::uint64_t seed, std::uint64_t sequence) : state_{0, (sequence << 1U) | 1U} {
  next();
  state_.state += seed;
  next();
}

std::uint32_t Pcg32::next() {
  const std::uint64_t old = state_.state;
  state_.state = old * multiplier + state_.increment;
  const auto shifted = static_cast<std::uint32_t>(((old >> 18U) ^ old) >> 27U);
  const auto rotation = static_cast<std::uint32_t>(old >> 59U);
  return (shifted >> rotation) | (shifted << ((32U - rotation) & 31U));
}

double Pcg32::next_unit() {
  const std::uint64_t high = next();
  const std::uint64_t low = next();
  return static_cast<double>(((high << 32U) | low) >> 11U) * 0x1p-53;
}

void Pcg32::set_state(State state) {
  if (state.increment % 2 == 0) throw Failure(Status::bad_request, "[sampling] state: the increment must be odd.");
  state_ = state;
}

}  // namespace retort
