#include <string.h>

#include "classes.h"
#include "classify_neon.h"
#include "classify_x86.h"
#include "collect.h"
#include "words.h"
#define WIDTH 8
#include "rules.h"
#define WIDTH 4
#include "rules.h"
#define WIDTH 2
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
        case '+': case '(': case '$': m->sign[block] |= bit; break;
        case ' ': case '.': case '/': m->separator[block] |= bit; break;
        case 's': case 'S': if ((p[i - 1] | 0x20) == 'a' && (p[i - 2] | 0x20) == 'p') m->word[block] |= bit; break;
        case 0xB1: if ((p[i - 2] | 0x20) == 'e') m->word[block] |= bit; break;
        default: break;
        }
    }
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

/// The same for the shapes that say what is not there. A colon before what is unknown may have anything behind it.
INLINE void lack_unknown(shapes *s, size_t block, size_t count, size_t start) {
    uint64_t unknown = unknown_bytes(count, start);
    s->other[block] |= unknown;
    s->joint[block] |= unknown;
    s->untimed[block] |= unknown_bytes(count - 1, start);
}

/// Apart from the tiles, which are faster without it, and once for each instruction set, some of which count bits in one instruction.
#define COLLECT(name, names, least, attributes)                                                                                 \
    static attributes __attribute__((noinline)) size_t name(                                                        \
        const classes *c, const shapes *s, fired *f, size_t blocks, const tile *t, agentshield_trigger *triggers) { \
        return collect(c, s, f, blocks, t, names, least, triggers);                                                        \
    }

/// The masks of a tile. What stands before them has block 1 of each start a line of the processor's cache: a vector that lies in two lines is read
/// and written half as fast.
typedef struct {
    uint64_t lead[LANES - 1];
    classes c;
    shapes s;
    fired f;
} __attribute__((aligned(8 * LANES))) masks;

/// How an instruction set classifies eight blocks at once, where it has better means for that.
typedef void eight_classifier(const uint8_t *, classes *, size_t);

/// A tile with one classifier: first the classes of all blocks, then the rules, then what fired.
#define TILE(name, classify, eight, collect, width, attributes)                                                                   \
    static attributes size_t name(                                                                                               \
        const uint8_t *bytes, size_t count, size_t from, size_t to, bool goes_on, agentshield_trigger *triggers) {               \
        masks m;                                                                                                                 \
        classes *c = &m.c;                                                                                                       \
        uint8_t room[66];                                                                                                        \
        eight_classifier *classify_eight = eight;                                                                                \
        const tile t = {bytes, count, from, from, to, goes_on};                                                                  \
        size_t blocks = (to - from + 63) / 64, block = 0;                                                                        \
        /* Between these, blocks and the two bytes before them are in the text. */                                               \
        size_t low = from >= 66 ? 0 : from >= 2 ? 1 : 2, end = (count - from) / 64 + 1, high = end < blocks + 3 ? end : blocks + 3; \
        for (; block < low; block++) classify(padded(bytes, count, (ptrdiff_t)(from + 64 * block) - 64, room), c, block);        \
        if (block == 0) classify(bytes + from - 64, c, block++);                                                                 \
        if (classify_eight != 0)                                                                                                 \
            for (; block + 8 <= high; block += 8) classify_eight(bytes + from + 64 * block - 64, c, block);                      \
        for (; block < high; block++) classify(bytes + from + 64 * block - 64, c, block);                                        \
        for (; block <= blocks + 2; block++) classify(padded(bytes, count, (ptrdiff_t)(from + 64 * block) - 64, room), c, block);\
        if (goes_on)                                                                                                             \
            for (block = 1; block <= blocks + 2; block++) classify_unknown(c, block, unknown_bytes(count, from + 64 * block - 64));\
        for (size_t k = 0; k < sizeof *c / sizeof(mask); k++)                                                                    \
            memset(&((mask *)c)[k][blocks + 3], 0, LANES * sizeof(uint64_t));                                                    \
        find_shapes_##width(c, &m.s, blocks + 1);                                                                                \
        if (goes_on)                                                                                                             \
            for (block = 1; block <= blocks + 1; block++) lack_unknown(&m.s, block, count, from + 64 * block - 64);              \
        fire_##width(c, &m.s, &m.f, blocks);                                                                                     \
        return collect(c, &m.s, &m.f, blocks, &t, triggers);                                                                     \
    }

/// At the end of a text that goes on, so many bytes have all that the rules look at in one block: names of credentials look furthest to the
/// left, at 24 signs, 4 digits, 12 letters and what stands before them. A text that ends in more, up to TAIL, needs the block before too.
enum { NEAR_TAIL = 64 - 41, TAIL = 61 };

/// The tile of a text that goes on, with no more than TAIL bytes from `from` on: its last block, behind which nothing is known.
#define TAIL_TILE(name, classify, collect, attributes)                                               \
    static attributes size_t name(                                                                   \
        const uint8_t *bytes, size_t count, size_t from, size_t to, agentshield_trigger *triggers) { \
        classes c;                                                                                   \
        shapes s;                                                                                    \
        fired f;                                                                                     \
        size_t start = count - 64;                                                                   \
        const tile t = {bytes, count, start, from, to, true};                                        \
        for (size_t k = 0; k < sizeof c / sizeof(mask); k++) {                                       \
            uint64_t *m = ((mask *)&c)[k];                                                           \
            m[0] = 0, m[2] = m[3] = ~0ull;                                                           \
        }                                                                                            \
        for (size_t k = 0; k < sizeof s / sizeof(mask); k++) {                                       \
            uint64_t *m = ((mask *)&s)[k];                                                           \
            m[0] = 0, m[3] = ~0ull;                                                                  \
        }                                                                                            \
        if (count - from > NEAR_TAIL) classify(bytes + start - 64, &c, 0);                           \
        classify(bytes + start, &c, 1);                                                              \
        find_shapes_1(&c, &s, 2);                                                                    \
        s.untimed[1] |= 1ull << 63;                                                                      \
        s.other[2] = s.joint[2] = s.untimed[2] = ~0ull;                                                  \
        fire_1(&c, &s, &f, 1);                                                                       \
        keep_asked(f.any, 1, &t);                                                                    \
        return f.any[1] == 0 ? 0 : collect(&c, &s, &f, 1, &t, triggers);                             \
    }

/// A block of words, with `before` in front of it.
#define WORDS(name, words, grouped, attributes)                                                                            \
    static attributes uint64_t name(const uint8_t *p, size_t known, uint8_t before, const uint32_t *beginnings) { \
        word_classes w = words(p);                                                                                \
        return listed(starts_of_words(&w, before), p, known, beginnings, grouped) | w.sign;                       \
    }

/// Rules take as many masks at a time as a register of the set holds. A set with two registers to a block classifies names only where there are two
/// signs or more to look at.
#define TILES(set, width, eight, names, least, grouped, attributes)   \
    COLLECT(collect_##set, names, least, attributes)                               \
    TILE(tile_##set, classify_##set, eight, collect_##set, width, attributes) \
    TAIL_TILE(tail_##set, classify_##set, collect_##set, attributes)   \
    WORDS(listed_##set, words_##set, grouped, attributes)

TILES(portable, 2, 0, 0, 0, 0, )
#ifdef __x86_64__
TILES(sse2, 2, 0, 0, 0, 0, __attribute__((target("sse2"))))
TILES(avx2, 4, 0, names_avx2, 2, grouped_avx2, __attribute__((target("avx2,bmi,bmi2,popcnt"))))
TILES(avx512, 8, classify_eight_avx512, names_avx512, 1, grouped_avx512, AVX512_TARGET)
#endif
#ifdef __aarch64__
TILES(neon, 2, 0, 0, 0, 0, )
#endif

int agentshield_has_instruction_set(agentshield_instruction_set set) {
    switch (set) {
    case AGENTSHIELD_PORTABLE: return 1;
#ifdef __x86_64__
    case AGENTSHIELD_SSE2: return 1;
    case AGENTSHIELD_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    case AGENTSHIELD_AVX512:
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2")
            && __builtin_cpu_supports("gfni") && __builtin_cpu_supports("bmi2");
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

void agentshield_group_beginnings(uint32_t *beginnings) {
    uint8_t *groups = (uint8_t *)(beginnings + BEGINNINGS);
    memset(groups, 0, 3 * 32);
    size_t count = 0, number = 0;
    for (size_t i = 0; i < BEGINNINGS; i++) count += beginnings[i] != 0;
    for (size_t i = 0; i < BEGINNINGS; i++) {
        if (beginnings[i] == 0) continue;
        // Neighbours go together: they have the first letter in common.
        uint8_t group = (uint8_t)(1 << (number++ * GROUPS / count));
        groups[i >> 5] |= group;
        groups[32 + (i & 31)] |= group;
        for (size_t third = 0; third < 32; third++) groups[64 + third] |= beginnings[i] >> third & 1 ? group : 0;
    }
}

uint64_t agentshield_find_words(
    agentshield_instruction_set set, const uint8_t *bytes, size_t count, size_t from, size_t to, const uint32_t *beginnings) {
    // The block, and the two bytes behind it.
    uint8_t room[66];
    const uint8_t *p = bytes + from;
    if (count - from < sizeof room) {
        memset(room, 0, sizeof room);
        memcpy(room, p, count - from);
        p = room;
    }
    uint8_t before = from > 0 ? bytes[from - 1] : 0;
    uint64_t asked = to - from < 64 ? (1ull << (to - from)) - 1 : ~0ull;
#define LISTED(set) (listed_##set(p, count - from, before, beginnings) & asked)
    switch (set) {
#ifdef __x86_64__
    case AGENTSHIELD_SSE2: return LISTED(sse2);
    case AGENTSHIELD_AVX2: return LISTED(avx2);
    case AGENTSHIELD_AVX512: return LISTED(avx512);
#endif
#ifdef __aarch64__
    case AGENTSHIELD_NEON: return LISTED(neon);
#endif
    default: return LISTED(portable);
    }
#undef LISTED
}
