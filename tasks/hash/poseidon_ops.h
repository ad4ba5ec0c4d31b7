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

struct sy_poseidon_block {
    unsigned rounds;                     /* 1 .. SY_POSEIDON_BLOCK */
    struct sy_fr add[SY_POSEIDON_BLOCK]; /* c_m */
    /* Row of round m: w_m[1..t), e_m[0..m), w_m[0]: t + m values in the order of the operands. */
    struct sy_fr first[SY_POSEIDON_BLOCK][SY_POSEIDON_ARITY_MAX + SY_POSEIDON_BLOCK];
    struct sy_fr update[SY_POSEIDON_ARITY_MAX][SY_POSEIDON_BLOCK]; /* [j-1][l] = v_l[j] */
};

struct sy_poseidon_constants {
    unsigned t;       /* width, arity + 1 */
    unsigned partial; /* partial rounds */
    unsigned blocks;
    struct sy_fr round[SY_POSEIDON_ROUND_CONSTANTS_MAX]; /* plain, row-major by round */
    sy_poseidon_matrix mds;
    sy_poseidon_matrix pre; /* rows of the transposed pre-sparse matrix: one per output */
    struct sy_fr start[SY_POSEIDON_WIDTH_MAX]; /* added before the first S-box */
    /* Addend of the linear layer of full rounds 0..3 (before the partial ones) and 4..6. */
    struct sy_fr full_add[SY_POSEIDON_FULL_ROUNDS - 1][SY_POSEIDON_WIDTH_MAX];
    struct sy_poseidon_block block[SY_POSEIDON_BLOCKS_MAX];
    /* The published compressed list (8t + partial values), kept for comparison with vectors. */
    struct sy_fr
        compressed[SY_POSEIDON_FULL_ROUNDS * SY_POSEIDON_WIDTH_MAX + SY_POSEIDON_PARTIAL_MAX];
    struct sy_fr sparse_w[SY_POSEIDON_PARTIAL_MAX][SY_POSEIDON_WIDTH_MAX];
    struct sy_fr sparse_v[SY_POSEIDON_PARTIAL_MAX][SY_POSEIDON_ARITY_MAX];
};

struct sy_poseidon_ops {
    const char *name; /* of the field kernel it is built on */
    /* count states of c->t elements: on return element 1 of each holds the hash, the others are
     * unspecified. A kernel with wide registers takes several at a time. */
    void (*permute)(const struct sy_poseidon_constants *c,
                    struct sy_fr (*states)[SY_POSEIDON_WIDTH_MAX], size_t count);
};

extern const struct sy_poseidon_ops sy_poseidon_ops_portable;
extern const struct sy_poseidon_ops sy_poseidon_ops_adx;

/* Constants of an arity (SY_ASSERT: one of 2, 4, 8, 11), made at the first call. Borrowed for ever.
 */
const struct sy_poseidon_constants *sy_poseidon_get_constants(unsigned arity);

#endif
