#include "tasks/hash/chacha.h"

#include <sodium.h>
#include <string.h>

#define CHACHA_BLOCK_BYTES 64

static inline uint32_t rotate_left(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static inline void quarter_round(uint32_t x[16], int a, int b, int c, int d)
{
    x[a] += x[b], x[d] = rotate_left(x[d] ^ x[a], 16);
    x[c] += x[d], x[b] = rotate_left(x[b] ^ x[c], 12);
    x[a] += x[b], x[d] = rotate_left(x[d] ^ x[a], 8);
    x[c] += x[d], x[b] = rotate_left(x[b] ^ x[c], 7);
}

void sy_chacha8_init(struct sy_chacha8 *chacha, const uint8_t key[SY_CHACHA_KEY_BYTES])
{
    static const char constant[16] = "expand 32-byte k";
    memset(chacha, 0, sizeof *chacha);
    memcpy(chacha->state, constant, 16);
    memcpy(chacha->state + 4, key, SY_CHACHA_KEY_BYTES);
    chacha->next = 8;
}

/* Expected 140 cycles per block: 4 double rounds of 8 quarter rounds. */
static void make_block(struct sy_chacha8 *chacha)
{
    uint32_t x[16];
    memcpy(x, chacha->state, sizeof x);
    for (int pair = 0; pair < 4; pair++) {
        for (int i = 0; i < 4; i++)
            quarter_round(x, i, 4 + i, 8 + i, 12 + i);
        for (int i = 0; i < 4; i++)
            quarter_round(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
    for (int i = 0; i < 16; i++)
        x[i] += chacha->state[i];
    memcpy(chacha->words, x, sizeof x);
    chacha->next = 0;
    uint64_t counter;
    memcpy(&counter, chacha->state + 12, 8);
    counter++;
    memcpy(chacha->state + 12, &counter, 8);
}

uint64_t sy_chacha8_next_u64(struct sy_chacha8 *chacha)
{
    if (chacha->next >= SY_ARRAY_SIZE(chacha->words))
        make_block(chacha);
    return chacha->words[chacha->next++];
}

int sy_chacha20_ietf_stream(void *ret_stream, size_t bytes, const uint8_t key[SY_CHACHA_KEY_BYTES],
                            const uint8_t nonce[SY_CHACHA_NONCE_BYTES], struct sy_error *err)
{
    if (bytes / CHACHA_BLOCK_BYTES >= UINT32_MAX)
        return sy_fail(err, SY_E_RANGE, "a ChaCha20 stream of %zu bytes, at most 2^32 blocks of 64",
                       bytes);
    if (crypto_stream_chacha20_ietf(ret_stream, bytes, nonce, key) != 0)
        return sy_fail(err, SY_E_BUG, "libsodium refused a ChaCha20 stream of %zu bytes", bytes);
    return 0;
}
