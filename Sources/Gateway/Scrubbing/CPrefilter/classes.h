#ifndef AGENTSHIELD_CLASSES_H
#define AGENTSHIELD_CLASSES_H

#include "CPrefilter.h"

/// Rules look at up to so many blocks of 64 bytes at a time. There is room for those of a tile, one before it, two behind it, and what a vector
/// takes with it beyond.
/// A multiple of that, so that blocks 1, 9, 17, … of all masks start lines of the processor's cache where those of one do.
enum { LANES = 8, ROOM = (AGENTSHIELD_TILE / 64 + 3 + LANES + LANES - 1) / LANES * LANES };

/// One bit per byte of a block, lowest bit first; block 0 is the one before the tile.
typedef uint64_t mask[ROOM];

/// What the bytes of a tile are.
typedef struct {
    mask digit, letter, upper, hex;
    mask separator;  ///< space `.` `-` `/`
    mask dash, underscore, at, colon;
    mask assign;  ///< `:` `=` `>`
    mask sign;    ///< `+` `(` `$`
    mask word;    ///< `s` behind `pa`, in any case; 0xB1, the second byte of `ñ`, behind `e`
} classes;

/// What fired in the blocks of a tile, a mask per rule.
typedef struct {
    mask number, code, token, colon, dashes;
    mask assign;
    mask mark;  ///< a command's option, a `$` in a hash
    mask rare;  ///< any rule but for numbers, codes and assignments
    mask any;
} fired;

/// What several rules are made of.
typedef struct {
    mask alnum;
    mask other;   ///< no letter and no digit
    mask joint;   ///< a separator other than `-`
    mask untimed; ///< no `:` with a digit behind it
    mask start;   ///< of a run of letters and digits
    mask token;   ///< letters, digits, `_` and `-`
    mask day, days;  ///< a digit at most one or at most three bytes back
    mask two;     ///< a digit with another one behind it
    mask number;  ///< digits, and separators that stand between two of them
    mask tokens, alnums, numbers, hexes;  ///< a run of four
    mask capitals;        ///< two capitals
    mask dashes;          ///< two dashes
    mask literal;         ///< `_` before a digit
    mask named;           ///< `_` before a capital; `:` before a digit and, four bytes on, another one; or before a byte and another one
    mask pair;            ///< a colon with another one at most five bytes behind it
    mask chain;           ///< such a pair with nothing but hexadecimal digits between
} shapes;

#define INLINE static inline __attribute__((always_inline))

INLINE int is_digit(uint8_t b) { return (uint8_t)(b - '0') < 10; }
INLINE int is_letter(uint8_t b) { return (uint8_t)((b | 0x20) - 'a') < 26; }
INLINE int is_separator(uint8_t b) { return b == ' ' || (uint8_t)(b - '-') < 3; }

/// Keeps a mask in a general register: compilers would turn masks that lie side by side into vectors, one lane at a time.
INLINE uint64_t scalar(uint64_t bits) {
    __asm__("" : "+r"(bits));
    return bits;
}

#endif
