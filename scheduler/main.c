/* sealyard-scheduler: arguments, process settings, exit codes. */
#include "scheduler/admin.h"
#include "scheduler/scheduler.h"

#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_BAD_USAGE = 2,
    EXIT_NO_MEMORY = 71,
    EXIT_STORAGE = 74,
};

static const char usage_text[] =
    "usage: sealyard-scheduler --config FILE [--take-over]\n"
    "       sealyard-scheduler init   --config FILE\n"
    "       sealyard-scheduler fsck   --config FILE [--json]\n"
    "       sealyard-scheduler dump   --config FILE [--table NAME]\n"
    "       sealyard-scheduler keygen --out FILE [--config FILE --name NAME --role ROLE]\n"
    "\n"
    "Without a sub-command it runs: SIGTERM and SIGINT stop it cleanly, SIGHUP reads the policy "
    "again.\n"
    "  init     make the store, the server key and the administrator's key; repeatable\n"
    "  fsck     replay every event and compare with the stored rows\n"
    "  dump     print the store as JSON lines\n"
    "  keygen   make a key pair; with --name, let it in as viewer, operator or admin\n"
    "  --take-over   start with a store that was used on another machine\n"
    "init, fsck, dump and keygen --name need the scheduler to be stopped.\n"
    "\n"
    "Exit status: 0 done, 1 failed (fsck: found something), 2 usage, 71 out of memory at start,\n"
    "74 storage error.\n"
    "\n"
    "examples:\n"
    "  sealyard-scheduler init --config /etc/sealyard/scheduler.toml\n"
    "  sealyard-scheduler --config /etc/sealyard/scheduler.toml\n"
    "  sealyard-scheduler dump --config scheduler.toml --table sectors\n"
    "  sealyard-scheduler keygen --out anna.key --config scheduler.toml --name anna --role "
    "viewer\n";

struct arguments {
    const char *command; /* "run", "init", ... */
    const char *config;
    bool take_over, json, help, version;
    struct sy_admin_args admin;
};

enum { OPT_CONFIG = 1000, OPT_TAKE_OVER, OPT_JSON, OPT_TABLE, OPT_OUT, OPT_NAME, OPT_ROLE };

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"take-over", no_argument, NULL, OPT_TAKE_OVER},
    {"json", no_argument, NULL, OPT_JSON},
    {"table", required_argument, NULL, OPT_TABLE},
    {"out", required_argument, NULL, OPT_OUT},
    {"name", required_argument, NULL, OPT_NAME},
    {"role", required_argument, NULL, OPT_ROLE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static bool take_option(struct arguments *arguments, int option)
{
    switch (option) {
    case OPT_CONFIG:
        arguments->config = optarg;
        return true;
    case OPT_TAKE_OVER:
        arguments->take_over = true;
        return true;
    case OPT_JSON:
        arguments->json = true;
        return true;
    case OPT_TABLE:
        arguments->admin.table = optarg;
        return true;
    case OPT_OUT:
        arguments->admin.out = optarg;
        return true;
    case OPT_NAME:
        arguments->admin.name = optarg;
        return true;
    case OPT_ROLE:
        arguments->admin.role = optarg;
        return true;
    case 'h':
        arguments->help = true;
        return true;
    case 'V':
        arguments->version = true;
        return true;
    default:
        return false;
    }
}

static bool parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const char *const commands[] = {"run", "init", "fsck", "dump", "keygen"};
    for (int option; (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1;)
        if (!take_option(arguments, option))
            return false;
    arguments->command = optind < argc ? argv[optind] : "run";
    if (optind + 1 < argc)
        return false;
    if (arguments->help || arguments->version)
        return true;
    bool keygen = strcmp(arguments->command, "keygen") == 0;
    if (keygen ? !arguments->admin.out : !arguments->config)
        return false;
    for (size_t i = 0; i < SY_ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i], arguments->command) == 0)
            return true;
    return false;
}

/* Memory of this process holds keys: no core file, no ptrace by others of the same user. */
static int protect_process(struct sy_error *err)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        return sy_fail_errno(err, errno, "core dumps cannot be switched off");
    return 0;
}

static int exit_code_of(const struct sy_error *err)
{
    switch (err->code) {
    case SY_E_NOMEM:
        return EXIT_NO_MEMORY;
    case SY_E_IO:
    case SY_E_FULL:
    case SY_E_CORRUPT:
        return EXIT_STORAGE;
    default:
        return EXIT_FAILED;
    }
}

static int run_scheduler(struct sy_scheduler_options *options, bool take_over, struct sy_error *err)
{
    struct sy_scheduler_opts opts = {
        .options = options,
        .env = sy_env_real(),
        .take_over = take_over,
        .handle_signals = true,
    };
    struct sy_scheduler *scheduler = NULL;
    sy_log_set_level(options->log_level);
    if (sy_scheduler_create(&scheduler, &opts, err))
        return exit_code_of(err);
    int code = EXIT_DONE;
    if (sy_scheduler_run(scheduler, err))
        code = scheduler->failure ? EXIT_STORAGE : exit_code_of(err);
    sy_scheduler_destroy(scheduler);
    return code;
}

static int run_command(struct arguments *arguments, struct sy_scheduler_options *options,
                       struct sy_error *err)
{
    bool clean = true;
    int rc = 0;
    if (arguments->config) {
        rc = sy_scheduler_options_load(options, arguments->config, err);
        if (rc)
            return err->code == SY_E_NOMEM ? EXIT_NO_MEMORY : EXIT_FAILED;
        arguments->admin.options = options;
    }
    arguments->admin.json = arguments->json;
    if (strcmp(arguments->command, "run") == 0)
        return run_scheduler(options, arguments->take_over, err);
    if (strcmp(arguments->command, "init") == 0)
        rc = sy_admin_init(&arguments->admin, err);
    else if (strcmp(arguments->command, "fsck") == 0)
        rc = sy_admin_fsck(&arguments->admin, &clean, err);
    else if (strcmp(arguments->command, "dump") == 0)
        rc = sy_admin_dump(&arguments->admin, err);
    else
        rc = sy_admin_keygen(&arguments->admin, err);
    if (rc)
        return exit_code_of(err);
    return clean ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct sy_error err = {0};
    if (!parse_arguments(argc, argv, &arguments)) {
        fputs(usage_text, stderr);
        return EXIT_BAD_USAGE;
    }
    if (arguments.help) {
        fputs(usage_text, stdout);
        return EXIT_DONE;
    }
    if (arguments.version) {
        puts("sealyard-scheduler " SY_VERSION);
        return EXIT_DONE;
    }
    struct sy_scheduler_options *options = calloc(1, sizeof *options);
    if (!options || sodium_init() < 0) {
        fputs("sealyard-scheduler: out of memory\n", stderr);
        free(options);
        return EXIT_NO_MEMORY;
    }
    int code = protect_process(&err) ? EXIT_FAILED : run_command(&arguments, options, &err);
    if (err.code && code != EXIT_DONE)
        fprintf(stderr, "sealyard-scheduler: %s\n", err.text);
    sy_scheduler_options_fini(options);
    free(options);
    return code;
}
