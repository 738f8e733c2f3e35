// Stands in where the avx512 kernels are not built.
#include "kernels/kernel_set.h"
#include "kernels/refuse.h"

namespace retort {

const KernelSet& avx512_kernels() { refuse_architecture("avx512"); }

}  // namespace retort
