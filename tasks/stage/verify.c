/* verify: does a C1 file or a Groth16 proof hold for the given public values? */
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "tasks/snark/porep_verify.h"
#include "tasks/stage/c1_input.h"
#include "tasks/stage/task.h"

static int answer(bool valid, const char *what, json_t **ret_result, struct sy_error *err)
{
    *ret_result = json_pack("{s:b,s:s}", "valid", valid, "what", what);
    return sy_task_json_ok(!*ret_result, err);
}

static int verify_c1(const struct sy_spec *spec, json_t **ret_result, struct sy_error *err)
{
    struct sy_porep_params params;
    struct sy_error why = {0};
    struct sy_c1 *c1 = NULL;
    int rc = sy_c1_read_file(&c1, spec->input, &why);
    if (rc == 0)
        rc = sy_c1_input_check(spec, c1, &params, &why);
    sy_c1_destroy(c1);
    if (rc == 0)
        return answer(true, "C1 file", ret_result, err);
    if (rc == -SY_E_PARSE || rc == -SY_E_RANGE || rc == -SY_E_MISMATCH || rc == -SY_E_CORRUPT)
        return answer(false, why.text, ret_result, err);
    *err = why;
    return rc;
}

static int claim_of(const struct sy_spec *spec, struct sy_porep_claim *ret, struct sy_error *err)
{
    static const char *const needed[] = {"proof_type", "miner",  "number",
                                         "ticket",     "comm_d", "comm_r"};
    for (size_t i = 0; i < SY_ARRAY_SIZE(needed); i++)
        if (!json_object_get(spec->json, needed[i]))
            return sy_fail(err, SY_E_ARG, "spec: to verify a proof the key \"%s\" is needed",
                           needed[i]);
    if (!spec->params.proof)
        return sy_fail(err, SY_E_UNSUPPORTED,
                       "spec: sizes that exist only in tests have no proof on any chain");
    if (!spec->has_seed && spec->params.variant != SY_PROOF_NI)
        return sy_fail(err, SY_E_ARG, "spec: to verify a proof the key \"seed\" is needed");
    *ret = (struct sy_porep_claim){
        .proof_type = spec->proof_type, .miner = spec->miner, .number = spec->number};
    memcpy(ret->ticket, spec->ticket, sizeof ret->ticket);
    memcpy(ret->seed, spec->seed, sizeof ret->seed);
    memcpy(ret->comm_d, spec->comm_d, sizeof ret->comm_d);
    memcpy(ret->comm_r, spec->comm_r, sizeof ret->comm_r);
    return 0;
}

static int verify_proof(const struct sy_spec *spec, json_t **ret_result, struct sy_error *err)
{
    struct sy_vk_store *keys = NULL;
    struct sy_porep_claim claim;
    struct sy_error why = {0};
    size_t bytes = strlen(spec->proof_hex) / 2;
    int rc = claim_of(spec, &claim, err);
    if (rc)
        return rc;
    uint8_t *proof = malloc(bytes + 1);
    if (!proof)
        return sy_fail(err, SY_E_NOMEM, "a proof of %zu bytes", bytes);
    rc = sy_hex_decode(spec->proof_hex, proof, bytes, err);
    if (rc)
        sy_error_wrap(err, "spec: proof");
    if (rc == 0)
        rc = sy_vk_store_create(&keys, spec->parameters, err);
    if (rc == 0) {
        rc = sy_porep_verify_seal(keys, &claim, proof, bytes, &why);
        if (rc == 0)
            rc = answer(true, "Groth16 proof", ret_result, err);
        else if (rc == -SY_E_MISMATCH || rc == -SY_E_CORRUPT || rc == -SY_E_ARG)
            rc = answer(false, why.text, ret_result, err);
        else
            *err = why;
    }
    sy_vk_store_destroy(keys);
    free(proof);
    return rc;
}

int sy_stage_verify(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    if (!spec->input == !spec->proof_hex)
        return sy_fail(err, SY_E_ARG,
                       "spec: stage verify needs the key \"input\" (a C1 file) or \"proof\"");
    return spec->proof_hex ? verify_proof(spec, ret_result, err) : verify_c1(spec, ret_result, err);
}
