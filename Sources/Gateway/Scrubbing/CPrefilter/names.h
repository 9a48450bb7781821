// The names of credentials before assignment signs: `password = `, `"api_key": `, `secretValue=`.
#ifndef AGENTSHIELD_NAMES_H
#define AGENTSHIELD_NAMES_H

#include <string.h>

#include "classes.h"

/// The last three letters of credentials' names, and what stands before those (of several, with a space between them; anything where it is
/// empty): password, passwd, pwd, pass, secret, token, key, clave, contraseña, credential(s), auth, authorization, passphrase, senha, pin, cookie,
/// session id, `_pw`, and more; and of `value`, which stands beside a name.
#define NAME_ENDINGS(X)                                                                                                          \
    X('o', 'r', 'd', "ssw") X('s', 'w', 'd', "as ps") X('p', 'w', 'd', "") X('a', 's', 's', "p") X('r', 'e', 't', "sec")           \
    X('k', 'e', 'n', "to") X('k', 'e', 'y', "") X('a', 'v', 'e', "cl") X('i', 'a', 'l', "ent") X('a', 'l', 's', "nti")             \
    X('u', 't', 'h', "a") X('a', 's', 'e', "phr ntr") X(0xE3, 0xB1, 'a', "ase") X('p', 's', 'w', "") X('r', 'd', 's', "swo")           \
    X('e', 'n', 'a', "ras") X('n', 'h', 'a', "se") X('o', 'r', 't', "ssw nnw") X('i', 'o', 'n', "zat ess") X('e', 'd', 's', "cr")  \
    X('e', 't', 's', "ecr") X('e', 'n', 's', "tok") X('e', 'y', 's', "k") X('s', 'i', 'g', "") X('p', 'a', 't', "")                \
    X('s', 's', 'e', "pa") X('o', 'd', 'e', "ssc") X('l', 'u', 'e', "va") X('s', 'i', 'd', "") X('n', 'i', 'd', "sio")             \
    X(0x7F, 'p', 'w', "") X('k', 'i', 'e', "coo") X('a', 'p', 'i', "e") X('e', 't', 'a', "ecr") X('r', 'e', 'd', "c")              \
    X('y', 'i', 'd', "ske") X(0xB1, 'a', 's', "") X('p', 'i', 'n', "") X('s', 'n', 'a', "") X('n', 'i', 'a', "") X('c', 'o', 'd', "")

/// One of the stems ends before `end`, as far as they go. A sign between letters, which a name may have, stands for all of the rest.
static inline int ends_stem(const uint8_t *bytes, size_t end, const char *stems) {
    for (;;) {
        size_t length = strcspn(stems, " "), left = length;
        while (left > 0 && left + end > length) {
            uint8_t b = bytes[end - 1 - (length - left)];
            if (b == '_' || b == '-' || b == ' ') return 1;
            if ((b | 0x20) != (uint8_t)stems[left - 1]) break;
            left--;
        }
        if (left == 0) return 1;
        if (stems[length] == 0) return 0;
        stems += length + 1;
    }
}

/// How a word ends: as no credential's name does, with the last three letters of one, with all that is listed of one.
typedef enum { NO_NAME, LIKE_A_NAME, A_NAME } ending;

/// The ending of the bytes before `end`, in lower case.
static inline ending ending_before(const uint8_t *bytes, size_t end) {
    if (end < 3) return NO_NAME;
    uint32_t first = bytes[end - 3] | 0x20, second = bytes[end - 2] | 0x20, last = bytes[end - 1] | 0x20;
    // A bit for each sum of an ending: most words go no further, and a switch alone would be guessed wrong more than once a word.
#define SUM(a, b, c) (((a) * 7 + (b) * 31 + (c) * 3) & 255)
#define BIT_OF(word, sum) ((sum) >> 6 == (word) ? 1ull << ((sum) & 63) : 0)
#define FIRST(a, b, c, stems) | BIT_OF(0, SUM(a, b, c))
#define SECOND(a, b, c, stems) | BIT_OF(1, SUM(a, b, c))
#define THIRD(a, b, c, stems) | BIT_OF(2, SUM(a, b, c))
#define FOURTH(a, b, c, stems) | BIT_OF(3, SUM(a, b, c))
    static const uint64_t sums[4] = {0 NAME_ENDINGS(FIRST), 0 NAME_ENDINGS(SECOND), 0 NAME_ENDINGS(THIRD), 0 NAME_ENDINGS(FOURTH)};
    uint32_t sum = SUM(first, second, last);
    if ((sums[sum >> 6] >> (sum & 63) & 1) == 0) return NO_NAME;
#define PACKED(a, b, c) ((uint32_t)(a) << 16 | (uint32_t)(b) << 8 | (uint32_t)(c))
#define CASE(a, b, c, stems) case PACKED(a, b, c): return ends_stem(bytes, end - 3, stems) ? A_NAME : LIKE_A_NAME;
    switch (PACKED(first, second, last)) {
    NAME_ENDINGS(CASE)
    default: return NO_NAME;
    }
#undef SUM
#undef BIT_OF
#undef FIRST
#undef SECOND
#undef THIRD
#undef FOURTH
#undef PACKED
#undef CASE
}

/// A byte below 128 in a set of two words.
INLINE int is_in(uint8_t b, uint64_t low, uint64_t high) { return b < 128 && ((b < 64 ? low : high) >> (b & 63) & 1); }

/// Space, quotes, `.` `+` `?`; `\\` `]` <code>`</code> `|`.
INLINE int is_decoration(uint8_t b) { return is_in(b, 1ull << ' ' | 1ull << '"' | 1ull << '\'' | 1ull << '+' | 1ull << '.' | 1ull << '?', 1ull << ('\\' - 64) | 1ull << (']' - 64) | 1ull << ('`' - 64) | 1ull << ('|' - 64)); }

/// Between a name and the sign: up to four of quotes, a bracket, a space and the first half of an operator (`?=`, `+=`), behind up to four
/// digits (`password2`).
INLINE int is_gap(const uint8_t *start, size_t count) {
    size_t left = count;
    while (left > 0 && count - left < 4 && is_decoration(start[left - 1])) left--;
    size_t digits = left;
    while (left > 0 && digits - left < 4 && (is_digit(start[left - 1]) || start[left - 1] == '_')) left--;
    return left == 0;
}

/// The 64 bits of a mask before bit `i` of a block, the nearest one highest.
INLINE uint64_t left_of(const mask m, size_t block, int i) {
    return i == 0 ? m[block - 1] : m[block] << (64 - i) | m[block - 1] >> i;
}

/// A credential's name stands before the assignment sign at bit `sign` of a block, perhaps with a gap, and with one word of up to 12 letters
/// behind it (`password_hash`, `secretValue`).
INLINE int names_credential(const classes *c, size_t block, int sign, const uint8_t *bytes, size_t position) {
    uint64_t letters = left_of(c->letter, block, sign), upper = left_of(c->upper, block, sign);
    size_t gap = letters == 0 ? 64 : (size_t)__builtin_clzll(letters), i = position - gap;
    if (gap > 8 || !is_gap(bytes + i, gap)) return 0;
    letters <<= gap, upper <<= gap;
    ending last = ending_before(bytes, i);
    if (last == A_NAME) return 1;
    int count = __builtin_clzll(~letters | 1);
    uint64_t humps = upper & (letters & ~upper) << 1;
    int hump = humps == 0 ? 64 : __builtin_clzll(humps);
    size_t first;
    if (hump < count && hump < 12) {
        first = i - 1 - (size_t)hump;
    } else {
        if (count >= 12 || i == (size_t)count) return 0;
        first = i - 1 - (size_t)count;
        if (bytes[first] != '_' && bytes[first] != '-' && bytes[first] != '.') return 0;
    }
    // What may be a word behind a name ends like one itself: the recogniser looks.
    return last == LIKE_A_NAME || ending_before(bytes, first) == A_NAME;
}

#endif
