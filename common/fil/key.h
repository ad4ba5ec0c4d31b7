/* secp256k1 keys: making, key files, signing, recovering.
 *
 * The digest is blake2b-256 of the signed bytes; a signature is r, s (low), v = recovery id 0..3.
 * Nonces are RFC 6979 (SHA-256), so a signature repeats byte for byte. Key files hold one line of
 * hex-lotus (hex of {"Type":"secp256k1","PrivateKey":"<base64>"}), mode 0600; a file that others
 * may read is refused. Keys are wiped when they go and are never printed. Threads: any.
 */
#ifndef SEALYARD_COMMON_FIL_KEY_H
#define SEALYARD_COMMON_FIL_KEY_H

#include "common/fil/message.h"

struct sy_fil_key {
    uint8_t secret[32];
    struct sy_fil_address address; /* protocol 1 */
};

/* A new random key. */
int sy_fil_key_generate(struct sy_fil_key *ret, struct sy_error *err);
/* From 32 secret bytes; -SY_E_RANGE when they are no valid key. */
int sy_fil_key_from(const uint8_t secret[32], struct sy_fil_key *ret, struct sy_error *err);
/* Reads a key file. -SY_E_DENIED when group or others have any right on it, -SY_E_PARSE,
 * -SY_E_UNSUPPORTED for other key types. Errors never show its content. */
int sy_fil_key_load(const char *path, struct sy_fil_key *ret, struct sy_error *err);
/* Parses the hex-lotus text. */
int sy_fil_key_import(const char *text, size_t bytes, struct sy_fil_key *ret, struct sy_error *err);
/* Durable, mode 0600; -SY_E_EXISTS when the path is taken. */
int sy_fil_key_save(const char *path, const struct sy_fil_key *key, struct sy_error *err);
void sy_fil_key_wipe(struct sy_fil_key *key);

int sy_fil_key_sign(const struct sy_fil_key *key, const void *data, size_t bytes,
                    struct sy_fil_signature *ret, struct sy_error *err);
/* The address whose key made the signature; -SY_E_AUTH when it is malformed. */
int sy_fil_signature_recover(const struct sy_fil_signature *signature, const void *data,
                             size_t bytes, struct sy_fil_address *ret, struct sy_error *err);
/* -SY_E_AUTH unless `address` signed. Only secp256k1 is checked here; other types are
 * -SY_E_UNSUPPORTED. */
int sy_fil_signature_check(const struct sy_fil_signature *signature, const void *data, size_t bytes,
                           const struct sy_fil_address *address, struct sy_error *err);

/* Signs the message's CID bytes; message.from must be the key's address (-SY_E_ARG). */
int sy_fil_key_sign_message(const struct sy_fil_key *key, struct sy_fil_signed_message *message,
                            struct sy_error *err);
int sy_fil_signed_check(const struct sy_fil_signed_message *message,
                        const struct sy_fil_address *signer, struct sy_error *err);

#endif
