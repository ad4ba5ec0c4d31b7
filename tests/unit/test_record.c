#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_world.h"

#include <stdlib.h>
#include <string.h>

static void sealed_value_opens_under_its_key_only(void **context)
{
    (void)context;
    void *value = NULL;
    uint32_t bytes = 0;
    uint16_t kind = 0;
    const void *body = NULL;
    size_t body_bytes = 0;
    struct sy_error err = {0};
    assert_int_equal(sy_record_seal(SY_TABLE_JOBS, "key", 3, 7, "body", 4, &value, &bytes, &err),
                     0);
    assert_int_equal(bytes, SY_RECORD_HEADER_BYTES + 4);
    assert_int_equal(
        sy_record_open(SY_TABLE_JOBS, "key", 3, value, bytes, &kind, &body, &body_bytes, &err), 0);
    assert_int_equal(kind, 7);
    assert_int_equal(body_bytes, 4);
    assert_memory_equal(body, "body", 4);
    assert_int_equal(
        sy_record_open(SY_TABLE_JOBS, "kez", 3, value, bytes, &kind, &body, &body_bytes, &err),
        -SY_E_CORRUPT);
    assert_int_equal(
        sy_record_open(SY_TABLE_TASKS, "key", 3, value, bytes, &kind, &body, &body_bytes, &err),
        -SY_E_CORRUPT);
    for (uint32_t cut = 0; cut < bytes; cut++)
        assert_int_equal(
            sy_record_open(SY_TABLE_JOBS, "key", 3, value, cut, &kind, &body, &body_bytes, &err),
            -SY_E_CORRUPT);
    sy_mem_free(value);
}

/* The layout is stored: these bytes must be read by every later version. */
static void layout_is_fixed(void **context)
{
    (void)context;
    static const uint8_t header[] = {1, 0, 7, 0, 4, 0, 0, 0};
    void *value = NULL;
    uint32_t bytes = 0;
    assert_int_equal(sy_record_seal(SY_TABLE_JOBS, "key", 3, 7, "body", 4, &value, &bytes, NULL),
                     0);
    assert_memory_equal(value, header, sizeof(header));
    uint8_t seal[] = {SY_TABLE_JOBS, 'k', 'e', 'y', 1, 0, 7, 0, 4, 0, 0, 0, 'b', 'o', 'd', 'y'};
    uint32_t crc = sy_crc32c(0, seal, sizeof(seal)), stored = 0;
    memcpy(&stored, (uint8_t *)value + 8, 4);
    assert_int_equal(stored, crc);
    assert_memory_equal((uint8_t *)value + 12, "body", 4);
    assert_int_equal(sy_crc32c(0, "123456789", 9), 0xe3069283u);
    sy_mem_free(value);
}

static void every_flipped_bit_is_seen(void **context)
{
    (void)context;
    struct world world;
    struct sy_arena *arena = sy_arena_create(1 << 20);
    static struct sy_sector row;
    struct sy_error err = {0};
    world_init(&world, true);
    world_pledge(&world, 1);
    world_advance_to(&world, 5, SY_SECTOR_WaitSeed);
    for (size_t i = 0; i < world.record_count; i++) {
        struct world_record *record = &world.records[i];
        if (record->table != SY_TABLE_SECTORS)
            continue;
        for (uint32_t bit = 0; bit < record->value_bytes * 8; bit++) {
            record->value[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            sy_arena_reset(arena);
            assert_int_equal(sy_record_decode_row(SY_ROW_SECTOR, record->key, record->key_bytes,
                                                  record->value, record->value_bytes, arena, &row,
                                                  &err),
                             -SY_E_CORRUPT);
            record->value[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        assert_int_equal(sy_record_decode_row(SY_ROW_SECTOR, record->key, record->key_bytes,
                                              record->value, record->value_bytes, arena, &row,
                                              &err),
                         0);
        assert_int_equal(row.number, 5);
        assert_string_equal(row.comm_r_cid, "bagb-r");
    }
    sy_arena_destroy(arena);
    world_fini(&world);
}

static void events_come_back_whole(void **context)
{
    (void)context;
    struct sy_arena *arena = sy_arena_create(1 << 20);
    struct sy_ev_name name = {.name = "a1"};
    struct sy_event event = {
        .number = 77, .wall_ms = 123456, .kind = SY_EVENT_AGENT_PAUSED, .body = &name};
    struct sy_event back = {0};
    struct sy_error err = {0};
    static const uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 77};
    void *value = NULL;
    uint32_t bytes = 0;
    assert_int_equal(sy_record_encode_event(&event, &value, &bytes, &err), 0);
    assert_int_equal(sy_record_decode_event(key, 8, value, bytes, arena, &back, &err), 0);
    assert_int_equal(back.number, 77);
    assert_int_equal(back.wall_ms, 123456);
    assert_int_equal(back.kind, SY_EVENT_AGENT_PAUSED);
    assert_string_equal(((const struct sy_ev_name *)back.body)->name, "a1");
    assert_int_equal(sy_record_decode_event(key, 7, value, bytes, arena, &back, &err),
                     -SY_E_CORRUPT);
    sy_mem_free(value);
    event.kind = 99;
    assert_int_equal(sy_record_encode_event(&event, &value, &bytes, &err), -SY_E_ARG);
    sy_arena_destroy(arena);
}

static void too_large_record_is_refused(void **context)
{
    (void)context;
    void *big = calloc(1, SY_STORE_VALUE_BYTES_MAX + 1), *value = NULL;
    uint32_t bytes = 0;
    assert_non_null(big);
    assert_int_equal(sy_record_seal(SY_TABLE_JOBS, "k", 1, 0, big, SY_STORE_VALUE_BYTES_MAX, &value,
                                    &bytes, NULL),
                     -SY_E_LIMIT);
    assert_int_equal(sy_record_seal(SY_TABLE_JOBS, "k", 1, 0, big,
                                    SY_STORE_VALUE_BYTES_MAX - SY_RECORD_HEADER_BYTES, &value,
                                    &bytes, NULL),
                     0);
    assert_int_equal(bytes, SY_STORE_VALUE_BYTES_MAX);
    sy_mem_free(value);
    free(big);
}

/* A message with the largest params, bytes and return value, to the chain and back. */
static void carry_largest_message(struct world *world, const char *params)
{
    struct sy_number numbers[1] = {{UINT32_MAX}};
    struct sy_message message = {
        .uid = "pc-0000000000000000000000000000000000000000000000000000000000000001",
        .kind = SY_MESSAGE_PRECOMMIT,
        .miner = 2000,
        .sectors = {numbers, 1},
        .params = {params, SY_STATE_PARAMS_BYTES_MAX},
        .from = "t1abc",
        .cid = "bafy",
        .signed_bytes = {params, SY_STATE_PARAMS_BYTES_MAX},
        .return_bytes = {params, SY_STATE_RETURN_BYTES_MAX}};
    assert_int_equal(world_event(world, SY_EVENT_MESSAGE_QUEUED, &message), 0);
    message.params.bytes = 0;
    assert_int_equal(world_event(world, SY_EVENT_MESSAGE_SIGNED, &message), 0);
    message.signed_bytes.bytes = 0;
    assert_int_equal(world_event(world, SY_EVENT_MESSAGE_ONCHAIN, &message), 0);
}

/* The largest rows that the state accepts still fit a value. */
static void largest_rows_fit(void **context)
{
    (void)context;
    struct world world;
    static struct sy_piece pieces[SY_PIECES_MAX];
    static uint8_t proof[SY_STATE_PROOF_BYTES_MAX];
    static char params[SY_STATE_PARAMS_BYTES_MAX], long_cid[SY_CID_TEXT_BYTES];
    struct sy_miner miner = {.id = 2000, .proof_type = 6, .sector_bytes = 8 << 20};
    struct sy_ev_number_floor number = {.miner = 2000, .next_number = UINT32_MAX};
    memset(long_cid, 'c', sizeof(long_cid) - 30);
    memset(params, 'p', sizeof(params));
    memset(proof, 0xaa, sizeof(proof));
    for (size_t i = 0; i < SY_PIECES_MAX; i++) {
        pieces[i] = (struct sy_piece){.padded_bytes = 128, .raw_bytes = 127, .path = "/x"};
        memset(pieces[i].path, 'p', 990);
        memcpy(pieces[i].cid, long_cid, 64);
    }
    world_init(&world, true);
    assert_int_equal(world_event(&world, SY_EVENT_MINER_SET, &miner), 0);
    assert_int_equal(world_event(&world, SY_EVENT_NUMBER_FLOOR, &number), 0);
    struct sy_ev_job_submitted job = {.job = 1,
                                      .kind = SY_JOB_SEAL,
                                      .miner = 2000,
                                      .pieces = {pieces, 27},
                                      .idempotency_key = {1}};
    assert_int_equal(world_event(&world, SY_EVENT_JOB_SUBMITTED, &job), 0);
    assert_int_equal(world_lease(&world, 1, "a1"), 0);
    struct sy_ev_task_result ap = {.task = 1,
                                   .attempt = 1,
                                   .agent = "a1",
                                   .ok = true,
                                   .pieces = {pieces, 27 + SY_STATE_FILLERS_MAX},
                                   .comm_d = {1},
                                   .comm_d_cid = "d"};
    for (size_t i = 27; i < SY_PIECES_MAX; i++)
        pieces[i].path[0] = '\0';
    int rc = world_event(&world, SY_EVENT_TASK_RESULT, &ap);
    if (rc != 0)
        fail_msg("%s", world.error.text);
    struct sy_ev_randomness ticket = {.miner = 2000, .number = UINT32_MAX, .value = {1}};
    assert_int_equal(world_event(&world, SY_EVENT_TICKET, &ticket), 0);
    struct sy_ev_task_result pc1 = {
        .task = 2, .attempt = 1, .agent = "a1", .ok = true, .replica_id = {1}, .comm_d = {1}};
    assert_int_equal(world_lease(&world, 2, "a1"), 0);
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &pc1), 0);
    struct sy_ev_task_result pc2 = {
        .task = 3, .attempt = 1, .agent = "a1", .ok = true, .comm_r = {1}};
    memcpy(pc2.comm_r_cid, long_cid, 64);
    assert_int_equal(world_lease(&world, 3, "a1"), 0);
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &pc2), 0);
    carry_largest_message(&world, params);
    struct sy_ev_sector_epoch landed = {.miner = 2000, .number = UINT32_MAX, .epoch = 9};
    assert_int_equal(world_event(&world, SY_EVENT_PRECOMMIT_LANDED, &landed), 0);
    assert_int_equal(world_event(&world, SY_EVENT_SEED, &ticket), 0);
    struct sy_ev_task_result c1 = {
        .task = 4, .attempt = 1, .agent = "a1", .ok = true, .c1_digest = {1}};
    assert_int_equal(world_lease(&world, 4, "a1"), 0);
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &c1), 0);
    struct sy_ev_task_result c2 = {
        .task = 5, .attempt = 1, .agent = "a1", .ok = true, .proof = {proof, sizeof(proof)}};
    assert_int_equal(world_lease(&world, 5, "a1"), 0);
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &c2), 0);
    assert_int_equal(sy_state_sector(world.state, 2000, UINT32_MAX)->proof.bytes, sizeof(proof));
    world_fini(&world);
}

static void flush_goes_on_after_lack_of_memory(void **context)
{
    (void)context;
    struct world world;
    static struct sy_recover_report report;
    world_init(&world, true);
    struct sy_ev_job_submitted job = {
        .job = 1, .kind = SY_JOB_PLEDGE, .miner = WORLD_MINER, .count = 5, .idempotency_key = {1}};
    assert_int_equal(world_event_only(&world, SY_EVENT_JOB_SUBMITTED, &job), 0);
    size_t dirty = sy_state_dirty_count(world.state);
    assert_true(dirty >= 14);
    unsigned failed = 0;
    for (uint64_t n = 1;; n++) {
        sy_mem_fail_after(n % 4 + 1);
        int rc = sy_record_flush(world.state, &world.batch, NULL);
        sy_mem_fail_after(0);
        if (rc == 0)
            break;
        assert_int_equal(rc, -SY_E_NOMEM);
        failed++;
        if (failed > 20) {
            assert_int_equal(sy_record_flush(world.state, &world.batch, NULL), 0);
            break;
        }
    }
    assert_true(failed > 3);
    assert_int_equal(world.batch.count, dirty + 1);
    assert_int_equal(world.batch.last_event, sy_state_meta(world.state)->last_event);
    world_take(&world, &world.batch);
    assert_int_equal(sy_recover_fsck(&world.store, &report, NULL), 0);
    assert_int_equal(report.differing, 0);
    world_fini(&world);
}

static void full_batch_refuses_the_next_event(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    struct sy_ev_number_floor number = {.miner = WORLD_MINER, .next_number = 5};
    int rc = 0;
    unsigned applied = 0;
    while (rc == 0 && applied < SY_STORE_BATCH_CHANGES_MAX) {
        rc = world_event_only(&world, SY_EVENT_NUMBER_FLOOR, &number);
        applied += rc == 0;
    }
    assert_int_equal(rc, -SY_E_LIMIT);
    assert_true(sy_record_batch_is_full(world.state, &world.batch));
    assert_true(applied > 1000);
    world_flush(&world);
    assert_false(sy_record_batch_is_full(world.state, &world.batch));
    assert_int_equal(world_event(&world, SY_EVENT_NUMBER_FLOOR, &number), 0);
    world_fini(&world);
}

/* The event with most changes: cancelling a job of 1,024 running sectors. */
static void largest_event_fits_one_batch(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    struct sy_slot_offer offer = {SY_STAGE_AP, SY_JOB_SECTORS_MAX};
    struct sy_agent agent = {.name = "a1", .slots = {&offer, 1}};
    assert_int_equal(world_event(&world, SY_EVENT_AGENT_HELLO, &agent), 0);
    uint64_t job = world_pledge(&world, SY_JOB_SECTORS_MAX);
    for (uint64_t task = 1; task <= SY_JOB_SECTORS_MAX; task++)
        assert_int_equal(world_lease(&world, task, "a1"), 0);
    struct sy_ev_job cancel = {.job = job, .by = "alice"};
    assert_int_equal(world_event_only(&world, SY_EVENT_JOB_CANCELLED, &cancel), 0);
    assert_true(sy_state_dirty_count(world.state) >= 4 * SY_JOB_SECTORS_MAX);
    world_flush(&world);
    world_fini(&world);
}

static void changes_by_hand_are_checked(void **context)
{
    (void)context;
    struct sy_batch batch = {0};
    uint8_t key[SY_STORE_KEY_BYTES_MAX + 1] = {0};
    assert_int_equal(sy_record_change(&batch, SY_TABLE_JOBS, key, 0, NULL, 0, NULL), -SY_E_BUG);
    assert_int_equal(sy_record_change(&batch, SY_TABLE_JOBS, key, sizeof(key), NULL, 0, NULL),
                     -SY_E_BUG);
    for (uint32_t i = 0; i < SY_STORE_BATCH_CHANGES_MAX; i++)
        assert_int_equal(sy_record_change(&batch, SY_TABLE_JOBS, key, 4, NULL, 0, NULL), 0);
    assert_int_equal(sy_record_change(&batch, SY_TABLE_JOBS, key, 4, NULL, 0, NULL), -SY_E_LIMIT);
    assert_true(batch.changes[0].remove);
    sy_batch_fini(&batch);
    assert_int_equal(batch.count, 0);
    for (int table = 0; table < SY_TABLE_COUNT; table++)
        assert_non_null(sy_record_table_name((enum sy_store_table)table));
    assert_null(sy_record_table_name(SY_TABLE_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed_value_opens_under_its_key_only),
        cmocka_unit_test(layout_is_fixed),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(events_come_back_whole),
        cmocka_unit_test(too_large_record_is_refused),
        cmocka_unit_test(largest_rows_fit),
        cmocka_unit_test(flush_goes_on_after_lack_of_memory),
        cmocka_unit_test(full_batch_refuses_the_next_event),
        cmocka_unit_test(largest_event_fits_one_batch),
        cmocka_unit_test(changes_by_hand_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
