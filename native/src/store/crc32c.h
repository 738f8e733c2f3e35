// CRC32C (Castagnoli; reflected, begins with all ones, ends inverted), the checksum of a pack's records. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace retort {

// `seed`: the checksum of what comes before, 0 at the beginning, so that parts one after another give the checksum of the whole. By the fastest way
// that this processor has.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;

// The same by the processor's instruction alone, and by tables alone: what processors without AVX-512, and without the instruction, run.
std::uint32_t crc32c_by_instruction(std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;
std::uint32_t crc32c_by_table(std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;

}  // namespace retort
