// Stands in where the avx512 kernels are not built.
#include "kernels/architecture.h"
#include "kernels/kernel_set.h"

namespace retort {

const KernelSet& avx512_kernels() { refuse_kernels("avx512"); }

}  // namespace retort
