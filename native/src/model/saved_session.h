// A session as one byte string: magic and version, length, the cache's own bytes, recurrent states. Little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retort {

struct SavedSession {
  std::int64_t length = 0;
  std::vector<std::byte> cache;
  std::vector<float> recurrent;
};

std::vector<std::byte> encode(const SavedSession& session);
// Throws Failure: bad_file.
SavedSession decode(std::span<const std::byte> bytes);

}  // namespace retort
