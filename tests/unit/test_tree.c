/* Trees in files: built in chunks against rows hashed one after the other, proofs from full and
 * trimmed files, and damaged inputs. */
#include "tests/unit/kernels_kat.h"
#include "tasks/hash/poseidon.h"
#include "tasks/hash/sha256.h"
#include "tasks/tree/tree.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static char directory[256];

static int make_directory(void **unused SY_UNUSED)
{
    const char *parent = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/sy-tree-XXXXXX", parent != NULL ? parent : "/tmp");
    return mkdtemp(directory) == NULL;
}

static int remove_directory(void **unused SY_UNUSED)
{
    return sy_file_remove_tree(directory, NULL);
}

/* ---- leaves: a function of the leaf number, so that any range can be made */

struct leaves {
    _Atomic uint64_t made;
    uint64_t bad_leaf;  /* this one is no field element; UINT64_MAX = none */
    uint64_t fail_leaf; /* the producer fails when asked for it */
};

#define NO_LEAF UINT64_MAX

static void make_leaf(uint64_t leaf, uint8_t node[32])
{
    uint64_t state = leaf * 0x9e3779b97f4a7c15ULL + 1;
    fill_nodes(&state, node, 1);
}

static int make_leaves(void *ctx, uint64_t first, size_t count, uint8_t *ret_nodes,
                       struct sy_error *err)
{
    struct leaves *leaves = ctx;
    for (size_t i = 0; i < count; i++) {
        if (first + i == leaves->fail_leaf)
            return sy_fail(err, SY_E_TIMEOUT, "leaf %llu is late", (unsigned long long)(first + i));
        make_leaf(first + i, ret_nodes + 32 * i);
        if (first + i == leaves->bad_leaf)
            memset(ret_nodes + 32 * i, 0xff, 32);
    }
    atomic_fetch_add(&leaves->made, count);
    return 0;
}

static void write_leaf_file(const char *path, uint64_t count)
{
    uint8_t *nodes = malloc(count * 32);
    assert_non_null(nodes);
    for (uint64_t i = 0; i < count; i++)
        make_leaf(i, nodes + 32 * i);
    assert_int_equal(sy_file_write(path, nodes, count * 32, 0644, NULL), 0);
    free(nodes);
}

static void build(const struct sy_tree_shape *shape, const char *id, unsigned threads,
                  uint8_t root[32])
{
    struct leaves leaves = {.bad_leaf = NO_LEAF, .fail_leaf = NO_LEAF};
    struct sy_error err = {0};
    const struct sy_tree_build job = {.shape = *shape,
                                      .directory = directory,
                                      .id = id,
                                      .leaves = make_leaves,
                                      .leaves_ctx = &leaves,
                                      .threads = threads};
    if (sy_tree_build(&job, root, NULL, &err) != 0)
        fail_msg("build %s: %s", id, err.text);
    assert_int_equal(leaves.made, sy_tree_leaves(shape));
}

static uint8_t *read_base(const struct sy_tree_shape *shape, const char *id, unsigned base)
{
    char path[SY_PATH_BYTES], *data;
    size_t bytes;
    assert_int_equal(sy_tree_file_path(path, shape, directory, id, base, NULL), 0);
    assert_int_equal(sy_file_read(path, 1 << 26, &data, &bytes, NULL), 0);
    assert_int_equal(bytes, sy_tree_file_bytes(shape));
    return (uint8_t *)data;
}

/* Leaves are the producer's, and every row is the hash of the one before it. */
static void check_full_base(const struct sy_tree_shape *shape, const char *id, unsigned base)
{
    uint8_t *data = read_base(shape, id, base), *row = data, node[32];
    uint64_t nodes = shape->base_leaves;
    for (uint64_t i = 0; i < nodes; i++) {
        make_leaf(base * shape->base_leaves + i, node);
        assert_memory_equal(row + 32 * i, node, 32);
    }
    uint8_t *expected = malloc(nodes * 32);
    assert_non_null(expected);
    while (nodes > 1) {
        uint64_t above = nodes / shape->base_arity;
        if (shape->hash == SY_TREE_SHA256)
            sy_sha256_node_pairs_portable(expected, row, above);
        else
            assert_int_equal(sy_poseidon_nodes(shape->base_arity, row, expected, above, NULL), 0);
        row += nodes * 32;
        assert_memory_equal(row, expected, above * 32);
        nodes = above;
    }
    free(expected);
    free(data);
}

static void chunked_trees_equal_rows_hashed_in_order(void **unused SY_UNUSED)
{
    static const struct sy_tree_shape shapes[] = {
        {.hash = SY_TREE_SHA256, .base_arity = 2, .base_leaves = 2},
        {.hash = SY_TREE_SHA256, .base_arity = 2, .base_leaves = 64},
        {.hash = SY_TREE_SHA256, .base_arity = 2, .base_leaves = 1 << 19}, /* four chunks */
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_leaves = 8},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_leaves = 64, .sub_arity = 2},
        {.hash = SY_TREE_POSEIDON, .base_arity = 2, .base_leaves = 16},
        {.hash = SY_TREE_POSEIDON, .base_arity = 4, .base_leaves = 1 << 14},
        {.hash = SY_TREE_POSEIDON, .base_arity = 4, .base_leaves = 1 << 16}, /* four chunks */
    };
    for (size_t i = 0; i < SY_ARRAY_SIZE(shapes); i++) {
        uint8_t root[32], again[32];
        build(&shapes[i], "tree-x", 2, root);
        for (unsigned base = 0; base < sy_tree_base_trees(&shapes[i]); base++)
            check_full_base(&shapes[i], "tree-x", base);
        if (shapes[i].base_leaves > 1 << 14 && shapes[i].hash == SY_TREE_POSEIDON)
            continue;
        build(&shapes[i], "tree-x", 1, again);
        assert_memory_equal(root, again, 32);
    }
}

static void tree_d_of_zeros_equals_the_reference(void **unused SY_UNUSED)
{
    json_t *kat = load_kat("sealing_seal_vectors.json");
    json_t *first = json_array_get(get_key(kat, "cases"), 0);
    struct sy_tree_shape shape;
    char leaf_path[SY_PATH_BYTES];
    static const uint8_t zeros[2048];
    uint8_t root[32], expected[32], digest[32];
    assert_int_equal(sy_path_format(leaf_path, NULL, "%s/unsealed", directory), 0);
    assert_int_equal(sy_file_write(leaf_path, zeros, sizeof zeros, 0644, NULL), 0);
    assert_int_equal(sy_tree_shape_d(&shape, 64, NULL), 0);
    const struct sy_tree_build job = {
        .shape = shape, .directory = directory, .id = "tree-d", .leaf_path = leaf_path};
    assert_int_equal(sy_tree_build(&job, root, NULL, NULL), 0);
    get_hex(get_key(first, "comm_d"), expected, 32);
    assert_memory_equal(root, expected, 32);
    uint8_t *data = read_base(&shape, "tree-d", 0);
    sy_sha256(data, sy_tree_file_bytes(&shape), digest);
    json_t *files = get_key(first, "files");
    get_hex(get_key(get_key(files, "sc-02-data-tree-d.dat"), "sha256"), expected, 32);
    assert_memory_equal(digest, expected, 32);
    free(data);
    json_decref(kat);
}

static int first_byte_one(void *ctx SY_UNUSED, uint64_t first, size_t count, uint8_t *ret_nodes,
                          struct sy_error *err SY_UNUSED)
{
    memset(ret_nodes, 0, count * 32);
    if (first == 0)
        ret_nodes[0] = 1;
    return 0;
}

/* Commitment CIDs end in the 32-byte digest. */
static void tree_d_roots_equal_published_ones(void **unused SY_UNUSED)
{
    static const uint64_t nodes[] = {64, 1 << 18};
    json_t *kat = load_kat("sealing_commp.json");
    json_t *cases = get_key(kat, "raw_padded_tree");
    for (size_t i = 0; i < SY_ARRAY_SIZE(nodes); i++) {
        const char *cid = json_string_value(get_key(json_array_get(cases, i), "cid"));
        uint8_t bytes[64], root[32];
        size_t length = 0;
        struct sy_tree_build job = {.directory = directory, .id = "tree-d"};
        assert_int_equal(
            sy_base32_decode(cid + 1, strlen(cid) - 1, bytes, sizeof bytes, &length, NULL), 0);
        assert_int_equal(sy_tree_shape_d(&job.shape, nodes[i], NULL), 0);
        job.leaves = first_byte_one;
        assert_int_equal(sy_tree_build(&job, root, NULL, NULL), 0);
        assert_memory_equal(root, bytes + length - 32, 32);
    }
    json_decref(kat);
}

/* The trimmed file is the tail of the full one; proofs from both are equal and verify. */
static void check_trimmed_and_proofs(uint64_t nodes, unsigned sub, unsigned top, uint64_t step)
{
    struct sy_tree_shape full, trimmed;
    uint8_t root_c[32], root_r[32];
    char leaf_path[SY_PATH_BYTES];
    struct sy_tree *c = NULL, *r = NULL;
    struct sy_error err = {0};
    assert_int_equal(sy_tree_shape_c(&full, nodes, sub, top, NULL), 0);
    assert_int_equal(sy_tree_shape_r_last(&trimmed, nodes, sub, top, NULL), 0);
    build(&full, "tree-c", 0, root_c);
    build(&trimmed, "tree-r-last", 0, root_r);
    assert_memory_equal(root_c, root_r, 32);
    for (unsigned base = 0; base < sy_tree_base_trees(&full); base++) {
        uint8_t *a = read_base(&full, "tree-c", base),
                *b = read_base(&trimmed, "tree-r-last", base);
        uint64_t bytes = sy_tree_file_bytes(&trimmed);
        assert_memory_equal(a + sy_tree_file_bytes(&full) - bytes, b, bytes);
        free(a);
        free(b);
    }
    assert_int_equal(sy_path_format(leaf_path, NULL, "%s/sealed", directory), 0);
    write_leaf_file(leaf_path, nodes);
    assert_int_equal(sy_tree_open(&c, &full, directory, "tree-c", NULL, &err), 0);
    assert_int_equal(sy_tree_open(&r, &trimmed, directory, "tree-r-last", leaf_path, &err), 0);
    assert_memory_equal(sy_tree_root(c), root_c, 32);
    assert_memory_equal(sy_tree_root(r), root_c, 32);
    assert_true(sy_tree_get_shape(r)->trimmed);
    for (uint64_t leaf = 0; leaf < nodes; leaf += step) {
        struct sy_tree_proof from_c, from_r;
        uint8_t node[32];
        assert_int_equal(sy_tree_prove(c, leaf, &from_c, &err), 0);
        assert_int_equal(sy_tree_prove(r, leaf, &from_r, &err), 0);
        assert_memory_equal(&from_c, &from_r, sizeof from_c);
        make_leaf(leaf, node);
        assert_memory_equal(from_c.leaf, node, 32);
        if (sy_tree_proof_verify(&from_r, &full, leaf, root_c, &err) != 0)
            fail_msg("leaf %llu: %s", (unsigned long long)leaf, err.text);
    }
    struct sy_tree_proof proof;
    assert_int_equal(sy_tree_prove(r, nodes, &proof, &err), -SY_E_RANGE);
    sy_tree_close(c);
    sy_tree_close(r);
}

static void proofs_from_full_and_trimmed_files_are_equal(void **unused SY_UNUSED)
{
    check_trimmed_and_proofs(8, 0, 0, 1);
    check_trimmed_and_proofs(64, 0, 0, 1);
    check_trimmed_and_proofs(128, 2, 0, 3);
    check_trimmed_and_proofs(256, 4, 0, 5);
    check_trimmed_and_proofs(512, 8, 0, 13);
    check_trimmed_and_proofs(1024, 8, 2, 31);
    check_trimmed_and_proofs(1 << 18, 0, 0, 26215); /* eight chunks */
}

static void binary_tree_proofs_verify(void **unused SY_UNUSED)
{
    struct sy_tree_shape shape;
    struct sy_tree *tree = NULL;
    uint8_t root[32], row[64], pair[32];
    assert_int_equal(sy_tree_shape_d(&shape, 1 << 18, NULL), 0);
    build(&shape, "tree-d", 0, root);
    assert_int_equal(sy_tree_open(&tree, &shape, directory, "tree-d", NULL, NULL), 0);
    for (uint64_t leaf = 0; leaf < 1 << 18; leaf += 7919) {
        struct sy_tree_proof proof;
        assert_int_equal(sy_tree_prove(tree, leaf, &proof, NULL), 0);
        assert_int_equal(sy_tree_proof_levels(&proof), 18);
        assert_int_equal(sy_tree_proof_verify(&proof, &shape, leaf, root, NULL), 0);
    }
    assert_int_equal(sy_tree_read_row(tree, 0, 17, 0, 2, row, NULL), 0);
    sy_sha256_node_pair(pair, row, row + 32);
    assert_memory_equal(pair, root, 32);
    struct sy_error err;
    assert_int_equal(sy_tree_read_row(tree, 0, 17, 1, 2, row, &err), -SY_E_RANGE);
    assert_int_equal(sy_tree_read_row(tree, 0, 19, 0, 1, row, &err), -SY_E_RANGE);
    assert_int_equal(sy_tree_read_row(tree, 1, 0, 0, 1, row, &err), -SY_E_RANGE);
    assert_int_equal(sy_tree_read_row(tree, 0, 17, UINT64_MAX, 1, row, &err), -SY_E_RANGE);
    sy_tree_close(tree);
    sy_tree_close(NULL);
}

/* ---- damage */

static void flip_byte(const char *path, off_t offset)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

static void damaged_files_are_noticed(void **unused SY_UNUSED)
{
    struct sy_tree_shape shape;
    struct sy_tree *tree = NULL;
    struct sy_tree_proof proof;
    struct sy_error err;
    uint8_t root[32], row[32];
    char leaf_path[SY_PATH_BYTES], path[SY_PATH_BYTES];
    assert_int_equal(sy_tree_shape_r_last(&shape, 4096, 0, 0, NULL), 0);
    build(&shape, "tree-r-last", 1, root);
    assert_int_equal(sy_path_format(leaf_path, NULL, "%s/sealed", directory), 0);
    write_leaf_file(leaf_path, 4096);
    assert_int_equal(sy_tree_file_path(path, &shape, directory, "tree-r-last", 0, NULL), 0);
    assert_int_equal(sy_tree_open(&tree, &shape, directory, "tree-r-last", leaf_path, NULL), 0);
    assert_int_equal(sy_tree_prove(tree, 700, &proof, NULL), 0);
    flip_byte(leaf_path, 900 * 32); /* same 512 leaves as 700 */
    assert_int_equal(sy_tree_prove(tree, 700, &proof, &err), -SY_E_CORRUPT);
    assert_int_equal(sy_tree_prove(tree, 1500, &proof, NULL), 0);
    flip_byte(leaf_path, 900 * 32);
    flip_byte(path, 32); /* node 1 of row 3, above leaves 512 to 1023 */
    assert_int_equal(sy_tree_prove(tree, 700, &proof, &err), -SY_E_CORRUPT);
    assert_int_equal(sy_tree_prove(tree, 1500, &proof, NULL), 0);
    assert_int_equal(sy_tree_proof_verify(&proof, &shape, 1500, root, &err), -SY_E_MISMATCH);
    assert_int_equal(sy_tree_read_row(tree, 0, 1, 0, 1, row, &err), -SY_E_UNSUPPORTED);
    sy_tree_close(tree);
    assert_int_equal(truncate(leaf_path, 4096 * 32 - 1), 0);
    assert_int_equal(sy_tree_open(&tree, &shape, directory, "tree-r-last", leaf_path, &err),
                     -SY_E_CORRUPT);
    assert_int_equal(sy_tree_open(&tree, &shape, directory, "tree-r-last", NULL, &err), -SY_E_ARG);
    assert_int_equal(sy_tree_open(&tree, &shape, directory, "tree-r-last", "/nowhere", &err),
                     -SY_E_NOT_FOUND);
    write_leaf_file(leaf_path, 4096);
    assert_int_equal(truncate(path, (off_t)sy_tree_file_bytes(&shape) - 1), 0);
    assert_int_equal(sy_tree_open(&tree, &shape, directory, "tree-r-last", leaf_path, &err),
                     -SY_E_CORRUPT);
    assert_int_equal(truncate(path, (off_t)sy_tree_file_bytes(&shape) + 1), 0);
    assert_int_equal(sy_tree_open(&tree, &shape, directory, "tree-r-last", leaf_path, &err),
                     -SY_E_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sy_tree_open(&tree, &shape, directory, "tree-r-last", leaf_path, &err),
                     -SY_E_NOT_FOUND);
}

static void expect_failed_build(const struct sy_tree_build *job, int code, const char *text)
{
    char path[SY_PATH_BYTES], temp[SY_PATH_BYTES];
    struct sy_error err = {0};
    uint8_t root[32] = {0xee}, untouched[32] = {0xee};
    assert_int_equal(sy_tree_build(job, root, NULL, &err), -code);
    assert_int_equal(err.code, code);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", err.text, text);
    assert_memory_equal(root, untouched, 32);
    assert_int_equal(sy_tree_file_path(path, &job->shape, directory, job->id, 0, NULL), 0);
    assert_int_equal(sy_path_format(temp, NULL, "%s%s", path, SY_FILE_TEMP_SUFFIX), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(temp, F_OK), 0);
}

static void failed_builds_leave_no_file(void **unused SY_UNUSED)
{
    struct leaves leaves = {.bad_leaf = NO_LEAF, .fail_leaf = 40};
    struct sy_tree_build job = {.directory = directory,
                                .id = "tree-bad",
                                .leaves = make_leaves,
                                .leaves_ctx = &leaves,
                                .threads = 2};
    char leaf_path[SY_PATH_BYTES];
    assert_int_equal(sy_path_format(leaf_path, NULL, "%s/short", directory), 0);
    write_leaf_file(leaf_path, 63);
    assert_int_equal(sy_tree_shape_c(&job.shape, 64, 0, 0, NULL), 0);
    expect_failed_build(&job, SY_E_TIMEOUT, "leaf 40 is late");
    leaves.fail_leaf = NO_LEAF;
    leaves.bad_leaf = 41;
    expect_failed_build(&job, SY_E_CORRUPT, "node 41");
    job.leaf_path = leaf_path;
    expect_failed_build(&job, SY_E_ARG, "either");
    job.leaves = NULL;
    expect_failed_build(&job, SY_E_CORRUPT, "2016 bytes, expected at least 2048");
    job.leaf_path = NULL;
    expect_failed_build(&job, SY_E_ARG, "either");
    job.leaf_path = "/nowhere/leaves";
    expect_failed_build(&job, SY_E_NOT_FOUND, "/nowhere/leaves");
    leaves.bad_leaf = NO_LEAF;
    job.leaf_path = NULL;
    job.leaves = make_leaves;
    job.directory = "/nowhere";
    expect_failed_build(&job, SY_E_NOT_FOUND, "/nowhere");
    job.directory = directory;
    job.shape.base_leaves = 63;
    struct sy_error err;
    uint8_t root[32];
    assert_int_equal(sy_tree_build(&job, root, NULL, &err), -SY_E_ARG);
}

/* A file size limit stands for a full disk: the build ends with an error and removes its file. */
static void write_failure_removes_the_temporary_file(void **unused SY_UNUSED)
{
    struct leaves leaves = {.bad_leaf = NO_LEAF, .fail_leaf = NO_LEAF};
    struct sy_tree_build job = {.directory = directory,
                                .id = "tree-large",
                                .leaves = make_leaves,
                                .leaves_ctx = &leaves,
                                .threads = 1};
    struct rlimit before, small;
    assert_int_equal(sy_tree_shape_d(&job.shape, 4096, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 65536;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    expect_failed_build(&job, SY_E_IO, "tree-large");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
}

static void note_progress(void *ctx, uint64_t leaves_done)
{
    _Atomic uint64_t *most = ctx;
    uint64_t before = atomic_load(most);
    while (leaves_done > before && !atomic_compare_exchange_weak(most, &before, leaves_done))
        ;
}

static void progress_ends_at_all_leaves(void **unused SY_UNUSED)
{
    _Atomic uint64_t most = 0;
    uint8_t root[32], bases[SY_TREE_BASES_MAX][32], joined[32];
    struct leaves leaves = {.bad_leaf = NO_LEAF, .fail_leaf = NO_LEAF};
    struct sy_tree_build job = {.directory = directory,
                                .id = "tree-p",
                                .leaves = make_leaves,
                                .leaves_ctx = &leaves,
                                .on_progress = note_progress,
                                .progress_ctx = &most};
    assert_int_equal(sy_tree_shape_c(&job.shape, 1024, 8, 2, NULL), 0);
    assert_int_equal(sy_tree_build(&job, root, bases, NULL), 0);
    assert_int_equal(most, 1024);
    assert_int_equal(sy_tree_join_roots(&job.shape, (const uint8_t(*)[32])bases, joined, NULL), 0);
    assert_memory_equal(root, joined, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunked_trees_equal_rows_hashed_in_order),
        cmocka_unit_test(tree_d_of_zeros_equals_the_reference),
        cmocka_unit_test(tree_d_roots_equal_published_ones),
        cmocka_unit_test(proofs_from_full_and_trimmed_files_are_equal),
        cmocka_unit_test(binary_tree_proofs_verify),
        cmocka_unit_test(damaged_files_are_noticed),
        cmocka_unit_test(failed_builds_leave_no_file),
        cmocka_unit_test(write_failure_removes_the_temporary_file),
        cmocka_unit_test(progress_ends_at_all_leaves),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
