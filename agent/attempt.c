#include "agent/attempt.h"

#include "agent/attempt_run.h"
#include "agent/task_spec.h"
#include "common/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the list ------------------ */

int run_directory(const struct run *run, char *ret_path, struct sy_error *err)
{
    char name[SY_LEDGER_NAME_BYTES];
    return sy_path_format(ret_path, err, "%s/%s", run->owner->attempts_dir,
                          sy_ledger_name(run->record.task, run->record.attempt, name));
}

int run_cgroup(const struct run *run, char ret_name[SY_CGROUP_NAME_BYTES], struct sy_error *err)
{
    char name[SY_LEDGER_NAME_BYTES];
    int length = snprintf(ret_name, SY_CGROUP_NAME_BYTES, "%s/%s", run->owner->opts.cgroup_base,
                          sy_ledger_name(run->record.task, run->record.attempt, name));
    if (length < 0 || length >= SY_CGROUP_NAME_BYTES)
        return sy_fail(err, SY_E_LIMIT, "the control group name below %s is too long",
                       run->owner->opts.cgroup_base);
    return 0;
}

struct run *run_find(const struct sy_attempts *attempts, uint64_t task, uint32_t attempt)
{
    for (struct run *run = attempts->runs; run; run = run->next)
        if (run->record.task == task && run->record.attempt == attempt)
            return run;
    return NULL;
}

int run_add(struct sy_attempts *attempts, const struct sy_ledger_record *record, struct run **ret,
            struct sy_error *err)
{
    if (attempts->count >= SY_ATTEMPTS_MAX)
        return sy_fail(err, SY_E_LIMIT, "this agent has %d attempts already: no more are taken",
                       SY_ATTEMPTS_MAX);
    struct run *run = sy_mem_alloc(sizeof *run);
    void *spec = sy_mem_dup(record->spec.data, record->spec.bytes);
    if (!run || !spec) {
        sy_mem_free(run);
        sy_mem_free(spec);
        return sy_fail(err, SY_E_NOMEM, "no memory for attempt %u of task %llu", record->attempt,
                       (unsigned long long)record->task);
    }
    run->owner = attempts;
    run->record = *record;
    run->record.spec.data = spec;
    run->pidfd = -1;
    run->next = attempts->runs;
    attempts->runs = run;
    attempts->count++;
    *ret = run;
    return 0;
}

static void free_run(struct run *run)
{
    sy_watch_destroy(run->watch);
    sy_fetch_destroy(run->fetch);
    if (run->pidfd >= 0)
        close(run->pidfd);
    sy_mem_free((void *)(uintptr_t)run->record.spec.data);
    free(run->result);
    sy_mem_free(run);
}

void run_drop(struct run *run)
{
    struct sy_attempts *attempts = run->owner;
    struct run **link = &attempts->runs;
    while (*link != run)
        link = &(*link)->next;
    *link = run->next;
    attempts->count--;
    if (run->slot_booked)
        sy_slots_free(attempts->opts.slots, run->record.stage, run->record.slot);
    free_run(run);
}

void run_log(const struct run *run, const char *what, const char *text)
{
    char value[SY_ERROR_TEXT_BYTES];
    SY_INFO("attempt", "attempt", "task=%llu attempt=%u stage=%s sector=%llu what=\"%s\" text=%s",
            (unsigned long long)run->record.task, run->record.attempt,
            sy_stage_name(run->record.stage), (unsigned long long)run->record.number, what,
            sy_log_value(text, value, sizeof value));
}

/* Tasks write graphs that are missing there; one that exists keeps its owner. */
static int make_parent_cache(const struct sy_agent_conf *conf, struct sy_error *err)
{
    struct stat status;
    if (stat(conf->parent_cache, &status) == 0)
        return 0;
    int rc = sy_file_make_directory(conf->parent_cache, 0755, err);
    if (rc == 0 && conf->task_user[0] && geteuid() == 0 &&
        chown(conf->parent_cache, conf->task_uid, conf->task_gid) != 0)
        rc = sy_fail_errno(err, errno, "give %s to user %s", conf->parent_cache, conf->task_user);
    return rc;
}

int sy_attempts_create(struct sy_attempts **ret, const struct sy_attempts_opts *opts,
                       struct sy_error *err)
{
    struct sy_attempts *attempts = calloc(1, sizeof *attempts);
    if (!attempts)
        return sy_fail(err, SY_E_NOMEM, "no memory for the attempts");
    attempts->opts = *opts;
    const char *dir = opts->conf->dir;
    int rc = sy_path_format(attempts->ledger_dir, err, "%s/ledger", dir);
    if (rc == 0)
        rc = sy_path_format(attempts->attempts_dir, err, "%s/attempts", dir);
    if (rc == 0)
        rc = sy_path_format(attempts->outputs_dir, err, "%s/outputs", dir);
    if (rc == 0)
        rc = sy_path_format(attempts->inputs_dir, err, "%s/inputs", dir);
    if (rc == 0)
        rc = sy_file_make_directory(attempts->ledger_dir, 0700, err);
    if (rc == 0)
        rc = sy_file_make_directory(attempts->attempts_dir, 0755, err);
    if (rc == 0)
        rc = sy_file_make_directory(attempts->outputs_dir, 0755, err);
    if (rc == 0)
        rc = sy_file_make_directory(attempts->inputs_dir, 0755, err);
    if (rc == 0)
        rc = make_parent_cache(opts->conf, err);
    if (rc == 0)
        rc = sy_env_boot_id(attempts->boot_id, err);
    if (rc != 0)
        free(attempts);
    else
        *ret = attempts;
    return rc;
}

void sy_attempts_destroy(struct sy_attempts *attempts)
{
    if (!attempts)
        return;
    while (attempts->runs)
        run_drop(attempts->runs);
    free(attempts);
}

/* ---------------------------------------------------------------- frames -------------------- */

static void answer_start(struct sy_attempts *attempts, const struct sy_msg_start *start,
                         const struct sy_error *refusal)
{
    struct sy_msg_start_ack ack = {
        .task = start->task, .attempt = start->attempt, .verdict = SY_START_ACCEPTED};
    if (refusal) {
        char value[SY_ERROR_TEXT_BYTES];
        ack.verdict = SY_START_REFUSED;
        ack.error_class = refusal->class;
        ack.text = (struct sy_slice){refusal->text, (uint32_t)strlen(refusal->text)};
        SY_WARN("attempt", "refused", "task=%llu attempt=%u err=%s",
                (unsigned long long)start->task, start->attempt,
                sy_log_value(refusal->text, value, sizeof value));
    }
    struct sy_error err;
    attempts->opts.send(attempts->opts.ctx, SY_MSG_START_ACK, 0, &ack,
                        &err); /* START is repeated */
}

/* A START that the agent has seen is answered by what became of it. */
static void answer_known(struct run *run, const struct sy_msg_start *start)
{
    if (run->record.stopping)
        return; /* STOP_ACK will come */
    answer_start(run->owner, start, NULL);
    if (run->phase == RUN_ENDED)
        run_send_result(run, sy_loop_now_ms(run->owner->opts.loop));
}

/* One sector's scratch has one writer. *ret_wait: an older attempt of the same task is still there;
 * it is killed, and the START that is repeated later finds it gone. */
static int check_sector(struct sy_attempts *attempts, const struct sy_msg_start *start,
                        bool *ret_wait, struct sy_error *err)
{
    *ret_wait = false;
    struct run *next;
    for (struct run *run = attempts->runs; run; run = next) {
        next = run->next;
        const struct sy_ledger_record *record = &run->record;
        if (record->task == start->task && record->attempt > start->attempt)
            return sy_fail(err, SY_E_STALE, "task %llu has attempt %u here, START says %u",
                           (unsigned long long)start->task, record->attempt, start->attempt);
        if (record->task == start->task) {
            *ret_wait = *ret_wait || run->phase != RUN_ENDED;
            run_stop(run);
        } else if (record->miner == start->miner && record->number == start->number &&
                   run->phase != RUN_ENDED) {
            return sy_fail(err, SY_E_BUSY, "sector %llu is in use by task %llu (%s) on this agent",
                           (unsigned long long)start->number, (unsigned long long)record->task,
                           sy_stage_name(record->stage));
        }
    }
    return 0;
}

void sy_attempts_on_start(struct sy_attempts *attempts, const struct sy_msg_start *start)
{
    struct run *run = run_find(attempts, start->task, start->attempt);
    if (run) {
        answer_known(run, start);
        return;
    }
    struct sy_error err = {0};
    bool wait = false;
    int rc = check_sector(attempts, start, &wait, &err);
    if (rc == 0 && wait)
        return;
    SY_FAULT("agent.before_ledger");
    if (rc == 0)
        rc = run_start(attempts, start, &run, &err);
    if (rc == 0)
        run_log(run, run->phase == RUN_FETCHING ? "fetching" : "started", "");
    answer_start(attempts, start, rc == 0 ? NULL : &err);
}

void sy_attempts_on_stop(struct sy_attempts *attempts, const struct sy_msg_attempt_ref *ref)
{
    struct run *run = run_find(attempts, ref->task, ref->attempt);
    if (run) {
        run_stop(run);
        return;
    }
    struct sy_error err;
    attempts->opts.send(attempts->opts.ctx, SY_MSG_STOP_ACK, 0, ref, &err); /* STOP is repeated */
}

void sy_attempts_on_result_ack(struct sy_attempts *attempts, const struct sy_msg_result_ack *ack)
{
    struct run *run = run_find(attempts, ack->task, ack->attempt);
    struct sy_error err = {0};
    if (!run)
        return;
    if (run->phase != RUN_ENDED) { /* the fence moved on while it ran */
        if (ack->verdict != SY_RESULT_ACCEPTED)
            run_stop(run);
        return;
    }
    if (sy_ledger_remove(attempts->ledger_dir, ack->task, ack->attempt, &err) != 0) {
        run_log(run, "ledger record not removed", err.text); /* the result is sent again */
        return;
    }
    SY_FAULT("agent.after_ack");
    run_log(run, ack->verdict == SY_RESULT_ACCEPTED ? "accepted" : "result not wanted", "");
    if (run->outcome.class == SY_CLASS_NONE || ack->verdict != SY_RESULT_ACCEPTED)
        run_drop_input(run);
    run_drop(run);
}

void sy_attempts_on_joined(struct sy_attempts *attempts)
{
    for (struct run *run = attempts->runs; run; run = run->next) {
        run->resend_ms = 1000;
        run->resend_due_ms = 0;
        run->progress_crc = 0;
    }
}

uint32_t sy_attempts_states(const struct sy_attempts *attempts, struct sy_msg_attempt_state *ret,
                            uint32_t max)
{
    uint32_t count = 0;
    for (const struct run *run = attempts->runs; run && count < max; run = run->next)
        ret[count++] = (struct sy_msg_attempt_state){
            .task = run->record.task,
            .attempt = run->record.attempt,
            .state = run->phase == RUN_ENDED ? SY_TASK_DONE : SY_TASK_RUNNING,
        };
    return count;
}

/* ---------------------------------------------------------------- sweeping ------------------ */

static bool is_live(const struct sy_attempts *attempts, const char *name)
{
    for (const struct run *run = attempts->runs; run; run = run->next) {
        char own[SY_LEDGER_NAME_BYTES], output[SY_LEDGER_NAME_BYTES];
        snprintf(output, sizeof output, "task-%llu", (unsigned long long)run->record.task);
        if (strcmp(name, sy_ledger_name(run->record.task, run->record.attempt, own)) == 0 ||
            strncmp(name, output, strlen(output)) == 0)
            return true;
    }
    return false;
}

static void sweep_directory(struct sy_attempts *attempts, const char *directory, int64_t now_ms)
{
    DIR *entries = opendir(directory);
    if (!entries)
        return;
    unsigned seen = 0;
    for (struct dirent *entry;
         seen < SY_ATTEMPT_DIRECTORIES_MAX && (entry = readdir(entries)) != NULL; seen++) {
        struct stat status;
        char path[SY_PATH_BYTES];
        if (entry->d_name[0] == '.' || is_live(attempts, entry->d_name) ||
            fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        int64_t age_ms = now_ms - (int64_t)status.st_mtim.tv_sec * 1000;
        if (age_ms > (int64_t)SY_ATTEMPT_KEEP_MS &&
            sy_path_format(path, NULL, "%s/%s", directory, entry->d_name) == 0)
            sy_file_remove_tree(path, NULL);
    }
    closedir(entries);
}

void sy_attempts_sweep(struct sy_attempts *attempts)
{
    int64_t now_ms = sy_env_wall_ms(attempts->opts.env);
    sweep_directory(attempts, attempts->attempts_dir, now_ms);
    sweep_directory(attempts, attempts->outputs_dir, now_ms);
    sweep_directory(attempts, attempts->inputs_dir, now_ms);
}
