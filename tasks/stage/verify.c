/* verify: does a C1 file hold for the given public values? */
#include <string.h>

#include "tasks/sector/replica.h"
#include "tasks/stage/task.h"
#include "tasks/vanilla/verify.h"

static int answer(bool valid, const char *what, json_t **ret_result, struct sy_error *err)
{
    *ret_result = json_pack("{s:b,s:s}", "valid", valid, "what", what);
    return sy_task_json_ok(!*ret_result, err);
}

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

static int check_file(const struct sy_spec *spec, const struct sy_c1 *c1, struct sy_error *err)
{
    struct sy_porep_params params = spec->params;
    uint8_t replica_id[32];
    int rc = 0;
    if (!json_object_get(spec->json, "proof_type"))
        rc = sy_c1_params(c1, &params, err);
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
    return sy_c1_verify(c1, &check, err);
}

int sy_stage_verify(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    struct sy_error why = {0};
    struct sy_c1 *c1 = NULL;
    if (spec->proof_hex)
        return sy_fail(err, SY_E_UNSUPPORTED,
                       "spec: \"proof\" cannot be verified by this build; "
                       "give a C1 file as \"input\"");
    if (!spec->input)
        return sy_fail(err, SY_E_ARG, "spec: stage verify needs the key \"input\"");
    int rc = sy_c1_read_file(&c1, spec->input, &why);
    if (rc == 0)
        rc = check_file(spec, c1, &why);
    sy_c1_destroy(c1);
    if (rc == 0)
        return answer(true, "C1 file", ret_result, err);
    if (rc == -SY_E_PARSE || rc == -SY_E_RANGE || rc == -SY_E_MISMATCH || rc == -SY_E_CORRUPT)
        return answer(false, why.text, ret_result, err);
    *err = why;
    return rc;
}
