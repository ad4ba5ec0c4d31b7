#include "common/fil/randomness.h"

#include "common/fil/address.h"
#include "common/fil/cid.h"

#include <sodium.h>

static void put_be64(crypto_generichash_state *state, int64_t value)
{
    uint8_t raw[8];
    for (int i = 0; i < 8; i++)
        raw[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
    crypto_generichash_update(state, raw, sizeof(raw));
}

void sy_fil_draw_digest(const uint8_t digest[32], int64_t tag, int64_t epoch, const void *entropy,
                        size_t entropy_bytes, uint8_t ret[32])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 32);
    put_be64(&state, tag);
    crypto_generichash_update(&state, digest, 32);
    put_be64(&state, epoch);
    if (entropy_bytes)
        crypto_generichash_update(&state, entropy, entropy_bytes);
    crypto_generichash_final(&state, ret, 32);
}

void sy_fil_draw(const void *base, size_t base_bytes, int64_t tag, int64_t epoch,
                 const void *entropy, size_t entropy_bytes, uint8_t ret[32])
{
    uint8_t digest[32];
    sy_fil_hash(base, base_bytes, digest);
    sy_fil_draw_digest(digest, tag, epoch, entropy, entropy_bytes, ret);
}

size_t sy_fil_miner_entropy(uint64_t miner, uint8_t *out)
{
    struct sy_fil_address address;
    struct sy_cbor_writer writer;
    sy_fil_address_id(miner, &address);
    sy_cbor_writer_init(&writer, out, SY_FIL_ENTROPY_BYTES);
    sy_fil_address_put(&writer, &address);
    SY_ASSERT(!writer.overflow);
    return writer.bytes;
}
