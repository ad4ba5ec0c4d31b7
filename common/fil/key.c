#include "common/fil/key.h"

#include "common/file.h"
#include "common/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_BYTES_MAX 4096
#define KEY_TRIES 16 /* a random number is no key once in 2^127 */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static secp256k1_context *context;

static void make_context(void)
{
    uint8_t seed[32];
    if (sodium_init() < 0)
        return;
    context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    randombytes_buf(seed, sizeof(seed));
    if (context && !secp256k1_context_randomize(context, seed)) {
        secp256k1_context_destroy(context);
        context = NULL;
    }
    sodium_memzero(seed, sizeof(seed));
}

/* A plugin that is unloaded takes its context along. */
__attribute__((destructor)) static void drop_context(void)
{
    if (context)
        secp256k1_context_destroy(context);
    context = NULL;
}

static int get_context(struct sy_error *err)
{
    pthread_once(&once, make_context);
    if (!context)
        return sy_fail(err, SY_E_NOMEM, "secp256k1 or libsodium could not be set up");
    return 0;
}

static int print_public(const secp256k1_pubkey *public_key, struct sy_fil_address *ret,
                        struct sy_error *err)
{
    uint8_t raw[SY_FIL_PUBLIC_KEY_BYTES];
    size_t bytes = sizeof(raw);
    if (!secp256k1_ec_pubkey_serialize(context, raw, &bytes, public_key, SECP256K1_EC_UNCOMPRESSED))
        return sy_fail(err, SY_E_BUG, "public key does not serialise");
    sy_fil_address_secp(raw, ret);
    return 0;
}

int sy_fil_key_from(const uint8_t secret[32], struct sy_fil_key *ret, struct sy_error *err)
{
    struct sy_fil_key key;
    secp256k1_pubkey public_key;
    int rc = get_context(err);
    if (rc < 0)
        return rc;
    if (!secp256k1_ec_pubkey_create(context, &public_key, secret))
        return sy_fail(err, SY_E_RANGE, "private key is zero or not below the group order");
    rc = print_public(&public_key, &key.address, err);
    if (rc == 0) {
        memcpy(key.secret, secret, sizeof(key.secret));
        *ret = key;
    }
    sy_fil_key_wipe(&key);
    return rc;
}

int sy_fil_key_generate(struct sy_fil_key *ret, struct sy_error *err)
{
    uint8_t secret[32];
    int rc = get_context(err);
    for (int i = 0; rc == 0 && i < KEY_TRIES; i++) {
        randombytes_buf(secret, sizeof(secret));
        rc = sy_fil_key_from(secret, ret, err);
        if (rc != -SY_E_RANGE)
            break;
    }
    sodium_memzero(secret, sizeof(secret));
    return rc;
}

void sy_fil_key_wipe(struct sy_fil_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

/* {"Type":"secp256k1","PrivateKey":"..."}; json is wiped by the caller. */
static int parse_key_info(const char *text, struct sy_fil_key *ret, struct sy_error *err)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(json, "Type"));
    json_t *private_key = json_object_get(json, "PrivateKey");
    uint8_t secret[32];
    size_t bytes = 0;
    int rc;
    if (!type || !json_is_string(private_key))
        rc = sy_fail(err, SY_E_PARSE, "key: expected hex of {\"Type\",\"PrivateKey\"}");
    else if (strcmp(type, "secp256k1") != 0)
        rc = sy_fail(err, SY_E_UNSUPPORTED, "key type \"%.20s\": only secp256k1 keys sign here",
                     type);
    else if (sy_base64_decode(json_string_value(private_key), json_string_length(private_key),
                              secret, sizeof(secret), &bytes, NULL) < 0 ||
             bytes != sizeof(secret))
        rc = sy_fail(err, SY_E_PARSE, "key: PrivateKey is not base64 of 32 bytes");
    else
        rc = sy_fil_key_from(secret, ret, err);
    sodium_memzero(secret, sizeof(secret));
    if (json_is_string(private_key))
        sodium_memzero((void *)(uintptr_t)json_string_value(private_key),
                       json_string_length(private_key));
    json_decref(json);
    return rc;
}

int sy_fil_key_import(const char *text, size_t bytes, struct sy_fil_key *ret, struct sy_error *err)
{
    char hex[KEY_FILE_BYTES_MAX + 1], info[KEY_FILE_BYTES_MAX / 2 + 1];
    int rc;
    while (bytes && (text[bytes - 1] == '\n' || text[bytes - 1] == '\r' || text[bytes - 1] == ' '))
        bytes--;
    if (bytes == 0 || bytes > KEY_FILE_BYTES_MAX || bytes % 2)
        return sy_fail(err, SY_E_PARSE, "key: expected one line of hex (hex-lotus), %zu characters",
                       bytes);
    memcpy(hex, text, bytes);
    hex[bytes] = 0;
    memset(info, 0, sizeof(info));
    rc = sy_hex_decode(hex, info, bytes / 2, NULL);
    if (rc < 0)
        rc = sy_fail(err, SY_E_PARSE, "key: the text is not hex (hex-lotus is expected)");
    else
        rc = parse_key_info(info, ret, err);
    sodium_memzero(hex, sizeof(hex));
    sodium_memzero(info, sizeof(info));
    return rc;
}

int sy_fil_key_load(const char *path, struct sy_fil_key *ret, struct sy_error *err)
{
    char text[KEY_FILE_BYTES_MAX + 1];
    struct stat info;
    ssize_t bytes;
    int rc = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return sy_fail_errno(err, errno, "key file %s", path);
    if (fstat(fd, &info) < 0)
        rc = sy_fail_errno(err, errno, "key file %s", path);
    else if (!S_ISREG(info.st_mode))
        rc = sy_fail(err, SY_E_ARG, "key file %s is not a regular file", path);
    else if (info.st_mode & 077)
        rc = sy_fail(err, SY_E_DENIED, "key file %s has mode %03o, expected 600: chmod 600 it",
                     path, (unsigned)info.st_mode & 0777u);
    if (rc == 0) {
        bytes = read(fd, text, sizeof(text));
        if (bytes < 0)
            rc = sy_fail_errno(err, errno, "key file %s", path);
        else
            rc = sy_fil_key_import(text, (size_t)bytes, ret, err);
        if (rc < 0)
            sy_error_wrap(err, "key file %s", path);
    }
    sodium_memzero(text, sizeof(text));
    close(fd);
    return rc;
}

int sy_fil_key_save(const char *path, const struct sy_fil_key *key, struct sy_error *err)
{
    char private_key[SY_BASE64_TEXT_BYTES(32)], info[160], hex[SY_HEX_TEXT_BYTES(160) + 1];
    int length, rc;
    if (access(path, F_OK) == 0)
        return sy_fail(err, SY_E_EXISTS, "key file %s exists, it is not overwritten", path);
    sy_base64_encode(key->secret, sizeof(key->secret), private_key);
    length =
        snprintf(info, sizeof(info), "{\"Type\":\"secp256k1\",\"PrivateKey\":\"%s\"}", private_key);
    sy_hex_encode(info, (size_t)length, hex);
    hex[2 * length] = '\n';
    rc = sy_file_write(path, hex, 2 * (size_t)length + 1, 0600, err);
    sodium_memzero(private_key, sizeof(private_key));
    sodium_memzero(info, sizeof(info));
    sodium_memzero(hex, sizeof(hex));
    return rc;
}

int sy_fil_key_sign(const struct sy_fil_key *key, const void *data, size_t bytes,
                    struct sy_fil_signature *ret, struct sy_error *err)
{
    secp256k1_ecdsa_recoverable_signature signature;
    struct sy_fil_signature out = {.type = SY_FIL_SIGNATURE_SECP256K1,
                                   .bytes = SY_FIL_SECP_SIGNATURE_BYTES};
    uint8_t digest[SY_HASH_BYTES];
    int recovery, rc = get_context(err);
    if (rc < 0)
        return rc;
    sy_fil_hash(data, bytes, digest);
    if (!secp256k1_ecdsa_sign_recoverable(context, &signature, digest, key->secret,
                                          secp256k1_nonce_function_rfc6979, NULL))
        return sy_fail(err, SY_E_BUG, "signing failed with a checked key");
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context, out.data, &recovery,
                                                            &signature);
    out.data[64] = (uint8_t)recovery;
    *ret = out;
    return 0;
}

int sy_fil_signature_recover(const struct sy_fil_signature *signature, const void *data,
                             size_t bytes, struct sy_fil_address *ret, struct sy_error *err)
{
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey public_key;
    uint8_t digest[SY_HASH_BYTES];
    int rc = get_context(err);
    if (rc < 0)
        return rc;
    if (signature->type != SY_FIL_SIGNATURE_SECP256K1)
        return sy_fail(err, SY_E_UNSUPPORTED, "signature type %u, only 1 (secp256k1) is checked",
                       signature->type);
    if (signature->bytes != SY_FIL_SECP_SIGNATURE_BYTES || signature->data[64] > 3)
        return sy_fail(err, SY_E_AUTH, "signature of %u bytes with recovery id %u is malformed",
                       signature->bytes, signature->data[64]);
    sy_fil_hash(data, bytes, digest);
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, signature->data,
                                                             signature->data[64]) ||
        !secp256k1_ecdsa_recover(context, &public_key, &parsed, digest))
        return sy_fail(err, SY_E_AUTH, "signature gives no public key");
    return print_public(&public_key, ret, err);
}

int sy_fil_signature_check(const struct sy_fil_signature *signature, const void *data, size_t bytes,
                           const struct sy_fil_address *address, struct sy_error *err)
{
    struct sy_fil_address signer;
    char found[SY_FIL_ADDRESS_TEXT_BYTES], expected[SY_FIL_ADDRESS_TEXT_BYTES];
    int rc = sy_fil_signature_recover(signature, data, bytes, &signer, err);
    if (rc < 0)
        return rc;
    if (!sy_fil_address_equal(&signer, address))
        return sy_fail(err, SY_E_AUTH, "signature is of %s, expected %s",
                       sy_fil_address_print(&signer, 't', found),
                       sy_fil_address_print(address, 't', expected));
    return 0;
}

int sy_fil_key_sign_message(const struct sy_fil_key *key, struct sy_fil_signed_message *message,
                            struct sy_error *err)
{
    struct sy_fil_cid cid;
    int rc;
    if (!sy_fil_address_equal(&message->message.from, &key->address))
        return sy_fail(err, SY_E_ARG, "the message is not from the address of this key");
    rc = sy_fil_message_cid(&message->message, &cid, err);
    if (rc == 0)
        rc = sy_fil_key_sign(key, cid.data, cid.bytes, &message->signature, err);
    return rc;
}

int sy_fil_signed_check(const struct sy_fil_signed_message *message,
                        const struct sy_fil_address *signer, struct sy_error *err)
{
    struct sy_fil_cid cid;
    int rc = sy_fil_message_cid(&message->message, &cid, err);
    if (rc == 0)
        rc = sy_fil_signature_check(&message->signature, cid.data, cid.bytes, signer, err);
    return rc;
}
