// One conversation: HELLO, WELCOME, one chat request, its answer.
#ifndef AGENTSHIELD_CLIENT_H
#define AGENTSHIELD_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tls.h"

typedef enum {
    OUTCOME_ANSWERED = 0,     // END came
    OUTCOME_REFUSED = 1,      // ERROR came
    OUTCOME_DISCONNECTED = 3, // the connection could not be made, or was lost
    OUTCOME_VIOLATED = 4,     // the server broke a rule of the protocol
} outcome;

typedef struct {
    const char *credential;
    const char *model;
    const char *text;         // of the one user message
    bool stream;              // otherwise one RESULT
    bool compress;
    uint32_t stream_credit;   // bytes that the server may send ahead; 0: the protocol's default
    uint32_t deadline_ms;     // 0: the server's
    FILE *answer;             // the answer's text
    FILE *report;             // BEGIN, END, ERROR, counters
} chat_options;

outcome chat(tls_connection *connection, const chat_options *options);

#endif
