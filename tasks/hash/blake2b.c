#include "tasks/hash/blake2b.h"

#include <sodium.h>

int sy_blake2b(void *ret_digest, size_t digest_bytes, const void *key, size_t key_bytes,
               const void *message, size_t message_bytes, struct sy_error *err)
{
    if (digest_bytes < crypto_generichash_BYTES_MIN || digest_bytes > crypto_generichash_BYTES_MAX)
        return sy_fail(err, SY_E_RANGE, "a BLAKE2b digest of %zu bytes, expected %u to %u",
                       digest_bytes, crypto_generichash_BYTES_MIN, crypto_generichash_BYTES_MAX);
    if (key_bytes != 0 && (key_bytes < crypto_generichash_KEYBYTES_MIN ||
                           key_bytes > crypto_generichash_KEYBYTES_MAX))
        return sy_fail(err, SY_E_RANGE, "a BLAKE2b key of %zu bytes, expected 0 or %u to %u",
                       key_bytes, crypto_generichash_KEYBYTES_MIN, crypto_generichash_KEYBYTES_MAX);
    if (crypto_generichash(ret_digest, digest_bytes, message, message_bytes,
                           key_bytes == 0 ? NULL : key, key_bytes) != 0)
        return sy_fail(err, SY_E_BUG, "libsodium refused a BLAKE2b hash of %zu bytes",
                       message_bytes);
    return 0;
}
