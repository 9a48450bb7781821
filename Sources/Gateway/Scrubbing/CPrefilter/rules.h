// The trigger rules, on masks. Everything is bit-parallel: 64 positions at a time.
#ifndef AGENTSHIELD_RULES_H
#define AGENTSHIELD_RULES_H

#include "CPrefilter.h"
#include "classes.h"

/// Two neighbouring words, the first one lowest, so that a position sees up to 64 bytes to its right. One integer, not a pair: with vector
/// registers at hand, compilers turn pairs into vectors, one lane at a time, and the rules take several times as long.
typedef unsigned __int128 wide;

INLINE wide join(uint64_t low, uint64_t high) { return (wide)high << 64 | low; }

/// The mask moved by `n` (1–63): bit i says what holds n bytes to the right of i.
INLINE wide ahead(wide m, int n) { return m >> n; }

/// Positions where a run of at least 2, 4, … bytes of the class starts or goes on.
INLINE wide run2(wide m) { return m & ahead(m, 1); }
INLINE wide run4(wide m) { wide r = run2(m); return r & ahead(r, 2); }
INLINE wide run6(wide m) { wide r = run2(m); return r & ahead(r, 2) & ahead(r, 4); }
INLINE wide run7(wide m) { wide r = run4(m); return r & ahead(r, 3); }
INLINE wide run8(wide m) { wide r = run4(m); return r & ahead(r, 4); }
INLINE wide run16(wide m) { wide r = run8(m); return r & ahead(r, 8); }

/// A block between its neighbours.
typedef struct {
    const masks *last, *here, *next;
} view;

#define LAST(field) scalar(block.last->field)
#define HERE(field) scalar(block.here->field)
#define NEXT(field) scalar(block.next->field)
#define WIDE(field) join(HERE(field), NEXT(field))
/// Bit i says what holds one byte to the left of i.
#define BEFORE(field) (HERE(field) << 1 | LAST(field) >> 63)

/// What fired in one block, a mask per rule in the order of the rules' bits.
typedef struct {
    uint64_t at, number, code, token, colon, dashes, assign, literal, word;
} fired;

INLINE uint64_t token_rule(view block, uint64_t alnum) {
    uint64_t low = alnum | HERE(underscore) | HERE(dash);
    wide token = join(low, NEXT(digit) | NEXT(letter) | NEXT(underscore) | NEXT(dash));
    uint64_t before = low << 1 | (LAST(digit) | LAST(letter) | LAST(underscore) | LAST(dash)) >> 63;
    return run16(token) & ~before;
}

INLINE uint64_t number_rule(view block, uint64_t starts) {
    wide digit = WIDE(digit), separator = WIDE(separator), letter = WIDE(letter);
    // Digits, and separators that stand between two of them.
    wide between = separator & (digit << 1 | LAST(digit) >> 63) & ahead(digit, 1);
    wide two = run2(digit), four = two & ahead(two, 2);
    uint64_t number = starts & run7(digit | between);
    if ((HERE(sign) | NEXT(sign)) != 0) {
        // `+12`, `(12`, `+(1`, `(+1`, `+1 2`, `+1 (`, `1 (`, `1(`
        wide sign = WIDE(sign);
        number |= sign & ahead(two | (sign & ahead(digit, 1)) | (digit & ahead(separator | sign, 1)), 1);
        wide opening = sign & ahead(digit, 1);
        number |= starts & ahead(opening | (separator & ahead(opening, 1)), 1);
    }
    // A year, perhaps the end of a date in words; six digits and a letter, perhaps a French number from Corsica.
    number |= starts & BEFORE(separator) & four & ~ahead(digit | letter, 4);
    number |= starts & four & ahead(two, 4) & ahead(letter, 6);
    return number;
}

/// Letters, then digits: the first digit stands at most seven bytes behind the start.
INLINE uint64_t letters_and_digits(view block, uint64_t possible) {
    wide digit = WIDE(digit), letter = WIDE(letter), separator = WIDE(separator);
    wide two = run2(digit), six = two & ahead(two, 2) & ahead(two, 4);
    uint64_t code = possible & (ahead(six, 1) | (ahead(separator, 1) & ahead(six, 2)));
    uint64_t letters = possible & ahead(letter, 1);
    code |= letters & (ahead(two, 2) | (ahead(separator, 2) & ahead(two, 3)));
    for (int n = 2; n <= 5 && letters != 0; n++) {
        letters &= ahead(letter, n);
        code |= letters & ahead(two, n + 1);
    }
    return code;
}

INLINE uint64_t code_rule(view block, uint64_t starts) {
    wide separator = WIDE(separator), upper = WIDE(upper);
    uint64_t possible = starts & HERE(letter), code = 0;
    if ((HERE(digit) | (NEXT(digit) & 0xFF)) != 0) code = letters_and_digits(block, possible);
    // `00aa.bb11.2c3d`: a hardware address; `AB.12C.D34/0001-56`: a Brazilian company.
    uint64_t fifth = starts & ahead(separator, 4) & ahead(separator, 9);
    if (fifth != 0) {
        wide four = run4(WIDE(hex));
        code |= fifth & four & ahead(four, 5) & ahead(four, 10);
    }
    uint64_t third = starts & ahead(separator, 2) & ahead(separator, 6);
    if (third != 0) code |= third & ahead(separator, 10) & ahead(separator, 15) & ahead(WIDE(digit), 17);
    // Fourteen letters and digits that end in two digits: the same without separators.
    wide alnum = WIDE(digit) | WIDE(letter);
    uint64_t ends = starts & ahead(WIDE(digit), 12) & ahead(WIDE(digit), 13) & ~ahead(alnum, 14);
    if (ends != 0) {
        wide seven = run7(alnum);
        code |= ends & seven & ahead(seven, 7);
    }
    uint64_t capitals = possible & run2(upper);
    if (capitals != 0) code |= capitals & run6(upper) & ahead(run2(upper | WIDE(digit)), 6);
    return code;
}

INLINE uint64_t colon_rule(view block) {
    wide colon = WIDE(colon), hex = WIDE(hex);
    // A colon with another one behind up to four hexadecimal digits, …
    wide next = 0, gap = ~(wide)0;
    for (int n = 1; n <= 5; n++) {
        next |= gap & ahead(colon, n);
        gap &= ahead(hex, n);
    }
    wide reach = colon & next;
    // … which has a third.
    wide third = 0;
    gap = ~(wide)0;
    for (int n = 1; n <= 5; n++) {
        third |= gap & ahead(reach, n);
        gap &= ahead(hex, n);
    }
    return (reach & third) | (colon & ahead(colon, 1));
}

INLINE fired fire(view block) {
    fired f = {0};
    uint64_t alnum = HERE(digit) | HERE(letter);
    uint64_t starts = alnum & ~(alnum << 1 | (LAST(digit) | LAST(letter)) >> 63);
    f.token = token_rule(block, alnum);
    f.code = code_rule(block, starts);
    // Every shape of a number has four digits, or a sign before its first or second digit.
    uint64_t signs = HERE(sign) | (NEXT(sign) & 7);
    if ((HERE(digit) | HERE(sign)) != 0
        && (signs != 0 || __builtin_popcountll(HERE(digit)) + __builtin_popcountll(NEXT(digit) & 0x3FF) >= 4))
        f.number = number_rule(block, starts & HERE(digit));
    if (HERE(underscore) != 0) {
        f.literal = HERE(underscore) & ahead(WIDE(digit), 1);
    }
    if (HERE(colon) != 0) f.colon = colon_rule(block);
    if (HERE(dash) != 0) {
        wide dash = WIDE(dash);
        f.dashes = run4(dash) & ahead(dash, 4) & ~BEFORE(dash);
    }
    f.at = HERE(at);
    f.assign = HERE(colon) | HERE(equals);
    f.word = HERE(w) & BEFORE(s) & (HERE(s) << 2 | LAST(s) >> 62);
    f.word |= HERE(enye) & (HERE(letter) << 2 | LAST(letter) >> 62);
    return f;
}

/// Every place where a rule may yet fire when more bytes come.
INLINE fired fire_loosely(view block) {
    fired f = {0};
    uint64_t alnum = HERE(digit) | HERE(letter);
    uint64_t starts = alnum & ~(alnum << 1 | (LAST(digit) | LAST(letter)) >> 63);
    uint64_t token = alnum | HERE(underscore) | HERE(dash);
    f.token = token & ~(token << 1 | (LAST(digit) | LAST(letter) | LAST(underscore) | LAST(dash)) >> 63);
    f.code = starts & HERE(letter);
    f.number = (starts & HERE(digit)) | HERE(sign);
    f.literal = HERE(underscore);
    f.colon = HERE(colon);
    f.dashes = HERE(dash) & ~BEFORE(dash);
    f.at = HERE(at);
    f.assign = HERE(colon) | HERE(equals);
    f.word = HERE(w) | HERE(enye);
    return f;
}

#undef LAST
#undef HERE
#undef NEXT
#undef WIDE
#undef BEFORE
#endif
