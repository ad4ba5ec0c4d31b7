/* sealyard-devchain: the embedded development chain. */
#include "ops/devchain/http.h"

#include "common/log.h"
#include "tasks/snark/aggregate.h"
#include "tasks/snark/params_store.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXIT_USAGE 2

static const char HELP[] =
    "sealyard-devchain - a local chain with the JSON-RPC of a Filecoin node\n"
    "\n"
    "  --config FILE         read [devchain] of a TOML file first; later options override it\n"
    "  --dir DIR             where the chain, its keys and its token live (made on first start)\n"
    "  --listen ADDR:PORT    default 127.0.0.1:7720; port 0 takes a free one (see DIR/url)\n"
    "  --block-ms N          time between epochs, default 250, at least 50\n"
    "  --sector-size S[,S]   one miner per size: t01000, t01001, ... (2KiB, 8MiB, 512MiB, ...)\n"
    "  --parameters DIR      where the verifying keys of proofs are, default\n"
    "                        $" SY_PARAMS_DIRECTORY_ENV ", else\n"
    "                        " SY_PARAMS_DIRECTORY_DEFAULT "\n"
    "  --require-token       pushing messages needs the token of DIR/token\n"
    "  --log-level LEVEL     error, warn, info, debug\n"
    "  --help, --version\n"
    "\n"
    "Network \"" SY_DC_NETWORK
    "\": nothing but Groth16 proofs is accepted. They are verified with the\n"
    "keys that `sealyard params generate` or `fetch` put there, aggregates also "
    "with\n" SY_SRS_FILE_NAME "; what is missing refuses the proofs that need it.\n"
    "DIR/keys/worker.key pays and signs; its address is in worker.address.\n"
    "\n"
    "Example:\n"
    "  sealyard-devchain --dir /var/tmp/devchain --sector-size 2KiB,8MiB --block-ms 250\n"
    "  curl -s -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Filecoin.ChainHead\",\"params\":[]}' "
    "\\\n"
    "       http://127.0.0.1:7720/rpc/v1\n";

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static int add_sizes(struct sy_dc_config *config, const char *list, struct sy_error *err)
{
    char text[256], *rest = text, *size;
    if (strlen(list) >= sizeof(text))
        return sy_fail(err, SY_E_LIMIT, "--sector-size is longer than %zu", sizeof(text));
    snprintf(text, sizeof(text), "%s", list);
    config->genesis.miner_count = 0;
    while ((size = strsep(&rest, ",")) != NULL) {
        int rc = sy_dc_config_add_miner(config, size, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int set_option(struct sy_dc_config *config, int option, const char *value,
                      struct sy_error *err)
{
    enum sy_log_level level;
    char *end;
    switch (option) {
    case 'c':
        return sy_dc_config_load(config, value, err);
    case 'd':
        return sy_path_format(config->dir, err, "%s", value);
    case 'l':
        return sy_dc_config_listen(config, value, err);
    case 'b':
        config->block_ms = strtoull(value, &end, 10);
        return *end || end == value ? sy_fail(err, SY_E_PARSE, "--block-ms \"%s\"", value) : 0;
    case 's':
        return add_sizes(config, value, err);
    case 'p':
        return sy_path_format(config->parameters, err, "%s", value);
    case 't':
        config->require_token = true;
        return 0;
    case 'L':
        if (sy_log_level_parse(value, &level) < 0)
            return sy_fail(err, SY_E_PARSE, "--log-level \"%s\"", value);
        sy_log_set_level(level);
        return 0;
    default:
        return sy_fail(err, SY_E_ARG, "unknown option; see --help");
    }
}

/* 1 = done (help, version), 0 = go on. */
static int parse_arguments(int argc, char **argv, struct sy_dc_config *config, struct sy_error *err)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"dir", required_argument, NULL, 'd'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {"block-ms", required_argument, NULL, 'b'},
                                            {"sector-size", required_argument, NULL, 's'},
                                            {"parameters", required_argument, NULL, 'p'},
                                            {"require-token", no_argument, NULL, 't'},
                                            {"log-level", required_argument, NULL, 'L'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    int option, rc = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(HELP, stdout);
            return 1;
        }
        if (option == 'v') {
            puts("sealyard-devchain " SY_VERSION);
            return 1;
        }
        rc = set_option(config, option, optarg, err);
    }
    if (rc == 0 && optind < argc)
        rc = sy_fail(err, SY_E_ARG, "unexpected argument \"%s\"; see --help", argv[optind]);
    if (rc == 0)
        rc = sy_dc_config_check(config, err);
    return rc;
}

static int64_t boot_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for the next epoch; a slow one is not caught up. */
static void wait_epoch(int64_t *due, uint64_t block_ms)
{
    int64_t now = boot_ms();
    *due = SY_MAX(*due + (int64_t)block_ms, now);
    while (!stopping && now < *due) {
        struct timespec rest = {.tv_sec = (*due - now) / 1000,
                                .tv_nsec = (*due - now) % 1000 * 1000000};
        nanosleep(&rest, NULL);
        now = boot_ms();
    }
}

static int serve(const struct sy_dc_config *config, struct sy_error *err)
{
    struct sy_dc_chain *chain = NULL;
    struct sy_dc_server *server = NULL;
    char address[SY_FIL_ADDRESS_TEXT_BYTES];
    int64_t due = boot_ms();
    int rc = sy_dc_chain_open(&chain, config, err);
    if (rc == 0)
        rc = sy_dc_server_create(&server, chain, err);
    if (rc == 0)
        SY_INFO("devchain", "started", "network=%s height=%lld port=%u block_ms=%llu worker=%s",
                SY_DC_NETWORK, (long long)sy_dc_chain_head(chain)->height,
                sy_dc_server_port(server), (unsigned long long)config->block_ms,
                sy_fil_address_print(&chain->worker.address, 't', address));
    while (rc == 0 && !stopping) {
        wait_epoch(&due, config->block_ms);
        if (!stopping)
            rc = sy_dc_server_step(server, (int64_t)time(NULL), err);
    }
    sy_dc_server_destroy(server);
    sy_dc_chain_close(chain);
    return rc;
}

int main(int argc, char **argv)
{
    struct sy_dc_config config;
    struct sy_error err = {0};
    struct sigaction action = {.sa_handler = on_signal};
    int rc;
    sy_dc_config_init(&config);
    rc = parse_arguments(argc, argv, &config, &err);
    if (rc > 0)
        return 0;
    if (rc < 0) {
        fprintf(stderr, "sealyard-devchain: %s\n", err.text);
        return EXIT_USAGE;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    rc = serve(&config, &err);
    if (rc < 0) {
        fprintf(stderr, "sealyard-devchain: %s\n", err.text);
        return EXIT_FAILURE;
    }
    return 0;
}
