/* From bytes to state: reload, replay, damage, quarantine, fsck, dump, machine binding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sy_recover_report report;

static void fsck_is_clean(struct world *world)
{
    struct sy_error err = {0};
    if (sy_recover_fsck(&world->store, &report, &err) != 0)
        fail_msg("fsck: %s", err.text);
    if (report.damaged != 0 || report.differing != 0)
        fail_msg("fsck found %llu damaged, %llu differing: table %d key %s: %s",
                 (unsigned long long)report.damaged, (unsigned long long)report.differing,
                 (int)report.notes[0].table, report.notes[0].key, report.notes[0].text);
}

static struct sy_state *reload(struct world *world, struct sy_batch *batch)
{
    struct sy_state *state = NULL;
    struct sy_error err = {0};
    if (sy_recover_load(&world->store, &state, batch, &report, &err) != 0)
        fail_msg("load: %s", err.text);
    if (sy_state_verify(state, &err) != 0)
        fail_msg("verify after load: %s", err.text);
    return state;
}

/* Random events of every kind; the rows in the store, the rows in memory and a replay agree. */
static void random_life_replays_to_the_same_rows(void **context)
{
    (void)context;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world world;
        struct sy_error err = {0};
        unsigned applied = 0;
        world_init(&world, true);
        world.chance = seed * 0x9e3779b97f4a7c15ull;
        for (int i = 0; i < 1500; i++) {
            applied += world_step(&world) == 0;
            if (i % 100 == 0 && sy_state_verify(world.state, &err) != 0)
                fail_msg("seed %llu step %d: %s", (unsigned long long)seed, i, err.text);
        }
        assert_true(applied > 300);
        fsck_is_clean(&world);
        assert_int_equal(report.events, sy_state_meta(world.state)->last_event);
        struct sy_batch batch = {0};
        struct sy_state *again = reload(&world, &batch);
        assert_int_equal(batch.count, 0);
        assert_int_equal(world_digest(again), world_digest(world.state));
        for (uint32_t stage = 1; stage < SY_STAGE_COUNT; stage++) {
            for (uint32_t is = 1; is <= SY_TASK_CANCELLED; is++)
                assert_int_equal(sy_state_task_count(again, stage, is),
                                 sy_state_task_count(world.state, stage, is));
        }
        sy_state_destroy(again);
        world_fini(&world);
    }
}

static void reloaded_state_goes_on_like_the_old_one(void **context)
{
    (void)context;
    struct world world;
    struct sy_batch batch = {0};
    world_init(&world, true);
    world_pledge(&world, 2);
    world_advance_to(&world, 5, SY_SECTOR_PreCommit2);
    assert_int_equal(world_lease(&world, world_task_of(&world, 5), "a1"), 0);
    struct sy_state *again = reload(&world, &batch);
    sy_state_destroy(world.state);
    world.state = again;
    assert_int_equal(sy_state_slots_used(again, "a1", SY_STAGE_PC2), 1);
    assert_int_equal(sy_state_agent(again, "a1")->liveness, SY_AGENT_OFFLINE);
    assert_false(sy_state_store(again, WORLD_SCRATCH)->online);
    world_advance_to(&world, 5, SY_SECTOR_Proving);
    world_advance_to(&world, 6, SY_SECTOR_Proving);
    assert_int_equal(sy_state_job(world.state, 1)->state, SY_JOB_DONE);
    fsck_is_clean(&world);
    world_fini(&world);
}

static void empty_store_loads(void **context)
{
    (void)context;
    struct world world;
    struct sy_batch batch = {0};
    world_init(&world, false);
    struct sy_state *state = reload(&world, &batch);
    assert_int_equal(sy_state_meta(state)->last_event, 0);
    assert_int_equal(batch.count, 0);
    fsck_is_clean(&world);
    sy_state_destroy(state);
    world_fini(&world);
}

static void make_life(struct world *world)
{
    world_init(world, true);
    world_pledge(world, 2);
    world_advance_to(world, 5, SY_SECTOR_WaitSeed);
    world_advance_to(world, 6, SY_SECTOR_PreCommit1);
}

/* Every record of every row table damaged in turn, at the front, in the middle and at the end. */
static void every_damaged_row_is_rebuilt_from_events(void **context)
{
    (void)context;
    struct world world;
    make_life(&world);
    uint32_t before = world_digest(world.state);
    for (size_t i = 0; i < world.record_count; i++) {
        if (world.records[i].table == SY_TABLE_EVENTS)
            continue;
        for (int place = 0; place < 3; place++) {
            struct world_record *record = &world.records[i];
            uint32_t at = place == 0   ? 0
                          : place == 1 ? record->value_bytes / 2
                                       : record->value_bytes - 1;
            struct sy_batch batch = {0};
            record->value[at] ^= 0x20;
            struct sy_state *state = reload(&world, &batch);
            assert_int_equal(report.damaged, 1);
            assert_int_equal(report.rebuilt, 1);
            assert_int_equal(report.lost, 0);
            assert_int_equal(world_digest(state), before);
            assert_int_equal(batch.count, 2);
            assert_int_equal(batch.changes[0].table, SY_TABLE_QUARANTINE);
            struct world_record *next = NULL;
            size_t old_count = world.record_count;
            world_take(&world, &batch);
            assert_int_equal(world.record_count, old_count + 1);
            fsck_is_clean(&world);
            next = &world.records[world.record_count - 1]; /* forget the quarantine again */
            assert_int_equal(next->table, SY_TABLE_QUARANTINE);
            while (world.records[world.record_count - 1].table == SY_TABLE_QUARANTINE)
                free(world.records[--world.record_count].value);
            sy_state_destroy(state);
        }
    }
    world_fini(&world);
}

static size_t record_of(struct world *world, enum sy_store_table table, size_t nth)
{
    for (size_t i = 0; i < world->record_count; i++) {
        if (world->records[i].table == table && nth-- == 0)
            return i;
    }
    fail_msg("table %d has too few records", (int)table);
    return 0;
}

static void damaged_event_alone_does_not_stop_the_start(void **context)
{
    (void)context;
    struct world world;
    struct sy_batch batch = {0};
    make_life(&world);
    uint32_t before = world_digest(world.state);
    world.records[record_of(&world, SY_TABLE_EVENTS, 7)].value[14] ^= 1;
    struct sy_state *state = reload(&world, &batch);
    assert_int_equal(report.damaged, 1);
    assert_int_equal(world_digest(state), before);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.changes[0].table, SY_TABLE_QUARANTINE);
    sy_batch_fini(&batch);
    sy_state_destroy(state);
    assert_int_equal(sy_recover_fsck(&world.store, &report, NULL), 0);
    assert_int_equal(report.damaged, 1);
    world_fini(&world);
}

static void damaged_row_and_event_lose_one_row_not_the_store(void **context)
{
    (void)context;
    struct world world;
    struct sy_batch batch = {0};
    make_life(&world);
    world.records[record_of(&world, SY_TABLE_EVENTS, 7)].value[14] ^= 1;
    world.records[record_of(&world, SY_TABLE_SECTORS, 1)].value[20] ^= 1;
    struct sy_state *state = NULL;
    struct sy_error err = {0};
    assert_int_equal(sy_recover_load(&world.store, &state, &batch, &report, &err), 0);
    assert_null(sy_state_sector(state, WORLD_MINER, 6));
    assert_non_null(sy_state_sector(state, WORLD_MINER, 5));
    assert_true(report.lost >= 2); /* the sector and the tasks that hang on it */
    assert_int_equal(sy_state_verify(state, &err), 0);
    sy_batch_fini(&batch);
    sy_state_destroy(state);
    world_fini(&world);
}

static void missing_events_and_meta_are_an_error(void **context)
{
    (void)context;
    struct world world;
    struct sy_batch batch = {0};
    struct sy_error err = {0};
    struct sy_state *state = NULL;
    make_life(&world);
    size_t event = record_of(&world, SY_TABLE_EVENTS, 3);
    world.records[event].value[3] ^= 1;
    world.records[record_of(&world, SY_TABLE_META, 0)].value[9] ^= 1;
    assert_int_equal(sy_recover_load(&world.store, &state, &batch, &report, &err), -SY_E_CORRUPT);
    assert_int_equal(err.code, SY_E_CORRUPT);
    assert_null(state);
    world_fini(&world);
}

static void lost_event_number_is_noted(void **context)
{
    (void)context;
    struct world world;
    struct sy_batch batch = {0};
    make_life(&world);
    size_t at = record_of(&world, SY_TABLE_EVENTS, 4);
    free(world.records[at].value);
    memmove(&world.records[at], &world.records[at + 1],
            (--world.record_count - at) * sizeof(world.records[0]));
    struct sy_state *state = reload(&world, &batch);
    assert_true(report.note_count >= 1);
    assert_non_null(strstr(report.notes[0].text, "missing"));
    sy_batch_fini(&batch);
    sy_state_destroy(state);
    world_fini(&world);
}

static void newer_version_is_refused(void **context)
{
    (void)context;
    struct world world;
    struct sy_batch batch = {0};
    struct sy_error err = {0};
    struct sy_state *state = NULL;
    make_life(&world);
    struct world_record *record = &world.records[record_of(&world, SY_TABLE_JOBS, 0)];
    record->value[0] = SY_RECORD_VERSION + 1;
    /* seal it again, so that only the version is strange */
    uint8_t table = (uint8_t)record->table;
    uint32_t crc = sy_crc32c(0, &table, 1);
    crc = sy_crc32c(crc, record->key, record->key_bytes);
    crc = sy_crc32c(crc, record->value, 8);
    crc = sy_crc32c(crc, record->value + 12, record->value_bytes - 12);
    for (unsigned i = 0; i < 4; i++)
        record->value[8 + i] = (uint8_t)(crc >> (8 * i));
    assert_int_equal(sy_recover_load(&world.store, &state, &batch, &report, &err), -SY_E_VERSION);
    world_fini(&world);
}

/* A row that is well-formed but not what the events say: fsck sees it. */
static void fsck_names_the_row_that_differs(void **context)
{
    (void)context;
    struct world world;
    make_life(&world);
    struct sy_job job = *sy_state_job(world.state, 1);
    struct sy_row_ref ref = {.kind = SY_ROW_JOB, .row = &job, .key_bytes = 8};
    job.count++;
    assert_int_equal(sy_state_key(SY_ROW_JOB, &job, ref.key), 8);
    struct world_record *record = &world.records[record_of(&world, SY_TABLE_JOBS, 0)];
    void *value = NULL;
    uint32_t bytes = 0;
    assert_int_equal(sy_record_encode_row(&ref, &value, &bytes, NULL), 0);
    free(record->value);
    record->value = malloc(bytes);
    assert_non_null(record->value);
    memcpy(record->value, value, bytes);
    record->value_bytes = bytes;
    sy_mem_free(value);
    assert_int_equal(sy_recover_fsck(&world.store, &report, NULL), 0);
    assert_int_equal(report.differing, 1);
    assert_int_equal(report.notes[0].table, SY_TABLE_JOBS);
    assert_string_equal(report.notes[0].key, "0000000000000001");
    /* a row too few and a row too many */
    size_t at = record_of(&world, SY_TABLE_SECTORS, 0);
    world.records[at].key[15] = 4;
    assert_int_equal(sy_recover_fsck(&world.store, &report, NULL), 0);
    assert_true(report.differing >= 3);
    world_fini(&world);
}

struct lines {
    unsigned count;
    unsigned tokens;
    bool stop;
};

static int count_line(void *ctx, const char *line, struct sy_error *err)
{
    struct lines *lines = ctx;
    lines->count++;
    json_t *json = json_loads(line, 0, NULL);
    assert_non_null(json);
    assert_non_null(json_object_get(json, "table"));
    json_t *value = json_object_get(json, "value");
    assert_non_null(value);
    json_t *token = json_object_get(value, "token");
    lines->tokens += json_is_string(token);
    json_t *body = json_object_get(value, "body");
    lines->tokens += json_is_string(json_object_get(body, "token"));
    json_decref(json);
    return lines->stop ? sy_fail(err, SY_E_IO, "enough") : 0;
}

static void dump_prints_every_record_and_no_token(void **context)
{
    (void)context;
    struct world world;
    struct lines lines = {0};
    make_life(&world);
    assert_int_equal(sy_recover_dump(&world.store, count_line, &lines, NULL), 0);
    assert_int_equal(lines.count, world.record_count);
    assert_int_equal(lines.tokens, 0);
    lines.stop = true;
    assert_int_equal(sy_recover_dump(&world.store, count_line, &lines, NULL), -SY_E_IO);
    world_fini(&world);
}

static void other_machine_needs_take_over(void **context)
{
    (void)context;
    struct world world;
    struct sy_error err = {0};
    world_init(&world, false);
    assert_int_equal(sy_recover_check_machine(world.state, "aaaa", false, &err), 0);
    struct sy_ev_generation body = {.generation = 1, .machine_id = "bbbb"};
    assert_int_equal(world_event(&world, SY_EVENT_GENERATION, &body), 0);
    assert_int_equal(sy_recover_check_machine(world.state, "bbbb", false, &err), 0);
    assert_int_equal(sy_recover_check_machine(world.state, "aaaa", false, &err), -SY_E_STATE);
    assert_non_null(strstr(err.text, "bbbb"));
    assert_int_equal(sy_recover_check_machine(world.state, "aaaa", true, &err), 0);
    world_fini(&world);
}

static void out_of_memory_while_loading_is_survived(void **context)
{
    (void)context;
    struct world world;
    make_life(&world);
    uint64_t live = sy_mem_live_count();
    for (uint64_t n = 1;; n++) {
        struct sy_state *state = NULL;
        struct sy_batch batch = {0};
        sy_mem_fail_after(n);
        int rc = sy_recover_load(&world.store, &state, &batch, &report, NULL);
        sy_mem_fail_after(0);
        sy_batch_fini(&batch);
        if (rc == 0) {
            assert_int_equal(world_digest(state), world_digest(world.state));
            sy_state_destroy(state);
            assert_true(n > 20);
            break;
        }
        assert_int_equal(rc, -SY_E_NOMEM);
        assert_int_equal(sy_mem_live_count(), live);
    }
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_life_replays_to_the_same_rows),
        cmocka_unit_test(reloaded_state_goes_on_like_the_old_one),
        cmocka_unit_test(empty_store_loads),
        cmocka_unit_test(every_damaged_row_is_rebuilt_from_events),
        cmocka_unit_test(damaged_event_alone_does_not_stop_the_start),
        cmocka_unit_test(damaged_row_and_event_lose_one_row_not_the_store),
        cmocka_unit_test(missing_events_and_meta_are_an_error),
        cmocka_unit_test(lost_event_number_is_noted),
        cmocka_unit_test(newer_version_is_refused),
        cmocka_unit_test(fsck_names_the_row_that_differs),
        cmocka_unit_test(dump_prints_every_record_and_no_token),
        cmocka_unit_test(other_machine_needs_take_over),
        cmocka_unit_test(out_of_memory_while_loading_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
