#ifndef AGENTSHIELD_CPREFILTER_H
#define AGENTSHIELD_CPREFILTER_H

#include <stddef.h>
#include <stdint.h>

/// Why a position is worth a recogniser's look; one position may carry several.
enum {
    AGENTSHIELD_RULE_AT = 1 << 0,      ///< `@` between bytes that an address may have there
    AGENTSHIELD_RULE_NUMBER = 1 << 1,  ///< a digit that starts a number, `+` or `(` before a digit
    AGENTSHIELD_RULE_CODE = 1 << 2,    ///< a letter that starts a word (identity codes start with letters)
    AGENTSHIELD_RULE_TOKEN = 1 << 3,   ///< the start of a run of letters, digits, `_` and `-`
    AGENTSHIELD_RULE_COLON = 1 << 4,   ///< `:` with a colon or a hexadecimal digit after it
    AGENTSHIELD_RULE_DASHES = 1 << 5,  ///< the first of five `-`
    AGENTSHIELD_RULE_ASSIGN = 1 << 6,  ///< `=` or `:` that may end the name of a credential
    AGENTSHIELD_RULE_LITERAL = 1 << 7  ///< `_` before a digit: the user may have typed a placeholder
};

/// A position, relative to the start of the tile, and the rules that fired there.
typedef struct {
    uint16_t position;
    uint16_t rules;
} agentshield_trigger;

enum { AGENTSHIELD_TILE = 4096 };

/// Finds the triggers in `bytes[from..<to]`, in order; looks at bytes outside of that range for their surroundings, never outside of
/// `bytes[0..<count]`. At most AGENTSHIELD_TILE bytes at a time (`to - from`); `triggers` has room for as many entries.
/// Returns how many were written.
size_t agentshield_find_triggers(const uint8_t *bytes, size_t count, size_t from, size_t to, agentshield_trigger *triggers);

#endif
