// Where context words may start. Asked only for what stands before a number that needs one: far less than the text.
#ifndef AGENTSHIELD_WORDS_H
#define AGENTSHIELD_WORDS_H

#include "classes.h"

/// What the bytes of one block are.
typedef struct {
    uint64_t letter, upper;
    uint64_t wide;  ///< from U+0080 on
    uint64_t lead;  ///< the first byte of a sign from U+00C0 on
    uint64_t sign;  ///< `>` `*`, which end what stands for a finding
} word_classes;

static inline word_classes words_portable(const uint8_t *p) {
    word_classes w = {0, 0, 0, 0, 0};
    for (int i = 0; i < 64; i++) {
        uint64_t bit = 1ull << i;
        if (is_letter(p[i])) w.letter |= bit;
        if ((uint8_t)(p[i] - 'A') < 26) w.upper |= bit;
        if (p[i] >= 0x80) w.wide |= bit;
        if (p[i] >= 0xC3) w.lead |= bit;
        if (p[i] == '>' || p[i] == '*') w.sign |= bit;
    }
    return w;
}

#ifdef __x86_64__
INLINE __attribute__((target("sse2"))) word_classes words_sse2(const uint8_t *p) {
    word_classes w = {0, 0, 0, 0, 0};
    for (int i = 0; i < 64; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(p + i)), folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
#define BELOW(x, base) _mm_cmpgt_epi8(_mm_set1_epi8(-128 + 26), _mm_add_epi8(x, _mm_set1_epi8((char)(-128 - (base)))))
#define EQUAL(x, c) _mm_cmpeq_epi8(x, _mm_set1_epi8(c))
#define BITS(x) (scalar((uint32_t)_mm_movemask_epi8(x)) << i)
        w.letter |= BITS(BELOW(folded, 'a'));
        w.upper |= BITS(BELOW(v, 'A'));
        w.wide |= BITS(v);
        w.lead |= BITS(_mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8((char)0xC3)), v));
        w.sign |= BITS(_mm_or_si128(EQUAL(v, '>'), EQUAL(v, '*')));
#undef BELOW
#undef EQUAL
#undef BITS
    }
    return w;
}

AVX2 word_classes words_avx2(const uint8_t *p) {
    __m256i v = _mm256_loadu_si256((const __m256i *)p), u = _mm256_loadu_si256((const __m256i *)(p + 32));
    const __m256i space = _mm256_set1_epi8(0x20), least = _mm256_set1_epi8((char)0xC3);
#define SIGN(x) _mm256_or_si256(avx2_equal(x, '>'), avx2_equal(x, '*'))
    return (word_classes){
        .letter = avx2_bits(avx2_below(_mm256_or_si256(v, space), 'a', 26), avx2_below(_mm256_or_si256(u, space), 'a', 26)),
        .upper = avx2_bits(avx2_below(v, 'A', 26), avx2_below(u, 'A', 26)),
        .wide = avx2_bits(v, u),
        .lead = avx2_bits(_mm256_cmpeq_epi8(_mm256_max_epu8(v, least), v), _mm256_cmpeq_epi8(_mm256_max_epu8(u, least), u)),
        .sign = avx2_bits(SIGN(v), SIGN(u)),
    };
#undef SIGN
}

AVX512 word_classes words_avx512(const uint8_t *p) {
    __m512i v = _mm512_loadu_si512((const void *)p);
    return (word_classes){
        .letter = avx512_below(_mm512_or_si512(v, _mm512_set1_epi8(0x20)), 'a', 26),
        .upper = avx512_below(v, 'A', 26),
        .wide = _mm512_movepi8_mask(v),
        .lead = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8((char)0xC3)),
        .sign = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('>')) | _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('*')),
    };
}
#endif

#ifdef __aarch64__
static inline word_classes words_neon(const uint8_t *p) {
    uint8x16_t v[4];
    for (int i = 0; i < 4; i++) v[i] = vld1q_u8(p + 16 * i);
#define FOUR(f) neon_bits(f(v[0]), f(v[1]), f(v[2]), f(v[3]))
#define BELOW(x, base) vcltq_u8(vsubq_u8(x, vdupq_n_u8(base)), vdupq_n_u8(26))
#define LETTER(x) BELOW(vorrq_u8(x, vdupq_n_u8(0x20)), 'a')
#define UPPER(x) BELOW(x, 'A')
#define WIDE(x) vcgeq_u8(x, vdupq_n_u8(0x80))
#define LEAD(x) vcgeq_u8(x, vdupq_n_u8(0xC3))
#define SIGN(x) vorrq_u8(vceqq_u8(x, vdupq_n_u8('>')), vceqq_u8(x, vdupq_n_u8('*')))
    return (word_classes){
        .letter = FOUR(LETTER), .upper = FOUR(UPPER), .wide = FOUR(WIDE), .lead = FOUR(LEAD), .sign = FOUR(SIGN)};
#undef FOUR
#undef BELOW
#undef LETTER
#undef UPPER
#undef WIDE
#undef LEAD
#undef SIGN
}
#endif

/// A word starts at a letter behind what is none, and at a capital behind a small letter (`homePhone`); bytes from U+0080 on are letters,
/// and those from U+00C0 on start one.
INLINE uint64_t starts_of_words(const word_classes *w, uint8_t before) {
    uint64_t small = w->letter & ~w->upper;
    uint64_t behind_letter = (w->letter | w->wide) << 1 | (is_letter(before) || before >= 0x80);
    uint64_t behind_small = small << 1 | (is_letter(before) && (before & 0x20) != 0);
    return ((w->letter | w->lead) & ~behind_letter) | (w->upper & behind_small);
}

/// The beginnings stand in so many entries, and behind them the groups of their letters.
enum { BEGINNINGS = 1024, GROUPS = 8 };

/// Which bytes of a block and the two behind each are in one group, by three tables of 32 bytes: the letters of all beginnings in eight groups, a bit
/// for each. Most starts of words are in none, and need no look by themselves.
typedef uint64_t group_finder(const uint8_t *p, const uint8_t *groups);

#ifdef __x86_64__
AVX2 __m256i avx2_groups(const uint8_t *p, const uint8_t *groups) {
    __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)groups));
    __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(groups + 16)));
    __m256i v = _mm256_loadu_si256((const __m256i *)p), half = _mm256_and_si256(v, _mm256_set1_epi8(0x0F));
    return _mm256_blendv_epi8(_mm256_shuffle_epi8(low, half), _mm256_shuffle_epi8(high, half), _mm256_slli_epi16(v, 3));
}

AVX2 uint64_t grouped_avx2(const uint8_t *p, const uint8_t *groups) {
    __m256i none[2];
    for (int i = 0; i < 2; i++) {
        const uint8_t *q = p + 32 * i;
        __m256i common = _mm256_and_si256(avx2_groups(q, groups), avx2_groups(q + 1, groups + 32));
        none[i] = _mm256_cmpeq_epi8(_mm256_and_si256(common, avx2_groups(q + 2, groups + 64)), _mm256_setzero_si256());
    }
    return ~avx2_bits(none[0], none[1]);
}

AVX512 __m512i avx512_grouped(const uint8_t *p, const uint8_t *groups) {
    const __m512i table = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)groups));
    return _mm512_permutexvar_epi8(_mm512_loadu_si512((const void *)p), table);
}

AVX512 uint64_t grouped_avx512(const uint8_t *p, const uint8_t *groups) {
    __m512i common = _mm512_and_si512(avx512_grouped(p, groups), avx512_grouped(p + 1, groups + 32));
    return _mm512_test_epi8_mask(common, avx512_grouped(p + 2, groups + 64));
}
#endif

/// Of the starts in a block, of which `known` bytes are there, those whose first three bytes are a listed word's, as far as they go.
INLINE uint64_t listed(uint64_t starts, const uint8_t *p, size_t known, const uint32_t *beginnings, group_finder *grouped) {
    if (grouped != 0) starts &= grouped(p, (const uint8_t *)(beginnings + BEGINNINGS)) | (known < 66 ? ~0ull << (known < 2 ? 0 : known - 2) : 0);
    uint64_t kept = starts;
    for (; starts != 0; starts &= starts - 1) {
        size_t i = (size_t)__builtin_ctzll(starts);
        if (i + 2 >= known) break;
        uint64_t is_listed = beginnings[(p[i] & 31) << 5 | (p[i + 1] & 31)] >> (p[i + 2] & 31) & 1;
        kept &= ~((is_listed ^ 1) << i);
    }
    return kept;
}

#endif
