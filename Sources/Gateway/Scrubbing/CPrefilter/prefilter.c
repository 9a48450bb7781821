#include <string.h>

#include "classes.h"
#include "classify_neon.h"
#include "classify_x86.h"
#include "narrow.h"
#define WIDTH 8
#include "rules.h"
#define WIDTH 1
#include "rules.h"

/// Classifies a block at `p`; `p[-2]` and `p[-1]` are looked at too.
static void classify_portable(const uint8_t *p, classes *m, size_t block) {
    mask *const all[] = {&m->digit, &m->letter, &m->upper, &m->hex, &m->separator, &m->dash, &m->underscore, &m->at, &m->colon,
                         &m->assign, &m->sign, &m->word};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) (*all[k])[block] = 0;
    for (int i = 0; i < 64; i++) {
        uint64_t bit = 1ull << i;
        uint8_t b = p[i];
        if ((uint8_t)(b - '0') < 10) m->digit[block] |= bit, m->hex[block] |= bit;
        if ((uint8_t)((b | 0x20) - 'a') < 26) m->letter[block] |= bit;
        if ((uint8_t)((b | 0x20) - 'a') < 6) m->hex[block] |= bit;
        if ((uint8_t)(b - 'A') < 26) m->upper[block] |= bit;
        switch (b) {
        case '@': m->at[block] |= bit; break;
        case ':': m->colon[block] |= bit, m->assign[block] |= bit; break;
        case '=': case '>': m->assign[block] |= bit; break;
        case '_': m->underscore[block] |= bit; break;
        case '-': m->dash[block] |= bit, m->separator[block] |= bit; break;
        case '+': case '(': m->sign[block] |= bit; break;
        case ' ': case '.': case '/': m->separator[block] |= bit; break;
        case 'w': if (p[i - 1] == 's' && p[i - 2] == 's') m->word[block] |= bit; break;
        case 0xB1: if ((p[i - 2] | 0x20) == 'e') m->word[block] |= bit; break;
        default: break;
        }
    }
}

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
static int ends_stem(const uint8_t *bytes, size_t end, const char *stems) {
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
static ending ending_before(const uint8_t *bytes, size_t end) {
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

static int is_decoration(uint8_t b) {
    return b == ' ' || b == '"' || b == '\'' || b == '\\' || b == '`' || b == '?' || b == ']' || b == '.' || b == '+' || b == '|';
}

/// The 64 bits of a mask before bit `i` of a block, the nearest one highest.
INLINE uint64_t left_of(const mask m, size_t block, int i) {
    return i == 0 ? m[block - 1] : m[block] << (64 - i) | m[block - 1] >> i;
}

/// A credential's name stands before the assignment sign at bit `sign` of a block: quotes, a bracket, a space and the first half of an
/// operator (`?=`, `+=`) are skipped, then digits (`password2`), then, if there is no name yet, one word of up to 12 letters
/// (`password_hash`, `secretValue`).
static int names_credential(const classes *c, size_t block, int sign, const uint8_t *bytes, size_t position) {
    size_t i = position;
    for (int skipped = 0; skipped < 4 && i > 0 && is_decoration(bytes[i - 1]); skipped++) i--;
    for (int skipped = 0; skipped < 4 && i > 0 && ((uint8_t)(bytes[i - 1] - '0') < 10 || bytes[i - 1] == '_'); skipped++) i--;
    uint64_t letters = left_of(c->letter, block, sign) << (position - i), upper = left_of(c->upper, block, sign) << (position - i);
    if (letters >> 63 == 0) return 0;
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

/// Of the assignment signs in a block, those behind a credential's name.
static uint64_t assigned(const classes *c, size_t block, uint64_t signs, const uint8_t *bytes, size_t start) {
    uint64_t named = 0;
    for (; signs != 0; signs &= signs - 1) {
        int sign = __builtin_ctzll(signs);
        if (names_credential(c, block, sign, bytes, start + (size_t)sign)) named |= signs & -signs;
    }
    return named;
}

/// A tile and the text around it; `known` bytes are there.
typedef struct {
    const uint8_t *bytes;
    size_t known, from;
    bool goes_on;
} tile;

/// Writes what fired in a block, which starts at `start`, in order; `mine` is the block without what is outside of the tile.
static __attribute__((noinline)) size_t collect(
    const classes *c, const shapes *s, const fired *f, size_t block, uint64_t mine, const tile *t, size_t start,
    agentshield_trigger *triggers, size_t written) {
    uint64_t assign = assigned(c, block, f->assign[block] & mine, t->bytes, start);
    uint64_t any = assign | ((f->others[block] | c->at[block] | c->word[block]) & mine);
    for (; any != 0; any &= any - 1) {
        int i = __builtin_ctzll(any);
        size_t position = start + (size_t)i;
#define BIT(mask, rule) ((uint16_t)(((mask) >> i & 1) * (rule)))
        uint16_t rules = BIT(c->at[block], AGENTSHIELD_RULE_AT) | BIT(f->number[block], AGENTSHIELD_RULE_NUMBER)
            | BIT(f->code[block], AGENTSHIELD_RULE_CODE) | BIT(f->token[block], AGENTSHIELD_RULE_TOKEN)
            | BIT(f->colon[block], AGENTSHIELD_RULE_COLON) | BIT(f->dashes[block], AGENTSHIELD_RULE_DASHES)
            | BIT(assign, AGENTSHIELD_RULE_ASSIGN) | BIT(f->literal[block], AGENTSHIELD_RULE_LITERAL)
            | BIT(c->word[block], AGENTSHIELD_RULE_WORD);
#undef BIT
        if (!t->goes_on || t->known - position >= SEEN) {
            view v = {c, s, 64 * block + (size_t)i, t->bytes + position, t->known - position};
            rules = narrowed(rules, &v, position > 0 ? v.bytes[-1] : 0);
        }
        triggers[written] = (agentshield_trigger){(uint16_t)(position - t->from), rules};
        written += rules != 0;
    }
    return written;
}

/// The 64 bytes at `start` and the two before them, with zeros in place of those outside of the text.
static __attribute__((noinline)) const uint8_t *padded(const uint8_t *bytes, size_t count, ptrdiff_t start, uint8_t room[66]) {
    memset(room, 0, 66);
    ptrdiff_t low = start < 2 ? 0 : start - 2, high = start + 64 < (ptrdiff_t)count ? start + 64 : (ptrdiff_t)count;
    if (low < high) memcpy(room + (low - (start - 2)), bytes + low, (size_t)(high - low));
    return room + 2;
}

/// Which bytes of the block at `start` have not come yet.
INLINE uint64_t unknown_bytes(size_t count, size_t start) {
    return start >= count ? ~0ull : count - start >= 64 ? 0 : ~0ull << (count - start);
}

/// Puts unknown bytes into every class: what fires then is all that can, whatever they will be.
INLINE void classify_unknown(classes *c, size_t block, uint64_t unknown) {
    for (size_t k = 0; k < sizeof *c / sizeof(mask); k++) ((mask *)c)[k][block] |= unknown;
}

/// A tile with one classifier: first the classes of all blocks, then the rules, then what fired.
#define TILE(name, classify, attributes)                                                                                        \
    static attributes size_t name(                                                                                              \
        const uint8_t *bytes, size_t count, size_t from, size_t to, bool goes_on, agentshield_trigger *triggers) {              \
        classes c;                                                                                                              \
        shapes s;                                                                                                               \
        fired f;                                                                                                                \
        uint8_t room[66];                                                                                                       \
        const tile t = {bytes, count, from, goes_on};                                                                           \
        size_t blocks = (to - from + 63) / 64, written = 0;                                                                     \
        for (size_t block = 0; block <= blocks + 2; block++) {                                                                  \
            ptrdiff_t start = (ptrdiff_t)(from + 64 * block) - 64;                                                              \
            int inside = start >= 2 && (size_t)start + 64 <= count;                                                             \
            classify(inside ? bytes + start : padded(bytes, count, start, room), &c, block);                                    \
            if (goes_on && block > 0) classify_unknown(&c, block, unknown_bytes(count, (size_t)start));                         \
        }                                                                                                                       \
        for (size_t k = 0; k < sizeof c / sizeof(mask); k++)                                                                    \
            memset(&((mask *)&c)[k][blocks + 3], 0, LANES * sizeof(uint64_t));                                                  \
        find_shapes_8(&c, &s, blocks + 1);                                                                                      \
        if (goes_on)                                                                                                            \
            for (size_t block = 1; block <= blocks + 1; block++) s.other[block] |= unknown_bytes(count, from + 64 * block - 64); \
        fire_8(&c, &s, &f, blocks);                                                                                             \
        for (size_t block = 1; block <= blocks; block++) {                                                                      \
            size_t start = from + 64 * (block - 1);                                                                             \
            uint64_t mine = to - start < 64 ? (1ull << (to - start)) - 1 : ~0ull;                                               \
            if ((f.any[block] & mine) != 0) written = collect(&c, &s, &f, block, mine, &t, start, triggers, written);           \
        }                                                                                                                       \
        return written;                                                                                                         \
    }

/// At the end of a text that goes on, so many bytes have all that the rules look at in one block: names of credentials look furthest to the
/// left, at 4 signs, 4 digits, 12 letters and what stands before them. A text that ends in more, up to TAIL, needs the block before too.
enum { NEAR_TAIL = 64 - 21, TAIL = 61 };

/// The tile of a text that goes on, with no more than TAIL bytes from `from` on: its last block, behind which nothing is known.
#define TAIL_TILE(name, classify, attributes)                                                                                   \
    static attributes size_t name(                                                                                              \
        const uint8_t *bytes, size_t count, size_t from, size_t to, agentshield_trigger *triggers) {                            \
        classes c;                                                                                                              \
        shapes s;                                                                                                               \
        fired f;                                                                                                                \
        size_t start = count - 64;                                                                                              \
        const tile t = {bytes, count, from, true};                                                                              \
        for (size_t k = 0; k < sizeof c / sizeof(mask); k++) {                                                                  \
            uint64_t *m = ((mask *)&c)[k];                                                                                      \
            m[0] = 0, m[2] = m[3] = ~0ull;                                                                                      \
        }                                                                                                                       \
        for (size_t k = 0; k < sizeof s / sizeof(mask); k++) {                                                                  \
            uint64_t *m = ((mask *)&s)[k];                                                                                      \
            m[0] = 0, m[3] = ~0ull;                                                                                             \
        }                                                                                                                       \
        if (count - from > NEAR_TAIL) classify(bytes + start - 64, &c, 0);                                                      \
        classify(bytes + start, &c, 1);                                                                                         \
        find_shapes_1(&c, &s, 2);                                                                                               \
        s.other[2] = ~0ull;                                                                                                     \
        fire_1(&c, &s, &f, 1);                                                                                                  \
        uint64_t mine = ~0ull << (from - start) & (to < count ? (1ull << (to - start)) - 1 : ~0ull);                            \
        return (f.any[1] & mine) == 0 ? 0 : collect(&c, &s, &f, 1, mine, &t, start, triggers, 0);                               \
    }

#define TILES(set, attributes)                   \
    TILE(tile_##set, classify_##set, attributes) \
    TAIL_TILE(tail_##set, classify_##set, attributes)

TILES(portable, )
#ifdef __x86_64__
TILES(sse2, __attribute__((target("sse2"))))
TILES(avx2, __attribute__((target("avx2,bmi,bmi2,popcnt"))))
TILES(avx512, __attribute__((target("avx512f,avx512bw,avx512vbmi2,bmi,bmi2,popcnt"))))
#endif
#ifdef __aarch64__
TILES(neon, )
#endif

int agentshield_has_instruction_set(agentshield_instruction_set set) {
    switch (set) {
    case AGENTSHIELD_PORTABLE: return 1;
#ifdef __x86_64__
    case AGENTSHIELD_SSE2: return 1;
    case AGENTSHIELD_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    case AGENTSHIELD_AVX512: return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi2");
#endif
#ifdef __aarch64__
    case AGENTSHIELD_NEON: return 1;
#endif
    default: return 0;
    }
}

agentshield_instruction_set agentshield_best_instruction_set(void) {
    static const agentshield_instruction_set order[] = {AGENTSHIELD_AVX512, AGENTSHIELD_AVX2, AGENTSHIELD_NEON, AGENTSHIELD_SSE2};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (agentshield_has_instruction_set(order[i])) return order[i];
    return AGENTSHIELD_PORTABLE;
}

size_t agentshield_find_triggers(
    agentshield_instruction_set set, const uint8_t *bytes, size_t count, size_t from, size_t to, bool goes_on,
    agentshield_trigger *triggers) {
    if (from >= to) return 0;
    // Two blocks, and the two bytes that a classifier looks at before them.
    bool is_tail = goes_on && count >= 2 * 64 + 2 && count - from <= TAIL;
#define FIND(set) (is_tail ? tail_##set(bytes, count, from, to, triggers) : tile_##set(bytes, count, from, to, goes_on, triggers))
    switch (set) {
#ifdef __x86_64__
    case AGENTSHIELD_SSE2: return FIND(sse2);
    case AGENTSHIELD_AVX2: return FIND(avx2);
    case AGENTSHIELD_AVX512: return FIND(avx512);
#endif
#ifdef __aarch64__
    case AGENTSHIELD_NEON: return FIND(neon);
#endif
    default: return FIND(portable);
    }
#undef FIND
}
