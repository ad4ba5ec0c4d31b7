/* sealyard-shim: started by the agent, one per running task. */
#include "agent/shim.h"

#include "common/file.h"
#include "common/log.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sealyard-shim --directory DIR [--go-fd N]\n"
    "\n"
    "Runs the task that DIR/shim.json describes and writes DIR/result.json and DIR/exit.json when\n"
    "it has ended. The agent starts it; a person needs it only to look into an agent's work:\n"
    "\n"
    "  sealyard-shim --directory /var/lib/sealyard/agent/attempts/12-1\n"
    "\n"
    "  --directory DIR  directory of the attempt\n"
    "  --go-fd N        wait for one byte on this descriptor before the task starts\n"
    "  --version        print the version\n"
    "  --help           print this\n";

int main(int argc, char **argv)
{
    static const struct option options[] = {{"directory", required_argument, NULL, 'd'},
                                            {"go-fd", required_argument, NULL, 'g'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *directory = NULL;
    long go_fd = -1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end = NULL;
        switch (option) {
        case 'd':
            directory = optarg;
            break;
        case 'g':
            errno = 0;
            go_fd = strtol(optarg, &end, 10);
            if (errno != 0 || *end || go_fd < 0 || go_fd > 1 << 20) {
                fprintf(stderr, "sealyard-shim: --go-fd %s: expected a descriptor number\n",
                        optarg);
                return 2;
            }
            break;
        case 'v':
            puts("sealyard-shim " SY_VERSION);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (!directory || optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    setsid(); /* fails only for a session leader, which is what we want to be */
    struct sy_error err = {0};
    if (sy_shim_run(directory, (int)go_fd, &err) != 0) {
        SY_ERROR("shim", "failed", "directory=%s err=\"%s\"", directory, err.text);
        return 1;
    }
    return 0;
}
