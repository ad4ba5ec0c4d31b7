/* sealyard-task: runs exactly one stage of one sector and exits. The contract with whoever starts
 * it (agent, person, another scheduler) is printed by --help. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/err.h"
#include "common/file.h"
#include "common/log.h"
#include "tasks/stage/task.h"

static const char help[] =
    "Usage: sealyard-task STAGE --spec FILE\n"
    "\n"
    "Runs one stage of sealing. FILE is a JSON object (- is standard input, at most 1 MiB).\n"
    "The result is one JSON object on standard output, log lines go to standard error.\n"
    "\n"
    "Stages:\n"
    "  ap        unsealed file from pieces (or zeros)   pieces, unsealed\n"
    "  pc1       tree-d and the label layers            unsealed, cache, ticket, pieces\n"
    "  pc2       tree-c, tree-r-last, sealed file       the same and sealed\n"
    "  c1        vanilla proofs as JSON                 sealed, cache, seed, comm_d, comm_r, "
    "output\n"
    "  c2        proof of a C1 file                     input, parameters\n"
    "  finalize  long-term files, scratch freed         sealed, cache, store, keep_unsealed\n"
    "  unseal    data from the sealed file              sealed, ticket, comm_d, output\n"
    "  verify    is a C1 file or a proof right?         input or proof, comm_d, comm_r, ...\n"
    "  remove    deletes unsealed, sealed, cache\n"
    "\n"
    "Every replica also needs proof_type (0-19), miner and number. Optional: threads (0 = all "
    "CPUs\n"
    "this process may use), hugepages, parent_cache, verify (none, sample, full), digests.\n"
    "SEALYARD_PROGRESS_FD names an open descriptor for progress lines.\n"
    "\n"
    "Exit status: 0 result written, 10 wrong spec or data (do not retry), 11 transient,\n"
    "12 resource (memory, disk), 13 damaged data, 14 error in this program.\n"
    "\n"
    "Example: a 2 KiB sector of zeros\n"
    "  echo '{\"proof_type\":5,\"miner\":1000,\"number\":1,\"unsealed\":\"/tmp/s/unsealed\",\n"
    "         \"pieces\":[]}' | sealyard-task ap --spec -\n";

static int read_standard_input(char **ret_text, size_t *ret_bytes, struct sy_error *err)
{
    size_t used = 0;
    char *text = malloc(SY_SPEC_BYTES_MAX + 1);
    if (!text)
        return sy_fail(err, SY_E_NOMEM, "spec buffer of %d bytes", SY_SPEC_BYTES_MAX);
    for (;;) {
        ssize_t got = read(STDIN_FILENO, text + used, SY_SPEC_BYTES_MAX + 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int rc = sy_fail_errno(err, errno, "read the spec from standard input");
            free(text);
            return rc;
        }
        used += (size_t)got;
        if (got == 0 || used > SY_SPEC_BYTES_MAX)
            break;
    }
    if (used > SY_SPEC_BYTES_MAX) {
        free(text);
        return sy_fail(err, SY_E_LIMIT, "the spec is larger than %d bytes", SY_SPEC_BYTES_MAX);
    }
    *ret_text = text;
    *ret_bytes = used;
    return 0;
}

static int run(const char *stage_name, const char *spec_path, json_t **ret_result,
               struct sy_error *err)
{
    struct sy_stage_progress progress;
    enum sy_stage_id stage;
    char *text = NULL;
    size_t bytes = 0;
    if (sodium_init() < 0)
        return sy_fail(err, SY_E_RESOURCE, "no random numbers from the system");
    int rc = sy_stage_find(&stage, stage_name, err);
    if (rc)
        return rc;
    if (strcmp(spec_path, "-") == 0)
        rc = read_standard_input(&text, &bytes, err);
    else
        rc = sy_file_read(spec_path, SY_SPEC_BYTES_MAX, &text, &bytes, err);
    if (rc)
        return rc;
    rc = sy_stage_progress_init(&progress, err);
    if (rc == 0)
        rc = sy_task_run(stage, text, bytes, &progress, ret_result, err);
    sy_stage_progress_fini(&progress);
    free(text);
    return rc;
}

/* The result must be whole, or the exit status must say that it is not. */
static int print_result(json_t *result)
{
    if (json_dumpf(result, stdout, JSON_COMPACT) != 0 || putchar('\n') == EOF ||
        fflush(stdout) != 0) {
        fprintf(stderr, "sealyard-task: write the result: %s\n", strerror(errno));
        return 11;
    }
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "sealyard-task: usage: sealyard-task STAGE --spec FILE (see --help)\n");
    return 10;
}

int main(int argc, char **argv)
{
    struct sy_error err = {0};
    json_t *result = NULL;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("sealyard-task %s\n", SY_VERSION);
        return 0;
    }
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return 0;
    }
    if (argc != 4 || strcmp(argv[2], "--spec") != 0)
        return usage();
    signal(SIGPIPE, SIG_IGN);
    int status = 0;
    if (run(argv[1], argv[3], &result, &err) != 0) {
        status = sy_task_exit_status(&err);
        char stage[48];
        char text[SY_ERROR_TEXT_BYTES];
        SY_ERROR("stage", "failed", "stage=%s code=%s err=%s",
                 sy_log_value(argv[1], stage, sizeof stage), sy_err_name(err.code),
                 sy_log_value(err.text, text, sizeof text));
        result = json_pack("{s:{s:s,s:s,s:s}}", "error", "class", sy_err_class_name(err.class),
                           "code", sy_err_name(err.code), "text", err.text);
    }
    if (!result)
        return 14;
    int printed = print_result(result);
    json_decref(result);
    return printed ? printed : status;
}
