// What the gateway uses of libcrypto. The `static inline` functions stand for macros and variadic functions, which Swift cannot call, and
// for calls that take OSSL_PARAM lists, whose borrowed strings must outlive the call.
#ifndef AGENTSHIELD_COPENSSL_SHIM_H
#define AGENTSHIELD_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/// Gives `context`, made from the fetched HMAC, its digest and key. 1 on success.
static inline int copenssl_hmac_sha256_init(EVP_MAC_CTX *context, const unsigned char *key, size_t key_count) {
    OSSL_PARAM parameters[2];
    parameters[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0);
    parameters[1] = OSSL_PARAM_construct_end();
    return EVP_MAC_init(context, key, key_count, parameters);
}

/// One whole HMAC with the key that `context` already has. `out` has room for 32 bytes. 1 on success.
static inline int copenssl_hmac_sha256(EVP_MAC_CTX *context, const void *bytes, size_t count, unsigned char *out) {
    size_t written = 0;
    return EVP_MAC_init(context, NULL, 0, NULL) && EVP_MAC_update(context, (const unsigned char *)bytes, count)
        && EVP_MAC_final(context, out, &written, 32) && written == 32;
}

/// HKDF with SHA-256, extract then expand (RFC 5869). 1 on success.
static inline int copenssl_hkdf_sha256(
    const void *secret, size_t secret_count, const void *salt, size_t salt_count, const void *info, size_t info_count,
    unsigned char *out, size_t out_count) {
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM parameters[5], *next = parameters;
    int result = 0;
    *next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
    *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, secret_count);
    if (salt_count > 0) *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_count);
    if (info_count > 0) *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_count);
    *next = OSSL_PARAM_construct_end();
    if (context) result = EVP_KDF_derive(context, out, out_count, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return result;
}

/// A new key pair on P-256, or NULL.
static inline EVP_PKEY *copenssl_p256_generate(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"); }

/// The bytes that a memory BIO holds; they stay the BIO's.
static inline long copenssl_bio_bytes(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

#endif
