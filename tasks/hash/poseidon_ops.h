/* Internal: constants of one arity and the kernels that use them.
 *
 * Form of the evaluation (same output as the definition). The eight full rounds are S-boxes
 * followed by one dot product per element, whose addend carries the constants of the next round.
 * Partial rounds use the sparse factoring (first column v, first row w, identity elsewhere) in
 * blocks of SY_POSEIDON_BLOCK: within a block only element 0 is followed from round to round,
 *
 *   a_m = s0^5 + c_m
 *   s0  = sum_j w_m[j] s_j + sum_{l<m} e_m[l] a_l + w_m[0] a_m,   e_m[l] = sum_j w_m[j] v_l[j]
 *
 * with s_j the elements at the start of the block; they are brought up to date once at its end,
 * s_j += sum_l v_l[j] a_l. Sums of products are reduced once each.
 */
#ifndef SEALYARD_TASKS_HASH_POSEIDON_OPS_H
#define SEALYARD_TASKS_HASH_POSEIDON_OPS_H

#include "tasks/hash/poseidon.h"

#define SY_POSEIDON_FULL_ROUNDS 8
#define SY_POSEIDON_PARTIAL_MAX 57
#define SY_POSEIDON_BLOCK 4
#define SY_POSEIDON_BLOCKS_MAX                                                                     \
    ((SY_POSEIDON_PARTIAL_MAX + SY_POSEIDON_BLOCK - 1) / SY_POSEIDON_BLOCK)
#define SY_POSEIDON_ROUND_CONSTANTS_MAX                                                            \
    ((SY_POSEIDON_FULL_ROUNDS + SY_POSEIDON_PARTIAL_MAX) * SY_POSEIDON_WIDTH_MAX)

typedef struct sy_fr sy_poseidon_matrix[SY_POSEIDON_WIDTH_MAX][SY_POSEIDON_WIDTH_MAX];

/* A block of partial rounds for one type of element. Row m of `first` is w_m[1..t), e_m[0..m),
 * w_m[0]: t + m values in the order of the operands. */
#define SY_POSEIDON_BLOCK_TABLES(element)                                                          \
    {                                                                                              \
        element add[SY_POSEIDON_BLOCK]; /* c_m */                                                  \
        element first[SY_POSEIDON_BLOCK][SY_POSEIDON_ARITY_MAX + SY_POSEIDON_BLOCK];               \
        element update[SY_POSEIDON_ARITY_MAX][SY_POSEIDON_BLOCK]; /* [j-1][l] = v_l[j] */          \
    }

/* a * 2^260 mod r in five limbs of 52 bits: the form of the kernel with 52-bit multipliers. */
struct sy_poseidon_fr52 {
    uint64_t limb[5];
};

struct sy_poseidon_block SY_POSEIDON_BLOCK_TABLES(struct sy_fr);
struct sy_poseidon_block52 SY_POSEIDON_BLOCK_TABLES(struct sy_poseidon_fr52);

/* Tables of the 52-bit kernel. Its linear layers other than the pre-sparse one use L * MDS instead
 * of MDS, where L = lcm(t .. 3t-2): entries are the integers hankel[i + j] = L / (i + j + t) below
 * 2^52, and one step of reduction divides by 2^52. The state then carries a factor, f -> f^5 L /
 * 2^52 in each such round; addends carry it too, and `pre` and `last` take it off again. */
struct sy_poseidon_tables52 {
    struct sy_poseidon_fr52 start[SY_POSEIDON_WIDTH_MAX];
    struct sy_poseidon_fr52 full_add[SY_POSEIDON_FULL_ROUNDS - 1][SY_POSEIDON_WIDTH_MAX];
    struct sy_poseidon_fr52 pre[SY_POSEIDON_WIDTH_MAX][SY_POSEIDON_WIDTH_MAX];
    struct sy_poseidon_fr52 last[SY_POSEIDON_WIDTH_MAX]; /* row 1 of MDS, for the last round */
    uint64_t hankel[2 * SY_POSEIDON_WIDTH_MAX - 1];
    struct sy_poseidon_block52 block[SY_POSEIDON_BLOCKS_MAX];
};

struct sy_poseidon_constants {
    unsigned t;       /* width, arity + 1 */
    unsigned partial; /* partial rounds */
    unsigned blocks;
    sy_poseidon_matrix mds;
    sy_poseidon_matrix pre; /* transposed pre-sparse matrix: one row per output */
    struct sy_fr start[SY_POSEIDON_WIDTH_MAX]; /* added before the first S-box */
    /* Addends of the linear layers of full rounds 0..3 (before the partial ones) and 4..6. */
    struct sy_fr full_add[SY_POSEIDON_FULL_ROUNDS - 1][SY_POSEIDON_WIDTH_MAX];
    struct sy_poseidon_block block[SY_POSEIDON_BLOCKS_MAX];
    struct sy_poseidon_tables52 tables52;
    /* What the tables are made from, for circuits and for comparison with published constants. */
    struct sy_fr round[SY_POSEIDON_ROUND_CONSTANTS_MAX]; /* plain, row-major by round */
    struct sy_fr
        compressed[SY_POSEIDON_FULL_ROUNDS * SY_POSEIDON_WIDTH_MAX + SY_POSEIDON_PARTIAL_MAX];
    struct sy_fr sparse_w[SY_POSEIDON_PARTIAL_MAX][SY_POSEIDON_WIDTH_MAX];
    struct sy_fr sparse_v[SY_POSEIDON_PARTIAL_MAX][SY_POSEIDON_ARITY_MAX];
};

/* Partial rounds in block i: SY_POSEIDON_BLOCK, fewer in the last. */
static inline unsigned sy_poseidon_block_rounds(const struct sy_poseidon_constants *c, unsigned i)
{
    return SY_MIN(SY_POSEIDON_BLOCK, c->partial - i * SY_POSEIDON_BLOCK);
}

/* Form of the states handed to a kernel and of the hash it gives back. */
enum sy_poseidon_form {
    SY_POSEIDON_MONTGOMERY, /* struct sy_fr as everywhere */
    SY_POSEIDON_PLAIN,      /* the integer itself, below r: no conversion around byte nodes */
};

struct sy_poseidon_ops {
    const char *name;
    bool (*usable)(void); /* does this CPU have the instructions */
    size_t lanes;         /* states it works on at once; a batch should be a multiple */
    /* count states of c->t elements: on return element 1 of each holds the hash, the others are
     * unspecified. */
    void (*permute)(const struct sy_poseidon_constants *c,
                    struct sy_fr (*states)[SY_POSEIDON_WIDTH_MAX], size_t count,
                    enum sy_poseidon_form form);
};

extern const struct sy_poseidon_ops sy_poseidon_ops_portable;
extern const struct sy_poseidon_ops sy_poseidon_ops_adx;
extern const struct sy_poseidon_ops sy_poseidon_ops_ifma;

/* Constants of an arity (SY_ASSERT: one of 2, 4, 8, 11), made at the first call. Borrowed for ever.
 */
const struct sy_poseidon_constants *sy_poseidon_get_constants(unsigned arity);

#endif
