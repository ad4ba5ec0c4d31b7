/* Building a tree: each worker takes a chunk (a subtree of CHUNK leaves), asks for its leaves,
 * hashes row by row in its own buffer and writes each stored row of the subtree with one call. The
 * top rows of a chunk go to an array in memory, from which the rest of the base tree is hashed and
 * written at once.
 *
 * Memory per worker is one chunk of leaves; the array holds 1/4096 (8-ary) to 1/8192 (binary) of
 * the leaves and the rows above. Nothing is read back from the file.
 */
#include "tasks/tree/node.h"
#include "tasks/tree/parallel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BITS_SHA256 17   /* 131072 leaves, 4 MiB */
#define CHUNK_BITS_POSEIDON 15 /* 32768 leaves, 1 MiB */
#define KEPT_BITS_SHA256 4     /* nodes a chunk leaves in memory: 16 */
#define KEPT_BITS_POSEIDON 3   /* 8 */
#define UPPER_SLICE 256        /* hashes of an upper row that one worker takes at a time */

struct builder {
    const struct sy_tree_build *build;
    unsigned levels;     /* of a base tree */
    unsigned first_row;  /* lowest row in the file */
    unsigned upper_row;  /* lowest row held in memory */
    unsigned arity_bits; /* log2 of the base arity */
    size_t chunk_leaves;
    unsigned workers;
    uint8_t **buffers; /* one chunk of leaves per worker */
    uint8_t *upper;    /* rows upper_row .. levels of the current base tree */
    int leaf_fd;       /* of leaf_path, or -1 */
    _Atomic uint64_t leaves_done;
    /* The base tree in work. */
    unsigned base;
    int fd;
    const char *path;
};

static size_t chunk_row_nodes(const struct builder *b, unsigned row)
{
    return b->chunk_leaves >> row * b->arity_bits;
}

/* Offset in nodes of `row` in the upper array. */
static size_t upper_offset(const struct builder *b, unsigned row)
{
    size_t offset = 0;
    for (unsigned r = b->upper_row; r < row; r++)
        offset += (size_t)sy_tree_row_nodes(&b->build->shape, r);
    return offset;
}

static int get_leaves(const struct builder *b, uint64_t first, uint8_t *nodes, struct sy_error *err)
{
    const struct sy_tree_build *build = b->build;
    if (build->leaves != NULL)
        return build->leaves(build->leaves_ctx, first, b->chunk_leaves, nodes, err);
    return sy_file_pread(b->leaf_fd, nodes, b->chunk_leaves * SY_NODE_BYTES, first * SY_NODE_BYTES,
                         build->leaf_path, err);
}

static int build_chunk(void *ctx, uint64_t chunk, unsigned worker, struct sy_error *err)
{
    struct builder *b = ctx;
    const struct sy_tree_build *build = b->build;
    const struct sy_tree_shape *shape = &build->shape;
    uint8_t *nodes = b->buffers[worker];
    uint64_t in_base = chunk * b->chunk_leaves;
    uint64_t first = b->base * shape->base_leaves + in_base;
    int status = get_leaves(b, first, nodes, err);
    for (unsigned row = 0; row < b->upper_row && status == 0; row++) {
        uint64_t at = in_base >> row * b->arity_bits;
        if (row >= b->first_row)
            status =
                sy_file_pwrite(b->fd, nodes, chunk_row_nodes(b, row) * SY_NODE_BYTES,
                               sy_tree_row_offset(shape, row) + at * SY_NODE_BYTES, b->path, err);
        if (status != 0)
            break;
        status = sy_tree_hash_row(shape->hash, shape->base_arity, nodes, nodes,
                                  chunk_row_nodes(b, row + 1), err);
        if (status != 0)
            sy_error_wrap(err, "%s row %u, chunk that begins at leaf %llu", build->id, row,
                          (unsigned long long)first);
    }
    if (status != 0)
        return status;
    size_t kept = chunk_row_nodes(b, b->upper_row);
    memcpy(b->upper + chunk * kept * SY_NODE_BYTES, nodes, kept * SY_NODE_BYTES);
    uint64_t done = atomic_fetch_add(&b->leaves_done, b->chunk_leaves) + b->chunk_leaves;
    if (build->on_progress != NULL)
        build->on_progress(build->progress_ctx, done);
    return 0;
}

struct upper_slices {
    const struct builder *builder;
    unsigned row; /* hashed into row + 1 */
};

static int hash_slice(void *ctx, uint64_t slice, unsigned worker SY_UNUSED, struct sy_error *err)
{
    const struct upper_slices *work = ctx;
    const struct builder *b = work->builder;
    const struct sy_tree_shape *shape = &b->build->shape;
    size_t outputs = (size_t)sy_tree_row_nodes(shape, work->row + 1);
    size_t first = (size_t)slice * UPPER_SLICE;
    const uint8_t *from = b->upper + upper_offset(b, work->row) * SY_NODE_BYTES;
    uint8_t *to = b->upper + upper_offset(b, work->row + 1) * SY_NODE_BYTES;
    return sy_tree_hash_row(shape->hash, shape->base_arity,
                            from + first * shape->base_arity * SY_NODE_BYTES,
                            to + first * SY_NODE_BYTES, SY_MIN(UPPER_SLICE, outputs - first), err);
}

static int build_upper(const struct builder *b, struct sy_error *err)
{
    const struct sy_tree_shape *shape = &b->build->shape;
    for (unsigned row = b->upper_row; row < b->levels; row++) {
        struct upper_slices work = {.builder = b, .row = row};
        uint64_t outputs = sy_tree_row_nodes(shape, row + 1);
        uint64_t slices = (outputs + UPPER_SLICE - 1) / UPPER_SLICE;
        int status = sy_parallel_for(b->workers, 0, slices, hash_slice, &work, err);
        if (status != 0)
            return sy_error_wrap(err, "%s row %u", b->build->id, row);
    }
    unsigned row = SY_MAX(b->upper_row, b->first_row);
    size_t from = upper_offset(b, row);
    size_t to = upper_offset(b, b->levels) + 1;
    return sy_file_pwrite(b->fd, b->upper + from * SY_NODE_BYTES, (to - from) * SY_NODE_BYTES,
                          sy_tree_row_offset(shape, row), b->path, err);
}

/* Reserves the space so that a full disk shows before hours of work; not every file system can. */
static int reserve_space(int fd, uint64_t bytes, const char *path, struct sy_error *err)
{
    if (fallocate(fd, 0, 0, (off_t)bytes) == 0)
        return 0;
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINTR)
        return 0;
    return sy_fail_errno(err, errno, "reserve %llu bytes for %s", (unsigned long long)bytes, path);
}

static int fill_base(struct builder *b, struct sy_error *err)
{
    const struct sy_tree_shape *shape = &b->build->shape;
    int status = reserve_space(b->fd, sy_tree_file_bytes(shape), b->path, err);
    if (status == 0)
        status = sy_parallel_for(b->workers, 0, shape->base_leaves / b->chunk_leaves, build_chunk,
                                 b, err);
    if (status == 0)
        status = build_upper(b, err);
    return status;
}

static int build_base(struct builder *b, unsigned base, uint8_t ret_root[SY_NODE_BYTES],
                      struct sy_error *err)
{
    const struct sy_tree_build *build = b->build;
    char path[SY_PATH_BYTES], temp[SY_PATH_BYTES];
    int status = sy_tree_file_path(path, &build->shape, build->directory, build->id, base, err);
    if (status == 0)
        status = sy_path_format(temp, err, "%s%s", path, SY_FILE_TEMP_SUFFIX);
    if (status != 0)
        return status;
    b->base = base;
    b->path = temp;
    b->fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (b->fd < 0)
        return sy_fail_errno(err, errno, "create %s", temp);
    status = fill_base(b, err);
    if (status != 0) {
        close(b->fd);
        unlink(temp);
        return status;
    }
    status = sy_file_publish(b->fd, temp, path, err);
    if (status == 0)
        memcpy(ret_root, b->upper + upper_offset(b, b->levels) * SY_NODE_BYTES, SY_NODE_BYTES);
    return status;
}

/* ---------------------------------------------------------------------------------------- set-up
 */

static void plan_chunks(struct builder *b)
{
    const struct sy_tree_shape *shape = &b->build->shape;
    bool sha = shape->hash == SY_TREE_SHA256;
    b->arity_bits = sy_tree_arity_bits(shape->base_arity);
    b->levels = sy_tree_base_levels(shape);
    b->first_row = sy_tree_first_row(shape);
    unsigned chunk_bits = sha ? CHUNK_BITS_SHA256 : CHUNK_BITS_POSEIDON;
    unsigned chunk_levels = SY_MIN(b->levels, chunk_bits / b->arity_bits);
    unsigned kept_levels = (sha ? KEPT_BITS_SHA256 : KEPT_BITS_POSEIDON) / b->arity_bits;
    b->upper_row = chunk_levels - SY_MIN(chunk_levels, kept_levels);
    b->chunk_leaves = (size_t)1 << chunk_levels * b->arity_bits;
}

static int open_leaf_file(struct builder *b, struct sy_error *err)
{
    const struct sy_tree_build *build = b->build;
    uint64_t bytes = 0, expected = sy_tree_leaves(&build->shape) * SY_NODE_BYTES;
    int status = sy_file_size(build->leaf_path, &bytes, err);
    if (status != 0)
        return status;
    if (bytes < expected)
        return sy_fail(err, SY_E_CORRUPT, "%s has %llu bytes, expected at least %llu",
                       build->leaf_path, (unsigned long long)bytes, (unsigned long long)expected);
    b->leaf_fd = open(build->leaf_path, O_RDONLY | O_CLOEXEC);
    if (b->leaf_fd < 0)
        return sy_fail_errno(err, errno, "open %s", build->leaf_path);
    return 0;
}

static int allocate_buffers(struct builder *b, struct sy_error *err)
{
    const struct sy_tree_shape *shape = &b->build->shape;
    uint64_t chunks = shape->base_leaves / b->chunk_leaves;
    unsigned wanted = sy_parallel_threads(b->build->threads);
    b->workers = wanted; /* upper rows may use more workers than there are chunks */
    unsigned buffers = (unsigned)SY_MIN((uint64_t)wanted, chunks);
    b->upper = malloc((upper_offset(b, b->levels) + 1) * SY_NODE_BYTES);
    b->buffers = calloc(wanted, sizeof *b->buffers);
    if (b->upper == NULL || b->buffers == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for the upper rows of %s", b->build->id);
    for (unsigned i = 0; i < buffers; i++) {
        b->buffers[i] = aligned_alloc(64, SY_MAX(b->chunk_leaves * SY_NODE_BYTES, (size_t)64));
        if (b->buffers[i] == NULL)
            return sy_fail(err, SY_E_NOMEM, "no memory for a chunk of %zu leaves of %s",
                           b->chunk_leaves, b->build->id);
    }
    return 0;
}

static void fini_builder(struct builder *b)
{
    for (unsigned i = 0; b->buffers != NULL && i < b->workers; i++)
        free(b->buffers[i]);
    free(b->buffers);
    free(b->upper);
    if (b->leaf_fd >= 0)
        close(b->leaf_fd);
}

int sy_tree_build(const struct sy_tree_build *build, uint8_t ret_root[32],
                  uint8_t (*ret_base_roots)[32], struct sy_error *err)
{
    struct builder b = {.build = build, .leaf_fd = -1};
    uint8_t roots[SY_TREE_BASES_MAX][SY_NODE_BYTES];
    int status = sy_tree_shape_check(&build->shape, err);
    if (status != 0)
        return status;
    if ((build->leaves == NULL) == (build->leaf_path == NULL))
        return sy_fail(err, SY_E_ARG, "a tree needs either a leaf function or a leaf file");
    unsigned bases = sy_tree_base_trees(&build->shape);
    atomic_init(&b.leaves_done, 0);
    plan_chunks(&b);
    if (build->leaf_path != NULL)
        status = open_leaf_file(&b, err);
    if (status == 0)
        status = allocate_buffers(&b, err);
    for (unsigned base = 0; base < bases && status == 0; base++)
        status = build_base(&b, base, roots[base], err);
    uint8_t root[SY_NODE_BYTES];
    if (status == 0)
        status = sy_tree_join_roots(&build->shape, (const uint8_t(*)[32])roots, root, err);
    if (status == 0) {
        memcpy(ret_root, root, sizeof root);
        if (ret_base_roots != NULL)
            memcpy(ret_base_roots, roots, (size_t)bases * SY_NODE_BYTES);
    }
    fini_builder(&b);
    return status;
}
