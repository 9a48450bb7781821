// The classifiers for x86-64. Each is a macro's worth of comparisons; the compiler keeps the constants in registers.
#ifdef __x86_64__
#include <immintrin.h>

static inline __attribute__((always_inline, target("sse2"))) void classify_sse2(const uint8_t *p, masks *m) {
    uint64_t digit = 0, letter = 0, upper = 0, hex = 0, at = 0, colon = 0, equals = 0, underscore = 0, dash = 0, sign = 0;
    uint64_t separator = 0, s = 0, w = 0, enye = 0;
    for (int i = 0; i < 64; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
        __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
#define BELOW(x, base, n) _mm_cmpeq_epi8(_mm_min_epu8(_mm_sub_epi8(x, _mm_set1_epi8(base)), _mm_set1_epi8((n) - 1)), _mm_sub_epi8(x, _mm_set1_epi8(base)))
#define IS(c) _mm_cmpeq_epi8(v, _mm_set1_epi8(c))
#define BITS(x) (scalar((uint32_t)_mm_movemask_epi8(x)) << i)
        __m128i d = BELOW(v, '0', 10), dashes = IS('-');
        digit |= BITS(d);
        letter |= BITS(BELOW(folded, 'a', 26));
        upper |= BITS(BELOW(v, 'A', 26));
        hex |= BITS(_mm_or_si128(d, BELOW(folded, 'a', 6)));
        at |= BITS(IS('@'));
        colon |= BITS(IS(':'));
        equals |= BITS(_mm_or_si128(IS('='), IS('>')));
        underscore |= BITS(IS('_'));
        dash |= BITS(dashes);
        sign |= BITS(_mm_or_si128(IS('+'), IS('(')));
        s |= BITS(IS('s'));
        w |= BITS(IS('w'));
        enye |= BITS(IS((char)0xB1));
        separator |= BITS(_mm_or_si128(_mm_or_si128(IS(' '), dashes), _mm_or_si128(IS('.'), IS('/'))));
#undef BELOW
#undef IS
#undef BITS
    }
    *m = (masks){digit, letter, upper, hex, at, colon, equals, underscore, dash, sign, separator, s, w, enye};
}

static inline __attribute__((always_inline, target("avx2"))) void classify_avx2(const uint8_t *p, masks *m) {
    uint64_t digit = 0, letter = 0, upper = 0, hex = 0, at = 0, colon = 0, equals = 0, underscore = 0, dash = 0, sign = 0;
    uint64_t separator = 0, s = 0, w = 0, enye = 0;
    for (int i = 0; i < 64; i += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(p + i));
        __m256i folded = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
#define BELOW(x, base, n) _mm256_cmpeq_epi8(_mm256_min_epu8(_mm256_sub_epi8(x, _mm256_set1_epi8(base)), _mm256_set1_epi8((n) - 1)), _mm256_sub_epi8(x, _mm256_set1_epi8(base)))
#define IS(c) _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c))
#define BITS(x) (scalar((uint32_t)_mm256_movemask_epi8(x)) << i)
        __m256i d = BELOW(v, '0', 10), dashes = IS('-');
        digit |= BITS(d);
        letter |= BITS(BELOW(folded, 'a', 26));
        upper |= BITS(BELOW(v, 'A', 26));
        hex |= BITS(_mm256_or_si256(d, BELOW(folded, 'a', 6)));
        at |= BITS(IS('@'));
        colon |= BITS(IS(':'));
        equals |= BITS(_mm256_or_si256(IS('='), IS('>')));
        underscore |= BITS(IS('_'));
        dash |= BITS(dashes);
        sign |= BITS(_mm256_or_si256(IS('+'), IS('(')));
        s |= BITS(IS('s'));
        w |= BITS(IS('w'));
        enye |= BITS(IS((char)0xB1));
        separator |= BITS(_mm256_or_si256(_mm256_or_si256(IS(' '), dashes), _mm256_or_si256(IS('.'), IS('/'))));
#undef BELOW
#undef IS
#undef BITS
    }
    *m = (masks){digit, letter, upper, hex, at, colon, equals, underscore, dash, sign, separator, s, w, enye};
}

static inline __attribute__((always_inline, target("avx512f,avx512bw"))) void classify_avx512(const uint8_t *p, masks *m) {
    __m512i v = _mm512_loadu_si512((const void *)p);
    __m512i folded = _mm512_or_si512(v, _mm512_set1_epi8(0x20));
#define BELOW(x, base, n) _mm512_cmplt_epu8_mask(_mm512_sub_epi8(x, _mm512_set1_epi8(base)), _mm512_set1_epi8(n))
#define IS(c) _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(c))
    m->digit = BELOW(v, '0', 10);
    m->letter = BELOW(folded, 'a', 26);
    m->upper = BELOW(v, 'A', 26);
    m->hex = m->digit | BELOW(folded, 'a', 6);
    m->at = IS('@');
    m->colon = IS(':');
    m->equals = IS('=') | IS('>');
    m->underscore = IS('_');
    m->dash = IS('-');
    m->sign = IS('+') | IS('(');
    m->s = IS('s');
    m->w = IS('w');
    m->enye = IS((char)0xB1);
    m->separator = IS(' ') | m->dash | IS('.') | IS('/');
#undef BELOW
#undef IS
}
#endif
