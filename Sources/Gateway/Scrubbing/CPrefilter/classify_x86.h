// The classifiers for x86-64. Each looks at the block at `p`, and at `p[-2]` and `p[-1]`.
#ifdef __x86_64__
#include <immintrin.h>

INLINE __attribute__((target("sse2"))) void classify_sse2(const uint8_t *p, classes *m, size_t block) {
    uint64_t digit = 0, letter = 0, upper = 0, hex = 0, separator = 0, dash = 0, underscore = 0, at = 0, colon = 0, assign = 0;
    uint64_t sign = 0, word = 0;
    for (int i = 0; i < 64; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
        const __m128i space = _mm_set1_epi8(0x20);
        __m128i folded = _mm_or_si128(v, space), folded1 = _mm_or_si128(_mm_loadu_si128((const __m128i *)(p + i - 1)), space);
        __m128i folded2 = _mm_or_si128(_mm_loadu_si128((const __m128i *)(p + i - 2)), space);
#define BELOW(x, base, n) _mm_cmpeq_epi8(_mm_min_epu8(_mm_sub_epi8(x, _mm_set1_epi8(base)), _mm_set1_epi8((n) - 1)), _mm_sub_epi8(x, _mm_set1_epi8(base)))
#define EQUAL(x, c) _mm_cmpeq_epi8(x, _mm_set1_epi8((char)(c)))
#define OR(a, b) _mm_or_si128(a, b)
#define AND(a, b) _mm_and_si128(a, b)
#define BITS(x) (scalar((uint32_t)_mm_movemask_epi8(x)) << i)
        __m128i digits = BELOW(v, '0', 10), dashes = EQUAL(v, '-'), colons = EQUAL(v, ':');
        digit |= BITS(digits);
        letter |= BITS(BELOW(folded, 'a', 26));
        upper |= BITS(BELOW(v, 'A', 26));
        hex |= BITS(OR(digits, BELOW(folded, 'a', 6)));
        separator |= BITS(OR(OR(EQUAL(v, ' '), dashes), OR(EQUAL(v, '.'), EQUAL(v, '/'))));
        dash |= BITS(dashes);
        underscore |= BITS(EQUAL(v, '_'));
        at |= BITS(EQUAL(v, '@'));
        colon |= BITS(colons);
        assign |= BITS(OR(colons, OR(EQUAL(v, '='), EQUAL(v, '>'))));
        sign |= BITS(OR(EQUAL(v, '+'), OR(EQUAL(v, '('), EQUAL(v, '$'))));
        word |= BITS(OR(
            AND(EQUAL(folded, 's'), AND(EQUAL(folded1, 'a'), EQUAL(folded2, 'p'))), AND(EQUAL(v, 0xB1), EQUAL(folded2, 'e'))));
#undef BELOW
#undef EQUAL
#undef OR
#undef AND
#undef BITS
    }
    m->digit[block] = digit, m->letter[block] = letter, m->upper[block] = upper, m->hex[block] = hex;
    m->separator[block] = separator, m->dash[block] = dash, m->underscore[block] = underscore, m->at[block] = at;
    m->colon[block] = colon, m->assign[block] = assign, m->sign[block] = sign, m->word[block] = word;
}

// With shuffles at hand, a byte's classes come from two tables of 16: those that its low half may belong to, and those of its high half.
// Each class must be all combinations of some low with some high halves. Bytes from 0x80 on have no class: a shuffle gives 0 for them.
enum {
    CLASS_DIGIT = 1 << 0,
    CLASS_SIGN = 1 << 1,
    CLASS_DASH = 1 << 2,
    CLASS_ASSIGN = 1 << 3,
    CLASS_AT = 1 << 4,
    CLASS_UNDERSCORE = 1 << 5,
    CLASS_COLON = 1 << 6,
    CLASS_SEPARATOR = 1 << 7,
};
/// By low half: space `@` `0`; digits; `$` `4`; `(` `8`; `9`; `:`; `+`; nothing; `-` `=`; `.` `>`; `/` `_`.
#define CLASSES_OF_LOW_HALVES                                                                                                  \
    (char)(CLASS_DIGIT | CLASS_AT | CLASS_SEPARATOR), CLASS_DIGIT, CLASS_DIGIT, CLASS_DIGIT, CLASS_DIGIT | CLASS_SIGN, CLASS_DIGIT,         \
        CLASS_DIGIT, CLASS_DIGIT, CLASS_DIGIT | CLASS_SIGN, CLASS_DIGIT, CLASS_ASSIGN | CLASS_COLON, CLASS_SIGN, 0,            \
        (char)(CLASS_DASH | CLASS_ASSIGN | CLASS_SEPARATOR), (char)(CLASS_ASSIGN | CLASS_SEPARATOR),                           \
        (char)(CLASS_UNDERSCORE | CLASS_SEPARATOR)
#define CLASSES_OF_HIGH_HALVES                                                                                                 \
    0, 0, (char)(CLASS_SIGN | CLASS_DASH | CLASS_SEPARATOR), CLASS_DIGIT | CLASS_ASSIGN | CLASS_COLON, CLASS_AT,               \
        CLASS_UNDERSCORE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

#define AVX2 INLINE __attribute__((target("avx2,bmi,bmi2,popcnt")))

/// Tests for `base..<base + n` by a signed comparison: there is no unsigned one.
AVX2 __m256i avx2_below(__m256i v, char base, char n) {
    return _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(-128 + n)), _mm256_add_epi8(v, _mm256_set1_epi8((char)(-128 - base))));
}

AVX2 uint64_t avx2_bits(__m256i low, __m256i high) {
    return scalar((uint32_t)_mm256_movemask_epi8(low)) | scalar((uint32_t)_mm256_movemask_epi8(high)) << 32;
}

AVX2 __m256i avx2_equal(__m256i v, unsigned char c) { return _mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)c)); }

AVX2 __m256i avx2_classes(__m256i v) {
    const __m256i low = _mm256_setr_epi8(CLASSES_OF_LOW_HALVES, CLASSES_OF_LOW_HALVES);
    const __m256i high = _mm256_setr_epi8(CLASSES_OF_HIGH_HALVES, CLASSES_OF_HIGH_HALVES);
    __m256i half = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0F));
    return _mm256_and_si256(_mm256_shuffle_epi8(low, v), _mm256_shuffle_epi8(high, half));
}

AVX2 __m256i avx2_word(const uint8_t *p, __m256i v, __m256i folded) {
    const __m256i space = _mm256_set1_epi8(0x20);
    __m256i folded1 = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)(p - 1)), space);
    __m256i folded2 = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)(p - 2)), space);
    __m256i pass = _mm256_and_si256(avx2_equal(folded, 's'), _mm256_and_si256(avx2_equal(folded1, 'a'), avx2_equal(folded2, 'p')));
    __m256i enye = _mm256_and_si256(avx2_equal(v, 0xB1), avx2_equal(folded2, 'e'));
    return _mm256_or_si256(pass, enye);
}

AVX2 void classify_avx2(const uint8_t *p, classes *m, size_t block) {
    const __m256i space = _mm256_set1_epi8(0x20);
    __m256i v = _mm256_loadu_si256((const __m256i *)p), w = _mm256_loadu_si256((const __m256i *)(p + 32));
    __m256i vfold = _mm256_or_si256(v, space), wfold = _mm256_or_si256(w, space);
    __m256i vclass = avx2_classes(v), wclass = avx2_classes(w);
#define CLASS(bit) avx2_bits(_mm256_slli_epi16(vclass, 7 - (bit)), _mm256_slli_epi16(wclass, 7 - (bit)))
    uint64_t digit = CLASS(0);
    m->digit[block] = digit;
    m->letter[block] = avx2_bits(avx2_below(vfold, 'a', 26), avx2_below(wfold, 'a', 26));
    m->upper[block] = avx2_bits(avx2_below(v, 'A', 26), avx2_below(w, 'A', 26));
    m->hex[block] = digit | avx2_bits(avx2_below(vfold, 'a', 6), avx2_below(wfold, 'a', 6));
    m->separator[block] = CLASS(7);
    m->dash[block] = CLASS(2);
    m->underscore[block] = CLASS(5);
    m->at[block] = CLASS(4);
    m->colon[block] = CLASS(6);
    m->assign[block] = CLASS(3);
    m->sign[block] = CLASS(1);
    m->word[block] = avx2_bits(avx2_word(p, v, vfold), avx2_word(p + 32, w, wfold));
#undef CLASS
}

#define AVX512 INLINE __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt")))

AVX512 uint64_t avx512_below(__m512i v, char base, char n) {
    return _mm512_cmplt_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8(base)), _mm512_set1_epi8(n));
}

AVX512 __m512i avx512_classes(__m512i v) {
    const __m512i low = _mm512_broadcast_i32x4(_mm_setr_epi8(CLASSES_OF_LOW_HALVES));
    const __m512i high = _mm512_broadcast_i32x4(_mm_setr_epi8(CLASSES_OF_HIGH_HALVES));
    __m512i half = _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(0x0F));
    return _mm512_and_si512(_mm512_shuffle_epi8(low, v), _mm512_shuffle_epi8(high, half));
}

AVX512 uint64_t avx512_word(const uint8_t *p, __m512i v, __m512i folded) {
    const __m512i space = _mm512_set1_epi8(0x20);
    __m512i folded1 = _mm512_or_si512(_mm512_loadu_si512((const void *)(p - 1)), space);
    __m512i folded2 = _mm512_or_si512(_mm512_loadu_si512((const void *)(p - 2)), space);
#define EQUAL(given, x, c) _mm512_mask_cmpeq_epi8_mask(given, x, _mm512_set1_epi8((char)(c)))
    __mmask64 pass = EQUAL(EQUAL(_mm512_cmpeq_epi8_mask(folded, _mm512_set1_epi8('s')), folded1, 'a'), folded2, 'p');
    __mmask64 enye = EQUAL(_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8((char)0xB1)), folded2, 'e');
#undef EQUAL
    return pass | enye;
}

AVX512 void classify_avx512(const uint8_t *p, classes *m, size_t block) {
    __m512i v = _mm512_loadu_si512((const void *)p);
    __m512i folded = _mm512_or_si512(v, _mm512_set1_epi8(0x20));
    __m512i class = avx512_classes(v);
#define CLASS(bit) _mm512_test_epi8_mask(class, _mm512_set1_epi8((char)(bit)))
    uint64_t digit = CLASS(CLASS_DIGIT);
    m->digit[block] = scalar(digit);
    m->letter[block] = scalar(avx512_below(folded, 'a', 26));
    m->upper[block] = scalar(avx512_below(v, 'A', 26));
    m->hex[block] = scalar(digit | avx512_below(folded, 'a', 6));
    m->separator[block] = scalar(CLASS(CLASS_SEPARATOR));
    m->dash[block] = scalar(CLASS(CLASS_DASH));
    m->underscore[block] = scalar(CLASS(CLASS_UNDERSCORE));
    m->at[block] = scalar(CLASS(CLASS_AT));
    m->colon[block] = scalar(CLASS(CLASS_COLON));
    m->assign[block] = scalar(CLASS(CLASS_ASSIGN));
    m->sign[block] = scalar(CLASS(CLASS_SIGN));
    m->word[block] = scalar(avx512_word(p, v, folded));
#undef CLASS
}
#endif
