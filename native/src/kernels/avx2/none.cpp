// Stands in where the avx2 kernels are not built.
#include "kernels/kernel_set.h"
#include "kernels/refuse.h"

namespace retort {

const KernelSet& avx2_kernels() { refuse_architecture("avx2"); }

}  // namespace retort
