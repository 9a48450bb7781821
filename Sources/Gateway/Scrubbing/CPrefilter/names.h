// The names of credentials before assignment signs: `password = `, `"api_key": `, `secretValue=`.
#ifndef AGENTSHIELD_NAMES_H
#define AGENTSHIELD_NAMES_H

#include "classes.h"

/// The last three letters of credentials' names, and what stands before those (of several, with a space between them; anything where it is
/// empty): password, passwd, pwd, pass, secret, token, key, clave, contraseña, credential(s), auth, authorization, passphrase, senha, pin, cookie,
/// session id, `_pw`, and more; and of `value`, `default` and `string`, which stand beside a name.
#define NAME_ENDINGS(X)                                                                                                          \
    X('o', 'r', 'd', "ssw") X('s', 'w', 'd', "as ps") X('p', 'w', 'd', "") X('a', 's', 's', "p") X('r', 'e', 't', "sec")           \
    X('k', 'e', 'n', "to") X('k', 'e', 'y', "") X('a', 'v', 'e', "cl") X('i', 'a', 'l', "ent") X('a', 'l', 's', "nti")             \
    X('u', 't', 'h', "a") X('a', 's', 'e', "phr ntr") X(0xE3, 0xB1, 'a', "ase") X('p', 's', 'w', "") X('r', 'd', 's', "swo")           \
    X('e', 'n', 'a', "ras") X('n', 'h', 'a', "se") X('o', 'r', 't', "ssw nnw") X('i', 'o', 'n', "zat ess") X('e', 'd', 's', "cr")  \
    X('e', 't', 's', "ecr") X('e', 'n', 's', "tok") X('e', 'y', 's', "k") X('s', 'i', 'g', "") X('p', 'a', 't', "")                \
    X('s', 's', 'e', "pa") X('o', 'd', 'e', "ssc") X('l', 'u', 'e', "va") X('s', 'i', 'd', "") X('n', 'i', 'd', "sio")             \
    X(0x7F, 'p', 'w', "") X('k', 'i', 'e', "coo") X('a', 'p', 'i', "e") X('e', 't', 'a', "ecr") X('r', 'e', 'd', "c")              \
    X('y', 'i', 'd', "ske") X(0xB1, 'a', 's', "") X('p', 'i', 'n', "") X('s', 'n', 'a', "") X('n', 'i', 'a', "") X('c', 'o', 'd', "") \
    X('u', 'l', 't', "fa") X('i', 'n', 'g', "str")

/// One of the stems ends before `end`, as far as they go. A sign between letters, which a name may have, stands for all of the rest.
static inline int ends_stem(const uint8_t *bytes, size_t end, const char *stems) {
    for (;;) {
        size_t length = 0, left;
        while (stems[length] != 0 && stems[length] != ' ') length++;
        for (left = length; left > 0 && left + end > length; left--) {
            uint8_t b = bytes[end - 1 - (length - left)];
            if (b == '_' || b == '-' || b == ' ') return 1;
            if ((b | 0x20) != (uint8_t)stems[left - 1]) break;
        }
        if (left == 0) return 1;
        if (stems[length] == 0) return 0;
        stems += length + 1;
    }
}

/// Three letters in one number. Where they come from a text, in lower case.
#define PACKED(a, b, c) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16)
/// Where three letters stand in a table of all endings: the factor gives each a place of its own, or a compiler warns.
#define PLACE(letters) ((uint32_t)((letters) * 0x07D4BEDDu) >> 22)

/// The last three letters of what ends before `end`, which is three bytes or more.
INLINE uint32_t last_three(const uint8_t *bytes, size_t end) {
    return PACKED(bytes[end - 3], bytes[end - 2], bytes[end - 1]) | 0x202020;
}

/// The endings by their place.
static const struct {
    uint32_t letters;
    char stems[8];
} endings[1024] = {
#define ENTRY(a, b, c, stems) [PLACE(PACKED(a, b, c))] = {PACKED(a, b, c), stems},
    NAME_ENDINGS(ENTRY)
#undef ENTRY
};

/// A word with these last three letters ends as a credential's name does: false for most.
INLINE int ends_name(uint32_t letters, const uint8_t *bytes, size_t end) {
    return endings[PLACE(letters)].letters == letters && ends_stem(bytes, end - 3, endings[PLACE(letters)].stems);
}

#undef PACKED
#undef PLACE

/// What may stand between a name and its sign: 1 for quotes, brackets, a space and the first half of an operator (`?=`, `+=`, `!=`), 2 for digits
/// and `_` (`password2`).
static const uint8_t gap_bytes[256] = {
    [' '] = 1, ['"'] = 1, ['\''] = 1, ['\\'] = 1, ['`'] = 1, ['?'] = 1, ['['] = 1, ['!'] = 1, [']'] = 1, ['.'] = 1, ['+'] = 1, ['|'] = 1,
    ['0'] = 2, ['1'] = 2, ['2'] = 2, ['3'] = 2, ['4'] = 2, ['5'] = 2, ['6'] = 2, ['7'] = 2, ['8'] = 2, ['9'] = 2, ['_'] = 2,
};

/// From the sign leftwards up to 24 of the first and then up to four of the others.
INLINE int is_gap(const uint8_t *start, size_t count) {
    if (count == 1) return gap_bytes[start[0]];
    size_t left = count;
    while (left > 0 && count - left < 24 && gap_bytes[start[left - 1]] == 1) left--;
    size_t digits = left;
    while (left > 0 && digits - left < 4 && gap_bytes[start[left - 1]] == 2) left--;
    return left == 0;
}

/// The 64 bits of a mask before a place, the nearest one highest.
INLINE uint64_t left_of(const mask m, size_t place) {
    size_t block = place >> 6, shift = place & 63;
    return m[block] << 1 << (63 - shift) | m[block - 1] >> shift;
}

/// Where the word with these letters before `end`, nearest first, has a word before it, as `password` in `password_hash` and
/// `secretValue`; where that ends, or 0. The word has up to 12 letters.
INLINE size_t end_before_word(uint64_t letters, uint64_t upper, const uint8_t *bytes, size_t end) {
    uint64_t humps = upper & (letters & ~upper) << 1;
    size_t count = (size_t)__builtin_clzll(~letters | 1), hump = (size_t)__builtin_clzll(humps | 1);
    if (hump < count && hump < 12) return end - 1 - hump;
    if (count >= 12 || end == count) return 0;
    uint8_t before = bytes[end - 1 - count];
    return before == '_' || before == '-' || before == '.' ? end - 1 - count : 0;
}

/// A credential's name stands before the assignment sign at a place of the tile, perhaps with a gap and a word between (`password_hash`).
INLINE int names_credential(const classes *c, size_t place, const uint8_t *bytes, size_t position) {
    uint64_t letters = left_of(c->letter, place);
    size_t gap = (size_t)__builtin_clzll(letters | 1), end = position - gap;
    if (gap > 28 || (gap > 0 && !is_gap(bytes + end, gap))) return 0;
    size_t first = end_before_word(letters << gap, left_of(c->upper, place) << gap, bytes, end);
    uint32_t last = end < 3 ? 0 : last_three(bytes, end);
    if (first == 0) return ends_name(last, bytes, end);
    uint32_t before = first < 3 ? 0 : last_three(bytes, first);
    return ends_name(last, bytes, end) || ends_name(before, bytes, first);
}

#endif
