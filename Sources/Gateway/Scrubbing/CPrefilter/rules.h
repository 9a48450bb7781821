// The trigger rules, on masks. Everything is bit-parallel: 64 positions at a time.
#ifndef AGENTSHIELD_RULES_H
#define AGENTSHIELD_RULES_H

#include "CPrefilter.h"
#include "classes.h"

/// Two neighbouring words, so that a position sees up to 64 bytes to its right.
typedef struct {
    uint64_t low, high;
} wide;

#define INLINE static inline __attribute__((always_inline))

/// The mask moved by `n` (1–63): bit i says what holds n bytes to the right of i.
INLINE wide ahead(wide m, int n) { return (wide){m.low >> n | m.high << (64 - n), m.high >> n}; }
INLINE wide both(wide a, wide b) { return (wide){a.low & b.low, a.high & b.high}; }
INLINE wide either(wide a, wide b) { return (wide){a.low | b.low, a.high | b.high}; }

/// Positions where a run of at least 2, 4, … bytes of the class starts or goes on.
INLINE wide run2(wide m) { return both(m, ahead(m, 1)); }
INLINE wide run4(wide m) { wide r = run2(m); return both(r, ahead(r, 2)); }
INLINE wide run6(wide m) { wide r = run2(m); return both(both(r, ahead(r, 2)), ahead(r, 4)); }
INLINE wide run7(wide m) { wide r = run4(m); return both(r, ahead(r, 3)); }
INLINE wide run8(wide m) { wide r = run4(m); return both(r, ahead(r, 4)); }
INLINE wide run16(wide m) { wide r = run8(m); return both(r, ahead(r, 8)); }

#define WIDE(field) ((wide){block[0].field, block[1].field})
/// Bit i says what holds one byte to the left of i.
#define BEFORE(field) (block[0].field << 1 | block[-1].field >> 63)

/// What fired in one block, a mask per rule in the order of the rules' bits.
typedef struct {
    uint64_t at, number, code, token, colon, dashes, assign, literal, word;
} fired;

INLINE uint64_t number_rule(const masks *block, uint64_t starts) {
    wide digit = WIDE(digit);
    // Digits, and separators that stand between two of them.
    wide separator = WIDE(separator);
    wide between = {separator.low & BEFORE(digit), separator.high & (digit.high << 1 | digit.low >> 63)};
    wide phrase = either(digit, both(between, ahead(digit, 1)));
    uint64_t number = starts & run7(phrase).low;
    wide plus = WIDE(plus), parenthesis = WIDE(parenthesis);
    if ((plus.low | parenthesis.low | parenthesis.high) != 0) {
        wide two = run2(digit);
        number |= (plus.low | parenthesis.low) & ahead(two, 1).low;
        // `+(`, `(+`, `+1 2`, `+1 (`, `1 (`, `1(`
        number |= plus.low & ahead(parenthesis, 1).low & ahead(digit, 2).low;
        number |= parenthesis.low & ahead(plus, 1).low & ahead(digit, 2).low;
        number |= plus.low & ahead(digit, 1).low & (ahead(separator, 2).low | ahead(parenthesis, 2).low);
        number |= starts & (ahead(parenthesis, 1).low | (ahead(separator, 1).low & ahead(parenthesis, 2).low));
    }
    // A year, perhaps the end of a date in words; six digits and a letter, perhaps a French number from Corsica.
    wide letter = WIDE(letter);
    wide four = run4(digit);
    number |= starts & BEFORE(separator) & four.low & ~ahead(either(digit, letter), 4).low;
    number |= starts & four.low & ahead(run2(digit), 4).low & ahead(letter, 6).low;
    return number;
}

INLINE uint64_t code_rule(const masks *block, uint64_t starts) {
    wide digit = WIDE(digit), letter = WIDE(letter), upper = WIDE(upper);
    uint64_t code = 0;
    uint64_t possible = starts & block[0].letter;
    if ((block[0].digit | block[1].digit) != 0 && possible != 0) {
        wide two = run2(digit), six = run6(digit);
        code |= possible & ahead(six, 1).low;
        code |= possible & ahead(WIDE(separator), 1).low & ahead(six, 2).low;
        uint64_t letters = possible & ahead(letter, 1).low;
        code |= letters & (ahead(two, 2).low | (ahead(WIDE(space), 2).low & ahead(two, 3).low));
        for (int n = 2; n <= 5 && letters != 0; n++) {
            letters &= ahead(letter, n).low;
            code |= letters & ahead(two, n + 1).low;
        }
    }
    // `00aa.bb11.2c3d`: a hardware address; `AB.12C.D34/0001-56`: a Brazilian company.
    wide hex = WIDE(hex), separator = WIDE(separator);
    uint64_t fifth = starts & ahead(separator, 4).low & ahead(separator, 9).low;
    if (fifth != 0) {
        wide four = run4(hex);
        code |= fifth & four.low & ahead(four, 5).low & ahead(four, 10).low;
    }
    code |= starts & ahead(separator, 2).low & ahead(separator, 6).low & ahead(separator, 10).low & ahead(separator, 15).low
        & ahead(digit, 17).low;
    wide capital = either(upper, digit);
    code |= possible & run6(upper).low & ahead(run2(capital), 6).low;
    return code;
}

INLINE uint64_t colon_rule(const masks *block) {
    wide colon = WIDE(colon), hex = WIDE(hex);
    wide reach = colon;
    wide next = {0, 0};
    wide gap = {~0ull, ~0ull};
    // A colon with another one behind up to four hexadecimal digits.
    for (int n = 1; n <= 5; n++) {
        next = either(next, both(gap, ahead(colon, n)));
        gap = both(gap, ahead(hex, n));
    }
    reach = both(colon, next);
    // The one behind has a third.
    wide third = {0, 0};
    gap = (wide){~0ull, ~0ull};
    for (int n = 1; n <= 5; n++) {
        third = either(third, both(gap, ahead(reach, n)));
        gap = both(gap, ahead(hex, n));
    }
    return (reach.low & third.low) | (colon.low & ahead(colon, 1).low);
}

INLINE fired fire(const masks *block) {
    fired f = {0};
    uint64_t alnum = block[0].digit | block[0].letter;
    uint64_t starts = alnum & ~(alnum << 1 | (block[-1].digit | block[-1].letter) >> 63);
    wide token = {alnum | block[0].underscore | block[0].dash,
                  block[1].digit | block[1].letter | block[1].underscore | block[1].dash};
    uint64_t token_before = token.low << 1 | (block[-1].digit | block[-1].letter | block[-1].underscore | block[-1].dash) >> 63;
    f.token = run16(token).low & ~token_before;
    f.code = code_rule(block, starts);
    if ((block[0].digit | block[1].digit) != 0) {
        f.number = number_rule(block, starts & block[0].digit);
        if (block[0].underscore != 0) {
            uint64_t name = BEFORE(digit) | BEFORE(letter) | BEFORE(backslash);
            f.literal = block[0].underscore & ahead(WIDE(digit), 1).low & name;
        }
    }
    if (block[0].colon != 0) f.colon = colon_rule(block);
    if (block[0].dash != 0) {
        wide dash = WIDE(dash), four = run4(dash);
        f.dashes = four.low & ahead(dash, 4).low & ~BEFORE(dash);
    }
    f.at = block[0].at & ~BEFORE(space);
    f.assign = block[0].colon | block[0].equals;
    f.word = block[0].w & (block[0].s << 1 | block[-1].s >> 63) & (block[0].s << 2 | block[-1].s >> 62);
    f.word |= block[0].enye & (block[0].letter << 2 | block[-1].letter >> 62);
    return f;
}

/// The same as a call: with 256-bit registers at hand, the compiler turns the pairs of words above into vectors, one lane at a time, and
/// the rules take ten times as long.
static __attribute__((noinline)) fired fire_apart(const masks *block) { return fire(block); }

/// Every place where a rule may yet fire when more bytes come.
INLINE fired fire_loosely(const masks *block) {
    fired f = {0};
    uint64_t alnum = block[0].digit | block[0].letter;
    uint64_t starts = alnum & ~(alnum << 1 | (block[-1].digit | block[-1].letter) >> 63);
    uint64_t token = alnum | block[0].underscore | block[0].dash;
    f.token = token & ~(token << 1 | (block[-1].digit | block[-1].letter | block[-1].underscore | block[-1].dash) >> 63);
    f.code = starts & block[0].letter;
    f.number = (starts & block[0].digit) | block[0].plus | block[0].parenthesis;
    f.literal = block[0].underscore;
    f.colon = block[0].colon;
    f.dashes = block[0].dash & ~BEFORE(dash);
    f.at = block[0].at;
    f.assign = block[0].colon | block[0].equals;
    f.word = block[0].w | block[0].enye;
    return f;
}

#undef WIDE
#undef BEFORE
#endif
