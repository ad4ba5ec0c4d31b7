#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/file.h"
#include "policies/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse(const char *text, struct sy_policy *ret, struct sy_error *err)
{
    return sy_policy_parse(ret, text, strlen(text), "test.toml", err);
}

static void shipped_file_says_the_defaults(void **context)
{
    (void)context;
    struct sy_policy preset, file;
    struct sy_error err = {0};
    sy_policy_init(&preset);
    assert_int_equal(sy_policy_check(&preset, &err), 0);
    if (sy_policy_load(&file, SY_POLICY_DIR "/default.toml", &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(sy_policy_compare(&preset, &file, NULL, NULL), 0);
    assert_int_equal(preset.heartbeat_ms, 2000);
    assert_int_equal(preset.takeover_ms[SY_STAGE_PC1], 30 * 60000);
    assert_int_equal(preset.attempts_max, 3);
    assert_int_equal(preset.precommit_batch_threshold, 16);
    assert_int_equal(preset.store_reserve_percent, 80);
    assert_int_equal(preset.output_keep_ms, 24 * 3600000);
}

struct seen {
    const char *text;
    unsigned missing;
};

static void must_stand_in_file(void *ctx, const char *key, const char *value)
{
    struct seen *seen = ctx;
    char line[128];
    const char *name = strchr(key, '.') + 1;
    bool number = value[strspn(value, "0123456789")] == '\0';
    (void)snprintf(line, sizeof(line), number ? "\n%s = %s\n" : "\n%s = \"%s\"\n", name, value);
    if (strstr(seen->text, line) == NULL) {
        print_error("default.toml has no line%s", line);
        seen->missing++;
    }
}

static void every_key_stands_in_the_shipped_file(void **context)
{
    (void)context;
    struct sy_policy preset;
    struct seen seen = {0};
    char *text = NULL;
    size_t bytes = 0;
    sy_policy_init(&preset);
    assert_int_equal(sy_file_read(SY_POLICY_DIR "/default.toml", 1 << 20, &text, &bytes, NULL), 0);
    seen.text = text;
    sy_policy_walk(&preset, must_stand_in_file, &seen);
    assert_int_equal(seen.missing, 0);
    free(text);
}

static void lab_is_quick_and_valid(void **context)
{
    (void)context;
    struct sy_policy lab, preset;
    struct sy_error err = {0};
    sy_policy_init(&preset);
    if (sy_policy_load(&lab, SY_POLICY_DIR "/lab.toml", &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(lab.precommit_batch_threshold, 1);
    assert_int_equal(lab.precommit_batch_max_wait_ms, 0);
    assert_true(lab.heartbeat_ms < preset.heartbeat_ms);
    assert_int_equal(lab.attempts_max, preset.attempts_max);
    assert_true(sy_policy_compare(&preset, &lab, NULL, NULL) > 10);
}

static void refused(const char *text, int code, const char *hint)
{
    struct sy_error err = {0};
    struct sy_policy policy;
    memset(&policy, 0x77, sizeof(policy));
    struct sy_policy before = policy;
    int rc = parse(text, &policy, &err);
    if (rc != -code || strstr(err.text, hint) == NULL)
        fail_msg("'%s' gives %d '%s', expected %d and '%s'", text, rc, err.text, -code, hint);
    assert_memory_equal(&policy, &before, sizeof(policy));
}

static void wrong_files_are_refused_whole(void **context)
{
    (void)context;
    refused("[retry]\nattempts_maxx = 3\n", SY_E_UNKNOWN_KEY, "attempts_max");
    refused("[nonsense]\na = 3\n", SY_E_UNKNOWN_KEY, "nonsense");
    refused("[retry]\nattempts_max = 0\n", SY_E_RANGE, "attempts_max");
    refused("[agents]\nheartbeat = \"10ms\"\n", SY_E_ARG, "test.toml:2: heartbeat: 10ms");
    refused("[agents]\nheartbeat = \"11s\"\n", SY_E_RANGE, "suspect_after");
    refused("[agents]\nsuspect_after = \"30s\"\n", SY_E_RANGE, "dead_after");
    refused("[retry]\nbackoff_first = \"20m\"\n", SY_E_RANGE, "backoff_max");
    refused("[delivery]\nresend_first = \"31s\"\n", SY_E_RANGE, "resend_max");
    refused("[limits]\nidentity_burst = 10\n", SY_E_RANGE, "identity_rate");
    refused("[store]\nreserve_percent = 99\n", SY_E_RANGE, "reserve_percent");
    refused("[retry\n", SY_E_PARSE, "test.toml");
}

static void limits_themselves_are_fine(void **context)
{
    (void)context;
    struct sy_policy policy;
    struct sy_error err = {0};
    assert_int_equal(parse("[retry]\nattempts_max = 1\nbackoff_first = \"10m\"\n", &policy, &err),
                     0);
    assert_int_equal(
        parse("[store]\nreserve_percent = 95\n[agents]\nheartbeat = \"50ms\"\n", &policy, &err), 0);
    assert_int_equal(parse("", &policy, &err), 0);
    char *big = malloc(SY_POLICY_BYTES_MAX + 2);
    assert_non_null(big);
    memset(big, '\n', SY_POLICY_BYTES_MAX + 1);
    big[SY_POLICY_BYTES_MAX + 1] = '\0';
    assert_int_equal(parse(big, &policy, &err), -SY_E_LIMIT);
    free(big);
    assert_int_equal(sy_policy_load(&policy, "/nonexistent/policy.toml", &err), -SY_E_NOT_FOUND);
}

static void check_finds_what_code_set(void **context)
{
    (void)context;
    struct sy_policy policy;
    struct sy_error err = {0};
    sy_policy_init(&policy);
    policy.lifetime_days = 0;
    assert_int_equal(sy_policy_check(&policy, &err), -SY_E_RANGE);
    assert_non_null(strstr(err.text, "lifetime_days"));
}

static void note_key(void *ctx, const char *key, const char *a, const char *b)
{
    assert_string_equal(key, "sealing.scratch_spare");
    assert_string_equal(a, "1GiB");
    assert_string_equal(b, "1536MiB");
    (*(unsigned *)ctx)++;
}

static void compare_names_the_key(void **context)
{
    (void)context;
    struct sy_policy a, b;
    unsigned count = 0;
    sy_policy_init(&a);
    sy_policy_init(&b);
    b.scratch_spare_bytes = 1536ull << 20;
    assert_int_equal(sy_policy_compare(&a, &b, note_key, &count), 1);
    assert_int_equal(count, 1);
    json_t *json = sy_policy_to_json(&b);
    assert_non_null(json);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json, "sealing"), "scratch_spare")),
        "1536MiB");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "retry"), "attempts_max")), 3);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_file_says_the_defaults),
        cmocka_unit_test(every_key_stands_in_the_shipped_file),
        cmocka_unit_test(lab_is_quick_and_valid),
        cmocka_unit_test(wrong_files_are_refused_whole),
        cmocka_unit_test(limits_themselves_are_fine),
        cmocka_unit_test(check_finds_what_code_set),
        cmocka_unit_test(compare_names_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
