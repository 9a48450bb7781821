// Protocol Buffers as AgentShield reads them: stricter than protobuf's own decoders (see "Rules" in
// protocol/vectors/messages/README.md). A message is validated whole against its schema, once; then its fields are read
// without any further checks.
#ifndef AGENTSHIELD_PROTOBUF_H
#define AGENTSHIELD_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *data;
    size_t length;
} bytes_t;

// ---- schemas ----------------------------------------------------------------------------------------------------------

typedef enum { PB_UINT32, PB_UINT64, PB_INT64, PB_BOOL, PB_ENUM, PB_DOUBLE, PB_FLOAT, PB_STRING, PB_BYTES, PB_MESSAGE } pb_type;

typedef struct pb_schema pb_schema;

typedef struct {
    uint32_t number;
    pb_type type;
    bool repeated;
    uint8_t oneof;            // 0: none; fields of a message with the same number exclude each other
    const pb_schema *schema;  // PB_MESSAGE only
} pb_field;

struct pb_schema {
    const char *name;
    const pb_field *fields;
    size_t count;
};

// The rule that the bytes break, in the words of the vectors ("overlong_varint"), or NULL for a good message.
const char *pb_validate(const pb_schema *schema, bytes_t message, uint32_t element_limit);

// Elements of repeated fields that a message may have, floats excepted.
enum { PB_ELEMENT_LIMIT = 16384 };

// ---- reading ----------------------------------------------------------------------------------------------------------

typedef struct {
    uint32_t number;
    uint64_t value;  // varints
    bytes_t bytes;   // strings, bytes, inner messages
} pb_value;

// Takes the next field off the front of a validated message; false at its end.
bool pb_next(bytes_t *message, pb_value *value);

// A varint with at most 64 bits and no byte too many: its length in bytes, 0 if it is cut, overlong or too large.
size_t pb_read_varint(bytes_t input, uint64_t *value);

// ---- writing ----------------------------------------------------------------------------------------------------------

// A buffer that grows; out of memory ends the program.
typedef struct {
    uint8_t *data;
    size_t length;
    size_t capacity;
} buffer_t;

void buffer_append(buffer_t *buffer, const void *data, size_t length);
void buffer_append_uint32(buffer_t *buffer, uint32_t value);  // network byte order
void buffer_free(buffer_t *buffer);

// Fields at their default are not written.
void pb_put_varint(buffer_t *buffer, uint64_t value);
void pb_put_uint(buffer_t *buffer, uint32_t number, uint64_t value);
void pb_put_bytes(buffer_t *buffer, uint32_t number, bytes_t value);
void pb_put_string(buffer_t *buffer, uint32_t number, const char *value);
void pb_put_message(buffer_t *buffer, uint32_t number, const buffer_t *message);  // written even when empty

#endif
