/* The Poseidon permutation over the field kernel of the including file (see poseidon_ops.h for the
 * form). The including file defines SY_FR_KERNEL_ADX, SY_POSEIDON_OPS and SY_POSEIDON_NAME.
 *
 * Products per hash with t = arity + 1 and P partial rounds: S-boxes 3 (8t + P); unreduced products
 * 7 t^2 + t in full rounds and P (2t + 0.5) in partial ones; reductions of sums 7t + 1 + P + (t-1)
 * P/4. Arity 8: 387 multiplications, 1630 products, 240 reductions. With mulx at 64, 36 and 100
 * cycles 107 k cycles; arity 11: 459, 2420 and 300, 145 k cycles.
 */
#include "tasks/field/fr_kernel.h"
#include "tasks/hash/poseidon_ops.h"

#include <string.h>

static bool usable(void); /* defined by the including file */

/* s' = S-boxes of s, then one row of `matrix` per element plus its addend. */
static void full_round(struct sy_fr *s, unsigned t, const sy_poseidon_matrix matrix,
                       const struct sy_fr *addend)
{
    struct sy_fr powers[SY_POSEIDON_WIDTH_MAX];
    for (unsigned i = 0; i < t; i++)
        fr_kernel_pow5_lazy(&powers[i], &s[i]);
    for (unsigned i = 0; i < t; i++)
        fr_kernel_dot(&s[i], powers, matrix[i], t, &addend[i]);
}

/* x = s0^5 + c, below 2r: the last product of the S-box is reduced so that the sum fits. */
static void partial_sbox(struct sy_fr *ret, const struct sy_fr *s0, const struct sy_fr *c)
{
    struct sy_fr lazy;
    unsigned long long sum[4];
    fr_kernel_pow5_lazy(&lazy, s0);
    fr_kernel_reduce_once(lazy.limb, lazy.limb);
    unsigned char carry = 0;
    for (int i = 0; i < 4; i++)
        carry = _addcarry_u64(carry, lazy.limb[i], c->limb[i], &sum[i]);
    for (int i = 0; i < 4; i++)
        ret->limb[i] = sum[i];
}

static void partial_block(struct sy_fr *s, const struct sy_poseidon_constants *c, unsigned number)
{
    const unsigned t = c->t, rounds = sy_poseidon_block_rounds(c, number);
    /* s_1 .. s_{t-1}, then a_0 .. a_m: the operands of every dot product lie side by side. */
    struct sy_fr operands[SY_POSEIDON_ARITY_MAX + SY_POSEIDON_BLOCK];
    struct sy_fr *a = operands + (t - 1);
    memcpy(operands, s + 1, (t - 1) * sizeof *s);
    for (unsigned m = 0; m < rounds; m++) {
        partial_sbox(&a[m], &s[0], &c->block[number].add[m]);
        fr_kernel_dot(&s[0], operands, c->block[number].first[m], t + m, &sy_fr_zero);
    }
    for (unsigned j = 1; j < t; j++)
        fr_kernel_dot(&s[j], a, c->block[number].update[j - 1], rounds, &s[j]);
}

static void permute_one(const struct sy_poseidon_constants *c, struct sy_fr *s)
{
    const unsigned t = c->t;
    const unsigned half = SY_POSEIDON_FULL_ROUNDS / 2;
    for (unsigned i = 0; i < t; i++) {
        unsigned long long sum[4];
        unsigned char carry = 0;
        for (int k = 0; k < 4; k++)
            carry = _addcarry_u64(carry, s[i].limb[k], c->start[i].limb[k], &sum[k]);
        const uint64_t limbs[4] = {sum[0], sum[1], sum[2], sum[3]};
        fr_kernel_reduce_once(s[i].limb, limbs);
    }
    for (unsigned round = 0; round < half; round++)
        full_round(s, t, round == half - 1 ? c->pre : c->mds, c->full_add[round]);
    for (unsigned i = 0; i < c->blocks; i++)
        partial_block(s, c, i);
    for (unsigned round = half; round < SY_POSEIDON_FULL_ROUNDS - 1; round++)
        full_round(s, t, c->mds, c->full_add[round]);
    struct sy_fr powers[SY_POSEIDON_WIDTH_MAX];
    for (unsigned i = 0; i < t; i++)
        fr_kernel_pow5_lazy(&powers[i], &s[i]);
    fr_kernel_dot(&s[1], powers, c->mds[1], t, &sy_fr_zero);
}

/* 2^512 mod r, and 1: into and out of Montgomery form. */
static const struct sy_fr kernel_r_squared = {
    {0xc999e990f3f29c6dULL, 0x2b6cedcb87925c23ULL, 0x05d314967254398fULL, 0x0748d9d99f59ff11ULL}};
static const struct sy_fr kernel_one = {{1, 0, 0, 0}};

static void permute(const struct sy_poseidon_constants *c,
                    struct sy_fr (*states)[SY_POSEIDON_WIDTH_MAX], size_t count,
                    enum sy_poseidon_form form)
{
    for (size_t i = 0; i < count; i++) {
        for (unsigned j = 0; j < c->t && form == SY_POSEIDON_PLAIN; j++)
            fr_kernel_mul(&states[i][j], &states[i][j], &kernel_r_squared);
        permute_one(c, states[i]);
        if (form == SY_POSEIDON_PLAIN)
            fr_kernel_mul(&states[i][1], &states[i][1], &kernel_one);
    }
}

const struct sy_poseidon_ops SY_POSEIDON_OPS = {SY_POSEIDON_NAME, usable, 1, permute};
