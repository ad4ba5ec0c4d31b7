#include "tasks/vanilla/challenges.h"

#include <sodium.h>
#include <string.h>

#include "tasks/hash/sha256.h"

#define CHACHA_BLOCK_BYTES 64

static const char ni_domain[] = "filecoin.io|PoRep|1|NonInteractive|1";
static const char generation_key[] = "filecoin.io|PoRep|1|Synthetic|1|Generation";
static const char selection_key[] = "filecoin.io|PoRep|1|Synthetic|1|Selection";
static const uint8_t synthetic_nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = "synth-porep";

static void put_u32le(uint8_t out[4], uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32le(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

uint64_t sy_challenge_reduce(const uint8_t bytes[32], uint64_t nodes)
{
    SY_ASSERT(nodes >= 2 && nodes <= (uint64_t)1 << 32);
    uint64_t modulus = nodes - 1;
    uint64_t rest = 0;
    for (unsigned i = 8; i-- > 0;)
        rest = (rest << 32 | get_u32le(bytes + 4 * i)) % modulus;
    return rest + 1;
}

void sy_challenges_interactive(const uint8_t replica_id[32], const uint8_t seed[32], uint64_t nodes,
                               uint32_t first, uint32_t count, uint64_t *ret)
{
    uint8_t message[32 + 32 + 4];
    uint8_t digest[32];
    memcpy(message, replica_id, 32);
    memcpy(message + 32, seed, 32);
    for (uint32_t i = 0; i < count; i++) {
        put_u32le(message + 64, first + i);
        sy_sha256(message, sizeof message, digest);
        ret[i] = sy_challenge_reduce(digest, nodes);
    }
}

void sy_challenges_noninteractive(const uint8_t replica_id[32], const uint8_t comm_r[32],
                                  uint64_t nodes, uint32_t first, uint32_t count, uint64_t *ret)
{
    enum { DOMAIN = sizeof ni_domain - 1 };
    uint8_t message[DOMAIN + 32 + 32 + 4];
    uint8_t digest[32];
    memcpy(message, ni_domain, DOMAIN);
    memcpy(message + DOMAIN, replica_id, 32);
    memcpy(message + DOMAIN + 32, comm_r, 32);
    for (uint32_t i = 0; i < count; i++) {
        put_u32le(message + DOMAIN + 64, first + i);
        sy_sha256(message, sizeof message, digest);
        ret[i] = sy_challenge_reduce(digest, nodes);
    }
}

/* ChaCha20 key = BLAKE2b-256 keyed with a domain text over the two values. */
static void derive_key(const char *domain, const uint8_t a[32], const uint8_t b[32],
                       uint8_t ret_key[crypto_stream_chacha20_ietf_KEYBYTES])
{
    uint8_t message[64];
    memcpy(message, a, 32);
    memcpy(message + 32, b, 32);
    crypto_generichash(ret_key, crypto_stream_chacha20_ietf_KEYBYTES, message, sizeof message,
                       (const unsigned char *)domain, strlen(domain));
}

static void key_stream_block(const uint8_t *key, uint32_t block, uint8_t out[CHACHA_BLOCK_BYTES])
{
    memset(out, 0, CHACHA_BLOCK_BYTES);
    crypto_stream_chacha20_ietf_xor_ic(out, out, CHACHA_BLOCK_BYTES, synthetic_nonce, block, key);
}

uint32_t sy_challenges_synthetic_count(uint64_t nodes)
{
    return nodes < SY_CHALLENGES_SYNTHETIC_MAX ? (uint32_t)nodes : SY_CHALLENGES_SYNTHETIC_MAX;
}

int sy_challenges_synthetic(const uint8_t replica_id[32], const uint8_t comm_r[32], uint64_t nodes,
                            uint32_t first, uint32_t count, uint64_t *ret, struct sy_error *err)
{
    uint8_t key[crypto_stream_chacha20_ietf_KEYBYTES];
    uint8_t block[CHACHA_BLOCK_BYTES];
    uint32_t set_count = sy_challenges_synthetic_count(nodes);
    if (first > set_count || count > set_count - first)
        return sy_fail(err, SY_E_RANGE, "synthetic challenges %u..+%u: the set has %u", first,
                       count, set_count);
    derive_key(generation_key, replica_id, comm_r, key);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = first + i;
        if (i == 0 || at % 2 == 0)
            key_stream_block(key, at / 2, block);
        ret[i] = sy_challenge_reduce(block + 32 * (at % 2), nodes);
    }
    return 0;
}

void sy_challenges_synthetic_pick(const uint8_t replica_id[32], const uint8_t seed[32],
                                  uint32_t set_count, uint32_t first, uint32_t count, uint32_t *ret)
{
    enum { WORDS = CHACHA_BLOCK_BYTES / 4 };
    uint8_t key[crypto_stream_chacha20_ietf_KEYBYTES];
    uint8_t block[CHACHA_BLOCK_BYTES];
    SY_ASSERT(set_count > 0);
    derive_key(selection_key, replica_id, seed, key);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = first + i;
        if (i == 0 || at % WORDS == 0)
            key_stream_block(key, at / WORDS, block);
        ret[i] = get_u32le(block + 4 * (at % WORDS)) % set_count;
    }
}
