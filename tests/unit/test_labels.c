#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sdr/labels.h"
#include "tasks/sector/aux.h"
#include "tests/unit/sdr_kat.h"

#include <sys/stat.h>

struct fixture {
    char dir[SY_PATH_BYTES];
    char cache[SY_PATH_BYTES];
    char parent_dir[SY_PATH_BYTES];
    struct sy_porep_params params;
    struct sy_graph graph;
    struct sy_parents parents;
    uint8_t replica_id[32];
    struct sy_labels_opts opts;
    uint64_t reported; /* by the progress callback, in all layers */
    uint64_t last_done;
    struct sy_progress progress;
};

static void on_progress(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    struct fixture *f = ctx;
    assert_int_equal(total, f->params.nodes);
    assert_true(done <= total && strncmp(phase, "layer ", 6) == 0);
    f->last_done = done;
    if (done == total)
        f->reported++;
}

static void setup(struct fixture *f, uint64_t sector_bytes, enum sy_api_version api,
                  const uint8_t porep_id[32])
{
    memset(f, 0, sizeof(*f));
    scratch_make(f->dir);
    path_set(f->cache, "%s/cache", f->dir);
    path_set(f->parent_dir, "%s/parents", f->dir);
    assert_int_equal(mkdir(f->cache, 0700), 0);
    assert_ok(
        sy_porep_params_init_test(&f->params, sector_bytes, SY_PROOF_V1_1, api, porep_id, err));
    assert_ok(sy_graph_init_params(&f->graph, &f->params, true, err));
    struct sy_parents_opts opts = {.directory = f->parent_dir, .threads = 1};
    assert_ok(sy_parents_open(&f->parents, &f->graph, &opts, err));
    f->progress.fn = on_progress;
    f->progress.ctx = f;
    f->opts.params = &f->params;
    f->opts.replica_id = f->replica_id;
    f->opts.parents = &f->parents;
    f->opts.cache = f->cache;
    f->opts.threads = 1;
    f->opts.progress = &f->progress;
}

static void teardown(struct fixture *f)
{
    sy_parents_close(&f->parents);
    sy_graph_fini(&f->graph);
    scratch_remove(f->dir);
}

/* Every kernel, alone and with a gathering thread. */
static const struct {
    const char *kernel;
    unsigned threads;
} ways[] = {{"portable", 1}, {"sha-ni", 1}, {"portable", 2}, {"sha-ni", 2}};

/* False when this processor lacks the kernel. */
static bool use_way(struct fixture *f, size_t i)
{
    struct sy_error err;
    f->opts.threads = ways[i].threads;
    int rc = sy_labels_force(ways[i].kernel, &err);
    if (rc == -SY_E_UNSUPPORTED && strcmp(ways[i].kernel, "sha-ni") == 0)
        return false;
    assert_int_equal(rc, 0);
    assert_string_equal(sy_labels_kernel(), ways[i].kernel);
    return true;
}

static void last_labels_of_eleven_layers(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_labels_kat.json");
    size_t i;
    json_t *c;
    json_array_foreach(kat_get(root, "cases"), i, c)
    {
        struct fixture f;
        struct sy_labels_result result;
        struct sy_layer_mem last;
        uint8_t porep_id[32];
        kat_hex(c, "porep_id", porep_id, 32);
        bool legacy = json_is_true(kat_get(c, "legacy_graph"));
        setup(&f, kat_int(c, "nodes") * 32, legacy ? SY_API_1_0_0 : SY_API_1_1_0, porep_id);
        f.params.layers = (uint32_t)kat_int(c, "layers");
        memset(f.replica_id, 9, 32);
        f.opts.cache = NULL;
        for (size_t way = 0; way < SY_ARRAY_SIZE(ways); way++) {
            if (!use_way(&f, way))
                continue;
            f.reported = 0;
            assert_ok(sy_labels_run(&f.opts, &result, &last, err));
            assert_hex(last.data + (f.params.nodes - 1) * 32, 32, kat_text(c, "last_label"));
            assert_int_equal(f.reported, 11);
            assert_int_equal(result.resumed_from_layer, 0);
            sy_layer_mem_fini(&last);
        }
        teardown(&f);
    }
    json_decref(root);
    assert_ok(sy_labels_force(NULL, err));
}

/* Layer files of whole sectors: digests by name in a JSON object of {len|size, sha256}. */
static void check_layers(struct fixture *f, const json_t *files)
{
    struct sy_labels_result result;
    for (size_t way = 0; way < SY_ARRAY_SIZE(ways); way++) {
        if (!use_way(f, way))
            continue;
        assert_ok(sy_labels_remove(f->cache, err));
        assert_ok(sy_labels_run(&f->opts, &result, NULL, err));
        assert_int_equal(result.resumed_from_layer, 0);
        for (uint32_t layer = 1; layer <= f->params.layers; layer++) {
            char path[SY_PATH_BYTES];
            assert_ok(sy_files_layer(path, f->cache, layer, err));
            const json_t *file = kat_get(files, strrchr(path, '/') + 1);
            assert_file_sha256(path, kat_text(file, "sha256"));
            assert_hex(result.layer_sha256[layer - 1], 32, kat_text(file, "sha256"));
        }
    }
    assert_ok(sy_labels_force(NULL, err));
}

static void layers_of_known_sectors(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_seal_vectors.json");
    size_t i;
    json_t *c;
    json_array_foreach(kat_get(root, "cases"), i, c)
    {
        struct fixture f;
        uint8_t porep_id[32];
        kat_hex(c, "porep_id", porep_id, 32);
        bool legacy = json_is_true(kat_get(c, "legacy_graph"));
        setup(&f, kat_int(c, "sector_bytes"), legacy ? SY_API_1_0_0 : SY_API_1_1_0, porep_id);
        f.params.layers = (uint32_t)kat_int(c, "layers");
        kat_hex(c, "replica_id", f.replica_id, 32);
        check_layers(&f, kat_get(c, "files"));
        teardown(&f);
    }
    assert_int_equal(i, 11);
    json_decref(root);
}

static void layers_of_reference_sectors(void **state)
{
    (void)state;
    static const char *const sizes[] = {"2KiB", "4KiB", "16KiB", "32KiB"};
    static const char *const variants[] = {"v1_0", "v1_1", "v1_2", "synth", "ni"};
    static const char *const plans[] = {"cc", "multi"};
    for (size_t i = 0; i < 4 * 5 * 2; i++) {
        struct fixture f;
        char name[SY_PATH_BYTES];
        uint8_t porep_id[32];
        enum sy_api_version api;
        path_set(name, "reference/seal-%s-%s-%s.json", sizes[i / 10], variants[i / 2 % 5],
                 plans[i % 2]);
        json_t *root = kat_load(name);
        const json_t *porep = kat_get(kat_get(root, "sector"), "porep");
        kat_hex(porep, "porep_id", porep_id, 32);
        assert_ok(sy_api_version_parse(kat_text(porep, "api_version"), &api, err));
        setup(&f, kat_int(porep, "sector_size"), api, porep_id);
        kat_hex(root, "replica_id", f.replica_id, 32);
        check_layers(&f, kat_get(kat_get(root, "pc1"), "cache"));
        teardown(&f);
        json_decref(root);
    }
}

/* ------------------------------------------------------------------------------------- resuming */

static void setup_small(struct fixture *f)
{
    static const uint8_t porep_id[32] = {5};
    setup(f, 2048, SY_API_1_1_0, porep_id);
    f->params.layers = 5;
    kat_stream("resume", "replica", f->replica_id, 32);
    f->replica_id[31] &= 0x3f;
}

static uint32_t resumed_from(struct fixture *f, struct sy_labels_result *result)
{
    assert_ok(sy_labels_run(&f->opts, result, NULL, err));
    return result->resumed_from_layer;
}

static void resuming_believes_only_digests(void **state)
{
    (void)state;
    struct fixture f;
    struct sy_labels_result want, have;
    char layer[SY_PATH_BYTES], marker[SY_PATH_BYTES];
    setup_small(&f);
    assert_int_equal(resumed_from(&f, &want), 0);
    assert_int_equal(resumed_from(&f, &have), 5);
    assert_memory_equal(have.layer_sha256, want.layer_sha256, sizeof(want.layer_sha256));

    /* A missing layer, a missing marker, a flipped bit, a short file: from the layer before on. */
    for (int damage = 0; damage < 5; damage++) {
        assert_ok(sy_files_layer(layer, f.cache, 4, err));
        assert_ok(sy_files_layer_marker(marker, f.cache, 4, err));
        if (damage == 0)
            assert_int_equal(unlink(layer), 0);
        else if (damage == 1)
            assert_int_equal(unlink(marker), 0);
        else if (damage == 2)
            flip_bit(layer, 700);
        else if (damage == 3)
            assert_int_equal(truncate(layer, 2047), 0);
        else
            write_file(marker, "{}", 2);
        f.opts.threads = 1 + (unsigned)damage % 2;
        f.reported = 0;
        assert_int_equal(resumed_from(&f, &have), 3);
        assert_int_equal(f.reported, 2);
        assert_memory_equal(have.layer_sha256, want.layer_sha256, sizeof(want.layer_sha256));
        assert_int_equal(resumed_from(&f, &have), 5);
    }

    /* Another replica's layers are not ours. */
    f.replica_id[0] ^= 1;
    assert_int_equal(resumed_from(&f, &have), 0);
    assert_memory_not_equal(have.layer_sha256, want.layer_sha256, sizeof(want.layer_sha256));

    /* Nor are those of a marker for another layer. */
    char other[SY_PATH_BYTES];
    size_t bytes;
    assert_ok(sy_files_layer_marker(other, f.cache, 2, err));
    assert_ok(sy_files_layer_marker(marker, f.cache, 1, err));
    uint8_t *text = read_file(other, &bytes);
    write_file(marker, text, bytes);
    free(text);
    assert_int_equal(resumed_from(&f, &have), 0);
    teardown(&f);
}

static void a_resumed_run_hands_out_the_last_layer(void **state)
{
    (void)state;
    struct fixture f;
    struct sy_labels_result result;
    struct sy_layer_mem last;
    char path[SY_PATH_BYTES];
    setup_small(&f);
    for (int i = 0; i < 2; i++) {
        size_t bytes;
        assert_ok(sy_labels_run(&f.opts, &result, &last, err));
        assert_int_equal(result.resumed_from_layer, i ? 5 : 0);
        assert_ok(sy_files_layer(path, f.cache, 5, err));
        uint8_t *file = read_file(path, &bytes);
        assert_int_equal(bytes, last.bytes);
        assert_memory_equal(file, last.data, bytes);
        free(file);
        sy_layer_mem_fini(&last);
        assert_null(last.data);
    }
    teardown(&f);
}

static void impossible_runs_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct sy_labels_result result;
    struct sy_layer_mem mem;
    setup_small(&f);
    f.opts.cache = "/does/not/exist";
    for (f.opts.threads = 1; f.opts.threads <= 2; f.opts.threads++)
        assert_error(sy_labels_run(&f.opts, &result, NULL, err), SY_E_NOT_FOUND);
    f.opts.cache = f.cache;
    f.params.nodes *= 2;
    assert_error(sy_labels_run(&f.opts, &result, NULL, err), SY_E_ARG);
    f.params.nodes /= 2;
    f.opts.hugepage_mount = f.dir; /* no hugetlbfs */
    assert_error(sy_labels_run(&f.opts, &result, NULL, err), SY_E_ARG);
    f.opts.hugepage_mount = "/does/not/exist";
    assert_error(sy_labels_run(&f.opts, &result, NULL, err), SY_E_NOT_FOUND);
    assert_error(sy_layer_mem_init(&mem, UINT64_MAX - 10, NULL, 0, err), SY_E_RANGE);
    assert_error(sy_layer_mem_init(&mem, UINT64_C(1) << 62, NULL, 0, err), SY_E_NOMEM);
    assert_error(sy_labels_force("avx512", err), SY_E_ARG);
    teardown(&f);
}

/* Needs reserved pages: SEALYARD_HUGETLBFS names a mount with at least four free ones. */
static void layers_lie_in_huge_pages(void **state)
{
    (void)state;
    const char *mount = getenv("SEALYARD_HUGETLBFS");
    struct fixture f;
    struct sy_labels_result result;
    struct sy_layer_mem mem, last;
    if (!mount) {
        print_message("skipped: SEALYARD_HUGETLBFS names no mount with huge pages\n");
        skip();
    }
    setup_small(&f);
    f.opts.cache = NULL;
    assert_ok(sy_labels_run(&f.opts, &result, &last, err));
    f.opts.hugepage_mount = mount;
    struct sy_layer_mem huge;
    assert_ok(sy_labels_run(&f.opts, &result, &huge, err));
    assert_true(huge.hugetlb && result.hugetlb && huge.page_bytes >= 2 << 20);
    assert_int_equal(huge.map_bytes % huge.page_bytes, 0);
    assert_memory_equal(huge.data, last.data, last.bytes);
    sy_layer_mem_fini(&huge);
    sy_layer_mem_fini(&last);
    assert_error(sy_layer_mem_init(&mem, 2048, mount, 4096, err), SY_E_ARG);
    assert_error(sy_layer_mem_init(&mem, UINT64_C(1) << 50, mount, 0, err), SY_E_RESOURCE);
    teardown(&f);
}

/* --------------------------------------------------------------------------------------- checks */

static void sampled_checks_find_changed_labels(void **state)
{
    (void)state;
    struct fixture f;
    struct sy_labels_result result;
    uint8_t seed[32] = {1};
    char layer[SY_PATH_BYTES];
    setup_small(&f);
    assert_ok(sy_labels_run(&f.opts, &result, NULL, err));
    assert_ok(sy_labels_check(&f.params, f.replica_id, &f.graph, f.cache, 200, seed, err));

    for (uint32_t number = 1; number <= 5; number++) {
        assert_ok(sy_files_layer(layer, f.cache, number, err));
        flip_bit(layer, 32 * 17 + 3);
        assert_error(sy_labels_check(&f.params, f.replica_id, &f.graph, f.cache, 400, seed, err),
                     SY_E_MISMATCH);
        flip_bit(layer, 32 * 17 + 3);
    }
    f.replica_id[0] ^= 1;
    assert_error(sy_labels_check(&f.params, f.replica_id, &f.graph, f.cache, 0, seed, err),
                 SY_E_MISMATCH);
    f.replica_id[0] ^= 1;
    assert_int_equal(truncate(layer, 100), 0);
    assert_error(sy_labels_check(&f.params, f.replica_id, &f.graph, f.cache, 1, seed, err),
                 SY_E_CORRUPT);
    assert_ok(sy_labels_remove(f.cache, err));
    assert_error(sy_labels_check(&f.params, f.replica_id, &f.graph, f.cache, 1, seed, err),
                 SY_E_NOT_FOUND);
    assert_int_equal(rmdir(f.cache), 0); /* markers are gone too */
    assert_int_equal(mkdir(f.cache, 0700), 0);
    teardown(&f);
}

/* Both kernels from any node on, over more nodes than a ring of gathered parents holds. */
static void kernels_agree_from_any_node(void **state)
{
    (void)state;
    struct fixture f;
    static const uint8_t porep_id[32] = {7};
    static const uint64_t cuts[] = {0, 1, 2, 3, 500, 1023, 1024};
    uint8_t layer[2][32768], previous[32768];
    setup(&f, 32768, SY_API_1_2_0, porep_id);
    kat_stream("kernels", "replica", f.replica_id, 32);
    kat_stream("kernels", "previous", previous, sizeof(previous));
    for (uint32_t number = 1; number <= 12; number += 11) {
        for (size_t way = 0; way < 2; way++) {
            if (!use_way(&f, way))
                continue;
            memset(layer[way], 0, sizeof(layer[way]));
            for (size_t i = 0; i + 1 < SY_ARRAY_SIZE(cuts); i++)
                sy_labels_range(f.replica_id, number, f.parents.entry, 1024, cuts[i],
                                way == 0 ? cuts[i + 1] : 1024, layer[way],
                                number == 1 ? NULL : previous);
        }
        if (use_way(&f, 1))
            assert_memory_equal(layer[0], layer[1], sizeof(layer[0]));
        uint8_t parents[37][32], label[32];
        for (uint32_t slot = 0; slot < 37; slot++) {
            uint32_t k = sy_label_slot_parent(number, slot);
            uint32_t node = f.parents.entry[1000 * SY_PARENTS + k];
            memcpy(parents[slot], (k < 6 ? layer[0] : previous) + node * 32, 32);
        }
        sy_label_compute(f.replica_id, number, 1000, parents[0], label);
        assert_memory_equal(label, layer[0] + 1000 * 32, 32);
    }
    assert_ok(sy_labels_force(NULL, err));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_labels_of_eleven_layers),
        cmocka_unit_test(layers_of_known_sectors),
        cmocka_unit_test(layers_of_reference_sectors),
        cmocka_unit_test(resuming_believes_only_digests),
        cmocka_unit_test(a_resumed_run_hands_out_the_last_layer),
        cmocka_unit_test(impossible_runs_are_refused),
        cmocka_unit_test(layers_lie_in_huge_pages),
        cmocka_unit_test(sampled_checks_find_changed_labels),
        cmocka_unit_test(kernels_agree_from_any_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
