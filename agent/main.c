/* sealyard-agent: argv, configuration, exit codes. */
#include "agent/agent.h"

#include "agent/enroll.h"
#include "common/auth.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

static const char usage[] =
    "usage: sealyard-agent --config FILE\n"
    "       sealyard-agent enroll --config FILE [--token-file FILE | -]\n"
    "\n"
    "Offers this machine's cores, memory and stores to a Sealyard scheduler and runs what it is "
    "given.\n"
    "Stopping the agent does not stop running tasks: the next start takes them over.\n"
    "\n"
    "  enroll             exchange a one-time token for this agent's own key\n"
    "  --config FILE      agent.toml\n"
    "  --token-file FILE  file with the token; - or nothing = standard input\n"
    "  --version          print the version\n"
    "  --help             print this\n"
    "\n"
    "examples:\n"
    "  sealyard agents enroll p1-a > token           on the scheduler's host\n"
    "  sealyard-agent enroll --config /etc/sealyard/agent.toml --token-file token\n"
    "  sealyard-agent --config /etc/sealyard/agent.toml\n"
    "  sealyard stores attach --agent p1-a --kind scratch --init /scratch\n"
    "\n"
    "exit status: 0 done, 1 refused or failed, 2 usage, 3 scheduler not reachable\n";

static int print_error(const struct sy_error *err)
{
    fprintf(stderr, "sealyard-agent: %s\n", err->text);
    return err->code == SY_E_UNREACHABLE || err->code == SY_E_TIMEOUT ? EXIT_UNREACHABLE
                                                                      : EXIT_FAILED;
}

/* One line from the file or standard input. */
static int read_token(const char *path, char token[SY_TOKEN_TEXT_BYTES], struct sy_error *err)
{
    bool standard_input = !path || strcmp(path, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    size_t used = 0;
    ssize_t got = 0;
    while (used < SY_TOKEN_TEXT_BYTES - 1 &&
           ((got = read(fd, token + used, SY_TOKEN_TEXT_BYTES - 1 - used)) > 0 ||
            (got < 0 && errno == EINTR)))
        used += got > 0 ? (size_t)got : 0;
    int saved = errno;
    if (!standard_input)
        close(fd);
    if (got < 0)
        return sy_fail_errno(err, saved, "read the token");
    token[used] = 0;
    token[strcspn(token, "\r\n")] = 0;
    return token[0] ? 0
                    : sy_fail(err, SY_E_ARG,
                              "the token is empty: expected the line that "
                              "`sealyard agents enroll NAME` printed");
}

static int enroll(const struct sy_agent_conf *conf, const char *token_path)
{
    char token[SY_TOKEN_TEXT_BYTES];
    struct sy_error err = {0};
    int rc = read_token(token_path, token, &err);
    if (rc == 0)
        rc = sy_agent_enroll(conf, token, &err);
    explicit_bzero(token, sizeof token);
    if (rc != 0)
        return print_error(&err);
    printf("agent %s is enrolled; start it with: sealyard-agent --config FILE\n", conf->name);
    return EXIT_DONE;
}

static int run(const struct sy_agent_conf *conf)
{
    struct sy_agent_daemon *agent;
    struct sy_error err = {0};
    int rc = sy_agent_daemon_create(&agent, conf, &err);
    if (rc == 0) {
        rc = sy_agent_daemon_run(agent, &err);
        sy_agent_daemon_destroy(agent);
    }
    return rc == 0 ? EXIT_DONE : print_error(&err);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"token-file", required_argument, NULL, 't'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *config = NULL, *token = NULL;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            config = optarg;
            break;
        case 't':
            token = optarg;
            break;
        case 'v':
            puts("sealyard-agent " SY_VERSION);
            return EXIT_DONE;
        case 'h':
            fputs(usage, stdout);
            return EXIT_DONE;
        default:
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    bool enrolling = optind < argc && strcmp(argv[optind], "enroll") == 0;
    optind += enrolling;
    if (enrolling && !token && optind < argc && strcmp(argv[optind], "-") == 0)
        optind++;
    if (!config || optind != argc || (token && !enrolling)) {
        fprintf(stderr, "sealyard-agent: %s\n\n%s",
                !config          ? "--config FILE is missing"
                : optind != argc ? "unexpected argument"
                                 : "--token-file belongs to enroll",
                usage);
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    struct sy_agent_conf *conf;
    struct sy_error err = {0};
    if (sy_agent_conf_load(&conf, config, &err) != 0)
        return print_error(&err);
    sy_log_set_level(conf->log_level);
    int status = enrolling ? enroll(conf, token) : run(conf);
    sy_agent_conf_destroy(conf);
    return status;
}
