#include "tasks/stage/c1_input.h"

#include "tasks/sector/replica.h"
#include "tasks/vanilla/verify.h"

/* With everything of the identity given, the replica id is not taken from the file. */
static bool expected_replica_id(const struct sy_spec *spec, const struct sy_porep_params *params,
                                uint8_t ret_replica_id[32])
{
    uint8_t prover_id[32];
    if (!json_object_get(spec->json, "miner") || !json_object_get(spec->json, "number") ||
        !spec->has_ticket || !spec->has_comm_d)
        return false;
    sy_prover_id(spec->miner, prover_id);
    sy_replica_id(prover_id, spec->number, spec->ticket, spec->comm_d, params->porep_id,
                  ret_replica_id);
    return true;
}

int sy_c1_input_params(const struct sy_spec *spec, const struct sy_c1 *c1,
                       struct sy_porep_params *ret_params, struct sy_error *err)
{
    struct sy_porep_params params = spec->params;
    int rc = 0;
    if (!json_object_get(spec->json, "proof_type"))
        rc = sy_c1_params(c1, &params, err);
    if (rc == 0)
        rc = sy_c1_check_shape(c1, &params, err);
    if (rc == 0)
        *ret_params = params;
    return rc;
}

int sy_c1_input_check(const struct sy_spec *spec, const struct sy_c1 *c1,
                      struct sy_porep_params *ret_params, struct sy_error *err)
{
    struct sy_porep_params params;
    uint8_t replica_id[32];
    int rc = sy_c1_input_params(spec, c1, &params, err);
    if (rc)
        return rc;
    struct sy_c1_check check = {
        .params = &params,
        .comm_r = spec->has_comm_r ? spec->comm_r : NULL,
        .comm_d = spec->has_comm_d ? spec->comm_d : NULL,
        .seed = spec->has_seed && params.variant != SY_PROOF_NI ? spec->seed : NULL,
        .ticket = spec->has_ticket ? spec->ticket : NULL,
        .threads = spec->threads,
    };
    if (expected_replica_id(spec, &params, replica_id))
        check.replica_id = replica_id;
    rc = sy_c1_verify(c1, &check, err);
    if (rc == 0)
        *ret_params = params;
    return rc;
}
