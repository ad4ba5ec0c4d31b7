/* sealyard agents: list, show, enroll, revoke, pause, resume. */
#include "ops/cli/cli.h"

#include <stdio.h>
#include <string.h>

static void print_seen(const json_t *row, char *text, size_t text_bytes)
{
    sy_cli_time(json_integer_value(json_object_get(row, "last_seen_ms")), text, text_bytes);
}

static void print_slots(const json_t *row, char *text, size_t text_bytes)
{
    size_t used = 0, index;
    json_t *slot;
    text[0] = 0;
    json_array_foreach(json_object_get(row, "slots"), index, slot)
    {
        const char *stage = json_string_value(json_object_get(slot, "stage"));
        long long count = json_integer_value(json_object_get(slot, "count"));
        if (stage && count > 0 && used + 24 < text_bytes)
            used += (size_t)snprintf(text + used, text_bytes - used, "%s%s:%lld", used ? " " : "",
                                     stage, count);
    }
}

static const struct sy_cli_column columns[] = {
    {"AGENT", "name", NULL, false, NULL},      {"LIVENESS", "liveness", NULL, false, NULL},
    {"PAUSED", "paused", NULL, false, NULL},   {"RUNNING", "running", "0", true, NULL},
    {"SLOTS", NULL, NULL, false, print_slots}, {"LAST SEEN", NULL, NULL, false, print_seen},
    {"VERSION", "version", NULL, false, NULL},
};

static int run_list(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    (void)argv;
    return sy_cli_list(cli, argc, "agents", columns, SY_ARRAY_SIZE(columns), err);
}

static bool take_name(int argc, char **argv, struct sy_error *err)
{
    if (argc == 2 && sy_name_check(argv[1], err) == 0)
        return true;
    if (err->code)
        sy_cli_complain("%s", err->text);
    return false;
}

static int run_show(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct sy_msg_query query = {.what = "agent"};
    if (!take_name(argc, argv, err))
        return SY_EXIT_USAGE;
    memcpy(query.text, argv[1], strlen(argv[1]) + 1);
    return sy_cli_show(cli, &query, err);
}

static int command_name(struct sy_cli *cli, const char *verb, int argc, char **argv,
                        struct sy_error *err)
{
    json_t *reply = NULL;
    if (!take_name(argc, argv, err))
        return SY_EXIT_USAGE;
    if (sy_cli_command(cli, verb, 0, 0, argv[1], NULL, &reply, err) != 0)
        return sy_cli_exit_code(err);
    return sy_cli_finish(cli, reply, err);
}

/* The token alone on standard output, so that it can be piped: it is a secret. */
static int run_enroll(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    json_t *reply = NULL;
    if (!take_name(argc, argv, err))
        return SY_EXIT_USAGE;
    if (sy_cli_command(cli, "agent-enroll", 0, 0, argv[1], NULL, &reply, err) != 0)
        return sy_cli_exit_code(err);
    const char *token = json_string_value(json_object_get(reply, "token"));
    if (cli->json) {
        sy_cli_print_json(reply);
    } else if (token) {
        puts(token);
        fprintf(stderr, "The token works once within one hour. On the agent's machine:\n"
                        "  sealyard-agent enroll --config agent.toml --token-file FILE\n");
    }
    int code = token ? SY_EXIT_DONE : SY_EXIT_FAILED;
    if (!token)
        sy_fail(err, SY_E_REMOTE, "the scheduler sent no token");
    json_decref(reply);
    return code;
}

static int run_revoke(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    return command_name(cli, "agent-revoke", argc, argv, err);
}

static int run_pause(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    return command_name(cli, "agent-pause", argc, argv, err);
}

static int run_resume(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    return command_name(cli, "agent-resume", argc, argv, err);
}

static const struct sy_cli_command commands[] = {
    {"agents", "list", "", "all agents, their slots and health", "sealyard agents list", run_list},
    {"agents", "show", "NAME", "one agent with topology and stores", "sealyard agents show p1a",
     run_show},
    {"agents", "enroll", "NAME", "print a one-time token with which an agent gets its own key",
     "sealyard agents enroll p1a > token", run_enroll},
    {"agents", "revoke", "NAME", "refuse an agent's key from now on", "sealyard agents revoke p1a",
     run_revoke},
    {"agents", "pause", "NAME", "give an agent nothing new; what runs goes on",
     "sealyard agents pause p1a", run_pause},
    {"agents", "resume", "NAME", "end a pause", "sealyard agents resume p1a", run_resume},
};
const struct sy_cli_noun sy_cli_agents = {commands, SY_ARRAY_SIZE(commands)};
