#include "report.h"

#include <inttypes.h>

// Text of the server, made safe for a terminal: control characters become spaces.
static void put_text(FILE *out, bytes_t text) {
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = text.data[i];
        fputc(byte < 0x20 || byte == 0x7f ? ' ' : byte, out);
    }
}

static void put_line(FILE *out, const char *label, bytes_t text) {
    fprintf(out, "%s: ", label);
    put_text(out, text);
    fputc('\n', out);
}

void report_begin(FILE *out, bytes_t body) {
    static const char *const cache[] = {"unspecified", "miss", "hit", "bypass", "coalesced"};
    static const char *const labels[] = {[1] = "response", [2] = "model", [3] = "provider", [5] = "request"};
    pb_value value;
    while (pb_next(&body, &value)) {
        if (value.number == 4) {
            fprintf(out, "cache: %s\n", value.value < sizeof cache / sizeof cache[0] ? cache[value.value] : "unknown");
        } else if (value.number < sizeof labels / sizeof labels[0] && labels[value.number]) {
            put_line(out, labels[value.number], value.bytes);
        }
    }
}

static void put_usage(FILE *out, bytes_t usage) {
    static const char *const classes[] = {NULL, "input", "cache_read", "cache_write", "output", "reasoning"};
    pb_value value;
    fputs("usage:", out);
    while (pb_next(&usage, &value)) {
        if (value.number < sizeof classes / sizeof classes[0]) fprintf(out, " %s=%" PRIu64, classes[value.number], value.value);
    }
    fputc('\n', out);
}

static void put_finish(FILE *out, bytes_t finish) {
    static const char *const reasons[] = {"unspecified", "stop", "length", "tool_calls", "content_filter", "refusal", "other"};
    pb_value value;
    uint64_t choice = 0, reason = 0;
    while (pb_next(&finish, &value)) {
        if (value.number == 1) choice = value.value;
        if (value.number == 2) reason = value.value;
    }
    fprintf(out, "finish: choice=%" PRIu64 " %s\n", choice, reason < sizeof reasons / sizeof reasons[0] ? reasons[reason] : "unknown");
}

// A name and a number: ScrubCount, PhaseTiming.
static void put_pair(FILE *out, const char *label, bytes_t pair) {
    pb_value value;
    bytes_t name = {0};
    uint64_t number = 0;
    while (pb_next(&pair, &value)) {
        if (value.number == 1) name = value.bytes;
        if (value.number == 2) number = value.value;
    }
    fprintf(out, "%s: ", label);
    put_text(out, name);
    fprintf(out, "=%" PRIu64 "\n", number);
}

void report_end(FILE *out, bytes_t body) {
    pb_value value;
    uint64_t cost = 0, estimated = 0, attempts = 0;
    while (pb_next(&body, &value)) {
        switch (value.number) {
            case 1: put_finish(out, value.bytes); break;
            case 2: put_usage(out, value.bytes); break;
            case 3: cost = value.value; break;
            case 4: estimated = value.value; break;
            case 5: put_pair(out, "scrubbed", value.bytes); break;
            case 6: put_pair(out, "microseconds", value.bytes); break;
            case 7: put_line(out, "receipt", value.bytes); break;
            case 8: put_line(out, "route", value.bytes); break;
            case 9: attempts = value.value; break;
            default: break;
        }
    }
    fprintf(out, "cost: %" PRIu64 ".%09" PRIu64 " USD%s\n", cost / 1000000000u, cost % 1000000000u, estimated ? " (estimated)" : "");
    fprintf(out, "attempts: %" PRIu64 "\n", attempts);
}

void report_error(FILE *out, bytes_t body) {
    pb_value value;
    uint64_t code = 0, retryable = 0, retry_after = 0;
    bytes_t message = {0}, request = {0}, param = {0};
    while (pb_next(&body, &value)) {
        switch (value.number) {
            case 1: code = value.value; break;
            case 2: message = value.bytes; break;
            case 3: retryable = value.value; break;
            case 4: retry_after = value.value; break;
            case 5: request = value.bytes; break;
            case 6: param = value.bytes; break;
            default: break;
        }
    }
    fprintf(out, "error: %" PRIu64 " ", code);
    put_text(out, message);
    fprintf(out, "\nretryable: %s\n", retryable ? "yes" : "no");
    if (retry_after) fprintf(out, "retry after: %" PRIu64 " ms\n", retry_after);
    if (request.length) put_line(out, "request", request);
    if (param.length) put_line(out, "param", param);
}

void report_goaway(FILE *out, bytes_t body) {
    static const char *const reasons[] = {"unspecified", "drain", "reauthenticate", "idle", "protocol error", "overloaded"};
    pb_value value;
    uint64_t reason = 0;
    while (pb_next(&body, &value)) {
        if (value.number == 2) reason = value.value;
    }
    fprintf(out, "going away: %s\n", reason < sizeof reasons / sizeof reasons[0] ? reasons[reason] : "unknown");
}

void report_traffic(FILE *out, const traffic *counters) {
    fprintf(out, "sent: %" PRIu64 " bytes in frames, %" PRIu64 " in request bodies, %" PRIu64 " frames compressed\n",
            counters->bytes_sent, counters->request_bytes, counters->compressed_requests);
    fprintf(out, "received: %" PRIu64 " bytes in frames, %" PRIu64 " in answer bodies, %" PRIu64 " frames compressed, %" PRIu64 " deltas\n",
            counters->bytes_received, counters->answer_bytes, counters->compressed_answers, counters->deltas);
    fprintf(out, "credit: %" PRIu64 " frames sent, %" PRIu64 " received\n", counters->credits_sent, counters->credits_received);
}
