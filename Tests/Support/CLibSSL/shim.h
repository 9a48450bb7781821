// libssl as a rival in the benchmark of TLS; the gateway's own listeners use swift-nio-ssl.
#ifndef AGENTSHIELD_BENCH_LIBSSL_SHIM_H
#define AGENTSHIELD_BENCH_LIBSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

// Macros, which Swift cannot call.
static inline int clibssl_only_tls13(SSL_CTX *context) { return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION); }
static inline void clibssl_release_buffers(SSL_CTX *context) { SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); }

#endif
