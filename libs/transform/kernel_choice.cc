#include "libs/transform/kernels.h"

namespace amaes {

#ifdef AMAES_WITH_AVX2_KERNELS
const Kernels& Avx2Kernels();
#endif

const Kernels& FastKernels() {
#ifdef AMAES_WITH_AVX2_KERNELS
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2) return Avx2Kernels();
#endif
  return BaselineKernels();
}

}  // namespace amaes
