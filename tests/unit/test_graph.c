#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sdr/graph.h"
#include "tasks/sdr/parents.h"
#include "tests/unit/sdr_kat.h"

static void assert_parents(const json_t *want, const uint32_t *have, size_t count)
{
    assert_int_equal(json_array_size(want), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(have[i], json_integer_value(json_array_get(want, i)));
}

/* Sampled parents of all twenty registered proofs, seeds, keys. */
static void registered_graphs(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_graph_parents.json");
    const json_t *manifest = kat_get(root, "parent_cache_manifest");
    size_t i, k, known = 0;
    json_t *s, *p;
    json_array_foreach(kat_get(root, "samples"), i, s)
    {
        struct sy_porep_params params;
        struct sy_graph graph;
        char name[SY_GRAPH_CACHE_NAME_BYTES];
        assert_ok(sy_porep_params_init(&params, kat_int(s, "proof_type"), err));
        assert_ok(sy_graph_init_params(&graph, &params, false, err));
        assert_int_equal(graph.nodes, kat_int(s, "nodes"));
        assert_int_equal(graph.half_bits, kat_int(s, "half_bits"));
        assert_hex(graph.drg_seed, 28, kat_text(s, "drg_seed28"));
        json_array_foreach(kat_get(s, "parents"), k, p)
        {
            uint32_t have[SY_PARENTS];
            sy_graph_parents(&graph, kat_int(p, "node"), have);
            assert_parents(kat_get(p, "drg"), have, SY_DRG_PARENTS);
            assert_parents(kat_get(p, "exp"), have + SY_DRG_PARENTS, SY_EXP_PARENTS);
        }
        /* The name of the cache file, and its digest where the network publishes one. */
        sy_graph_cache_name(&graph, name);
        const char *digest = sy_parents_known_digest(name);
        name[strlen(name) - strlen(".cache")] = '\0';
        const json_t *entry = json_object_get(manifest, name);
        if (entry) {
            assert_non_null(digest);
            assert_string_equal(digest, kat_text(entry, "digest"));
            known++;
        } else {
            assert_null(digest);
        }
        sy_graph_fini(&graph);
    }
    assert_int_equal(i, 20);
    assert_int_equal(known, 10);
    json_decref(root);
}

static enum sy_api_version api_of(const json_t *graph)
{
    enum sy_api_version api;
    assert_ok(sy_api_version_parse(kat_text(graph, "api_version"), &api, err));
    return api;
}

/* Reference parents: 80 nodes of each of 80 graphs from 2 KiB to 64 GiB, arbitrary porep ids
 * included. The table and the direct computation must agree. */
static void reference_nodes(void **state)
{
    (void)state;
    json_t *root = kat_load("reference/graph.json");
    size_t i, k;
    json_t *g, *p;
    json_array_foreach(kat_get(root, "graphs"), i, g)
    {
        struct sy_graph graph;
        uint8_t porep_id[32];
        uint64_t nodes = kat_int(g, "nodes");
        bool with_table = nodes <= 1024;
        kat_hex(g, "porep_id", porep_id, 32);
        assert_ok(
            sy_graph_init(&graph, nodes, porep_id, api_of(g) == SY_API_1_0_0, with_table, err));
        assert_hex(graph.drg_seed, 28, kat_text(g, "drg_seed_28"));
        for (size_t key = 0; key < 4; key++) {
            char text[32];
            snprintf(text, sizeof(text), "%llu", (unsigned long long)graph.feistel_key[key]);
            assert_string_equal(text,
                                json_string_value(json_array_get(kat_get(g, "feistel_keys"), key)));
        }
        json_array_foreach(kat_get(g, "parents"), k, p)
        {
            uint32_t have[SY_PARENTS];
            sy_graph_parents(&graph, kat_int(p, "node"), have);
            assert_parents(kat_get(p, "base"), have, SY_DRG_PARENTS);
            assert_parents(kat_get(p, "exp"), have + SY_DRG_PARENTS, SY_EXP_PARENTS);
        }
        sy_graph_fini(&graph);
    }
    assert_int_equal(i, 80);
    json_decref(root);
}

/* Digests of whole small graphs. */
static void reference_whole_graphs(void **state)
{
    (void)state;
    json_t *root = kat_load("reference/graph.json");
    size_t i, whole = 0;
    json_t *g;
    json_array_foreach(kat_get(root, "graphs"), i, g)
    {
        struct sy_graph graph;
        uint8_t porep_id[32], digest[32];
        uint64_t nodes = kat_int(g, "nodes");
        if (!json_object_get(g, "all_parents_sha256") || nodes > 1024)
            continue;
        kat_hex(g, "porep_id", porep_id, 32);
        assert_ok(sy_graph_init(&graph, nodes, porep_id, api_of(g) == SY_API_1_0_0, true, err));
        sy_parents_digest(&graph, digest);
        assert_hex(digest, 32, kat_text(g, "all_parents_sha256"));
        sy_graph_fini(&graph);
        whole++;
    }
    assert_int_equal(whole, 40);
    json_decref(root);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    static const uint8_t porep_id[32] = {0};
    static const uint64_t bad[] = {0, 8, 63, 65, UINT64_C(1) << 32, UINT64_MAX};
    struct sy_graph graph = {.nodes = 77};
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++)
        assert_error(sy_graph_init(&graph, bad[i], porep_id, false, false, err), SY_E_RANGE);
    assert_int_equal(graph.nodes, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registered_graphs),
        cmocka_unit_test(reference_nodes),
        cmocka_unit_test(reference_whole_graphs),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
