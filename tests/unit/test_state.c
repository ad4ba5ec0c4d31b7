/* The state: lives of sectors and jobs, what is refused, memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_world.h"

#include <stdio.h>
#include <string.h>
#include "tests/unit/state_steps.h"

static void pledge_takes_numbers_and_ends_proving(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    uint64_t job = world_pledge(&world, 3);
    const struct sy_job *row = sy_state_job(world.state, job);
    assert_int_equal(row->sectors.count, 3);
    assert_int_equal(((struct sy_number *)row->sectors.items)[2].value, 7);
    assert_int_equal(sy_state_miner(world.state, WORLD_MINER)->next_number, 8);
    for (uint64_t number = 5; number < 8; number++) {
        assert_int_equal(job_state(&world, job), SY_JOB_ACTIVE);
        in_state(&world, number, SY_SECTOR_AddPiece);
        world_advance_to(&world, number, SY_SECTOR_Proving);
        in_state(&world, number, SY_SECTOR_Proving);
    }
    assert_int_equal(job_state(&world, job), SY_JOB_DONE);
    assert_true(sy_state_job(world.state, job)->ended_ms > 0);
    const struct sy_sector *sector = world_sector(&world, 5);
    assert_string_equal(sector->scratch_agent, "a1");
    assert_string_equal(sector->scratch_store, WORLD_SCRATCH);
    assert_string_equal(sector->long_store, WORLD_LONG);
    assert_string_equal(sector->comm_d_cid, "baga-d");
    assert_string_equal(sector->comm_r_cid, "bagb-r");
    assert_string_equal(sector->commit_cid, "bafy-m");
    assert_int_equal(sector->precommit_epoch, 99);
    assert_int_equal(sector->activation_epoch, 99);
    assert_int_equal(sector->proof.bytes, 192);
    assert_int_equal(sector->seed[0], 0x5a);
    assert_int_equal(sector->pieces.count, 1);
    assert_int_equal(sy_state_in_count(world.state, SY_SECTOR_Proving), 3);
    world_fini(&world);
}

static void piece_paths_survive_the_report_of_ap(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    struct sy_piece pieces[2] = {{.padded_bytes = 512, .raw_bytes = 500, .path = "/in/a"},
                                 {.padded_bytes = 1024, .raw_bytes = 1016, .path = "/in/b"}};
    struct sy_ev_job_submitted job = job_of(&world, SY_JOB_SEAL);
    job.pieces = (struct sy_list){pieces, 2};
    job.keep_unsealed = true;
    assert_int_equal(submit(&world, &job), 0);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    struct sy_piece reported[3] = {{.cid = "b1", .padded_bytes = 512, .offset_bytes = 0},
                                   {.cid = "filler", .padded_bytes = 512, .offset_bytes = 512},
                                   {.cid = "b2", .padded_bytes = 1024, .offset_bytes = 1024}};
    struct sy_ev_task_result result = {.task = task,
                                       .attempt = 1,
                                       .agent = "a1",
                                       .ok = true,
                                       .pieces = {reported, 3},
                                       .comm_d = {1},
                                       .comm_d_cid = "baga-d"};
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &result), 0);
    const struct sy_sector *sector = world_sector(&world, 5);
    const struct sy_piece *kept = sector->pieces.items;
    assert_true(sector->keep_unsealed);
    assert_int_equal(sector->pieces.count, 3);
    assert_string_equal(kept[0].path, "/in/a");
    assert_int_equal(kept[0].raw_bytes, 500);
    assert_string_equal(kept[1].path, "");
    assert_int_equal(kept[1].raw_bytes, 0);
    assert_string_equal(kept[2].path, "/in/b");
    assert_string_equal(kept[2].cid, "b2");
    assert_int_equal(kept[2].offset_bytes, 1024);
    world_fini(&world);
}

static void submit_is_checked(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    struct sy_ev_job_submitted job = job_of(&world, SY_JOB_PLEDGE);
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    job.count = SY_JOB_SECTORS_MAX + 1;
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    job.count = 1;
    job.kind = 99;
    assert_int_equal(submit(&world, &job), -SY_E_ARG);
    job.kind = SY_JOB_PLEDGE;
    job.miner = 4;
    assert_int_equal(submit(&world, &job), -SY_E_NOT_FOUND);
    job.miner = WORLD_MINER;
    job.job = 7;
    assert_int_equal(submit(&world, &job), -SY_E_BUG);
    job.job = 1;
    memset(job.idempotency_key, 0, sizeof(job.idempotency_key));
    assert_int_equal(submit(&world, &job), -SY_E_ARG);
    job = job_of(&world, SY_JOB_UNSEAL);
    assert_int_equal(submit(&world, &job), -SY_E_NOT_FOUND);
    job.kind = SY_JOB_REMOVE;
    assert_int_equal(submit(&world, &job), -SY_E_NOT_FOUND);
    struct sy_miner miner = {.id = 2000, .proof_type = 5, .sector_bytes = 2048};
    assert_int_equal(world_event(&world, SY_EVENT_MINER_SET, &miner), 0);
    job = job_of(&world, SY_JOB_PLEDGE);
    job.miner = 2000;
    job.count = 1;
    assert_int_equal(submit(&world, &job), -SY_E_AGAIN); /* the chain has not spoken */
    assert_int_equal(sy_state_count(world.state, SY_ROW_SECTOR), 0);
    assert_int_equal(sy_state_count(world.state, SY_ROW_JOB), 0);
    world_fini(&world);
}

static void pieces_are_checked(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    static struct sy_piece many[SY_PIECES_MAX + 1];
    struct sy_piece piece = {.padded_bytes = 1024, .raw_bytes = 1016, .path = "/in/a"};
    struct sy_ev_job_submitted job = job_of(&world, SY_JOB_SEAL);
    assert_int_equal(submit(&world, &job), -SY_E_RANGE); /* none */
    job.pieces = (struct sy_list){&piece, 1};
    job.count = 2;
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    job.count = 1;
    piece.padded_bytes = 1000;
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    piece.padded_bytes = 64;
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    piece.padded_bytes = 4096;
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    piece.padded_bytes = 1024;
    piece.raw_bytes = 1017;
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    piece.raw_bytes = 0;
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    piece.raw_bytes = 1;
    piece.path[0] = '\0';
    assert_int_equal(submit(&world, &job), -SY_E_ARG);
    job.kind = SY_JOB_PLEDGE;
    assert_int_equal(submit(&world, &job), -SY_E_ARG); /* a pledge has no pieces */
    job.kind = SY_JOB_SEAL;
    for (size_t i = 0; i <= SY_PIECES_MAX; i++) {
        many[i] = (struct sy_piece){.padded_bytes = 128, .raw_bytes = 127};
        memset(many[i].path, 'p', 1000);
    }
    job.pieces = (struct sy_list){many, SY_PIECES_MAX + 1};
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    job.pieces.count = 17; /* 2,176 bytes in a sector of 2,048 */
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    struct sy_miner miner = {.id = 2000, .proof_type = 6, .sector_bytes = 8 << 20};
    struct sy_ev_number_floor number = {.miner = 2000, .next_number = 0};
    assert_int_equal(world_event(&world, SY_EVENT_MINER_SET, &miner), 0);
    assert_int_equal(world_event(&world, SY_EVENT_NUMBER_FLOOR, &number), 0);
    job.miner = 2000;
    job.pieces.count = 200;
    assert_int_equal(submit(&world, &job), -SY_E_LIMIT); /* the row would not fit a record */
    job.pieces.count = 20;
    assert_int_equal(submit(&world, &job), 0);
    world_fini(&world);
}

static void same_key_makes_one_job_until_it_expires(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    struct sy_ev_job_submitted job = job_of(&world, SY_JOB_PLEDGE);
    job.count = 1;
    assert_int_equal(submit(&world, &job), 0);
    job.job = 2;
    assert_int_equal(submit(&world, &job), -SY_E_EXISTS);
    assert_int_equal(sy_state_job_of_key(world.state, job.idempotency_key)->id, 1);
    world.now_ms += SY_STATE_IDEMPOTENCY_MS - 1000;
    assert_int_equal(submit(&world, &job), -SY_E_EXISTS);
    world.now_ms += 2000;
    struct sy_ev_number_floor number = {.miner = WORLD_MINER, .next_number = 0};
    assert_int_equal(world_event(&world, SY_EVENT_NUMBER_FLOOR, &number), 0);
    assert_null(sy_state_job_of_key(world.state, job.idempotency_key));
    assert_int_equal(sy_state_count(world.state, SY_ROW_IDEMPOTENCY), 0);
    assert_int_equal(submit(&world, &job), 0);
    assert_int_equal(sy_state_job_of_key(world.state, job.idempotency_key)->id, 2);
    world_fini(&world);
}

static void leases_are_checked(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 3);
    uint64_t first = world_task_of(&world, 5), second = world_task_of(&world, 6);
    assert_int_equal(world_lease(&world, 99, "a1"), -SY_E_NOT_FOUND);
    assert_int_equal(world_lease(&world, first, "nobody"), -SY_E_NOT_FOUND);
    struct sy_ev_task_leased body = {
        .task = first, .attempt = 2, .agent = "a1", .store = WORLD_SCRATCH, .token = {1}};
    assert_int_equal(world_event(&world, SY_EVENT_TASK_LEASED, &body), -SY_E_STALE);
    body.attempt = 1;
    memcpy(body.store, WORLD_LONG, sizeof(WORLD_LONG));
    assert_int_equal(world_event(&world, SY_EVENT_TASK_LEASED, &body), -SY_E_NOT_FOUND);
    memcpy(body.store, WORLD_SCRATCH_2, sizeof(WORLD_SCRATCH_2));
    assert_int_equal(world_event(&world, SY_EVENT_TASK_LEASED, &body), -SY_E_NOT_FOUND);
    memcpy(body.store, WORLD_SCRATCH, sizeof(WORLD_SCRATCH));
    body.token[0] = 0;
    assert_int_equal(world_event(&world, SY_EVENT_TASK_LEASED, &body), -SY_E_BUG);
    assert_int_equal(world_lease(&world, first, "a1"), 0);
    assert_int_equal(world_lease(&world, first, "a1"), -SY_E_STALE);
    assert_int_equal(world_lease(&world, second, "a1"), 0);
    assert_int_equal(world_lease(&world, world_task_of(&world, 7), "a1"), -SY_E_BUSY);
    struct sy_ev_name name = {.name = "a2"};
    assert_int_equal(world_event(&world, SY_EVENT_AGENT_PAUSED, &name), 0);
    assert_int_equal(world_lease(&world, world_task_of(&world, 7), "a2"), -SY_E_STATE);
    assert_int_equal(world_event(&world, SY_EVENT_AGENT_PAUSED, &name), -SY_E_STALE);
    assert_int_equal(world_event(&world, SY_EVENT_AGENT_RESUMED, &name), 0);
    world_advance_to(&world, 5, SY_SECTOR_PreCommit1);
    assert_int_equal(world_lease(&world, world_task_of(&world, 5), "a2"), -SY_E_STATE);
    verified(&world);
    world_fini(&world);
}

static void results_are_checked(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 1);
    uint64_t task = world_task_of(&world, 5);
    struct sy_ev_task_result body = {.task = task, .attempt = 1, .agent = "a1", .ok = true};
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &body), -SY_E_STALE);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &body), -SY_E_PARSE);
    body.ok = false;
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &body), -SY_E_ARG); /* no class */
    body.agent[1] = '2';
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &body), -SY_E_STALE);
    assert_int_equal(world_start(&world, task), 0);
    assert_int_equal(world_start(&world, task), -SY_E_STALE);
    world_run(&world, task);
    world_advance_to(&world, 5, SY_SECTOR_PreCommit1);
    task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    struct sy_ev_task_result pc1 = {
        .task = task, .attempt = 1, .agent = "a1", .ok = true, .replica_id = {1}, .comm_d = {9}};
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &pc1), -SY_E_MISMATCH);
    pc1.replica_id[0] = 0;
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &pc1), -SY_E_PARSE);
    world_advance_to(&world, 5, SY_SECTOR_Committing);
    task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    struct sy_ev_task_result c1 = {.task = task, .attempt = 1, .agent = "a1", .ok = true};
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &c1), -SY_E_PARSE); /* no digest */
    c1.c1_digest[0] = 1;
    c1.result = (struct sy_slice){"x", SY_STATE_RESULT_BYTES_MAX + 1};
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &c1), -SY_E_LIMIT);
    c1.result.bytes = 1;
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &c1), 0);
    in_state(&world, 5, SY_SECTOR_Committing);
    task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    struct sy_ev_task_result c2 = {.task = task, .attempt = 1, .agent = "a1", .ok = true};
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RESULT, &c2), -SY_E_PARSE); /* no proof */
    in_state(&world, 5, SY_SECTOR_Committing);
    world_fini(&world);
}

/* The one stage that needs nothing of the scratch but one file runs on any agent with slots. */
static void c2_follows_c1_on_any_agent_and_brings_the_proof(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    (void)world_pledge(&world, 1);
    world_advance_to(&world, 5, SY_SECTOR_Committing);
    uint64_t c1 = world_task_of(&world, 5);
    world_run(&world, c1);
    in_state(&world, 5, SY_SECTOR_Committing);
    assert_int_equal(world_sector(&world, 5)->proof.bytes, 0);
    uint64_t c2 = world_task_of(&world, 5);
    assert_int_equal(sy_state_task(world.state, c2)->stage, SY_STAGE_C2);
    assert_string_equal(world_sector(&world, 5)->scratch_agent, "a1");
    assert_int_equal(world_lease(&world, c2, "a2"), 0);
    assert_int_equal(world_result(&world, c2, true, SY_CLASS_NONE, 0), 0);
    in_state(&world, 5, SY_SECTOR_SubmitCommitAggregate);
    assert_int_equal(world_sector(&world, 5)->proof.bytes, 192);
    /* a reorg takes the seed: the proof of the old one goes when C1 is done again */
    assert_int_equal(refuse(&world, 5, SY_SECTOR_WaitSeed), 0);
    world_advance_to(&world, 5, SY_SECTOR_Committing);
    world_run(&world, world_task_of(&world, 5));
    assert_int_equal(world_sector(&world, 5)->proof.bytes, 0);
    /* C2 is given up, and the sector removed while it runs again */
    c2 = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, c2, "a2"), 0);
    assert_int_equal(world_result(&world, c2, false, SY_CLASS_CORRUPT, 0), 0);
    in_state(&world, 5, SY_SECTOR_ComputeProofFailed);
    assert_int_equal(sector_event(&world, SY_EVENT_SECTOR_RETRY, 5), 0);
    world_run(&world, world_task_of(&world, 5));
    c2 = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, c2, "a2"), 0);
    assert_int_equal(sector_event(&world, SY_EVENT_SECTOR_REMOVE, 5), 0);
    assert_int_equal(sy_state_task(world.state, c2)->state, SY_TASK_CANCELLED);
    assert_int_equal(sy_state_verify(world.state, &world.error), 0);
    world_fini(&world);
}

static void failures_retry_then_rest_then_go_on(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    uint64_t job = world_pledge(&world, 1);
    world_advance_to(&world, 5, SY_SECTOR_PreCommit1);
    uint64_t task = world_task_of(&world, 5);
    for (uint32_t n = 1; n <= 2; n++) {
        assert_int_equal(world_lease(&world, task, "a1"), 0);
        assert_int_equal(world_result(&world, task, false, SY_CLASS_RESOURCE, world.now_ms + 900),
                         0);
        const struct sy_task *row = sy_state_task(world.state, task);
        assert_int_equal(row->state, SY_TASK_QUEUED);
        assert_int_equal(row->failures, n);
        assert_string_equal(row->avoid_agent, "a1");
        assert_true(row->not_before_ms > 0);
        in_state(&world, 5, SY_SECTOR_PreCommit1);
    }
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    assert_int_equal(world_result(&world, task, false, SY_CLASS_TRANSIENT, 0), 0);
    in_state(&world, 5, SY_SECTOR_SealPreCommit1Failed);
    assert_int_equal(sy_state_task(world.state, task)->state, SY_TASK_FAILED);
    assert_int_equal(world_sector(&world, 5)->failed_from, SY_SECTOR_PreCommit1);
    assert_string_equal(world_sector(&world, 5)->error, "it went wrong");
    assert_int_equal(job_state(&world, job), SY_JOB_FAILED);
    assert_int_equal(sector_event(&world, SY_EVENT_SECTOR_RETRY, 5), 0);
    in_state(&world, 5, SY_SECTOR_PreCommit1);
    assert_int_equal(job_state(&world, job), SY_JOB_ACTIVE);
    assert_string_equal(world_sector(&world, 5)->error, "");
    assert_int_equal(sector_event(&world, SY_EVENT_SECTOR_RETRY, 5), -SY_E_STATE);
    world_advance_to(&world, 5, SY_SECTOR_Proving);
    assert_int_equal(job_state(&world, job), SY_JOB_DONE);
    world_fini(&world);
}

static void damaged_layers_send_pc2_back_once(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 1);
    world_advance_to(&world, 5, SY_SECTOR_PreCommit2);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    assert_int_equal(world_result(&world, task, false, SY_CLASS_CORRUPT, 0), 0);
    in_state(&world, 5, SY_SECTOR_PreCommit1);
    assert_int_equal(sy_state_task(world.state, task)->state, SY_TASK_FAILED);
    world_advance_to(&world, 5, SY_SECTOR_PreCommit2);
    task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    assert_int_equal(world_result(&world, task, false, SY_CLASS_CORRUPT, 0), 0);
    in_state(&world, 5, SY_SECTOR_SealPreCommit2Failed);
    world_fini(&world);
}

static void returned_lease_waits_and_is_no_failure(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 1);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    assert_int_equal(sy_state_slots_used(world.state, "a1", SY_STAGE_AP), 1);
    struct sy_ev_attempt body = {
        .task = task, .attempt = 1, .agent = "a1", .error_class = SY_CLASS_RESOURCE};
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RETURNED, &body), 0);
    const struct sy_task *row = sy_state_task(world.state, task);
    assert_int_equal(row->failures, 0);
    assert_int_equal(row->state, SY_TASK_QUEUED);
    assert_true(row->not_before_ms >= world.now_ms + 4000);
    assert_int_equal(sy_state_slots_used(world.state, "a1", SY_STAGE_AP), 0);
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RETURNED, &body), -SY_E_STALE);
    body.error_class = 0;
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    body.attempt = 2;
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RETURNED, &body), -SY_E_ARG);
    verified(&world);
    world_fini(&world);
}

static void cancel_stops_what_is_not_precommitted(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    uint64_t job = world_pledge(&world, 4);
    world_advance_to(&world, 5, SY_SECTOR_PreCommitBatchWait);
    world_advance_to(&world, 6, SY_SECTOR_PreCommit1);
    uint64_t running = world_task_of(&world, 6), queued = world_task_of(&world, 7);
    assert_int_equal(world_lease(&world, running, "a1"), 0);
    assert_int_equal(world_start(&world, running), 0);
    struct sy_ev_job cancel = {.job = job, .by = "alice"};
    assert_int_equal(world_event(&world, SY_EVENT_JOB_CANCELLED, &cancel), 0);
    assert_int_equal(job_state(&world, job), SY_JOB_CANCELLED);
    assert_non_null(strstr(sy_state_job(world.state, job)->error,
                           "cancelled by alice; 1 of 4 sectors were precommitted and continue"));
    in_state(&world, 5, SY_SECTOR_PreCommitBatchWait);
    in_state(&world, 6, SY_SECTOR_Removing);
    in_state(&world, 7, SY_SECTOR_Removed); /* nothing of it was anywhere */
    assert_int_equal(sy_state_task(world.state, queued)->state, SY_TASK_CANCELLED);
    assert_int_equal(sy_state_task(world.state, running)->state, SY_TASK_CANCELLED);
    /* the running attempt has to be stopped and still holds its slot */
    const struct sy_task *stop = sy_state_stop_first(world.state);
    assert_non_null(stop);
    assert_int_equal(stop->id, running);
    assert_null(sy_state_stop_next(stop));
    assert_int_equal(sy_state_slots_used(world.state, "a1", SY_STAGE_PC1), 1);
    sy_state_stop_done(world.state, running, 99);
    assert_non_null(sy_state_stop_first(world.state));
    sy_state_stop_done(world.state, running, 1);
    assert_null(sy_state_stop_first(world.state));
    assert_int_equal(sy_state_slots_used(world.state, "a1", SY_STAGE_PC1), 0);
    verified(&world);
    world_advance_to(&world, 5, SY_SECTOR_Proving);
    world_advance_to(&world, 6, SY_SECTOR_Removed);
    assert_int_equal(job_state(&world, job), SY_JOB_CANCELLED);
    assert_int_equal(world_event(&world, SY_EVENT_JOB_CANCELLED, &cancel), -SY_E_STALE);
    cancel.job = 99;
    assert_int_equal(world_event(&world, SY_EVENT_JOB_CANCELLED, &cancel), -SY_E_NOT_FOUND);
    world_fini(&world);
}

static void stop_list_comes_back_after_a_restart(void **context)
{
    (void)context;
    struct world world;
    static struct sy_recover_report report;
    struct sy_batch batch = {0};
    struct sy_state *again = NULL;
    world_init(&world, true);
    uint64_t job = world_pledge(&world, 1);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    struct sy_ev_job cancel = {.job = job, .by = "alice"};
    assert_int_equal(world_event(&world, SY_EVENT_JOB_CANCELLED, &cancel), 0);
    assert_int_equal(sy_recover_load(&world.store, &again, &batch, &report, NULL), 0);
    assert_non_null(sy_state_stop_first(again));
    assert_int_equal(sy_state_stop_first(again)->id, task);
    sy_state_destroy(again);
    world_fini(&world);
}

static void unseal_is_a_job_of_its_own(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 1);
    struct sy_ev_job_submitted job = job_of(&world, SY_JOB_UNSEAL);
    assert_int_equal(submit(&world, &job), -SY_E_STATE);
    world_advance_to(&world, 5, SY_SECTOR_Proving);
    job.offset_bytes = 127;
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    job.size_bytes = 2048 / 128 * 127;
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    job.size_bytes = UINT64_MAX;
    assert_int_equal(submit(&world, &job), -SY_E_RANGE);
    job.size_bytes = 127;
    assert_int_equal(submit(&world, &job), 0);
    world_run(&world, world_task_of(&world, 5));
    assert_int_equal(job_state(&world, 2), SY_JOB_DONE);
    in_state(&world, 5, SY_SECTOR_Proving);
    job = job_of(&world, SY_JOB_UNSEAL);
    assert_int_equal(submit(&world, &job), 0);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a2"), -SY_E_STATE);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    assert_int_equal(world_result(&world, task, false, SY_CLASS_INPUT, 0), 0);
    assert_int_equal(job_state(&world, 3), SY_JOB_FAILED);
    assert_string_equal(sy_state_job(world.state, 3)->error, "it went wrong");
    in_state(&world, 5, SY_SECTOR_Proving);
    job = job_of(&world, SY_JOB_UNSEAL);
    assert_int_equal(submit(&world, &job), 0);
    task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    struct sy_ev_job cancel = {.job = 4, .by = "alice"};
    assert_int_equal(world_event(&world, SY_EVENT_JOB_CANCELLED, &cancel), 0);
    assert_int_equal(sy_state_task(world.state, task)->state, SY_TASK_CANCELLED);
    assert_int_equal(sy_state_stop_first(world.state)->id, task);
    verified(&world);
    world_fini(&world);
}

static void removal_sweeps_the_scratch(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    uint64_t job = world_pledge(&world, 3);
    world_advance_to(&world, 5, SY_SECTOR_PreCommit2);
    struct sy_ev_job_submitted remove = job_of(&world, SY_JOB_REMOVE);
    assert_int_equal(submit(&world, &remove), 0);
    in_state(&world, 5, SY_SECTOR_Removing);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(sy_state_task(world.state, task)->stage, SY_STAGE_REMOVE);
    assert_int_equal(sy_state_task(world.state, task)->job, 2);
    struct sy_ev_job cancel = {.job = 2, .by = "alice"};
    assert_int_equal(world_event(&world, SY_EVENT_JOB_CANCELLED, &cancel), -SY_E_STATE);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    assert_int_equal(world_result(&world, task, false, SY_CLASS_BUG, 0), 0);
    in_state(&world, 5, SY_SECTOR_RemoveFailed);
    assert_int_equal(job_state(&world, 2), SY_JOB_FAILED);
    assert_int_equal(sector_event(&world, SY_EVENT_SECTOR_RETRY, 5), 0);
    assert_int_equal(job_state(&world, 2), SY_JOB_ACTIVE);
    world_advance_to(&world, 5, SY_SECTOR_Removed);
    assert_int_equal(job_state(&world, 2), SY_JOB_DONE);
    assert_int_equal(sector_event(&world, SY_EVENT_SECTOR_REMOVE, 5), -SY_E_STALE);
    assert_int_equal(sector_event(&world, SY_EVENT_SECTOR_REMOVE, 6), 0);
    in_state(&world, 6, SY_SECTOR_Removed);
    assert_int_equal(job_state(&world, job), SY_JOB_ACTIVE);
    world_advance_to(&world, 7, SY_SECTOR_Proving);
    assert_int_equal(job_state(&world, job), SY_JOB_FAILED);
    assert_string_equal(sy_state_job(world.state, job)->error,
                        "2 of 3 sectors did not get to Proving");
    assert_int_equal(sector_event(&world, SY_EVENT_SECTOR_REMOVE, 7), -SY_E_STATE);
    world_fini(&world);
}

static void chain_refusals_move_and_count(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 1);
    world_advance_to(&world, 5, SY_SECTOR_PreCommitBatchWait);
    for (uint32_t n = 1; n <= 3; n++) {
        assert_int_equal(refuse(&world, 5, SY_SECTOR_SubmitPreCommitBatch), 0);
        assert_int_equal(world_sector(&world, 5)->failures, n);
        assert_string_equal(world_sector(&world, 5)->error, "chain says no");
        assert_true(world_advance(&world, 5)); /* queued again: no success yet */
        assert_int_equal(world_sector(&world, 5)->failures, n);
    }
    assert_int_equal(refuse(&world, 5, SY_SECTOR_GetTicket), 0);
    in_state(&world, 5, SY_SECTOR_GetTicket);
    assert_string_equal(world_sector(&world, 5)->comm_r_cid, "");
    assert_int_equal(world_sector(&world, 5)->ticket_epoch, 0);
    assert_string_equal(world_sector(&world, 5)->comm_d_cid, "baga-d");
    world_advance_to(&world, 5, SY_SECTOR_Committing);
    assert_int_equal(world_sector(&world, 5)->failures, 0);
    assert_string_equal(world_sector(&world, 5)->error, "");
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    assert_int_equal(refuse(&world, 5, SY_SECTOR_WaitSeed), 0); /* a reorg took the seed */
    in_state(&world, 5, SY_SECTOR_WaitSeed);
    assert_int_equal(sy_state_task(world.state, task)->state, SY_TASK_CANCELLED);
    assert_int_equal(sy_state_stop_first(world.state)->id, task);
    world_advance_to(&world, 5, SY_SECTOR_CommitAggregateWait);
    assert_int_equal(refuse(&world, 5, SY_SECTOR_CommitFailed), 0);
    assert_int_equal(world_sector(&world, 5)->failed_from, SY_SECTOR_SubmitCommitAggregate);
    assert_int_equal(sector_event(&world, SY_EVENT_SECTOR_RETRY, 5), 0);
    in_state(&world, 5, SY_SECTOR_SubmitCommitAggregate);
    assert_int_equal(refuse(&world, 5, SY_SECTOR_GetTicket), -SY_E_STATE);
    assert_int_equal(refuse(&world, 5, SY_SECTOR_Removing), 0); /* the precommit ran out */
    in_state(&world, 5, SY_SECTOR_Removing);
    assert_string_equal(world_sector(&world, 5)->error, "chain says no");
    assert_int_equal(refuse(&world, 5, SY_SECTOR_WaitSeed), -SY_E_STALE);
    assert_int_equal(refuse(&world, 77, SY_SECTOR_WaitSeed), -SY_E_NOT_FOUND);
    world_fini(&world);
}

static void messages_hold_sectors_and_nonces(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 3);
    world_advance_to(&world, 5, SY_SECTOR_SubmitPreCommitBatch);
    world_advance_to(&world, 6, SY_SECTOR_SubmitPreCommitBatch);
    struct sy_number numbers[3] = {{5}, {6}, {7}};
    struct sy_message body = message_of("pc", 1, numbers, 3);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_QUEUED, &body), -SY_E_STATE);
    body.sectors.count = 0;
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_QUEUED, &body), -SY_E_RANGE);
    numbers[2].value = 5;
    body.sectors.count = 3;
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_QUEUED, &body), -SY_E_ARG);
    body.sectors.count = 2;
    body.params.bytes = SY_STATE_PARAMS_BYTES_MAX + 1;
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_QUEUED, &body), -SY_E_LIMIT);
    body.params.bytes = 6;
    body.uid[5] = 'X';
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_QUEUED, &body), -SY_E_ARG);
    body.uid[5] = '0';
    body.kind = SY_MESSAGE_COMMIT;
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_QUEUED, &body), -SY_E_STATE);
    body.kind = SY_MESSAGE_PRECOMMIT;
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_QUEUED, &body), 0);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_QUEUED, &body), -SY_E_STALE);
    in_state(&world, 5, SY_SECTOR_PreCommitBatchWait);
    assert_string_equal(world_sector(&world, 6)->precommit_uid, body.uid);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_ONCHAIN, &body), -SY_E_STATE);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_SIGNED, &body), -SY_E_RANGE);
    body.signed_bytes = (struct sy_slice){"signed", 6};
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_SIGNED, &body), -SY_E_ARG);
    memcpy(body.from, "t1abc", 6);
    memcpy(body.cid, "bafy", 5);
    body.nonce = 40;
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_SIGNED, &body), 0);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_SIGNED, &body), -SY_E_STALE);
    const struct sy_message *row = sy_state_message(world.state, body.uid);
    assert_int_equal(row->nonce, 40);
    assert_int_equal(row->params.bytes, 6);
    assert_memory_equal(row->signed_bytes.data, "signed", 6);
    body.height = 10;
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_ONCHAIN, &body), 0);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_ONCHAIN, &body), -SY_E_STALE);
    body.height = 11; /* a reorg put it elsewhere */
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_ONCHAIN, &body), 0);
    assert_int_equal(sy_state_message(world.state, body.uid)->height, 11);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_FAILED, &body), -SY_E_STATE);
    verified(&world);
    world_fini(&world);
}

static void failed_message_frees_its_sectors_and_nonces_stay_used(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 2);
    world_advance_to(&world, 5, SY_SECTOR_SubmitPreCommitBatch);
    struct sy_number numbers[1] = {{5}};
    struct sy_message body = message_of("pc", 1, numbers, 1);
    memcpy(body.from, "t1abc", 6);
    memcpy(body.cid, "bafy", 5);
    memcpy(body.error, "no funds", 9);
    body.signed_bytes = (struct sy_slice){"signed", 6};
    body.nonce = 40;
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_QUEUED, &body), 0);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_SIGNED, &body), 0);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_FAILED, &body), 0);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_FAILED, &body), -SY_E_STALE);
    in_state(&world, 5, SY_SECTOR_SubmitPreCommitBatch);
    assert_string_equal(world_sector(&world, 5)->error, "no funds");
    body = message_of("pc", 2, numbers, 1);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_SIGNED, &body), -SY_E_NOT_FOUND);
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_QUEUED, &body), 0);
    memcpy(body.from, "t1abc", 6);
    memcpy(body.cid, "bafy", 5);
    body.signed_bytes = (struct sy_slice){"signed", 6};
    body.nonce = 40;
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_SIGNED, &body), -SY_E_STATE);
    body.nonce = 41;
    assert_int_equal(world_event(&world, SY_EVENT_MESSAGE_SIGNED, &body), 0);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pledge_takes_numbers_and_ends_proving),
        cmocka_unit_test(piece_paths_survive_the_report_of_ap),
        cmocka_unit_test(submit_is_checked),
        cmocka_unit_test(pieces_are_checked),
        cmocka_unit_test(same_key_makes_one_job_until_it_expires),
        cmocka_unit_test(leases_are_checked),
        cmocka_unit_test(results_are_checked),
        cmocka_unit_test(c2_follows_c1_on_any_agent_and_brings_the_proof),
        cmocka_unit_test(failures_retry_then_rest_then_go_on),
        cmocka_unit_test(damaged_layers_send_pc2_back_once),
        cmocka_unit_test(returned_lease_waits_and_is_no_failure),
        cmocka_unit_test(cancel_stops_what_is_not_precommitted),
        cmocka_unit_test(stop_list_comes_back_after_a_restart),
        cmocka_unit_test(unseal_is_a_job_of_its_own),
        cmocka_unit_test(removal_sweeps_the_scratch),
        cmocka_unit_test(chain_refusals_move_and_count),
        cmocka_unit_test(messages_hold_sectors_and_nonces),
        cmocka_unit_test(failed_message_frees_its_sectors_and_nonces_stay_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
