// Frames: an 8-byte header (length:24 | flags:3 type:5 | stream:32, network byte order), then the payload, which may be an
// LZ4 block after the varint of its uncompressed length.
#ifndef AGENTSHIELD_FRAME_H
#define AGENTSHIELD_FRAME_H

#include "protobuf.h"

enum {
    HELLO = 1, WELCOME, REQUEST, RESULT, BEGIN, DELTA, END, ERROR, CANCEL, CREDIT, PING, PONG, GOAWAY
};

enum { COMPRESSED = 0x20, END_STREAM = 0x40, MORE = 0x80 };

enum {
    HEADER_BYTES = 8,
    DEFAULT_FRAME_BYTES = 65536,
    SMALL_FRAME_BYTES = 8192,         // of every frame but REQUEST, RESULT and DELTA
    DEFAULT_MESSAGE_BYTES = 16777216,
    DEFAULT_STREAM_CREDIT = 262144,
    DEFAULT_CONNECTION_CREDIT = 1048576,
    COMPRESSION_THRESHOLD = 512,      // below, it is rarely worth the time
    MIN_STREAM_CREDIT = 16384,        // that a HELLO may ask for
};

enum { FEATURE_LZ4 = 1 };

// Codes of error-codes.json that a client sends.
enum { PROTOCOL_ERROR = 100, FRAME_TOO_LARGE = 101, BAD_COMPRESSION = 102, FLOW_CONTROL_ERROR = 103, UNSUPPORTED_VERSION = 104 };

typedef struct {
    uint32_t length;
    uint8_t type;
    uint8_t flags;
    uint32_t stream;
} frame_header;

frame_header frame_parse_header(const uint8_t bytes[HEADER_BYTES]);

// The code of the rule that a server's frame breaks in its header, 0 if none.
uint32_t frame_header_error(frame_header header);

// Appends the payload of a received frame as it was before compression; 0, or the code of the broken rule.
uint32_t frame_expand(frame_header header, const uint8_t *payload, buffer_t *out);

// Appends a frame, compressed if `compress` and only if that is shorter.
void frame_append(buffer_t *out, uint8_t type, uint8_t flags, uint32_t stream, bytes_t payload, bool compress);

#endif
