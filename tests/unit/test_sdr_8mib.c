#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sdr/encode.h"
#include "tasks/sector/cid.h"
#include "tasks/sector/files.h"
#include "tasks/sector/pieces.h"
#include "tasks/sector/replica.h"
#include "tests/unit/sdr_kat.h"

#include <sys/stat.h>

/* Digests of whole 8 MiB graphs, all API versions, registered and other porep ids. */
static void whole_graphs(void **state)
{
    (void)state;
    json_t *root = kat_load("reference/graph.json");
    size_t i, whole = 0;
    json_t *g;
    json_array_foreach(kat_get(root, "graphs"), i, g)
    {
        struct sy_graph graph;
        uint8_t porep_id[32], digest[32];
        enum sy_api_version api;
        if (kat_int(g, "nodes") != 262144)
            continue;
        kat_hex(g, "porep_id", porep_id, 32);
        assert_ok(sy_api_version_parse(kat_text(g, "api_version"), &api, err));
        assert_ok(sy_graph_init(&graph, 262144, porep_id, api == SY_API_1_0_0, true, err));
        sy_parents_digest(&graph, digest);
        assert_hex(digest, 32, kat_text(g, "all_parents_sha256"));
        sy_graph_fini(&graph);
        whole++;
    }
    assert_int_equal(whole, 10);
    json_decref(root);
}

/* The pattern of these sectors: SHA-256(u64le(k)) for k = 0, 1, ... */
static void write_pattern(const char *path, size_t bytes)
{
    uint8_t *data = malloc(bytes + 32);
    assert_non_null(data);
    for (uint64_t k = 0; k * 32 < bytes; k++) {
        uint8_t message[8];
        for (int b = 0; b < 8; b++)
            message[b] = (uint8_t)(k >> (8 * b));
        sy_sha256(message, sizeof(message), data + 32 * k);
    }
    write_file(path, data, bytes);
    free(data);
}

static void add_piece(const struct sy_porep_params *params, const json_t *c, const char *dir,
                      const char *unsealed, uint8_t comm_d[32])
{
    char path[SY_PATH_BYTES], cid[SY_CID_TEXT_BYTES];
    struct sy_piece_list list;
    struct sy_piece_input input = {
        .path = path, .raw_bytes = params->unpadded_bytes, .padded_bytes = params->sector_bytes};
    bool pattern = strstr(kat_text(c, "name"), "pattern") != NULL;
    path_set(path, "%s/piece", dir);
    if (pattern)
        write_pattern(path, (size_t)params->unpadded_bytes);
    sy_piece_list_init(&list);
    assert_ok(
        sy_pieces_write(params, &input, pattern ? 1 : 0, unsealed, 2, NULL, &list, comm_d, err));
    sy_piece_list_fini(&list);
    assert_file_sha256(unsealed, kat_text(c, "padded_data_sha256"));
    assert_hex(comm_d, 32, kat_text(c, "comm_d"));
    assert_string_equal(sy_cid_unsealed_format(comm_d, cid), kat_text(c, "comm_d_cid"));
}

static void seal_one(const json_t *c)
{
    char dir[SY_PATH_BYTES], unsealed[SY_PATH_BYTES], sealed[SY_PATH_BYTES], layer[SY_PATH_BYTES];
    struct sy_porep_params params;
    struct sy_graph graph;
    struct sy_parents parents;
    struct sy_labels_result result;
    uint8_t prover[32], ticket[32], comm_d[32], replica_id[32], seed[32] = {3}, digest[32];
    const json_t *files = kat_get(c, "files");

    scratch_make(dir);
    path_set(unsealed, "%s/unsealed", dir);
    path_set(sealed, "%s/sealed", dir);
    assert_ok(sy_porep_params_init(&params, kat_int(c, "proof_type"), err));
    add_piece(&params, c, dir, unsealed, comm_d);
    kat_hex(c, "prover_id", prover, 32);
    kat_hex(c, "ticket", ticket, 32);
    sy_replica_id(prover, kat_int(c, "sector"), ticket, comm_d, params.porep_id, replica_id);
    assert_hex(replica_id, 32, kat_text(c, "replica_id"));

    assert_ok(sy_graph_init_params(&graph, &params, true, err));
    struct sy_parents_opts parent_opts = {.directory = dir, .threads = 2};
    assert_ok(sy_parents_open(&parents, &graph, &parent_opts, err));
    sy_parents_digest(&graph, digest);
    assert_memory_equal(parents.sha256, digest, 32);
    struct sy_labels_opts opts = {.params = &params,
                                  .replica_id = replica_id,
                                  .parents = &parents,
                                  .cache = dir,
                                  .threads = 2};
    assert_ok(sy_labels_run(&opts, &result, NULL, err));
    for (uint32_t i = 1; i <= params.layers; i++) {
        assert_ok(sy_files_layer(layer, dir, i, err));
        assert_file_sha256(layer, kat_text(kat_get(files, strrchr(layer, '/') + 1), "sha256"));
    }
    assert_ok(sy_labels_check(&params, replica_id, &graph, dir, 100, seed, err));
    assert_ok(sy_encode_file(&params, unsealed, layer, sealed, 2, NULL, err));
    assert_file_sha256(sealed, kat_text(kat_get(files, "sealed"), "sha256"));
    sy_parents_close(&parents);
    sy_graph_fini(&graph);
    scratch_remove(dir);
}

static void sectors(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_seal_vectors_8MiB.json");
    size_t i;
    json_t *c;
    json_array_foreach(root, i, c)
    {
        seal_one(c);
    }
    assert_int_equal(i, 3);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_graphs),
        cmocka_unit_test(sectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
