/* sealyard status: one screen. */
#include "ops/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>

static void print_chain(const json_t *status)
{
    char network[128], height[32];
    const json_t *head = json_object_get(status, "chain_head");
    sy_cli_text(head, "network", network, sizeof network);
    sy_cli_text(head, "height", height, sizeof height);
    printf("chain    %s height %s\n", network[0] ? network : "not reached yet", height);
}

/* "name  key 1  key 2" for the counts of one object; zeros are left out. */
static void print_counts(const json_t *status, const char *key)
{
    const char *name;
    json_t *value;
    printf("%-8s", key);
    json_object_foreach(json_object_get(status, key), name, value)
    {
        if (json_is_integer(value) && json_integer_value(value) > 0)
            printf(" %s %lld ", name, (long long)json_integer_value(value));
    }
    putchar('\n');
}

static long long count_of(const json_t *counts, const char *key)
{
    return (long long)json_integer_value(json_object_get(counts, key));
}

static void print_tasks(const json_t *status)
{
    const char *stage;
    json_t *counts;
    printf("tasks    %-8s %8s %8s %8s %8s\n", "STAGE", "QUEUED", "RUNNING", "DONE", "FAILED");
    json_object_foreach(json_object_get(status, "tasks"), stage, counts)
        printf("         %-8s %8lld %8lld %8lld %8lld\n", stage, count_of(counts, "queued"),
               count_of(counts, "leased") + count_of(counts, "running"), count_of(counts, "done"),
               count_of(counts, "failed"));
}

static void print_stores(const json_t *status)
{
    char free_text[32], total_text[32];
    const json_t *stores = json_object_get(status, "stores");
    printf(
        "stores   %lld online of %lld, %s free of %s\n", count_of(stores, "online"),
        count_of(stores, "count"),
        sy_bytes_print((uint64_t)count_of(stores, "bytes_free"), free_text, sizeof free_text),
        sy_bytes_print((uint64_t)count_of(stores, "bytes_total"), total_text, sizeof total_text));
}

static void print_plugins(const json_t *status)
{
    size_t index;
    json_t *plugin;
    json_array_foreach(json_object_get(status, "plugins"), index, plugin)
    {
        char name[64], error[320];
        sy_cli_text(plugin, "name", name, sizeof name);
        sy_cli_text(plugin, "error", error, sizeof error);
        printf("%-8s %s: %s\n", index == 0 ? "plugins" : "", name, error[0] ? error : "well");
    }
}

static void print_alarms(const json_t *status)
{
    const json_t *alarms = json_object_get(status, "alarms");
    size_t index;
    json_t *alarm;
    if (json_array_size(alarms) == 0)
        puts("alarms   none");
    json_array_foreach(alarms, index, alarm)
    {
        char *text = json_is_string(alarm) ? NULL : json_dumps(alarm, JSON_COMPACT);
        printf("%-8s %s\n", index == 0 ? "alarms" : "", text ? text : json_string_value(alarm));
        free(text);
    }
}

static int run_status(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    (void)argv;
    struct sy_msg_query query = {.what = "status"};
    json_t *status = NULL;
    if (argc != 1)
        return SY_EXIT_USAGE;
    if (sy_cli_query(cli, &query, &status, err) != 0)
        return sy_cli_exit_code(err);
    if (cli->json) {
        sy_cli_print_json(status);
    } else {
        print_chain(status);
        print_counts(status, "sectors");
        print_tasks(status);
        print_counts(status, "agents");
        print_stores(status);
        print_plugins(status);
        print_alarms(status);
    }
    json_decref(status);
    return SY_EXIT_DONE;
}

static const struct sy_cli_command commands[] = {
    {"status", NULL, "", "chain head, sectors by state, tasks by stage, agents, stores, alarms",
     "sealyard status", run_status},
};
const struct sy_cli_noun sy_cli_status = {commands, SY_ARRAY_SIZE(commands)};
