#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sector/aux.h"
#include "tasks/sector/replica.h"
#include "tests/unit/sdr_kat.h"

static void t_aux_examples(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_aux_files.json");
    size_t i;
    json_t *c;
    json_array_foreach(kat_get(kat_get(root, "t_aux_examples"), "cases"), i, c)
    {
        struct sy_porep_params params;
        struct sy_t_aux aux;
        uint8_t *data;
        size_t bytes;
        assert_ok(sy_porep_params_init(&params, 5 + i, err));
        assert_string_equal(params.proof->size_text, kat_text(c, "size"));
        assert_ok(sy_t_aux_encode(&params, kat_text(c, "path"), &data, &bytes, err));
        assert_int_equal(bytes, kat_int(c, "len"));
        assert_hex(data, bytes, kat_text(c, "hex"));
        assert_ok(sy_t_aux_decode(data, bytes, &aux, err));
        assert_int_equal(aux.layers, params.layers);
        assert_string_equal(aux.path, kat_text(c, "path"));
        assert_int_equal(aux.layer[params.layers - 1].size, params.nodes);
        assert_int_equal(aux.tree_d.size, params.tree_d_nodes);
        assert_int_equal(aux.tree_r_last.rows_to_discard, params.rows_to_discard);
        assert_int_equal(aux.tree_c.size, params.base_nodes);
        free(data);
    }
    assert_int_equal(i, 5);
    json_decref(root);
}

/* A file of a real 32 GiB sector: decodes, and encodes to the same bytes. */
static void t_aux_of_the_network(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_aux_files.json");
    const json_t *golden = kat_get(root, "t_aux_golden");
    uint8_t data[2048], *again;
    size_t bytes, again_bytes;
    struct sy_t_aux aux;
    struct sy_porep_params params;

    assert_ok(sy_base64_decode(kat_text(golden, "base64"), strlen(kat_text(golden, "base64")), data,
                               sizeof(data), &bytes, err));
    assert_int_equal(bytes, kat_int(golden, "len"));
    assert_ok(sy_t_aux_decode(data, bytes, &aux, err));
    assert_ok(sy_porep_params_init(&params, 8, err));
    assert_ok(sy_t_aux_encode(&params, aux.path, &again, &again_bytes, err));
    assert_int_equal(again_bytes, bytes);
    assert_memory_equal(again, data, bytes);
    free(again);

    /* Every truncation and every change of a length or an id is refused. */
    for (size_t cut = 0; cut < bytes; cut++)
        assert_error(sy_t_aux_decode(data, cut, &aux, err), SY_E_CORRUPT);
    data[bytes] = 0;
    assert_error(sy_t_aux_decode(data, bytes + 1, &aux, err), SY_E_CORRUPT);
    static const size_t bad[] = {0, 1, 7, 8, 15};
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        data[bad[i]] ^= 0xff;
        assert_error(sy_t_aux_decode(data, bytes, &aux, err), SY_E_CORRUPT);
        data[bad[i]] ^= 0xff;
    }
    json_decref(root);
}

static void p_aux_goes_there_and_back(void **state)
{
    (void)state;
    char dir[SY_PATH_BYTES], path[SY_PATH_BYTES];
    uint8_t comm_c[32], comm_r_last[32], c[32], r[32];
    kat_stream("aux", "c", comm_c, 32);
    kat_stream("aux", "r", comm_r_last, 32);
    scratch_make(dir);
    assert_error(sy_p_aux_read(dir, c, r, err), SY_E_NOT_FOUND);
    assert_ok(sy_p_aux_write(dir, comm_c, comm_r_last, err));
    assert_ok(sy_p_aux_read(dir, c, r, err));
    assert_memory_equal(c, comm_c, 32);
    assert_memory_equal(r, comm_r_last, 32);
    assert_ok(sy_files_p_aux(path, dir, err));
    write_file(path, comm_c, 32);
    assert_error(sy_p_aux_read(dir, c, r, err), SY_E_CORRUPT);

    struct sy_porep_params params;
    struct sy_t_aux aux;
    assert_ok(sy_porep_params_init(&params, 5, err));
    assert_error(sy_t_aux_read(dir, &aux, err), SY_E_NOT_FOUND);
    assert_ok(sy_t_aux_write(&params, dir, err));
    assert_ok(sy_t_aux_read(dir, &aux, err));
    assert_string_equal(aux.path, dir);
    scratch_remove(dir);
}

/* p_aux, t_aux and the PC1 output as the network's library wrote them. */
static void reference_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t id; /* 99: a size that is not registered */
    } sectors[] = {{"seal-2KiB-v1_1-multi", 5},   {"seal-2KiB-v1_1-cc", 5},
                   {"seal-2KiB-ni-cc", 15},       {"seal-2KiB-synth-multi", 10},
                   {"seal-32KiB-v1_1-multi", 99}, {"seal-4KiB-v1_1-multi", 99}};
    for (size_t i = 0; i < SY_ARRAY_SIZE(sectors); i++) {
        char path[SY_PATH_BYTES], cache[SY_PATH_BYTES];
        struct sy_porep_params params;
        uint8_t *data, *want, comm_d[32], again[32], porep_id[32] = {5};
        size_t bytes, want_bytes;
        path_set(path, "reference/%s.json", sectors[i].name);
        json_t *root = kat_load(path);
        kat_hex(root, "comm_d", comm_d, 32);
        path_set(cache, "work/%s/cache", sectors[i].name);
        if (sectors[i].id == 99) {
            const json_t *porep = kat_get(kat_get(root, "sector"), "porep");
            assert_ok(sy_porep_params_init_test(&params, kat_int(porep, "sector_size"),
                                                SY_PROOF_V1_1, SY_API_1_1_0, porep_id, err));
        } else {
            assert_ok(sy_porep_params_init(&params, sectors[i].id, err));
        }
        path_set(path, "%s/reference/files/%s/t_aux", SY_KAT_DIR, sectors[i].name);
        want = read_file(path, &want_bytes);
        assert_ok(sy_t_aux_encode(&params, cache, &data, &bytes, err));
        assert_int_equal(bytes, want_bytes);
        assert_memory_equal(data, want, bytes);
        free(want);
        free(data);
        if (params.proof) {
            const struct sy_proof *proof;
            char *text;
            path_set(path, "%s/reference/files/%s/pc1.api.json", SY_KAT_DIR, sectors[i].name);
            want = read_file(path, &want_bytes);
            assert_ok(sy_pc1_output_encode(&params, cache, comm_d, &text, err));
            assert_string_equal(text, (char *)want);
            assert_ok(sy_pc1_output_decode((char *)want, want_bytes, &proof, again, err));
            assert_ptr_equal(proof, params.proof);
            assert_memory_equal(again, comm_d, 32);
            free(want);
            free(text);
        }
        json_decref(root);
    }
}

static void pc1_output_is_read_as_lotus_writes_it(void **state)
{
    (void)state;
    /* Keys sorted, one more key, white space. */
    static const char good[] =
        "{ \"_lotus_SealRandomness\":\"AAAA\",\"comm_d\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,"
        "17,18,19,20,21,22,23,24,25,26,27,28,29,30,255],\"config\":{\"id\":\"tree-d\",\"path\":"
        "\"c\",\"rows_to_discard\":0,\"size\":127},\"labels\":{\"StackedDrg2KiBV1\":{\"_h\":null,"
        "\"labels\":[{\"id\":\"layer-1\",\"path\":\"c\",\"rows_to_discard\":0,\"size\":64},"
        "{\"id\":\"layer-2\",\"path\":\"c\",\"rows_to_discard\":0,\"size\":64}]}},"
        "\"registered_proof\":\"StackedDrg2KiBV1_1\"}\n";
    static const char *const change[][2] = {
        {"255]", "256]"},
        {"255]", "255,1]"},
        {"V1_1\"", "V1_9\""},
        {"layer-2", "layer-3"},
        {"\"size\":64}]", "\"size\":65}]"},
        {"{ ", "[ "},
        {"2KiBV1\"", "8MiBV1\""},
        {"comm_d", "comm_x"},
        {"registered_p", "registered_q"},
    };
    const struct sy_proof *proof = NULL;
    uint8_t comm_d[32];
    assert_ok(sy_pc1_output_decode(good, sizeof(good) - 1, &proof, comm_d, err));
    assert_int_equal(proof->id, 5);
    assert_int_equal(comm_d[31], 255);
    proof = NULL;
    for (size_t i = 0; i < SY_ARRAY_SIZE(change); i++) {
        char text[sizeof(good) + 16];
        const char *at = strstr(good, change[i][0]);
        assert_non_null(at);
        int bytes = snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, change[i][1],
                             at + strlen(change[i][0]));
        struct sy_error err = {0};
        int rc = sy_pc1_output_decode(text, (size_t)bytes, &proof, comm_d, &err);
        assert_true(rc == -SY_E_PARSE || rc == -SY_E_NOT_FOUND);
        assert_int_equal(err.class, SY_CLASS_INPUT);
    }
    assert_null(proof);
    assert_error(sy_pc1_output_decode(good, SY_PC1_OUTPUT_BYTES_MAX + 1, &proof, comm_d, err),
                 SY_E_LIMIT);
}

static void replica_ids(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_seal_vectors.json");
    size_t i;
    json_t *c;
    json_array_foreach(kat_get(root, "cases"), i, c)
    {
        uint8_t prover[32], ticket[32], comm_d[32], porep_id[32], id[32];
        kat_hex(c, "prover_id", prover, 32);
        kat_hex(c, "ticket", ticket, 32);
        kat_hex(c, "comm_d", comm_d, 32);
        kat_hex(c, "porep_id", porep_id, 32);
        sy_replica_id(prover, kat_int(c, "sector"), ticket, comm_d, porep_id, id);
        assert_hex(id, 32, kat_text(c, "replica_id"));
    }
    json_decref(root);

    root = kat_load("reference/seal-2KiB-v1_1-multi.json");
    uint8_t prover[32];
    sy_prover_id(kat_int(kat_get(root, "sector"), "actor_id"), prover);
    assert_hex(prover, 32, kat_text(kat_get(root, "sector"), "prover_id"));
    json_decref(root);
    sy_prover_id(1000, prover);
    assert_hex(prover, 2, "e807");
    sy_prover_id(UINT64_MAX, prover);
    assert_hex(prover, 11, "ffffffffffffffffff0100");
}

static void names_of_files(void **state)
{
    (void)state;
    char path[SY_PATH_BYTES];
    assert_ok(sy_files_layer(path, "c", 11, err));
    assert_string_equal(path, "c/sc-02-data-layer-11.dat");
    assert_ok(sy_files_tree_d(path, "c", err));
    assert_string_equal(path, "c/sc-02-data-tree-d.dat");
    assert_ok(sy_files_tree_c(path, "c", 1, 0, err));
    assert_string_equal(path, "c/sc-02-data-tree-c.dat");
    assert_ok(sy_files_tree_c(path, "c", 8, 7, err));
    assert_string_equal(path, "c/sc-02-data-tree-c-7.dat");
    assert_ok(sy_files_tree_r_last(path, "c", 16, 15, err));
    assert_string_equal(path, "c/sc-02-data-tree-r-last-15.dat");
    assert_ok(sy_files_synthetic(path, "c", err));
    assert_string_equal(path, "c/syn-porep-vanilla-proofs.dat");

    char long_path[SY_PATH_BYTES];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_error(sy_files_layer(path, long_path, 1, err), SY_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_aux_examples),
        cmocka_unit_test(t_aux_of_the_network),
        cmocka_unit_test(p_aux_goes_there_and_back),
        cmocka_unit_test(reference_files),
        cmocka_unit_test(pc1_output_is_read_as_lotus_writes_it),
        cmocka_unit_test(replica_ids),
        cmocka_unit_test(names_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
