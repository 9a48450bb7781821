// What fired in a tile, position by position, without what a second look leaves out.
#ifndef AGENTSHIELD_COLLECT_H
#define AGENTSHIELD_COLLECT_H

#include <string.h>

#include "endings.h"
#include "names.h"
#include "narrow.h"

/// The positions that are asked for, and the text around them.
typedef struct {
    const uint8_t *bytes;
    size_t known;     ///< bytes of it are there
    size_t origin;    ///< where block 1 starts
    size_t from, to;  ///< what is asked for
    bool goes_on;
} tile;

/// Takes the positions that are not asked for out of the first and the last block.
INLINE void keep_asked(mask m, size_t blocks, const tile *t) {
    m[1] &= ~0ull << (t->from - t->origin);
    size_t last = t->to - t->origin - 64 * (blocks - 1);
    if (last < 64) m[blocks] &= (1ull << last) - 1;
}

/// Places of bits in the masks of a tile: 64 times the block, and the bit. There is room for those that are written beyond the last one.
typedef uint16_t places[AGENTSHIELD_TILE + 4];

/// Appends where bits of a block are set. Four at a time: how many there are is hard to guess.
INLINE size_t append_places(uint64_t bits, size_t block, places found, size_t count) {
    size_t end = count + (size_t)__builtin_popcountll(bits);
    for (; count < end; count += 4)
        for (size_t k = 0; k < 4; k++) {
            found[count + k] = (uint16_t)(64 * block + (size_t)__builtin_ctzll(bits | 1ull << 63));
            bits &= bits - 1;
        }
    return end;
}

/// Which of blocks 1 to `blocks`, 64 at most, have bits.
INLINE uint64_t filled_blocks(const mask m, size_t blocks) {
    uint64_t filled = 0;
    for (size_t block = 1; block <= blocks; block++) filled |= (uint64_t)(m[block] != 0) << (block - 1);
    return filled;
}

/// How an instruction set finds the endings of names in 64 bytes; it looks at the three bytes before them too.
typedef name_classes name_classifier(const uint8_t *);

/// A block and the three bytes before it are in the text.
INLINE int is_inside(size_t block, const tile *t) {
    ptrdiff_t start = (ptrdiff_t)(t->origin + 64 * block) - 64;
    return start >= 3 && (size_t)start + 64 <= t->known;
}

/// Leaves those assignment signs that stand behind a credential's name. Without a classifier, in blocks with fewer than `least` of them and at the
/// text's ends, each is looked at.
INLINE void keep_named(
    const classes *c, mask assign, uint64_t filled, const tile *t, name_classifier *names, int least, places found) {
    size_t count = 0, known = SIZE_MAX;
    name_classes last = {0, 0};
    for (; filled != 0; filled &= filled - 1) {
        size_t block = (size_t)__builtin_ctzll(filled) + 1;
        if (assign[block] == 0) continue;
        if (names != 0 && __builtin_popcountll(assign[block]) >= least && is_inside(block - 1, t) && is_inside(block, t)) {
            const uint8_t *here = t->bytes + t->origin + 64 * block - 64;
            name_classes before = known == block - 1 ? last : names(here - 64);
            last = names(here);
            known = block;
            assign[block] &= behind_names(c, block, before, last);
        }
        count = append_places(assign[block], block, found, count);
    }
    for (size_t k = 0; k < count; k++) {
        size_t place = found[k], position = t->origin + place - 64;
        if (!names_credential(c, place, t->bytes, position)) assign[place >> 6] ^= 1ull << (place & 63);
    }
}

/// Writes what fired, in order; how much that is.
INLINE size_t collect(
    const classes *c, const shapes *s, fired *f, size_t blocks, const tile *t, name_classifier *names, int least, agentshield_trigger *triggers) {
    places found;
    keep_asked(f->any, blocks, t);
    keep_asked(f->assign, blocks, t);
    uint64_t filled = filled_blocks(f->any, blocks);
    keep_named(c, f->assign, filled, t, names, least, found);
    size_t count = 0, written = 0;
    for (; filled != 0; filled &= filled - 1) {
        size_t block = (size_t)__builtin_ctzll(filled) + 1;
        uint64_t others = f->number[block] | f->code[block] | f->rare[block];
        count = append_places(f->assign[block] | (others & f->any[block]), block, found, count);
    }
    for (size_t k = 0; k < count; k++) {
        size_t place = found[k], block = place >> 6, position = t->origin + place - 64;
#define BIT(mask, rule) ((uint16_t)(((mask)[block] >> (place & 63) & 1) * (rule)))
        uint16_t rules = BIT(f->number, AGENTSHIELD_RULE_NUMBER) | BIT(f->code, AGENTSHIELD_RULE_CODE) | BIT(f->assign, AGENTSHIELD_RULE_ASSIGN);
        if (f->rare[block] >> (place & 63) & 1)
            rules |= BIT(c->at, AGENTSHIELD_RULE_AT) | BIT(f->token, AGENTSHIELD_RULE_TOKEN) | BIT(f->colon, AGENTSHIELD_RULE_COLON)
                | BIT(f->dashes, AGENTSHIELD_RULE_DASHES) | BIT(s->literal, AGENTSHIELD_RULE_LITERAL) | BIT(c->word, AGENTSHIELD_RULE_WORD)
                | BIT(f->mark, AGENTSHIELD_RULE_MARK);
#undef BIT
        const uint16_t narrowing = AGENTSHIELD_RULE_NUMBER | AGENTSHIELD_RULE_CODE | AGENTSHIELD_RULE_COLON | AGENTSHIELD_RULE_WORD
            | AGENTSHIELD_RULE_MARK;
        if ((rules & narrowing) && (!t->goes_on || t->known - position >= SEEN)) {
            view v = {c, s, place, t->bytes + position, t->known - position, position};
            rules = narrowed(rules, &v, position > 0 ? v.bytes[-1] : 0);
        }
        triggers[written] = (agentshield_trigger){(uint16_t)(position - t->from), rules};
        written += rules != 0;
    }
    return written;
}

#endif
