#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sdr/parents.h"
#include "tests/unit/sdr_kat.h"

#include <pthread.h>
#include <sys/stat.h>

struct fixture {
    char dir[SY_PATH_BYTES];
    char file[SY_PATH_BYTES];
    char sidecar[SY_PATH_BYTES];
    struct sy_graph graph;
    struct sy_parents_opts opts;
};

static void setup(struct fixture *f, uint64_t proof_id)
{
    struct sy_porep_params params;
    char name[SY_GRAPH_CACHE_NAME_BYTES];
    memset(f, 0, sizeof(*f));
    scratch_make(f->dir);
    assert_ok(sy_porep_params_init(&params, proof_id, err));
    assert_ok(sy_graph_init_params(&f->graph, &params, true, err));
    sy_graph_cache_name(&f->graph, name);
    path_set(f->file, "%s/%s", f->dir, name);
    path_set(f->sidecar, "%s/%s.sha256", f->dir, name);
    f->opts.directory = f->dir;
    f->opts.threads = 2;
    f->opts.no_repair = true;
}

static void teardown(struct fixture *f)
{
    sy_graph_fini(&f->graph);
    scratch_remove(f->dir);
}

/* Opens, compares every node with the graph, closes. */
static void open_and_compare(struct fixture *f, bool built)
{
    struct sy_parents parents;
    uint8_t digest[32];
    assert_ok(sy_parents_open(&parents, &f->graph, &f->opts, err));
    assert_int_equal(parents.built, built);
    assert_int_equal(parents.nodes, f->graph.nodes);
    sy_parents_digest(&f->graph, digest);
    assert_memory_equal(parents.sha256, digest, 32);
    for (uint64_t node = 0; node < parents.nodes; node++) {
        uint32_t want[SY_PARENTS];
        sy_graph_parents(&f->graph, node, want);
        assert_memory_equal(parents.entry + node * SY_PARENTS, want, sizeof(want));
    }
    sy_parents_close(&parents);
    assert_null(parents.entry);
    sy_parents_close(&parents);
}

static void a_cache_is_built_once(void **state)
{
    (void)state;
    static const uint64_t ids[] = {0, 5, 10, 15};
    for (size_t i = 0; i < SY_ARRAY_SIZE(ids); i++) {
        struct fixture f;
        setup(&f, ids[i]);
        open_and_compare(&f, true);
        open_and_compare(&f, false);
        f.opts.skip_digest = true;
        open_and_compare(&f, false);
        teardown(&f);
    }
}

static void the_sidecar_is_what_sha256sum_reads(void **state)
{
    (void)state;
    struct fixture f;
    char hex[SY_HEX_TEXT_BYTES(32)], want[256], name[SY_GRAPH_CACHE_NAME_BYTES];
    uint8_t digest[32];
    size_t bytes;
    setup(&f, 15);
    open_and_compare(&f, true);
    sy_parents_digest(&f.graph, digest);
    sy_graph_cache_name(&f.graph, name);
    snprintf(want, sizeof(want), "%s  %s\n", sy_hex_encode(digest, 32, hex), name);
    uint8_t *have = read_file(f.sidecar, &bytes);
    assert_string_equal((char *)have, want);
    free(have);
    assert_file_sha256(f.file, hex);
    teardown(&f);
}

/* `id` 5 is checked against the network's digest, 15 against the sidecar. */
static void damage_is_found_and_repaired(uint64_t id)
{
    struct fixture f;
    struct sy_parents parents = {0};

    setup(&f, id);
    open_and_compare(&f, true);
    flip_bit(f.file, 1234);
    assert_error(sy_parents_open(&parents, &f.graph, &f.opts, err), SY_E_CORRUPT);
    f.opts.no_repair = false;
    open_and_compare(&f, true);
    f.opts.no_repair = true;

    assert_int_equal(truncate(f.file, 64 * 56 - 1), 0);
    assert_error(sy_parents_open(&parents, &f.graph, &f.opts, err), SY_E_CORRUPT);
    f.opts.skip_digest = true;
    assert_error(sy_parents_open(&parents, &f.graph, &f.opts, err), SY_E_CORRUPT);
    f.opts.skip_digest = false;
    f.opts.no_repair = false;
    open_and_compare(&f, true);
    assert_int_equal(truncate(f.file, 64 * 56 + 56), 0);
    open_and_compare(&f, true);
    assert_null(parents.entry);
    teardown(&f);
}

static void damaged_caches(void **state)
{
    (void)state;
    damage_is_found_and_repaired(5);
    damage_is_found_and_repaired(15);
}

static void a_cache_without_a_digest_is_not_believed(void **state)
{
    (void)state;
    struct fixture f;
    struct sy_parents parents;
    setup(&f, 10);
    open_and_compare(&f, true);
    assert_int_equal(unlink(f.sidecar), 0);
    assert_error(sy_parents_open(&parents, &f.graph, &f.opts, err), SY_E_CORRUPT);
    write_file(f.sidecar, "nonsense", 8);
    assert_error(sy_parents_open(&parents, &f.graph, &f.opts, err), SY_E_CORRUPT);
    f.opts.no_repair = false;
    open_and_compare(&f, true);
    teardown(&f);

    /* With a digest of the network none is needed. */
    setup(&f, 5);
    open_and_compare(&f, true);
    assert_int_equal(unlink(f.sidecar), 0);
    open_and_compare(&f, false);
    teardown(&f);
}

static void building_needs_the_table_and_a_directory(void **state)
{
    (void)state;
    struct fixture f;
    struct sy_parents parents;
    setup(&f, 5);
    sy_graph_fini(&f.graph);
    assert_error(sy_parents_open(&parents, &f.graph, &f.opts, err), SY_E_ARG);
    write_file(f.file, "x", 1);
    f.opts.directory = f.file;
    struct sy_error err;
    assert_true(sy_parents_open(&parents, &f.graph, &f.opts, &err) < 0);
    teardown(&f);
}

static void *open_once(void *ctx)
{
    struct fixture *f = ctx;
    struct sy_parents parents;
    struct sy_error err = {0};
    uint32_t *built = malloc(sizeof(*built));
    if (!built || sy_parents_open(&parents, &f->graph, &f->opts, &err) < 0) {
        free(built);
        return NULL;
    }
    *built = parents.built;
    sy_parents_close(&parents);
    return built;
}

static void one_of_several_openers_builds(void **state)
{
    (void)state;
    struct fixture f;
    pthread_t thread[6];
    uint32_t built = 0;
    setup(&f, 15);
    for (size_t i = 0; i < SY_ARRAY_SIZE(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, open_once, &f), 0);
    for (size_t i = 0; i < SY_ARRAY_SIZE(thread); i++) {
        void *result;
        assert_int_equal(pthread_join(thread[i], &result), 0);
        assert_non_null(result);
        built += *(uint32_t *)result;
        free(result);
    }
    assert_int_equal(built, 1);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_is_built_once),
        cmocka_unit_test(the_sidecar_is_what_sha256sum_reads),
        cmocka_unit_test(damaged_caches),
        cmocka_unit_test(a_cache_without_a_digest_is_not_believed),
        cmocka_unit_test(building_needs_the_table_and_a_directory),
        cmocka_unit_test(one_of_several_openers_builds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
