// Counts heap allocations in the program that links this in: its definitions come before the C library's. Per thread, so that tests which
// run side by side do not count one another's.
#include "EngineProbe.h"

#include <stddef.h>

static _Thread_local uint64_t allocations;

uint64_t agentshield_allocations_of_this_thread(void) { return allocations; }

__attribute__((noinline)) void agentshield_mark(void) { __asm__ volatile(""); }

#ifdef __GLIBC__
#include <errno.h>

// glibc's own entries: no look-up with dlsym, which allocates.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    allocations++;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    allocations++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *found = aligned_alloc(alignment, size);
    if (found == NULL && size != 0) return ENOMEM;
    *memory = found;
    return 0;
}
#endif
