#include <string>

#include "kernels/kernel_set.h"
#include "kernels/measure.h"
#include "retort/matrix.h"
#include "retort/status.h"

namespace retort {

std::vector<std::string_view> available_kernels() {
  std::vector<std::string_view> names;
  for (const auto get : {avx512_kernels, avx2_kernels, neon_kernels}) {
    try {
      names.emplace_back(get().name);
    } catch (const Failure&) {
      // Not here: the next.
    }
  }
  if (names.empty()) names.emplace_back(scalar_kernels().name);
  return names;
}

const KernelSet& kernel_set(std::string_view name) {
  if (name.empty()) return kernel_set(available_kernels().front());
  if (name == "scalar") return scalar_kernels();
  if (name == "avx2") return avx2_kernels();
  if (name == "avx512") return avx512_kernels();
  if (name == "neon") return neon_kernels();
  throw Failure(Status::unsupported_feature, "[kernels] there is no set \"" + std::string(name) + "\".");
}

std::string_view kernel_set_name(const KernelSet& set) noexcept { return set.name; }

}  // namespace retort
