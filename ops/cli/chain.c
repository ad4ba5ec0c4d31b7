/* sealyard chain: head. */
#include "ops/cli/cli.h"

static int run_head(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    (void)argv;
    struct sy_msg_query query = {.what = "chain-head"};
    if (argc != 1)
        return SY_EXIT_USAGE;
    return sy_cli_show(cli, &query, err);
}

static const struct sy_cli_command commands[] = {
    {"chain", "head", "", "the chain head as the chain plugin sees it", "sealyard chain head",
     run_head},
};
const struct sy_cli_noun sy_cli_chain = {commands, SY_ARRAY_SIZE(commands)};
