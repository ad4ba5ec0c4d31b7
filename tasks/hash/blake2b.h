/* BLAKE2b (RFC 7693) through libsodium. */
#ifndef SEALYARD_TASKS_HASH_BLAKE2B_H
#define SEALYARD_TASKS_HASH_BLAKE2B_H

#include "common/err.h"

#define SY_BLAKE2B_BYTES_MAX 64

/* Digest of digest_bytes (16..64) over message; key of key_bytes (0, or 16..64; shorter keys are
 * legal in the RFC but refused by the library). -SY_E_RANGE for other sizes. Threads: pure. */
int sy_blake2b(void *ret_digest, size_t digest_bytes, const void *key, size_t key_bytes,
               const void *message, size_t message_bytes, struct sy_error *err);

#endif
