/* sealyard: argument frame and exit codes. */
#include "ops/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const struct sy_cli_noun *const nouns[] = {
    &sy_cli_status, &sy_cli_sectors, &sy_cli_jobs,   &sy_cli_tasks,  &sy_cli_agents, &sy_cli_stores,
    &sy_cli_pieces, &sy_cli_chain,   &sy_cli_policy, &sy_cli_params, &sy_cli_admin,
};

void sy_cli_complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("sealyard: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static void print_command_line(FILE *out, const struct sy_cli_command *command)
{
    fprintf(out, "  sealyard %s%s%s %s\n      %s\n", command->noun, command->verb ? " " : "",
            command->verb ? command->verb : "", command->arguments, command->summary);
}

static void print_help(FILE *out)
{
    fputs(
        "sealyard: seal Filecoin sectors on a cluster\n\n"
        "usage: sealyard [options] NOUN VERB [arguments]\n\n"
        "options (anywhere before --):\n"
        "  --json                 results as one JSON document\n"
        "  --config FILE          where the scheduler and the keys are (default: "
        "$SEALYARD_CONFIG,\n"
        "                         ~/.config/sealyard/sealyard.toml, /etc/sealyard/sealyard.toml)\n"
        "  --scheduler ENDPOINT   tcp://HOST:PORT or ipc://PATH, in place of the configured one\n"
        "  --timeout TIME         of one call (default 5s); with --wait of the whole wait\n"
        "  --help, --version\n\ncommands:\n",
        out);
    for (size_t n = 0; n < SY_ARRAY_SIZE(nouns); n++)
        for (size_t c = 0; c < nouns[n]->count; c++)
            print_command_line(out, &nouns[n]->commands[c]);
    fputs("\nexample:\n  sealyard sectors pledge --count 2 --wait\n\n"
          "exit status: 0 done, 1 refused or failed, 2 usage, 3 scheduler not reachable,\n"
          "4 timed out while waiting\n",
          out);
}

static void print_command_help(const struct sy_cli_command *command)
{
    printf("usage: sealyard %s%s%s %s\n\n%s\n\nexample:\n  %s\n", command->noun,
           command->verb ? " " : "", command->verb ? command->verb : "", command->arguments,
           command->summary, command->example);
}

int sy_cli_usage(const struct sy_cli_command *command)
{
    fputs("usage:\n", stderr);
    print_command_line(stderr, command);
    fprintf(stderr, "example:\n  %s\n", command->example);
    return SY_EXIT_USAGE;
}

int sy_cli_exit_code(const struct sy_error *err)
{
    switch (err->code) {
    case SY_E_UNREACHABLE:
    case SY_E_AUTH:
    case SY_E_TIMEOUT:
        return SY_EXIT_UNREACHABLE;
    default:
        return SY_EXIT_FAILED;
    }
}

int sy_cli_exec(const char *program, char **argv, struct sy_error *err)
{
    char self[SY_PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
        self[length] = 0;
        char *slash = strrchr(self, '/');
        char beside[SY_PATH_BYTES];
        if (slash) {
            *slash = 0;
            if (sy_path_format(beside, err, "%s/%s", self, program) == 0)
                execv(beside, argv);
        }
    }
    execvp(program, argv);
    return sy_fail_errno(err, errno, "run %s: is it installed beside sealyard?", program);
}

/* Takes one global option at argv[i]; returns how many words it used, 0 = not ours, -1 = bad. */
static int take_global(struct sy_cli *cli, int argc, char **argv, int i, struct sy_error *err)
{
    const char *word = argv[i];
    if (strcmp(word, "--json") == 0) {
        cli->json = true;
        return 1;
    }
    bool config = strcmp(word, "--config") == 0;
    bool scheduler = strcmp(word, "--scheduler") == 0;
    bool timeout = strcmp(word, "--timeout") == 0;
    if (!config && !scheduler && !timeout)
        return 0;
    if (i + 1 >= argc) {
        sy_fail(err, SY_E_ARG, "%s needs a value", word);
        return -1;
    }
    const char *value = argv[i + 1];
    if (config && sy_path_format(cli->config_path, err, "%s", value) != 0)
        return -1;
    if (scheduler && strlen(value) >= sizeof cli->endpoint) {
        sy_fail(err, SY_E_LIMIT, "--scheduler is longer than %zu characters",
                sizeof cli->endpoint - 1);
        return -1;
    }
    if (scheduler)
        memcpy(cli->endpoint, value, strlen(value) + 1);
    if (timeout && sy_duration_parse(value, &cli->timeout_ms, err) != 0)
        return -1;
    return 2;
}

/* Moves the global options out of argv; what stays keeps its order. */
static int take_globals(struct sy_cli *cli, int *argc, char **argv, struct sy_error *err)
{
    int kept = 1;
    bool ours = true;
    for (int i = 1; i < *argc;) {
        if (strcmp(argv[i], "--") == 0)
            ours = false;
        int used = ours ? take_global(cli, *argc, argv, i, err) : 0;
        if (used < 0)
            return -err->code;
        if (used == 0)
            argv[kept++] = argv[i++];
        i += used;
    }
    argv[kept] = NULL;
    *argc = kept;
    return 0;
}

static const struct sy_cli_command *find_command(const char *noun, const char *verb,
                                                 bool *ret_noun_known)
{
    *ret_noun_known = false;
    for (size_t n = 0; n < SY_ARRAY_SIZE(nouns); n++) {
        if (strcmp(nouns[n]->commands[0].noun, noun) != 0)
            continue;
        *ret_noun_known = true;
        for (size_t c = 0; c < nouns[n]->count; c++) {
            const struct sy_cli_command *command = &nouns[n]->commands[c];
            if (!command->verb || (verb && strcmp(command->verb, verb) == 0))
                return command;
        }
    }
    return NULL;
}

static int complain_unknown(const char *noun, const char *verb, bool noun_known)
{
    if (!noun_known) {
        sy_cli_complain("there is no noun '%s': see sealyard --help", noun);
        return SY_EXIT_USAGE;
    }
    sy_cli_complain("'%s' has no verb '%s'; it has:", noun, verb ? verb : "");
    for (size_t n = 0; n < SY_ARRAY_SIZE(nouns); n++)
        for (size_t c = 0; c < nouns[n]->count; c++)
            if (strcmp(nouns[n]->commands[c].noun, noun) == 0)
                print_command_line(stderr, &nouns[n]->commands[c]);
    return SY_EXIT_USAGE;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0)
            return true;
    return false;
}

static int run(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    if (take_globals(cli, &argc, argv, err) != 0) {
        sy_cli_complain("%s", err->text);
        return SY_EXIT_USAGE;
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? SY_EXIT_USAGE : SY_EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("sealyard " SY_VERSION);
        return SY_EXIT_DONE;
    }
    bool noun_known;
    const char *verb = argc > 2 ? argv[2] : NULL;
    const struct sy_cli_command *command = find_command(argv[1], verb, &noun_known);
    if (!command)
        return complain_unknown(argv[1], verb, noun_known);
    if (wants_help(argc, argv)) {
        print_command_help(command);
        return SY_EXIT_DONE;
    }
    int skip = command->verb ? 2 : 1;
    int code = command->run(cli, argc - skip, argv + skip, err);
    if (code == SY_EXIT_USAGE)
        sy_cli_usage(command);
    return code;
}

int main(int argc, char **argv)
{
    static struct sy_cli cli;
    struct sy_error err = {0};
    sy_log_set_level(SY_LOG_ERROR);
    int code = run(&cli, argc, argv, &err);
    if (code != SY_EXIT_DONE && code != SY_EXIT_USAGE && err.code != 0)
        sy_cli_complain("%s", err.text);
    sy_client_destroy(cli.client);
    sy_keypair_wipe(&cli.key);
    if (fflush(stdout) != 0 && code == SY_EXIT_DONE) {
        sy_cli_complain("standard output cannot be written: %s", strerror(errno));
        code = SY_EXIT_FAILED;
    }
    return code;
}
