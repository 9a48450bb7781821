#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* mallopt(3) and its options are glibc's own: whether blocks of so many bytes and more are mapped alone from now on. */
static inline int cmalloc_map_blocks_from(int bytes) {
#ifdef __GLIBC__
    return mallopt(M_MMAP_THRESHOLD, bytes);
#else
    (void)bytes;
    return 0;
#endif
}
