#ifndef AGENTSHIELD_ENGINE_PROBE_H
#define AGENTSHIELD_ENGINE_PROBE_H

#include <stdint.h>

/// Heap allocations of this thread so far: calls of malloc, calloc, realloc, posix_memalign and aligned_alloc in this process, libraries
/// included. Always 0 where the C library is not glibc.
uint64_t agentshield_allocations_of_this_thread(void);

/// Where callgrind writes a profile and starts the next one: does nothing, and is called.
void agentshield_mark(void);

#endif
