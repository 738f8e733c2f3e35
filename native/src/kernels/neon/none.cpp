// Stands in where the neon kernels are not built.
#include "kernels/kernel_set.h"
#include "kernels/refuse.h"

namespace retort {

const KernelSet& neon_kernels() { refuse_architecture("neon"); }

}  // namespace retort
