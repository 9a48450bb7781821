// The NEON classifiers and the portable ones must give the same triggers and the same starts of words for every text. Seeded: the same texts each time.
#include "CPrefilter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

/// SplitMix64.
static uint64_t next(void) {
    uint64_t mixed = state += 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBu;
    return mixed ^ mixed >> 31;
}

static void any_bytes(uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)next();
}

/// Mostly the bytes that rules are made of.
static void signs(uint8_t *bytes, size_t count) {
    static const char alphabet[] = "@.:-_+()<>=/\\ '\"0123456789abcdefswxyzABCDEFXYZ\n\xC3\xB1\xE1";
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)alphabet[next() % (sizeof alphabet - 1)];
}

/// Shapes of entities, whole and cut, with and without separators.
static void shapes(uint8_t *bytes, size_t count) {
    static const char *const pieces[] = {
        "ana@example.com", "4111 1111 1111 1111", "ES9121000418450200051332", "12345678Z", "2001:db8::8a2e:370:7334", "00:1B:44:11:3A:B7",
        "-----BEGIN PRIVATE KEY-----", "sk-abcDEF0123456789abcDEF0123456789", "password=", "contrase\xC3\xB1" "a: ", "+34 612 345 678",
        "(555) 234-5678", "+(1)", "DEUTDEFF500", "00aa.bb11.2c3d", "AB.12C.D34/0001-56", "EMAIL_1", "192.168.10.20", "12 May 1980",
        "the quick brown fox, ", "AB 12 34 56 C", "123456A", " ", "\n", "=", ">", "-",
    };
    size_t used = 0;
    while (used < count) {
        const char *piece = pieces[next() % (sizeof pieces / sizeof *pieces)];
        size_t length = strlen(piece);
        if (next() % 4 == 0) length = 1 + next() % length;
        if (length > count - used) length = count - used;
        memcpy(bytes + used, piece, length);
        used += length;
    }
}

/// Every byte beside every other one.
static void pairs(uint8_t *bytes, size_t count) {
    size_t offset = next() % 65536;
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)(i % 2 == 0 ? (i / 2 + offset) : (i / 2 + offset) >> 8);
}

static int words_agree(const uint8_t *bytes, size_t count) {
    // Half of all three bytes begin a word.
    static uint32_t beginnings[1024];
    for (size_t i = 0; i < 1024; i++) beginnings[i] = (uint32_t)next();
    for (size_t from = 0; from < count; from += 1 + next() % 64) {
        size_t to = count - from < 64 ? count : from + 1 + next() % 64;
        uint64_t expected = agentshield_find_words(AGENTSHIELD_PORTABLE, bytes, count, from, to, beginnings);
        if (expected != agentshield_find_words(AGENTSHIELD_NEON, bytes, count, from, to, beginnings)) return 0;
    }
    return 1;
}

static int agree(void (*fill)(uint8_t *, size_t), int rounds) {
    static agentshield_trigger expected[AGENTSHIELD_TILE], found[AGENTSHIELD_TILE];
    size_t total = 0;
    for (int round = 0; round < rounds; round++) {
        size_t count = round % 3 == 0 ? next() % 200 : next() % 9000;
        // Of its exact size, so that an emulator or a sanitizer sees a read beyond it.
        uint8_t *bytes = malloc(count + 1);
        if (bytes == NULL) return 0;
        fill(bytes, count);
        bool goes_on = round % 2 == 0;
        for (size_t from = 0; from < count; from += AGENTSHIELD_TILE) {
            size_t to = from + AGENTSHIELD_TILE < count ? from + AGENTSHIELD_TILE : count;
            size_t n = agentshield_find_triggers(AGENTSHIELD_PORTABLE, bytes, count, from, to, goes_on, expected);
            size_t m = agentshield_find_triggers(AGENTSHIELD_NEON, bytes, count, from, to, goes_on, found);
            total += n;
            if (n != m || memcmp(expected, found, n * sizeof *expected) != 0) {
                free(bytes);
                return 0;
            }
        }
        if (!words_agree(bytes, count)) {
            free(bytes);
            return 0;
        }
        free(bytes);
    }
    return total > 0;
}

int main(void) {
    static const struct {
        const char *name;
        void (*fill)(uint8_t *, size_t);
    } inputs[] = {{"any bytes", any_bytes}, {"signs", signs}, {"shapes of entities", shapes}, {"pairs of bytes", pairs}};
    int failed = 0;
    int has_neon = agentshield_has_instruction_set(AGENTSHIELD_NEON) && agentshield_best_instruction_set() == AGENTSHIELD_NEON;
    printf("%s NEON is there and is the best\n", has_neon ? "ok" : "not ok");
    if (!has_neon) return 1;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        state = 7 + i;
        int ok = agree(inputs[i].fill, 300);
        printf("%s NEON agrees with the portable classifier: %s\n", ok ? "ok" : "not ok", inputs[i].name);
        failed |= !ok;
    }
    return failed;
}
