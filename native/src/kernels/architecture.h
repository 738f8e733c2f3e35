#pragma once

#include <string>

#include "retort/status.h"

namespace retort {

// Throws Failure: unsupported_feature, naming the architecture this was built for.
[[noreturn]] inline void refuse_kernels(const char* set) {
#if defined(__x86_64__) || defined(_M_X64)
  constexpr const char* architecture = "x86-64";
#elif defined(__aarch64__) || defined(_M_ARM64)
  constexpr const char* architecture = "aarch64";
#else
  constexpr const char* architecture = "another architecture";
#endif
  throw Failure(Status::unsupported_feature, std::string("[kernels] this build for ") + architecture + " has no " + set + " kernels.");
}

}  // namespace retort
