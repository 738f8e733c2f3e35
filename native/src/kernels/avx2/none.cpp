// Stands in where the avx2 kernels are not built.
#include "kernels/architecture.h"
#include "kernels/kernel_set.h"

namespace retort {

const KernelSet& avx2_kernels() { refuse_kernels("avx2"); }

}  // namespace retort
