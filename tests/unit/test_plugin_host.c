/* Loading, feeding, failing and proposing, with real shared objects and threads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "scheduler/plugin_host.h"
#include "scheduler/plugin_rows.h"

#include <stdio.h>
#include <string.h>

#define WAIT_TURNS 400 /* of 10 ms at most */

struct seen {
    size_t tickets, floors, heads;
    uint64_t number;
    bool refuse;
};

static struct sy_loop *loop;
static struct sy_conf *conf;
static struct seen seen;

static int on_propose(void *ctx, const char *plugin, uint32_t kind, const void *body,
                      struct sy_error *err)
{
    struct seen *counts = ctx;
    const struct sy_ev_randomness *ticket = body;
    assert_non_null(plugin);
    if (kind == SY_EVENT_TICKET) {
        counts->tickets++;
        counts->number = ticket->number;
        assert_int_equal(ticket->value[31], 5);
    } else if (kind == SY_EVENT_NUMBER_FLOOR) {
        counts->floors++;
    }
    return counts->refuse ? sy_fail(err, SY_E_STALE, "too late") : 0;
}

static void on_head(void *ctx)
{
    ((struct seen *)ctx)->heads++;
}

static int open_set(const char *text, const char *name, struct sy_plugin_set **ret,
                    struct sy_error *err)
{
    struct sy_conf_table *plugins = NULL, *table = NULL;
    struct sy_scheduler_plugin plugin = {0};
    memset(&seen, 0, sizeof seen);
    assert_int_equal(sy_loop_create(&loop, sy_env_real(), NULL), 0);
    assert_int_equal(sy_conf_parse(&conf, text, strlen(text), "test.toml", NULL), 0);
    assert_int_equal(sy_conf_table_get(sy_conf_root(conf), "plugin", true, &plugins, NULL), 0);
    assert_int_equal(sy_conf_table_get(plugins, name, true, &table, NULL), 0);
    snprintf(plugin.name, sizeof plugin.name, "%s", name);
    plugin.conf = table;
    struct sy_plugin_set_opts opts = {.loop = loop,
                                      .env = sy_env_real(),
                                      .directory = TEST_PLUGIN_DIR,
                                      .plugins = &plugin,
                                      .plugin_count = 1,
                                      .on_propose = on_propose,
                                      .on_head = on_head,
                                      .ctx = &seen};
    return sy_plugin_set_create(ret, &opts, err);
}

static void close_set(struct sy_plugin_set *set)
{
    sy_plugin_set_destroy(set);
    sy_conf_destroy(conf);
    sy_loop_destroy(loop);
}

static void turn_until(const size_t *count, size_t wanted)
{
    for (int i = 0; i < WAIT_TURNS && *count < wanted; i++)
        assert_int_equal(sy_loop_turn(loop, 10, NULL), 0);
    assert_true(*count >= wanted);
}

static struct sy_sector sector_in(uint32_t state)
{
    return (struct sy_sector){.miner = 1000, .number = 4, .proof_type = 5, .state = state};
}

static json_int_t status_number(struct sy_plugin_set *set, const char *key)
{
    json_t *status = sy_plugin_set_status(set);
    json_int_t value = json_integer_value(json_object_get(json_array_get(status, 0), key));
    json_decref(status);
    return value;
}

static void rows_go_out_and_proposals_come_in(void **state)
{
    struct sy_plugin_set *set = NULL;
    struct sy_error err = {0};
    struct sy_sector sector = sector_in(SY_SECTOR_GetTicket);
    struct sy_miner miner = {.id = 1000};
    struct sy_chain_head head;
    (void)state;
    assert_int_equal(open_set("[plugin.test]\n", "test", &set, &err), 0);
    assert_int_equal(sy_conf_finish(conf, &err), 0); /* start took its keys already */
    assert_int_equal(sy_plugin_set_feed_miners(set, &miner, 1, &err), 0);
    assert_int_equal(sy_plugin_set_feed_sector(set, &sector, true, &err), 0);
    for (int i = 0; i < 10; i++)
        sy_loop_turn(loop, 5, NULL);
    assert_int_equal(seen.tickets, 0); /* not before run */
    sy_plugin_set_run(set);
    turn_until(&seen.tickets, 1);
    assert_int_equal(seen.number, 4);
    turn_until(&seen.floors, 1);
    turn_until(&seen.heads, 2);
    assert_true(sy_plugin_set_head(set, &head));
    assert_string_equal(head.network, "testnet");
    assert_int_equal(status_number(set, "failures"), 0);
    close_set(set);
}

static void refused_proposals_are_counted_and_harmless(void **state)
{
    struct sy_plugin_set *set = NULL;
    struct sy_error err = {0};
    struct sy_sector sector = sector_in(SY_SECTOR_GetTicket);
    (void)state;
    assert_int_equal(open_set("[plugin.test]\n", "test", &set, &err), 0);
    seen.refuse = true;
    sy_plugin_set_feed_sector(set, &sector, true, &err);
    sy_plugin_set_run(set);
    turn_until(&seen.tickets, 1);
    assert_true(status_number(set, "refused") >= 1);
    close_set(set);
}

static void failing_row_comes_again_after_a_pause(void **state)
{
    static const char *const texts[] = {"[plugin.test]\nfailures = 1\n",
                                        "[plugin.test]\nfailures = 1\ntransient = true\n"};
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(texts); i++) {
        struct sy_plugin_set *set = NULL;
        struct sy_error err = {0};
        struct sy_sector sector = sector_in(SY_SECTOR_GetTicket);
        assert_int_equal(open_set(texts[i], "test", &set, &err), 0);
        sy_plugin_set_feed_sector(set, &sector, true, &err);
        uint64_t started_ms = sy_env_boot_ms(sy_env_real());
        sy_plugin_set_run(set);
        turn_until(&seen.tickets, 1);
        assert_true(sy_env_boot_ms(sy_env_real()) - started_ms >= SY_PLUGIN_BACKOFF_FIRST_MS);
        assert_int_equal(status_number(set, "failures"), 1);
        close_set(set);
    }
}

static void what_does_not_fit_is_not_loaded(void **state)
{
    static const struct {
        const char *text, *name, *part;
        int code;
    } cases[] = {
        {"[plugin.missing]\n", "missing", "missing", SY_E_NOT_FOUND},
        {"[plugin.oldabi]\n", "oldabi", "ABI", SY_E_VERSION},
        {"[plugin.liar]\n", "liar", "calls itself", SY_E_ARG},
        {"[plugin.test]\nrefuse = true\n", "test", "told to refuse", 0},
        {"[plugin.test]\nfailures = \"x\"\n", "test", "failures", 0},
    };
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(cases); i++) {
        struct sy_plugin_set *set = NULL;
        struct sy_error err = {0};
        int rc = open_set(cases[i].text, cases[i].name, &set, &err);
        assert_int_not_equal(rc, 0);
        if (cases[i].code)
            assert_int_equal(rc, -cases[i].code);
        if (!strstr(err.text, cases[i].part))
            fail_msg("case %zu: %s", i, err.text);
        assert_null(set);
        close_set(NULL);
    }
}

/* ---- the queues by themselves */

static struct sy_plugin_row_ref *take(struct sy_plugin_rows *rows, size_t plugin, uint64_t now_ms)
{
    enum sy_plugin_row_kind kind;
    const void *data = NULL;
    size_t bytes = 0;
    return sy_plugin_rows_take(rows, plugin, now_ms, &kind, &data, &bytes);
}

static void newest_row_is_seen_once_per_plugin(void **state)
{
    struct sy_plugin_rows *rows = sy_plugin_rows_create(2);
    const void *data = NULL;
    size_t bytes = 0;
    (void)state;
    assert_non_null(rows);
    assert_int_equal(sy_plugin_rows_put(rows, SY_PLUGIN_ROW_SECTOR, "s1", true, "a", 1, NULL), 0);
    assert_int_equal(sy_plugin_rows_put(rows, SY_PLUGIN_ROW_SECTOR, "s1", true, "bb", 2, NULL), 0);
    struct sy_plugin_row_ref *ref = take(rows, 0, 0);
    assert_non_null(ref);
    assert_null(take(rows, 0, 0));
    assert_true(sy_plugin_rows_get(rows, "s1", &data, &bytes));
    assert_int_equal(bytes, 2);
    /* a version that comes while the row is in hand makes it come again */
    sy_plugin_rows_put(rows, SY_PLUGIN_ROW_SECTOR, "s1", true, "c", 1, NULL);
    assert_int_equal(sy_plugin_rows_done(rows, 0, ref, true, 0), 0);
    ref = take(rows, 0, 0);
    assert_non_null(ref);
    sy_plugin_rows_done(rows, 0, ref, true, 0);
    assert_null(take(rows, 0, 0));
    assert_int_equal(sy_plugin_rows_due(rows, 1), 0); /* the other plugin has its own queue */
    sy_plugin_rows_destroy(rows);
}

static void dead_row_goes_when_all_have_seen_it(void **state)
{
    struct sy_plugin_rows *rows = sy_plugin_rows_create(2);
    const void *data = NULL;
    size_t bytes = 0;
    (void)state;
    sy_plugin_rows_put(rows, SY_PLUGIN_ROW_MESSAGE, "m1", false, "a", 1, NULL);
    sy_plugin_rows_done(rows, 0, take(rows, 0, 0), true, 0);
    assert_true(sy_plugin_rows_get(rows, "m1", &data, &bytes));
    sy_plugin_rows_done(rows, 1, take(rows, 1, 0), true, 0);
    assert_false(sy_plugin_rows_get(rows, "m1", &data, &bytes));
    sy_plugin_rows_destroy(rows);
}

static void backoff_doubles_to_its_limit(void **state)
{
    struct sy_plugin_rows *rows = sy_plugin_rows_create(1);
    uint64_t now_ms = 0, wait_ms = 0;
    (void)state;
    sy_plugin_rows_put(rows, SY_PLUGIN_ROW_SECTOR, "s1", true, "a", 1, NULL);
    for (int i = 0; i < 10; i++) {
        struct sy_plugin_row_ref *ref = take(rows, 0, now_ms);
        assert_non_null(ref);
        uint64_t next_ms = sy_plugin_rows_done(rows, 0, ref, false, now_ms);
        assert_true(next_ms == (wait_ms ? SY_MIN(wait_ms * 2, (uint64_t)SY_PLUGIN_BACKOFF_MAX_MS)
                                        : SY_PLUGIN_BACKOFF_FIRST_MS));
        wait_ms = next_ms;
        assert_null(take(rows, 0, now_ms + wait_ms - 1));
        now_ms += wait_ms;
        assert_int_equal(sy_plugin_rows_due(rows, 0), now_ms);
    }
    sy_plugin_rows_destroy(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_go_out_and_proposals_come_in),
        cmocka_unit_test(refused_proposals_are_counted_and_harmless),
        cmocka_unit_test(failing_row_comes_again_after_a_pause),
        cmocka_unit_test(what_does_not_fit_is_not_loaded),
        cmocka_unit_test(newest_row_is_seen_once_per_plugin),
        cmocka_unit_test(dead_row_goes_when_all_have_seen_it),
        cmocka_unit_test(backoff_doubles_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
