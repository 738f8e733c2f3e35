// Stands in where the neon kernels are not built.
#include "kernels/architecture.h"
#include "kernels/kernel_set.h"

namespace retort {

const KernelSet& neon_kernels() { refuse_kernels("neon"); }

}  // namespace retort
