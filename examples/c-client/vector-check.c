// vector-check: holds the client's decoders against protocol/vectors.
//
// Reads lines "message NAME EXPECTED LIMIT HEX" and "frame EXPECTED HEX" from standard input, where EXPECTED is "valid" or the
// broken rule; prints what disagrees and "N agree, N disagree". `make check` makes the lines.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "schema.h"

static bytes_t parse_hex(const char *hex) {
    size_t length = strlen(hex) / 2;
    uint8_t *bytes = malloc(length + 1);
    if (!bytes) abort();
    for (size_t i = 0; i < length; i++) {
        unsigned byte = 0;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1) abort();
        bytes[i] = (uint8_t)byte;
    }
    return (bytes_t){bytes, length};
}

static const char *message_verdict(const char *name, const char *limit, const char *hex) {
    const pb_schema *schema = schema_named(name);
    if (!schema) return "no such message";
    bytes_t body = parse_hex(hex);
    const char *error = pb_validate(schema, body, (uint32_t)strtoul(limit, NULL, 10));
    free((void *)body.data);
    return error ? error : "valid";
}

static const char *code_name(uint32_t code) {
    switch (code) {
        case 0: return "valid";
        case PROTOCOL_ERROR: return "protocol_error";
        case FRAME_TOO_LARGE: return "frame_too_large";
        case BAD_COMPRESSION: return "bad_compression";
        default: return "flow_control_error";
    }
}

static const char *frame_verdict(const char *hex) {
    bytes_t bytes = parse_hex(hex);
    uint32_t code = PROTOCOL_ERROR;
    if (bytes.length >= HEADER_BYTES) {
        frame_header header = frame_parse_header(bytes.data);
        code = frame_header_error(header);
        bool body = header.type == DELTA || header.type == RESULT;
        if (!code && body && bytes.length == HEADER_BYTES + header.length) {
            buffer_t expanded = {0};
            code = frame_expand(header, bytes.data + HEADER_BYTES, &expanded);
            buffer_free(&expanded);
        }
    }
    free((void *)bytes.data);
    return code_name(code);
}

int main(void) {
    static char line[1 << 20];
    unsigned agree = 0, disagree = 0;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        char *kind = strtok(line, " ");
        if (!kind) continue;
        bool of_message = strcmp(kind, "message") == 0;
        const char *name = of_message ? strtok(NULL, " ") : "frame", *expected = strtok(NULL, " ");
        const char *limit = of_message ? strtok(NULL, " ") : "", *hex = strtok(NULL, " ");
        if (!name || !expected || !limit) return EXIT_FAILURE;
        const char *verdict = of_message ? message_verdict(name, limit, hex ? hex : "") : frame_verdict(hex ? hex : "");
        if (strcmp(verdict, expected) == 0) {
            agree++;
        } else {
            disagree++;
            printf("%s %s: expected %s, found %s\n", name, hex ? hex : "", expected, verdict);
        }
    }
    printf("%u agree, %u disagree\n", agree, disagree);
    return disagree > 0 || agree == 0;
}
