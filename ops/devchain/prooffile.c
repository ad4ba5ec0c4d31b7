#include "ops/devchain/prooffile.h"

#include "common/file.h"
#include "common/hex.h"
#include "tasks/sector/params.h"
#include "tasks/sector/replica.h"
#include "tasks/vanilla/verify.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_BYTES 32
#define C1_BYTES_MAX                                                                               \
    (UINT64_C(256) << 20) /* 180 proofs of 64 GiB are 14 MB in memory, 60 MB as text */
#define VERIFY_THREADS 1

static int check_values(const char *text, size_t bytes, const struct sy_dc_proof_job *job,
                        struct sy_error *err)
{
    struct sy_porep_params params, named;
    uint8_t prover[32], replica_id[32];
    struct sy_c1 *c1 = NULL;
    struct sy_c1_check check = {.params = &params,
                                .comm_r = job->comm_r,
                                .comm_d = job->comm_d,
                                .replica_id = replica_id,
                                .seed = job->seed,
                                .ticket = job->ticket,
                                .threads = VERIFY_THREADS};
    int rc = sy_porep_params_init(&params, job->seal_proof, err);
    if (rc < 0)
        return rc;
    sy_prover_id(job->miner, prover);
    sy_replica_id(prover, job->number, job->ticket, job->comm_d, params.porep_id, replica_id);
    rc = sy_c1_read_memory(&c1, text, bytes, err);
    if (rc == 0)
        rc = sy_c1_params(c1, &named, err);
    if (rc == 0 && named.proof != params.proof)
        rc = sy_fail(err, SY_E_MISMATCH, "file is of %s, the sector of %s", c1->registered_proof,
                     params.proof->name);
    if (rc == 0)
        rc = sy_c1_verify(c1, &check, err);
    sy_c1_destroy(c1);
    return rc;
}

bool sy_dc_proof_check(const char *exchange, const struct sy_dc_proof_job *job,
                       struct sy_error *err)
{
    char path[SY_PATH_BYTES], hex[SY_HEX_TEXT_BYTES(DIGEST_BYTES)], *text = NULL;
    uint8_t digest[DIGEST_BYTES];
    size_t bytes = 0;
    int rc;

    if (job->proof_bytes != SY_DC_PROOF_BYTES ||
        !sodium_is_zero(job->proof + DIGEST_BYTES, SY_DC_PROOF_BYTES - DIGEST_BYTES)) {
        sy_fail(err, SY_E_ARG, "proof of %zu bytes: expected SHA-256 of a C1 file and 160 zeros",
                job->proof_bytes);
        return false;
    }
    rc = sy_path_format(path, err, "%s/%s.json", exchange,
                        sy_hex_encode(job->proof, DIGEST_BYTES, hex));
    if (rc == 0)
        rc = sy_file_read(path, C1_BYTES_MAX, &text, &bytes, err);
    if (rc < 0)
        return false;
    crypto_hash_sha256(digest, (const uint8_t *)text, bytes);
    if (memcmp(digest, job->proof, DIGEST_BYTES) != 0)
        rc = sy_fail(err, SY_E_MISMATCH, "file %s.json does not have that SHA-256", hex);
    else
        rc = check_values(text, bytes, job, err);
    free(text);
    return rc == 0;
}
