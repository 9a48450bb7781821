// What the gateway uses of libcrypto. The `static inline` functions stand for macros and variadic functions, which Swift cannot call, and
// for calls that take OSSL_PARAM lists, whose borrowed strings must outlive the call.
#ifndef AGENTSHIELD_COPENSSL_SHIM_H
#define AGENTSHIELD_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

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

/// A public key of the named kind from parameters, which are freed. NULL if it is none.
static inline EVP_PKEY *copenssl_public_key(const char *kind, OSSL_PARAM *parameters) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *key = NULL;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context) != 1
        || EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        key = NULL;
    }
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    return key;
}

/// An RSA public key from its modulus and exponent, big-endian; at most 2^20 bytes each. NULL if it is none.
static inline EVP_PKEY *copenssl_rsa_public_key(const unsigned char *n, size_t n_count, const unsigned char *e, size_t e_count) {
    BIGNUM *modulus = BN_bin2bn(n, (int)n_count, NULL), *exponent = BN_bin2bn(e, (int)e_count, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *parameters = NULL;
    if (modulus && exponent && builder && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1
        && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        parameters = OSSL_PARAM_BLD_to_param(builder);
    }
    EVP_PKEY *key = copenssl_public_key("RSA", parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/// A public key on P-256 from its point, uncompressed: 4, x, y. NULL if it is none.
static inline EVP_PKEY *copenssl_p256_public_key(const unsigned char *point, size_t point_count) {
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *parameters = NULL;
    if (builder && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1
        && OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, point_count) == 1) {
        parameters = OSSL_PARAM_BLD_to_param(builder);
    }
    EVP_PKEY *key = copenssl_public_key("EC", parameters);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

/// Bits of an RSA key's public exponent; 0 if there is none, or an even one.
static inline int copenssl_rsa_exponent_bits(const EVP_PKEY *key) {
    BIGNUM *exponent = NULL;
    int bits = 0;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 && BN_is_odd(exponent)) bits = BN_num_bits(exponent);
    BN_free(exponent);
    return bits;
}

/// 1 if the key is on P-256, with a point that is on the curve.
static inline int copenssl_is_p256(EVP_PKEY *key) {
    char group[32];
    size_t count = 0;
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof group, &count) != 1) return 0;
    if (strcmp(group, "prime256v1") != 0) return 0;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    int result = context && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    return result;
}

/// Whether `signature` is one of the message by SHA-256 and the key's own scheme: PKCS#1 v1.5 for RSA, DER for ECDSA. 1 if it is.
static inline int copenssl_verify_sha256(
    EVP_PKEY *key, const unsigned char *signature, size_t signature_count, const unsigned char *message, size_t message_count) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int result = context && EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) == 1
        && EVP_DigestVerify(context, signature, signature_count, message, message_count) == 1;
    EVP_MD_CTX_free(context);
    return result;
}

/// As above for an ECDSA signature on P-256 as r and s of 32 bytes each (RFC 7518, 3.4).
static inline int copenssl_verify_es256(
    EVP_PKEY *key, const unsigned char *signature, const unsigned char *message, size_t message_count) {
    ECDSA_SIG *parts = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
    unsigned char *der = NULL;
    int result = 0;
    if (parts && r && s && !BN_is_zero(r) && !BN_is_zero(s) && ECDSA_SIG_set0(parts, r, s) == 1) {
        // From here on both belong to the signature.
        r = s = NULL;
        int count = i2d_ECDSA_SIG(parts, &der);
        if (count > 0) result = copenssl_verify_sha256(key, der, (size_t)count, message, message_count);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(parts);
    OPENSSL_free(der);
    return result;
}

/// The bytes that a memory BIO holds; they stay the BIO's.
static inline long copenssl_bio_bytes(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

#endif
