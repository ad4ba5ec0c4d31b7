/* Who may send what, when answers leave, and that repeats are harmless. */
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

static int failure_code(const char *peer)
{
    const struct rig_sent *sent = rig_find(&rig, peer, SY_MSG_FAILURE);
    return sent ? (int)((const struct sy_msg_failure *)sent->body)->code : 0;
}

static void expect_text(const char *peer, const char *part)
{
    char text[512];
    const struct rig_sent *sent = rig_find(&rig, peer, SY_MSG_FAILURE);
    assert_non_null(sent);
    const struct sy_slice *slice = &((const struct sy_msg_failure *)sent->body)->text;
    snprintf(text, sizeof text, "%.*s", (int)slice->bytes, (const char *)slice->data);
    if (!strstr(text, part))
        fail_msg("\"%s\" does not hold \"%s\"", text, part);
}

static json_t *json_of(const char *peer)
{
    const struct rig_sent *sent = rig_find(&rig, peer, SY_MSG_JSON);
    assert_non_null(sent);
    const struct sy_slice *slice = &((const struct sy_msg_json *)sent->body)->json;
    json_t *json = json_loadb(slice->data, slice->bytes, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *ask(const char *who, const char *what, uint64_t id, const char *text)
{
    struct sy_msg_query query = {.id = id};
    snprintf(query.what, sizeof query.what, "%s", what);
    snprintf(query.text, sizeof query.text, "%s", text ? text : "");
    rig_forget(&rig);
    rig_receive(&rig, who, SY_MSG_QUERY, &query);
    rig_settle(&rig);
    return json_of(who);
}

static json_t *command(const char *who, const char *verb, uint64_t id, const char *name,
                       const char *arguments)
{
    struct sy_msg_command message = {.id = id};
    snprintf(message.verb, sizeof message.verb, "%s", verb);
    snprintf(message.name, sizeof message.name, "%s", name ? name : "");
    if (arguments)
        message.arguments = (struct sy_slice){arguments, (uint32_t)strlen(arguments)};
    rig_forget(&rig);
    rig_receive(&rig, who, SY_MSG_COMMAND, &message);
    rig_settle(&rig);
    return rig_find(&rig, who, SY_MSG_JSON) ? json_of(who) : NULL;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* ---- roles */

static const void *any_body(uint16_t type)
{
    static struct sy_msg_query query = {.what = "status"};
    static union {
        struct sy_msg_submit submit;
        struct sy_msg_hello hello;
        struct sy_msg_store_state store;
        struct sy_msg_result result;
        struct sy_msg_chunk chunk;
        struct sy_msg_failure failure;
        struct sy_msg_start start;
    } zero;
    return type == SY_MSG_QUERY ? (const void *)&query : (const void *)&zero;
}

/* Every message type from every identity: exactly the roles of the catalogue get past the check. */
static void role_matrix_follows_the_catalogue(void **state)
{
    static const struct {
        const char *name;
        uint32_t role; /* 0 = never */
    } senders[] = {{"admin", SY_ROLE_ADMIN},
                   {"op", SY_ROLE_OPERATOR},
                   {"eye", SY_ROLE_VIEWER},
                   {"a1", SY_ROLE_AGENT},
                   {"gone", 0},
                   {"late", 0},
                   {"nobody", 0},
                   {"enroll.a3", SY_ROLE_ENROLL}};
    (void)state;
    for (uint16_t type = 1; type < 60; type++) {
        if (!sy_msg_name(type))
            continue;
        for (size_t i = 0; i < SY_ARRAY_SIZE(senders); i++) {
            uint32_t role = senders[i].role;
            bool allowed = role && (sy_msg_roles(type) & SY_ROLE_BIT(role));
            rig_forget(&rig);
            rig_receive(&rig, senders[i].name, type, any_body(type));
            rig_settle(&rig);
            /* ENROLL with an empty name is refused by its handler, with the same code */
            if (allowed && type == SY_MSG_ENROLL)
                continue;
            bool denied = failure_code(senders[i].name) == SY_E_DENIED;
            if (denied == allowed)
                fail_msg("%s from %s: %s", sy_msg_name(type), senders[i].name,
                         denied ? "denied" : "let through");
        }
    }
}

static void refusals_name_the_reason(void **state)
{
    struct sy_msg_query query = {.what = "status"};
    (void)state;
    rig_receive(&rig, "gone", SY_MSG_QUERY, &query);
    rig_settle(&rig);
    expect_text("gone", "revoked");
    rig_receive(&rig, "late", SY_MSG_QUERY, &query);
    rig_settle(&rig);
    expect_text("late", "expired");
    rig_receive(&rig, "nobody", SY_MSG_QUERY, &query);
    rig_settle(&rig);
    expect_text("nobody", "not known");
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .count = 1};
    rig_receive(&rig, "eye", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    expect_text("eye", "viewer");
}

static void revoked_identity_is_refused_at_the_next_frame(void **state)
{
    (void)state;
    json_decref(ask("eye", "status", 0, NULL));
    struct sy_ev_name event = {.name = "eye"};
    rig_event(&rig, SY_EVENT_IDENTITY_REVOKED, &event);
    rig_forget(&rig);
    struct sy_msg_query query = {.what = "status"};
    rig_receive(&rig, "eye", SY_MSG_QUERY, &query);
    rig_settle(&rig);
    assert_int_equal(failure_code("eye"), SY_E_DENIED);
    assert_null(rig_find(&rig, "eye", SY_MSG_JSON));
}

/* ---- durability */

static void answers_wait_until_durable(void **state)
{
    (void)state;
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .count = 2};
    struct sy_msg_query query = {.what = "jobs"};
    memset(submit.idempotency_key, 1, sizeof submit.idempotency_key);
    uint64_t sequence = rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_receive(&rig, "eye", SY_MSG_QUERY, &query);
    assert_int_equal(rig.sent_count, 0);
    rig_turn(&rig);
    assert_int_equal(rig.sent_count, 0); /* handed to the store, not committed */
    rig.on_durable(rig.store_ctx, rig.submitted);
    const struct rig_sent *sent = rig_find(&rig, "op", SY_MSG_SUBMITTED);
    assert_non_null(sent);
    assert_int_equal(sent->sequence, sequence);
    const struct sy_msg_submitted *reply = sent->body;
    assert_int_equal(reply->job, 1);
    assert_int_equal(reply->sectors.count, 2);
    assert_int_equal(((const struct sy_number *)reply->sectors.items)[1].value, 2);
    assert_non_null(rig_find(&rig, "eye", SY_MSG_JSON));
}

static void nothing_leaves_after_a_storage_error(void **state)
{
    (void)state;
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .count = 1};
    struct sy_error err = {.code = SY_E_IO, .text = "fsync failed"};
    memset(submit.idempotency_key, 1, sizeof submit.idempotency_key);
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_turn(&rig);
    rig.on_failed(rig.store_ctx, &err);
    rig.on_durable(rig.store_ctx, rig.submitted); /* a late word of the store changes nothing */
    assert_int_equal(rig.sent_count, 0);
    assert_int_equal(rig.scheduler.failure, SY_E_IO);
    submit.idempotency_key[0] = 2;
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_turn(&rig);
    assert_int_equal(rig.sent_count, 0);
}

/* ---- SUBMIT */

static void same_key_gives_the_same_job(void **state)
{
    (void)state;
    uint64_t first = rig_pledge(&rig, 3, 5);
    rig_forget(&rig);
    assert_int_equal(rig_pledge(&rig, 3, 5), first);
    assert_int_equal(sy_state_count(rig.scheduler.state, SY_ROW_JOB), 1);
    assert_int_equal(rig_pledge(&rig, 3, 6), first + 1);
}

static void submits_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .count = 1};
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    assert_int_equal(failure_code("op"), SY_E_ARG); /* no key */
    memset(submit.idempotency_key, 3, sizeof submit.idempotency_key);
    submit.count = SY_JOB_SECTORS_MAX + 1;
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    assert_int_equal(failure_code("op"), SY_E_RANGE);
    submit.count = 1;
    submit.miner = 77;
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    assert_int_equal(failure_code("op"), SY_E_NOT_FOUND);
    struct sy_piece piece = {.padded_bytes = 2048, .raw_bytes = 2000, .path = "relative"};
    submit = (struct sy_msg_submit){.kind = SY_JOB_SEAL, .count = 1, .pieces = {&piece, 1}};
    memset(submit.idempotency_key, 3, sizeof submit.idempotency_key);
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    assert_int_equal(failure_code("op"), SY_E_ARG);
    expect_text("op", "absolute");
    submit.kind = SY_JOB_REMOVE;
    submit.number = 9;
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    assert_int_equal(failure_code("op"), SY_E_NOT_FOUND);
    assert_int_equal(sy_state_count(rig.scheduler.state, SY_ROW_JOB), 0);
}

static void full_store_and_job_cap_refuse_new_jobs(void **state)
{
    (void)state;
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .count = 1};
    memset(submit.idempotency_key, 3, sizeof submit.idempotency_key);
    rig.usage.used_bytes = rig.usage.map_bytes / 100 * 81;
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    assert_int_equal(failure_code("op"), SY_E_FULL);
    rig.usage.used_bytes = 0;
    rig.scheduler.live_jobs = rig.scheduler.policy.live_jobs_max;
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    assert_int_equal(failure_code("op"), SY_E_LIMIT);
    rig.scheduler.live_jobs--;
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    assert_non_null(rig_find(&rig, "op", SY_MSG_SUBMITTED));
}

static void removal_that_loses_a_deposit_needs_force(void **state)
{
    (void)state;
    rig_pledge(&rig, 1, 1);
    struct sy_msg_submit submit = {.kind = SY_JOB_REMOVE, .number = 1};
    memset(submit.idempotency_key, 8, sizeof submit.idempotency_key);
    /* young sectors go without a word */
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    assert_int_equal(rig_count(&rig, "op", SY_MSG_SUBMITTED), 2);
}

/* ---- QUERY */

static void queries_show_rows_with_derived_fields(void **state)
{
    (void)state;
    rig_pledge(&rig, 2, 1);
    json_t *answer = ask("eye", "sectors", 0, NULL);
    const json_t *rows = json_object_get(answer, "rows");
    assert_int_equal(json_array_size(rows), 2);
    assert_true(json_is_null(json_object_get(answer, "next")));
    const json_t *row = json_array_get(rows, 0);
    assert_string_equal(text_at(row, "miner"), "t01000");
    assert_int_equal(json_integer_value(json_object_get(row, "miner_id")), 1000);
    assert_string_equal(text_at(row, "proof_type"), "StackedDrg2KiBV1_1");
    assert_string_equal(text_at(row, "state"), "AddPiece");
    assert_true(json_is_null(json_object_get(row, "comm_d")));
    json_decref(answer);
    answer = ask("eye", "sectors", 0, "Proving");
    assert_int_equal(json_array_size(json_object_get(answer, "rows")), 0);
    json_decref(answer);
    answer = ask("eye", "job", 1, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "sectors")), 2);
    assert_int_equal(json_array_size(json_object_get(answer, "progress")), 2);
    json_decref(answer);
    answer = ask("eye", "sector", 2, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "tasks")), 1);
    json_decref(answer);
    answer = ask("eye", "status", 0, NULL);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(answer, "sectors"), "AddPiece")), 2);
    json_decref(answer);
    answer = ask("eye", "policy", 0, NULL);
    assert_true(json_is_object(json_object_get(answer, "policy")));
    json_decref(answer);
}

static void every_query_of_the_catalogue_is_answered(void **state)
{
    static const char *const whats[] = {"status", "sectors", "jobs",     "tasks",
                                        "agents", "stores",  "messages", "policy"};
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(whats); i++)
        json_decref(ask("eye", whats[i], 0, NULL));
    rig_pledge(&rig, 1, 1);
    rig_hello(&rig, "a1", NULL, 0);
    json_decref(ask("eye", "task", 1, NULL));
    json_decref(ask("eye", "agent", 0, "a1"));
    json_decref(ask("eye", "store-find", 1, NULL));
    json_t *why = ask("eye", "task-why", 1, NULL);
    assert_true(json_array_size(json_object_get(why, "rows")) > 0);
    json_decref(why);
    struct sy_msg_query query = {.what = "chain-head"};
    rig_receive(&rig, "eye", SY_MSG_QUERY, &query);
    rig_settle(&rig);
    assert_int_equal(failure_code("eye"), SY_E_NOT_FOUND); /* no chain plugin here */
    snprintf(query.what, sizeof query.what, "nonsense");
    rig_receive(&rig, "eye", SY_MSG_QUERY, &query);
    rig_settle(&rig);
    assert_int_equal(failure_code("eye"), SY_E_ARG);
    snprintf(query.what, sizeof query.what, "sector-log"); /* the rig's store has no history */
    query.id = 1;
    rig_receive(&rig, "eye", SY_MSG_QUERY, &query);
    rig_settle(&rig);
    assert_int_equal(failure_code("eye"), SY_E_UNSUPPORTED);
}

static void lists_come_in_pages(void **state)
{
    (void)state;
    rig_pledge(&rig, 5, 1);
    struct sy_msg_query query = {.what = "sectors", .limit = 2};
    size_t seen = 0;
    for (int page = 0; page < 5; page++) {
        rig_forget(&rig);
        rig_receive(&rig, "eye", SY_MSG_QUERY, &query);
        rig_settle(&rig);
        json_t *answer = json_of("eye");
        seen += json_array_size(json_object_get(answer, "rows"));
        const json_t *next = json_object_get(answer, "next");
        bool more = json_is_integer(next);
        query.after = more ? (uint64_t)json_integer_value(next) : 0;
        json_decref(answer);
        if (!more)
            break;
    }
    assert_int_equal(seen, 5);
    seen = 0;
    query = (struct sy_msg_query){.what = "tasks", .limit = 2};
    for (int page = 0; page < 5; page++) {
        rig_forget(&rig);
        rig_receive(&rig, "eye", SY_MSG_QUERY, &query);
        rig_settle(&rig);
        json_t *answer = json_of("eye");
        seen += json_array_size(json_object_get(answer, "rows"));
        const json_t *next = json_object_get(answer, "next");
        bool more = json_is_integer(next);
        query.after = more ? (uint64_t)json_integer_value(next) : 0;
        json_decref(answer);
        if (!more)
            break;
    }
    assert_int_equal(seen, 5);
}

/* ---- COMMAND */

static void commands_change_and_answer(void **state)
{
    (void)state;
    rig_pledge(&rig, 1, 1);
    rig_hello(&rig, "a1", NULL, 0);
    json_t *answer = command("op", "agent-pause", 0, "a1", NULL);
    assert_true(json_is_true(json_object_get(answer, "paused")));
    json_decref(answer);
    answer = command("op", "agent-pause", 0, "a1", NULL); /* again: the same answer */
    assert_true(json_is_true(json_object_get(answer, "paused")));
    json_decref(answer);
    answer = command("op", "agent-resume", 0, "a1", NULL);
    assert_true(json_is_false(json_object_get(answer, "paused")));
    json_decref(answer);
    answer = command("op", "job-cancel", 1, NULL, NULL);
    assert_string_equal(text_at(answer, "state"), "cancelled");
    json_decref(answer);
    assert_null(command("op", "sector-retry", 1, NULL, NULL));
    assert_int_equal(failure_code("op"), SY_E_STATE);
    assert_null(command("op", "job-cancel", 99, NULL, NULL));
    assert_int_equal(failure_code("op"), SY_E_NOT_FOUND);
    assert_null(command("op", "dance", 0, NULL, NULL));
    assert_int_equal(failure_code("op"), SY_E_ARG);
}

static void policy_text_is_checked_without_taking_it(void **state)
{
    (void)state;
    json_t *answer =
        command("op", "policy-check", 0, NULL, "{\"text\":\"[retry]\\nattempts_max = 7\\n\"}");
    assert_non_null(answer);
    assert_int_equal(json_array_size(json_object_get(answer, "changes")), 1);
    json_decref(answer);
    assert_int_not_equal(rig.scheduler.policy.attempts_max, 7);
    assert_null(command("op", "policy-check", 0, NULL, "{\"text\":\"[retry]\\nattempts = 7\\n\"}"));
    assert_int_equal(failure_code("op"), SY_E_UNKNOWN_KEY);
}

static void enrolment_is_for_administrators_and_once(void **state)
{
    (void)state;
    assert_null(command("op", "agent-enroll", 0, "a9", NULL));
    assert_int_equal(failure_code("op"), SY_E_DENIED);
    json_t *answer = command("admin", "agent-enroll", 0, "a9", NULL);
    assert_non_null(answer);
    struct sy_enroll_token token;
    struct sy_error err = {0};
    assert_int_equal(sy_enroll_token_parse(text_at(answer, "token"), &token, &err), 0);
    assert_string_equal(token.name, "a9");
    const struct sy_identity *once = sy_state_identity(rig.scheduler.state, "enroll.a9");
    assert_non_null(once);
    assert_string_equal(once->public_key, token.once.public_key);
    json_decref(answer);

    struct sy_msg_enroll enroll = {.name = "a8"};
    memset(enroll.public_key, 'x', SY_PUBLIC_KEY_BYTES - 1);
    rig_receive(&rig, "enroll.a9", SY_MSG_ENROLL, &enroll); /* another name than the token's */
    rig_settle(&rig);
    assert_int_equal(failure_code("enroll.a9"), SY_E_DENIED);
    snprintf(enroll.name, sizeof enroll.name, "a9");
    rig_receive(&rig, "enroll.a9", SY_MSG_ENROLL, &enroll);
    rig_settle(&rig);
    assert_int_equal(rig_count(&rig, "enroll.a9", SY_MSG_ENROLLED), 1);
    rig_receive(&rig, "enroll.a9", SY_MSG_ENROLL, &enroll); /* a repeat of the same request */
    rig_settle(&rig);
    assert_int_equal(rig_count(&rig, "enroll.a9", SY_MSG_ENROLLED), 2);
    enroll.public_key[0] = 'y'; /* a second use */
    rig_forget(&rig);
    rig_receive(&rig, "enroll.a9", SY_MSG_ENROLL, &enroll);
    rig_settle(&rig);
    assert_int_equal(failure_code("enroll.a9"), SY_E_DENIED);
    assert_int_equal(sy_state_identity(rig.scheduler.state, "a9")->role, SY_ROLE_AGENT);
    assert_true(sy_state_identity(rig.scheduler.state, "enroll.a9")->revoked);
}

static void repeated_enroll_command_keeps_the_first_token(void **state)
{
    (void)state;
    struct sy_msg_command message = {.verb = "agent-enroll", .name = "a9"};
    memset(message.idempotency_key, 4, sizeof message.idempotency_key);
    rig_receive(&rig, "admin", SY_MSG_COMMAND, &message);
    rig_settle(&rig);
    json_t *first = json_of("admin");
    rig_forget(&rig);
    rig_receive(&rig, "admin", SY_MSG_COMMAND, &message);
    rig_settle(&rig);
    json_t *second = json_of("admin");
    assert_string_equal(text_at(first, "token"), text_at(second, "token"));
    json_decref(first);
    json_decref(second);
}

/* ---- limits */

static void flood_is_refused_by_name_and_ends(void **state)
{
    (void)state;
    struct sy_msg_query query = {.what = "policy"};
    struct sy_admit_limits limits = {
        .frames_per_s = 10, .frames_burst = 5, .jobs_live_max = 10, .store_percent_max = 80};
    sy_admit_set_limits(rig.scheduler.admit, &limits);
    for (int i = 0; i < 8; i++)
        rig_receive(&rig, "eye", SY_MSG_QUERY, &query);
    rig_settle(&rig);
    assert_int_equal(rig_count(&rig, "eye", SY_MSG_JSON), 5);
    assert_int_equal(rig_count(&rig, "eye", SY_MSG_FAILURE), 3);
    expect_text("eye", "10 requests a second");
    rig_receive(&rig, "op", SY_MSG_QUERY, &query); /* others are not disturbed */
    rig_settle(&rig);
    assert_int_equal(rig_count(&rig, "op", SY_MSG_JSON), 1);
    rig.boot_ms += 200;
    rig_receive(&rig, "eye", SY_MSG_QUERY, &query);
    rig_settle(&rig);
    assert_int_equal(rig_count(&rig, "eye", SY_MSG_JSON), 6);
}

static void slow_peer_loses_its_answer_and_nothing_else(void **state)
{
    (void)state;
    rig.refuse_send = true;
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .count = 1};
    memset(submit.idempotency_key, 2, sizeof submit.idempotency_key);
    rig_receive(&rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(&rig);
    rig.refuse_send = false;
    assert_int_equal(rig_pledge(&rig, 1, 2), 1); /* the repeat finds the job */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(role_matrix_follows_the_catalogue),
        T(refusals_name_the_reason),
        T(revoked_identity_is_refused_at_the_next_frame),
        T(answers_wait_until_durable),
        T(nothing_leaves_after_a_storage_error),
        T(same_key_gives_the_same_job),
        T(submits_that_cannot_be_are_refused),
        T(full_store_and_job_cap_refuse_new_jobs),
        T(removal_that_loses_a_deposit_needs_force),
        T(queries_show_rows_with_derived_fields),
        T(every_query_of_the_catalogue_is_answered),
        T(lists_come_in_pages),
        T(commands_change_and_answer),
        T(policy_text_is_checked_without_taking_it),
        T(enrolment_is_for_administrators_and_once),
        T(repeated_enroll_command_keeps_the_first_token),
        T(flood_is_refused_by_name_and_ends),
        T(slow_peer_loses_its_answer_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
