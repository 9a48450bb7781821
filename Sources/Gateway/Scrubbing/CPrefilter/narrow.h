// A second look at what fired: the shape around a trigger says of most numbers, codes and colons in logs and source code that no recogniser
// can make anything of them. This costs a few instructions on masks that are there already; a recogniser's look costs a hundred.
//
// Only for a trigger with SEEN known bytes from it on. What stands before it rules nothing out that a boundary would not: a finding may end
// there, and that is one.
#ifndef AGENTSHIELD_NARROW_H
#define AGENTSHIELD_NARROW_H

#include "classes.h"

/// So many bytes from a trigger on are in a view.
enum { SEEN = 64 };

/// The text from a trigger on; bit k of a mask is the byte k places behind it.
typedef struct {
    const classes *c;
    const shapes *s;
    size_t bit;            ///< the trigger's place in the masks: 64 times its block, and its bit
    const uint8_t *bytes;  ///< what stands there; there may be less than SEEN bytes
    size_t count;
    size_t left;           ///< how much of the text stands before
} view;

INLINE uint64_t seen(const mask m, size_t bit) {
    size_t block = bit >> 6, shift = bit & 63;
    return m[block] >> shift | m[block + 1] << 1 << (63 - shift);
}

INLINE uint8_t byte_at(const view *v, size_t place) { return place < v->count ? v->bytes[place] : 0; }

/// The lowest `count` bits (0 to 63).
INLINE uint64_t lowest(int count) { return (1ull << count) - 1; }

/// How many of the lowest bits are set in a row.
INLINE int run_length(uint64_t bits) { return bits == ~0ull ? 64 : __builtin_ctzll(~bits); }

/// Digits in groups with single separators between them.
typedef struct {
    int length;           ///< from the first digit to behind the last one
    uint64_t separators;  ///< between the groups
    uint8_t next;         ///< what follows
} groups;

/// Longer ones are not narrowed.
enum { LONGEST_NUMBER = 31 };

INLINE groups groups_at(const view *v, size_t place) {
    groups g = {.length = run_length(seen(v->s->number, v->bit + place))};
    if (g.length > LONGEST_NUMBER) return g;
    g.separators = ~seen(v->c->digit, v->bit + place) & lowest(g.length);
    g.next = byte_at(v, place + (size_t)g.length);
    return g;
}

/// A telephone number behind `+` or `(`: one that starts with 0 has no country, and one in parentheses must have them closed.
INLINE int may_be_signed_number(const view *v) {
    uint8_t first = byte_at(v, 1);
    if (!is_digit(first)) return 1;
    groups g = groups_at(v, 1);
    if (g.length > LONGEST_NUMBER) return 1;
    if (v->bytes[0] == '(') {
        size_t behind = (size_t)g.length + 2;
        return g.next == ')' && (is_digit(byte_at(v, behind)) || (is_separator(byte_at(v, behind)) && is_digit(byte_at(v, behind + 1))));
    }
    int digits = g.length - __builtin_popcountll(g.separators);
    return first != '0' && (digits >= 8 || g.next == '(' || (is_separator(g.next) && byte_at(v, (size_t)g.length + 2) == '('));
}

/// The last two letters of the names of months and of their short forms, of `de`, `del`, `of` and ordinals: by the last but one, the last ones.
static const char *const month_ends[26] = {
    ['a' - 'a'] = "giynr", ['b' - 'a'] = "r", ['c' - 'a'] = "hto", ['d' - 'a'] = "e", ['e' - 'a'] = "bclnprtz", ['g' - 'a'] = "o",
    ['h' - 'a'] = "o", ['i' - 'a'] = "cglnoru", ['k' - 'a'] = "t", ['l' - 'a'] = "eioy", ['n' - 'a'] = "deioyv", ['o' - 'a'] = "fvl",
    ['p' - 'a'] = "rt", ['r' - 'a'] = "cdelosyz", ['s' - 'a'] = "t", ['t' - 'a'] = "hot", ['u' - 'a'] = "gilnt", ['v' - 'a'] = "r",
    ['y' - 'a'] = "o", ['z' - 'a'] = "o",
};

INLINE int is_month_joint(uint8_t b) { return b == ' ' || b == ',' || (uint8_t)(b - '-') < 3; }

/// One or two digits, and a word a sign or two before them, end at `end`: a day behind a month, and no date in figures. `left` bytes are there.
INLINE int is_day_behind_word(const uint8_t *end, size_t left) {
    size_t digits = 1 + (left > 1 && is_digit(end[-2])), count = digits;
    while (count < digits + 2 && count < left && is_month_joint(end[-1 - (ptrdiff_t)count])) count++;
    if (count == digits || count >= left) return 0;
    uint8_t last = end[-1 - (ptrdiff_t)count];
    return is_letter(last) || last >= 0x80;
}

/// A day, the name of a month or what may stand between them ends before a year and a sign or two: `left` bytes are there.
INLINE int follows_month(const uint8_t *year, size_t left) {
    if (left < 4 || !is_month_joint(year[-1])) return 0;
    const uint8_t *end = is_month_joint(year[-2]) ? year - 2 : year - 1;
    if (is_digit(end[-1])) return is_day_behind_word(end, left - (size_t)(year - end));
    if (end[-1] >= 0x80 || end[-2] >= 0x80) return 1;
    if (!is_letter(end[-1]) || !is_letter(end[-2])) return 0;
    const char *last = month_ends[(end[-2] | 0x20) - 'a'];
    while (last != 0 && *last != 0 && *last != (end[-1] | 0x20)) last++;
    return last != 0 && *last != 0;
}

/// The first two letters of the names of months, of `de`, `del` and `of`: by the first one, the second ones.
static const char *const month_beginnings[26] = {
    ['a' - 'a'] = "pubgvo", ['d' - 'a'] = "ei", ['e' - 'a'] = "n", ['f' - 'a'] = "e", ['g' - 'a'] = "ei", ['j' - 'a'] = "au",
    ['l' - 'a'] = "u", ['m' - 'a'] = "ar", ['n' - 'a'] = "o", ['o' - 'a'] = "cftku", ['s' - 'a'] = "e",
};

/// The word before a year and so many signs before it begins as the name of a month does, or is `de`, `of` or an ordinal's end. Most words
/// before such figures do not.
INLINE int follows_month_name(const uint8_t *year, size_t left, size_t joints) {
    const uint8_t *end = year - joints, *first = end;
    while (end - first < 10 && (size_t)(year - first) < left && (is_letter(first[-1]) || first[-1] >= 0x80)) first--;
    if ((size_t)(year - first) < left && is_digit(first[-1])) return 1;
    if (end - first < 2 || !is_letter(*first)) return 0;
    const char *seconds = month_beginnings[(*first | 0x20) - 'a'];
    while (seconds != 0 && *seconds != 0 && *seconds != (first[1] | 0x20)) seconds++;
    return seconds != 0 && (*seconds != 0 || first[1] >= 0x80);
}

/// A year alone, of two centuries or of two digits, behind a month.
INLINE int may_end_date(const view *v) {
    uint64_t digits = seen(v->c->digit, v->bit), alnum = seen(v->s->alnum, v->bit);
    uint8_t first = v->bytes[0], second = byte_at(v, 1);
    // Without branches: figures in logs take all of these in turn.
    int is_century = ((first == '1') & (second == '9')) | ((first == '2') & (second == '0'));
    int is_year = (((digits & 15) == 15) & is_century & ((alnum >> 4 & 1) == 0)) | (((digits & 3) == 3) & ((alnum & 7) == 3));
    // `25/Sep/2026:10:15:00` is a time in a log.
    if (!is_year || (byte_at(v, 4) == ':' && is_digit(byte_at(v, 5)))) return 0;
    if (!follows_month(v->bytes, v->left)) return 0;
    size_t joints = is_month_joint(v->bytes[-2]) ? 2 : 1;
    // Behind figures, two digits are no year of a date in words.
    if (!is_letter(v->bytes[-1 - (ptrdiff_t)joints])) return (digits & 15) == 15;
    return follows_month_name(v->bytes, v->left, joints);
}

/// Eight digits, or seven, and their letter; `12.345.678Z`.
INLINE int may_be_spanish(const view *v, const groups *g, int first, int count) {
    if (first == 7 || first == 8) {
        uint8_t next = byte_at(v, (size_t)first);
        size_t letter = (size_t)first + (next == '-' || next == ' ');
        return is_letter(byte_at(v, letter)) && (seen(v->s->alnum, v->bit) >> (letter + 1) & 1) == 0;
    }
    return count == 3 && first == 2 && (g->separators >> 6 & 1) && g->length == 10;
}

/// Four groups, the last three of one digit each.
INLINE int is_version(const groups *g, int first) { return g->length == first + 6 && g->separators == 0x15ull << first; }

/// The version behind a product's name and a slash, as in `Chrome/126.0.0.0`.
INLINE int is_product(const view *v) { return v->left > 1 && v->bytes[-1] == '/' && is_letter(v->bytes[-2]); }

/// The status behind a request line in an access log, `HTTP/1.1" 200 74748`, and no telephone number.
INLINE int is_status(const view *v) { return v->left > 2 && v->bytes[-1] == ' ' && v->bytes[-2] == '"' && is_digit(v->bytes[-3]); }

/// A day and a time of it in a log, `2026-04-25T21:59:18`, behind nothing that a month may stand before: two groups of six digits, for the last one is
/// part of a word. At midnight it may be a date of birth, which is looked at.
INLINE int is_timestamp(const view *v) {
    uint8_t before = v->left > 0 ? v->bytes[-1] : 0;
    return byte_at(v, 4) == '-' && byte_at(v, 7) == '-' && byte_at(v, 10) == 'T' && (seen(v->c->digit, v->bit) & 0x7FF) == 0x36F
        && (byte_at(v, 11) != '0' || byte_at(v, 12) != '0') && !is_month_joint(before);
}

/// The rules of a number that starts with a digit, or 0: enough digits in whole groups for a telephone number, which has the fewest of all; an
/// IPv4 address; a date; the digits of a Spanish or a Corsican number, whose letter follows. Seven digits and no letter, or up to nine in two
/// groups, are a telephone number or nothing.
INLINE uint16_t rules_of_number(const view *v) {
    const uint16_t any = AGENTSHIELD_RULE_NUMBER, weak = AGENTSHIELD_RULE_NUMBER | AGENTSHIELD_RULE_WEAK;
    groups g = groups_at(v, 0);
    if (g.length > LONGEST_NUMBER || g.next == '(' || (is_separator(g.next) && byte_at(v, (size_t)g.length + 1) == '(')) return any;
    if (g.length < 6) return 0;
    int count = 1 + __builtin_popcountll(g.separators), digits = g.length + 1 - count;
    int first = count > 1 ? __builtin_ctzll(g.separators) : g.length;
    int is_cut = is_letter(g.next) || g.next == '_';
    if (is_cut) {
        uint8_t letter = g.next | 0x20;
        int may_have_extension = digits >= 7 && count > 1 && (letter == 'x' || letter == 'e');
        // Midnight behind a date.
        if (g.next == 'T' && first == 4 && byte_at(v, (size_t)g.length + 1) == '0' && byte_at(v, (size_t)g.length + 2) == '0') return any;
        int may_be_corsican = digits == 6 && (letter == 'a' || letter == 'b') && v->bytes[g.length - 1] == '2';
        if (may_have_extension || may_be_corsican || may_be_spanish(v, &g, first, count)) return any;
        // The last group is part of a word.
        if (count == 1) return 0;
        digits -= g.length - 64 + __builtin_clzll(g.separators);
        count--;
    }
    uint8_t separator = byte_at(v, (size_t)first);
    if (digits >= 7) {
        if (count == 1) return digits == 7 && !may_be_spanish(v, &g, first, count) ? weak : any;
        if (count != 2 || first > 6) return any;
        if (digits <= 9) return separator == '.' || is_status(v) ? 0 : weak;
        // A fraction; none of the other numbers that may have a dot starts with three to six digits, but for cards and Germany's telephones.
        return separator == '.' && digits < 13 && first != 2 && v->bytes[0] != '0' ? 0 : any;
    }
    if (count < 3 || separator == ' ') return 0;
    if (count >= 4 && separator == '.') return !is_version(&g, first) ? any : is_product(v) ? 0 : any | AGENTSHIELD_RULE_VERSION;
    return (g.separators >> (first + 1) & 6) != 0 && (first == 4 || first <= 2) ? any : 0;
}

/// The letters and digits of a code, a bit for each place.
typedef struct { uint32_t letters, digits; } form;

/// So many at most of one length.
enum { FORMS = 6 };

/// By the length of the word, what codes of letters and digits look like; {0, 0} is none.
static const form forms[19][FORMS] = {
    [8] = {{0x01, 0xFE}, {0x03, 0xFC}, {0x3F, 0}},  // Spanish companies and passports; banks
    [9] = {{0x01, 0xFE}, {0x03, 0xFC}, {0x07, 0x1F8}, {0x01, 0x02}, {0x01, 0x04}, {0x0C, 0x1F3}},  // the same; British insurance; passports
    [10] = {{0x21F, 0x1E0}, {0x01, 0x202}, {0x01, 0x204}},  // Indian tax; German passports with a check digit
    [11] = {{0x3F, 0}, {0x403, 0x3FC}, {0x07, 0x3F8}},  // banks; Spanish identities and companies with their country
    [12] = {{0x07, 0x1F8}},                          // Mexican tax, of companies
    [13] = {{0x0F, 0x3F0}},                          // and of people
    [14] = {{0, 0x3000}},                            // Brazilian companies
    [16] = {{0x3F, 0}},                              // Italian tax
    [18] = {{0x0F, 0x3F0}},                          // Mexican population
};

/// The countries whose bank accounts have an IBAN: by the first letter, the second ones. Those of IBAN.swift; a test compares them.
static const char *const iban_countries[26] = {
    "DELOTZ", "AEFGHIJRY", "FGHIMRVYZ", "EJKOZ", "EGS", "IKOR", "ABEILQRTW", "NRU", "ELQRST", "O", "MWZ", "BCITUVY", "ACDEGKLNRTUZ",
    "EILO", "M", "KLST", "A", "OSU", "ACDEIKMNOTV", "DGLNR", "A", "AG", "", "K", "E", "",
};

INLINE int has_iban(uint8_t first, uint8_t second) {
    const char *seconds = iban_countries[(first | 0x20) - 'a'];
    while (*seconds != 0 && *seconds != (second & 0xDF)) seconds++;
    return *seconds != 0;
}

/// Three pairs of digits and a letter up to D, each perhaps behind a separator, from a place on: the rest of `AB 12 34 56 C`.
INLINE int has_pairs(const view *v, uint64_t digits, size_t place) {
    for (int pair = 0; pair < 3; pair++) {
        place += byte_at(v, place) == ' ' || byte_at(v, place) == '-';
        if ((digits >> place & 3) != 3) return 0;
        place += 2;
    }
    place += byte_at(v, place) == ' ' || byte_at(v, place) == '-';
    return is_letter(byte_at(v, place)) && (byte_at(v, place) | 0x20) <= 'd';
}

/// A code whose first word of two to four letters and digits has a separator behind it.
INLINE int may_be_separated(const view *v, uint64_t digits, size_t length) {
    uint8_t separator = byte_at(v, length);
    if (separator != ' ' && separator != '-') return 0;
    // `GOD-561231-GR8`, `GODE 561231 GR8`
    if (length > 2 && (digits & lowest((int)length)) == 0) return (digits >> (length + 1) & 63) == 63 && byte_at(v, length + 7) == separator;
    // `PT 501 964 843`
    if (length == 2 && (v->bytes[0] | 0x20) == 'p' && (byte_at(v, 1) | 0x20) == 't' && (digits >> 3 & 7) == 7) return 1;
    return length != 3 && has_pairs(v, digits, 2);
}

/// A code that starts with a letter or a digit.
INLINE int may_be_code(const view *v) {
    uint64_t alnum = seen(v->s->alnum, v->bit), digits = seen(v->c->digit, v->bit), letters = alnum & ~digits;
    int length = run_length(alnum);
    // `AB.12C.D34/0001-56`, `00aa.bb11.2c3d`
    if (length == 2 && byte_at(v, 2) == '.') return byte_at(v, 6) == '.' && byte_at(v, 10) == '/';
    if (length == 4 && byte_at(v, 4) == '.') return byte_at(v, 9) == '.';
    if (letters & 1) {
        if ((letters & 3) == 3 && (digits >> 2 & 3) == 3 && has_iban(v->bytes[0], byte_at(v, 1))) return 1;
        uint8_t first = v->bytes[0] | 0x20;
        if (first >= 'x' && first <= 'z' && (digits >> (length == 1 ? 2 : 1) & 127) == 127) return 1;
        // `A-5881850-1`
        if (length == 1) return (digits >> 2 & 127) == 127;
        if (length <= 4) return may_be_separated(v, digits, (size_t)length);
    }
    if (length > 18 || byte_at(v, (size_t)length) == '_') return 0;
    for (const form *f = forms[length]; f < forms[length] + FORMS; f++)
        if ((f->letters | f->digits) != 0 && (letters & f->letters) == f->letters && (digits & f->digits) == f->digits) return 1;
    return 0;
}

/// An IPv6 or a hardware address from its first colon on: at least five colons, or two in a row.
INLINE int may_be_address(const view *v) {
    uint64_t colons = seen(v->c->colon, v->bit);
    int length = run_length(colons | seen(v->c->hex, v->bit));
    if (length > 63) return 1;
    colons &= lowest(length);
    return (colons & colons >> 1) != 0 || __builtin_popcountll(colons) >= 5;
}

/// The word, in small letters, stands there in any case.
INLINE int is_word(const view *v, const char *word) {
    for (size_t k = 0; word[k] != 0; k++)
        if ((byte_at(v, k) | 0x20) != (uint8_t)word[k]) return 0;
    return 1;
}

/// `_KEY'`, `_SALT"`, and a comma.
INLINE int may_be_named(const view *v) {
    size_t end = byte_at(v, 1) == 'K' ? 4 : byte_at(v, 1) == 'S' ? 5 : 0;
    if (end == 0 || byte_at(v, 2) != (end == 4 ? 'E' : 'A')) return 0;
    return (byte_at(v, end) == '\'' || byte_at(v, end) == '"') && byte_at(v, end + 1) == ',';
}

/// The colon before a port in a `.pgpass` file.
INLINE int may_be_field(const view *v) {
    uint8_t port = byte_at(v, 1);
    return (is_digit(port) || (port == '*' && byte_at(v, 2) == ':')) && __builtin_popcountll(seen(v->c->colon, v->bit)) >= 4;
}

/// `echo` stands before a user's name, as in `echo ana:secret | chpasswd`.
INLINE int may_be_piped(const view *v) {
    size_t name = 1;
    while (name < 40 && name < v->left && v->bytes[-(ptrdiff_t)name] > ' ' && v->bytes[-(ptrdiff_t)name] != ':') name++;
    // `echo -e `
    if (v->left > name + 3 && v->bytes[-(ptrdiff_t)name] == ' ' && v->bytes[-(ptrdiff_t)name - 2] == '-') name += 3;
    return v->left >= name + 4 && v->bytes[-(ptrdiff_t)name] == ' ' && v->bytes[-(ptrdiff_t)name - 1] == 'o'
        && v->bytes[-(ptrdiff_t)name - 2] == 'h' && v->bytes[-(ptrdiff_t)name - 3] == 'c';
}

/// An option that some command takes a password with, a sign in a hash, or what else stands before a password and is no name of one.
INLINE int may_be_mark(const view *v, uint8_t before) {
    switch (v->bytes[0]) {
    case '$': return before != '$';
    case '-': break;
    case 'i': case 'I': return is_word(v, "identified by");
    case 'm': case 'M': return is_word(v, "masterauth ");
    case '_': return may_be_named(v);
    case ':': return may_be_field(v) || may_be_piped(v);
    default: return 0;
    }
    if (before != ' ') return 0;
    switch (byte_at(v, 1)) {
    case 'p': case 'u': case 'P': case 'U': case 'a': case 'w': case 'b': case 'k': return 1;
    case '-': return byte_at(v, 2) == 'u' || byte_at(v, 2) == 'p';
    default: return 0;
    }
}

/// The rules of a trigger that are worth a recogniser's look; `before` is the byte before it, or 0.
INLINE uint16_t narrowed(uint16_t rules, const view *v, uint8_t before) {
    if (rules & AGENTSHIELD_RULE_NUMBER) {
        rules &= ~AGENTSHIELD_RULE_NUMBER;
        if (!is_digit(v->bytes[0])) {
            if (v->bytes[0] != '$' && may_be_signed_number(v)) rules |= AGENTSHIELD_RULE_NUMBER;
        } else if (!is_timestamp(v)) {
            rules |= rules_of_number(v) | (may_end_date(v) ? AGENTSHIELD_RULE_YEAR : 0);
        }
    }
    if ((rules & AGENTSHIELD_RULE_CODE) && !may_be_code(v)) rules &= ~AGENTSHIELD_RULE_CODE;
    if ((rules & AGENTSHIELD_RULE_COLON) && !may_be_address(v)) rules &= ~AGENTSHIELD_RULE_COLON;
    if ((rules & AGENTSHIELD_RULE_WORD) && v->bytes[0] != 0xB1 && (byte_at(v, 1) | 0x20) != 's') rules &= ~AGENTSHIELD_RULE_WORD;
    if ((rules & AGENTSHIELD_RULE_MARK) && !may_be_mark(v, before)) rules &= ~AGENTSHIELD_RULE_MARK;
    return rules;
}

#endif
