// What the client tells about an answer, one fact a line: "usage: input=3 output=5".
#ifndef AGENTSHIELD_REPORT_H
#define AGENTSHIELD_REPORT_H

#include <stdio.h>

#include "protobuf.h"

typedef struct {
    uint64_t bytes_sent, bytes_received;              // frames, headers included
    uint64_t request_bytes, answer_bytes;             // bodies, uncompressed
    uint64_t compressed_requests, compressed_answers; // frames
    uint64_t credits_sent, credits_received;          // frames
    uint64_t deltas;
} traffic;

// The bodies must have been validated.
void report_begin(FILE *out, bytes_t body);
void report_end(FILE *out, bytes_t body);
void report_error(FILE *out, bytes_t body);
void report_goaway(FILE *out, bytes_t body);
void report_traffic(FILE *out, const traffic *counters);

#endif
