/* From the end of a shim to the acknowledged result. */
#include "agent/attempt_run.h"

#include "agent/shim_io.h"
#include "agent/spawn.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLEAN_TIMEOUT_MS 200u /* one try on the loop thread; repeated each tick */

/* ---------------------------------------------------------------- cleaning ------------------ */

bool run_clean(struct run *run)
{
    const struct sy_attempts_opts *opts = &run->owner->opts;
    struct sy_error err = {0};
    int rc;
    if (opts->cgroups) {
        char name[SY_CGROUP_NAME_BYTES];
        rc = run_cgroup(run, name, &err);
        if (rc == 0)
            rc = sy_cgroup_kill(opts->cgroups, name, CLEAN_TIMEOUT_MS, &err);
        if (rc == 0)
            rc = sy_cgroup_remove(opts->cgroups, name, &err);
    } else {
        char directory[SY_PATH_BYTES], variable[SY_PATH_BYTES];
        size_t count = 0;
        rc = run_directory(run, directory, &err);
        if (rc == 0)
            rc = sy_path_format(variable, &err, "SEALYARD_ATTEMPT=%s", directory);
        if (rc == 0)
            rc = sy_proc_kill_marked(variable, &count, &err);
        if (rc == 0 && count > 0)
            return false;
    }
    if (rc != 0)
        run_log(run, "not clean yet", err.text);
    return rc == 0;
}

/* ---------------------------------------------------------------- outcome ------------------- */

/* No shim wrote a record: this is the outcome. Written down so that a restart of the agent says the
 * same; when the disk is full the next start comes to its own conclusion. */
static void make_record(struct run *run, const char *directory, bool started,
                        enum sy_err_class class, const char *why)
{
    struct sy_error err = {0};
    run->outcome = (struct sy_exit_record){.started = started, .status = -1, .class = class};
    snprintf(run->outcome.text, sizeof run->outcome.text, "%s", why);
    if (sy_exit_record_write(directory, &run->outcome, &err) != 0)
        run_log(run, "exit record not written", err.text);
}

void run_never_ran(struct run *run, const struct sy_error *why)
{
    char directory[SY_PATH_BYTES];
    struct sy_error err = {0};
    int rc = run_directory(run, directory, &err);
    if (rc == 0)
        rc = sy_file_make_directory(directory, 0755, &err);
    if (rc == 0)
        make_record(run, directory, false, why->class, why->text);
    else
        run_log(run, "no directory", err.text);
    sy_fetch_destroy(run->fetch);
    run->fetch = NULL;
    run->phase = RUN_CLEANING; /* concluded by the next tick */
}

static void keep_result(struct run *run, const char *directory)
{
    char path[SY_PATH_BYTES], *data = NULL;
    size_t bytes = 0;
    if (sy_path_format(path, NULL, "%s/" SY_RESULT_FILE, directory) != 0 ||
        sy_file_read(path, SY_SHIM_RESULT_BYTES_MAX, &data, &bytes, NULL) != 0)
        data = NULL;
    json_t *root = data ? json_loadb(data, bytes, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (run->outcome.class == SY_CLASS_NONE) {
        if (json_is_object(root)) {
            run->result = data;
            run->result_bytes = bytes;
            data = NULL;
        } else {
            run->outcome.class = SY_CLASS_BUG;
            snprintf(run->error, sizeof run->error,
                     "the stage ended with status 0, but its result is no JSON object");
        }
    } else {
        const char *text =
            json_string_value(json_object_get(json_object_get(root, "error"), "text"));
        if (run->outcome.text[0])
            snprintf(run->error, sizeof run->error, "%s", run->outcome.text);
        else if (text)
            snprintf(run->error, sizeof run->error, "%s", text);
        else
            snprintf(run->error, sizeof run->error,
                     "the stage ended with exit status %d and no error text: see its log",
                     run->outcome.status);
    }
    json_decref(root);
    free(data);
}

static void load_outcome(struct run *run)
{
    char directory[SY_PATH_BYTES];
    struct sy_error err = {0};
    if (run_directory(run, directory, &err) != 0) {
        run_log(run, "no directory", err.text);
        return;
    }
    bool started = run->record.state == SY_LEDGER_RUNNING;
    int rc = sy_exit_record_read(directory, &run->outcome, &err);
    if (rc == -SY_E_NOT_FOUND && !started)
        make_record(run, directory, started, SY_CLASS_TRANSIENT,
                    "the agent ended before the task was started");
    else if (rc == -SY_E_NOT_FOUND)
        make_record(run, directory, started, SY_CLASS_TRANSIENT,
                    "the shim was killed: its task was killed with it");
    else if (rc != 0)
        make_record(run, directory, started, SY_CLASS_TRANSIENT, err.text);
    keep_result(run, directory);
}

static void free_slot(struct run *run)
{
    if (run->slot_booked)
        sy_slots_free(run->owner->opts.slots, run->record.stage, run->record.slot);
    run->slot_booked = false;
}

static void conclude_stop(struct run *run)
{
    struct sy_attempts *attempts = run->owner;
    const struct sy_msg_attempt_ref ref = {run->record.task, run->record.attempt};
    struct sy_error err = {0};
    if (sy_ledger_remove(attempts->ledger_dir, ref.task, ref.attempt, &err) != 0)
        run_log(run, "ledger record not removed", err.text); /* STOP comes again */
    run_log(run, "stopped", "");
    run_drop(run);
    attempts->opts.send(attempts->opts.ctx, SY_MSG_STOP_ACK, 0, &ref, &err);
}

/* CLEANING -> ENDED, or gone after a STOP. */
static void conclude(struct run *run)
{
    if (!run_clean(run))
        return; /* again at the next tick */
    free_slot(run);
    if (run->record.stopping) {
        conclude_stop(run);
        return;
    }
    load_outcome(run);
    run->phase = RUN_ENDED;
    run->need_path[0] = 0;
    run->resend_ms = 1000;
    run->resend_due_ms = 0;
    run_log(run, run->outcome.class == SY_CLASS_NONE ? "ok" : "failed", run->error);
    SY_FAULT("agent.before_result");
    run_send_result(run, sy_loop_now_ms(run->owner->opts.loop));
}

void run_ended(struct run *run)
{
    sy_watch_destroy(run->watch);
    run->watch = NULL;
    if (run->pidfd >= 0) {
        siginfo_t info;
        waitid(P_PIDFD, (id_t)run->pidfd, &info, WEXITED | WNOHANG); /* ECHILD after adoption */
        close(run->pidfd);
        run->pidfd = -1;
    }
    run->phase = RUN_CLEANING;
    conclude(run);
}

static void on_shim_end(void *ctx)
{
    run_ended(ctx);
}

int run_watch(struct run *run, struct sy_error *err)
{
    return sy_loop_watch_fd(run->owner->opts.loop, run->pidfd, false, on_shim_end, run, &run->watch,
                            err);
}

void run_stop(struct run *run)
{
    struct sy_error err = {0};
    if (!run->record.stopping) {
        run->record.stopping = true;
        /* Durable, so that a restarted agent does not report what was given up. */
        if (sy_ledger_put(run->owner->ledger_dir, &run->record, &err) != 0)
            run_log(run, "stop not recorded", err.text);
    }
    if (run->phase == RUN_ENDED) {
        conclude_stop(run);
    } else if (run->phase == RUN_FETCHING) {
        run->phase = RUN_CLEANING;
    } else if (run->pidfd >= 0) {
        /* The shim first, so that it does not record the kill as an outcome; its end is seen by the
         * pidfd and leads to the rest. */
        syscall(SYS_pidfd_send_signal, run->pidfd, SIGKILL, NULL, 0);
    }
}

/* ---------------------------------------------------------------- frames -------------------- */

void run_send_result(struct run *run, uint64_t now_ms)
{
    struct sy_attempts *attempts = run->owner;
    bool ok = run->outcome.class == SY_CLASS_NONE;
    struct sy_msg_result result = {
        .task = run->record.task,
        .attempt = run->record.attempt,
        .ok = ok,
        .unstarted =
            !ok && !run->outcome.started &&
            (run->outcome.class == SY_CLASS_TRANSIENT || run->outcome.class == SY_CLASS_RESOURCE),
        .error_class = run->outcome.class,
        .wall_ms = run->outcome.wall_ms,
        .cpu_ms = run->outcome.cpu_ms,
        .peak_bytes = run->outcome.peak_bytes,
    };
    memcpy(result.token, run->record.token, sizeof result.token);
    if (ok)
        result.result = (struct sy_slice){run->result, (uint32_t)run->result_bytes};
    else
        result.error = (struct sy_slice){run->error, (uint32_t)strlen(run->error)};
    struct sy_error err = {0};
    int rc = attempts->opts.send(attempts->opts.ctx, SY_MSG_RESULT, 0, &result, &err);
    if (ok && (rc == -SY_E_LIMIT || rc == -SY_E_PARSE || rc == -SY_E_RANGE)) {
        /* It can never be sent; said as a failure it can. Any other failure passes: it is repeated.
         */
        run->outcome.class = SY_CLASS_BUG;
        snprintf(run->error, sizeof run->error, "the result cannot be sent: %.280s", err.text);
    }
    uint8_t chance;
    sy_env_random(attempts->opts.env, &chance, 1);
    run->resend_due_ms = now_ms + run->resend_ms + run->resend_ms * chance / 1024;
    run->resend_ms = SY_MIN(2 * run->resend_ms, SY_ATTEMPT_RESEND_MS_MAX);
}

static void take_text(json_t *root, const char *key, char *ret, size_t ret_bytes)
{
    const char *text = json_string_value(json_object_get(root, key));
    if (text && strlen(text) < ret_bytes)
        snprintf(ret, ret_bytes, "%s", text);
}

static uint64_t take_number(json_t *root, const char *key)
{
    json_t *value = json_object_get(root, key);
    double number = json_number_value(value);
    return number > 0 && number < 1e18 ? (uint64_t)number : 0;
}

void run_send_progress(struct run *run)
{
    struct sy_attempts *attempts = run->owner;
    char directory[SY_PATH_BYTES], path[SY_PATH_BYTES], *data;
    size_t bytes;
    if (run_directory(run, directory, NULL) != 0 ||
        sy_path_format(path, NULL, "%s/" SY_PROGRESS_FILE, directory) != 0 ||
        sy_file_read(path, SY_SHIM_PROGRESS_BYTES, &data, &bytes, NULL) != 0)
        return;
    uint32_t crc = sy_crc32c(0, data, bytes);
    json_t *root = json_loadb(data, bytes, 0, NULL);
    free(data);
    if (json_is_object(root) && crc != run->progress_crc) {
        struct sy_msg_progress progress = {
            .task = run->record.task,
            .attempt = run->record.attempt,
            .done = take_number(root, "done"),
            .total = take_number(root, "total"),
            .eta_s = take_number(root, "eta_s"),
        };
        struct sy_error err;
        take_text(root, "unit", progress.unit, sizeof progress.unit);
        take_text(root, "phase", progress.phase, sizeof progress.phase);
        if (attempts->opts.send(attempts->opts.ctx, SY_MSG_PROGRESS, 0, &progress, &err) == 0)
            run->progress_crc = crc;
    }
    json_decref(root);
}

void sy_attempts_tick(struct sy_attempts *attempts)
{
    uint64_t now_ms = sy_loop_now_ms(attempts->opts.loop);
    struct run *next;
    for (struct run *run = attempts->runs; run; run = next) {
        next = run->next;
        if (run->phase == RUN_FETCHING) {
            run_fetch_tick(run, now_ms);
        } else if (run->phase == RUN_CLEANING) {
            conclude(run); /* may free the run */
        } else if (run->phase == RUN_ENDED && now_ms >= run->resend_due_ms) {
            run_send_result(run, now_ms);
        } else if (run->phase == RUN_RUNNING && now_ms >= run->progress_due_ms) {
            run->progress_due_ms = now_ms + SY_ATTEMPT_PROGRESS_MS;
            run_send_progress(run);
        }
    }
}
