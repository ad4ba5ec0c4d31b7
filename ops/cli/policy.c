/* sealyard policy: show, check, reload. */
#include "ops/cli/cli.h"

#include <stdlib.h>

#include "policies/policy.h"

static int run_show(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    (void)argv;
    struct sy_msg_query query = {.what = "policy"};
    if (argc != 1)
        return SY_EXIT_USAGE;
    return sy_cli_show(cli, &query, err);
}

/* Needs no scheduler: the same reader that the scheduler uses. */
static int run_check(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct sy_policy policy;
    if (argc != 2 || argv[1][0] == '-')
        return SY_EXIT_USAGE;
    if (sy_policy_load(&policy, argv[1], err) != 0)
        return SY_EXIT_FAILED;
    return sy_cli_finish(cli, json_pack("{ss, sb}", "file", argv[1], "valid", 1), err);
}

static int run_reload(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    (void)argv;
    json_t *reply = NULL;
    if (argc != 1)
        return SY_EXIT_USAGE;
    if (sy_cli_command(cli, "policy-reload", 0, 0, NULL, NULL, &reply, err) != 0)
        return sy_cli_exit_code(err);
    return sy_cli_finish(cli, reply, err);
}

static const struct sy_cli_command commands[] = {
    {"policy", "show", "", "the policy in force", "sealyard policy show", run_show},
    {"policy", "check", "FILE", "read a policy file as the scheduler would",
     "sealyard policy check policies/default.toml", run_check},
    {"policy", "reload", "", "let the scheduler read its policy file again; all or nothing",
     "sealyard policy reload", run_reload},
};
const struct sy_cli_noun sy_cli_policy = {commands, SY_ARRAY_SIZE(commands)};
