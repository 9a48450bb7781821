#include "schema.h"

#include <string.h>

#define SCHEMA(name, label, ...)                             \
    static const pb_field name##_fields[] = {__VA_ARGS__};   \
    const pb_schema name = {label, name##_fields, sizeof name##_fields / sizeof name##_fields[0]}
#define INNER_SCHEMA(name, ...)                              \
    static const pb_field name##_fields[] = {__VA_ARGS__};   \
    static const pb_schema name = {#name, name##_fields, sizeof name##_fields / sizeof name##_fields[0]}
#define ONE(number, type) {number, type, false, 0, NULL}
#define MANY(number, type) {number, type, true, 0, NULL}
#define ONE_MESSAGE(number, schema) {number, PB_MESSAGE, false, 0, &schema}
#define MANY_MESSAGES(number, schema) {number, PB_MESSAGE, true, 0, &schema}
#define ONEOF_MESSAGE(number, schema) {number, PB_MESSAGE, false, 1, &schema}

// ---- connection -------------------------------------------------------------------------------------------------------

INNER_SCHEMA(limits, ONE(1, PB_UINT32), ONE(2, PB_UINT32), ONE(3, PB_UINT32), ONE(4, PB_UINT32), ONE(5, PB_UINT32),
             ONE(6, PB_UINT32));
SCHEMA(WELCOME_SCHEMA, "Welcome", ONE(1, PB_UINT32), ONE_MESSAGE(2, limits), ONE(3, PB_UINT64), ONE(4, PB_STRING),
       ONE(5, PB_STRING), ONE(6, PB_STRING));
SCHEMA(GOAWAY_SCHEMA, "GoAway", ONE(1, PB_UINT32), ONE(2, PB_ENUM), ONE(3, PB_UINT32), ONE(4, PB_STRING));
SCHEMA(ERROR_SCHEMA, "Error", ONE(1, PB_UINT32), ONE(2, PB_STRING), ONE(3, PB_BOOL), ONE(4, PB_UINT32), ONE(5, PB_STRING),
       ONE(6, PB_STRING));

// ---- answers ----------------------------------------------------------------------------------------------------------

SCHEMA(BEGIN_SCHEMA, "Begin", ONE(1, PB_STRING), ONE(2, PB_STRING), ONE(3, PB_STRING), ONE(4, PB_ENUM), ONE(5, PB_STRING),
       ONE(6, PB_UINT64));
SCHEMA(DELTA_SCHEMA, "Delta", ONE(1, PB_UINT64), ONE(2, PB_UINT32), ONE(3, PB_UINT32), ONE(4, PB_ENUM), ONE(5, PB_STRING),
       ONE(6, PB_STRING), ONE(7, PB_BYTES), ONE(8, PB_BYTES));

INNER_SCHEMA(item, ONE(1, PB_ENUM), ONE(2, PB_STRING), ONE(3, PB_STRING), ONE(4, PB_BYTES));
INNER_SCHEMA(choice, ONE(1, PB_UINT32), MANY_MESSAGES(2, item));
INNER_SCHEMA(chat_result, MANY_MESSAGES(1, choice));
INNER_SCHEMA(embedding, ONE(1, PB_UINT32), MANY(2, PB_FLOAT));
INNER_SCHEMA(embeddings_result, MANY_MESSAGES(1, embedding));
INNER_SCHEMA(model, ONE(1, PB_STRING), ONE(2, PB_STRING), ONE(3, PB_UINT64));
INNER_SCHEMA(models_result, MANY_MESSAGES(1, model));
INNER_SCHEMA(feedback_result, ONE(1, PB_BOOL));
SCHEMA(RESULT_SCHEMA, "Result", ONEOF_MESSAGE(1, chat_result), ONEOF_MESSAGE(2, embeddings_result),
       ONEOF_MESSAGE(3, models_result), ONEOF_MESSAGE(4, feedback_result));

INNER_SCHEMA(finish, ONE(1, PB_UINT32), ONE(2, PB_ENUM), ONE(3, PB_STRING));
INNER_SCHEMA(usage, ONE(1, PB_UINT64), ONE(2, PB_UINT64), ONE(3, PB_UINT64), ONE(4, PB_UINT64), ONE(5, PB_UINT64));
INNER_SCHEMA(scrub_count, ONE(1, PB_STRING), ONE(2, PB_UINT32));
INNER_SCHEMA(phase_timing, ONE(1, PB_STRING), ONE(2, PB_UINT32));
SCHEMA(END_SCHEMA, "End", MANY_MESSAGES(1, finish), ONE_MESSAGE(2, usage), ONE(3, PB_UINT64), ONE(4, PB_BOOL),
       MANY_MESSAGES(5, scrub_count), MANY_MESSAGES(6, phase_timing), ONE(7, PB_STRING), ONE(8, PB_STRING), ONE(9, PB_UINT32));

const pb_schema *schema_named(const char *name) {
    static const pb_schema *const all[] = {&WELCOME_SCHEMA, &GOAWAY_SCHEMA, &ERROR_SCHEMA, &BEGIN_SCHEMA,
                                           &DELTA_SCHEMA,   &RESULT_SCHEMA, &END_SCHEMA};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i]->name, name) == 0) return all[i];
    }
    return NULL;
}
