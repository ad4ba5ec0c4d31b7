/* Waiting for a job, with a progress line on a terminal. */
#include "ops/cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_CELLS 30

/* How far a sector is on its way to Proving, in stages of 13. */
static unsigned state_rank(const char *name)
{
    enum sy_sector_state state;
    if (sy_sector_state_parse(name, &state) != 0 || state > SY_SECTOR_Proving)
        return 0;
    return (unsigned)state - 1;
}

static void describe(const json_t *job, char *text, size_t text_bytes, double *ret_part)
{
    const json_t *progress = json_object_get(job, "progress");
    char states[256] = "";
    double part = 0;
    size_t used = 0, index, count = 0;
    json_t *row;
    json_array_foreach(progress, index, row)
    {
        const char *state = json_string_value(json_object_get(row, "state"));
        double stage = json_number_value(json_object_get(row, "stage_part"));
        if (!state)
            continue;
        count++;
        part += (state_rank(state) + stage) / (SY_SECTOR_Proving - 1);
        if (used < sizeof states - 48 && index < 4)
            used += (size_t)snprintf(states + used, sizeof states - used, " %lld %.30s",
                                     (long long)json_integer_value(json_object_get(row, "number")),
                                     state);
    }
    *ret_part = count > 0 ? SY_MIN(part / (double)count, 1.0) : 0;
    snprintf(text, text_bytes, "%s%s", states, count > 4 ? " ..." : "");
}

static void show_progress(const json_t *job)
{
    char text[300];
    double part;
    describe(job, text, sizeof text, &part);
    char bar[BAR_CELLS + 1];
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = (double)i < part * BAR_CELLS ? '#' : '.';
    bar[BAR_CELLS] = 0;
    fprintf(stderr, "\r\033[K[%s] %3.0f%%%.120s", bar, part * 100, text);
}

static uint64_t now_ms(void)
{
    return sy_env_boot_ms(sy_env_real());
}

static void pause_ms(uint64_t ms)
{
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* One look at the job. 0 = still active, 1 = done, negative = failed or the scheduler said no. */
static int look(struct sy_cli *cli, uint64_t job_id, bool terminal, struct sy_error *err)
{
    struct sy_msg_query query = {.what = "job", .id = job_id};
    json_t *job = NULL;
    int rc = sy_cli_query(cli, &query, &job, err);
    if (rc != 0)
        return rc;
    const char *state = json_string_value(json_object_get(job, "state"));
    const char *error = json_string_value(json_object_get(job, "error"));
    if (terminal)
        show_progress(job);
    if (!state)
        rc = sy_fail(err, SY_E_REMOTE, "the scheduler's job has no state");
    else if (strcmp(state, sy_job_state_name(SY_JOB_DONE)) == 0)
        rc = 1;
    else if (strcmp(state, sy_job_state_name(SY_JOB_ACTIVE)) != 0)
        rc = sy_fail(err, SY_E_STATE, "job %llu ended as %s: %s", (unsigned long long)job_id, state,
                     error && error[0] ? error : "see sealyard jobs show");
    json_decref(job);
    return rc;
}

int sy_cli_wait_job(struct sy_cli *cli, uint64_t job_id, struct sy_error *err)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    uint64_t wait_ms = cli->timeout_ms;
    uint64_t end_ms = wait_ms ? now_ms() + wait_ms : UINT64_MAX;
    cli->timeout_ms = 0;
    int rc = 0;
    while (rc == 0) {
        rc = look(cli, job_id, terminal, err);
        /* a scheduler that restarts is waited for: the job is durable */
        bool away = rc == -SY_E_UNREACHABLE || rc == -SY_E_TIMEOUT;
        if (rc != 0 && !away)
            break;
        rc = 0;
        if (now_ms() >= end_ms)
            rc = sy_fail(err, SY_E_TIMEOUT,
                         "job %llu is not done after %llu s; it goes on: sealyard jobs wait %llu",
                         (unsigned long long)job_id, (unsigned long long)(wait_ms / 1000),
                         (unsigned long long)job_id);
        else
            pause_ms(SY_CLI_POLL_MS);
    }
    if (terminal)
        fputc('\n', stderr);
    return rc == 1 ? 0 : rc;
}
