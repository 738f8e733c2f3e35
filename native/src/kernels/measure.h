// Which kernel set is the quickest on this processor, found by trying.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace retort {

struct KernelSet;

// Names of the sets this processor runs, the widest first. The scalar set is among them only where it is alone: it is there to be read.
std::vector<std::string_view> available_kernels();

// Seconds for panels of Q4_0 and Q8_0 weights together, each the least of several rounds.
struct KernelTime {
  // One input row.
  double decode = 0;
  // Sixteen input rows.
  double prefill = 0;
};

// Times the sets on one thread, turn about, so that what else the machine does meets all of them. Takes about a tenth of a second, more for the scalar set.
// Throws Failure: out_of_memory.
std::vector<KernelTime> measure_kernels(std::span<const KernelSet* const> sets);

}  // namespace retort
