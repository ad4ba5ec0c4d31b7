/* Inclusion proofs in memory: geometry, recomputation, verification. */
#include "tasks/tree/node.h"
#include "common/hex.h"

#include <string.h>

unsigned sy_tree_proof_levels(const struct sy_tree_proof *proof)
{
    return proof->base_levels + (proof->sub_arity != 0) + (proof->top_arity != 0);
}

unsigned sy_tree_proof_arity(const struct sy_tree_proof *proof, unsigned level)
{
    if (level < proof->base_levels)
        return proof->base_arity;
    return level == proof->base_levels && proof->sub_arity != 0 ? proof->sub_arity
                                                                : proof->top_arity;
}

size_t sy_tree_proof_first_sibling(const struct sy_tree_proof *proof, unsigned level)
{
    size_t first = (size_t)SY_MIN(level, proof->base_levels) * (proof->base_arity - 1);
    if (level > proof->base_levels)
        first += proof->sub_arity - 1;
    return first;
}

uint64_t sy_tree_proof_leaf_index(const struct sy_tree_proof *proof)
{
    uint64_t leaf = 0, weight = 1;
    for (unsigned level = 0; level < sy_tree_proof_levels(proof); level++) {
        leaf += proof->index[level] * weight;
        weight *= sy_tree_proof_arity(proof, level);
    }
    return leaf;
}

static bool arity_ok(unsigned arity)
{
    return arity == 2 || arity == 4 || arity == 8;
}

/* The form alone: every array access of a proof that passes is inside its arrays. */
static int check_form(const struct sy_tree_proof *proof, struct sy_error *err)
{
    bool sha = proof->hash == SY_TREE_SHA256;
    if (!sha && proof->hash != SY_TREE_POSEIDON)
        return sy_fail(err, SY_E_ARG, "proof with unknown hash %d", (int)proof->hash);
    if (!arity_ok(proof->base_arity) || (proof->sub_arity != 0 && !arity_ok(proof->sub_arity)) ||
        (proof->top_arity != 0 && (!arity_ok(proof->top_arity) || proof->sub_arity == 0)) ||
        (sha && (proof->base_arity != 2 || proof->sub_arity != 0)))
        return sy_fail(err, SY_E_ARG, "proof with arities %u, %u, %u", proof->base_arity,
                       proof->sub_arity, proof->top_arity);
    if (proof->base_levels == 0 || proof->base_levels > SY_TREE_LEVELS_MAX - 2)
        return sy_fail(err, SY_E_ARG, "proof with %u base levels, expected 1 to %d",
                       proof->base_levels, SY_TREE_LEVELS_MAX - 2);
    unsigned levels = sy_tree_proof_levels(proof);
    size_t last = sy_tree_proof_first_sibling(proof, levels - 1);
    if (last + sy_tree_proof_arity(proof, levels - 1) - 1 > SY_TREE_SIBLINGS_MAX)
        return sy_fail(err, SY_E_ARG, "proof with %u levels of arity %u has too many siblings",
                       levels, proof->base_arity);
    for (unsigned level = 0; level < levels; level++)
        if (proof->index[level] >= sy_tree_proof_arity(proof, level))
            return sy_fail(err, SY_E_ARG, "index %u at level %u, the arity is %u",
                           proof->index[level], level, sy_tree_proof_arity(proof, level));
    return 0;
}

int sy_tree_proof_root(const struct sy_tree_proof *proof, uint8_t ret_root[32],
                       struct sy_error *err)
{
    uint8_t node[SY_NODE_BYTES], group[8][SY_NODE_BYTES];
    int status = check_form(proof, err);
    if (status != 0)
        return status;
    memcpy(node, proof->leaf, sizeof node);
    for (unsigned level = 0; level < sy_tree_proof_levels(proof); level++) {
        unsigned arity = sy_tree_proof_arity(proof, level);
        const uint8_t(*sibling)[SY_NODE_BYTES] =
            &proof->siblings[sy_tree_proof_first_sibling(proof, level)];
        for (unsigned i = 0; i < arity; i++)
            memcpy(group[i], i == proof->index[level] ? node : *sibling++, SY_NODE_BYTES);
        status = sy_tree_hash_row(proof->hash, arity, group[0], node, 1, err);
        if (status != 0)
            return sy_error_wrap(err, "proof level %u", level);
    }
    memcpy(ret_root, node, sizeof node);
    return 0;
}

static int fail_roots(struct sy_error *err, const char *what, const uint8_t *got,
                      const uint8_t *expected)
{
    char got_text[SY_HEX_TEXT_BYTES(SY_NODE_BYTES)], want_text[SY_HEX_TEXT_BYTES(SY_NODE_BYTES)];
    return sy_fail(err, SY_E_MISMATCH, "%s is %s, expected %s", what,
                   sy_hex_encode(got, SY_NODE_BYTES, got_text),
                   sy_hex_encode(expected, SY_NODE_BYTES, want_text));
}

int sy_tree_proof_verify(const struct sy_tree_proof *proof, const struct sy_tree_shape *shape,
                         uint64_t leaf_index, const uint8_t root[32], struct sy_error *err)
{
    uint8_t computed[SY_NODE_BYTES];
    int status = check_form(proof, err);
    if (status != 0)
        return status;
    if (proof->hash != shape->hash || proof->base_arity != shape->base_arity ||
        proof->base_levels != sy_tree_base_levels(shape) || proof->sub_arity != shape->sub_arity ||
        proof->top_arity != shape->top_arity)
        return sy_fail(
            err, SY_E_MISMATCH,
            "proof of shape (%u, %u, %u) with %u base levels, expected (%u, %u, %u) with %u",
            proof->base_arity, proof->sub_arity, proof->top_arity, proof->base_levels,
            shape->base_arity, shape->sub_arity, shape->top_arity, sy_tree_base_levels(shape));
    if (sy_tree_proof_leaf_index(proof) != leaf_index)
        return sy_fail(err, SY_E_MISMATCH, "proof of leaf %llu, expected leaf %llu",
                       (unsigned long long)sy_tree_proof_leaf_index(proof),
                       (unsigned long long)leaf_index);
    if (memcmp(proof->root, root, SY_NODE_BYTES) != 0)
        return fail_roots(err, "the root named in the proof", proof->root, root);
    status = sy_tree_proof_root(proof, computed, err);
    if (status == 0 && memcmp(computed, root, SY_NODE_BYTES) != 0)
        return fail_roots(err, "the root the proof leads to", computed, root);
    return status;
}
