#include "tasks/vanilla/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "tasks/hash/poseidon.h"
#include "tasks/sdr/encode.h"
#include "tasks/sdr/labels.h"
#include "tasks/tree/parallel.h"
#include "tasks/vanilla/challenges.h"
#include "tasks/vanilla/shapes.h"

struct sy_vanilla_verifier {
    struct sy_porep_params params;
    struct sy_vanilla_public public;
    struct sy_vanilla_shapes shapes;
    struct sy_graph graph;
};

int sy_vanilla_challenges(const struct sy_porep_params *params,
                          const struct sy_vanilla_public *public, uint32_t partition, uint64_t *ret,
                          struct sy_error *err)
{
    uint32_t count = params->challenges_per_partition;
    uint32_t first = count * partition;
    uint32_t picks[SY_VANILLA_CHALLENGES_MAX];
    int rc = 0;
    if (partition >= params->partitions || count > SY_VANILLA_CHALLENGES_MAX)
        return sy_fail(err, SY_E_RANGE, "partition %u of %u with %u challenges", partition,
                       params->partitions, count);
    switch (params->variant) {
    case SY_PROOF_NI:
        sy_challenges_noninteractive(public->replica_id, public->comm_r, params->nodes, first,
                                     count, ret);
        break;
    case SY_PROOF_SYNTHETIC:
        sy_challenges_synthetic_pick(public->replica_id, public->seed,
                                     sy_challenges_synthetic_count(params->nodes), first, count,
                                     picks);
        for (uint32_t i = 0; rc == 0 && i < count; i++)
            rc = sy_challenges_synthetic(public->replica_id, public->comm_r, params->nodes,
                                         picks[i], 1, &ret[i], err);
        break;
    default:
        sy_challenges_interactive(public->replica_id, public->seed, params->nodes, first, count,
                                  ret);
    }
    return rc;
}

int sy_vanilla_verifier_create(struct sy_vanilla_verifier **ret,
                               const struct sy_porep_params *params,
                               const struct sy_vanilla_public *public, struct sy_error *err)
{
    struct sy_vanilla_verifier *verifier = calloc(1, sizeof *verifier);
    if (!verifier)
        return sy_fail(err, SY_E_NOMEM, "C1 verifier: %zu bytes", sizeof *verifier);
    verifier->params = *params;
    verifier->public = *public;
    int rc = sy_vanilla_shapes_init(&verifier->shapes, params, err);
    if (rc == 0)
        rc = sy_graph_init_params(&verifier->graph, params, false, err);
    if (rc) {
        free(verifier);
        return rc;
    }
    *ret = verifier;
    return 0;
}

void sy_vanilla_verifier_destroy(struct sy_vanilla_verifier *verifier)
{
    if (!verifier)
        return;
    sy_graph_fini(&verifier->graph);
    free(verifier);
}

static int check_path(const char *what, const struct sy_tree_proof *path,
                      const struct sy_tree_shape *shape, uint64_t leaf, const uint8_t root[32],
                      struct sy_error *err)
{
    struct sy_error inner = {0};
    if (sy_tree_proof_verify(path, shape, leaf, root, &inner))
        return sy_fail(err, SY_E_MISMATCH, "%s: %.250s", what, inner.text);
    return 0;
}

static int check_column(const struct sy_vanilla_verifier *v, const char *what,
                        const struct sy_vanilla_column *column, uint64_t node,
                        const uint8_t comm_c[32], struct sy_error *err)
{
    struct sy_error inner = {0};
    const uint8_t *rows[SY_LAYERS_MAX];
    uint8_t hash[SY_NODE_BYTES];
    if (column->index != node)
        return sy_fail(err, SY_E_MISMATCH, "%s: column of node %u, node %llu expected", what,
                       column->index, (unsigned long long)node);
    if (column->row_count != v->params.layers)
        return sy_fail(err, SY_E_MISMATCH, "%s: column of %u labels, %u expected", what,
                       column->row_count, v->params.layers);
    for (uint32_t i = 0; i < column->row_count; i++)
        rows[i] = column->rows[i];
    if (sy_poseidon_columns(column->row_count, rows, hash, 1, &inner))
        return sy_fail(err, SY_E_MISMATCH, "%s: %.250s", what, inner.text);
    if (memcmp(hash, column->inclusion.leaf, SY_NODE_BYTES) != 0)
        return sy_fail(err, SY_E_MISMATCH,
                       "%s: the column hash of node %llu is not the leaf of its tree-c path", what,
                       (unsigned long long)node);
    return check_path(what, &column->inclusion, &v->shapes.c, node, comm_c, err);
}

/* comm_c and comm_r_last are not public; comm_r, which is, is made of them. */
static int check_roots(const struct sy_vanilla_verifier *v, const struct sy_vanilla_proof *proof,
                       struct sy_error *err)
{
    struct sy_error inner = {0};
    uint8_t pair[2 * SY_NODE_BYTES];
    uint8_t comm_r[SY_NODE_BYTES];
    memcpy(pair, proof->c_x.inclusion.root, SY_NODE_BYTES);
    memcpy(pair + SY_NODE_BYTES, proof->comm_r_last.root, SY_NODE_BYTES);
    if (sy_poseidon_node(2, pair, comm_r, &inner))
        return sy_fail(err, SY_E_MISMATCH, "comm_c or comm_r_last: %.250s", inner.text);
    if (memcmp(comm_r, v->public.comm_r, SY_NODE_BYTES) != 0)
        return sy_fail(err, SY_E_MISMATCH,
                       "comm_r is not the hash of the roots of tree-c (of the "
                       "challenge's column) and tree-r-last");
    return 0;
}

static int check_columns(const struct sy_vanilla_verifier *v, uint64_t challenge,
                         const struct sy_vanilla_proof *proof, struct sy_error *err)
{
    const uint8_t *comm_c = proof->c_x.inclusion.root;
    uint32_t parents[SY_PARENTS];
    char what[24];
    int rc = check_column(v, "c_x", &proof->c_x, challenge, comm_c, err);
    sy_graph_parents(&v->graph, challenge, parents);
    for (unsigned i = 0; rc == 0 && i < SY_PARENTS; i++) {
        bool drg = i < SY_DRG_PARENTS;
        snprintf(what, sizeof what, "%s parent %u", drg ? "drg" : "exp",
                 drg ? i : i - SY_DRG_PARENTS);
        rc = check_column(v, what, &proof->parents[i], parents[i], comm_c, err);
    }
    return rc;
}

static int check_label(const struct sy_vanilla_proof *proof, const struct sy_vanilla_label *label,
                       const char *what, uint32_t layer, uint64_t challenge, struct sy_error *err)
{
    uint8_t parents[SY_LABEL_PARENTS][SY_NODE_BYTES];
    if (label->layer_index != layer || label->node != challenge ||
        label->parent_count != SY_LABEL_PARENTS)
        return sy_fail(err, SY_E_MISMATCH,
                       "%s: layer %u, node %llu, %u parents; expected %u, %llu, %u", what,
                       label->layer_index, (unsigned long long)label->node, label->parent_count,
                       layer, (unsigned long long)challenge, SY_LABEL_PARENTS);
    sy_vanilla_label_parents(proof, layer, parents);
    if (memcmp(parents, label->parents, sizeof parents) != 0)
        return sy_fail(err, SY_E_MISMATCH, "%s: parents of layer %u are not those of the columns",
                       what, layer);
    return 0;
}

static int check_labels(const struct sy_vanilla_verifier *v, uint64_t challenge,
                        const struct sy_vanilla_proof *proof, struct sy_error *err)
{
    uint32_t layers = v->params.layers;
    uint8_t label[SY_NODE_BYTES];
    if (proof->label_count != layers)
        return sy_fail(err, SY_E_MISMATCH, "%u labeling proofs, %u expected", proof->label_count,
                       layers);
    for (uint32_t layer = 1; layer <= layers; layer++) {
        const struct sy_vanilla_label *l = &proof->labels[layer - 1];
        int rc = check_label(proof, l, "labeling proof", layer, challenge, err);
        if (rc)
            return rc;
        sy_label_compute(v->public.replica_id, layer, challenge, l->parents[0], label);
        if (memcmp(label, proof->c_x.rows[layer - 1], SY_NODE_BYTES) != 0)
            return sy_fail(err, SY_E_MISMATCH,
                           "the label of layer %u is not the hash of its "
                           "parents",
                           layer);
    }
    return check_label(proof, &proof->encoding, "encoding proof", layers, challenge, err);
}

static int check_encoding(const struct sy_vanilla_verifier *v, uint64_t challenge,
                          const struct sy_vanilla_proof *proof, struct sy_error *err)
{
    struct sy_error inner = {0};
    uint8_t sealed[SY_NODE_BYTES];
    if (sy_encode_nodes(sealed, proof->comm_d.leaf, proof->c_x.rows[v->params.layers - 1], 1,
                        challenge, &inner))
        return sy_fail(err, SY_E_MISMATCH, "encoding: %.250s", inner.text);
    if (memcmp(sealed, proof->comm_r_last.leaf, SY_NODE_BYTES) != 0)
        return sy_fail(err, SY_E_MISMATCH,
                       "the replica node is not the data node plus the last label");
    return 0;
}

int sy_vanilla_verify(const struct sy_vanilla_verifier *v, uint64_t challenge,
                      const struct sy_vanilla_proof *proof, struct sy_error *err)
{
    if (challenge == 0 || challenge >= v->params.nodes)
        return sy_fail(err, SY_E_RANGE, "challenge %llu outside 1..%llu",
                       (unsigned long long)challenge, (unsigned long long)v->params.nodes - 1);
    int rc = check_path("tree-d", &proof->comm_d, &v->shapes.d, challenge, v->public.comm_d, err);
    if (rc == 0)
        rc = check_roots(v, proof, err);
    if (rc == 0)
        rc = check_path("tree-r-last", &proof->comm_r_last, &v->shapes.r_last, challenge,
                        proof->comm_r_last.root, err);
    if (rc == 0)
        rc = check_columns(v, challenge, proof, err);
    if (rc == 0)
        rc = check_labels(v, challenge, proof, err);
    if (rc == 0)
        rc = check_encoding(v, challenge, proof, err);
    return rc;
}

int sy_c1_params(const struct sy_c1 *c1, struct sy_porep_params *ret_params, struct sy_error *err)
{
    const struct sy_proof *proof;
    if (c1->raw)
        return sy_fail(err, SY_E_ARG, "the C1 file names no registered proof: give proof_type");
    int rc = sy_proof_find_name(&proof, c1->registered_proof, err);
    if (rc)
        return rc;
    if (strcmp(proof->size_key, c1->size_key) != 0)
        return sy_fail(err, SY_E_ARG, "C1 file: key %s does not belong to %s", c1->size_key,
                       proof->name);
    return sy_porep_params_init(ret_params, proof->id, err);
}

static int check_value(const char *what, const uint8_t *expected, const uint8_t found[32],
                       struct sy_error *err)
{
    char expected_hex[SY_HEX_TEXT_BYTES(32)];
    char found_hex[SY_HEX_TEXT_BYTES(32)];
    if (!expected || memcmp(expected, found, SY_NODE_BYTES) == 0)
        return 0;
    return sy_fail(err, SY_E_MISMATCH, "C1 file: %s is %s, %s expected", what,
                   sy_hex_encode(found, 32, found_hex), sy_hex_encode(expected, 32, expected_hex));
}

int sy_c1_check_shape(const struct sy_c1 *c1, const struct sy_porep_params *params,
                      struct sy_error *err)
{
    const char *name = params->proof ? params->proof->name : "";
    if (strcmp(c1->registered_proof, name) != 0)
        return sy_fail(err, SY_E_MISMATCH, "C1 file: registered_proof is \"%s\", \"%s\" expected",
                       c1->registered_proof, name);
    if (c1->partition_count != params->partitions)
        return sy_fail(err, SY_E_MISMATCH, "C1 file: %u partitions, %u expected",
                       c1->partition_count, params->partitions);
    for (uint32_t p = 0; p < c1->partition_count; p++)
        if (c1->challenge_count[p] != params->challenges_per_partition)
            return sy_fail(err, SY_E_MISMATCH, "C1 file: partition %u has %u proofs, %u expected",
                           p, c1->challenge_count[p], params->challenges_per_partition);
    return 0;
}

static int check_head(const struct sy_c1 *c1, const struct sy_c1_check *check, struct sy_error *err)
{
    const struct sy_vanilla_public *public = &c1->public;
    int rc = sy_c1_check_shape(c1, check->params, err);
    if (rc == 0)
        rc = check_value("comm_r", check->comm_r, public->comm_r, err);
    if (rc == 0)
        rc = check_value("comm_d", check->comm_d, public->comm_d, err);
    if (rc == 0)
        rc = check_value("replica_id", check->replica_id, public->replica_id, err);
    if (rc == 0)
        rc = check_value("seed", check->seed, public->seed, err);
    if (rc == 0)
        rc = check_value("ticket", check->ticket, public->ticket, err);
    return rc;
}

struct verify_job {
    const struct sy_c1 *c1;
    const struct sy_vanilla_verifier *verifier;
};

static int verify_partition(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    const struct verify_job *job = ctx;
    uint64_t challenges[SY_VANILLA_CHALLENGES_MAX];
    uint32_t p = (uint32_t)index;
    (void)worker;
    int rc = sy_vanilla_challenges(&job->verifier->params, &job->c1->public, p, challenges, err);
    for (uint32_t i = 0; rc == 0 && i < job->c1->challenge_count[p]; i++) {
        rc = sy_vanilla_verify(job->verifier, challenges[i], &job->c1->partitions[p][i], err);
        if (rc)
            sy_error_wrap(err, "C1 partition %u proof %u (node %llu)", p, i,
                          (unsigned long long)challenges[i]);
    }
    return rc;
}

int sy_c1_verify(const struct sy_c1 *c1, const struct sy_c1_check *check, struct sy_error *err)
{
    struct verify_job job = {.c1 = c1};
    struct sy_vanilla_verifier *verifier = NULL;
    int rc = check_head(c1, check, err);
    if (rc == 0)
        rc = sy_vanilla_verifier_create(&verifier, check->params, &c1->public, err);
    if (rc == 0) {
        job.verifier = verifier;
        rc = sy_parallel_for(check->threads, 0, c1->partition_count, verify_partition, &job, err);
    }
    sy_vanilla_verifier_destroy(verifier);
    return rc;
}
