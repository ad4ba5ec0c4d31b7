/* SHA-256 compression in plain C (FIPS 180-4 section 6.2). Expected 10 to 12 cycles per byte: about
 * 700 cycles per block. The schedule is a ring of 16 words. */
#include "tasks/hash/sha256.h"

#include <string.h>

static inline uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

void sy_sha256_compress_words_portable(uint32_t state[8], const uint32_t *words, size_t count)
{
    for (; count > 0; count--, words += 16) {
        uint32_t w[16], s[8];
        memcpy(w, words, sizeof w);
        memcpy(s, state, sizeof s);
        for (int i = 0; i < 64; i++) {
            uint32_t word = w[i & 15];
            uint32_t big1 = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
            uint32_t choose = s[6] ^ (s[4] & (s[5] ^ s[6]));
            uint32_t t1 = s[7] + big1 + choose + sy_sha256_k[i] + word;
            uint32_t big0 = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
            uint32_t majority = (s[0] & s[1]) | (s[2] & (s[0] | s[1]));
            s[7] = s[6], s[6] = s[5], s[5] = s[4], s[4] = s[3] + t1;
            s[3] = s[2], s[2] = s[1], s[1] = s[0], s[0] = t1 + big0 + majority;
            uint32_t w1 = w[(i + 1) & 15], w14 = w[(i + 14) & 15];
            w[i & 15] = word + (rotate(w1, 7) ^ rotate(w1, 18) ^ w1 >> 3) + w[(i + 9) & 15] +
                        (rotate(w14, 17) ^ rotate(w14, 19) ^ w14 >> 10);
        }
        for (int i = 0; i < 8; i++)
            state[i] += s[i];
    }
}

void sy_sha256_compress_portable(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    for (; count > 0; count--, blocks += SY_SHA256_BLOCK_BYTES) {
        uint32_t words[16];
        memcpy(words, blocks, sizeof words);
        for (int i = 0; i < 16; i++)
            words[i] = __builtin_bswap32(words[i]);
        sy_sha256_compress_words_portable(state, words, 1);
    }
}

void sy_sha256_node_pairs_portable(uint8_t *ret_nodes, const uint8_t *in, size_t pair_count)
{
    static const uint32_t padding[16] = {[0] = 0x80000000, [15] = 512};
    for (size_t i = 0; i < pair_count; i++) {
        uint32_t state[8];
        memcpy(state, sy_sha256_h0, sizeof state);
        sy_sha256_compress_portable(state, in + 64 * i, 1);
        sy_sha256_compress_words_portable(state, padding, 1);
        for (int j = 0; j < 8; j++)
            state[j] = __builtin_bswap32(state[j]);
        memcpy(ret_nodes + 32 * i, state, sizeof state);
        ret_nodes[32 * i + 31] &= 0x3f;
    }
}
