#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sector/cid.h"
#include "tasks/sector/fr32.h"
#include "tasks/sector/pieces.h"
#include "tests/unit/sdr_kat.h"

#include <fcntl.h>

static void test_size_piece(struct sy_piece *piece, uint8_t byte, uint64_t padded)
{
    memset(piece, 0, sizeof(*piece));
    memset(piece->comm, byte, 32);
    piece->padded_bytes = padded;
}

static void aggregation_with_gaps(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_pieces.json");
    const json_t *sizes = kat_get(root, "pieces_padded_sizes");
    struct sy_piece piece[8];
    uint8_t comm_d[32];
    size_t count = json_array_size(sizes);
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++)
        test_size_piece(&piece[i], (uint8_t)(i + 1),
                        (uint64_t)json_integer_value(json_array_get(sizes, i)));
    assert_ok(sy_pieces_comm_d(kat_int(root, "sector_size"), piece, count, comm_d, err));
    assert_hex(comm_d, 32, kat_text(root, "comm_d"));
    json_decref(root);
}

/* Piece lists with the CommD that the network's library gives, or its refusal. */
static void reference_lists(void **state)
{
    (void)state;
    json_t *root = kat_load("reference/fr32.json");
    size_t i, k, refused = 0;
    json_t *c, *p;
    json_array_foreach(kat_get(root, "comm_d"), i, c)
    {
        const json_t *list = kat_get(c, "pieces");
        struct sy_piece *piece = calloc(json_array_size(list) + 1, sizeof(*piece));
        uint8_t comm_d[32];
        assert_non_null(piece);
        json_array_foreach(list, k, p)
        {
            kat_hex(p, "comm_p", piece[k].comm, 32);
            piece[k].padded_bytes = kat_int(p, "padded_size");
        }
        if (json_object_get(c, "error")) {
            assert_error(sy_pieces_comm_d(kat_int(c, "sector_size"), piece, k, comm_d, err),
                         SY_E_ARG);
            refused++;
        } else {
            assert_ok(sy_pieces_comm_d(kat_int(c, "sector_size"), piece, k, comm_d, err));
            assert_hex(comm_d, 32, kat_text(c, "comm_d"));
        }
        free(piece);
    }
    assert_true(i > 100 && refused > 0);
    json_decref(root);
}

static void bad_lists_are_refused(void **state)
{
    (void)state;
    struct sy_piece piece[20];
    uint8_t comm_d[32];
    for (int i = 0; i < 20; i++)
        test_size_piece(&piece[i], 1, 128);
    assert_ok(sy_pieces_check_full(2048, piece, 16, err));
    assert_error(sy_pieces_check_full(2048, piece, 15, err), SY_E_ARG);
    assert_error(sy_pieces_comm_d(2048, piece, 17, comm_d, err), SY_E_ARG);
    assert_error(sy_pieces_comm_d(2000, piece, 1, comm_d, err), SY_E_ARG);
    piece[0].padded_bytes = 384;
    assert_error(sy_pieces_comm_d(2048, piece, 2, comm_d, err), SY_E_ARG);
    piece[0].padded_bytes = 64;
    assert_error(sy_pieces_comm_d(2048, piece, 2, comm_d, err), SY_E_ARG);
    piece[0].padded_bytes = 2048;
    assert_error(sy_pieces_comm_d(2048, piece, 2, comm_d, err), SY_E_ARG);
    piece[0].padded_bytes = 128;
    memset(piece[0].comm, 0, 32);
    assert_error(sy_pieces_comm_d(2048, piece, 2, comm_d, err), SY_E_ARG);
    piece[0].padded_bytes = UINT64_C(1) << 63;
    piece[1].padded_bytes = UINT64_C(1) << 63;
    assert_error(sy_pieces_check_full(2048, piece, 2, err), SY_E_ARG);
}

static void library_alignment(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_commp.json");
    size_t i;
    json_t *v;
    json_array_foreach(kat_get(root, "piece_alignment"), i, v)
    {
        uint64_t left, right;
        sy_pieces_alignment(kat_int(v, "written"), kat_int(v, "piece"), &left, &right);
        assert_int_equal(left, kat_int(v, "left"));
        assert_int_equal(right, kat_int(v, "right"));
    }
    assert_true(i > 5);
    json_decref(root);
}

static void fillers_lie_as_lotus_puts_them(void **state)
{
    (void)state;
    /* 256 | 128 filler 128 | 512 filler 1024 ... in a 4 KiB sector. */
    static const uint64_t sizes[] = {128, 512, 128, 1024};
    static const struct {
        uint64_t offset, bytes;
        uint32_t input;
    } want[] = {
        {0, 128, 0},     {128, 128, UINT32_MAX},   {256, 256, UINT32_MAX},  {512, 512, 1},
        {1024, 128, 2},  {1152, 128, UINT32_MAX},  {1280, 256, UINT32_MAX}, {1536, 512, UINT32_MAX},
        {2048, 1024, 3}, {3072, 1024, UINT32_MAX},
    };
    struct sy_piece_list list;
    sy_piece_list_init(&list);
    assert_ok(sy_pieces_layout(&list, 4096, sizes, SY_ARRAY_SIZE(sizes), err));
    assert_int_equal(list.count, SY_ARRAY_SIZE(want));
    for (size_t i = 0; i < list.count; i++) {
        assert_int_equal(list.piece[i].offset_bytes, want[i].offset);
        assert_int_equal(list.piece[i].padded_bytes, want[i].bytes);
        assert_int_equal(list.piece[i].input, want[i].input);
    }
    assert_ok(sy_pieces_check_full(4096, list.piece, list.count, err));
    sy_piece_list_fini(&list);

    /* An empty sector is one zero piece of its size. */
    assert_ok(sy_pieces_layout(&list, 2048, NULL, 0, err));
    assert_int_equal(list.count, 1);
    assert_int_equal(list.piece[0].padded_bytes, 2048);
    sy_piece_list_fini(&list);
}

static void layouts_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const uint64_t too_many[] = {1024, 512, 1024};
    static const uint64_t odd[] = {384}, small[] = {64}, big[] = {4096};
    struct sy_piece_list list;
    sy_piece_list_init(&list);
    assert_error(sy_pieces_layout(&list, 2048, too_many, 3, err), SY_E_LIMIT);
    sy_piece_list_fini(&list);
    assert_error(sy_pieces_layout(&list, 2048, odd, 1, err), SY_E_ARG);
    assert_error(sy_pieces_layout(&list, 2048, small, 1, err), SY_E_ARG);
    assert_error(sy_pieces_layout(&list, 2048, big, 1, err), SY_E_LIMIT);
    assert_error(sy_pieces_layout(&list, 3000, small, 0, err), SY_E_ARG);
    assert_error(sy_pieces_layout(&list, 2048, odd, SY_PIECES_MAX + 1, err), SY_E_LIMIT);
    sy_piece_list_fini(&list);
}

/* ------------------------------------------------------------------------------------ AddPiece */

struct written {
    char dir[SY_PATH_BYTES];
    char path[16][SY_PATH_BYTES];
    struct sy_piece_input input[16];
    size_t count;
};

/* Writes the client pieces of a reference sector into files. Fillers of the reference plan are
 * gaps. */
static void make_inputs(struct written *w, const json_t *root)
{
    size_t i;
    json_t *p;
    w->count = 0;
    scratch_make(w->dir);
    json_array_foreach(kat_get(root, "pieces"), i, p)
    {
        size_t bytes = (size_t)kat_int(p, "unpadded_size");
        const char *label = json_string_value(json_object_get(p, "label"));
        if (!label)
            continue;
        uint8_t *data = malloc(bytes);
        assert_non_null(data);
        assert_true(w->count < 16);
        kat_stream(kat_text(root, "seed"), label, data, bytes);
        uint8_t digest[32];
        sy_sha256(data, bytes, digest);
        assert_hex(digest, 32, kat_text(p, "payload_sha256"));
        path_set(w->path[w->count], "%s/piece-%zu", w->dir, i);
        write_file(w->path[w->count], data, bytes);
        struct sy_piece_input input = {.path = w->path[w->count],
                                       .fd = -1,
                                       .raw_bytes = bytes,
                                       .padded_bytes = kat_int(p, "padded_size")};
        w->input[w->count++] = input;
        free(data);
    }
}

static void check_sector(const char *name)
{
    json_t *root = kat_load(name);
    const json_t *sector = kat_get(root, "sector");
    const json_t *porep = kat_get(sector, "porep");
    struct sy_porep_params params;
    struct sy_piece_list list;
    struct written w;
    char out[SY_PATH_BYTES];
    uint8_t porep_id[32], comm_d[32];
    size_t i, next = 0;
    json_t *p;

    kat_hex(porep, "porep_id", porep_id, 32);
    assert_ok(sy_porep_params_init_test(&params, kat_int(porep, "sector_size"), SY_PROOF_V1_1,
                                        SY_API_1_1_0, porep_id, err));
    make_inputs(&w, root);
    path_set(out, "%s/unsealed", w.dir);
    sy_piece_list_init(&list);
    assert_ok(sy_pieces_write(&params, w.input, w.count, out, 2, NULL, &list, comm_d, err));
    assert_hex(comm_d, 32, kat_text(root, "comm_d"));
    assert_file_sha256(out, kat_text(kat_get(root, "staged"), "sha256"));
    assert_ok(sy_pieces_check_full(params.sector_bytes, list.piece, list.count, err));
    /* The client pieces lie where the reference put them, with the same commitments. */
    json_array_foreach(kat_get(root, "pieces"), i, p)
    {
        if (!json_is_string(kat_get(p, "label")))
            continue;
        while (next < list.count && list.piece[next].input == UINT32_MAX)
            next++;
        assert_true(next < list.count);
        assert_hex(list.piece[next].comm, 32, kat_text(p, "comm_p"));
        assert_int_equal(list.piece[next].offset_bytes, kat_int(p, "padded_offset"));
        next++;
    }
    sy_piece_list_fini(&list);
    scratch_remove(w.dir);
    json_decref(root);
}

static void reference_sectors(void **state)
{
    (void)state;
    check_sector("reference/seal-2KiB-v1_1-multi.json");
    check_sector("reference/seal-4KiB-v1_1-multi.json");
    check_sector("reference/seal-16KiB-synth-multi.json");
    check_sector("reference/seal-32KiB-ni-multi.json");
    check_sector("reference/seal-2KiB-v1_1-cc.json");
    check_sector("reference/seal-32KiB-v1_0-cc.json");
}

static void short_payloads_are_extended(void **state)
{
    (void)state;
    char dir[SY_PATH_BYTES], in[SY_PATH_BYTES], out[SY_PATH_BYTES];
    struct sy_porep_params params;
    struct sy_piece_list list;
    uint8_t raw[300], comm_d[32], want[2048] = {0};
    size_t bytes;

    scratch_make(dir);
    path_set(in, "%s/in", dir);
    path_set(out, "%s/unsealed", dir);
    kat_stream("short", "piece", raw, sizeof(raw));
    write_file(in, raw, sizeof(raw));
    assert_ok(sy_porep_params_init(&params, 5, err));

    /* From a descriptor, into a piece larger than needed, over an older file. */
    write_file(out, "old", 3);
    int fd = open(in, O_RDONLY);
    assert_true(fd >= 0);
    struct sy_piece_input input = {.fd = fd, .raw_bytes = sizeof(raw), .padded_bytes = 1024};
    sy_piece_list_init(&list);
    assert_ok(sy_pieces_write(&params, &input, 1, out, 1, NULL, &list, comm_d, err));
    close(fd);
    assert_int_equal(list.count, 2);
    sy_fr32_pad_any(raw, sizeof(raw), want);
    uint8_t *have = read_file(out, &bytes);
    assert_int_equal(bytes, sizeof(want));
    assert_memory_equal(have, want, sizeof(want));
    uint8_t scratch[1024], root[32];
    sy_commp_root(want, 64, scratch, root);
    assert_memory_equal(comm_d, root, 32);
    free(have);
    sy_piece_list_fini(&list);
    scratch_remove(dir);
}

static void bad_sources_leave_nothing(void **state)
{
    (void)state;
    char dir[SY_PATH_BYTES], in[SY_PATH_BYTES], out[SY_PATH_BYTES];
    struct sy_porep_params params;
    struct sy_piece_list list;
    uint8_t raw[254] = {0}, comm_d[32] = {5};

    scratch_make(dir);
    path_set(in, "%s/in", dir);
    path_set(out, "%s/unsealed", dir);
    write_file(in, raw, sizeof(raw));
    assert_ok(sy_porep_params_init(&params, 5, err));
    sy_piece_list_init(&list);
    struct sy_piece_input input[3] = {{.path = in, .raw_bytes = 253, .padded_bytes = 256}};
    assert_error(sy_pieces_write(&params, input, 1, out, 1, NULL, &list, comm_d, err), SY_E_ARG);
    input[0].raw_bytes = 255;
    assert_error(sy_pieces_write(&params, input, 1, out, 1, NULL, &list, comm_d, err), SY_E_ARG);
    input[0].raw_bytes = 254;
    input[0].path = "/does/not/exist";
    assert_error(sy_pieces_write(&params, input, 1, out, 1, NULL, &list, comm_d, err),
                 SY_E_NOT_FOUND);
    input[0].path = in;
    input[0].padded_bytes = 2048;
    input[1] = input[0];
    assert_error(sy_pieces_write(&params, input, 2, out, 1, NULL, &list, comm_d, err), SY_E_LIMIT);
    assert_int_equal(list.count, 0);
    assert_int_equal(comm_d[0], 5);
    assert_int_equal(access(out, F_OK), -1);
    assert_int_equal(unlink(in), 0);
    assert_int_equal(rmdir(dir), 0); /* no temporary file was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregation_with_gaps),
        cmocka_unit_test(reference_lists),
        cmocka_unit_test(bad_lists_are_refused),
        cmocka_unit_test(library_alignment),
        cmocka_unit_test(fillers_lie_as_lotus_puts_them),
        cmocka_unit_test(layouts_that_do_not_fit_are_refused),
        cmocka_unit_test(reference_sectors),
        cmocka_unit_test(short_payloads_are_extended),
        cmocka_unit_test(bad_sources_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
