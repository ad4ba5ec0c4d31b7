/* sealyard status: one screen. */
#include "ops/cli/cli.h"

static int run_status(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    (void)argv;
    struct sy_msg_query query = {.what = "status"};
    json_t *status = NULL;
    if (argc != 1)
        return SY_EXIT_USAGE;
    if (sy_cli_query(cli, &query, &status, err) != 0)
        return sy_cli_exit_code(err);
    int rc = sy_cli_print_object(cli, status, err);
    json_decref(status);
    return rc == 0 ? SY_EXIT_DONE : SY_EXIT_FAILED;
}

static const struct sy_cli_command commands[] = {
    {"status", NULL, "", "chain head, sectors by state, tasks by stage, agents, stores, alarms",
     "sealyard status", run_status},
};
const struct sy_cli_noun sy_cli_status = {commands, SY_ARRAY_SIZE(commands)};
