#ifndef AGENTSHIELD_CLASSES_H
#define AGENTSHIELD_CLASSES_H

#include <stdint.h>

/// One bit per byte of a block of 64, lowest bit first.
typedef struct {
    uint64_t digit, letter, upper, hex;
    /// `equals` is `=` and `>`.
    uint64_t at, colon, equals, underscore, dash;
    uint64_t sign;  ///< `+` `(`
    uint64_t separator;  ///< space `.` `-` `/`
    uint64_t s, w;  ///< small `s` and `w`
    uint64_t enye;  ///< 0xB1, the second byte of `ñ`
} masks;

#define INLINE static inline __attribute__((always_inline))

/// Keeps a mask in a general register: compilers would turn masks that lie side by side into vectors, one lane at a time.
INLINE uint64_t scalar(uint64_t mask) {
    __asm__("" : "+r"(mask));
    return mask;
}

#endif
