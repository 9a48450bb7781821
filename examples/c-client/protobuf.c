#include "protobuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- varints ----------------------------------------------------------------------------------------------------------

static const char *varint_error(bytes_t input, uint64_t *value, size_t *length) {
    uint64_t result = 0;
    for (size_t i = 0; i < input.length; i++) {
        uint8_t byte = input.data[i];
        if (i == 9 && byte > 1) return "varint_overflow";
        result |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        if (byte == 0 && i > 0) return "overlong_varint";
        *value = result;
        *length = i + 1;
        return NULL;
    }
    return "truncated";
}

size_t pb_read_varint(bytes_t input, uint64_t *value) {
    size_t length = 0;
    return varint_error(input, value, &length) ? 0 : length;
}

static void skip(bytes_t *input, size_t length) {
    input->data += length;
    input->length -= length;
}

static const char *take_varint(bytes_t *input, uint64_t *value) {
    size_t length = 0;
    const char *error = varint_error(*input, value, &length);
    if (!error) skip(input, length);
    return error;
}

static const char *take_bytes(bytes_t *input, bytes_t *value) {
    uint64_t length = 0;
    const char *error = take_varint(input, &length);
    if (error) return error;
    if (length > input->length) return "truncated";
    *value = (bytes_t){input->data, (size_t)length};
    skip(input, (size_t)length);
    return NULL;
}

static const char *take_fixed(bytes_t *input, size_t length) {
    if (input->length < length) return "truncated";
    skip(input, length);
    return NULL;
}

// ---- validation -------------------------------------------------------------------------------------------------------

enum { VARINT = 0, FIXED64 = 1, DELIMITED = 2, FIXED32 = 5 };

// UTF-8 as of RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF.
static bool is_utf8(bytes_t text) {
    for (size_t i = 0; i < text.length;) {
        uint8_t lead = text.data[i++];
        if (lead < 0x80) continue;
        size_t more = lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
        if (more == 0 || text.length - i < more) return false;
        uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (text.data[i] < low || text.data[i] > high) return false;
        for (size_t k = 1; k < more; k++) {
            if ((text.data[i + k] & 0xc0) != 0x80) return false;
        }
        i += more;
    }
    return true;
}

static bool wire_type_fits(const pb_field *field, unsigned wire_type) {
    switch (field->type) {
        case PB_DOUBLE: return wire_type == FIXED64;
        case PB_FLOAT: return wire_type == FIXED32 || (field->repeated && wire_type == DELIMITED);
        case PB_STRING:
        case PB_BYTES:
        case PB_MESSAGE: return wire_type == DELIMITED;
        default: return wire_type == VARINT;
    }
}

static const char *value_error(pb_type type, uint64_t value) {
    bool fits = true;
    if (type == PB_UINT32) fits = value <= UINT32_MAX;
    if (type == PB_BOOL) fits = value <= 1;
    if (type == PB_ENUM) fits = value <= INT32_MAX || value >= 0xffffffff80000000u;
    return fits ? NULL : "value_out_of_range";
}

static const char *validate(const pb_schema *schema, bytes_t message, uint32_t *elements_left);

static const char *take_known(const pb_field *field, unsigned wire_type, bytes_t *message, uint32_t *elements_left) {
    const char *error;
    uint64_t number = 0;
    bytes_t bytes = {0};
    switch (wire_type) {
        case VARINT:
            error = take_varint(message, &number);
            return error ? error : value_error(field->type, number);
        case FIXED64: return take_fixed(message, 8);
        case FIXED32: return take_fixed(message, 4);
        default: break;
    }
    error = take_bytes(message, &bytes);
    if (error) return error;
    if (field->type == PB_STRING && !is_utf8(bytes)) return "invalid_utf8";
    if (field->type == PB_FLOAT && bytes.length % 4 != 0) return "truncated";
    return field->type == PB_MESSAGE ? validate(field->schema, bytes, elements_left) : NULL;
}

static const char *take_unknown(unsigned wire_type, bytes_t *message) {
    uint64_t number;
    bytes_t bytes;
    switch (wire_type) {
        case VARINT: return take_varint(message, &number);
        case FIXED64: return take_fixed(message, 8);
        case FIXED32: return take_fixed(message, 4);
        default: return take_bytes(message, &bytes);
    }
}

// What a message's fields say about each other; `seen` has a bit for each field of the schema, `oneofs` for each oneof.
static const char *occurrence_error(const pb_field *field, size_t index, uint32_t *seen, uint32_t *oneofs, uint32_t *elements_left) {
    if (field->repeated) {
        if (field->type == PB_FLOAT) return NULL;
        if (*elements_left == 0) return "too_many_elements";
        *elements_left -= 1;
        return NULL;
    }
    if (*seen & (1u << index)) return "repeated_field";
    *seen |= 1u << index;
    if (field->oneof == 0) return NULL;
    if (*oneofs & (1u << field->oneof)) return "repeated_oneof";
    *oneofs |= 1u << field->oneof;
    return NULL;
}

static const char *validate(const pb_schema *schema, bytes_t message, uint32_t *elements_left) {
    uint32_t seen = 0, oneofs = 0;
    while (message.length > 0) {
        uint64_t tag = 0;
        const char *error = take_varint(&message, &tag);
        if (error) return error;
        unsigned wire_type = (unsigned)(tag & 7);
        uint64_t number = tag >> 3;
        if (number == 0 || number > 0x1fffffff) return "invalid_field_number";
        if (wire_type == 3 || wire_type == 4 || wire_type > 5) return "invalid_wire_type";
        size_t index = 0;
        while (index < schema->count && schema->fields[index].number != number) index++;
        if (index == schema->count) {
            error = take_unknown(wire_type, &message);
        } else {
            const pb_field *field = &schema->fields[index];
            if (!wire_type_fits(field, wire_type)) return "wrong_wire_type";
            error = occurrence_error(field, index, &seen, &oneofs, elements_left);
            if (!error) error = take_known(field, wire_type, &message, elements_left);
        }
        if (error) return error;
    }
    return NULL;
}

const char *pb_validate(const pb_schema *schema, bytes_t message, uint32_t element_limit) {
    return validate(schema, message, &element_limit);
}

// ---- reading ----------------------------------------------------------------------------------------------------------

bool pb_next(bytes_t *message, pb_value *value) {
    uint64_t tag = 0;
    if (message->length == 0 || take_varint(message, &tag)) return false;
    *value = (pb_value){.number = (uint32_t)(tag >> 3)};
    switch (tag & 7) {
        case VARINT: return take_varint(message, &value->value) == NULL;
        case FIXED64: return take_fixed(message, 8) == NULL;
        case FIXED32: return take_fixed(message, 4) == NULL;
        case DELIMITED: return take_bytes(message, &value->bytes) == NULL;
        default: return false;
    }
}

// ---- writing ----------------------------------------------------------------------------------------------------------

void buffer_append(buffer_t *buffer, const void *data, size_t length) {
    if (length == 0) return;
    if (buffer->capacity - buffer->length < length) {
        size_t capacity = buffer->capacity ? buffer->capacity : 256;
        while (capacity - buffer->length < length) {
            if (capacity > SIZE_MAX / 2) abort();
            capacity *= 2;
        }
        buffer->data = realloc(buffer->data, capacity);
        if (!buffer->data) {
            fputs("out of memory\n", stderr);
            exit(EXIT_FAILURE);
        }
        buffer->capacity = capacity;
    }
    memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
}

void buffer_append_uint32(buffer_t *buffer, uint32_t value) {
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    buffer_append(buffer, bytes, sizeof bytes);
}

void buffer_free(buffer_t *buffer) {
    free(buffer->data);
    *buffer = (buffer_t){0};
}

void pb_put_varint(buffer_t *buffer, uint64_t value) {
    uint8_t bytes[10];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7) bytes[length++] = (uint8_t)(value | 0x80);
    bytes[length++] = (uint8_t)value;
    buffer_append(buffer, bytes, length);
}

static void put_tag(buffer_t *buffer, uint32_t number, unsigned wire_type) {
    pb_put_varint(buffer, (uint64_t)number << 3 | wire_type);
}

void pb_put_uint(buffer_t *buffer, uint32_t number, uint64_t value) {
    if (value == 0) return;
    put_tag(buffer, number, VARINT);
    pb_put_varint(buffer, value);
}

void pb_put_bytes(buffer_t *buffer, uint32_t number, bytes_t value) {
    if (value.length == 0) return;
    put_tag(buffer, number, DELIMITED);
    pb_put_varint(buffer, value.length);
    buffer_append(buffer, value.data, value.length);
}

void pb_put_string(buffer_t *buffer, uint32_t number, const char *value) {
    pb_put_bytes(buffer, number, (bytes_t){(const uint8_t *)value, strlen(value)});
}

void pb_put_message(buffer_t *buffer, uint32_t number, const buffer_t *message) {
    put_tag(buffer, number, DELIMITED);
    pb_put_varint(buffer, message->length);
    buffer_append(buffer, message->data, message->length);
}
