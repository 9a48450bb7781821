// Which assignment signs a credential's name may stand before, for all of a block at once: most signs in logs and JSON stand behind other names,
// and to look at those one by one costs more than anything else there.
#ifndef AGENTSHIELD_ENDINGS_H
#define AGENTSHIELD_ENDINGS_H

#include "classes.h"

/// What the bytes of one block are.
typedef struct {
    uint64_t ending;  ///< the last one of four bytes that may end a credential's name (NAME_ENDINGS)
    uint64_t gap;     ///< may stand between a name and its sign (gap_bytes)
} name_classes;

/// Where signs of a block may stand behind a name; all names that they may stand behind end in the block or in the one before.
INLINE uint64_t behind_names(const classes *c, size_t block, name_classes before, name_classes here) {
    typedef unsigned __int128 two;
#define TWO(low, high) ((two)(low) | (two)(high) << 64)
#define OF(m) TWO((m)[block - 1], (m)[block])
    two letter = OF(c->letter), gap = TWO(before.gap, here.gap);
    two behind = (TWO(before.ending, here.ending) & letter) << 1;
    // A word behind the name, as in `password_hash` and `secretValue`: a sum carries over all of a run.
    two joint = OF(c->underscore) | OF(c->separator), word = ((behind & joint) << 1 | (behind & OF(c->upper))) & letter;
    behind |= (word + letter) & ~letter;
    behind = (behind & ~gap) | (((behind & gap) + gap) & ~gap);
#undef TWO
#undef OF
    return (uint64_t)(behind >> 64);
}

#ifdef __x86_64__
/// The endings of names in eight groups, a bit for each: by the lower five bits of a byte, the groups that have it as the last one of four bytes, and
/// so on. Four bytes of a group that are no ending together pass too: who looks closer finds out. The first one is the last one of a stem in
/// NAME_ENDINGS, or a sign (space, `-`, `_`), or any where there is no stem. A test holds every ending against these.
///
///     1: key ave ena kie ñas   2: swd ass ase sse   4: pwd nha ion nid yid pin nia   8: sig pat sid api
///     16: ord ken ial ort   32: ret uth ode lue red ult   64: eña psw _pw sna cod   128: als rds eds ets ens eys eta ing
static const uint8_t last_letters[32] __attribute__((aligned(32))) = {
    0, 197, 0, 0, 126, 35, 0, 136, 32, 8, 0, 0, 16, 0, 20, 0,
    0, 0, 0, 131, 56, 0, 0, 64, 0, 1, 0, 0, 0, 0, 0, 0};
static const uint8_t third_letters[32] __attribute__((aligned(32))) = {
    0, 25, 0, 0, 160, 49, 0, 0, 4, 13, 0, 0, 160, 0, 193, 68,
    72, 64, 16, 66, 160, 32, 1, 6, 0, 128, 0, 0, 0, 0, 0, 0};
static const uint8_t second_letters[32] __attribute__((aligned(32))) = {
    0, 139, 0, 64, 0, 129, 0, 0, 0, 148, 0, 17, 32, 0, 4, 48,
    76, 1, 160, 74, 0, 32, 0, 0, 0, 4, 0, 0, 0, 0, 0, 64};
static const uint8_t first_letters[32] __attribute__((aligned(32))) = {
    255, 111, 77, 109, 77, 77, 77, 77, 77, 205, 77, 205, 77, 255, 77, 221,
    79, 77, 207, 79, 93, 77, 77, 93, 77, 77, 77, 77, 77, 77, 77, 255};

/// The gap's bytes by their halves: those of the lower half and of the higher one have a bit in common.
#define GAPS_OF_LOW_HALVES 11, 3, 3, 2, 2, 2, 2, 3, 2, 2, 0, 5, 20, 4, 1, 6
#define GAPS_OF_HIGH_HALVES 0, 0, 1, 2, 0, 4, 8, 16, 0, 0, 0, 0, 0, 0, 0, 0

AVX2 __m256i avx2_letters(const uint8_t *p, const uint8_t *letters) {
    __m256i low = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)letters));
    __m256i high = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(letters + 16)));
    __m256i v = _mm256_loadu_si256((const __m256i *)p), half = _mm256_and_si256(v, _mm256_set1_epi8(0x0F));
    return _mm256_blendv_epi8(_mm256_shuffle_epi8(low, half), _mm256_shuffle_epi8(high, half), _mm256_slli_epi16(v, 3));
}

AVX2 name_classes names_avx2(const uint8_t *p) {
    const __m256i low = _mm256_setr_epi8(GAPS_OF_LOW_HALVES, GAPS_OF_LOW_HALVES);
    const __m256i high = _mm256_setr_epi8(GAPS_OF_HIGH_HALVES, GAPS_OF_HIGH_HALVES);
    const __m256i zero = _mm256_setzero_si256();
    __m256i ending[2], gap[2];
    for (int i = 0; i < 2; i++) {
        const uint8_t *q = p + 32 * i;
        __m256i groups = _mm256_and_si256(avx2_letters(q, last_letters), avx2_letters(q - 1, third_letters));
        groups = _mm256_and_si256(groups, avx2_letters(q - 2, second_letters));
        ending[i] = _mm256_cmpeq_epi8(_mm256_and_si256(groups, avx2_letters(q - 3, first_letters)), zero);
        __m256i v = _mm256_loadu_si256((const __m256i *)q);
        __m256i half = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0F));
        gap[i] = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(low, v), _mm256_shuffle_epi8(high, half)), zero);
    }
    return (name_classes){.ending = ~avx2_bits(ending[0], ending[1]), .gap = ~avx2_bits(gap[0], gap[1])};
}

AVX512 __m512i avx512_groups(const uint8_t *p, const uint8_t *letters) {
    const __m512i table = _mm512_broadcast_i64x4(_mm256_load_si256((const __m256i *)letters));
    return _mm512_permutexvar_epi8(_mm512_loadu_si512((const void *)p), table);
}

AVX512 name_classes names_avx512(const uint8_t *p) {
    const __m512i low = _mm512_broadcast_i32x4(_mm_setr_epi8(GAPS_OF_LOW_HALVES));
    const __m512i high = _mm512_broadcast_i32x4(_mm_setr_epi8(GAPS_OF_HIGH_HALVES));
    __m512i groups = _mm512_and_si512(avx512_groups(p, last_letters), avx512_groups(p - 1, third_letters));
    groups = _mm512_and_si512(groups, avx512_groups(p - 2, second_letters));
    __m512i v = _mm512_loadu_si512((const void *)p);
    __m512i half = _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(0x0F));
    return (name_classes){
        .ending = _mm512_test_epi8_mask(groups, avx512_groups(p - 3, first_letters)),
        .gap = _mm512_test_epi8_mask(_mm512_shuffle_epi8(low, v), _mm512_shuffle_epi8(high, half)),
    };
}
#endif

#endif
