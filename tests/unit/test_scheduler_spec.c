/* START.spec has exactly the keys of the task contract; results are believed only when they are
 * whole. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "scheduler/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A64 "0101010101010101010101010101010101010101010101010101010101010101"
#define Z64 "zz01010101010101010101010101010101010101010101010101010101010101" /* no hex */
#define B64 "0202020202020202020202020202020202020202020202020202020202020202"

static struct sy_piece pieces[2];
static struct sy_sector sector;

static void make_sector(void)
{
    memset(pieces, 0, sizeof pieces);
    snprintf(pieces[0].cid, sizeof pieces[0].cid, "baga-file");
    snprintf(pieces[0].path, sizeof pieces[0].path, "/data/a.car");
    pieces[0].padded_bytes = 1024;
    pieces[0].raw_bytes = 1000;
    snprintf(pieces[1].cid, sizeof pieces[1].cid, "baga-filler");
    pieces[1].padded_bytes = 1024;
    pieces[1].offset_bytes = 1024;
    memset(&sector, 0, sizeof sector);
    sector.miner = 1000;
    sector.number = 7;
    sector.proof_type = 5;
    sector.pieces = (struct sy_list){pieces, 2};
    memset(sector.ticket, 1, 32);
    memset(sector.seed, 2, 32);
    memset(sector.comm_d, 1, 32);
    memset(sector.comm_r, 2, 32);
}

static void expect_spec(enum sy_stage stage, const struct sy_job *job, const char *expected)
{
    char *text = NULL;
    size_t bytes = 0;
    struct sy_error err = {0};
    if (sy_spec_build(stage, &sector, job, &text, &bytes, &err))
        fail_msg("%s", err.text);
    assert_string_equal(text, expected);
    assert_int_equal(bytes, strlen(expected));
    free(text);
}

#define COMMON "{\"proof_type\":5,\"miner\":1000,\"number\":7"
#define PIECES                                                                                     \
    "\"pieces\":[{\"cid\":\"baga-file\",\"padded_bytes\":1024},"                                   \
    "{\"cid\":\"baga-filler\",\"padded_bytes\":1024}]"

static void specs_have_the_keys_of_the_contract(void **state)
{
    struct sy_job job = {.offset_bytes = 127, .size_bytes = 254};
    struct sy_job whole = {0};
    (void)state;
    make_sector();
    expect_spec(SY_STAGE_AP, NULL,
                COMMON ",\"pieces\":[{\"path\":\"/data/a.car\",\"raw_bytes\":1000,"
                       "\"padded_bytes\":1024}]}");
    expect_spec(SY_STAGE_PC1, NULL, COMMON ",\"ticket\":\"" A64 "\"," PIECES "}");
    expect_spec(SY_STAGE_PC2, NULL,
                COMMON ",\"ticket\":\"" A64 "\",\"comm_d\":\"" A64 "\"," PIECES "}");
    expect_spec(SY_STAGE_C1, NULL,
                COMMON ",\"ticket\":\"" A64 "\",\"seed\":\"" B64 "\",\"comm_d\":\"" A64
                       "\",\"comm_r\":\"" B64 "\"," PIECES "}");
    memset(sector.c1_digest, 2, 32);
    expect_spec(SY_STAGE_C2, NULL,
                COMMON ",\"ticket\":\"" A64 "\",\"seed\":\"" B64 "\",\"comm_d\":\"" A64
                       "\",\"comm_r\":\"" B64 "\",\"c1_sha256\":\"" B64 "\"}");
    sector.keep_unsealed = true;
    expect_spec(SY_STAGE_FIN, NULL, COMMON ",\"keep_unsealed\":true}");
    expect_spec(SY_STAGE_UNSEAL, &job,
                COMMON ",\"ticket\":\"" A64 "\",\"comm_d\":\"" A64
                       "\",\"offset_bytes\":127,\"size_bytes\":254}");
    expect_spec(SY_STAGE_UNSEAL, &whole, COMMON ",\"ticket\":\"" A64 "\",\"comm_d\":\"" A64 "\"}");
    expect_spec(SY_STAGE_REMOVE, NULL, COMMON "}");
    sector.pieces.count = 0;
    expect_spec(SY_STAGE_AP, NULL, COMMON ",\"pieces\":[]}");
}

static void stages_cannot_start_without_what_they_need(void **state)
{
    char *text = NULL;
    size_t bytes = 0;
    struct sy_error err = {0};
    (void)state;
    make_sector();
    memset(sector.ticket, 0, 32);
    assert_int_equal(sy_spec_build(SY_STAGE_PC1, &sector, NULL, &text, &bytes, &err), -SY_E_STATE);
    assert_non_null(strstr(err.text, "ticket"));
    make_sector();
    memset(sector.seed, 0, 32);
    assert_int_equal(sy_spec_build(SY_STAGE_C1, &sector, NULL, &text, &bytes, &err), -SY_E_STATE);
    make_sector();
    sector.pieces.count = 0;
    assert_int_equal(sy_spec_build(SY_STAGE_PC1, &sector, NULL, &text, &bytes, &err), -SY_E_STATE);
    make_sector();
    memset(sector.c1_digest, 0, 32);
    assert_int_equal(sy_spec_build(SY_STAGE_C2, &sector, NULL, &text, &bytes, &err), -SY_E_STATE);
    assert_non_null(strstr(err.text, "c1_sha256"));
    assert_null(text);
}

/* ---- results */

static struct sy_arena *arena;
static struct sy_ev_task_result event;
static struct sy_error err;

static int parse(enum sy_stage stage, const char *json)
{
    memset(&event, 0, sizeof event);
    memset(&err, 0, sizeof err);
    return sy_spec_parse_result(stage, &sector, json, strlen(json), arena, &event, &err);
}

static int make_arena(void **state)
{
    (void)state;
    arena = sy_arena_create(1 << 20);
    return arena ? 0 : -1;
}

static int free_arena(void **state)
{
    (void)state;
    sy_arena_destroy(arena);
    return 0;
}

static void ap_result_keeps_paths_and_adds_fillers(void **state)
{
    (void)state;
    make_sector();
    /* a filler in front of the file aligns it; the file keeps what the person said */
    assert_int_equal(parse(SY_STAGE_AP,
                           "{\"pieces\":[{\"cid\":\"f\",\"padded_bytes\":512,\"offset\":0},"
                           "{\"cid\":\"g\",\"padded_bytes\":512,\"offset\":512},"
                           "{\"cid\":\"baga-file\",\"padded_bytes\":1024,\"offset\":1024}],"
                           "\"comm_d\":\"" A64 "\",\"comm_d_cid\":\"baga-d\",\"note\":1}"),
                     0);
    assert_int_equal(event.pieces.count, 3);
    const struct sy_piece *list = event.pieces.items;
    assert_int_equal(list[0].raw_bytes, 0);
    assert_string_equal(list[2].path, "/data/a.car");
    assert_int_equal(list[2].raw_bytes, 1000);
    assert_int_equal(list[2].offset_bytes, 1024);
    assert_int_equal(event.comm_d[31], 1);
    assert_string_equal(event.comm_d_cid, "baga-d");
}

static void ap_result_with_another_file_is_the_persons_mistake(void **state)
{
    (void)state;
    make_sector();
    assert_int_equal(parse(SY_STAGE_AP,
                           "{\"pieces\":[{\"cid\":\"other\",\"padded_bytes\":1024,\"offset\":0}],"
                           "\"comm_d\":\"" A64 "\",\"comm_d_cid\":\"d\"}"),
                     -SY_E_ARG);
    assert_int_equal(err.class, SY_CLASS_INPUT);
    assert_non_null(strstr(err.text, "baga-file"));
    assert_int_equal(event.pieces.count, 0);
}

static void later_results_fill_their_fields(void **state)
{
    (void)state;
    make_sector();
    assert_int_equal(
        parse(SY_STAGE_PC1, "{\"comm_d\":\"" A64 "\",\"replica_id\":\"" B64 "\",\"layers\":2}"), 0);
    assert_int_equal(event.replica_id[0], 2);
    assert_int_equal(parse(SY_STAGE_PC2, "{\"comm_r\":\"" B64 "\",\"comm_r_cid\":\"bagb\"}"), 0);
    assert_int_equal(event.comm_r[0], 2);
    assert_string_equal(event.comm_r_cid, "bagb");
    assert_int_equal(parse(SY_STAGE_C1, "{\"output\":\"/x\",\"sha256\":\"" A64 "\"}"), 0);
    assert_int_equal(event.c1_digest[5], 1);
    assert_int_equal(event.proof.bytes, 0);
    char text[1024];
    snprintf(text, sizeof text, "{\"verified\":true,\"proof\":\"%0767d7\"}", 0); /* 2 x 192 bytes */
    assert_int_equal(parse(SY_STAGE_C2, text), 0);
    assert_int_equal(event.proof.bytes, 2 * 192);
    assert_int_equal(((const uint8_t *)event.proof.data)[383], 7);
    assert_int_equal(parse(SY_STAGE_FIN, "{\"files\":[]}"), 0);
    assert_int_equal(parse(SY_STAGE_UNSEAL, "{\"bytes\":127}"), 0);
    assert_int_equal(parse(SY_STAGE_REMOVE, "{\"removed\":[]}"), 0);
}

static void broken_results_are_bugs_and_touch_nothing(void **state)
{
    static const struct {
        enum sy_stage stage;
        const char *json;
    } cases[] = {
        {SY_STAGE_AP, ""},
        {SY_STAGE_AP, "[]"},
        {SY_STAGE_C1, "{\"output\":\"/x\"}"},
        {SY_STAGE_C2, "{\"verified\":true}"},
        {SY_STAGE_C2, "{\"verified\":true,\"proof\":\"\"}"},
        {SY_STAGE_C2, "{\"verified\":true,\"proof\":\"" A64 A64 "\"}"},
        {SY_STAGE_C2, "{\"verified\":true,\"proof\":\"" A64 A64 A64 A64 A64 Z64 "\"}"},
        {SY_STAGE_C2, "{\"verified\":false,\"proof\":\"" A64 A64 A64 A64 A64 A64 "\"}"},
        {SY_STAGE_AP, "{\"comm_d\":\"" A64 "\",\"comm_d\":\"" A64 "\"}"},
        {SY_STAGE_AP, "{\"pieces\":[],\"comm_d\":\"" A64 "\",\"comm_d_cid\":\"d\"}"},
        {SY_STAGE_AP, "{\"pieces\":[{\"cid\":\"baga-file\",\"padded_bytes\":1000,\"offset\":0}],"
                      "\"comm_d\":\"" A64 "\",\"comm_d_cid\":\"d\"}"},
        {SY_STAGE_AP, "{\"pieces\":[{\"cid\":\"baga-file\",\"padded_bytes\":1024,\"offset\":1024}],"
                      "\"comm_d\":\"" A64 "\",\"comm_d_cid\":\"d\"}"},
        {SY_STAGE_AP, "{\"pieces\":[{\"cid\":\"f\",\"padded_bytes\":2048,\"offset\":0}],"
                      "\"comm_d\":\"" A64 "\",\"comm_d_cid\":\"d\"}"},
        {SY_STAGE_PC1, "{\"comm_d\":\"" A64 "\"}"},
        {SY_STAGE_PC1, "{\"comm_d\":\"" A64 "\",\"replica_id\":\"00\"}"},
        {SY_STAGE_PC2, "{\"comm_r\":7,\"comm_r_cid\":\"x\"}"},
        {SY_STAGE_PC2, "{\"comm_r\":\"" B64 "\",\"comm_r_cid\":\"\"}"},
        {SY_STAGE_C1, "{\"output\":\"/x\"}"},
        {SY_STAGE_C1, "{\"sha256\":\"00000000000000000000000000000000"
                      "00000000000000000000000000000000\"}"},
        {SY_STAGE_FIN, "{}"},
        {SY_STAGE_UNSEAL, "{\"bytes\":-1}"},
    };
    (void)state;
    make_sector();
    for (size_t i = 0; i < SY_ARRAY_SIZE(cases); i++) {
        struct sy_ev_task_result zero;
        memset(&zero, 0, sizeof zero);
        if (parse(cases[i].stage, cases[i].json) == 0)
            fail_msg("case %zu was taken", i);
        if (err.class != SY_CLASS_BUG)
            fail_msg("case %zu: class %s: %s", i, sy_err_class_name(err.class), err.text);
        assert_memory_equal(&event, &zero, sizeof zero);
    }
}

static void contradiction_is_corruption(void **state)
{
    (void)state;
    make_sector();
    assert_int_equal(parse(SY_STAGE_PC1, "{\"comm_d\":\"" B64 "\",\"replica_id\":\"" B64 "\"}"),
                     -SY_E_MISMATCH);
    assert_int_equal(err.class, SY_CLASS_CORRUPT);
}

static void oversized_result_is_refused(void **state)
{
    (void)state;
    make_sector();
    char *big = calloc(1, SY_RESULT_BYTES_MAX + 2);
    assert_non_null(big);
    memset(big, ' ', SY_RESULT_BYTES_MAX + 1);
    assert_int_equal(parse(SY_STAGE_FIN, big), -SY_E_BUG);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specs_have_the_keys_of_the_contract),
        cmocka_unit_test(stages_cannot_start_without_what_they_need),
        cmocka_unit_test(ap_result_keeps_paths_and_adds_fillers),
        cmocka_unit_test(ap_result_with_another_file_is_the_persons_mistake),
        cmocka_unit_test(later_results_fill_their_fields),
        cmocka_unit_test(broken_results_are_bugs_and_touch_nothing),
        cmocka_unit_test(contradiction_is_corruption),
        cmocka_unit_test(oversized_result_is_refused),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
