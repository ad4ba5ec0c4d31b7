#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sector/cid.h"
#include "tasks/sector/commp.h"
#include "tests/unit/sdr_kat.h"

#include <fcntl.h>
#include <stdlib.h>

static void zero_pieces(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_commp.json");
    json_t *reference = kat_load("reference/fr32.json");
    uint8_t comm[32];
    size_t i;
    json_t *z;
    json_array_foreach(kat_get(root, "zero_pieces"), i, z)
    {
        char text[SY_CID_TEXT_BYTES];
        assert_ok(sy_commp_zero_padded(kat_int(z, "padded_size"), comm, err));
        assert_hex(comm, 32, kat_text(z, "commitment"));
        assert_string_equal(sy_cid_unsealed_format(comm, text), kat_text(z, "cid"));
    }
    assert_int_equal(i, 32);
    json_array_foreach(kat_get(reference, "zero_pieces"), i, z)
    {
        assert_ok(sy_commp_zero_padded(kat_int(z, "padded_size"), comm, err));
        assert_hex(comm, 32, kat_text(z, "comm_p"));
    }
    assert_error(sy_commp_zero_padded(96, comm, err), SY_E_RANGE);
    assert_error(sy_commp_zero_padded(16, comm, err), SY_E_RANGE);
    assert_error(sy_commp_zero_padded(UINT64_C(1) << 60, comm, err), SY_E_RANGE);
    json_decref(root);
    json_decref(reference);
}

static void raw_trees(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_commp.json");
    const json_t *chunk = kat_get(root, "hash_chunk");
    uint8_t pair[64], comm[32];
    char text[SY_CID_TEXT_BYTES];
    kat_hex(chunk, "in", pair, sizeof(pair));
    sy_commp_combine(pair, pair + 32, comm);
    assert_hex(comm, 32, kat_text(chunk, "out"));

    static const size_t sizes[] = {2048, 8 << 20};
    for (size_t i = 0; i < SY_ARRAY_SIZE(sizes); i++) {
        const json_t *tree = json_array_get(kat_get(root, "raw_padded_tree"), i);
        uint8_t *nodes = calloc(1, sizes[i]), *scratch = malloc(sizes[i] / 2);
        assert_true(nodes && scratch);
        nodes[0] = 1;
        sy_commp_root(nodes, sizes[i] / 32, scratch, comm);
        assert_string_equal(sy_cid_unsealed_format(comm, text), kat_text(tree, "cid"));
        free(nodes);
        free(scratch);
    }
    sy_commp_root(pair, 1, NULL, comm);
    assert_memory_equal(comm, pair, 32);
    json_decref(root);
}

/* Payloads of any length: file commitment, and the padded bytes that it writes. */
static void reference_payloads(void **state)
{
    (void)state;
    char dir[SY_PATH_BYTES], in[SY_PATH_BYTES], out[SY_PATH_BYTES];
    json_t *root = kat_load("reference/fr32.json");
    const char *seed = kat_text(root, "seed");
    size_t i;
    json_t *p;

    scratch_make(dir);
    path_set(in, "%s/in", dir);
    path_set(out, "%s/out", dir);
    json_array_foreach(kat_get(root, "payloads"), i, p)
    {
        size_t bytes = (size_t)kat_int(p, "payload_len");
        uint64_t padded = kat_int(p, "piece_padded_size"), raw_bytes, padded_bytes;
        uint8_t *raw = malloc(bytes), comm[32];
        assert_non_null(raw);
        kat_stream(seed, kat_text(p, "label"), raw, bytes);
        write_file(in, raw, bytes);
        assert_ok(sy_commp_file(in, 2, comm, &raw_bytes, &padded_bytes, err));
        assert_hex(comm, 32, kat_text(p, "comm_p"));
        assert_int_equal(raw_bytes, bytes);
        assert_int_equal(padded_bytes, padded);

        int in_fd = open(in, O_RDONLY), out_fd = open(out, O_RDWR | O_CREAT | O_TRUNC, 0600);
        assert_true(in_fd >= 0 && out_fd >= 0);
        assert_int_equal(ftruncate(out_fd, (off_t)padded), 0);
        struct sy_commp_job job = {.in_fd = in_fd,
                                   .in_name = "in",
                                   .raw_bytes = bytes,
                                   .padded_bytes = padded,
                                   .out_fd = out_fd,
                                   .out_name = "out",
                                   .threads = 1};
        assert_ok(sy_commp_run(&job, comm, err));
        close(in_fd);
        close(out_fd);
        assert_hex(comm, 32, kat_text(p, "comm_p"));
        assert_file_sha256(out, kat_text(p, "piece_fr32_sha256"));
        free(raw);
    }
    json_decref(root);
    scratch_remove(dir);
}

/* More than one batch of 4 MiB chunks, any number of threads, a ragged end. */
static void threads_do_not_change_the_result(void **state)
{
    (void)state;
    const size_t bytes = (size_t)11 << 20;
    char dir[SY_PATH_BYTES], in[SY_PATH_BYTES];
    uint8_t *raw = malloc(bytes), comm[4][32];
    uint64_t raw_bytes, padded_bytes;

    assert_non_null(raw);
    scratch_make(dir);
    path_set(in, "%s/in", dir);
    for (size_t i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(i * 2654435761u >> 24);
    write_file(in, raw, bytes - 5);
    for (unsigned threads = 1; threads <= 3; threads++)
        assert_ok(sy_commp_file(in, threads, comm[threads], &raw_bytes, &padded_bytes, err));
    assert_int_equal(padded_bytes, 16 << 20);
    assert_memory_equal(comm[1], comm[2], 32);
    assert_memory_equal(comm[1], comm[3], 32);
    flip_bit(in, 7000000);
    assert_ok(sy_commp_file(in, 2, comm[2], &raw_bytes, &padded_bytes, err));
    assert_memory_not_equal(comm[1], comm[2], 32);
    free(raw);
    scratch_remove(dir);
}

static void wrong_lengths_are_refused(void **state)
{
    (void)state;
    char dir[SY_PATH_BYTES], in[SY_PATH_BYTES];
    uint8_t raw[200] = {1}, comm[32] = {0};
    uint64_t size;
    scratch_make(dir);
    path_set(in, "%s/in", dir);
    write_file(in, raw, sizeof(raw));
    static const struct {
        uint64_t raw_bytes, padded_bytes;
    } bad[] = {{199, 256}, {201, 256}, {200, 128}, {200, 384}, {200, 64}};
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        int fd = open(in, O_RDONLY);
        assert_true(fd >= 0);
        struct sy_commp_job job = {.in_fd = fd,
                                   .in_name = in,
                                   .raw_bytes = bad[i].raw_bytes,
                                   .padded_bytes = bad[i].padded_bytes,
                                   .out_fd = -1};
        assert_error(sy_commp_run(&job, comm, err), SY_E_ARG);
        close(fd);
    }
    assert_error(sy_commp_file("/does/not/exist", 1, comm, &size, &size, err), SY_E_NOT_FOUND);
    assert_error(sy_commp_piece_padded(UINT64_C(1) << 41, &size, err), SY_E_RANGE);
    assert_ok(sy_commp_piece_padded(0, &size, err));
    assert_int_equal(size, 128);

    struct sy_commp_stack stack;
    sy_commp_stack_init(&stack);
    sy_commp_stack_push(&stack, 3, comm);
    assert_error(sy_commp_stack_finish(&stack, 128, comm, err), SY_E_RANGE);
    assert_error(sy_commp_stack_finish(&stack, 384, comm, err), SY_E_RANGE);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_pieces),
        cmocka_unit_test(raw_trees),
        cmocka_unit_test(reference_payloads),
        cmocka_unit_test(threads_do_not_change_the_result),
        cmocka_unit_test(wrong_lengths_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
