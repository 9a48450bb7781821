// The messages of protocol/agentshield.proto that a client receives.
#ifndef AGENTSHIELD_SCHEMA_H
#define AGENTSHIELD_SCHEMA_H

#include "protobuf.h"

extern const pb_schema WELCOME_SCHEMA, GOAWAY_SCHEMA, ERROR_SCHEMA, BEGIN_SCHEMA, DELTA_SCHEMA, RESULT_SCHEMA, END_SCHEMA;

// The schema of that name, of those above; NULL if there is none.
const pb_schema *schema_named(const char *name);

#endif
