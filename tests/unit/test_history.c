/* Which events belong to a sector, and one readable line for every kind of event. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "scheduler/history.h"

#include <string.h>

static struct sy_history_subject subject = {.miner = 1000,
                                            .number = 7,
                                            .tasks = {11, 12},
                                            .jobs = {3},
                                            .task_count = 2,
                                            .job_count = 1,
                                            .commit_uid = "cm-1"};

static bool concerns(uint32_t kind, const void *body)
{
    struct sy_event event = {.number = 1, .kind = kind, .body = body};
    return sy_history_concerns(&subject, &event);
}

static void events_of_a_sector_are_recognised(void **state)
{
    struct sy_ev_task_leased leased = {.task = 12};
    struct sy_ev_attempt attempt = {.task = 11};
    struct sy_ev_task_result result = {.task = 13};
    struct sy_ev_randomness ticket = {.miner = 1000, .number = 7};
    struct sy_ev_randomness other = {.miner = 1001, .number = 7};
    struct sy_ev_job job = {.job = 3};
    struct sy_ev_job_submitted unseal = {
        .job = 9, .kind = SY_JOB_UNSEAL, .miner = 1000, .number = 7};
    struct sy_ev_name name = {.name = "a1"};
    struct sy_number numbers[] = {{6}, {7}};
    struct sy_message message = {.miner = 1000, .sectors = {numbers, 2}};
    struct sy_message foreign = {.miner = 1000, .sectors = {numbers, 1}};
    (void)state;
    assert_true(concerns(SY_EVENT_TASK_LEASED, &leased));
    assert_true(concerns(SY_EVENT_TASK_STARTED, &attempt));
    assert_false(concerns(SY_EVENT_TASK_RESULT, &result));
    assert_true(concerns(SY_EVENT_TICKET, &ticket));
    assert_false(concerns(SY_EVENT_SEED, &other));
    assert_true(concerns(SY_EVENT_JOB_CANCELLED, &job));
    assert_true(concerns(SY_EVENT_JOB_SUBMITTED, &unseal));
    assert_false(concerns(SY_EVENT_AGENT_PAUSED, &name));
    struct sy_message later = {.uid = "cm-1"}, stranger = {.uid = "cm-2"};
    assert_true(concerns(SY_EVENT_MESSAGE_SIGNED, &later));
    assert_false(concerns(SY_EVENT_MESSAGE_SIGNED, &stranger));
    assert_true(concerns(SY_EVENT_MESSAGE_QUEUED, &message));
    assert_false(concerns(SY_EVENT_MESSAGE_SIGNED, &foreign));
    struct sy_history_subject all = {0};
    struct sy_event event = {.kind = SY_EVENT_AGENT_PAUSED, .body = &name};
    assert_true(sy_history_concerns(&all, &event));
}

static void every_event_has_a_readable_line(void **state)
{
    char text[SY_HISTORY_SUMMARY_BYTES];
    static union {
        struct sy_message message;
        struct sy_agent agent;
        struct sy_store_row store;
        struct sy_ev_task_result result;
        struct sy_ev_job_submitted submitted;
        struct sy_miner miner;
        struct sy_identity identity;
        struct sy_ev_name name;
    } body;
    (void)state;
    memcpy(body.name.name, "someone", 8);
    for (uint32_t kind = 0; kind <= SY_EVENT_COUNT; kind++) {
        struct sy_event event = {.number = 1, .kind = kind, .body = &body};
        sy_history_summary(&event, text);
        if (sy_event_name(kind) && text[0] == '\0')
            fail_msg("%s has no line", sy_event_name(kind));
        if (!sy_event_name(kind))
            assert_string_equal(text, "");
    }
}

static void lines_say_what_happened(void **state)
{
    char text[SY_HISTORY_SUMMARY_BYTES];
    struct sy_ev_task_result failed = {.task = 4,
                                       .attempt = 2,
                                       .agent = "p1",
                                       .error_class = SY_CLASS_RESOURCE,
                                       .error = "no pages",
                                       .retry_after_ms = 9};
    struct sy_ev_sector_epoch landed = {.epoch = 55, .cid = "bafy1"};
    struct sy_event event = {.kind = SY_EVENT_TASK_RESULT, .body = &failed};
    (void)state;
    assert_string_equal(sy_history_summary(&event, text),
                        "task 4 attempt 2 on p1 failed (RESOURCE): no pages; will be tried again");
    event = (struct sy_event){.kind = SY_EVENT_COMMIT_LANDED, .body = &landed};
    assert_string_equal(sy_history_summary(&event, text),
                        "commit on chain at epoch 55, message bafy1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_of_a_sector_are_recognised),
        cmocka_unit_test(every_event_has_a_readable_line),
        cmocka_unit_test(lines_say_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
