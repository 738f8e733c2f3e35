// The two ways a kernel set is not there. Defined elsewhere than in the files of a set, which hold nothing but kernels.
#pragma once

namespace retort {

// Throws Failure: unsupported_feature, naming the architecture this was built for.
[[noreturn]] void refuse_architecture(const char* set);
// Throws Failure: unsupported_feature.
[[noreturn]] void refuse_processor(const char* set);

}  // namespace retort
