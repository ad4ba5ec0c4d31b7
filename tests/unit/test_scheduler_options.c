/* scheduler.toml: what it may say, and that mistakes name their line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "scheduler/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char directory[64], path[96];
static struct sy_scheduler_options *options;

static int setup(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/sealyard-options-XXXXXX");
    options = calloc(1, sizeof *options);
    if (!mkdtemp(directory) || !options)
        return -1;
    snprintf(path, sizeof path, "%s/scheduler.toml", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sy_scheduler_options_fini(options);
    free(options);
    return sy_file_remove_tree(directory, NULL);
}

static int load(const char *text, struct sy_error *err)
{
    assert_int_equal(sy_file_write(path, text, strlen(text), 0600, NULL), 0);
    int rc = sy_scheduler_options_load(options, path, err);
    if (rc == 0)
        rc = sy_scheduler_options_finish(options, err);
    return rc;
}

static void whole_file_is_read(void **state)
{
    struct sy_error err = {0};
    char expected[160];
    (void)state;
    int rc = load("policy = \"p.toml\"\n[scheduler]\ndir = \"data\"\n"
                  "listen = [\"tcp://0.0.0.0:1\", \"tcp://127.0.0.1:2\"]\nmap_bytes = \"64MiB\"\n"
                  "log_level = \"debug\"\nplugin_dir = \"/lib\"\n"
                  "[[miner]]\nactor = 1000\nsector_size = \"2KiB\"\n"
                  "[[miner]]\nactor = 1001\nproof_type = \"StackedDrg8MiBV1_1\"\n",
                  &err);
    if (rc)
        fail_msg("%s", err.text);
    snprintf(expected, sizeof expected, "%s/data/store", directory);
    assert_string_equal(options->store_path, expected);
    snprintf(expected, sizeof expected, "%s/p.toml", directory);
    assert_string_equal(options->policy_path, expected);
    assert_string_equal(options->plugin_directory, "/lib");
    assert_int_equal(options->endpoint_count, 3);
    assert_string_equal(options->endpoints[1], "tcp://127.0.0.1:2");
    snprintf(expected, sizeof expected, "ipc://%s/data/scheduler.ipc", directory);
    assert_string_equal(options->endpoints[2], expected);
    assert_int_equal(options->map_bytes, 64 << 20);
    assert_int_equal(options->log_level, SY_LOG_DEBUG);
    assert_int_equal(options->miner_count, 2);
    assert_int_equal(options->miners[0].proof_type, 5);
    assert_int_equal(options->miners[1].sector_bytes, 8 << 20);
}

static void short_file_has_defaults(void **state)
{
    struct sy_error err = {0};
    (void)state;
    assert_int_equal(load("[scheduler]\ndir = \"/data\"\n", &err), 0);
    assert_string_equal(options->endpoints[0], "tcp://127.0.0.1:7710");
    assert_int_equal(options->endpoint_count, 2);
    assert_int_equal(options->map_bytes, 1 << 30);
    assert_string_equal(options->policy_path, "");
    assert_int_equal(options->miner_count + options->plugin_count, 0);
}

static void mistakes_are_refused_with_their_place(void **state)
{
#define HEAD "[scheduler]\ndir = \"/data\"\n"
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"[scheduler]\n", "dir"},
        {"", "scheduler"},
        {HEAD "colour = 3\n", "colour"},
        {HEAD "listen = [\"udp://x\"]\n", "udp://x"},
        {HEAD "map_bytes = \"1MiB\"\n", "map_bytes"},
        {HEAD "log_level = \"loud\"\n", "loud"},
        {HEAD "[[miner]]\nsector_size = \"2KiB\"\n", "actor"},
        {HEAD "[[miner]]\nactor = 1000\n", "sector_size"},
        {HEAD "[[miner]]\nactor = 1000\nsector_size = \"3KiB\"\n", "3"},
        {HEAD "[[miner]]\nactor = 1000\nproof_type = \"StackedDrgXV1\"\n", "StackedDrgXV1"},
        {HEAD "[[miner]]\nactor = 1000\nsector_size = \"2KiB\"\nproof_type = \"x\"\n", "either"},
        {HEAD "[[miner]]\nactor = 1\nsector_size = \"2KiB\"\n"
              "[[miner]]\nactor = 1\nsector_size = \"2KiB\"\n",
         "twice"},
        {HEAD "[plugin.\"Chain Plugin\"]\n", "Chain Plugin"},
        {HEAD "[plugin.chain]\nnode = \"x\"\n", "node"}, /* nobody took the plugin's key */
    };
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(cases); i++) {
        struct sy_error err = {0};
        int rc = load(cases[i].text, &err);
        sy_scheduler_options_fini(options);
        if (rc == 0 || !strstr(err.text, cases[i].part) || !strstr(err.text, "scheduler.toml"))
            fail_msg("case %zu: rc %d \"%s\"", i, rc, err.text);
    }
}

static void too_long_directory_cannot_hold_the_local_endpoint(void **state)
{
    struct sy_error err = {0};
    char text[300];
    (void)state;
    snprintf(text, sizeof text, "[scheduler]\ndir = \"/%0110d\"\n", 1);
    assert_int_not_equal(load(text, &err), 0);
    assert_non_null(strstr(err.text, "107"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(whole_file_is_read),
        T(short_file_has_defaults),
        T(mistakes_are_refused_with_their_place),
        T(too_long_directory_cannot_hold_the_local_endpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
