// The trigger rules, on masks: 64 positions at a time in a mask, and several masks at a time in a vector. Nothing here branches on the
// text: on prose, a branch that is taken in every third block costs more than all of the rules together.
//
// Included once for each WIDTH, the number of masks in a vector: find_shapes_WIDTH and fire_WIDTH are what it gives.
#include "classes.h"

#define PASTE(name, width) name##_##width
#define OF_WIDTH(name, width) PASTE(name, width)
#define lanes OF_WIDTH(lanes, WIDTH)
#define find_shapes OF_WIDTH(find_shapes, WIDTH)
#define find_numbers OF_WIDTH(find_numbers, WIDTH)
#define find_codes OF_WIDTH(find_codes, WIDTH)
#define find_colons OF_WIDTH(find_colons, WIDTH)
#define fire OF_WIDTH(fire, WIDTH)

/// So many blocks at a time; compilers make of it as many instructions as the set needs.
typedef uint64_t lanes __attribute__((vector_size(8 * WIDTH), aligned(8), may_alias));
#define AT(m, i) (*(const lanes *)&(m)[i])
#define HERE(m) AT(m, i)
#define SET(m) (*(lanes *)&(m)[i])
/// Bit k says what holds n bytes (1–63) to the right of k, or to the left of it.
#define AHEAD(m, n) (AT(m, i) >> (n) | AT(m, i + 1) << (64 - (n)))
#define BEHIND(m, n) (AT(m, i) << (n) | AT(m, i - 1) >> (64 - (n)))
#define BEFORE(m) BEHIND(m, 1)
/// What a loop reads of neighbouring blocks, an earlier loop wrote. The last round may go beyond `count`: there is room, and nobody asks
/// for what it finds there.
#define EACH_BLOCK(count) for (size_t i = 1; i <= (count); i += WIDTH)

INLINE void find_shapes(const classes *c, shapes *s, size_t count) {
    s->alnum[0] = c->letter[0] | c->digit[0];
    s->token[0] = s->alnum[0] | c->underscore[0] | c->dash[0];
    s->day[0] = c->digit[0] | c->digit[0] << 1;
    s->days[0] = s->day[0] | s->day[0] << 2;
    EACH_BLOCK(count) {
        SET(s->alnum) = HERE(c->letter) | HERE(c->digit);
        SET(s->token) = HERE(s->alnum) | HERE(c->underscore) | HERE(c->dash);
        SET(s->day) = HERE(c->digit) | BEFORE(c->digit);
        SET(s->two) = HERE(c->digit) & AHEAD(c->digit, 1);
        SET(s->number) = HERE(c->digit) | (HERE(c->separator) & BEFORE(c->digit) & AHEAD(c->digit, 1));
        SET(s->capitals) = HERE(c->upper) & AHEAD(c->upper, 1);
        SET(s->dashes) = HERE(c->dash) & AHEAD(c->dash, 1);
        SET(s->joint) = HERE(c->separator) & ~HERE(c->dash);
        SET(s->untimed) = ~(HERE(c->colon) & AHEAD(c->digit, 1));
        SET(s->literal) = HERE(c->underscore) & AHEAD(c->digit, 1);
        SET(s->named) = (HERE(c->underscore) & AHEAD(c->upper, 1)) | (HERE(c->colon) & AHEAD(c->digit, 1) & AHEAD(c->colon, 5))
            | (HERE(c->colon) & AHEAD(c->colon, 2));
        SET(s->pair) = HERE(c->colon)
            & (AHEAD(c->colon, 1) | AHEAD(c->colon, 2) | AHEAD(c->colon, 3) | AHEAD(c->colon, 4) | AHEAD(c->colon, 5));
    }
    EACH_BLOCK(count) {
        SET(s->start) = HERE(s->alnum) & ~BEFORE(s->alnum);
        SET(s->other) = ~HERE(s->alnum);
        SET(s->days) = HERE(s->day) | BEHIND(s->day, 2);
        SET(s->tokens) = HERE(s->token) & AHEAD(s->token, 1) & AHEAD(s->token, 2) & AHEAD(s->token, 3);
        SET(s->alnums) = HERE(s->alnum) & AHEAD(s->alnum, 1) & AHEAD(s->alnum, 2) & AHEAD(s->alnum, 3);
        SET(s->numbers) = HERE(s->number) & AHEAD(s->number, 1) & AHEAD(s->number, 2) & AHEAD(s->number, 3);
        SET(s->hexes) = HERE(c->hex) & AHEAD(c->hex, 1) & AHEAD(c->hex, 2) & AHEAD(c->hex, 3);
    }
}

/// Seven bytes of digits and single separators; signs of a telephone number; a year, perhaps the end of a date in words; six digits and a
/// letter, perhaps a French number from Corsica.
INLINE void find_numbers(const classes *c, const shapes *s, fired *f, size_t i) {
    lanes start = HERE(s->start) & HERE(c->digit), sign = HERE(c->sign);
    lanes seven = HERE(s->numbers) & AHEAD(s->numbers, 3);
    // `+12`, `(12`, `+(1`, `(+1`, `+1 2`, `+1 (`, …
    lanes signs = (AHEAD(c->sign, 1) & AHEAD(c->digit, 2))
        | (AHEAD(c->digit, 1) & (AHEAD(c->digit, 2) | AHEAD(c->separator, 2) | AHEAD(c->sign, 2)));
    // … and the seventh digit or one right behind it: not `(12) `, `$149.99`.
    signs &= AHEAD(s->days, 10);
    // … `1 (`, `1(`
    lanes opening = (AHEAD(c->sign, 1) & AHEAD(c->digit, 2)) | (AHEAD(c->separator, 1) & AHEAD(c->sign, 2) & AHEAD(c->digit, 3));
    lanes four = HERE(s->two) & AHEAD(s->two, 2);
    lanes year = four & AHEAD(s->other, 4) & AHEAD(s->untimed, 4);
    // `12-May-86`, `3 mai 85`, `1/2/86`, `12 de septiembre de 85`
    lanes day = BEHIND(s->days, 6) | BEHIND(s->days, 10) | BEHIND(s->days, 14) | BEHIND(s->days, 18);
    lanes word = BEHIND(c->letter, 2) | (BEHIND(c->letter, 3) & BEHIND(c->separator, 2));
    year |= HERE(s->two) & AHEAD(s->other, 2) & word & day;
    // Not a value, not a zone: `=2026`, `+0100`.
    year &= ~BEFORE(c->assign) & ~BEFORE(c->sign);
    year |= AHEAD(c->separator, 1) & AHEAD(c->separator, 3) & AHEAD(s->two, 4);
    lanes corsican = four & AHEAD(s->two, 4) & AHEAD(c->letter, 6);
    SET(f->number) = (start & (seven | opening | year | corsican)) | (sign & signs);
}

INLINE void find_codes(const classes *c, const shapes *s, fired *f, size_t i) {
    lanes start = HERE(s->start), letters = start & HERE(c->letter);
    // A letter, perhaps a separator, six digits.
    lanes code = letters & AHEAD(s->two, 1) & AHEAD(s->two, 3) & AHEAD(s->two, 5);
    code |= letters & AHEAD(c->separator, 1) & AHEAD(s->two, 2) & AHEAD(s->two, 4) & AHEAD(s->two, 6);
    // Two letters, a separator, two digits; two to six letters, two digits.
    letters &= AHEAD(c->letter, 1);
    code |= letters & (AHEAD(s->two, 2) | (AHEAD(c->separator, 2) & AHEAD(s->two, 3) & AHEAD(s->numbers, 3)));
    // Words of three letters and more have eight letters and digits, or separators.
    lanes eight = AHEAD(s->alnums, 4), whole = eight & HERE(s->alnums);
    letters &= AHEAD(c->letter, 2);
    code |= letters & AHEAD(s->two, 3) & whole;
    // `GOD-561231-GR8`, `GODE-561231-GR8`
    code |= letters & AHEAD(c->separator, 3) & AHEAD(s->two, 4) & AHEAD(s->two, 8);
    letters &= AHEAD(c->letter, 3);
    code |= letters & AHEAD(s->two, 4) & whole;
    code |= letters & AHEAD(c->separator, 4) & AHEAD(s->two, 5) & AHEAD(s->two, 9);
    letters &= AHEAD(c->letter, 4);
    code |= letters & AHEAD(s->two, 5) & whole;
    letters &= AHEAD(c->letter, 5);
    code |= letters & AHEAD(s->two, 6);
    // Six capitals and two letters or digits.
    code |= start & HERE(s->capitals) & AHEAD(s->capitals, 2) & AHEAD(s->capitals, 4) & eight;
    // `AB.12C.D34/0001-56`: a Brazilian company; or fourteen letters and digits that end in two digits, the same without separators.
    code |= start & AHEAD(c->separator, 2) & AHEAD(c->separator, 6) & AHEAD(c->separator, 10) & AHEAD(c->digit, 17);
    eight = start & whole;
    // German passports, nine letters and digits or ten; French ones, `19AB12345`.
    code |= eight & HERE(c->letter) & (AHEAD(c->digit, 1) | AHEAD(c->digit, 2)) & (AHEAD(s->other, 9) | AHEAD(s->other, 10));
    code |= eight & HERE(s->two) & AHEAD(c->letter, 2) & AHEAD(c->letter, 3) & AHEAD(s->two, 4) & AHEAD(s->two, 6);
    code |= eight & AHEAD(s->alnums, 8) & AHEAD(s->two, 12) & AHEAD(s->other, 14);
    // `00aa.bb11.2c3d`: a hardware address.
    SET(f->code) = code | (start & HERE(s->hexes) & AHEAD(c->separator, 4) & AHEAD(s->hexes, 5) & AHEAD(s->joint, 9));
    // `identified` and `masterauth`: ten letters, the second and the seventh of them up to f.
    SET(f->mark) = eight & HERE(c->letter) & AHEAD(c->hex, 1) & AHEAD(c->hex, 6) & AHEAD(s->other, 10);
}

/// `::`, or a colon that two others follow, each behind at most four hexadecimal digits.
INLINE void find_colons(const classes *c, shapes *s, fired *f, size_t count) {
    lanes pairs = {0};
    EACH_BLOCK(count) {
        pairs |= HERE(s->pair);
        SET(f->colon) = (lanes){0};
    }
    // So few texts have any that this branch is worth it.
    uint64_t some = 0;
    for (size_t lane = 0; lane < WIDTH; lane++) some |= pairs[lane];
    if (some == 0) return;
#define GAP(target)                                                                                                     \
    lanes gap = AHEAD(c->hex, 1), next = AHEAD(target, 1) | (gap & AHEAD(target, 2));                                 \
    gap &= AHEAD(c->hex, 2), next |= gap & AHEAD(target, 3);                                                             \
    gap &= AHEAD(c->hex, 3), next |= gap & AHEAD(target, 4);                                                             \
    gap &= AHEAD(c->hex, 4), next |= gap & AHEAD(target, 5)
    EACH_BLOCK(count + 1) {
        GAP(c->colon);
        SET(s->chain) = HERE(c->colon) & next;
    }
    EACH_BLOCK(count) {
        GAP(s->chain);
        SET(f->colon) = (HERE(s->chain) & next) | (HERE(c->colon) & AHEAD(c->colon, 1));
    }
#undef GAP
}

/// What fires in blocks 1 to `count`.
INLINE void fire(const classes *c, shapes *s, fired *f, size_t count) {
    find_colons(c, s, f, count);
    // In one loop: rules have much in common, and what one has shifted the next one does not shift again.
    EACH_BLOCK(count) {
        find_numbers(c, s, f, i);
        find_codes(c, s, f, i);
        SET(f->token) = HERE(s->tokens) & AHEAD(s->tokens, 4) & AHEAD(s->tokens, 8) & AHEAD(s->tokens, 12) & ~BEFORE(s->token);
        // Five, or four and a space.
        SET(f->dashes) = HERE(s->dashes) & AHEAD(s->dashes, 2) & AHEAD(c->separator, 4) & ~BEFORE(c->dash);
        // The first sign of an operator. Not a time of day: one or two digits belong to a name.
        SET(f->assign) = HERE(c->assign) & ~BEFORE(c->assign)
            & (~BEHIND(c->digit, 1) | (BEHIND(s->token, 2) & (~BEHIND(c->digit, 2) | BEHIND(s->token, 3))));
        // `-p`, `--user`; the last `$` of `$6$`, `$2y$10$`, `$apr1$`, …
        SET(f->mark) |= (HERE(c->dash) & ~BEFORE(s->token) & (AHEAD(c->letter, 1) | HERE(s->dashes)))
            | (HERE(c->sign) & (BEFORE(c->digit) | BEHIND(c->sign, 2))) | HERE(s->named)
            | (HERE(c->colon) & ((BEFORE(c->letter) & AHEAD(c->digit, 1)) | (BEFORE(s->token) & AHEAD(c->letter, 1))));
        SET(f->rare) = HERE(f->token) | HERE(f->colon) | HERE(f->dashes) | HERE(s->literal) | HERE(c->at) | HERE(c->word)
            | HERE(f->mark);
        SET(f->any) = HERE(f->rare) | HERE(f->number) | HERE(f->code) | HERE(f->assign);
    }
}

#undef AT
#undef HERE
#undef SET
#undef AHEAD
#undef BEHIND
#undef BEFORE
#undef EACH_BLOCK
#undef PASTE
#undef OF_WIDTH
#undef lanes
#undef find_shapes
#undef find_numbers
#undef find_codes
#undef find_colons
#undef fire
#undef WIDTH
