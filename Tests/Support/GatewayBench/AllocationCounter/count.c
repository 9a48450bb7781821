// Preloaded into the gateway: counts its heap allocations in a mapped file that the benchmark reads.
//
// ALLOCATION_COUNT_FILE names the file; its first 8 bytes are the count. Other allocating functions (aligned_alloc,
// posix_memalign) are rare enough to go uncounted.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// glibc's own entries: no look-up with dlsym, which allocates.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static uint64_t uncounted;
static uint64_t *count = &uncounted;

__attribute__((constructor)) static void map_count(void) {
    const char *path = getenv("ALLOCATION_COUNT_FILE");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED) count = memory;
}

static void increment(void) { __atomic_fetch_add(count, 1, __ATOMIC_RELAXED); }

void *malloc(size_t size) {
    increment();
    return __libc_malloc(size);
}

void *calloc(size_t members, size_t size) {
    increment();
    return __libc_calloc(members, size);
}

void *realloc(void *memory, size_t size) {
    increment();
    return __libc_realloc(memory, size);
}
