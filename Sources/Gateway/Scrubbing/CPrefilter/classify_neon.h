// The classifier for arm64. NEON has no movemask: each comparison is reduced to 64 bits by weights and three pairwise additions.
#ifdef __aarch64__
#include <arm_neon.h>

static inline uint64_t neon_bits(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    const uint8x16_t weights = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t ab = vpaddq_u8(vandq_u8(a, weights), vandq_u8(b, weights));
    uint8x16_t cd = vpaddq_u8(vandq_u8(c, weights), vandq_u8(d, weights));
    uint8x16_t abcd = vpaddq_u8(ab, cd);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(abcd, abcd)), 0);
}

/// Classifies a block at `p`; `p[-2]` and `p[-1]` are looked at too.
static inline void classify_neon(const uint8_t *p, classes *m, size_t block) {
    uint8x16_t v[4], folded[4];
    for (int i = 0; i < 4; i++) {
        v[i] = vld1q_u8(p + 16 * i);
        folded[i] = vorrq_u8(v[i], vdupq_n_u8(0x20));
    }
#define FOUR(f) neon_bits(f(0), f(1), f(2), f(3))
#define BELOW(x, base, n) vcltq_u8(vsubq_u8(x, vdupq_n_u8(base)), vdupq_n_u8(n))
#define EQUAL(x, c) vceqq_u8(x, vdupq_n_u8(c))
#define IS(c) neon_bits(EQUAL(v[0], c), EQUAL(v[1], c), EQUAL(v[2], c), EQUAL(v[3], c))
#define DIGIT(i) BELOW(v[i], '0', 10)
#define LETTER(i) BELOW(folded[i], 'a', 26)
#define UPPER(i) BELOW(v[i], 'A', 26)
#define HEXLETTER(i) BELOW(folded[i], 'a', 6)
#define BEHIND(i, n) vorrq_u8(vld1q_u8(p + 16 * (i) - (n)), vdupq_n_u8(0x20))
#define WORD(i)                                                                                                  \
    vorrq_u8(                                                                                                    \
        vandq_u8(EQUAL(folded[i], 's'), vandq_u8(EQUAL(BEHIND(i, 1), 'a'), EQUAL(BEHIND(i, 2), 'p'))),           \
        vandq_u8(EQUAL(v[i], 0xB1), EQUAL(BEHIND(i, 2), 'e')))
    m->digit[block] = FOUR(DIGIT);
    m->letter[block] = FOUR(LETTER);
    m->upper[block] = FOUR(UPPER);
    m->hex[block] = m->digit[block] | FOUR(HEXLETTER);
    m->at[block] = IS('@');
    m->colon[block] = IS(':');
    m->assign[block] = m->colon[block] | IS('=') | IS('>');
    m->underscore[block] = IS('_');
    m->dash[block] = IS('-');
    m->sign[block] = IS('+') | IS('(');
    m->word[block] = FOUR(WORD);
    m->separator[block] = IS(' ') | m->dash[block] | IS('.') | IS('/');
#undef FOUR
#undef BELOW
#undef EQUAL
#undef IS
#undef DIGIT
#undef LETTER
#undef UPPER
#undef HEXLETTER
#undef BEHIND
#undef WORD
}
#endif
