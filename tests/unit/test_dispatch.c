/* Leases, START and its repeats, results through the fence, STOP, silent and returning agents. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/scheduler_rig.h"

#include <stdio.h>
#include <string.h>

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_init(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_fini(&rig);
    return 0;
}

#define H64 "1111111111111111111111111111111111111111111111111111111111111111"

static const char ap_result[] =
    "{\"pieces\":[{\"cid\":\"baga1\",\"padded_bytes\":2048,\"offset\":0}],\"comm_d\":\"" H64
    "\",\"comm_d_cid\":\"baga2\"}";

static const struct sy_task *task(uint64_t id)
{
    const struct sy_task *row = sy_state_task(rig.scheduler.state, id);
    assert_non_null(row);
    return row;
}

static const struct sy_msg_start *start_of(const char *agent)
{
    const struct rig_sent *sent = rig_find(&rig, agent, SY_MSG_START);
    return sent ? sent->body : NULL;
}

static void ack(const char *agent, const struct sy_msg_start *start, enum sy_start_verdict verdict)
{
    struct sy_msg_start_ack message = {
        .task = start->task, .attempt = start->attempt, .verdict = verdict};
    if (verdict == SY_START_REFUSED) {
        message.error_class = SY_CLASS_RESOURCE;
        message.text = (struct sy_slice){"no pages", 8};
    }
    rig_receive(&rig, agent, SY_MSG_START_ACK, &message);
    rig_settle(&rig);
}

static uint32_t send_result(const char *agent, const struct sy_msg_start *start, bool ok,
                            const char *json)
{
    struct sy_msg_result message = {.task = start->task,
                                    .attempt = start->attempt,
                                    .ok = ok,
                                    .error_class = ok ? 0 : SY_CLASS_TRANSIENT,
                                    .wall_ms = 5,
                                    .result = {json, (uint32_t)strlen(json)}};
    memcpy(message.token, start->token, sizeof message.token);
    if (!ok)
        message.error = (struct sy_slice){"it broke", 8};
    uint64_t sequence = rig_receive(&rig, agent, SY_MSG_RESULT, &message);
    rig_settle(&rig);
    const struct rig_sent *sent = rig_find(&rig, agent, SY_MSG_RESULT_ACK);
    if (!sent || sent->sequence != sequence)
        return 0;
    return ((const struct sy_msg_result_ack *)sent->body)->verdict;
}

/* Start of a sector's AP task on a1, running. */
static struct sy_msg_start begin(void)
{
    rig_hello(&rig, "a1", NULL, 0);
    rig_pledge(&rig, 1, 1);
    const struct sy_msg_start *start = start_of("a1");
    assert_non_null(start);
    struct sy_msg_start copy = *start;
    ack("a1", &copy, SY_START_ACCEPTED);
    assert_int_equal(task(1)->state, SY_TASK_RUNNING);
    return copy;
}

/* ---- START */

static void start_leaves_only_after_the_lease_is_durable(void **state)
{
    (void)state;
    rig_hello(&rig, "a1", NULL, 0);
    assert_non_null(rig_find(&rig, "a1", SY_MSG_WELCOME));
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .count = 1};
    memset(submit.idempotency_key, 1, sizeof submit.idempotency_key);
    rig.boot_ms += 1000; /* no pause between plans in the way */
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_turn(&rig); /* job and lease in one batch */
    assert_int_equal(task(1)->state, SY_TASK_LEASED);
    assert_null(start_of("a1"));
    rig_pass(&rig, 0);
    const struct sy_msg_start *start = start_of("a1");
    assert_non_null(start);
    assert_int_equal(start->attempt, 1);
    assert_int_equal(start->stage, SY_STAGE_AP);
    assert_string_equal(start->scratch_store, "a1-s");
    assert_memory_equal(start->token, task(1)->token, SY_TOKEN_BYTES);
    char spec[256];
    snprintf(spec, sizeof spec, "%.*s", (int)start->spec.bytes, (const char *)start->spec.data);
    assert_string_equal(spec, "{\"proof_type\":5,\"miner\":1000,\"number\":1,\"pieces\":[]}");
}

static void start_is_repeated_with_growing_pauses_until_acked(void **state)
{
    (void)state;
    rig_hello(&rig, "a1", NULL, 0);
    rig_pledge(&rig, 1, 1);
    struct sy_msg_start first = *start_of("a1");
    size_t sent = rig_count(&rig, "a1", SY_MSG_START);
    assert_int_equal(sent, 1);
    struct sy_msg_heartbeat beat = {.count = 1};
    size_t sends_in[3] = {0};
    for (int part = 0; part < 3; part++) {
        size_t before = rig_count(&rig, "a1", SY_MSG_START);
        for (int i = 0; i < 40; i++) {
            rig_receive(&rig, "a1", SY_MSG_HEARTBEAT, &beat);
            rig_pass(&rig, 500);
        }
        sends_in[part] = rig_count(&rig, "a1", SY_MSG_START) - before;
    }
    assert_in_range(sends_in[0], 3, 6); /* after 1, 2, 4, 8 s less jitter */
    assert_in_range(sends_in[2], 0, 2); /* every 30 s less jitter */
    ack("a1", &first, SY_START_ACCEPTED);
    sent = rig_count(&rig, "a1", SY_MSG_START);
    for (int i = 0; i < 100; i++) {
        rig_receive(&rig, "a1", SY_MSG_HEARTBEAT, &beat);
        rig_pass(&rig, 500);
    }
    assert_int_equal(rig_count(&rig, "a1", SY_MSG_START), sent);
    assert_int_equal(task(1)->attempt, 1);
}

static void refused_start_comes_back_with_a_new_fence(void **state)
{
    (void)state;
    rig_hello(&rig, "a1", NULL, 0);
    rig_pledge(&rig, 1, 1);
    struct sy_msg_start first = *start_of("a1");
    ack("a1", &first, SY_START_REFUSED);
    assert_int_equal(task(1)->state, SY_TASK_QUEUED);
    assert_true(task(1)->not_before_ms > rig.wall_ms);
    assert_string_equal(task(1)->error, "no pages");
    struct sy_msg_heartbeat beat = {.count = 1};
    for (int i = 0; i < 30 && start_of("a1")->attempt == 1; i++) {
        rig_receive(&rig, "a1", SY_MSG_HEARTBEAT, &beat);
        rig_pass(&rig, 1000);
    }
    assert_int_equal(start_of("a1")->attempt, 2);
    assert_memory_not_equal(start_of("a1")->token, first.token, SY_TOKEN_BYTES);
}

/* ---- RESULT */

static void result_is_acked_after_it_is_durable_and_moves_the_sector(void **state)
{
    (void)state;
    struct sy_msg_start start = begin();
    struct sy_msg_result message = {
        .task = 1, .attempt = 1, .ok = true, .result = {ap_result, sizeof ap_result - 1}};
    memcpy(message.token, start.token, sizeof message.token);
    rig_receive(&rig, "a1", SY_MSG_RESULT, &message);
    rig_turn(&rig);
    assert_null(rig_find(&rig, "a1", SY_MSG_RESULT_ACK));
    rig_settle(&rig);
    const struct rig_sent *sent = rig_find(&rig, "a1", SY_MSG_RESULT_ACK);
    assert_non_null(sent);
    assert_int_equal(((const struct sy_msg_result_ack *)sent->body)->verdict, SY_RESULT_ACCEPTED);
    const struct sy_sector *sector = sy_state_sector(rig.scheduler.state, RIG_MINER, 1);
    assert_int_equal(sector->state, SY_SECTOR_GetTicket);
    assert_string_equal(sector->comm_d_cid, "baga2");
    assert_int_equal(send_result("a1", &start, true, ap_result), SY_RESULT_ACCEPTED); /* repeat */
    assert_int_equal(task(1)->state, SY_TASK_DONE);
}

static void results_that_the_fence_stops_change_nothing(void **state)
{
    (void)state;
    struct sy_msg_start start = begin();
    struct sy_msg_start other = start;
    rig_hello(&rig, "a2", NULL, 0);
    assert_int_equal(send_result("a2", &start, true, ap_result), SY_RESULT_STALE);
    other.token[0] ^= 1;
    assert_int_equal(send_result("a1", &other, true, ap_result), SY_RESULT_STALE);
    other = start;
    other.attempt = 9;
    assert_int_equal(send_result("a1", &other, true, ap_result), SY_RESULT_UNKNOWN);
    other = start;
    other.task = 99;
    assert_int_equal(send_result("a1", &other, true, ap_result), SY_RESULT_UNKNOWN);
    assert_int_equal(task(1)->state, SY_TASK_RUNNING);
    assert_int_equal(send_result("a1", &start, true, ap_result), SY_RESULT_ACCEPTED);
}

static void failed_attempt_is_tried_again_after_a_pause(void **state)
{
    (void)state;
    struct sy_msg_start start = begin();
    assert_int_equal(send_result("a1", &start, false, "{}"), SY_RESULT_ACCEPTED);
    assert_int_equal(task(1)->state, SY_TASK_QUEUED);
    assert_int_equal(task(1)->failures, 1);
    assert_string_equal(task(1)->error, "it broke");
    assert_in_range(task(1)->not_before_ms - rig.wall_ms, 9000, 10000);
}

static void send_unstarted(const struct sy_msg_start *start)
{
    struct sy_msg_result message = {.task = start->task,
                                    .attempt = start->attempt,
                                    .unstarted = true,
                                    .error_class = SY_CLASS_TRANSIENT,
                                    .error = {"the agent ended", 15}};
    memcpy(message.token, start->token, sizeof message.token);
    rig_receive(&rig, "a1", SY_MSG_RESULT, &message);
    rig_settle(&rig);
    assert_int_equal(
        ((const struct sy_msg_result_ack *)rig_find(&rig, "a1", SY_MSG_RESULT_ACK)->body)->verdict,
        SY_RESULT_ACCEPTED);
}

/* Agents that go down before the task runs say nothing about the task. */
static void lease_that_was_never_started_is_given_back_and_counts_no_failure(void **state)
{
    (void)state;
    rig_hello(&rig, "a1", NULL, 0);
    rig_pledge(&rig, 1, 1);
    struct sy_msg_start start = *start_of("a1");
    send_unstarted(&start);
    assert_int_equal(task(1)->state, SY_TASK_QUEUED);
    assert_int_equal(task(1)->failures, 0);
    assert_string_equal(task(1)->error, "the agent ended");
    assert_true(task(1)->not_before_ms > rig.wall_ms);
}

static void waiting_shim_that_looked_like_a_start_counts_no_failure_either(void **state)
{
    (void)state;
    struct sy_msg_start start = begin(); /* RUNNING: HELLO of the next agent named its shim */
    send_unstarted(&start);
    assert_int_equal(task(1)->state, SY_TASK_QUEUED);
    assert_int_equal(task(1)->failures, 0);
}

static void result_without_its_keys_is_the_stages_bug(void **state)
{
    (void)state;
    struct sy_msg_start start = begin();
    assert_int_equal(send_result("a1", &start, true, "{\"comm_d\":\"" H64 "\"}"),
                     SY_RESULT_ACCEPTED);
    assert_int_equal(task(1)->error_class, SY_CLASS_BUG);
    assert_int_equal(task(1)->state, SY_TASK_FAILED);
    assert_int_equal(sy_state_sector(rig.scheduler.state, RIG_MINER, 1)->state,
                     SY_SECTOR_AddPieceFailed);
}

/* ---- progress */

static void progress_is_shown_for_the_current_attempt_only(void **state)
{
    (void)state;
    struct sy_msg_start start = begin();
    struct sy_msg_progress progress = {
        .task = 1, .attempt = 1, .done = 3, .total = 12, .unit = "bytes", .phase = "write"};
    rig_receive(&rig, "a1", SY_MSG_PROGRESS, &progress);
    assert_int_equal(sy_links_progress(rig.scheduler.links, 1, 1)->done, 3);
    rig_hello(&rig, "a2", NULL, 0);
    progress.done = 11;
    rig_receive(&rig, "a2", SY_MSG_PROGRESS, &progress); /* not its attempt */
    assert_int_equal(sy_links_progress(rig.scheduler.links, 1, 1)->done, 3);
    send_result("a1", &start, true, ap_result);
    assert_null(sy_links_progress(rig.scheduler.links, 1, 1));
}

/* ---- STOP */

static void cancelled_attempt_gets_stop_until_acked(void **state)
{
    (void)state;
    struct sy_msg_start start = begin();
    struct sy_msg_command cancel = {.verb = "job-cancel", .id = 1};
    rig_receive(&rig, "op", SY_MSG_COMMAND, &cancel);
    rig_turn(&rig);
    assert_null(rig_find(&rig, "a1", SY_MSG_STOP));
    rig_settle(&rig);
    rig_pass(&rig, 0);
    assert_int_equal(rig_count(&rig, "a1", SY_MSG_STOP), 1);
    rig_pass(&rig, 1500);
    assert_int_equal(rig_count(&rig, "a1", SY_MSG_STOP), 2);
    assert_int_equal(sy_state_slots_used(rig.scheduler.state, "a1", SY_STAGE_AP), 1);
    struct sy_msg_attempt_ref ref = {.task = start.task, .attempt = start.attempt};
    rig_receive(&rig, "a1", SY_MSG_STOP_ACK, &ref);
    rig_settle(&rig);
    assert_int_equal(sy_state_slots_used(rig.scheduler.state, "a1", SY_STAGE_AP), 0);
    rig_pass(&rig, 5000);
    assert_int_equal(rig_count(&rig, "a1", SY_MSG_STOP), 2);
}

/* ---- coming and going */

static void hello_confirms_stops_and_misses(void **state)
{
    (void)state;
    struct sy_msg_start start = begin();
    struct sy_msg_attempt_state listed[] = {{.task = 1, .attempt = 1, .state = SY_TASK_RUNNING},
                                            {.task = 44, .attempt = 2, .state = SY_TASK_RUNNING},
                                            {.task = 45, .attempt = 2, .state = SY_TASK_DONE}};
    rig_hello(&rig, "a1", listed, 3);
    assert_int_equal(task(1)->state, SY_TASK_RUNNING);
    assert_int_equal(rig_count(&rig, "a1", SY_MSG_STOP), 1); /* 44; 45 brings its own result */
    const struct sy_msg_attempt_ref *stop = rig_find(&rig, "a1", SY_MSG_STOP)->body;
    assert_int_equal(stop->task, 44);
    rig_hello(&rig, "a1", NULL, 0); /* the ledger is gone */
    assert_int_equal(task(1)->state, SY_TASK_QUEUED);
    assert_int_equal(task(1)->failures, 1);
    rig_pass(&rig, 11000);
    rig_hello(&rig, "a1", NULL, 0);
    rig_pass(&rig, 100);
    assert_int_equal(start_of("a1")->attempt, 2);
    assert_int_equal(send_result("a1", &start, true, ap_result), SY_RESULT_STALE);
}

static void lease_that_the_agent_missed_is_started_after_hello(void **state)
{
    (void)state;
    rig_hello(&rig, "a1", NULL, 0);
    rig.refuse_send = true;
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .count = 1};
    memset(submit.idempotency_key, 1, sizeof submit.idempotency_key);
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    rig_pass(&rig, 100);
    rig.refuse_send = false;
    rig_forget(&rig);
    assert_int_equal(task(1)->state, SY_TASK_LEASED);
    rig_hello(&rig, "a1", NULL, 0);
    assert_int_equal(start_of("a1")->attempt, 1);
    size_t welcome = 0, start = 0;
    for (size_t i = 0; i < rig.sent_count; i++) {
        if (rig.sent[i].type == SY_MSG_WELCOME)
            welcome = i;
        if (rig.sent[i].type == SY_MSG_START)
            start = i;
    }
    assert_true(welcome < start);
}

static void running_attempt_named_in_hello_counts_as_started(void **state)
{
    (void)state;
    rig_hello(&rig, "a1", NULL, 0);
    rig_pledge(&rig, 1, 1); /* START left, its ack was lost */
    struct sy_msg_attempt_state listed = {.task = 1, .attempt = 1, .state = SY_TASK_RUNNING};
    rig_hello(&rig, "a1", &listed, 1);
    assert_int_equal(task(1)->state, SY_TASK_RUNNING);
}

static void silence_is_suspect_then_dead_then_taken_over(void **state)
{
    (void)state;
    begin();
    const struct sy_policy *policy = &rig.scheduler.policy;
    rig_pass(&rig, policy->suspect_after_ms + 1);
    assert_int_equal(sy_state_agent(rig.scheduler.state, "a1")->liveness, SY_AGENT_SUSPECT);
    rig_pass(&rig, policy->dead_after_ms - policy->suspect_after_ms);
    assert_int_equal(sy_state_agent(rig.scheduler.state, "a1")->liveness, SY_AGENT_DEAD);
    assert_int_equal(task(1)->state, SY_TASK_RUNNING); /* still awaited */
    rig_hello(&rig, "a2", NULL, 0);
    rig_pass(&rig, policy->takeover_ms[SY_STAGE_AP] + 1);
    assert_int_equal(task(1)->failures, 1);
    rig_hello(&rig, "a2", NULL, 0);
    rig_pass(&rig, 11000);
    rig_hello(&rig, "a2", NULL, 0);
    rig_pass(&rig, 100);
    assert_int_equal(task(1)->attempt, 2);
    assert_string_equal(task(1)->agent, "a2");
}

static void heartbeat_brings_a_suspect_back(void **state)
{
    (void)state;
    begin();
    struct sy_msg_heartbeat beat = {.count = 7};
    rig_pass(&rig, rig.scheduler.policy.suspect_after_ms + 1);
    rig_receive(&rig, "a1", SY_MSG_HEARTBEAT, &beat);
    assert_int_equal(sy_state_agent(rig.scheduler.state, "a1")->liveness, SY_AGENT_ONLINE);
    const struct rig_sent *sent = rig_find(&rig, "a1", SY_MSG_HEARTBEAT_ACK);
    assert_int_equal(((const struct sy_msg_heartbeat *)sent->body)->count, 7);
    assert_int_equal(sent->generation, 1);
}

static void heartbeat_before_hello_is_answered_with_welcome(void **state)
{
    (void)state;
    struct sy_msg_heartbeat beat = {.count = 1};
    rig_receive(&rig, "a1", SY_MSG_HEARTBEAT, &beat);
    const struct rig_sent *sent = rig_find(&rig, "a1", SY_MSG_WELCOME);
    assert_non_null(sent);
    assert_int_equal(((const struct sy_msg_welcome *)sent->body)->generation, 1);
    rig_settle(&rig);
    rig_pledge(&rig, 1, 1);
    assert_null(start_of("a1")); /* it never offered anything */
}

static void store_of_another_agent_does_not_keep_an_agent_away(void **state)
{
    (void)state;
    begin(); /* a1's scratch holds an unfinished sector now */
    struct sy_store_row stores[] = {{.uuid = "a1-s",
                                     .path = "/stolen",
                                     .kind = SY_STORE_SCRATCH,
                                     .bytes_total = 5,
                                     .bytes_free = 5,
                                     .online = true}};
    struct sy_msg_hello hello = {.version = SY_VERSION, .boot_id = "b", .stores = {stores, 1}};
    struct sy_msg_start start = *start_of("a1");
    send_result("a1", &start, true, ap_result);
    rig_receive(&rig, "a2", SY_MSG_HELLO, &hello);
    rig_settle(&rig);
    assert_int_equal(rig_count(&rig, "a2", SY_MSG_WELCOME), 1);
    const struct sy_store_row *row = sy_state_store(rig.scheduler.state, "a1-s");
    assert_string_equal(row->agent, "a1");
    assert_true(row->bytes_free > 5);
}

static void suspect_agent_gets_no_start(void **state)
{
    (void)state;
    rig_hello(&rig, "a1", NULL, 0);
    rig_pass(&rig, rig.scheduler.policy.suspect_after_ms + 1);
    rig_pledge(&rig, 1, 1);
    rig_pass(&rig, 100);
    assert_null(start_of("a1"));
    assert_int_equal(task(1)->state, SY_TASK_QUEUED);
}

/* ---- relays */

static void file_chunks_are_relayed_to_the_client_who_asked(void **state)
{
    (void)state;
    begin();
    struct sy_msg_fetch fetch = {.what = "task-log", .id = 1, .bytes = 100};
    rig_receive_as(&rig, "eye", SY_MSG_FETCH, 777, &fetch);
    const struct rig_sent *read = rig_find(&rig, "a1", SY_MSG_FILE_READ);
    assert_non_null(read);
    assert_int_equal(((const struct sy_msg_file_read *)read->body)->attempt, 1);
    struct sy_msg_chunk chunk = {.total_bytes = 3, .data = {"log", 3}};
    rig_receive_as(&rig, "a2", SY_MSG_CHUNK, read->sequence, &chunk); /* not the one we asked */
    assert_null(rig_find(&rig, "eye", SY_MSG_CHUNK));
    rig_receive_as(&rig, "a1", SY_MSG_CHUNK, read->sequence, &chunk);
    const struct rig_sent *sent = rig_find(&rig, "eye", SY_MSG_CHUNK);
    assert_non_null(sent);
    assert_int_equal(sent->sequence, 777);
    assert_int_equal(((const struct sy_msg_chunk *)sent->body)->data.bytes, 3);
}

static uint32_t refused_fetch(const char *who, const char *what, uint64_t id, uint64_t sequence)
{
    struct sy_msg_fetch fetch = {.id = id, .bytes = 100};
    snprintf(fetch.what, sizeof fetch.what, "%s", what);
    rig_receive_as(&rig, who, SY_MSG_FETCH, sequence, &fetch);
    rig_settle(&rig);
    const struct rig_sent *sent = rig_find(&rig, who, SY_MSG_FAILURE);
    assert_non_null(sent);
    assert_int_equal(sent->sequence, sequence);
    return ((const struct sy_msg_failure *)sent->body)->code;
}

/* The sector of begin(), whose scratch is on a1, as far as a leased C2; returns that task. */
static const struct sy_task *begin_c2(void)
{
    static const char *const results[] = {
        ap_result, "{\"comm_d\":\"" H64 "\",\"replica_id\":\"" H64 "\"}",
        "{\"comm_r\":\"" H64 "\",\"comm_r_cid\":\"bagb\"}", "{\"sha256\":\"" H64 "\"}"};
    struct sy_ev_randomness random = {.miner = RIG_MINER, .number = 1, .epoch = 9, .value = {1}};
    struct sy_ev_sector_epoch landed = {.miner = RIG_MINER, .number = 1, .epoch = 20};
    struct sy_msg_start start = begin();
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        if (i > 0) {
            rig_pass(&rig, 100);
            start = *start_of("a1");
            ack("a1", &start, SY_START_ACCEPTED);
        }
        assert_int_equal(send_result("a1", &start, true, results[i]), SY_RESULT_ACCEPTED);
        if (i == 0)
            rig_event(&rig, SY_EVENT_TICKET, &random);
        if (i == 2) {
            rig_event(&rig, SY_EVENT_PRECOMMIT_LANDED, &landed); /* adopted */
            rig_event(&rig, SY_EVENT_SEED, &random);
        }
    }
    rig_pass(&rig, 100);
    const struct sy_task *c2 = task(5);
    assert_int_equal(c2->stage, SY_STAGE_C2);
    assert_int_equal(c2->state, SY_TASK_LEASED);
    return c2;
}

/* Agents read C1 outputs of the C2 tasks that they have, and nothing else; clients no C1 outputs.
 */
static void c1_output_is_relayed_to_the_agent_with_the_lease_only(void **state)
{
    (void)state;
    const struct sy_task *c2 = begin_c2();
    struct sy_msg_fetch fetch = {
        .what = "c1-output", .id = c2->id, .offset_bytes = 7, .bytes = 100};
    rig_hello(&rig, "a2", NULL, 0);
    rig_forget(&rig);
    rig_receive_as(&rig, c2->agent, SY_MSG_FETCH, 900, &fetch);
    const struct rig_sent *sent = rig_find(&rig, "a1", SY_MSG_FILE_READ);
    assert_non_null(sent);
    const struct sy_msg_file_read *read = sent->body;
    assert_string_equal(read->what, "c1-output");
    assert_string_equal(read->store, "a1-s");
    assert_int_equal(read->miner, RIG_MINER);
    assert_int_equal(read->number, 1);
    assert_int_equal(read->offset_bytes, 7);
    struct sy_msg_chunk chunk = {.offset_bytes = 7, .total_bytes = 10, .data = {"[1]", 3}};
    rig_receive_as(&rig, "a1", SY_MSG_CHUNK, sent->sequence, &chunk);
    sent = rig_find(&rig, c2->agent, SY_MSG_CHUNK);
    assert_non_null(sent);
    assert_int_equal(sent->sequence, 900);
    const char *other = strcmp(c2->agent, "a1") == 0 ? "a2" : "a1";
    assert_int_equal(refused_fetch(other, "c1-output", c2->id, 901), SY_E_STALE);
    assert_int_equal(refused_fetch(c2->agent, "c1-output", 4, 902), SY_E_STALE); /* C1's task */
    assert_int_equal(refused_fetch(c2->agent, "c1-output", 99, 903), SY_E_STALE);
    assert_int_equal(refused_fetch(c2->agent, "task-log", c2->id, 904), SY_E_ARG);
    assert_int_equal(refused_fetch("eye", "c1-output", c2->id, 905), SY_E_ARG);
}

static void silent_agent_makes_the_fetch_fail_in_time(void **state)
{
    (void)state;
    begin();
    struct sy_msg_fetch fetch = {.what = "task-log", .id = 1, .bytes = 100};
    rig_receive_as(&rig, "eye", SY_MSG_FETCH, 778, &fetch);
    rig_pass(&rig, SY_RPC_RELAY_MS + 1);
    const struct rig_sent *sent = rig_find(&rig, "eye", SY_MSG_FAILURE);
    assert_non_null(sent);
    assert_int_equal(sent->sequence, 778);
    assert_int_equal(((const struct sy_msg_failure *)sent->body)->code, SY_E_TIMEOUT);
    fetch.bytes = SY_CHUNK_BYTES_MAX + 1;
    rig_receive_as(&rig, "eye", SY_MSG_FETCH, 779, &fetch);
    rig_settle(&rig);
    sent = rig_find(&rig, "eye", SY_MSG_FAILURE);
    assert_int_equal(((const struct sy_msg_failure *)sent->body)->code, SY_E_RANGE);
}

static void store_is_attached_through_its_agent(void **state)
{
    (void)state;
    static const char arguments[] = "{\"path\":\"/new\",\"kind\":\"scratch\",\"init\":true}";
    rig_hello(&rig, "a1", NULL, 0);
    struct sy_msg_command command = {
        .verb = "store-attach", .name = "a1", .arguments = {arguments, sizeof arguments - 1}};
    uint64_t asked = rig_receive(&rig, "op", SY_MSG_COMMAND, &command);
    const struct rig_sent *attach = rig_find(&rig, "a1", SY_MSG_STORE_ATTACH);
    assert_non_null(attach);
    assert_true(((const struct sy_msg_store_attach *)attach->body)->initialise);
    struct sy_msg_store_state answer = {.store = {.uuid = "u-new",
                                                  .path = "/new",
                                                  .kind = SY_STORE_SCRATCH,
                                                  .bytes_total = 10,
                                                  .bytes_free = 9,
                                                  .online = true}};
    rig_receive_as(&rig, "a1", SY_MSG_STORE_STATE, attach->sequence, &answer);
    assert_null(rig_find(&rig, "op", SY_MSG_JSON)); /* not durable yet */
    rig_settle(&rig);
    const struct rig_sent *sent = rig_find(&rig, "op", SY_MSG_JSON);
    assert_non_null(sent);
    assert_int_equal(sent->sequence, asked);
    assert_string_equal(sy_state_store(rig.scheduler.state, "u-new")->agent, "a1");

    asked = rig_receive(&rig, "op", SY_MSG_COMMAND, &command);
    attach = rig_find(&rig, "a1", SY_MSG_STORE_ATTACH);
    answer = (struct sy_msg_store_state){.code = SY_E_EXISTS,
                                         .error_class = SY_CLASS_INPUT,
                                         .store = {.uuid = "u-new"},
                                         .error = {"has one", 7}};
    rig_receive_as(&rig, "a1", SY_MSG_STORE_STATE, attach->sequence, &answer);
    rig_settle(&rig);
    sent = rig_find(&rig, "op", SY_MSG_FAILURE);
    assert_int_equal(sent->sequence, asked);
    assert_int_equal(((const struct sy_msg_failure *)sent->body)->code, SY_E_EXISTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(start_leaves_only_after_the_lease_is_durable),
        T(start_is_repeated_with_growing_pauses_until_acked),
        T(refused_start_comes_back_with_a_new_fence),
        T(result_is_acked_after_it_is_durable_and_moves_the_sector),
        T(results_that_the_fence_stops_change_nothing),
        T(failed_attempt_is_tried_again_after_a_pause),
        T(lease_that_was_never_started_is_given_back_and_counts_no_failure),
        T(waiting_shim_that_looked_like_a_start_counts_no_failure_either),
        T(result_without_its_keys_is_the_stages_bug),
        T(progress_is_shown_for_the_current_attempt_only),
        T(cancelled_attempt_gets_stop_until_acked),
        T(hello_confirms_stops_and_misses),
        T(lease_that_the_agent_missed_is_started_after_hello),
        T(running_attempt_named_in_hello_counts_as_started),
        T(silence_is_suspect_then_dead_then_taken_over),
        T(heartbeat_brings_a_suspect_back),
        T(heartbeat_before_hello_is_answered_with_welcome),
        T(store_of_another_agent_does_not_keep_an_agent_away),
        T(suspect_agent_gets_no_start),
        T(file_chunks_are_relayed_to_the_client_who_asked),
        T(c1_output_is_relayed_to_the_agent_with_the_lease_only),
        T(silent_agent_makes_the_fetch_fail_in_time),
        T(store_is_attached_through_its_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
