/* sealyard jobs: list, show, cancel, wait. */
#include "ops/cli/cli.h"

static void print_created(const json_t *row, char *text, size_t text_bytes)
{
    sy_cli_time(json_integer_value(json_object_get(row, "created_ms")), text, text_bytes);
}

static const struct sy_cli_column columns[] = {
    {"JOB", "id", NULL, true, NULL},          {"KIND", "kind", NULL, false, NULL},
    {"STATE", "state", NULL, false, NULL},    {"MINER", "miner", NULL, false, NULL},
    {"SECTORS", "sectors", NULL, true, NULL}, {"CREATED", NULL, NULL, false, print_created},
    {"BY", "submitter", NULL, false, NULL},   {"ERROR", "error", "", false, NULL},
};

static int run_list(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    (void)argv;
    return sy_cli_list(cli, argc, "jobs", columns, SY_ARRAY_SIZE(columns), err);
}

static int parse_job(int argc, char **argv, uint64_t *ret, struct sy_error *err)
{
    if (argc == 2 && sy_cli_parse_number(argv[1], "job", ret, err) == 0)
        return 0;
    if (err->code)
        sy_cli_complain("%s", err->text);
    return SY_EXIT_USAGE;
}

static int run_show(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct sy_msg_query query = {.what = "job"};
    if (parse_job(argc, argv, &query.id, err) != 0)
        return SY_EXIT_USAGE;
    return sy_cli_show(cli, &query, err);
}

static int run_cancel(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    uint64_t id;
    json_t *reply = NULL;
    if (parse_job(argc, argv, &id, err) != 0)
        return SY_EXIT_USAGE;
    if (sy_cli_command(cli, "job-cancel", id, 0, NULL, NULL, &reply, err) != 0)
        return sy_cli_exit_code(err);
    return sy_cli_finish(cli, reply, err);
}

static int run_wait(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    uint64_t id;
    if (parse_job(argc, argv, &id, err) != 0)
        return SY_EXIT_USAGE;
    int rc = sy_cli_wait_job(cli, id, err);
    if (rc == 0)
        return run_show(cli, argc, argv, err);
    return rc == -SY_E_TIMEOUT ? SY_EXIT_TIMEOUT : sy_cli_exit_code(err);
}

static const struct sy_cli_command commands[] = {
    {"jobs", "list", "", "all jobs, newest last", "sealyard jobs list", run_list},
    {"jobs", "show", "ID", "one job with its sectors", "sealyard jobs show 4 --json", run_show},
    {"jobs", "cancel", "ID", "stop a job: sectors without a pre-commit are removed, others go on",
     "sealyard jobs cancel 4", run_cancel},
    {"jobs", "wait", "ID", "wait until a job is done or has failed",
     "sealyard jobs wait 4 --timeout 2h", run_wait},
};
const struct sy_cli_noun sy_cli_jobs = {commands, SY_ARRAY_SIZE(commands)};
