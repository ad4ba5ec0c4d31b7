/* sealyard tasks: list, show, why, log. */
#include "ops/cli/cli.h"

#include <stdio.h>

static void print_progress(const json_t *row, char *text, size_t text_bytes)
{
    const json_t *progress = json_object_get(row, "progress");
    double total = json_number_value(json_object_get(progress, "total"));
    double done = json_number_value(json_object_get(progress, "done"));
    const char *phase = json_string_value(json_object_get(progress, "phase"));
    text[0] = 0;
    if (total > 0)
        snprintf(text, text_bytes, "%.0f%% %s", 100 * done / total, phase ? phase : "");
}

static const struct sy_cli_column columns[] = {
    {"TASK", "id", NULL, true, NULL},
    {"STAGE", "stage", NULL, false, NULL},
    {"SECTOR", "number", NULL, true, NULL},
    {"STATE", "state", NULL, false, NULL},
    {"ATTEMPT", "attempt", NULL, true, NULL},
    {"AGENT", "agent", NULL, false, NULL},
    {"PROGRESS", NULL, "", false, print_progress},
    {"ERROR", "error", "", false, NULL},
};

static int run_list(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    (void)argv;
    return sy_cli_list(cli, argc, "tasks", columns, SY_ARRAY_SIZE(columns), err);
}

static int parse_task(int argc, char **argv, uint64_t *ret, struct sy_error *err)
{
    if (argc == 2 && sy_cli_parse_number(argv[1], "task", ret, err) == 0)
        return 0;
    if (err->code)
        sy_cli_complain("%s", err->text);
    return SY_EXIT_USAGE;
}

static int show(struct sy_cli *cli, const char *what, int argc, char **argv, struct sy_error *err)
{
    struct sy_msg_query query = {0};
    snprintf(query.what, sizeof query.what, "%s", what);
    if (parse_task(argc, argv, &query.id, err) != 0)
        return SY_EXIT_USAGE;
    return sy_cli_show(cli, &query, err);
}

static int run_show(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    return show(cli, "task", argc, argv, err);
}

static const struct sy_cli_column why_columns[] = {
    {"AGENT", "agent", "(all)", false, NULL},
    {"REASON", "reason", NULL, false, NULL},
};

static int run_why(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct sy_msg_query query = {.what = "task-why"};
    json_t *reply = NULL;
    if (parse_task(argc, argv, &query.id, err) != 0)
        return SY_EXIT_USAGE;
    if (sy_cli_query(cli, &query, &reply, err) != 0)
        return sy_cli_exit_code(err);
    json_t *rows = json_object_get(reply, "rows");
    int rc = cli->json || !json_is_array(rows)
                 ? sy_cli_print_object(cli, reply, err)
                 : sy_cli_print_rows(cli, rows, why_columns, SY_ARRAY_SIZE(why_columns), err);
    json_decref(reply);
    return rc == 0 ? SY_EXIT_DONE : SY_EXIT_FAILED;
}

static int run_log(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct sy_msg_fetch fetch = {.what = "task-log", .bytes = SY_CHUNK_BYTES_MAX};
    if (parse_task(argc, argv, &fetch.id, err) != 0)
        return SY_EXIT_USAGE;
    for (;;) {
        const struct sy_frame *frame;
        if (sy_cli_call(cli, SY_MSG_FETCH, &fetch, &frame, err) != 0)
            return sy_cli_exit_code(err);
        const struct sy_msg_chunk *chunk = frame->body;
        if (frame->type != SY_MSG_CHUNK) {
            sy_fail(err, SY_E_REMOTE, "the scheduler answered with a %s frame",
                    sy_msg_name(frame->type));
            return SY_EXIT_FAILED;
        }
        fwrite(chunk->data.data, 1, chunk->data.bytes, stdout);
        fetch.offset_bytes += chunk->data.bytes;
        if (chunk->data.bytes == 0 || fetch.offset_bytes >= chunk->total_bytes)
            return SY_EXIT_DONE;
    }
}

static const struct sy_cli_command commands[] = {
    {"tasks", "list", "", "tasks that wait or run, and the last finished ones",
     "sealyard tasks list --json", run_list},
    {"tasks", "show", "ID", "one task with its attempts", "sealyard tasks show 7", run_show},
    {"tasks", "why", "ID", "why a task does not run, agent by agent", "sealyard tasks why 7",
     run_why},
    {"tasks", "log", "ID", "what the last attempt wrote to its log", "sealyard tasks log 7",
     run_log},
};
const struct sy_cli_noun sy_cli_tasks = {commands, SY_ARRAY_SIZE(commands)};
