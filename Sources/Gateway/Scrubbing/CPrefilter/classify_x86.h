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

/// Writes a mask by halves: fewer instructions than to join them.
AVX2 void avx2_store(uint64_t *m, __m256i low, __m256i high) {
    typedef uint32_t __attribute__((may_alias)) half;
    ((half *)m)[0] = (uint32_t)_mm256_movemask_epi8(low);
    ((half *)m)[1] = (uint32_t)_mm256_movemask_epi8(high);
}

AVX2 void classify_avx2(const uint8_t *p, classes *m, size_t block) {
    const __m256i space = _mm256_set1_epi8(0x20);
    __m256i v = _mm256_loadu_si256((const __m256i *)p), w = _mm256_loadu_si256((const __m256i *)(p + 32));
    __m256i vfold = _mm256_or_si256(v, space), wfold = _mm256_or_si256(w, space);
    __m256i vclass = avx2_classes(v), wclass = avx2_classes(w);
#define CLASS(class, bit) _mm256_slli_epi16(class, 7 - (bit))
#define STORE(field, bit) avx2_store(&m->field[block], CLASS(vclass, bit), CLASS(wclass, bit))
    __m256i vdigit = CLASS(vclass, 0), wdigit = CLASS(wclass, 0);
    avx2_store(&m->digit[block], vdigit, wdigit);
    avx2_store(&m->letter[block], avx2_below(vfold, 'a', 26), avx2_below(wfold, 'a', 26));
    avx2_store(&m->upper[block], avx2_below(v, 'A', 26), avx2_below(w, 'A', 26));
    avx2_store(
        &m->hex[block], _mm256_or_si256(vdigit, avx2_below(vfold, 'a', 6)), _mm256_or_si256(wdigit, avx2_below(wfold, 'a', 6)));
    STORE(separator, 7);
    STORE(dash, 2);
    STORE(underscore, 5);
    STORE(at, 4);
    STORE(colon, 6);
    STORE(assign, 3);
    STORE(sign, 1);
    avx2_store(&m->word[block], avx2_word(p, v, vfold), avx2_word(p + 32, w, wfold));
#undef STORE
#undef CLASS
}

#define AVX512_TARGET __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni,bmi,bmi2,popcnt")))
#define AVX512 INLINE AVX512_TARGET

AVX512 uint64_t avx512_below(__m512i v, char base, char n) {
    return _mm512_cmplt_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8(base)), _mm512_set1_epi8(n));
}

// With permutations of bytes by a table of 128, a byte's classes are looked up at once, those of two tables. Bytes from 0x80 on have no class,
// but for the second one of `ñ`.
enum { DIGIT = 1, LETTER = 2, UPPER = 4, HEX = 8, SEPARATOR = 16, DASH = 32, UNDERSCORE = 64, AT_SIGN = 128 };
static const uint8_t avx512_classes[128] __attribute__((aligned(64))) = {
    [' '] = SEPARATOR, ['-'] = SEPARATOR | DASH, ['.'] = SEPARATOR, ['/'] = SEPARATOR, ['@'] = AT_SIGN, ['_'] = UNDERSCORE,
    ['0' ... '9'] = DIGIT | HEX, ['A' ... 'F'] = LETTER | UPPER | HEX, ['G' ... 'Z'] = LETTER | UPPER, ['a' ... 'f'] = LETTER | HEX,
    ['g' ... 'z'] = LETTER,
};
enum { COLON = 1, ASSIGN = 2, SIGN = 4, LETTER_P = 8, LETTER_A = 16, LETTER_S = 32, LETTER_E = 64, ENYE = 128 };
static const uint8_t avx512_other_classes[128] __attribute__((aligned(64))) = {
    [':'] = COLON | ASSIGN, ['='] = ASSIGN, ['>'] = ASSIGN, ['+'] = SIGN, ['('] = SIGN, ['$'] = SIGN,
    ['P'] = LETTER_P, ['p'] = LETTER_P, ['A'] = LETTER_A, ['a'] = LETTER_A, ['S'] = LETTER_S, ['s'] = LETTER_S, ['E'] = LETTER_E, ['e'] = LETTER_E,
};

AVX512 __m512i avx512_looked_up(__m512i v, const uint8_t *table) {
    return _mm512_permutex2var_epi8(_mm512_load_si512(table), _mm512_min_epu8(v, _mm512_set1_epi8(0x7F)), _mm512_load_si512(table + 64));
}

AVX512 uint64_t avx512_word(const uint8_t *p, __m512i v) {
    const __m512i space = _mm512_set1_epi8(0x20);
    __m512i folded1 = _mm512_or_si512(_mm512_loadu_si512((const void *)(p - 1)), space);
    __m512i folded2 = _mm512_or_si512(_mm512_loadu_si512((const void *)(p - 2)), space);
#define EQUAL(given, x, c) _mm512_mask_cmpeq_epi8_mask(given, x, _mm512_set1_epi8((char)(c)))
    __mmask64 pass = EQUAL(EQUAL(_mm512_cmpeq_epi8_mask(_mm512_or_si512(v, space), _mm512_set1_epi8('s')), folded1, 'a'), folded2, 'p');
    __mmask64 enye = EQUAL(_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8((char)0xB1)), folded2, 'e');
#undef EQUAL
    return pass | enye;
}

/// One block, at a text's ends.
AVX512 void classify_avx512(const uint8_t *p, classes *m, size_t block) {
    __m512i v = _mm512_loadu_si512((const void *)p), some = avx512_looked_up(v, avx512_classes);
    __m512i others = avx512_looked_up(v, avx512_other_classes);
#define CLASS(of, class) scalar(_mm512_test_epi8_mask(of, _mm512_set1_epi8((char)(class))))
    m->digit[block] = CLASS(some, DIGIT);
    m->letter[block] = CLASS(some, LETTER);
    m->upper[block] = CLASS(some, UPPER);
    m->hex[block] = CLASS(some, HEX);
    m->separator[block] = CLASS(some, SEPARATOR);
    m->dash[block] = CLASS(some, DASH);
    m->underscore[block] = CLASS(some, UNDERSCORE);
    m->at[block] = CLASS(some, AT_SIGN);
    m->colon[block] = CLASS(others, COLON);
    m->assign[block] = CLASS(others, ASSIGN);
    m->sign[block] = CLASS(others, SIGN);
#undef CLASS
    m->word[block] = scalar(avx512_word(p, v));
}

/// A mask for each of eight classes, of eight blocks. A matrix of 8 by 8 bits is transposed by one instruction, which counts its rows from the last
/// one on: `turned` has each eight bytes in the opposite order.
AVX512 void avx512_transposed(__m512i turned[8], __m512i masks[8]) {
    const __m512i unit = _mm512_set1_epi64((long long)0x8040201008040201);
    // Of two blocks, masks of the first four classes and of the last four, side by side.
    const __m512i bytes = _mm512_set_epi8(
        123, 115, 107, 99, 91, 83, 75, 67, 59, 51, 43, 35, 27, 19, 11, 3, 122, 114, 106, 98, 90, 82, 74, 66, 58, 50, 42, 34, 26, 18, 10, 2,
        121, 113, 105, 97, 89, 81, 73, 65, 57, 49, 41, 33, 25, 17, 9, 1, 120, 112, 104, 96, 88, 80, 72, 64, 56, 48, 40, 32, 24, 16, 8, 0);
    const __m512i later = _mm512_add_epi8(bytes, _mm512_set1_epi8(4));
    __m512i pairs[2][4];
    for (int k = 0; k < 4; k++) {
        __m512i a = _mm512_gf2p8affine_epi64_epi8(unit, turned[2 * k], 0), b = _mm512_gf2p8affine_epi64_epi8(unit, turned[2 * k + 1], 0);
        pairs[0][k] = _mm512_permutex2var_epi8(a, bytes, b);
        pairs[1][k] = _mm512_permutex2var_epi8(a, later, b);
    }
    for (int k = 0; k < 2; k++) {
#define FOUR(from, lanes) _mm512_shuffle_i64x2(pairs[k][from], pairs[k][(from) + 1], lanes)
        __m512i low0 = FOUR(0, 0x44), low1 = FOUR(2, 0x44), high0 = FOUR(0, 0xEE), high1 = FOUR(2, 0xEE);
#undef FOUR
        masks[4 * k] = _mm512_shuffle_i64x2(low0, low1, 0x88);
        masks[4 * k + 1] = _mm512_shuffle_i64x2(low0, low1, 0xDD);
        masks[4 * k + 2] = _mm512_shuffle_i64x2(high0, high1, 0x88);
        masks[4 * k + 3] = _mm512_shuffle_i64x2(high0, high1, 0xDD);
    }
}

/// `s` behind `pa`, and the second byte of `ñ` behind `e`, in eight blocks. What the two bytes before them are, is asked of those.
AVX512 __m512i avx512_words(const uint8_t *p, __m512i pees, __m512i as, __m512i esses, __m512i es, __m512i enyes) {
#define BEFORE(byte) (((uint64_t)((p[-1] | 0x20) == (byte)) << 63) | ((uint64_t)((p[-2] | 0x20) == (byte)) << 62))
#define BEHIND(masks, n, byte) _mm512_shldi_epi64(masks, _mm512_alignr_epi64(masks, _mm512_set1_epi64((long long)BEFORE(byte)), 7), n)
    __m512i pass = _mm512_and_si512(esses, _mm512_and_si512(BEHIND(as, 1, 'a'), BEHIND(pees, 2, 'p')));
    return _mm512_or_si512(pass, _mm512_and_si512(enyes, BEHIND(es, 2, 'e')));
#undef BEHIND
#undef BEFORE
}

/// Classifies eight blocks from `p` on.
AVX512 void classify_eight_avx512(const uint8_t *p, classes *m, size_t block) {
    const __m512i order = _mm512_broadcast_i32x4(_mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));
    __m512i some[8], others[8], masks[8];
    for (int k = 0; k < 8; k++) {
        __m512i v = _mm512_shuffle_epi8(_mm512_loadu_si512((const void *)(p + 64 * k)), order);
        some[k] = avx512_looked_up(v, avx512_classes);
        __mmask64 enye = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8((char)0xB1));
        others[k] = _mm512_mask_blend_epi8(enye, avx512_looked_up(v, avx512_other_classes), _mm512_set1_epi8((char)ENYE));
    }
#define STORE(field, bits) _mm512_storeu_si512((void *)&m->field[block], bits)
    avx512_transposed(some, masks);
    STORE(digit, masks[0]);
    STORE(letter, masks[1]);
    STORE(upper, masks[2]);
    STORE(hex, masks[3]);
    STORE(separator, masks[4]);
    STORE(dash, masks[5]);
    STORE(underscore, masks[6]);
    STORE(at, masks[7]);
    avx512_transposed(others, masks);
    STORE(colon, masks[0]);
    STORE(assign, masks[1]);
    STORE(sign, masks[2]);
    STORE(word, avx512_words(p, masks[3], masks[4], masks[5], masks[6], masks[7]));
#undef STORE
}
#endif
