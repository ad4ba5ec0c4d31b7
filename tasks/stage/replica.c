#include "tasks/stage/replica.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "tasks/vanilla/challenges.h"
#include "tasks/vanilla/prove.h"
#include "tasks/vanilla/verify.h"

int sy_replica_read_comm_d(const struct sy_spec *spec, uint8_t ret_comm_d[32], struct sy_error *err)
{
    struct sy_tree_shape shape;
    struct sy_tree *tree;
    int rc = sy_tree_shape_d(&shape, spec->params.nodes, err);
    if (rc)
        return rc;
    rc = sy_tree_open(&tree, &shape, spec->cache, "tree-d", NULL, err);
    if (rc == -SY_E_NOT_FOUND)
        return sy_fail(err, SY_E_CORRUPT, "tree-d is missing in %.200s: run pc1 again",
                       spec->cache);
    if (rc == -SY_E_CORRUPT)
        return sy_error_wrap(err, "run pc1 again");
    if (rc)
        return rc;
    memcpy(ret_comm_d, sy_tree_root(tree), 32);
    sy_tree_close(tree);
    return 0;
}

static int compare(const char *what, const uint8_t expected[32], const uint8_t found[32],
                   struct sy_error *err)
{
    char a[SY_HEX_TEXT_BYTES(32)];
    char b[SY_HEX_TEXT_BYTES(32)];
    if (memcmp(expected, found, 32) == 0)
        return 0;
    return sy_fail(err, SY_E_MISMATCH, "comm_d of the cache is %s, %s gives %s: run pc1 again",
                   sy_hex_encode(found, 32, a), what, sy_hex_encode(expected, 32, b));
}

int sy_replica_check_comm_d(const struct sy_spec *spec, const uint8_t found[32],
                            struct sy_error *err)
{
    uint8_t expected[32];
    int rc = 0;
    if (spec->has_comm_d)
        rc = compare("comm_d", spec->comm_d, found, err);
    if (rc == 0 && spec->has_pieces) {
        rc = sy_task_pieces_comm_d(spec, expected, err);
        if (rc == 0)
            rc = compare("the list of pieces", expected, found, err);
    }
    return rc;
}

static bool is_of(const struct sy_marker *marker, const uint8_t replica_id[32])
{
    char hex[SY_HEX_TEXT_BYTES(32)];
    const char *found = json_string_value(json_object_get(marker->inputs, "replica_id"));
    return found && strcmp(found, sy_hex_encode(replica_id, 32, hex)) == 0;
}

int sy_replica_check_stage(const struct sy_spec *spec, enum sy_stage_id stage,
                           const uint8_t replica_id[32], const struct sy_stage_files *fallback,
                           struct sy_error *err)
{
    struct sy_marker marker;
    char advice[32];
    snprintf(advice, sizeof advice, "run %s again", sy_stage_name(stage));
    int rc = sy_marker_read(&marker, spec->cache, stage, NULL, err);
    if (rc)
        return rc;
    if (marker.state == SY_MARKER_ABSENT) {
        rc = sy_stage_files_check(fallback, 0, spec->threads, advice, err);
    } else if (!is_of(&marker, replica_id)) {
        rc = sy_fail(err, SY_E_CORRUPT,
                     "%.160s holds the %s files of another replica (miner, number, ticket or "
                     "comm_d differ): %s",
                     spec->cache, sy_stage_name(stage), advice);
    } else {
        rc = sy_stage_files_check(&marker.files, sy_task_digest_limit(spec), spec->threads, advice,
                                  err);
    }
    sy_marker_fini(&marker);
    return rc;
}

int sy_replica_check_unsealed(const struct sy_spec *spec, struct sy_error *err)
{
    struct sy_marker marker;
    int rc = sy_marker_read(&marker, spec->cache, SY_STAGE_AP, NULL, err);
    if (rc)
        return rc;
    if (marker.state != SY_MARKER_ABSENT && marker.files.count == 1 &&
        strcmp(marker.files.file[0].path, spec->unsealed) == 0)
        rc = sy_stage_files_check(&marker.files, sy_task_digest_limit(spec), spec->threads,
                                  "run ap again", err);
    sy_marker_fini(&marker);
    return rc;
}

static int check_samples(const struct sy_vanilla_prover *prover,
                         const struct sy_vanilla_verifier *verifier,
                         const struct sy_vanilla_public *public, uint64_t nodes, uint32_t count,
                         struct sy_error *err)
{
    struct sy_vanilla_proof *proof = malloc(sizeof *proof);
    int rc = 0;
    if (!proof)
        return sy_fail(err, SY_E_NOMEM, "proof of %zu bytes", sizeof *proof);
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        uint64_t node;
        sy_challenges_interactive(public->replica_id, public->comm_r, nodes, i, 1, &node);
        rc = sy_vanilla_prove(prover, node, proof, err);
        if (rc == 0)
            rc = sy_vanilla_verify(verifier, node, proof, err);
        if (rc)
            sy_error_wrap(err, "own check of node %llu", (unsigned long long)node);
    }
    free(proof);
    return rc;
}

int sy_replica_check_samples(const struct sy_task *task, const struct sy_vanilla_public *public,
                             uint32_t count, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    struct sy_vanilla_prover *prover = NULL;
    struct sy_vanilla_verifier *verifier = NULL;
    int rc = sy_vanilla_prover_create(&prover, &spec->params, spec->cache, spec->sealed, err);
    if (rc == 0)
        rc = sy_vanilla_verifier_create(&verifier, &spec->params, public, err);
    if (rc == 0)
        rc = check_samples(prover, verifier, public, spec->params.nodes, count, err);
    sy_vanilla_verifier_destroy(verifier);
    sy_vanilla_prover_destroy(prover);
    return rc;
}
