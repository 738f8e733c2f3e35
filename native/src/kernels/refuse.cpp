#include "kernels/refuse.h"

#include <string>

#include "retort/status.h"

namespace retort {

namespace {

#if defined(__x86_64__) || defined(_M_X64)
constexpr const char* architecture = "x86-64";
#elif defined(__aarch64__) || defined(_M_ARM64)
constexpr const char* architecture = "aarch64";
#else
constexpr const char* architecture = "another architecture";
#endif

}  // namespace

void refuse_architecture(const char* set) {
  throw Failure(Status::unsupported_feature, std::string("[kernels] this build for ") + architecture + " has no " + set + " kernels.");
}

void refuse_processor(const char* set) {
  throw Failure(Status::unsupported_feature, std::string("[kernels] this processor does not run the ") + set + " kernels.");
}

}  // namespace retort
