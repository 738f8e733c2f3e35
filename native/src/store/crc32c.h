// CRC32C (Castagnoli; reflected, begins with all ones, ends inverted), the checksum of a pack's records. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace retort {

// `seed`: the checksum of what comes before, 0 at the beginning, so that parts one after another give the checksum of the whole. Uses the processor's
// instruction where it has one.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;

// The same by tables alone: what processors without the instruction run.
std::uint32_t crc32c_by_table(std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;

}  // namespace retort
