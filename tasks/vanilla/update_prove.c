/* Vanilla proofs of updates: facts sealing.md 11.4. */
#include "tasks/vanilla/update.h"

#include <stdlib.h>
#include <string.h>

#include "tasks/hash/poseidon.h"
#include "tasks/hash/sha256.h"
#include "tasks/sector/aux.h"
#include "tasks/vanilla/shapes.h"

struct trees {
    struct sy_tree *r_old, *d_new, *r_new;
};

static int open_trees(struct trees *t, const struct sy_porep_params *params,
                      const struct sy_update_paths *paths, struct sy_error *err)
{
    struct sy_vanilla_shapes shapes;
    int rc = sy_vanilla_shapes_init(&shapes, params, err);
    if (rc == 0)
        rc = sy_tree_open(&t->r_old, &shapes.r_last, paths->old_cache, "tree-r-last",
                          paths->old_sealed, err);
    if (rc == 0)
        rc = sy_tree_open(&t->d_new, &shapes.d, paths->new_cache, "tree-d", NULL, err);
    if (rc == 0)
        rc = sy_tree_open(&t->r_new, &shapes.r_last, paths->new_cache, "tree-r-last", paths->update,
                          err);
    return rc;
}

static void close_trees(struct trees *t)
{
    if (t->r_old)
        sy_tree_close(t->r_old);
    if (t->d_new)
        sy_tree_close(t->d_new);
    if (t->r_new)
        sy_tree_close(t->r_new);
}

static int prove_challenges(const struct trees *t, const struct sy_update_shape *shape,
                            struct sy_update_witness *witness, struct sy_error *err)
{
    uint64_t nodes[SY_UPDATE_CHALLENGES_MAX];
    struct sy_update_challenge *proofs = calloc(shape->challenges, sizeof *proofs);
    if (!proofs)
        return sy_fail(err, SY_E_NOMEM, "no memory for %u challenges", shape->challenges);
    int rc = sy_update_challenges(shape, witness->comm_r_new, witness->partition, nodes, err);
    for (unsigned c = 0; rc == 0 && c < shape->challenges; c++) {
        rc = sy_tree_prove(t->r_old, nodes[c], &proofs[c].r_old, err);
        if (rc == 0)
            rc = sy_tree_prove(t->d_new, nodes[c], &proofs[c].d_new, err);
        if (rc == 0)
            rc = sy_tree_prove(t->r_new, nodes[c], &proofs[c].r_new, err);
    }
    witness->challenges = proofs;
    return rc;
}

int sy_update_prove(const struct sy_porep_params *params, const struct sy_update_paths *paths,
                    const struct sy_update_commitments *commitments, unsigned partition,
                    struct sy_update_witness *ret, struct sy_error *err)
{
    struct sy_update_shape shape;
    struct trees t = {NULL, NULL, NULL};
    uint8_t comm_r_last_old[SY_NODE_BYTES];
    struct sy_update_witness witness = {.partition = partition};
    int rc = sy_update_shape_init(&shape, params->sector_bytes, err);
    if (rc != 0)
        return rc;
    witness.h_select = sy_update_h_select(&shape);
    memcpy(witness.comm_r_old, commitments->comm_r_old, SY_NODE_BYTES);
    memcpy(witness.comm_d_new, commitments->comm_d_new, SY_NODE_BYTES);
    memcpy(witness.comm_r_new, commitments->comm_r_new, SY_NODE_BYTES);
    rc = sy_p_aux_read(paths->old_cache, witness.comm_c, comm_r_last_old, err);
    if (rc == 0)
        rc = open_trees(&t, params, paths, err);
    if (rc == 0)
        rc = prove_challenges(&t, &shape, &witness, err);
    /* The row of tree-d that has partitions * apex_leaves nodes. */
    if (rc == 0)
        rc = sy_tree_read_row(t.d_new, 0, shape.node_bits - shape.partition_bits - shape.apex_bits,
                              (uint64_t)partition * shape.apex_leaves, shape.apex_leaves,
                              witness.apex[0], err);
    close_trees(&t);
    if (rc != 0)
        sy_update_witness_fini(&witness);
    else
        *ret = witness;
    return rc;
}

void sy_update_witness_fini(struct sy_update_witness *witness)
{
    free((void *)(uintptr_t)witness->challenges);
    witness->challenges = NULL;
}

/* -----------------------------------------------------------------------------------------
 * verifying */

struct checker {
    const struct sy_update_witness *witness;
    struct sy_update_shape shape;
    struct sy_vanilla_shapes trees;
    struct sy_fr phi;
    uint8_t apex_root[SY_NODE_BYTES];
};

static int check_comm_r(const uint8_t *comm_c, const uint8_t *root, const uint8_t *comm_r,
                        const char *what, struct sy_error *err)
{
    uint8_t pair[2 * SY_NODE_BYTES], computed[SY_NODE_BYTES];
    memcpy(pair, comm_c, SY_NODE_BYTES);
    memcpy(pair + SY_NODE_BYTES, root, SY_NODE_BYTES);
    int rc = sy_poseidon_node(2, pair, computed, err);
    if (rc == 0 && memcmp(computed, comm_r, SY_NODE_BYTES) != 0)
        rc = sy_fail(err, SY_E_MISMATCH, "comm_c and the root of tree-r-last do not give %s", what);
    return rc;
}

/* new leaf = old leaf + data leaf * rho. */
static int check_leaves(const struct checker *c, const struct sy_update_challenge *proof,
                        uint64_t node, struct sy_error *err)
{
    struct sy_fr old, data, new, rho;
    sy_update_rho(&c->phi, node >> (c->shape.node_bits - sy_update_h(&c->shape)), &rho);
    int rc = sy_fr_from_bytes(&old, proof->r_old.leaf, err);
    if (rc == 0)
        rc = sy_fr_from_bytes(&data, proof->d_new.leaf, err);
    if (rc == 0)
        rc = sy_fr_from_bytes(&new, proof->r_new.leaf, err);
    if (rc != 0)
        return rc;
    sy_fr_mul(&data, &data, &rho);
    sy_fr_add(&old, &old, &data);
    if (!sy_fr_equal(&old, &new))
        return sy_fail(err, SY_E_MISMATCH, "the new leaf is not old + data * rho");
    return 0;
}

/* The path of the data leaf passes the apex leaf and the apex root. */
static int check_apex(const struct checker *c, const struct sy_tree_proof *path,
                      struct sy_error *err)
{
    uint8_t node[SY_NODE_BYTES];
    unsigned below = c->shape.node_bits - c->shape.partition_bits - c->shape.apex_bits;
    uint64_t leaf = sy_tree_proof_leaf_index(path) >> below & (c->shape.apex_leaves - 1);
    memcpy(node, path->leaf, sizeof node);
    for (unsigned level = 0; level < below + c->shape.apex_bits; level++) {
        if (level == below && memcmp(node, c->witness->apex[leaf], SY_NODE_BYTES) != 0)
            return sy_fail(err, SY_E_MISMATCH, "the path of tree-d misses apex leaf %llu",
                           (unsigned long long)leaf);
        if (path->index[level] == 0)
            sy_sha256_node_pair(node, node, path->siblings[level]);
        else
            sy_sha256_node_pair(node, path->siblings[level], node);
    }
    if (memcmp(node, c->apex_root, SY_NODE_BYTES) != 0)
        return sy_fail(err, SY_E_MISMATCH, "the path of tree-d misses the apex root");
    return 0;
}

static int check_challenge(const struct checker *c, uint64_t node,
                           const struct sy_update_challenge *proof, struct sy_error *err)
{
    const struct sy_update_challenge *first = &c->witness->challenges[0];
    int rc = sy_tree_proof_verify(&proof->r_old, &c->trees.r_last, node, first->r_old.root, err);
    if (rc == 0)
        rc = sy_tree_proof_verify(&proof->d_new, &c->trees.d, node, c->witness->comm_d_new, err);
    if (rc == 0)
        rc = sy_tree_proof_verify(&proof->r_new, &c->trees.r_last, node, first->r_new.root, err);
    if (rc == 0)
        rc = check_apex(c, &proof->d_new, err);
    if (rc == 0)
        rc = check_leaves(c, proof, node, err);
    return rc;
}

static void hash_apex(struct checker *c)
{
    uint8_t row[SY_UPDATE_APEX_MAX][SY_NODE_BYTES];
    memcpy(row, c->witness->apex, sizeof row);
    for (unsigned count = c->shape.apex_leaves; count > 1; count /= 2)
        sy_sha256_node_pairs(row[0], row[0], count / 2);
    memcpy(c->apex_root, row[0], SY_NODE_BYTES);
}

int sy_update_verify(const struct sy_porep_params *params, const struct sy_update_witness *witness,
                     struct sy_error *err)
{
    struct checker c = {.witness = witness};
    uint64_t nodes[SY_UPDATE_CHALLENGES_MAX];
    int rc = sy_update_shape_init(&c.shape, params->sector_bytes, err);
    if (rc == 0)
        rc = sy_vanilla_shapes_init(&c.trees, params, err);
    if (rc == 0)
        rc = sy_update_challenges(&c.shape, witness->comm_r_new, witness->partition, nodes, err);
    if (rc != 0)
        return rc;
    const struct sy_update_challenge *first = &witness->challenges[0];
    rc = check_comm_r(witness->comm_c, first->r_old.root, witness->comm_r_old, "comm_r_old", err);
    if (rc == 0)
        rc = check_comm_r(witness->comm_c, first->r_new.root, witness->comm_r_new, "comm_r_new",
                          err);
    if (rc == 0 && witness->h_select != sy_update_h_select(&c.shape))
        rc = sy_fail(err, SY_E_MISMATCH, "h_select %u, expected %u", witness->h_select,
                     sy_update_h_select(&c.shape));
    if (rc == 0)
        rc = sy_update_phi(witness->comm_d_new, witness->comm_r_old, &c.phi, err);
    if (rc != 0)
        return rc;
    hash_apex(&c);
    for (unsigned i = 0; rc == 0 && i < c.shape.challenges; i++) {
        rc = check_challenge(&c, nodes[i], &witness->challenges[i], err);
        if (rc != 0)
            sy_error_wrap(err, "update partition %u, challenge %u", witness->partition, i);
    }
    return rc;
}

void sy_update_encode_partition(struct sy_bincode *out, const struct sy_update_shape *shape,
                                const struct sy_update_witness *witness)
{
    sy_bincode_put(out, witness->comm_c, SY_NODE_BYTES);
    sy_bincode_put_u64(out, shape->apex_leaves);
    sy_bincode_put(out, witness->apex, (size_t)shape->apex_leaves * SY_NODE_BYTES);
    sy_bincode_put_u64(out, shape->challenges);
    for (unsigned c = 0; c < shape->challenges; c++) {
        sy_bincode_put_tree_proof(out, &witness->challenges[c].r_old);
        sy_bincode_put_tree_proof(out, &witness->challenges[c].d_new);
        sy_bincode_put_tree_proof(out, &witness->challenges[c].r_new);
    }
}
