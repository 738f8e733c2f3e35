// Reads that were made before, made again without what was computed between them: how long the disk alone takes for them.
#pragma once

#include <atomic>
#include <span>

#include "direct_file.h"

namespace retort {

// In their order, each begun as soon as no more others are in line or in flight than were then; what they read is forgotten. Returns the seconds from the
// first one's beginning to the last one's end. Throws Failure: bad_request (no reads, or their buffers take more than 1 GiB), out_of_memory, cancelled, what
// begin and finish throw; nothing is in flight afterwards.
double replay_reads(DirectFile& file, std::span<const BegunRead> reads, const std::atomic<bool>& cancelled);

}  // namespace retort
