/* C2 on a machine without the sector: the C1 file is fetched before the task starts. */
#include "agent/attempt_run.h"

#include "agent/task_spec.h"
#include "common/hex.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

bool run_needs_fetch(const struct run *run)
{
    const struct sy_store_row *store;
    return run->record.stage == SY_STAGE_C2 &&
           sy_stores_find(run->owner->opts.stores, run->record.scratch_store, &store, NULL) ==
               -SY_E_NOT_FOUND;
}

static int read_digest(const struct run *run, uint8_t ret[32], struct sy_error *err)
{
    json_t *root = json_loadb(run->record.spec.data, run->record.spec.bytes, 0, NULL);
    const char *hex = json_string_value(json_object_get(root, SY_TASK_C1_DIGEST));
    int rc = hex ? sy_hex_decode(hex, ret, 32, err)
                 : sy_fail(err, SY_E_ARG,
                           "START of C2 for sector %llu names no \"" SY_TASK_C1_DIGEST
                           "\", and its scratch store is not attached here",
                           (unsigned long long)run->record.number);
    json_decref(root);
    return rc;
}

int run_fetch(struct run *run, struct sy_error *err)
{
    struct sy_attempts *attempts = run->owner;
    const struct sy_attempts_opts *opts = &attempts->opts;
    char path[SY_PATH_BYTES];
    struct sy_fetch_opts fetch = {.directory = attempts->inputs_dir,
                                  .task = run->record.task,
                                  .now_ms = sy_loop_now_ms(opts->loop),
                                  .send = opts->send,
                                  .ctx = opts->ctx};
    int rc = read_digest(run, fetch.sha256, err);
    if (rc == 0)
        rc = sy_fetch_path(path, fetch.directory, fetch.task, err);
    if (rc == 0 && access(path, F_OK) == 0)
        return run_launch(run, err); /* it got its name when it was whole and right */
    sy_env_random(opts->env, (uint8_t *)&fetch.sequence, sizeof fetch.sequence);
    fetch.sequence |= 1ull << 63; /* apart from what the connection counts */
    if (rc == 0)
        rc = sy_fetch_create(&run->fetch, &fetch, err);
    if (rc == 0)
        rc = sy_ledger_put(attempts->ledger_dir, &run->record, err);
    SY_FAULT("agent.after_prepare");
    if (rc == 0)
        run->phase = RUN_FETCHING; /* asked for by the next tick */
    return rc;
}

static void report(struct run *run)
{
    struct sy_msg_progress progress = {.task = run->record.task,
                                       .attempt = run->record.attempt,
                                       .unit = "bytes",
                                       .phase = "fetch the C1 output"};
    struct sy_error err;
    sy_fetch_progress(run->fetch, &progress.done, &progress.total);
    run->owner->opts.send(run->owner->opts.ctx, SY_MSG_PROGRESS, 0, &progress, &err);
}

void run_fetch_tick(struct run *run, uint64_t now_ms)
{
    struct sy_error err = {0};
    if (sy_fetch_tick(run->fetch, now_ms, &err) != 0) {
        run_never_ran(run, &err);
    } else if (now_ms >= run->progress_due_ms) {
        run->progress_due_ms = now_ms + SY_ATTEMPT_PROGRESS_MS;
        report(run);
    }
}

static struct run *find_waiting(const struct sy_attempts *attempts, uint64_t sequence)
{
    for (struct run *run = attempts->runs; run; run = run->next)
        if (run->phase == RUN_FETCHING && sy_fetch_waits_for(run->fetch, sequence))
            return run;
    return NULL;
}

void sy_attempts_on_chunk(struct sy_attempts *attempts, uint64_t sequence,
                          const struct sy_msg_chunk *chunk)
{
    struct run *run = find_waiting(attempts, sequence);
    struct sy_error err = {0};
    bool done = false;
    if (!run)
        return;
    uint64_t now_ms = sy_loop_now_ms(attempts->opts.loop);
    int rc = sy_fetch_on_chunk(run->fetch, chunk, now_ms, &done, &err);
    if (rc == 0 && done) {
        sy_fetch_destroy(run->fetch);
        run->fetch = NULL;
        run_log(run, "fetched", "");
        SY_FAULT("agent.after_fetch");
        rc = run_launch(run, &err);
    } else if (rc == 0) {
        rc = sy_fetch_tick(run->fetch, now_ms, &err); /* the next piece at once */
    }
    if (rc != 0)
        run_never_ran(run, &err);
}

void sy_attempts_on_failure(struct sy_attempts *attempts, uint64_t sequence,
                            const struct sy_msg_failure *failure)
{
    struct run *run = find_waiting(attempts, sequence);
    if (run)
        sy_fetch_on_failure(run->fetch, failure, sy_loop_now_ms(attempts->opts.loop));
}

void run_drop_input(const struct run *run)
{
    char path[SY_PATH_BYTES];
    if (run->record.stage == SY_STAGE_C2 &&
        sy_fetch_path(path, run->owner->inputs_dir, run->record.task, NULL) == 0)
        unlink(path);
}
