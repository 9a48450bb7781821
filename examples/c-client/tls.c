#define _POSIX_C_SOURCE 200809L
#include "tls.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { SILENCE_SECONDS = 120 };

static const unsigned char ALPN[] = "\x0d" "agentshield/1";

struct tls_connection {
    SSL_CTX *context;
    SSL *ssl;
    int socket;
};

static void report(const char *what) {
    unsigned long code = ERR_peek_last_error();
    fprintf(stderr, "%s%s%s\n", what, code ? ": " : "", code ? ERR_reason_error_string(code) : "");
}

static int connect_socket(const char *host, const char *port) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    int status = getaddrinfo(host, port, &hints, &list);
    if (status != 0) {
        fprintf(stderr, "%s: %s\n", host, gai_strerror(status));
        return -1;
    }
    int descriptor = -1;
    for (struct addrinfo *address = list; address && descriptor < 0; address = address->ai_next) {
        descriptor = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (descriptor >= 0 && connect(descriptor, address->ai_addr, address->ai_addrlen) != 0) {
            close(descriptor);
            descriptor = -1;
        }
    }
    freeaddrinfo(list);
    if (descriptor < 0) {
        perror("connect");
        return -1;
    }
    int on = 1;
    struct timeval silence = {.tv_sec = SILENCE_SECONDS};
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
    return descriptor;
}

static bool is_ip_address(const char *host) {
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

// An address is matched with the certificate's addresses, a name with its names.
static bool expect_host(SSL *ssl, const char *host) {
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    if (is_ip_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool handshake(tls_connection *connection, const char *host, const char *ca_file) {
    connection->context = SSL_CTX_new(TLS_client_method());
    if (!connection->context || SSL_CTX_set_min_proto_version(connection->context, TLS1_3_VERSION) != 1) return false;
    int trusted = ca_file ? SSL_CTX_load_verify_locations(connection->context, ca_file, NULL)
                          : SSL_CTX_set_default_verify_paths(connection->context);
    if (trusted != 1) return false;
    connection->ssl = SSL_new(connection->context);
    if (!connection->ssl || !expect_host(connection->ssl, host)) return false;
    if (SSL_set_alpn_protos(connection->ssl, ALPN, sizeof ALPN - 1) != 0) return false;
    return SSL_set_fd(connection->ssl, connection->socket) == 1 && SSL_connect(connection->ssl) == 1;
}

static bool alpn_agreed(SSL *ssl) {
    const unsigned char *chosen = NULL;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &length);
    return length == ALPN[0] && memcmp(chosen, ALPN + 1, length) == 0;
}

tls_connection *tls_connect(const char *host, const char *port, const char *ca_file) {
    tls_connection *connection = calloc(1, sizeof *connection);
    if (!connection) return NULL;
    connection->socket = connect_socket(host, port);
    if (connection->socket < 0) {
        tls_close(connection);
        return NULL;
    }
    if (!handshake(connection, host, ca_file)) {
        report("TLS handshake failed");
        tls_close(connection);
        return NULL;
    }
    if (!alpn_agreed(connection->ssl)) {
        fputs("the server does not speak agentshield/1\n", stderr);
        tls_close(connection);
        return NULL;
    }
    return connection;
}

bool tls_write(tls_connection *connection, const void *data, size_t length) {
    size_t written = 0;
    return length == 0 || SSL_write_ex(connection->ssl, data, length, &written) == 1;
}

bool tls_read(tls_connection *connection, void *data, size_t length) {
    size_t total = 0, count = 0;
    while (total < length) {
        if (SSL_read_ex(connection->ssl, (char *)data + total, length - total, &count) != 1) return false;
        total += count;
    }
    return true;
}

void tls_close(tls_connection *connection) {
    if (connection->ssl && SSL_is_init_finished(connection->ssl)) SSL_shutdown(connection->ssl);
    SSL_free(connection->ssl);
    SSL_CTX_free(connection->context);
    if (connection->socket >= 0) close(connection->socket);
    free(connection);
}
