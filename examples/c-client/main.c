// agentshield-chat: sends one message through an AgentShield gateway over its wire protocol and prints the answer.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "frame.h"

enum { EXIT_USAGE = 2 };

static const char USAGE[] =
    "usage: agentshield-chat [OPTION...] TEXT      TEXT -: from standard input\n"
    "  --address HOST:PORT   the gateway's TLS port (localhost:8443)\n"
    "  --ca-file FILE        whom to trust (the system's authorities)\n"
    "  --model NAME          (echo)\n"
    "  --whole               ask for the answer in one piece, not as a stream\n"
    "  --no-compression      do not offer LZ4\n"
    "  --credit BYTES        what the gateway may send ahead on the stream (262144), at least 16384\n"
    "  --deadline MS         (the gateway's)\n"
    "The key comes from AGENTSHIELD_API_KEY. The answer's text goes to standard output, everything else to standard error.\n"
    "Exit status: 0 answered, 1 refused by the gateway, 2 usage, 3 no connection, 4 the gateway broke the protocol.\n";

static int usage(void) {
    fputs(USAGE, stderr);
    return EXIT_USAGE;
}

static char *read_all(FILE *file) {
    buffer_t text = {0};
    char chunk[4096];
    size_t count;
    while ((count = fread(chunk, 1, sizeof chunk, file)) > 0) buffer_append(&text, chunk, count);
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

static bool parse_number(const char *text, uint32_t *number) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *number = (uint32_t)value;
    return *text != '\0' && *end == '\0' && value > 0 && value <= INT32_MAX;
}

// Cuts "host:port" or "[address]:port" in place.
static bool split_address(char *address, char **host, char **port) {
    char *colon = strrchr(address, ':');
    if (!colon || colon == address || colon[1] == '\0') return false;
    *colon = '\0';
    *port = colon + 1;
    *host = address;
    size_t length = strlen(address);
    if (address[0] == '[' && address[length - 1] == ']') {
        address[length - 1] = '\0';
        *host = address + 1;
    }
    return true;
}

int main(int argc, char **argv) {
    char default_address[] = "localhost:8443";
    char *address = default_address, *input = NULL, *host, *port;
    const char *ca_file = NULL, *key = getenv("AGENTSHIELD_API_KEY");
    chat_options options = {.model = "echo", .stream = true, .compress = true, .answer = stdout, .report = stderr};
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        bool has_value = i + 1 < argc;
        if (strcmp(option, "--help") == 0) {
            fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        } else if (strcmp(option, "--whole") == 0) {
            options.stream = false;
        } else if (strcmp(option, "--no-compression") == 0) {
            options.compress = false;
        } else if (strcmp(option, "--address") == 0 && has_value) {
            address = argv[++i];
        } else if (strcmp(option, "--ca-file") == 0 && has_value) {
            ca_file = argv[++i];
        } else if (strcmp(option, "--model") == 0 && has_value) {
            options.model = argv[++i];
        } else if (strcmp(option, "--credit") == 0 && has_value) {
            if (!parse_number(argv[++i], &options.stream_credit) || options.stream_credit < MIN_STREAM_CREDIT) return usage();
        } else if (strcmp(option, "--deadline") == 0 && has_value) {
            if (!parse_number(argv[++i], &options.deadline_ms)) return usage();
        } else if (strncmp(option, "--", 2) == 0 || options.text) {
            return usage();
        } else {
            options.text = strcmp(option, "-") == 0 ? (input = read_all(stdin)) : option;
        }
    }
    if (!options.text || !split_address(address, &host, &port)) return usage();
    if (!key) {
        fputs("AGENTSHIELD_API_KEY is not set\n", stderr);
        return EXIT_USAGE;
    }
    options.credential = key;
    tls_connection *connection = tls_connect(host, port, ca_file);
    if (!connection) return OUTCOME_DISCONNECTED;
    outcome result = chat(connection, &options);
    tls_close(connection);
    free(input);
    return (int)result;
}
