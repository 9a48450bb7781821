// Preloaded into the gateway: counts its heap allocations in a mapped file that the benchmark reads.
//
// ALLOCATION_COUNT_FILE names the file: three numbers of 8 bytes, allocations ever made (a reallocation counts as one), allocations that
// are not freed yet, and their bytes as the allocator counts them.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// glibc's own entries: no look-up with dlsym, which allocates.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

struct counts {
    uint64_t made;
    uint64_t live;
    uint64_t bytes;
};

static struct counts uncounted;
static struct counts *counts = &uncounted;

__attribute__((constructor)) static void map_counts(void) {
    const char *path = getenv("ALLOCATION_COUNT_FILE");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) return;
    *(struct counts *)memory = uncounted;
    counts = memory;
}

static void *taken(void *memory) {
    if (!memory) return memory;
    __atomic_fetch_add(&counts->made, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counts->live, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counts->bytes, malloc_usable_size(memory), __ATOMIC_RELAXED);
    return memory;
}

static void given_back(void *memory) {
    if (!memory) return;
    __atomic_fetch_sub(&counts->live, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&counts->bytes, malloc_usable_size(memory), __ATOMIC_RELAXED);
}

void *malloc(size_t size) { return taken(__libc_malloc(size)); }

void *calloc(size_t members, size_t size) { return taken(__libc_calloc(members, size)); }

void *realloc(void *memory, size_t size) {
    given_back(memory);
    void *moved = __libc_realloc(memory, size);
    // What could not grow is still there; of size 0 it was freed.
    if (!moved && size > 0 && memory) {
        __atomic_fetch_add(&counts->live, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&counts->bytes, malloc_usable_size(memory), __ATOMIC_RELAXED);
        return moved;
    }
    return taken(moved);
}

void *memalign(size_t alignment, size_t size) { return taken(__libc_memalign(alignment, size)); }

void *aligned_alloc(size_t alignment, size_t size) { return taken(__libc_memalign(alignment, size)); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *made = taken(__libc_memalign(alignment, size));
    if (!made) return ENOMEM;
    *memory = made;
    return 0;
}

void free(void *memory) {
    given_back(memory);
    __libc_free(memory);
}
