/* The verifier: e(A, B) = e(alpha, beta) e(IC, gamma) e(C, delta). Facts groth16.md 5. */
#include "tasks/snark/groth16.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct decoded_proof {
    struct sy_g1_affine a, c;
    struct sy_g2_affine b;
};

static int decode_proof(struct decoded_proof *ret, const uint8_t bytes[SY_PROOF_BYTES],
                        struct sy_error *err)
{
    int rc = sy_g1_decompress(&ret->a, bytes, true, err);
    if (rc == 0)
        rc = sy_g2_decompress(&ret->b, bytes + SY_G1_COMPRESSED_BYTES, true, err);
    if (rc == 0)
        rc = sy_g1_decompress(&ret->c, bytes + SY_G1_COMPRESSED_BYTES + SY_G2_COMPRESSED_BYTES,
                              true, err);
    if (rc == 0 && (sy_g1_affine_is_infinity(&ret->a) || sy_g2_affine_is_infinity(&ret->b) ||
                    sy_g1_affine_is_infinity(&ret->c)))
        rc = sy_fail(err, SY_E_CORRUPT, "a point of the proof is infinity");
    return rc;
}

static int check_input_count(const struct sy_groth16_vk *vk, uint32_t input_count,
                             struct sy_error *err)
{
    if (input_count + 1 == vk->ic_count)
        return 0;
    return sy_fail(err, SY_E_ARG, "%u public inputs given, the verifying key wants %u", input_count,
                   vk->ic_count - 1);
}

/* weights[0] * ic[0] + sum of weights[i + 1] * ic[i + 1]. */
static void combine_inputs(const struct sy_groth16_vk *vk, const struct sy_fr *weights,
                           struct sy_g1_affine *ret)
{
    struct sy_g1 sum = sy_g1_infinity, part;
    for (uint32_t i = 0; i < vk->ic_count; i++) {
        sy_g1_from_affine(&part, &vk->ic[i]);
        sy_g1_mul_fr(&part, &part, &weights[i]);
        sy_g1_add(&sum, &sum, &part);
    }
    sy_g1_to_affine(ret, &sum);
}

int sy_groth16_verify(const struct sy_groth16_vk *vk, const uint8_t proof[SY_PROOF_BYTES],
                      const struct sy_fr *inputs, uint32_t input_count, struct sy_error *err)
{
    struct decoded_proof decoded;
    int rc = check_input_count(vk, input_count, err);
    if (rc == 0)
        rc = decode_proof(&decoded, proof, err);
    if (rc != 0)
        return rc;
    struct sy_fr *weights = calloc(vk->ic_count, sizeof *weights);
    if (!weights)
        return sy_fail(err, SY_E_NOMEM, "no memory for %u inputs", input_count);
    weights[0] = sy_fr_one;
    memcpy(weights + 1, inputs, input_count * sizeof *weights);
    struct sy_g1_affine p[3] = {decoded.a};
    struct sy_g2_affine q[3] = {decoded.b, vk->gamma_g2, vk->delta_g2};
    combine_inputs(vk, weights, &p[1]);
    free(weights);
    sy_g1_affine_neg(&p[1], &p[1]);
    sy_g1_affine_neg(&p[2], &decoded.c);
    struct sy_fp12 value;
    sy_pairing_miller(&value, p, q, 3);
    sy_pairing_final(&value, &value);
    if (!sy_fp12_equal(&value, &vk->alpha_beta))
        return sy_fail(err, SY_E_MISMATCH, "the proof does not hold for these public inputs");
    return 0;
}

/* ------------------------------------------------------------------------------------ batches */

struct batch {
    struct sy_g1_affine *p; /* z_j A_j, then -sum z_j C_j, -IC */
    struct sy_g2_affine *q;
    struct sy_fr *weights;
    struct sy_g1 sum_c;
};

/* 128 random bits, never zero. */
static void draw_weight(struct sy_fr *ret)
{
    uint64_t limbs[SY_FR_LIMBS] = {0};
    while (limbs[0] == 0 && limbs[1] == 0)
        randombytes_buf(limbs, 16);
    sy_fr_from_limbs(ret, limbs);
}

static int add_to_batch(struct batch *batch, const uint8_t *proof, const struct sy_fr *inputs,
                        uint32_t input_count, size_t j, struct sy_error *err)
{
    struct decoded_proof decoded;
    int rc = decode_proof(&decoded, proof, err);
    if (rc != 0)
        return sy_error_wrap(err, "proof %zu", j);
    struct sy_fr z, product;
    struct sy_g1 part;
    draw_weight(&z);
    sy_g1_from_affine(&part, &decoded.a);
    sy_g1_mul_fr(&part, &part, &z);
    sy_g1_to_affine(&batch->p[j], &part);
    batch->q[j] = decoded.b;
    sy_g1_from_affine(&part, &decoded.c);
    sy_g1_mul_fr(&part, &part, &z);
    sy_g1_add(&batch->sum_c, &batch->sum_c, &part);
    sy_fr_add(&batch->weights[0], &batch->weights[0], &z);
    for (uint32_t i = 0; i < input_count; i++) {
        sy_fr_mul(&product, &z, &inputs[i]);
        sy_fr_add(&batch->weights[i + 1], &batch->weights[i + 1], &product);
    }
    return 0;
}

static bool batch_holds(struct batch *batch, const struct sy_groth16_vk *vk, size_t count)
{
    struct sy_fp12 value, expected;
    uint64_t limbs[SY_FR_LIMBS];
    sy_g1_to_affine(&batch->p[count], &batch->sum_c);
    sy_g1_affine_neg(&batch->p[count], &batch->p[count]);
    batch->q[count] = vk->delta_g2;
    combine_inputs(vk, batch->weights, &batch->p[count + 1]);
    sy_g1_affine_neg(&batch->p[count + 1], &batch->p[count + 1]);
    batch->q[count + 1] = vk->gamma_g2;
    sy_pairing_miller(&value, batch->p, batch->q, count + 2);
    sy_pairing_final(&value, &value);
    sy_fr_to_limbs(limbs, &batch->weights[0]);
    sy_fp12_pow(&expected, &vk->alpha_beta, limbs, SY_FR_LIMBS);
    return sy_fp12_equal(&value, &expected);
}

/* Says which proof of a failed batch is bad. */
static int find_bad(const struct sy_groth16_vk *vk, const uint8_t *proofs,
                    const struct sy_fr *inputs, uint32_t input_count, size_t count,
                    struct sy_error *err)
{
    for (size_t j = 0; j < count; j++) {
        int rc = sy_groth16_verify(vk, proofs + j * SY_PROOF_BYTES,
                                   inputs + j * (size_t)input_count, input_count, err);
        if (rc != 0)
            return sy_error_wrap(err, "proof %zu of %zu", j, count);
    }
    return sy_fail(err, SY_E_BUG, "a batch of valid proofs was refused");
}

int sy_groth16_verify_batch(const struct sy_groth16_vk *vk, const uint8_t *proofs,
                            const struct sy_fr *inputs, uint32_t input_count, size_t count,
                            struct sy_error *err)
{
    int rc = check_input_count(vk, input_count, err);
    if (rc != 0 || count == 0)
        return rc != 0 ? rc : sy_fail(err, SY_E_ARG, "no proof to verify");
    if (count == 1)
        return sy_groth16_verify(vk, proofs, inputs, input_count, err);
    struct batch batch = {.p = calloc(count + 2, sizeof *batch.p),
                          .q = calloc(count + 2, sizeof *batch.q),
                          .weights = calloc(vk->ic_count, sizeof *batch.weights),
                          .sum_c = sy_g1_infinity};
    if (!batch.p || !batch.q || !batch.weights)
        rc = sy_fail(err, SY_E_NOMEM, "no memory to verify %zu proofs", count);
    for (size_t j = 0; rc == 0 && j < count; j++)
        rc = add_to_batch(&batch, proofs + j * SY_PROOF_BYTES, inputs + j * (size_t)input_count,
                          input_count, j, err);
    if (rc == 0 && !batch_holds(&batch, vk, count))
        rc = find_bad(vk, proofs, inputs, input_count, count, err);
    free(batch.p);
    free(batch.q);
    free(batch.weights);
    return rc;
}
