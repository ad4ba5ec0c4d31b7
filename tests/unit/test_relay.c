/* Who waits for which answer; what is known about agents for the moment. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "scheduler/links.h"
#include "scheduler/relay.h"

#include <stdio.h>
#include <string.h>

static struct sy_relayed request_to(const char *agent, uint64_t due_ms)
{
    struct sy_relayed relayed = {.type = SY_MSG_FILE_READ, .client_sequence = 5, .due_ms = due_ms};
    snprintf(relayed.agent, sizeof relayed.agent, "%s", agent);
    return relayed;
}

static void answer_finds_only_its_own_client(void **state)
{
    struct sy_relay *relay = NULL;
    struct sy_relayed relayed = request_to("a1", 100), got;
    (void)state;
    assert_int_equal(sy_relay_create(&relay, NULL), 0);
    assert_int_equal(sy_relay_add(relay, 1, &relayed, NULL), 0);
    assert_false(sy_relay_take(relay, 2, "a1", SY_MSG_FILE_READ, &got));
    assert_false(sy_relay_take(relay, 1, "a2", SY_MSG_FILE_READ, &got));
    assert_false(sy_relay_take(relay, 1, "a1", SY_MSG_STORE_ATTACH, &got));
    assert_true(sy_relay_take(relay, 1, "a1", SY_MSG_FILE_READ, &got));
    assert_int_equal(got.client_sequence, 5);
    assert_false(sy_relay_take(relay, 1, "a1", SY_MSG_FILE_READ, &got)); /* once */
    sy_relay_destroy(relay);
}

static void overdue_requests_come_out_and_the_table_is_bounded(void **state)
{
    struct sy_relay *relay = NULL;
    struct sy_relayed got;
    struct sy_error err = {0};
    (void)state;
    assert_int_equal(sy_relay_create(&relay, NULL), 0);
    for (uint64_t i = 1; i <= SY_RELAY_WAITING_MAX; i++) {
        struct sy_relayed relayed = request_to("a1", 100 + i);
        assert_int_equal(sy_relay_add(relay, i, &relayed, &err), 0);
    }
    struct sy_relayed more = request_to("a1", 1);
    assert_int_equal(sy_relay_add(relay, 99999, &more, &err), -SY_E_LIMIT);
    assert_false(sy_relay_expire(relay, 100, &got));
    size_t expired = 0;
    while (sy_relay_expire(relay, 110, &got))
        expired++;
    assert_int_equal(expired, 10);
    assert_int_equal(sy_relay_add(relay, 99999, &more, &err), 0);
    sy_relay_destroy(relay);
}

static void links_are_found_by_name(void **state)
{
    struct sy_links *links = NULL;
    struct sy_link *a = NULL, *b = NULL;
    (void)state;
    assert_int_equal(sy_links_create(&links, NULL), 0);
    assert_null(sy_links_find(links, "a1"));
    assert_int_equal(sy_links_obtain(links, "a1", 7, &a, NULL), 0);
    assert_int_equal(sy_links_obtain(links, "a1", 9, &b, NULL), 0);
    assert_ptr_equal(a, b);
    assert_int_equal(a->heard_ms, 7);
    assert_false(sy_link_is_ready(a));
    assert_false(sy_link_is_ready(NULL));
    a->welcomed = true;
    a->liveness = SY_AGENT_ONLINE;
    assert_true(sy_link_is_ready(a));
    a->liveness = SY_AGENT_SUSPECT;
    assert_false(sy_link_is_ready(a));
    assert_ptr_equal(sy_links_first(links), a);
    assert_null(sy_links_next(a));
    sy_mem_fail_after(1);
    assert_int_equal(sy_links_obtain(links, "a2", 9, &b, NULL), -SY_E_NOMEM);
    sy_mem_fail_after(0);
    sy_links_destroy(links);
}

static void progress_belongs_to_one_attempt(void **state)
{
    struct sy_links *links = NULL;
    struct sy_msg_progress progress = {
        .task = 4, .attempt = 2, .done = 1, .total = 8, .phase = "layer 1/2"};
    (void)state;
    assert_int_equal(sy_links_create(&links, NULL), 0);
    sy_links_set_progress(links, &progress, 55);
    assert_null(sy_links_progress(links, 4, 1));
    assert_string_equal(sy_links_progress(links, 4, 2)->phase, "layer 1/2");
    progress.attempt = 3;
    sy_links_set_progress(links, &progress, 56);
    assert_null(sy_links_progress(links, 4, 2));
    assert_int_equal(sy_links_progress(links, 4, 3)->wall_ms, 56);
    sy_links_clear_progress(links, 4);
    assert_null(sy_links_progress(links, 4, 3));
    for (uint64_t task = 0; task <= SY_LINKS_PROGRESS_MAX; task++) {
        progress.task = task;
        sy_links_set_progress(links, &progress, 57);
    }
    assert_non_null(sy_links_progress(links, SY_LINKS_PROGRESS_MAX - 1, 3));
    assert_null(sy_links_progress(links, SY_LINKS_PROGRESS_MAX, 3)); /* only shown, so dropped */
    sy_links_destroy(links);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_finds_only_its_own_client),
        cmocka_unit_test(overdue_requests_come_out_and_the_table_is_bounded),
        cmocka_unit_test(links_are_found_by_name),
        cmocka_unit_test(progress_belongs_to_one_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
