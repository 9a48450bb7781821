#ifndef AGENTSHIELD_CPREFILTER_H
#define AGENTSHIELD_CPREFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Why a position is worth a recogniser's look; one position may carry several. Numbers, codes and colons that nothing can come of, by the
/// 64 bytes from them on, are left out.
enum {
    AGENTSHIELD_RULE_AT = 1 << 0,      ///< `@`
    AGENTSHIELD_RULE_NUMBER = 1 << 1,  ///< a number starts: seven bytes of digits and single separators; signs of a telephone number; a year
    AGENTSHIELD_RULE_CODE = 1 << 2,    ///< a word starts as identity codes do: letters, then digits; eight capitals and digits
    AGENTSHIELD_RULE_TOKEN = 1 << 3,   ///< a run of 16 or more letters, digits, `_` and `-` starts
    AGENTSHIELD_RULE_COLON = 1 << 4,   ///< `::`, or the first of three `:` with at most four hexadecimal digits between them
    AGENTSHIELD_RULE_DASHES = 1 << 5,  ///< the first of five `-`, or of four and a space
    AGENTSHIELD_RULE_ASSIGN = 1 << 6,  ///< `=`, `>` or `:` behind the end of a credential's name
    AGENTSHIELD_RULE_LITERAL = 1 << 7, ///< `_` before a digit: the user may have typed a placeholder
    AGENTSHIELD_RULE_WORD = 1 << 8,    ///< the first `s` of `pass`, as in password; the second byte of `ñ`, as in contraseña
    AGENTSHIELD_RULE_WEAK = 1 << 9,    ///< with a number: without a context word it is hardly a telephone's, and never anything else
    AGENTSHIELD_RULE_VERSION = 1 << 10, ///< with a number: like `126.0.0.0`, an IPv4 address or nothing
    AGENTSHIELD_RULE_YEAR = 1 << 11,   ///< a year, perhaps the end of a date in words; without AGENTSHIELD_RULE_NUMBER it is nothing else
    AGENTSHIELD_RULE_MARK = 1 << 12    ///< what else stands near a password: `-` or `--` of a command's option, `$` in a hash of one, the `i` of
                                       ///< `identified by`, the `m` of `masterauth`, `_` in `_KEY',`, `:` before a port in a `.pgpass` file or behind the
                                       ///< user in `echo ana:secret | chpasswd`
};

/// A position, relative to the start of the tile, and the rules that fired there.
typedef struct {
    uint16_t position;
    uint16_t rules;
} agentshield_trigger;

/// How bytes are classified; every set gives the same triggers.
typedef enum {
    AGENTSHIELD_PORTABLE = 0,  ///< a table, byte by byte
    AGENTSHIELD_SSE2 = 1,
    AGENTSHIELD_AVX2 = 2,
    AGENTSHIELD_AVX512 = 3,  ///< with BW, VBMI2 and GFNI: Ice Lake, Zen 4 and later; what came before takes AVX2
    AGENTSHIELD_NEON = 4
} agentshield_instruction_set;

/// The fastest set that this processor and this build have.
agentshield_instruction_set agentshield_best_instruction_set(void);

/// Whether this processor and this build have `set`.
int agentshield_has_instruction_set(agentshield_instruction_set set);

enum { AGENTSHIELD_TILE = 4096 };

/// Finds the triggers in `bytes[from..<to]`, in order; looks at bytes outside of that range for their surroundings, never outside of
/// `bytes[0..<count]`. At most AGENTSHIELD_TILE bytes at a time (`to - from`); `triggers` has room for as many entries.
/// Returns how many were written.
///
/// `goes_on`: more bytes follow `bytes[count - 1]` that have not come yet. Rules then fire wherever they may, whatever those bytes are: all
/// triggers that the whole text has here are among those that are written.
size_t agentshield_find_triggers(
    agentshield_instruction_set set, const uint8_t *bytes, size_t count, size_t from, size_t to, bool goes_on,
    agentshield_trigger *triggers);

/// Where context words may start in `bytes[from..<to]`, 64 bytes at most: bit k is the byte at `from + k`. Looks at bytes outside of that
/// range too, never outside of `bytes[0..<count]`. `>` and `*`, which end what stands for a finding, count too.
///
/// `beginnings`: by the lower five bits of a listed word's first two bytes (1024 entries), a bit for those of its third one; and behind those what
/// agentshield_group_beginnings writes.
uint64_t agentshield_find_words(
    agentshield_instruction_set set, const uint8_t *bytes, size_t count, size_t from, size_t to, const uint32_t *beginnings);

enum { AGENTSHIELD_BEGINNINGS = 1024 + 24 };

/// Completes a table of AGENTSHIELD_BEGINNINGS entries, the first 1024 of which are there.
void agentshield_group_beginnings(uint32_t *beginnings);

#endif
