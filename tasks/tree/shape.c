#include "tasks/tree/node.h"
#include "tasks/hash/poseidon.h"
#include "tasks/hash/sha256.h"

#include <string.h>

#define REBUILD_LEAVES_MAX                                                                         \
    (1U << 18) /* leaves read to rebuild the missing rows of one proof: 8 MiB */

/* Rows to discard in the network's default setting, by arity: never more than rows - 2. */
#define DEFAULT_ROWS_TO_DISCARD_8 2

unsigned sy_tree_arity_bits(unsigned arity)
{
    return (unsigned)__builtin_ctz(arity);
}

static bool joined_arity_ok(unsigned arity)
{
    return arity == 0 || arity == 2 || arity == 4 || arity == 8;
}

static int check_trimming(const struct sy_tree_shape *shape, struct sy_error *err)
{
    unsigned levels = sy_tree_base_levels(shape);
    if (!shape->trimmed && shape->rows_to_discard != 0)
        return sy_fail(err, SY_E_ARG,
                       "rows_to_discard %u in a tree that is not trimmed, expected 0",
                       shape->rows_to_discard);
    if (!shape->trimmed)
        return 0;
    if (shape->rows_to_discard >= levels)
        return sy_fail(err, SY_E_ARG, "rows_to_discard %u leaves no row of a tree of %u levels",
                       shape->rows_to_discard, levels);
    unsigned bits = (shape->rows_to_discard + 1) * sy_tree_arity_bits(shape->base_arity);
    if (bits >= 32 || (UINT64_C(1) << bits) > REBUILD_LEAVES_MAX)
        return sy_fail(err, SY_E_ARG, "rows_to_discard %u means rebuilding 2^%u leaves, at most %u",
                       shape->rows_to_discard, bits, REBUILD_LEAVES_MAX);
    return 0;
}

int sy_tree_shape_check(const struct sy_tree_shape *shape, struct sy_error *err)
{
    unsigned arity = shape->base_arity;
    if (shape->hash != SY_TREE_SHA256 && shape->hash != SY_TREE_POSEIDON)
        return sy_fail(err, SY_E_ARG, "hash %d of a tree is unknown", (int)shape->hash);
    if (arity == 0 || !joined_arity_ok(arity))
        return sy_fail(err, SY_E_ARG, "base arity %u, expected 2, 4 or 8", arity);
    if (shape->hash == SY_TREE_SHA256 && (arity != 2 || shape->sub_arity != 0))
        return sy_fail(err, SY_E_ARG, "a SHA-256 tree of arities %u and %u, expected 2 and 0",
                       arity, shape->sub_arity);
    if (!joined_arity_ok(shape->sub_arity) || !joined_arity_ok(shape->top_arity))
        return sy_fail(err, SY_E_ARG, "sub arity %u and top arity %u, expected 0, 2, 4 or 8",
                       shape->sub_arity, shape->top_arity);
    if (shape->top_arity != 0 && shape->sub_arity == 0)
        return sy_fail(err, SY_E_ARG, "a top arity of %u without a sub level", shape->top_arity);
    uint64_t leaves = shape->base_leaves;
    unsigned bits = sy_tree_arity_bits(arity);
    if (leaves < arity || (leaves & (leaves - 1)) != 0 ||
        (unsigned)__builtin_ctzll(leaves) % bits != 0 || leaves > UINT64_C(1) << 36)
        return sy_fail(err, SY_E_ARG,
                       "%llu leaves in a base tree, expected a power of %u up to 2^36",
                       (unsigned long long)leaves, arity);
    return check_trimming(shape, err);
}

unsigned sy_tree_base_levels(const struct sy_tree_shape *shape)
{
    return (unsigned)__builtin_ctzll(shape->base_leaves) / sy_tree_arity_bits(shape->base_arity);
}

unsigned sy_tree_base_trees(const struct sy_tree_shape *shape)
{
    return SY_MAX(1U, shape->sub_arity) * SY_MAX(1U, shape->top_arity);
}

uint64_t sy_tree_leaves(const struct sy_tree_shape *shape)
{
    return shape->base_leaves * sy_tree_base_trees(shape);
}

unsigned sy_tree_first_row(const struct sy_tree_shape *shape)
{
    return shape->trimmed ? 1 + shape->rows_to_discard : 0;
}

uint64_t sy_tree_row_nodes(const struct sy_tree_shape *shape, unsigned row)
{
    return shape->base_leaves >> row * sy_tree_arity_bits(shape->base_arity);
}

/* Rows shrink by the arity: their sum from `row` to the root is (arity * nodes(row) - 1)/(arity -
 * 1). */
static uint64_t nodes_from_row(const struct sy_tree_shape *shape, unsigned row)
{
    return (shape->base_arity * sy_tree_row_nodes(shape, row) - 1) / (shape->base_arity - 1);
}

uint64_t sy_tree_base_nodes(const struct sy_tree_shape *shape)
{
    return nodes_from_row(shape, 0);
}

uint64_t sy_tree_file_bytes(const struct sy_tree_shape *shape)
{
    return nodes_from_row(shape, sy_tree_first_row(shape)) * SY_NODE_BYTES;
}

uint64_t sy_tree_row_offset(const struct sy_tree_shape *shape, unsigned row)
{
    SY_ASSERT(row >= sy_tree_first_row(shape) && row <= sy_tree_base_levels(shape));
    return (nodes_from_row(shape, sy_tree_first_row(shape)) - nodes_from_row(shape, row)) *
           SY_NODE_BYTES;
}

int sy_tree_file_path(char *ret_path, const struct sy_tree_shape *shape, const char *directory,
                      const char *id, unsigned base, struct sy_error *err)
{
    if (base >= sy_tree_base_trees(shape))
        return sy_fail(err, SY_E_RANGE, "base tree %u of %s, the shape has %u", base, id,
                       sy_tree_base_trees(shape));
    if (sy_tree_base_trees(shape) == 1)
        return sy_path_format(ret_path, err, "%s/sc-02-data-%s.dat", directory, id);
    return sy_path_format(ret_path, err, "%s/sc-02-data-%s-%u.dat", directory, id, base);
}

/* -------------------------------------------------------------------------------- shapes of a
 * sector */

int sy_tree_shape_d(struct sy_tree_shape *ret, uint64_t nodes, struct sy_error *err)
{
    const struct sy_tree_shape shape = {
        .hash = SY_TREE_SHA256, .base_arity = 2, .base_leaves = nodes};
    int status = sy_tree_shape_check(&shape, err);
    if (status == 0)
        *ret = shape;
    return status;
}

int sy_tree_shape_c(struct sy_tree_shape *ret, uint64_t nodes, unsigned sub_arity,
                    unsigned top_arity, struct sy_error *err)
{
    struct sy_tree_shape shape = {
        .hash = SY_TREE_POSEIDON, .base_arity = 8, .sub_arity = sub_arity, .top_arity = top_arity};
    if (!joined_arity_ok(sub_arity) || !joined_arity_ok(top_arity))
        return sy_fail(err, SY_E_ARG, "sub arity %u and top arity %u, expected 0, 2, 4 or 8",
                       sub_arity, top_arity);
    unsigned trees = sy_tree_base_trees(&shape);
    if (nodes % trees != 0)
        return sy_fail(err, SY_E_ARG, "%llu nodes do not divide into %u base trees",
                       (unsigned long long)nodes, trees);
    shape.base_leaves = nodes / trees;
    int status = sy_tree_shape_check(&shape, err);
    if (status == 0)
        *ret = shape;
    return status;
}

int sy_tree_shape_r_last(struct sy_tree_shape *ret, uint64_t nodes, unsigned sub_arity,
                         unsigned top_arity, struct sy_error *err)
{
    struct sy_tree_shape shape;
    int status = sy_tree_shape_c(&shape, nodes, sub_arity, top_arity, err);
    if (status != 0)
        return status;
    unsigned levels = sy_tree_base_levels(&shape);
    shape.trimmed = true;
    shape.rows_to_discard = SY_MIN(levels - 1, DEFAULT_ROWS_TO_DISCARD_8);
    *ret = shape;
    return 0;
}

/* --------------------------------------------------------------------------------------------
 * hashing */

int sy_tree_hash_row(enum sy_tree_hash hash, unsigned arity, const uint8_t *nodes,
                     uint8_t *ret_nodes, size_t count, struct sy_error *err)
{
    if (hash == SY_TREE_POSEIDON)
        return sy_poseidon_nodes(arity, nodes, ret_nodes, count, err);
    sy_sha256_node_pairs(ret_nodes, nodes, count);
    return 0;
}

int sy_tree_join_roots(const struct sy_tree_shape *shape, const uint8_t (*base_roots)[32],
                       uint8_t ret_root[32], struct sy_error *err)
{
    uint8_t nodes[SY_TREE_BASES_MAX][SY_NODE_BYTES];
    size_t count = sy_tree_base_trees(shape);
    SY_ASSERT(count <= SY_TREE_BASES_MAX);
    memcpy(nodes, base_roots, count * SY_NODE_BYTES);
    const unsigned arities[] = {shape->sub_arity, shape->top_arity};
    for (size_t i = 0; i < SY_ARRAY_SIZE(arities); i++) {
        if (arities[i] == 0)
            continue;
        count /= arities[i];
        int status = sy_tree_hash_row(shape->hash, arities[i], nodes[0], nodes[0], count, err);
        if (status != 0)
            return status;
    }
    memcpy(ret_root, nodes[0], SY_NODE_BYTES);
    return 0;
}
