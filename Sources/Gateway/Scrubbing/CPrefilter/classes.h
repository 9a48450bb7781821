#ifndef AGENTSHIELD_CLASSES_H
#define AGENTSHIELD_CLASSES_H

#include <stdint.h>

/// One bit per byte of a block of 64, lowest bit first.
typedef struct {
    uint64_t digit, letter, upper, hex;
    /// `equals` is `=` and `>`.
    uint64_t at, colon, equals, underscore, dash, plus, parenthesis, backslash;
    uint64_t separator;  ///< space `.` `-` `/`
    uint64_t space;
    uint64_t s, w;  ///< small `s` and `w`
    uint64_t enye;  ///< 0xB1, the second byte of `ñ`
} masks;

/// Blocks of a tile with one block before and one behind it.
enum { BLOCKS = 4096 / 64 + 2 };

#endif
