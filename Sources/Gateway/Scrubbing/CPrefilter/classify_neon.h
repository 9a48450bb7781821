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

static inline void classify_neon(const uint8_t *p, masks *m) {
    uint8x16_t v[4], folded[4];
    for (int i = 0; i < 4; i++) {
        v[i] = vld1q_u8(p + 16 * i);
        folded[i] = vorrq_u8(v[i], vdupq_n_u8(0x20));
    }
#define FOUR(f) neon_bits(f(0), f(1), f(2), f(3))
#define BELOW(x, base, n) vcltq_u8(vsubq_u8(x, vdupq_n_u8(base)), vdupq_n_u8(n))
#define IS(c) neon_bits(vceqq_u8(v[0], vdupq_n_u8(c)), vceqq_u8(v[1], vdupq_n_u8(c)), vceqq_u8(v[2], vdupq_n_u8(c)), vceqq_u8(v[3], vdupq_n_u8(c)))
#define DIGIT(i) BELOW(v[i], '0', 10)
#define LETTER(i) BELOW(folded[i], 'a', 26)
#define UPPER(i) BELOW(v[i], 'A', 26)
#define HEXLETTER(i) BELOW(folded[i], 'a', 6)
    m->digit = FOUR(DIGIT);
    m->letter = FOUR(LETTER);
    m->upper = FOUR(UPPER);
    m->hex = m->digit | FOUR(HEXLETTER);
    m->at = IS('@');
    m->colon = IS(':');
    m->equals = IS('=') | IS('>');
    m->underscore = IS('_');
    m->dash = IS('-');
    m->sign = IS('+') | IS('(');
    m->s = IS('s');
    m->w = IS('w');
    m->enye = IS(0xB1);
    m->s = IS('s');
    m->w = IS('w');
    m->enye = IS(0xB1);
    m->separator = IS(' ') | m->dash | IS('.') | IS('/');
#undef FOUR
#undef BELOW
#undef IS
#undef DIGIT
#undef LETTER
#undef UPPER
#undef HEXLETTER
}
#endif
