/* An opened tree: base tree files, the leaf file of a trimmed tree, joined roots. Everything is
 * read with pread, so proofs of one tree may be made by many threads. */
#include "tasks/tree/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sy_tree {
    struct sy_tree_shape shape;
    unsigned bases;
    unsigned levels;
    int fd[SY_TREE_BASES_MAX];         /* -1 until opened */
    char path[SY_TREE_BASES_MAX][256]; /* end of the path, for error texts */
    int leaf_fd;                       /* trimmed trees only, else -1 */
    char *leaf_path;
    uint8_t base_root[SY_TREE_BASES_MAX][SY_NODE_BYTES];
    uint8_t sub_root[8][SY_NODE_BYTES]; /* with a top level: the nodes below the root */
    uint8_t root[SY_NODE_BYTES];
};

static int open_sized(const char *path, uint64_t bytes, bool exact, int *ret_fd,
                      struct sy_error *err)
{
    uint64_t found = 0;
    int status = sy_file_size(path, &found, err);
    if (status != 0)
        return status;
    if (exact ? found != bytes : found < bytes)
        return sy_fail(err, SY_E_CORRUPT, "%s has %llu bytes, expected %s%llu", path,
                       (unsigned long long)found, exact ? "" : "at least ",
                       (unsigned long long)bytes);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    *ret_fd = fd;
    return 0;
}

static int open_base(struct sy_tree *tree, unsigned base, const char *directory, const char *id,
                     struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    uint64_t bytes = sy_tree_file_bytes(&tree->shape);
    int status = sy_tree_file_path(path, &tree->shape, directory, id, base, err);
    if (status == 0)
        status = open_sized(path, bytes, true, &tree->fd[base], err);
    if (status != 0)
        return status;
    size_t length = strlen(path);
    size_t skip = length < sizeof tree->path[base] ? 0 : length - (sizeof tree->path[base] - 1);
    memcpy(tree->path[base], path + skip, length - skip + 1);
    return sy_file_pread(tree->fd[base], tree->base_root[base], SY_NODE_BYTES,
                         bytes - SY_NODE_BYTES, tree->path[base], err);
}

static int open_leaves(struct sy_tree *tree, const char *leaf_path, struct sy_error *err)
{
    if (!tree->shape.trimmed)
        return 0;
    tree->leaf_path = strdup(leaf_path);
    if (tree->leaf_path == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory to open %s", leaf_path);
    return open_sized(leaf_path, sy_tree_leaves(&tree->shape) * SY_NODE_BYTES, false,
                      &tree->leaf_fd, err);
}

static int join(struct sy_tree *tree, struct sy_error *err)
{
    const struct sy_tree_shape *shape = &tree->shape;
    if (shape->top_arity != 0) {
        int status = sy_tree_hash_row(shape->hash, shape->sub_arity, tree->base_root[0],
                                      tree->sub_root[0], shape->top_arity, err);
        if (status != 0)
            return status;
    }
    return sy_tree_join_roots(shape, (const uint8_t(*)[32])tree->base_root, tree->root, err);
}

int sy_tree_open(struct sy_tree **ret, const struct sy_tree_shape *shape, const char *directory,
                 const char *id, const char *leaf_path, struct sy_error *err)
{
    int status = sy_tree_shape_check(shape, err);
    if (status != 0)
        return status;
    if (shape->trimmed != (leaf_path != NULL))
        return sy_fail(err, SY_E_ARG, "%s: a trimmed tree needs its leaf file, others take none",
                       id);
    struct sy_tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory to open %s", id);
    tree->shape = *shape;
    tree->bases = sy_tree_base_trees(shape);
    tree->levels = sy_tree_base_levels(shape);
    tree->leaf_fd = -1;
    for (unsigned i = 0; i < SY_TREE_BASES_MAX; i++)
        tree->fd[i] = -1;
    status = open_leaves(tree, leaf_path, err);
    for (unsigned base = 0; base < tree->bases && status == 0; base++)
        status = open_base(tree, base, directory, id, err);
    if (status == 0)
        status = join(tree, err);
    if (status != 0) {
        sy_tree_close(tree);
        return status;
    }
    *ret = tree;
    return 0;
}

void sy_tree_close(struct sy_tree *tree)
{
    if (tree == NULL)
        return;
    for (unsigned i = 0; i < SY_TREE_BASES_MAX; i++)
        if (tree->fd[i] >= 0)
            close(tree->fd[i]);
    if (tree->leaf_fd >= 0)
        close(tree->leaf_fd);
    free(tree->leaf_path);
    free(tree);
}

const uint8_t *sy_tree_root(const struct sy_tree *tree)
{
    return tree->root;
}

const struct sy_tree_shape *sy_tree_get_shape(const struct sy_tree *tree)
{
    return &tree->shape;
}

int sy_tree_read_row(const struct sy_tree *tree, unsigned base, unsigned row, uint64_t first,
                     size_t count, uint8_t *ret_nodes, struct sy_error *err)
{
    const struct sy_tree_shape *shape = &tree->shape;
    if (base >= tree->bases || row > tree->levels)
        return sy_fail(err, SY_E_RANGE, "row %u of base tree %u, the tree has %u rows in %u trees",
                       row, base, tree->levels + 1, tree->bases);
    uint64_t nodes = sy_tree_row_nodes(shape, row);
    if (first > nodes || count > nodes - first)
        return sy_fail(err, SY_E_RANGE, "nodes %llu to %llu of row %u, which has %llu",
                       (unsigned long long)first, (unsigned long long)(first + count), row,
                       (unsigned long long)nodes);
    if (row == 0 && shape->trimmed)
        return sy_file_pread(tree->leaf_fd, ret_nodes, count * SY_NODE_BYTES,
                             (base * shape->base_leaves + first) * SY_NODE_BYTES, tree->leaf_path,
                             err);
    if (row < sy_tree_first_row(shape))
        return sy_fail(err, SY_E_UNSUPPORTED, "row %u is not stored, the first stored one is %u",
                       row, sy_tree_first_row(shape));
    return sy_file_pread(tree->fd[base], ret_nodes, count * SY_NODE_BYTES,
                         sy_tree_row_offset(shape, row) + first * SY_NODE_BYTES, tree->path[base],
                         err);
}

/* ------------------------------------------------------------------------------------------ proofs
 */

/* Takes one group of `arity` nodes apart: the own position and the others as siblings. */
static void put_level(struct sy_tree_proof *proof, unsigned level, const uint8_t *group,
                      unsigned own)
{
    size_t at = sy_tree_proof_first_sibling(proof, level);
    proof->index[level] = own;
    for (unsigned i = 0; i < sy_tree_proof_arity(proof, level); i++)
        if (i != own)
            memcpy(proof->siblings[at++], group + i * SY_NODE_BYTES, SY_NODE_BYTES);
}

/* Levels below the first stored row, from the leaves of the subtree around leaf `in_base`. */
static int prove_rebuilt(const struct sy_tree *tree, unsigned base, uint64_t in_base,
                         struct sy_tree_proof *proof, struct sy_error *err)
{
    const struct sy_tree_shape *shape = &tree->shape;
    unsigned bits = sy_tree_arity_bits(shape->base_arity);
    unsigned first_row = sy_tree_first_row(shape);
    size_t count = (size_t)1 << first_row * bits;
    uint64_t subtree = in_base >> first_row * bits;
    size_t own = (size_t)(in_base & (count - 1));
    uint8_t stored[SY_NODE_BYTES];
    uint8_t *nodes = malloc(count * SY_NODE_BYTES);
    if (nodes == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for %zu leaves", count);
    int status = sy_tree_read_row(tree, base, 0, subtree * count, count, nodes, err);
    for (unsigned level = 0; level < first_row && status == 0; level++) {
        size_t group = own >> bits;
        if (level == 0)
            memcpy(proof->leaf, nodes + own * SY_NODE_BYTES, SY_NODE_BYTES);
        put_level(proof, level, nodes + (group << bits) * SY_NODE_BYTES,
                  (unsigned)(own & (shape->base_arity - 1)));
        count >>= bits;
        own = group;
        status = sy_tree_hash_row(shape->hash, shape->base_arity, nodes, nodes, count, err);
        if (status != 0)
            sy_error_wrap(err, "%s, row %u of the %zu leaves around leaf %llu", tree->leaf_path,
                          level, (size_t)1 << first_row * bits, (unsigned long long)in_base);
    }
    if (status == 0)
        status = sy_tree_read_row(tree, base, first_row, subtree, 1, stored, err);
    if (status == 0 && memcmp(stored, nodes, SY_NODE_BYTES) != 0)
        status = sy_fail(err, SY_E_CORRUPT,
                         "%s does not lead to node %llu of row %u in %s: one of them is damaged",
                         tree->leaf_path, (unsigned long long)subtree, first_row, tree->path[base]);
    free(nodes);
    return status;
}

static int prove_stored(const struct sy_tree *tree, unsigned base, uint64_t in_base,
                        struct sy_tree_proof *proof, struct sy_error *err)
{
    const struct sy_tree_shape *shape = &tree->shape;
    unsigned bits = sy_tree_arity_bits(shape->base_arity);
    uint8_t group[8 * SY_NODE_BYTES];
    for (unsigned level = sy_tree_first_row(shape); level < tree->levels; level++) {
        uint64_t node = in_base >> level * bits;
        unsigned own = (unsigned)(node & (shape->base_arity - 1));
        int status = sy_tree_read_row(tree, base, level, node - own, shape->base_arity, group, err);
        if (status != 0)
            return status;
        if (level == 0)
            memcpy(proof->leaf, group + own * SY_NODE_BYTES, SY_NODE_BYTES);
        put_level(proof, level, group, own);
    }
    return 0;
}

int sy_tree_prove(const struct sy_tree *tree, uint64_t leaf_index, struct sy_tree_proof *ret_proof,
                  struct sy_error *err)
{
    const struct sy_tree_shape *shape = &tree->shape;
    if (leaf_index >= sy_tree_leaves(shape))
        return sy_fail(err, SY_E_RANGE, "leaf %llu of a tree of %llu",
                       (unsigned long long)leaf_index, (unsigned long long)sy_tree_leaves(shape));
    struct sy_tree_proof proof = {.hash = shape->hash,
                                  .base_arity = shape->base_arity,
                                  .base_levels = tree->levels,
                                  .sub_arity = shape->sub_arity,
                                  .top_arity = shape->top_arity};
    unsigned base = (unsigned)(leaf_index / shape->base_leaves);
    uint64_t in_base = leaf_index % shape->base_leaves;
    int status = 0;
    if (shape->trimmed)
        status = prove_rebuilt(tree, base, in_base, &proof, err);
    if (status == 0)
        status = prove_stored(tree, base, in_base, &proof, err);
    if (status != 0)
        return status;
    if (shape->sub_arity != 0)
        put_level(&proof, tree->levels, tree->base_root[base - base % shape->sub_arity],
                  base % shape->sub_arity);
    if (shape->top_arity != 0)
        put_level(&proof, tree->levels + 1, tree->sub_root[0], base / shape->sub_arity);
    memcpy(proof.root, tree->root, SY_NODE_BYTES);
    *ret_proof = proof;
    return 0;
}
