// Pages of the C library's heap that hold nothing.
#pragma once

namespace retort {

// Gives them back to the system, of every thread's heap. The C library keeps up to 64 MiB of them once larger blocks were freed (glibc's trim
// threshold grows with them), which would count as a model's memory. Takes some milliseconds; what is allocated next takes pages anew.
void release_heap_pages() noexcept;

}  // namespace retort
