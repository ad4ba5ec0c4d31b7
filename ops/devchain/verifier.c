#include "ops/devchain/verifier.h"

#include "common/file.h"
#include "common/mem.h"
#include "common/proof.h"
#include "tasks/snark/aggregate.h"
#include "tasks/snark/params_store.h"

#define SRS_PROOFS 2 /* all that a verifier needs of the reference string */
#define SRS_THREADS 1

struct sy_dc_verifier {
    struct sy_vk_store *keys;
    char srs_path[SY_PATH_BYTES];
    bool has_srs;
    struct sy_srs srs;
};

int sy_dc_verifier_create(struct sy_dc_verifier **ret, const char *directory, struct sy_error *err)
{
    struct sy_dc_verifier *verifier = sy_mem_alloc(sizeof(*verifier));
    int rc;
    if (!verifier)
        return sy_fail(err, SY_E_NOMEM, "no memory for the verifier");
    if (!directory || !directory[0])
        directory = sy_params_directory();
    rc = sy_path_format(verifier->srs_path, err, "%s/%s", directory, SY_SRS_FILE_NAME);
    if (rc == 0)
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
    if (verifier->has_srs)
        sy_srs_fini(&verifier->srs);
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

static int load_srs(struct sy_dc_verifier *verifier, struct sy_error *err)
{
    int rc;
    if (verifier->has_srs)
        return 0;
    rc = sy_srs_open(&verifier->srs, verifier->srs_path, SRS_PROOFS, SRS_THREADS, err);
    if (rc == -SY_E_NOT_FOUND)
        return sy_fail(err, SY_E_NOT_FOUND,
                       "no reference string for aggregates: put the network's there, or send one "
                       "proof per sector; missing: %s",
                       verifier->srs_path);
    verifier->has_srs = rc == 0;
    return rc;
}

bool sy_dc_verifier_check(struct sy_dc_verifier *verifier, const struct sy_dc_proof_job *job,
                          struct sy_error *err)
{
    int rc;
    if (!job->aggregate)
        return sy_porep_verify_seal(verifier->keys, job->claims, job->proof, job->proof_bytes,
                                    err) == 0;
    rc = load_srs(verifier, err);
    if (rc == 0)
        rc = sy_porep_verify_aggregate(verifier->keys, &verifier->srs, SY_SNARKPACK_V2, job->claims,
                                       job->sectors, job->proof, job->proof_bytes, err);
    return rc == 0;
}
