/* core/state: small rows, what is not stored, order of walking, lack of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_world.h"

#include <stdio.h>
#include <string.h>
#include "tests/unit/state_steps.h"

static void small_rows_are_checked(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    struct sy_ev_generation generation = {.generation = 2};
    assert_int_equal(world_event(&world, SY_EVENT_GENERATION, &generation), -SY_E_STALE);
    generation.generation = 1;
    assert_int_equal(world_event(&world, SY_EVENT_GENERATION, &generation), 0);
    struct sy_identity alice = {.name = "alice",
                                .public_key = "0123456789012345678901234567890123456789",
                                .role = SY_ROLE_OPERATOR};
    struct sy_identity bob = alice;
    memcpy(bob.name, "bob", 4);
    assert_int_equal(world_event(&world, SY_EVENT_IDENTITY_SET, &alice), 0);
    assert_int_equal(world_event(&world, SY_EVENT_IDENTITY_SET, &bob), -SY_E_EXISTS);
    assert_string_equal(sy_state_identity_of_key(world.state, alice.public_key)->name, "alice");
    bob.public_key[39] = '\0';
    assert_int_equal(world_event(&world, SY_EVENT_IDENTITY_SET, &bob), -SY_E_ARG);
    struct sy_ev_name name = {.name = "alice"};
    assert_int_equal(world_event(&world, SY_EVENT_IDENTITY_REVOKED, &name), 0);
    assert_int_equal(world_event(&world, SY_EVENT_IDENTITY_REVOKED, &name), -SY_E_STALE);
    name.name[0] = 'x';
    assert_int_equal(world_event(&world, SY_EVENT_IDENTITY_REVOKED, &name), -SY_E_NOT_FOUND);
    assert_int_equal(world_event(&world, SY_EVENT_AGENT_PAUSED, &name), -SY_E_NOT_FOUND);
    struct sy_miner miner = {.id = WORLD_MINER, .proof_type = 5, .sector_bytes = 8 << 20};
    assert_int_equal(world_event(&world, SY_EVENT_MINER_SET, &miner), -SY_E_STATE);
    miner.sector_bytes = 3000;
    assert_int_equal(world_event(&world, SY_EVENT_MINER_SET, &miner), -SY_E_RANGE);
    struct sy_ev_number_floor number = {.miner = 9};
    assert_int_equal(world_event(&world, SY_EVENT_NUMBER_FLOOR, &number), -SY_E_NOT_FOUND);
    struct sy_slot_offer offer = {.stage = 77, .count = 1};
    struct sy_agent agent = {.name = "a3", .slots = {&offer, 1}};
    assert_int_equal(world_event(&world, SY_EVENT_AGENT_HELLO, &agent), -SY_E_ARG);
    agent.name[0] = 'A';
    assert_true(world_event(&world, SY_EVENT_AGENT_HELLO, &agent) < 0);
    struct sy_ev_policy policy = {.digest = {1}, .text = {"x", SY_STATE_POLICY_BYTES_MAX + 1}};
    assert_int_equal(world_event(&world, SY_EVENT_POLICY_ACCEPTED, &policy), -SY_E_LIMIT);
    policy.text.bytes = 1;
    assert_int_equal(world_event(&world, SY_EVENT_POLICY_ACCEPTED, &policy), 0);
    assert_int_equal(sy_state_meta(world.state)->policy_digest[0], 1);
    struct sy_event unknown = {.kind = 99};
    assert_int_equal(sy_state_check(world.state, &unknown, NULL), -SY_E_ARG);
    struct sy_event gap = {.number = 77, .kind = SY_EVENT_POLICY_ACCEPTED, .body = &policy};
    assert_int_equal(sy_state_apply(world.state, &gap, NULL), -SY_E_BUG);
    world_fini(&world);
}

static void stores_do_not_change_kind_or_owner_while_in_use(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    struct sy_store_row row = {.uuid = WORLD_SCRATCH, .agent = "a2", .kind = SY_STORE_SCRATCH};
    world_pledge(&world, 1);
    world_advance_to(&world, 5, SY_SECTOR_PreCommit1);
    assert_int_equal(world_event(&world, SY_EVENT_STORE_SET, &row), -SY_E_STATE);
    row.kind = SY_STORE_LONG;
    assert_int_equal(world_event(&world, SY_EVENT_STORE_SET, &row), -SY_E_STATE);
    row.kind = 9;
    assert_int_equal(world_event(&world, SY_EVENT_STORE_SET, &row), -SY_E_ARG);
    row = (struct sy_store_row){.uuid = WORLD_LONG, .agent = "a2", .kind = SY_STORE_LONG};
    assert_int_equal(world_event(&world, SY_EVENT_STORE_SET, &row), 0);
    memcpy(row.agent, "zz", 3);
    assert_int_equal(world_event(&world, SY_EVENT_STORE_SET, &row), -SY_E_NOT_FOUND);
    world_fini(&world);
}

static void hello_keeps_what_the_operator_set(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    struct sy_ev_name name = {.name = "a1"};
    struct sy_slot_offer offers[2] = {{SY_STAGE_AP, 1}, {SY_STAGE_AP, 2}};
    struct sy_agent agent = {.name = "a1", .version = "2", .slots = {offers, 2}};
    assert_int_equal(world_event(&world, SY_EVENT_AGENT_PAUSED, &name), 0);
    int64_t first = sy_state_agent(world.state, "a1")->first_seen_ms;
    assert_int_equal(world_event(&world, SY_EVENT_AGENT_HELLO, &agent), 0);
    const struct sy_agent *row = sy_state_agent(world.state, "a1");
    assert_true(row->paused);
    assert_int_equal(row->first_seen_ms, first);
    assert_int_equal(row->liveness, SY_AGENT_ONLINE);
    assert_string_equal(row->version, "2");
    assert_int_equal(sy_state_slots_offered(row, SY_STAGE_AP), 3);
    offers[1].count = UINT32_MAX;
    assert_int_equal(sy_state_slots_offered(&agent, SY_STAGE_AP), UINT32_MAX);
    assert_int_equal(sy_state_slots_offered(row, SY_STAGE_PC1), 0);
    world_fini(&world);
}

static void volatile_values_are_not_stored(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    uint32_t before = world_digest(world.state);
    sy_state_set_liveness(world.state, "a1", SY_AGENT_DEAD, world.now_ms + 100000);
    sy_state_set_store_space(world.state, WORLD_SCRATCH, false, 5, 6);
    sy_state_set_liveness(world.state, "nobody", SY_AGENT_DEAD, 1);
    sy_state_set_store_space(world.state, "nothing", false, 5, 6);
    assert_int_equal(sy_state_agent(world.state, "a1")->liveness, SY_AGENT_DEAD);
    assert_int_equal(sy_state_store(world.state, WORLD_SCRATCH)->bytes_free, 6);
    assert_int_equal(sy_state_dirty_count(world.state), 0);
    assert_int_equal(world_digest(world.state), before);
    world_fini(&world);
}

static void walking_is_key_order_whatever_the_order_of_making(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    struct sy_miner miner = {.id = 2000, .proof_type = 5, .sector_bytes = 2048};
    struct sy_ev_number_floor number = {.miner = 2000, .next_number = 1};
    assert_int_equal(world_event(&world, SY_EVENT_MINER_SET, &miner), 0);
    assert_int_equal(world_event(&world, SY_EVENT_NUMBER_FLOOR, &number), 0);
    for (int i = 0; i < 6; i++) {
        struct sy_ev_job_submitted job = job_of(&world, SY_JOB_PLEDGE);
        job.miner = i % 2 == 0 ? 2000 : WORLD_MINER;
        job.count = 2;
        assert_int_equal(submit(&world, &job), 0);
    }
    assert_int_equal(sy_state_count(world.state, SY_ROW_SECTOR), 12);
    const struct sy_sector *last = NULL;
    for (size_t i = 0; i < 12; i++) {
        const struct sy_sector *row = sy_state_at(world.state, SY_ROW_SECTOR, i);
        if (last != NULL)
            assert_true(last->miner < row->miner ||
                        (last->miner == row->miner && last->number < row->number));
        last = row;
    }
    assert_null(sy_state_at(world.state, SY_ROW_SECTOR, 12));
    assert_int_equal(sy_state_sector_position(world.state, 2000, 0), 6);
    assert_int_equal(sy_state_sector_position(world.state, 2000, 3), 8);
    assert_int_equal(sy_state_task_position(world.state, 4), 3);
    assert_int_equal(sy_state_job_position(world.state, 99), 6);
    const struct sy_task *task = sy_state_queue_first(world.state, SY_STAGE_AP);
    uint64_t id = 0;
    unsigned count = 0;
    for (; task != NULL; task = sy_state_queue_next(task), count++) {
        assert_true(task->id > id);
        id = task->id;
    }
    assert_int_equal(count, 12);
    assert_null(sy_state_queue_first(world.state, 99));
    verified(&world);
    world_fini(&world);
}

static void active_tasks_are_listed_by_agent(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 3);
    assert_null(sy_state_active_first(world.state, "a1"));
    assert_null(sy_state_active_first(world.state, "nobody"));
    assert_int_equal(world_lease(&world, world_task_of(&world, 6), "a1"), 0);
    assert_int_equal(world_lease(&world, world_task_of(&world, 5), "a1"), 0);
    const struct sy_task *task = sy_state_active_first(world.state, "a1");
    assert_int_equal(task->number, 6);
    task = sy_state_active_next(task);
    assert_int_equal(task->number, 5);
    assert_null(sy_state_active_next(task));
    assert_int_equal(sy_state_task_count(world.state, SY_STAGE_AP, SY_TASK_LEASED), 2);
    assert_int_equal(sy_state_task_count(world.state, SY_STAGE_AP, SY_TASK_QUEUED), 1);
    assert_int_equal(sy_state_task_count(world.state, 99, SY_TASK_QUEUED), 0);
    world_fini(&world);
}

/* Each allocation of an event fails once: the state is as before, and then the event works. */
static void survives(struct world *world, uint32_t kind, const void *body, unsigned at_least)
{
    uint32_t before = world_digest(world->state);
    unsigned failed = 0;
    for (uint64_t n = 1; n < 500; n++) {
        sy_mem_fail_after(n);
        int rc = world_event_only(world, kind, body);
        sy_mem_fail_after(0);
        if (rc == 0)
            break;
        assert_int_equal(rc, -SY_E_NOMEM);
        assert_int_equal(world_digest(world->state), before);
        failed++;
    }
    if (failed < at_least)
        fail_msg("%s had %u failing allocations, expected %u at least", sy_event_name(kind), failed,
                 at_least);
    world_flush(world);
    verified(world);
}

static void every_event_survives_lack_of_memory(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 2);
    uint64_t task = world_task_of(&world, 5);
    struct sy_slot_offer offer = {SY_STAGE_AP, 2};
    struct sy_agent agent = {.name = "a3", .slots = {&offer, 1}, .topology = {"{}", 2}};
    struct sy_ev_task_leased leased = {
        .task = task, .attempt = 1, .agent = "a1", .store = WORLD_SCRATCH, .token = {1}};
    struct sy_piece filler = {.cid = "f", .padded_bytes = 2048};
    struct sy_ev_task_result result = {.task = task,
                                       .attempt = 1,
                                       .agent = "a1",
                                       .ok = true,
                                       .result = {"{}", 2},
                                       .pieces = {&filler, 1},
                                       .comm_d = {1},
                                       .comm_d_cid = "d"};
    struct sy_ev_randomness ticket = {.miner = WORLD_MINER, .number = 5, .value = {1}};
    struct sy_ev_job cancel = {.job = 1, .by = "x"};
    struct sy_ev_job_submitted job = job_of(&world, SY_JOB_SEAL);
    struct sy_piece piece = {.padded_bytes = 1024, .raw_bytes = 1000, .path = "/in/a"};
    job.pieces = (struct sy_list){&piece, 1};
    job.miner = WORLD_MINER;
    survives(&world, SY_EVENT_AGENT_HELLO, &agent, 4);
    survives(&world, SY_EVENT_TASK_LEASED, &leased, 3);
    survives(&world, SY_EVENT_TASK_RESULT, &result, 5);
    survives(&world, SY_EVENT_TICKET, &ticket, 3);
    survives(&world, SY_EVENT_JOB_CANCELLED, &cancel, 3);
    survives(&world, SY_EVENT_JOB_SUBMITTED, &job, 7);
    world_advance_to(&world, 7, SY_SECTOR_SubmitPreCommitBatch);
    struct sy_number numbers[1] = {{7}};
    struct sy_message message = message_of("pc", 1, numbers, 1);
    survives(&world, SY_EVENT_MESSAGE_QUEUED, &message, 4);
    memcpy(message.from, "t1abc", 6);
    memcpy(message.cid, "bafy", 5);
    message.signed_bytes = (struct sy_slice){"signed", 6};
    survives(&world, SY_EVENT_MESSAGE_SIGNED, &message, 4);
    message.return_bytes = (struct sy_slice){"ret", 3};
    survives(&world, SY_EVENT_MESSAGE_ONCHAIN, &message, 3);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_rows_are_checked),
        cmocka_unit_test(stores_do_not_change_kind_or_owner_while_in_use),
        cmocka_unit_test(hello_keeps_what_the_operator_set),
        cmocka_unit_test(volatile_values_are_not_stored),
        cmocka_unit_test(walking_is_key_order_whatever_the_order_of_making),
        cmocka_unit_test(active_tasks_are_listed_by_agent),
        cmocka_unit_test(every_event_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
