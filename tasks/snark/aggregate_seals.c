/* Aggregates of whole sectors: facts groth16.md 8.6. */
#include "tasks/snark/aggregate.h"

#include <stdlib.h>
#include <string.h>

#include "tasks/hash/sha256.h"

void sy_aggregate_include(const struct sy_porep_claim *claims, size_t sectors,
                          uint8_t ret[SY_AGGREGATE_INCLUDE_BYTES])
{
    const struct sy_proof *proof = sectors > 0 ? sy_proof_get(claims[0].proof_type) : NULL;
    bool interactive = !proof || proof->variant != SY_PROOF_NI;
    struct sy_sha256 sha;
    sy_sha256_init(&sha);
    for (size_t i = 0; i < sectors; i++) {
        if (interactive)
            sy_sha256_update(&sha, claims[i].seed, sizeof claims[i].seed);
        sy_sha256_update(&sha, claims[i].comm_r, sizeof claims[i].comm_r);
    }
    sy_sha256_final(&sha, ret);
}

/* Rows of all partitions of all sectors. */
static int collect_inputs(const struct sy_porep_claim *claims, size_t sectors,
                          const struct sy_porep_params *params, struct sy_fr *ret,
                          struct sy_error *err)
{
    size_t row = (size_t)params->partitions * sy_porep_input_count(params);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sectors; i++) {
        struct sy_porep_params own;
        struct sy_fr *inputs = NULL;
        if (claims[i].proof_type != claims[0].proof_type)
            return sy_fail(err, SY_E_ARG, "sector %zu is of proof type %llu, the first of %llu", i,
                           (unsigned long long)claims[i].proof_type,
                           (unsigned long long)claims[0].proof_type);
        rc = sy_porep_claim_inputs(&claims[i], &own, &inputs, err);
        if (rc == 0)
            memcpy(ret + i * row, inputs, row * sizeof *ret);
        free(inputs);
    }
    return rc;
}

int sy_porep_verify_aggregate(struct sy_vk_store *store, const struct sy_srs *srs,
                              enum sy_aggregate_version version,
                              const struct sy_porep_claim *claims, size_t sectors,
                              const uint8_t *bytes, size_t byte_count, struct sy_error *err)
{
    struct sy_porep_params params;
    const struct sy_groth16_vk *vk;
    uint8_t include[SY_AGGREGATE_INCLUDE_BYTES];
    if (sectors == 0 || sectors > SY_AGGREGATE_PROOFS_MAX)
        return sy_fail(err, SY_E_RANGE, "an aggregate of %zu sectors, expected 1 to %u", sectors,
                       SY_AGGREGATE_PROOFS_MAX);
    int rc = sy_porep_params_init(&params, claims[0].proof_type, err);
    if (rc == 0)
        rc = sy_vk_store_get(store, SY_CIRCUIT_POREP, params.sector_bytes, &vk, err);
    if (rc != 0)
        return rc;
    uint32_t per_proof = sy_porep_input_count(&params);
    size_t count = sectors * params.partitions;
    if (count > SY_AGGREGATE_PROOFS_MAX)
        return sy_fail(err, SY_E_RANGE, "%zu sectors have %zu partitions, at most %u are allowed",
                       sectors, count, SY_AGGREGATE_PROOFS_MAX);
    struct sy_fr *inputs = calloc(count * per_proof, sizeof *inputs);
    if (!inputs)
        return sy_fail(err, SY_E_NOMEM, "no memory for the inputs of %zu proofs", count);
    rc = collect_inputs(claims, sectors, &params, inputs, err);
    sy_aggregate_include(claims, sectors, include);
    if (rc == 0)
        rc = sy_aggregate_verify(srs, vk, version, include, inputs, per_proof, count, bytes,
                                 byte_count, err);
    free(inputs);
    return rc;
}
