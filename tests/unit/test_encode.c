#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sdr/encode.h"
#include "tasks/sector/files.h"
#include "tasks/sector/fr32.h"
#include "tasks/sector/pieces.h"
#include "tasks/sector/replica.h"
#include "tests/unit/sdr_kat.h"

#include <sys/stat.h>

/* A sector on its way from the pieces to the sealed file and back. */
struct sector {
    char dir[SY_PATH_BYTES];
    char unsealed[SY_PATH_BYTES];
    char sealed[SY_PATH_BYTES];
    char output[SY_PATH_BYTES];
    char cache[SY_PATH_BYTES];
    char layer[SY_PATH_BYTES];
    struct sy_porep_params params;
    struct sy_graph graph;
    struct sy_parents parents;
    struct sy_layer_mem key;
    uint8_t replica_id[32];
};

static void setup(struct sector *s, uint64_t sector_bytes, enum sy_api_version api,
                  const uint8_t porep_id[32])
{
    memset(s, 0, sizeof(*s));
    scratch_make(s->dir);
    path_set(s->unsealed, "%s/unsealed", s->dir);
    path_set(s->sealed, "%s/sealed", s->dir);
    path_set(s->output, "%s/output", s->dir);
    path_set(s->cache, "%s/cache", s->dir);
    assert_int_equal(mkdir(s->cache, 0700), 0);
    assert_ok(
        sy_porep_params_init_test(&s->params, sector_bytes, SY_PROOF_V1_1, api, porep_id, err));
    assert_ok(sy_files_layer(s->layer, s->cache, s->params.layers, err));
    assert_ok(sy_graph_init_params(&s->graph, &s->params, true, err));
    struct sy_parents_opts opts = {.directory = s->cache, .threads = 2};
    assert_ok(sy_parents_open(&s->parents, &s->graph, &opts, err));
}

static void make_labels(struct sector *s)
{
    struct sy_labels_result result;
    struct sy_labels_opts opts = {.params = &s->params,
                                  .replica_id = s->replica_id,
                                  .parents = &s->parents,
                                  .cache = s->cache,
                                  .threads = 2};
    assert_ok(sy_labels_run(&opts, &result, &s->key, err));
}

static void teardown(struct sector *s)
{
    sy_layer_mem_fini(&s->key);
    sy_parents_close(&s->parents);
    sy_graph_fini(&s->graph);
    scratch_remove(s->dir);
}

static void write_pieces(struct sector *s, const json_t *root, uint8_t comm_d[32])
{
    struct sy_piece_input input[16];
    char path[16][SY_PATH_BYTES];
    struct sy_piece_list list;
    size_t i, count = 0;
    json_t *p;
    json_array_foreach(kat_get(root, "pieces"), i, p)
    {
        size_t bytes = (size_t)kat_int(p, "unpadded_size");
        if (!json_is_string(kat_get(p, "label")))
            continue;
        uint8_t *data = malloc(bytes);
        assert_true(data && count < 16);
        kat_stream(kat_text(root, "seed"), kat_text(p, "label"), data, bytes);
        path_set(path[count], "%s/piece-%zu", s->dir, i);
        write_file(path[count], data, bytes);
        free(data);
        struct sy_piece_input one = {
            .path = path[count], .raw_bytes = bytes, .padded_bytes = kat_int(p, "padded_size")};
        input[count++] = one;
    }
    sy_piece_list_init(&list);
    assert_ok(sy_pieces_write(&s->params, input, count, s->unsealed, 1, NULL, &list, comm_d, err));
    sy_piece_list_fini(&list);
}

static void unseal_all(struct sector *s, const json_t *unsealed, const char *comm_d)
{
    uint8_t found[32];
    const json_t *whole = kat_get(unsealed, "whole"), *range = kat_get(unsealed, "range");
    size_t bytes;
    assert_ok(sy_unseal_range(&s->params, s->sealed, s->key.data, s->output, 0,
                              s->params.unpadded_bytes, 2, NULL, found, err));
    assert_hex(found, 32, comm_d);
    assert_file_sha256(s->output, kat_text(whole, "sha256"));
    assert_ok(sy_unseal_range(&s->params, s->sealed, s->key.data, s->output,
                              kat_int(range, "offset"), kat_int(range, "len"), 1, NULL, NULL, err));
    uint8_t *data = read_file(s->output, &bytes);
    assert_int_equal(bytes, kat_int(range, "len"));
    assert_hex(data, bytes, kat_text(range, "bytes"));
    free(data);
}

/* Pieces to sealed file and back, as the network's library has it. */
static void reference_sectors(void **state)
{
    (void)state;
    static const char *const sizes[] = {"2KiB", "4KiB", "16KiB", "32KiB"};
    static const char *const kinds[] = {"v1_0-multi", "v1_1-cc", "v1_1-multi", "synth-multi",
                                        "ni-multi"};
    for (size_t i = 0; i < SY_ARRAY_SIZE(sizes) * SY_ARRAY_SIZE(kinds); i++) {
        char name[SY_PATH_BYTES];
        uint8_t porep_id[32], prover[32], ticket[32], comm_d[32];
        enum sy_api_version api;
        struct sector s;
        path_set(name, "reference/seal-%s-%s.json", sizes[i / 5], kinds[i % 5]);
        json_t *root = kat_load(name);
        const json_t *sector = kat_get(root, "sector"), *porep = kat_get(sector, "porep");
        kat_hex(porep, "porep_id", porep_id, 32);
        assert_ok(sy_api_version_parse(kat_text(porep, "api_version"), &api, err));
        setup(&s, kat_int(porep, "sector_size"), api, porep_id);
        write_pieces(&s, root, comm_d);
        assert_hex(comm_d, 32, kat_text(root, "comm_d"));
        sy_prover_id(kat_int(sector, "actor_id"), prover);
        kat_hex(sector, "ticket", ticket, 32);
        sy_replica_id(prover, kat_int(sector, "sector_number"), ticket, comm_d, porep_id,
                      s.replica_id);
        assert_hex(s.replica_id, 32, kat_text(root, "replica_id"));
        make_labels(&s);
        assert_ok(sy_encode_file(&s.params, s.unsealed, s.layer, s.sealed, 2, NULL, err));
        assert_file_sha256(s.sealed, kat_text(kat_get(root, "sealed"), "sha256"));
        unseal_all(&s, kat_get(root, "unsealed"), kat_text(root, "comm_d"));
        teardown(&s);
        json_decref(root);
    }
}

/* Key, sealed and unsealed bytes of another implementation's decoder. */
static void decoding_of_another_implementation(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_aux_files.json");
    const json_t *d = kat_get(root, "sdr_decode_2k");
    uint8_t sealed[2048], key[2048], want[2048], have[2048];
    const char *names[] = {"sealed_base64", "key_base64", "unsealed_padded_base64"};
    uint8_t *to[] = {sealed, key, want};
    for (int i = 0; i < 3; i++) {
        size_t bytes;
        const char *text = kat_text(d, names[i]);
        assert_ok(sy_base64_decode(text, strlen(text), to[i], 2048, &bytes, err));
        assert_int_equal(bytes, 2048);
    }
    assert_ok(sy_decode_nodes(have, sealed, key, 64, 0, err));
    assert_memory_equal(have, want, sizeof(want));
    assert_ok(sy_encode_nodes(have, have, key, 64, 0, err));
    assert_memory_equal(have, sealed, sizeof(sealed));
    json_decref(root);
}

static void a_zero_sector_is_its_label_layer(void **state)
{
    (void)state;
    static const uint8_t porep_id[32] = {5};
    struct sector s;
    size_t bytes;
    setup(&s, 4096, SY_API_1_1_0, porep_id);
    make_labels(&s);
    assert_ok(sy_encode_file(&s.params, "/dev/zero", s.layer, s.sealed, 1, NULL, err));
    uint8_t *data = read_file(s.sealed, &bytes);
    assert_int_equal(bytes, 4096);
    assert_memory_equal(data, s.key.data, bytes);
    free(data);
    teardown(&s);
}

static void every_range_is_unsealed(void **state)
{
    (void)state;
    static const uint8_t porep_id[32] = {5};
    static const uint64_t at[] = {0, 1, 126, 127, 128, 1000, 2031, 2032};
    struct sector s;
    uint8_t raw[2032], padded[2048];
    setup(&s, 2048, SY_API_1_1_0, porep_id);
    kat_stream("unseal", "raw", raw, sizeof(raw));
    sy_fr32_pad(raw, padded, 16);
    /* A partial file's trailer lies behind the sector and is not read. */
    uint8_t with_trailer[2048 + 12] = {0};
    memcpy(with_trailer, padded, 2048);
    write_file(s.unsealed, with_trailer, sizeof(with_trailer));
    make_labels(&s);
    assert_ok(sy_encode_file(&s.params, s.unsealed, s.layer, s.sealed, 1, NULL, err));
    for (size_t i = 0; i < SY_ARRAY_SIZE(at); i++) {
        for (size_t k = i; k < SY_ARRAY_SIZE(at); k++) {
            size_t bytes;
            assert_ok(sy_unseal_range(&s.params, s.sealed, s.key.data, s.output, at[i],
                                      at[k] - at[i], 1, NULL, NULL, err));
            uint8_t *data = read_file(s.output, &bytes);
            assert_int_equal(bytes, at[k] - at[i]);
            assert_memory_equal(data, raw + at[i], bytes);
            free(data);
        }
    }
    assert_error(
        sy_unseal_range(&s.params, s.sealed, s.key.data, s.output, 2033, 0, 1, NULL, NULL, err),
        SY_E_RANGE);
    assert_error(
        sy_unseal_range(&s.params, s.sealed, s.key.data, s.output, 1, 2032, 1, NULL, NULL, err),
        SY_E_RANGE);
    assert_error(sy_unseal_range(&s.params, s.sealed, s.key.data, s.output, 1, UINT64_MAX, 1, NULL,
                                 NULL, err),
                 SY_E_RANGE);
    teardown(&s);
}

static void bad_files_are_named_and_nothing_is_left(void **state)
{
    (void)state;
    static const uint8_t porep_id[32] = {5};
    struct sector s;
    uint8_t data[2048] = {0};
    setup(&s, 2048, SY_API_1_1_0, porep_id);
    make_labels(&s);
    write_file(s.unsealed, data, 2047);
    assert_error(sy_encode_file(&s.params, s.unsealed, s.layer, s.sealed, 1, NULL, err),
                 SY_E_CORRUPT);
    assert_error(sy_encode_file(&s.params, "/does/not/exist", s.layer, s.sealed, 1, NULL, err),
                 SY_E_NOT_FOUND);
    memset(data + 32 * 40, 0xff, 32);
    write_file(s.unsealed, data, 2048);
    struct sy_error found = {0};
    assert_int_equal(sy_encode_file(&s.params, s.unsealed, s.layer, s.sealed, 1, NULL, &found),
                     -SY_E_CORRUPT);
    assert_non_null(strstr(found.text, "node 40 "));
    assert_int_equal(access(s.sealed, F_OK), -1);
    write_file(s.sealed, data, 2048);
    assert_error(
        sy_unseal_range(&s.params, s.sealed, s.key.data, s.output, 0, 2032, 1, NULL, NULL, err),
        SY_E_CORRUPT);
    write_file(s.sealed, data, 100);
    assert_error(
        sy_unseal_range(&s.params, s.sealed, s.key.data, s.output, 0, 2032, 1, NULL, NULL, err),
        SY_E_CORRUPT);
    assert_int_equal(access(s.output, F_OK), -1);

    uint8_t key[64] = {0}, node[64] = {0}, out[64];
    memset(key + 32, 0xff, 32);
    assert_error(sy_encode_nodes(out, node, key, 2, 7, err), SY_E_CORRUPT);
    assert_error(sy_decode_nodes(out, node, key, 2, 7, err), SY_E_CORRUPT);
    teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_sectors),
        cmocka_unit_test(decoding_of_another_implementation),
        cmocka_unit_test(a_zero_sector_is_its_label_layer),
        cmocka_unit_test(every_range_is_unsealed),
        cmocka_unit_test(bad_files_are_named_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
