#include "frame.h"

#include <lz4.h>
#include <stdlib.h>

frame_header frame_parse_header(const uint8_t bytes[HEADER_BYTES]) {
    return (frame_header){
        .length = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2],
        .type = bytes[3] & 0x1f,
        .flags = bytes[3] & 0xe0,
        .stream = (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 | (uint32_t)bytes[6] << 8 | bytes[7],
    };
}

// What a server may send: where, and with which flags.
static const struct {
    bool allowed, on_connection, on_stream;
    uint8_t flags;
    uint32_t max_length;
} FROM_SERVER[32] = {
    [WELCOME] = {true, true, false, 0, SMALL_FRAME_BYTES},
    [RESULT] = {true, false, true, COMPRESSED | MORE, DEFAULT_FRAME_BYTES},
    [BEGIN] = {true, false, true, 0, SMALL_FRAME_BYTES},
    [DELTA] = {true, false, true, COMPRESSED, DEFAULT_FRAME_BYTES},
    [END] = {true, false, true, 0, SMALL_FRAME_BYTES},
    [ERROR] = {true, true, true, 0, SMALL_FRAME_BYTES},
    [CREDIT] = {true, true, true, 0, SMALL_FRAME_BYTES},
    [PING] = {true, true, false, 0, SMALL_FRAME_BYTES},
    [PONG] = {true, true, false, 0, SMALL_FRAME_BYTES},
    [GOAWAY] = {true, true, false, 0, SMALL_FRAME_BYTES},
};

uint32_t frame_header_error(frame_header header) {
    if (header.length > DEFAULT_FRAME_BYTES) return FRAME_TOO_LARGE;
    if (header.type < HELLO || header.type > GOAWAY) return 0;  // of a later version: ignored
    if (!FROM_SERVER[header.type].allowed) return PROTOCOL_ERROR;
    if (header.stream == 0 ? !FROM_SERVER[header.type].on_connection : !FROM_SERVER[header.type].on_stream) return PROTOCOL_ERROR;
    if (header.flags & ~FROM_SERVER[header.type].flags) return PROTOCOL_ERROR;
    if (header.type == CREDIT && header.length != 4) return PROTOCOL_ERROR;
    if ((header.type == PING || header.type == PONG) && header.length != 8) return PROTOCOL_ERROR;
    return header.length > FROM_SERVER[header.type].max_length ? FRAME_TOO_LARGE : 0;
}

uint32_t frame_expand(frame_header header, const uint8_t *payload, buffer_t *out) {
    if (!(header.flags & COMPRESSED)) {
        buffer_append(out, payload, header.length);
        return 0;
    }
    uint64_t expanded_length = 0;
    size_t prefix = pb_read_varint((bytes_t){payload, header.length}, &expanded_length);
    if (prefix == 0 || expanded_length == 0) return BAD_COMPRESSION;
    if (expanded_length > DEFAULT_FRAME_BYTES) return FRAME_TOO_LARGE;
    char expanded[DEFAULT_FRAME_BYTES];
    int length = LZ4_decompress_safe((const char *)payload + prefix, expanded, (int)(header.length - prefix), (int)expanded_length);
    if (length < 0 || (uint64_t)length != expanded_length) return BAD_COMPRESSION;
    buffer_append(out, expanded, (size_t)length);
    return 0;
}

static void append_header(buffer_t *out, size_t length, uint8_t kind, uint32_t stream) {
    uint8_t start[4] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, kind};
    buffer_append(out, start, sizeof start);
    buffer_append_uint32(out, stream);
}

void frame_append(buffer_t *out, uint8_t type, uint8_t flags, uint32_t stream, bytes_t payload, bool compress) {
    if (compress && payload.length >= COMPRESSION_THRESHOLD) {
        buffer_t compressed = {0};
        char block[LZ4_COMPRESSBOUND(DEFAULT_FRAME_BYTES)];
        int length = LZ4_compress_default((const char *)payload.data, block, (int)payload.length, sizeof block);
        pb_put_varint(&compressed, payload.length);
        if (length > 0) buffer_append(&compressed, block, (size_t)length);
        bool shorter = length > 0 && compressed.length < payload.length;
        if (shorter) {
            append_header(out, compressed.length, type | flags | COMPRESSED, stream);
            buffer_append(out, compressed.data, compressed.length);
        }
        buffer_free(&compressed);
        if (shorter) return;
    }
    append_header(out, payload.length, type | flags, stream);
    buffer_append(out, payload.data, payload.length);
}
