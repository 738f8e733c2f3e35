#include <string>

#include "kernels/kernel_set.h"
#include "retort/matrix.h"
#include "retort/status.h"

namespace retort {

namespace {

const KernelSet& best_kernels() {
  for (const auto get : {avx512_kernels, avx2_kernels, neon_kernels}) {
    try {
      return get();
    } catch (const Failure&) {
      // Not here: the next.
    }
  }
  return scalar_kernels();
}

}  // namespace

const KernelSet& kernel_set(std::string_view name) {
  if (name.empty()) return best_kernels();
  if (name == "scalar") return scalar_kernels();
  if (name == "avx2") return avx2_kernels();
  if (name == "avx512") return avx512_kernels();
  if (name == "neon") return neon_kernels();
  throw Failure(Status::unsupported_feature, "[kernels] there is no set \"" + std::string(name) + "\".");
}

std::string_view kernel_set_name(const KernelSet& set) noexcept { return set.name; }

}  // namespace retort
