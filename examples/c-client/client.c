#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "report.h"
#include "schema.h"

enum { STREAM = 1 };

enum { CANCEL_CALLER = 1, CANCEL_INVALID_ANSWER = 3 };

typedef enum { AWAITING_WELCOME, AWAITING_BEGIN, BEGUN, STREAMING, WHOLE } answer_state;

typedef struct {
    tls_connection *tls;
    const chat_options *options;
    answer_state state;
    uint32_t opened_stream;  // the highest stream that we sent anything on
    bool request_sent;       // whole
    bool lz4;
    // What we may still send, in uncompressed bytes.
    int64_t stream_credit, connection_credit;
    uint32_t max_message_bytes;
    // What the server may still send, and what of it we have taken and not given back.
    int64_t stream_window, connection_window, stream_owed, connection_owed;
    uint32_t stream_window_size;
    uint64_t last_sequence;
    buffer_t result;         // of a whole answer, as far as it has come
    uint32_t result_length;  // as declared by its first fragment
    bool result_begun;
    traffic counters;
} client_t;

// What the conversation does after a frame.
typedef enum { CONTINUE, ANSWERED, REFUSED, LOST, VIOLATED } step;

static bool send_frame(client_t *client, uint8_t type, uint8_t flags, uint32_t stream, bytes_t payload) {
    buffer_t out = {0};
    bool compress = client->lz4 && (type == REQUEST);
    frame_append(&out, type, flags, stream, payload, compress);
    if (type == REQUEST) client->counters.compressed_requests += (out.data[3] & COMPRESSED) != 0;
    client->counters.bytes_sent += out.length;
    bool sent = tls_write(client->tls, out.data, out.length);
    buffer_free(&out);
    return sent;
}

static step violated(client_t *client, uint32_t code, const char *message) {
    buffer_t body = {0};
    pb_put_uint(&body, 1, code);
    pb_put_string(&body, 2, message);
    send_frame(client, ERROR, 0, 0, (bytes_t){body.data, body.length});
    buffer_free(&body);
    fprintf(client->options->report, "violation: %u %s\n", code, message);
    return VIOLATED;
}

static void send_cancel(client_t *client, uint32_t reason) {
    buffer_t body = {0};
    pb_put_uint(&body, 1, reason);
    send_frame(client, CANCEL, 0, STREAM, (bytes_t){body.data, body.length});
    buffer_free(&body);
}

// An answer that cannot be used ends its stream alone.
static step unusable(client_t *client, const char *message) {
    send_cancel(client, CANCEL_INVALID_ANSWER);
    fprintf(client->options->report, "violation: %s\n", message);
    return VIOLATED;
}

// ---- what we send -----------------------------------------------------------------------------------------------------

static bool send_hello(client_t *client) {
    buffer_t limits = {0}, body = {0};
    pb_put_uint(&limits, 4, client->options->stream_credit);
    pb_put_uint(&body, 1, 1);
    pb_put_uint(&body, 2, 1);
    if (limits.length > 0) pb_put_message(&body, 3, &limits);
    pb_put_uint(&body, 4, client->options->compress ? FEATURE_LZ4 : 0);
    pb_put_string(&body, 5, client->options->credential);
    pb_put_string(&body, 6, "c-client/1");
    bool sent = send_frame(client, HELLO, 0, 0, (bytes_t){body.data, body.length});
    buffer_free(&limits);
    buffer_free(&body);
    return sent;
}

// The message as it is cut into fragments: its length in 4 bytes, then Request{chat}.
static buffer_t request_message(const chat_options *options) {
    buffer_t part = {0}, message = {0}, chat = {0}, request = {0}, whole = {0};
    pb_put_string(&part, 1, options->text);
    pb_put_uint(&message, 1, 3);  // USER
    pb_put_message(&message, 2, &part);
    pb_put_string(&chat, 1, options->model);
    pb_put_message(&chat, 2, &message);
    pb_put_uint(&chat, 3, options->stream);
    pb_put_uint(&request, 1, options->deadline_ms);
    pb_put_message(&request, 16, &chat);
    buffer_append_uint32(&whole, (uint32_t)request.length);
    buffer_append(&whole, request.data, request.length);
    buffer_free(&part);
    buffer_free(&message);
    buffer_free(&chat);
    buffer_free(&request);
    return whole;
}

static step take_frame(client_t *client);

// Sends the request as credit allows; while there is none, it reads what the server has to say.
static step send_request(client_t *client) {
    buffer_t message = request_message(client->options);
    step next = CONTINUE;
    if (message.length - 4 > client->max_message_bytes) {
        fputs("the request is longer than the server accepts\n", client->options->report);
        next = REFUSED;
    }
    for (size_t offset = 0; offset < message.length && next == CONTINUE;) {
        int64_t credit = client->stream_credit < client->connection_credit ? client->stream_credit : client->connection_credit;
        // The first fragment holds at least the length.
        if (credit < (offset == 0 ? 4 : 1)) {
            next = take_frame(client);
            continue;
        }
        size_t length = message.length - offset;
        if (length > DEFAULT_FRAME_BYTES) length = DEFAULT_FRAME_BYTES;
        if ((int64_t)length > credit) length = (size_t)credit;
        uint8_t flag = offset + length == message.length ? END_STREAM : MORE;
        client->opened_stream = STREAM;
        client->request_sent = flag == END_STREAM;
        if (!send_frame(client, REQUEST, flag, STREAM, (bytes_t){message.data + offset, length})) next = LOST;
        client->stream_credit -= (int64_t)length;
        client->connection_credit -= (int64_t)length;
        client->counters.request_bytes += length;
        offset += length;
    }
    // Refused while it was still being sent: the server can forget the stream.
    if (next == REFUSED && client->opened_stream == STREAM) send_cancel(client, CANCEL_CALLER);
    buffer_free(&message);
    return next;
}

// ---- credit -----------------------------------------------------------------------------------------------------------

static bool send_credit(client_t *client, uint32_t stream, int64_t *owed, int64_t *window) {
    buffer_t body = {0};
    buffer_append_uint32(&body, (uint32_t)*owed);
    bool sent = send_frame(client, CREDIT, 0, stream, (bytes_t){body.data, body.length});
    buffer_free(&body);
    client->counters.credits_sent += 1;
    *window += *owed;
    *owed = 0;
    return sent;
}

// Counts a RESULT's or DELTA's uncompressed bytes, and gives credit back by halves of a window.
static step account(client_t *client, size_t length) {
    client->stream_window -= (int64_t)length;
    client->connection_window -= (int64_t)length;
    if (client->stream_window < 0 || client->connection_window < 0) {
        return violated(client, FLOW_CONTROL_ERROR, "more was sent than there was credit");
    }
    client->stream_owed += (int64_t)length;
    client->connection_owed += (int64_t)length;
    if (client->stream_owed * 2 >= client->stream_window_size
        && !send_credit(client, STREAM, &client->stream_owed, &client->stream_window)) {
        return LOST;
    }
    if (client->connection_owed * 2 >= DEFAULT_CONNECTION_CREDIT
        && !send_credit(client, 0, &client->connection_owed, &client->connection_window)) {
        return LOST;
    }
    return CONTINUE;
}

static step take_credit(client_t *client, uint32_t stream, const uint8_t payload[4]) {
    uint32_t increment = (uint32_t)payload[0] << 24 | (uint32_t)payload[1] << 16 | (uint32_t)payload[2] << 8 | payload[3];
    if (increment == 0) return violated(client, PROTOCOL_ERROR, "a CREDIT of 0");
    if (increment > INT32_MAX) return violated(client, FLOW_CONTROL_ERROR, "a CREDIT above 2^31 - 1");
    client->counters.credits_received += 1;
    if (stream == STREAM && client->request_sent) return CONTINUE;  // nothing is left to send there
    int64_t *credit = stream == 0 ? &client->connection_credit : &client->stream_credit;
    if (*credit + increment > INT32_MAX) return violated(client, FLOW_CONTROL_ERROR, "credit above 2^31 - 1");
    *credit += increment;
    return CONTINUE;
}

// ---- what we receive --------------------------------------------------------------------------------------------------

// What a WELCOME may say; 0 stands for the protocol's default.
static bool limit_in_range(uint32_t number, uint64_t value) {
    switch (number) {
        case 1: return value >= DEFAULT_FRAME_BYTES && value <= 0xffffff;
        case 4: return value >= DEFAULT_STREAM_CREDIT && value <= INT32_MAX;
        case 5: return value >= DEFAULT_CONNECTION_CREDIT && value <= INT32_MAX;
        default: return true;
    }
}

static step take_limits(client_t *client, bytes_t limits) {
    pb_value limit;
    while (pb_next(&limits, &limit)) {
        if (limit.value == 0) continue;
        if (!limit_in_range(limit.number, limit.value)) return violated(client, PROTOCOL_ERROR, "WELCOME with a limit out of its range");
        // Our frames never use more than the default of max_frame_bytes.
        if (limit.number == 2) client->max_message_bytes = (uint32_t)limit.value;
        if (limit.number == 4) client->stream_credit = (int64_t)limit.value;
        if (limit.number == 5) client->connection_credit = (int64_t)limit.value;
    }
    return CONTINUE;
}

static step take_welcome(client_t *client, bytes_t body) {
    pb_value value;
    uint64_t version = 0;
    step next = CONTINUE;
    while (pb_next(&body, &value)) {
        if (value.number == 1) version = value.value;
        if (value.number == 2 && next == CONTINUE) next = take_limits(client, value.bytes);
        if (value.number == 3) client->lz4 = client->options->compress && (value.value & FEATURE_LZ4);
    }
    if (version != 1) return violated(client, UNSUPPORTED_VERSION, "WELCOME with a version that was not offered");
    client->state = AWAITING_BEGIN;
    return next;
}

// Streams above the last one that was accepted never will be.
static step take_goaway(client_t *client, bytes_t body) {
    pb_value value;
    uint64_t last_stream = 0;
    report_goaway(client->options->report, body);
    while (pb_next(&body, &value)) {
        if (value.number == 1) last_stream = value.value;
    }
    return last_stream < STREAM ? REFUSED : CONTINUE;
}

static void write_item(client_t *client, uint64_t kind, bytes_t name, bytes_t data) {
    enum { TEXT_ITEM = 1, TOOL_CALL_ITEM = 3, REFUSAL_ITEM = 4 };
    if (kind == TEXT_ITEM || kind == REFUSAL_ITEM) {
        fwrite(data.data, 1, data.length, client->options->answer);
        fflush(client->options->answer);
    } else if (kind == TOOL_CALL_ITEM) {
        if (name.length > 0) fprintf(client->options->report, "tool call: %.*s ", (int)name.length, (const char *)name.data);
        fwrite(data.data, 1, data.length, client->options->report);
    }
}

static step take_delta(client_t *client, bytes_t body) {
    pb_value value;
    uint64_t sequence = 0, kind = 0;
    bytes_t name = {0}, data = {0};
    while (pb_next(&body, &value)) {
        if (value.number == 1) sequence = value.value;
        if (value.number == 4) kind = value.value;
        if (value.number == 6) name = value.bytes;
        if (value.number == 7) data = value.bytes;
    }
    if (sequence != client->last_sequence + 1) return unusable(client, "a DELTA is missing or came twice");
    client->last_sequence = sequence;
    client->counters.deltas += 1;
    write_item(client, kind, name, data);
    return CONTINUE;
}

static void write_choice(client_t *client, bytes_t choice) {
    pb_value item, value;
    while (pb_next(&choice, &item)) {
        if (item.number != 2) continue;
        uint64_t kind = 0;
        bytes_t name = {0}, data = {0};
        while (pb_next(&item.bytes, &value)) {
            if (value.number == 1) kind = value.value;
            if (value.number == 3) name = value.bytes;
            if (value.number == 4) data = value.bytes;
        }
        write_item(client, kind, name, data);
    }
}

static step finish_result(client_t *client) {
    bytes_t body = {client->result.data, client->result.length};
    const char *error = pb_validate(&RESULT_SCHEMA, body, PB_ELEMENT_LIMIT);
    if (error) return unusable(client, error);
    pb_value result, choice;
    while (pb_next(&body, &result)) {
        if (result.number != 1) continue;
        while (pb_next(&result.bytes, &choice)) {
            if (choice.number == 1) write_choice(client, choice.bytes);
        }
    }
    client->state = WHOLE;
    return CONTINUE;
}

static step take_result(client_t *client, frame_header header, bytes_t fragment) {
    if (!client->result_begun) {
        if (fragment.length < 4) return violated(client, PROTOCOL_ERROR, "a RESULT without its length");
        client->result_begun = true;
        client->result_length = (uint32_t)fragment.data[0] << 24 | (uint32_t)fragment.data[1] << 16
                                | (uint32_t)fragment.data[2] << 8 | fragment.data[3];
        if (client->result_length > DEFAULT_MESSAGE_BYTES) return unusable(client, "the answer is too large");
        fragment = (bytes_t){fragment.data + 4, fragment.length - 4};
    }
    if (fragment.length > client->result_length - client->result.length) {
        return violated(client, PROTOCOL_ERROR, "a RESULT longer than declared");
    }
    buffer_append(&client->result, fragment.data, fragment.length);
    if (header.flags & MORE) return CONTINUE;
    if (client->result.length < client->result_length) return violated(client, PROTOCOL_ERROR, "a RESULT shorter than declared");
    return finish_result(client);
}

// Whether the frame may come now. RESULT and DELTA exclude each other; END needs the answer to be whole.
static bool in_order(const client_t *client, frame_header header) {
    bool result_open = client->result_begun && client->state != WHOLE;
    if (client->state == AWAITING_WELCOME) {
        return header.type == WELCOME || header.type == GOAWAY || (header.type == ERROR && header.stream == 0);
    }
    switch (header.type) {
        case WELCOME: return false;
        case BEGIN: return client->state == AWAITING_BEGIN && client->request_sent;
        case DELTA: return (client->state == BEGUN || client->state == STREAMING) && !client->result_begun;
        case RESULT: return client->state == BEGUN;
        case END: return client->state >= BEGUN && !result_open;
        default: return true;
    }
}

static const pb_schema *schema_of(uint8_t type) {
    switch (type) {
        case WELCOME: return &WELCOME_SCHEMA;
        case BEGIN: return &BEGIN_SCHEMA;
        case DELTA: return &DELTA_SCHEMA;
        case END: return &END_SCHEMA;
        case ERROR: return &ERROR_SCHEMA;
        case GOAWAY: return &GOAWAY_SCHEMA;
        default: return NULL;
    }
}

// A frame whose header is good, its payload uncompressed.
static step handle(client_t *client, frame_header header, bytes_t payload) {
    FILE *report = client->options->report;
    if (header.type < HELLO || header.type > GOAWAY) return CONTINUE;
    if (!in_order(client, header)) return violated(client, PROTOCOL_ERROR, "a frame out of order");
    if (header.stream > client->opened_stream) return violated(client, PROTOCOL_ERROR, "a frame on a stream that was never opened");
    const pb_schema *schema = schema_of(header.type);
    const char *error = schema ? pb_validate(schema, payload, PB_ELEMENT_LIMIT) : NULL;
    if (error) {
        bool of_answer = header.type == BEGIN || header.type == DELTA || header.type == END;
        return of_answer ? unusable(client, error) : violated(client, PROTOCOL_ERROR, error);
    }
    switch (header.type) {
        case WELCOME: return take_welcome(client, payload);
        case BEGIN:
            client->state = BEGUN;
            report_begin(report, payload);
            return CONTINUE;
        case DELTA:
            client->state = STREAMING;
            return take_delta(client, payload);
        case RESULT: return take_result(client, header, payload);
        case END:
            fputs("\n", client->options->answer);
            fflush(client->options->answer);
            report_end(report, payload);
            return ANSWERED;
        case ERROR: report_error(report, payload); return REFUSED;
        case CREDIT: return take_credit(client, header.stream, payload.data);
        case PING: return send_frame(client, PONG, 0, 0, payload) ? CONTINUE : LOST;
        case GOAWAY: return take_goaway(client, payload);
        default: return CONTINUE;
    }
}

static step take_frame(client_t *client) {
    uint8_t header_bytes[HEADER_BYTES], payload[DEFAULT_FRAME_BYTES];
    if (!tls_read(client->tls, header_bytes, sizeof header_bytes)) return LOST;
    frame_header header = frame_parse_header(header_bytes);
    uint32_t code = frame_header_error(header);
    if (code) return violated(client, code, "a frame's header is wrong");
    if ((header.flags & COMPRESSED) && header.type <= GOAWAY && !client->lz4) {
        return violated(client, PROTOCOL_ERROR, "a compressed frame, and LZ4 was not agreed");
    }
    if (!tls_read(client->tls, payload, header.length)) return LOST;
    client->counters.bytes_received += HEADER_BYTES + header.length;
    bool of_body = header.type == RESULT || header.type == DELTA;
    if (!of_body) return handle(client, header, (bytes_t){payload, header.length});

    buffer_t expanded = {0};
    code = frame_expand(header, payload, &expanded);
    client->counters.compressed_answers += (header.flags & COMPRESSED) != 0;
    client->counters.answer_bytes += expanded.length;
    step next = code ? violated(client, code, "a compressed payload is wrong") : account(client, expanded.length);
    if (next == CONTINUE) next = handle(client, header, (bytes_t){expanded.data, expanded.length});
    buffer_free(&expanded);
    return next;
}

outcome chat(tls_connection *connection, const chat_options *options) {
    client_t client = {
        .tls = connection,
        .options = options,
        .stream_credit = DEFAULT_STREAM_CREDIT,
        .connection_credit = DEFAULT_CONNECTION_CREDIT,
        .max_message_bytes = DEFAULT_MESSAGE_BYTES,
        .stream_window_size = options->stream_credit ? options->stream_credit : DEFAULT_STREAM_CREDIT,
        .connection_window = DEFAULT_CONNECTION_CREDIT,
    };
    client.stream_window = client.stream_window_size;
    step next = send_hello(&client) ? CONTINUE : LOST;
    while (next == CONTINUE && client.state == AWAITING_WELCOME) next = take_frame(&client);
    if (next == CONTINUE) next = send_request(&client);
    while (next == CONTINUE) next = take_frame(&client);
    if (next == ANSWERED) send_frame(&client, GOAWAY, 0, 0, (bytes_t){0});
    if (next == LOST) fputs("the connection was lost\n", options->report);
    report_traffic(options->report, &client.counters);
    buffer_free(&client.result);
    switch (next) {
        case ANSWERED: return OUTCOME_ANSWERED;
        case REFUSED: return OUTCOME_REFUSED;
        case LOST: return OUTCOME_DISCONNECTED;
        default: return OUTCOME_VIOLATED;
    }
}
