#include "ops/devchain/verifier.h"

#include "common/file.h"
#include "common/mem.h"
#include "tasks/snark/params_store.h"

struct sy_dc_verifier {
    struct sy_vk_store *keys;
};

int sy_dc_verifier_create(struct sy_dc_verifier **ret, const char *directory, struct sy_error *err)
{
    struct sy_dc_verifier *verifier = sy_mem_alloc(sizeof(*verifier));
    int rc;
    if (!verifier)
        return sy_fail(err, SY_E_NOMEM, "no memory for the verifier");
    rc = sy_vk_store_create(&verifier->keys, directory, err);
    if (rc < 0) {
        sy_mem_free(verifier);
        return rc;
    }
    *ret = verifier;
    return 0;
}

void sy_dc_verifier_destroy(struct sy_dc_verifier *verifier)
{
    if (!verifier)
        return;
    sy_vk_store_destroy(verifier->keys);
    sy_mem_free(verifier);
}

int sy_dc_verifier_ready(struct sy_dc_verifier *verifier, uint64_t seal_proof, struct sy_error *err)
{
    const struct sy_groth16_vk *key;
    const struct sy_proof *proof;
    int rc = sy_proof_find(&proof, seal_proof, err);
    if (rc == 0)
        rc = sy_vk_store_get(verifier->keys, SY_CIRCUIT_POREP, proof->sector_bytes, &key, err);
    return rc;
}

bool sy_dc_verifier_check(struct sy_dc_verifier *verifier, const struct sy_dc_proof_job *job,
                          struct sy_error *err)
{
    return sy_porep_verify_seal(verifier->keys, job->claim, job->proof, job->proof_bytes, err) == 0;
}
