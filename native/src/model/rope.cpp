#include "rope.h"

#include <cmath>
#include <string>

#include "retort/status.h"

namespace retort {
namespace {

// Frequencies are dealt to the position axes section by section.
std::vector<std::size_t> axes_of(const Rope& rope, std::size_t axes) {
  std::vector<std::size_t> axis(rope.inverse_frequencies.size(), 0);
  if (axes == 1) return axis;
  std::size_t next = 0;
  for (std::size_t section = 0; section < rope.sections.size(); ++section) {
    for (std::int32_t i = 0; i < rope.sections[section]; ++i) axis[next++] = section;
  }
  return axis;
}

}  // namespace

void check_rope(const Rope& rope) {
  const auto refuse = [](const char* what) { throw Failure(Status::bad_request, std::string("[rope] ") + what); };
  if (rope.dimensions <= 0 || rope.dimensions % 2 != 0) refuse("dimensions: must be positive and even.");
  if (rope.inverse_frequencies.size() * 2 != static_cast<std::size_t>(rope.dimensions)) refuse("inverse frequencies: expected half the dimensions.");
  for (const double frequency : rope.inverse_frequencies) {
    if (!std::isfinite(frequency)) refuse("inverse frequencies: must be finite.");
  }
  if (!std::isfinite(rope.magnitude)) refuse("magnitude: must be finite.");
  if (rope.sections.size() > 3) refuse("sections: there are three axes at most.");
  std::size_t total = 0;
  for (const std::int32_t section : rope.sections) {
    if (section < 0) refuse("sections: must not be negative.");
    total += static_cast<std::size_t>(section);
  }
  if (total > rope.inverse_frequencies.size()) refuse("sections: more than there are frequencies.");
}

void RopeRows::fill(const Rope& rope, std::span<const std::int32_t> positions, std::int64_t stride, std::int64_t first, std::int64_t count) {
  const std::size_t half = rope.inverse_frequencies.size();
  const auto row = static_cast<std::size_t>(stride);
  const std::vector<std::size_t> axis = axes_of(rope, positions.size() / row);
  cos_.resize(static_cast<std::size_t>(count) * half);
  sin_.resize(cos_.size());
  for (std::size_t token = 0; token < static_cast<std::size_t>(count); ++token) {
    for (std::size_t i = 0; i < half; ++i) {
      const double angle = positions[axis[i] * row + static_cast<std::size_t>(first) + token] * rope.inverse_frequencies[i];
      cos_[token * half + i] = static_cast<float>(std::cos(angle) * rope.magnitude);
      sin_[token * half + i] = static_cast<float>(std::sin(angle) * rope.magnitude);
    }
  }
}

void RopeRows::rotate(const Rope& rope, std::int64_t token, std::size_t width, std::span<float> heads) const {
  const std::size_t half = rope.inverse_frequencies.size();
  const float* cos = cos_.data() + static_cast<std::size_t>(token) * half;
  const float* sin = sin_.data() + static_cast<std::size_t>(token) * half;
  const bool halves = rope.style == RopeStyle::halves;
  // First component of pair i at i · step, its partner `apart` behind.
  const std::size_t step = halves ? 1 : 2;
  const std::size_t apart = halves ? half : 1;
  for (std::size_t head = 0; head < heads.size(); head += width) {
    for (std::size_t i = 0; i < half; ++i) {
      float& a = heads[head + i * step];
      float& b = heads[head + i * step + apart];
      const float x = a;
      const float y = b;
      a = x * cos[i] - y * sin[i];
      b = x * sin[i] + y * cos[i];
    }
  }
}

}  // namespace retort
