#include "heap_pages.h"

// Defines __GLIBC__ where it is.
#include <cstdlib>

#if defined(__GLIBC__)
#include <malloc.h>
#elif defined(__APPLE__)
#include <malloc/malloc.h>
#elif defined(_WIN32)
#include <malloc.h>
#endif

namespace retort {

void release_heap_pages() noexcept {
#if defined(__GLIBC__)
  malloc_trim(0);
#elif defined(__APPLE__)
  malloc_zone_pressure_relief(nullptr, 0);
#elif defined(_WIN32)
  _heapmin();
#endif
}

}  // namespace retort
