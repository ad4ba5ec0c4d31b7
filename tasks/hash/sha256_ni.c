/* SHA-256 with the SHA extensions.
 *
 * The instruction keeps the eight state words in two registers, ABEF and CDGH, most significant
 * lane first. sha256rnds2 does two rounds, has latency 4 and starts once per cycle here: a chain of
 * one stream costs at least 128 cycles per block, and four independent streams together reach 32
 * per block. Trees therefore run SY_SHA256_NI_STREAMS pairs side by side.
 */
#include "tasks/hash/sha256.h"

#include <immintrin.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define STREAMS 4

struct ni_state {
    __m128i abef;
    __m128i cdgh;
};

ALWAYS_INLINE __m128i load128(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

ALWAYS_INLINE struct ni_state load_state(const uint32_t state[8])
{
    __m128i dcba = _mm_shuffle_epi32(load128(state), 0xb1);     /* lanes B A D C */
    __m128i hgfe = _mm_shuffle_epi32(load128(state + 4), 0x1b); /* lanes H G F E */
    struct ni_state ret = {_mm_alignr_epi8(dcba, hgfe, 8), _mm_blend_epi16(hgfe, dcba, 0xf0)};
    return ret;
}

ALWAYS_INLINE void store_state(uint32_t state[8], struct ni_state s)
{
    __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* Four rounds with the sums W+K of the four words. */
ALWAYS_INLINE void rounds4(struct ni_state *s, __m128i sums)
{
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, sums);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(sums, 0x0e));
}

/* The next four schedule words from the last sixteen: m[group % 4] is replaced. */
ALWAYS_INLINE void extend(__m128i m[4], int group)
{
    __m128i *oldest = &m[group & 3];
    __m128i newest = m[(group + 3) & 3];
    __m128i middle = _mm_alignr_epi8(newest, m[(group + 2) & 3], 4);
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(*oldest, m[(group + 1) & 3]), middle);
    *oldest = _mm_sha256msg2_epu32(sum, newest);
}

/* One block: m are its 16 words in order. Expected 129 cycles, the latency of 32 sha256rnds2. */
ALWAYS_INLINE void compress_block(struct ni_state *s, __m128i m[4])
{
    const struct ni_state start = *s;
#pragma GCC unroll 16
    for (int group = 0; group < 16; group++) {
        if (group >= 4)
            extend(m, group);
        rounds4(s, _mm_add_epi32(m[group & 3], load128(sy_sha256_k + 4 * group)));
    }
    s->abef = _mm_add_epi32(s->abef, start.abef);
    s->cdgh = _mm_add_epi32(s->cdgh, start.cdgh);
}

ALWAYS_INLINE __m128i swap_bytes(__m128i words)
{
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    return _mm_shuffle_epi8(words, order);
}

void sy_sha256_compress_ni(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    struct ni_state s = load_state(state);
    for (; count > 0; count--, blocks += SY_SHA256_BLOCK_BYTES) {
        __m128i m[4];
        for (int i = 0; i < 4; i++)
            m[i] = swap_bytes(load128(blocks + 16 * i));
        compress_block(&s, m);
    }
    store_state(state, s);
}

void sy_sha256_compress_words_ni(uint32_t state[8], const uint32_t *words, size_t count)
{
    struct ni_state s = load_state(state);
    for (; count > 0; count--, words += 16) {
        __m128i m[4];
        for (int i = 0; i < 4; i++)
            m[i] = load128(words + 4 * i);
        compress_block(&s, m);
    }
    store_state(state, s);
}

/* W+K of the block that ends a 64-byte message, 80 00.. and the length 512 bits: the same for every
 * node, so its schedule is a table (recurrence of FIPS 180-4 section 6.2.2; held against the
 * portable kernel by the tests). */
_Alignas(64) static const uint32_t padding_sums[64] = {
    0xc28a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf374,
    0x649b69c1, 0xf0fe4786, 0x0fe1edc6, 0x240cf254, 0x4fe9346f, 0x6cc984be, 0x61b9411e, 0x16f988fa,
    0xf2c65152, 0xa88e5a6d, 0xb019fc65, 0xb9d99ec7, 0x9a1231c3, 0xe70eeaa0, 0xfdb1232b, 0xc7353eb0,
    0x3069bad5, 0xcb976d5f, 0x5a0f118f, 0xdc1eeefd, 0x0a35b689, 0xde0b7a04, 0x58f4ca9d, 0xe15d5b16,
    0x007f3e86, 0x37088980, 0xa507ea32, 0x6fab9537, 0x17406110, 0x0d8cd6f1, 0xcdaa3b6d, 0xc0bbbe37,
    0x83613bda, 0xdb48a363, 0x0b02e931, 0x6fd15ca7, 0x521afaca, 0x31338431, 0x6ed41a95, 0x6d437890,
    0xc39c91f2, 0x9eccabbd, 0xb5c9a0e6, 0x532fb63c, 0xd2c741c6, 0x07237ea3, 0xa4954b68, 0x4c191d76};

/* `streams` (a constant) pairs at once. Expected for four: 50 cycles per data block (schedule
 * computed) and 36 per padding block (schedule from the table), 86 cycles per pair. */
ALWAYS_INLINE void hash_pairs(uint8_t *ret_nodes, const uint8_t *in, const int streams)
{
    struct ni_state s[STREAMS], middle[STREAMS];
    __m128i m[STREAMS][4];
    const struct ni_state start = load_state(sy_sha256_h0);
#pragma GCC unroll 4
    for (int i = 0; i < streams; i++) {
        s[i] = start;
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            m[i][j] = swap_bytes(load128(in + 64 * i + 16 * j));
    }
#pragma GCC unroll 16
    for (int group = 0; group < 16; group++)
#pragma GCC unroll 4
        for (int i = 0; i < streams; i++) {
            if (group >= 4)
                extend(m[i], group);
            rounds4(&s[i], _mm_add_epi32(m[i][group & 3], load128(sy_sha256_k + 4 * group)));
        }
#pragma GCC unroll 4
    for (int i = 0; i < streams; i++) {
        s[i].abef = _mm_add_epi32(s[i].abef, start.abef);
        s[i].cdgh = _mm_add_epi32(s[i].cdgh, start.cdgh);
        middle[i] = s[i];
    }
#pragma GCC unroll 16
    for (int group = 0; group < 16; group++)
#pragma GCC unroll 4
        for (int i = 0; i < streams; i++)
            rounds4(&s[i], load128(padding_sums + 4 * group));
#pragma GCC unroll 4
    for (int i = 0; i < streams; i++) {
        uint32_t words[8];
        s[i].abef = _mm_add_epi32(s[i].abef, middle[i].abef);
        s[i].cdgh = _mm_add_epi32(s[i].cdgh, middle[i].cdgh);
        store_state(words, s[i]);
        words[7] &= 0xffffff3f; /* big-endian: the last byte is the low one */
        _mm_storeu_si128((__m128i *)(ret_nodes + 32 * i), swap_bytes(load128(words)));
        _mm_storeu_si128((__m128i *)(ret_nodes + 32 * i + 16), swap_bytes(load128(words + 4)));
    }
}

void sy_sha256_node_pairs_ni(uint8_t *ret_nodes, const uint8_t *in, size_t pair_count)
{
    size_t i = 0;
    for (; i + STREAMS <= pair_count; i += STREAMS)
        hash_pairs(ret_nodes + 32 * i, in + 64 * i, STREAMS);
    for (; i < pair_count; i++)
        hash_pairs(ret_nodes + 32 * i, in + 64 * i, 1);
}
