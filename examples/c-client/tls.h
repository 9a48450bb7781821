// One TLS 1.3 connection with the ALPN id of the wire protocol, blocking.
#ifndef AGENTSHIELD_TLS_H
#define AGENTSHIELD_TLS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tls_connection tls_connection;

// Connects, verifies the server's certificate against the CA file (NULL: the system's) and its name against `host`.
// NULL after a message on standard error.
tls_connection *tls_connect(const char *host, const char *port, const char *ca_file);

// False when the connection is lost, closed, or silent for two minutes.
bool tls_write(tls_connection *connection, const void *data, size_t length);
bool tls_read(tls_connection *connection, void *data, size_t length);

void tls_close(tls_connection *connection);

#endif
