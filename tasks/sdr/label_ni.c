/* One-sector labelling with the SHA extensions.
 *
 * Per node 19 chained compressions of 129 cycles (latency of 32 sha256rnds2 at 4 cycles), plus a
 * few cycles from the end of one label to the first round of the next: 2467 cycles is the measured
 * floor of that chain. Everything else must hide beside it: the first block of the next node runs
 * as a second stream beside block PRELUDE_BLOCK, loads and schedules of later blocks do not depend
 * on the chain, and parents are prefetched from its middle.
 */
#include "tasks/hash/sha256.h"
#include "tasks/sdr/label_kernel.h"

#include <immintrin.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define PAIRS 18 /* blocks of two parents each */
#define PRELUDE_BLOCK 9
#define PREFETCH_BLOCK 2

struct chain {
    __m128i abef;
    __m128i cdgh;
};

ALWAYS_INLINE __m128i load128(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

ALWAYS_INLINE __m128i load_words(const void *from)
{
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    return _mm_shuffle_epi8(load128(from), order);
}

ALWAYS_INLINE struct chain first_state(void)
{
    /* Lanes, most significant first: A B E F and C D G H. */
    const uint32_t *h = sy_sha256_h0;
    struct chain s = {
        _mm_set_epi32((int)h[0], (int)h[1], (int)h[4], (int)h[5]),
        _mm_set_epi32((int)h[2], (int)h[3], (int)h[6], (int)h[7]),
    };
    return s;
}

ALWAYS_INLINE void four_rounds(struct chain *s, const __m128i *m, int group)
{
    __m128i sums = _mm_add_epi32(m[group & 3], load128(sy_sha256_k + 4 * group));
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, sums);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(sums, 0x0e));
}

/* Replaces the oldest four of the sixteen schedule words by the next four. */
ALWAYS_INLINE void next_words(__m128i *m, int group)
{
    __m128i last = m[(group + 3) & 3];
    __m128i shifted = _mm_alignr_epi8(last, m[(group + 2) & 3], 4);
    __m128i part = _mm_sha256msg1_epu32(m[group & 3], m[(group + 1) & 3]);
    m[group & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(part, shifted), last);
}

ALWAYS_INLINE void add_state(struct chain *s, const struct chain *start)
{
    s->abef = _mm_add_epi32(s->abef, start->abef);
    s->cdgh = _mm_add_epi32(s->cdgh, start->cdgh);
}

ALWAYS_INLINE void compress(struct chain *s, __m128i *m)
{
    const struct chain start = *s;
#pragma GCC unroll 16
    for (int group = 0; group < 16; group++) {
        if (group >= 4)
            next_words(m, group);
        four_rounds(s, m, group);
    }
    add_state(s, &start);
}

/* Two independent compressions in the time of one. */
ALWAYS_INLINE void compress_two(struct chain *a, __m128i *ma, struct chain *b, __m128i *mb)
{
    const struct chain start_a = *a, start_b = *b;
#pragma GCC unroll 16
    for (int group = 0; group < 16; group++) {
        if (group >= 4) {
            next_words(ma, group);
            next_words(mb, group);
        }
        four_rounds(a, ma, group);
        four_rounds(b, mb, group);
    }
    add_state(a, &start_a);
    add_state(b, &start_b);
}

ALWAYS_INLINE void load_pair(__m128i *m, const uint8_t *left, const uint8_t *right)
{
    m[0] = load_words(left);
    m[1] = load_words(left + 16);
    m[2] = load_words(right);
    m[3] = load_words(right + 16);
}

/* The first block's words: replica_id || layer || node || zeros. */
ALWAYS_INLINE void load_prelude(__m128i *m, const struct sy_label_job *job, uint64_t node)
{
    m[0] = load_words(job->replica_id);
    m[1] = load_words(job->replica_id + 16);
    m[2] = _mm_set_epi32(0, (int)(uint32_t)node, (int)(uint32_t)(node >> 32), (int)job->layer);
    m[3] = _mm_setzero_si128();
}

ALWAYS_INLINE void store_label(uint8_t *to, const struct chain *s)
{
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    const __m128i mask = _mm_set_epi32(0x3fffffff, -1, -1, -1);
    __m128i feba = _mm_shuffle_epi32(s->abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(s->cdgh, 0xb1);
    __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0);
    __m128i hgfe = _mm_alignr_epi8(dchg, feba, 8);
    _mm_storeu_si128((__m128i *)to, _mm_shuffle_epi8(dcba, order));
    _mm_storeu_si128((__m128i *)(to + 16), _mm_and_si128(_mm_shuffle_epi8(hgfe, order), mask));
}

/* Node 0 has no parents: its second block is the padding of a 64-byte message. */
static void label_first(const struct sy_label_job *job)
{
    struct chain s = first_state();
    __m128i m[4];
    load_prelude(m, job, 0);
    compress(&s, m);
    m[0] = _mm_set_epi32(0, 0, 0, (int)0x80000000);
    m[1] = _mm_setzero_si128();
    m[2] = _mm_setzero_si128();
    m[3] = _mm_set_epi32(0x200, 0, 0, 0);
    compress(&s, m);
    store_label(job->layer_data, &s);
}

ALWAYS_INLINE void prefetch_ahead(const struct sy_label_job *job, uint64_t node, uint64_t position,
                                  uint64_t end)
{
    uint64_t ahead = node + SY_LABEL_PREFETCH_NODES;
    if (!job->gathered)
        sy_label_prefetch(job, SY_MIN(ahead, job->nodes - 1));
    else if (ahead < end)
        sy_label_prefetch_copy(job, position + SY_LABEL_PREFETCH_NODES);
}

/* One node from the state after its first block; *s becomes that state of the next node. */
ALWAYS_INLINE void label_node(const struct sy_label_job *job, uint64_t node, uint64_t begin,
                              uint64_t end, uint32_t period, struct chain *s)
{
    const uint8_t *parent[SY_PARENTS];
    const uint64_t position = node - begin;
    struct chain next = first_state();
    __m128i m[4], next_m[4];
    uint32_t slot = 0;

    sy_label_parent_pointers(job, node, position, parent);
    for (int block = 0; block < PAIRS; block++) {
        load_pair(m, parent[slot], parent[slot + 1]);
        slot += 2;
        if (slot == period)
            slot = 0;
        if (block == PREFETCH_BLOCK)
            prefetch_ahead(job, node, position, end);
        if (block == PRELUDE_BLOCK) {
            load_prelude(next_m, job, node + 1);
            compress_two(s, m, &next, next_m);
        } else {
            compress(s, m);
        }
    }
    m[0] = load_words(parent[slot]);
    m[1] = load_words(parent[slot] + 16);
    m[2] = _mm_set_epi32(0, 0, 0, (int)0x80000000);
    m[3] = _mm_set_epi32(0x2700, 0, 0, 0);
    compress(s, m);
    store_label(job->layer_data + node * SY_NODE_BYTES, s);
    *s = next;
}

void sy_label_range_ni(const struct sy_label_job *job, uint64_t begin, uint64_t end)
{
    const uint32_t period = job->layer == 1 ? SY_DRG_PARENTS : SY_PARENTS;
    struct chain s = first_state();
    __m128i m[4];
    uint64_t node = begin;

    if (node == 0 && node < end) {
        label_first(job);
        node++;
    }
    load_prelude(m, job, node);
    compress(&s, m);
    for (; node < end; node++)
        label_node(job, node, begin, end, period, &s);
}
