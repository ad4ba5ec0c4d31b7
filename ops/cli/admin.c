/* sealyard admin: init, fsck, dump. Run on the miner host: they work on the store itself. */
#include "ops/cli/cli.h"

#include <string.h>

/* `sealyard admin VERB ARGS` is `sealyard-scheduler VERB ARGS`; the store has one owner at a time.
 */
static int run_scheduler(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    char *words[16] = {"sealyard-scheduler"};
    int used = 1;
    if (argc + 4 > (int)SY_ARRAY_SIZE(words))
        return SY_EXIT_USAGE;
    for (int i = 0; i < argc; i++)
        words[used++] = argv[i];
    if (cli->config_path[0]) {
        words[used++] = "--config";
        words[used++] = cli->config_path;
    }
    if (cli->json)
        words[used++] = "--json";
    sy_cli_exec(words[0], words, err);
    return SY_EXIT_FAILED;
}

static const struct sy_cli_command commands[] = {
    {"admin", "init", "--config scheduler.toml",
     "create the scheduler's store, its key and the administrator's key",
     "sealyard admin init --config /etc/sealyard/scheduler.toml", run_scheduler},
    {"admin", "fsck", "--config scheduler.toml",
     "replay every event and compare with the stored rows (scheduler stopped)",
     "sealyard admin fsck --config /etc/sealyard/scheduler.toml", run_scheduler},
    {"admin", "dump", "--config scheduler.toml [--table NAME]",
     "print the store as JSON lines (scheduler stopped)",
     "sealyard admin dump --config /etc/sealyard/scheduler.toml --table sectors", run_scheduler},
};
const struct sy_cli_noun sy_cli_admin = {commands, SY_ARRAY_SIZE(commands)};
