#include "CPrefilter.h"

static inline int is_digit(uint8_t b) { return (uint8_t)(b - '0') < 10; }
static inline int is_letter(uint8_t b) { return (uint8_t)((b | 0x20) - 'a') < 26; }
static inline int is_alnum(uint8_t b) { return is_digit(b) || is_letter(b); }
static inline int is_hex(uint8_t b) { return is_digit(b) || (uint8_t)((b | 0x20) - 'a') < 6; }
static inline int is_token(uint8_t b) { return is_alnum(b) || b == '_' || b == '-'; }

static uint16_t rules_at(const uint8_t *bytes, size_t count, size_t i) {
    uint8_t byte = bytes[i];
    uint8_t before = i > 0 ? bytes[i - 1] : 0;
    uint8_t after = i + 1 < count ? bytes[i + 1] : 0;
    uint16_t rules = 0;
    if (is_digit(byte) && !is_alnum(before)) rules |= AGENTSHIELD_RULE_NUMBER;
    if (is_letter(byte) && !is_alnum(before)) rules |= AGENTSHIELD_RULE_CODE;
    if (is_token(byte) && !is_token(before)) rules |= AGENTSHIELD_RULE_TOKEN;
    switch (byte) {
    case '@': rules |= AGENTSHIELD_RULE_AT; break;
    case '+': case '(': if (is_digit(after) || after == '(') rules |= AGENTSHIELD_RULE_NUMBER; break;
    case ':': rules |= AGENTSHIELD_RULE_ASSIGN; if (after == ':' || is_hex(after)) rules |= AGENTSHIELD_RULE_COLON; break;
    case '=': rules |= AGENTSHIELD_RULE_ASSIGN; break;
    case '-': if (before != '-') rules |= AGENTSHIELD_RULE_DASHES; break;
    case '_': if (is_digit(after)) rules |= AGENTSHIELD_RULE_LITERAL; break;
    default: break;
    }
    return rules;
}

size_t agentshield_find_triggers(const uint8_t *bytes, size_t count, size_t from, size_t to, agentshield_trigger *triggers) {
    size_t written = 0;
    for (size_t i = from; i < to; i++) {
        uint16_t rules = rules_at(bytes, count, i);
        if (rules != 0) triggers[written++] = (agentshield_trigger){(uint16_t)(i - from), rules};
    }
    return written;
}
