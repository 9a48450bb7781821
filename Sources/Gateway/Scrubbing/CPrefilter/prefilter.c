#include "CPrefilter.h"
#include "classes.h"
#include "classify_neon.h"
#include "classify_x86.h"
#include "rules.h"

#include <string.h>

static void classify_portable(const uint8_t *p, masks *m) {
    memset(m, 0, sizeof *m);
    for (int i = 0; i < 64; i++) {
        uint64_t bit = 1ull << i;
        uint8_t b = p[i];
        if ((uint8_t)(b - '0') < 10) m->digit |= bit, m->hex |= bit;
        if ((uint8_t)((b | 0x20) - 'a') < 26) m->letter |= bit;
        if ((uint8_t)((b | 0x20) - 'a') < 6) m->hex |= bit;
        if ((uint8_t)(b - 'A') < 26) m->upper |= bit;
        switch (b) {
        case '@': m->at |= bit; break;
        case ':': m->colon |= bit; break;
        case '=': case '>': m->equals |= bit; break;
        case '_': m->underscore |= bit; break;
        case '-': m->dash |= bit, m->separator |= bit; break;
        case '+': case '(': m->sign |= bit; break;
        case ' ': case '.': case '/': m->separator |= bit; break;
        case 's': m->s |= bit; break;
        case 'w': m->w |= bit; break;
        case 0xB1: m->enye |= bit; break;
        default: break;
        }
    }
}

/// The three letters before `end`, in lower case, are the end of a credential's name: password, passwd, pwd, pass, secret, token, key,
/// clave, contraseña, credential(s), auth, authorization, passphrase, senha, pin, cookie.
static int ends_name(const uint8_t *bytes, size_t end) {
    if (end < 3) return 0;
    uint32_t last = (uint32_t)(bytes[end - 3] | 0x20) << 16 | (uint32_t)(bytes[end - 2] | 0x20) << 8 | (uint32_t)(bytes[end - 1] | 0x20);
#define END(a, b, c) ((uint32_t)(a) << 16 | (uint32_t)(b) << 8 | (uint32_t)(c))
    switch (last) {
    case END('o', 'r', 'd'): case END('s', 'w', 'd'): case END('p', 'w', 'd'): case END('a', 's', 's'): case END('r', 'e', 't'):
    case END('k', 'e', 'n'): case END('k', 'e', 'y'): case END('a', 'v', 'e'): case END('i', 'a', 'l'): case END('a', 'l', 's'):
    case END('u', 't', 'h'): case END('a', 's', 'e'): case END('p', 'i', 'n'): case END(0xE3, 0xB1, 'a'): case END('s', 'n', 'a'):
    case END('p', 's', 'w'): case END('r', 'd', 's'): case END('n', 'i', 'a'): case END('e', 'n', 'a'): case END('n', 'h', 'a'):
    case END('o', 'r', 't'): case END('i', 'o', 'n'): case END('e', 'd', 's'): case END('c', 'o', 'd'): case END('e', 't', 's'):
    case END('e', 'n', 's'): case END('e', 'y', 's'): case END('s', 'i', 'g'): case END('p', 'a', 't'):
    case END('s', 's', 'e'): case END('o', 'd', 'e'):
        return 1;
    default:
        return 0;
    }
#undef END
}

static int is_letter(uint8_t b) { return (uint8_t)((b | 0x20) - 'a') < 26; }

/// A credential's name stands before an assignment sign: quotes, a bracket, a space and the first half of an operator (`?=`, `+=`) are
/// skipped, then digits (`password2`), then, if there is no name yet, one word of up to 12 letters (`password_hash`, `secretValue`).
static int names_credential(const uint8_t *bytes, size_t position) {
    size_t i = position;
    for (int skipped = 0; skipped < 4 && i > 0; skipped++) {
        uint8_t b = bytes[i - 1];
        if (b != ' ' && b != '"' && b != '\'' && b != '\\' && b != '`' && b != '?' && b != ']' && b != '.' && b != '+' && b != '|') break;
        i--;
    }
    for (int skipped = 0; skipped < 4 && i > 0 && ((uint8_t)(bytes[i - 1] - '0') < 10 || bytes[i - 1] == '_'); skipped++) i--;
    if (ends_name(bytes, i)) return 1;
    for (int letters = 0; letters < 12 && i > 0; letters++) {
        uint8_t b = bytes[i - 1];
        if (b == '_' || b == '-' || b == '.') return letters > 0 && ends_name(bytes, i - 1);
        if (!is_letter(b)) return 0;
        i--;
        if ((uint8_t)(b - 'A') < 26 && i > 0 && (uint8_t)(bytes[i - 1] - 'a') < 26) return ends_name(bytes, i);
    }
    return 0;
}

/// Writes what fired in a block at the positions `any`, in order.
static __attribute__((noinline)) size_t collect(
    const fired *f, uint64_t any, const uint8_t *bytes, size_t from, size_t offset, agentshield_trigger *triggers, size_t written) {
    do {
        int i = __builtin_ctzll(any);
        any &= any - 1;
#define BIT(field, rule) ((uint16_t)((f->field >> i & 1) * (rule)))
        uint16_t rules = BIT(at, AGENTSHIELD_RULE_AT) | BIT(number, AGENTSHIELD_RULE_NUMBER) | BIT(code, AGENTSHIELD_RULE_CODE)
            | BIT(token, AGENTSHIELD_RULE_TOKEN) | BIT(colon, AGENTSHIELD_RULE_COLON) | BIT(dashes, AGENTSHIELD_RULE_DASHES)
            | BIT(assign, AGENTSHIELD_RULE_ASSIGN) | BIT(literal, AGENTSHIELD_RULE_LITERAL) | BIT(word, AGENTSHIELD_RULE_WORD);
#undef BIT
        if (rules & AGENTSHIELD_RULE_ASSIGN && !names_credential(bytes, from + offset + (size_t)i)) {
            rules &= (uint16_t)~AGENTSHIELD_RULE_ASSIGN;
            if (rules == 0) continue;
        }
        triggers[written++] = (agentshield_trigger){(uint16_t)(offset + (size_t)i), rules};
    } while (any != 0);
    return written;
}

/// The block that starts at `start`, which may lie partly or wholly outside of the text: zeros stand there.
#define CLASSIFY_AT(classify, start, out)                                                                     \
    do {                                                                                                      \
        ptrdiff_t at = (start);                                                                               \
        if (at >= 0 && (size_t)at + 64 <= count) {                                                            \
            classify(bytes + at, (out));                                                                      \
        } else {                                                                                              \
            uint8_t padded[64] = {0};                                                                         \
            for (ptrdiff_t k = 0; k < 64; k++)                                                                \
                if (at + k >= 0 && (size_t)(at + k) < count) padded[k] = bytes[at + k];                       \
            classify(padded, (out));                                                                          \
        }                                                                                                     \
    } while (0)

/// A tile with one classifier: masks first, rules behind them, three blocks in hand.
#define TILE(name, classify, attributes)                                                                                        \
    static attributes size_t name(                                                                                              \
        const uint8_t *bytes, size_t count, size_t from, size_t to, size_t loose_from, agentshield_trigger *triggers) {         \
        masks memory[3];                                                                                                        \
        masks *last = &memory[0], *here = &memory[1], *next = &memory[2];                                                       \
        size_t written = 0;                                                                                                     \
        if (from == 0) memset(last, 0, sizeof *last);                                                                           \
        else CLASSIFY_AT(classify, (ptrdiff_t)from - 64, last);                                                                 \
        CLASSIFY_AT(classify, (ptrdiff_t)from, here);                                                                           \
        for (size_t start = from; start < to; start += 64) {                                                                    \
            CLASSIFY_AT(classify, (ptrdiff_t)start + 64, next);                                                                 \
            view block = {last, here, next};                                                                                    \
            fired f = start + 64 > loose_from ? fire_loosely(block) : fire(block);                                              \
            uint64_t any = f.at | f.number | f.code | f.token | f.colon | f.dashes | f.assign | f.literal | f.word;             \
            if (to - start < 64) any &= (1ull << (to - start)) - 1;                                                             \
            if (any != 0) written = collect(&f, any, bytes, from, start - from, triggers, written);                             \
            masks *free = last;                                                                                                 \
            last = here, here = next, next = free;                                                                              \
        }                                                                                                                       \
        return written;                                                                                                         \
    }

TILE(tile_portable, classify_portable, )
#ifdef __x86_64__
TILE(tile_sse2, classify_sse2, __attribute__((target("sse2"))))
TILE(tile_avx2, classify_avx2, __attribute__((target("avx2,bmi,bmi2,popcnt"))))
TILE(tile_avx512, classify_avx512, __attribute__((target("avx512f,avx512bw,bmi,bmi2,popcnt"))))
#endif
#ifdef __aarch64__
TILE(tile_neon, classify_neon, )
#endif

int agentshield_has_instruction_set(agentshield_instruction_set set) {
    switch (set) {
    case AGENTSHIELD_PORTABLE: return 1;
#ifdef __x86_64__
    case AGENTSHIELD_SSE2: return 1;
    case AGENTSHIELD_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    case AGENTSHIELD_AVX512: return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2");
#endif
#ifdef __aarch64__
    case AGENTSHIELD_NEON: return 1;
#endif
    default: return 0;
    }
}

agentshield_instruction_set agentshield_best_instruction_set(void) {
    static const agentshield_instruction_set order[] = {AGENTSHIELD_AVX512, AGENTSHIELD_AVX2, AGENTSHIELD_NEON, AGENTSHIELD_SSE2};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (agentshield_has_instruction_set(order[i])) return order[i];
    return AGENTSHIELD_PORTABLE;
}

size_t agentshield_find_triggers(
    agentshield_instruction_set set, const uint8_t *bytes, size_t count, size_t from, size_t to, size_t loose_from,
    agentshield_trigger *triggers) {
    switch (set) {
#ifdef __x86_64__
    case AGENTSHIELD_SSE2: return tile_sse2(bytes, count, from, to, loose_from, triggers);
    case AGENTSHIELD_AVX2: return tile_avx2(bytes, count, from, to, loose_from, triggers);
    case AGENTSHIELD_AVX512: return tile_avx512(bytes, count, from, to, loose_from, triggers);
#endif
#ifdef __aarch64__
    case AGENTSHIELD_NEON: return tile_neon(bytes, count, from, to, loose_from, triggers);
#endif
    default: return tile_portable(bytes, count, from, to, loose_from, triggers);
    }
}
