/* From START to the word to the shim. Each step is undone when a later one fails, so a refused
 * START leaves nothing behind. */
#include "agent/attempt_run.h"

#include "agent/shim.h"
#include "agent/shim_spec.h"
#include "agent/spawn.h"
#include "agent/task_spec.h"
#include "cgroup/hugepage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct plan {
    const struct sy_store_row *scratch, *long_store; /* NULL = not named */
    struct sy_task_spec spec;
    char directory[SY_PATH_BYTES], work[SY_PATH_BYTES];
    char cgroup[SY_CGROUP_NAME_BYTES];
    bool has_directory, has_cgroup;
    struct sy_spawn spawn; /* pidfd -1 = not spawned */
};

static int find_stores(struct run *run, struct plan *plan, struct sy_error *err)
{
    struct sy_stores *stores = run->owner->opts.stores;
    const struct sy_ledger_record *record = &run->record;
    int rc = 0;
    if (record->scratch_store[0])
        rc = sy_stores_find(stores, record->scratch_store, &plan->scratch, err);
    if (rc == -SY_E_NOT_FOUND && record->stage == SY_STAGE_C2)
        rc = 0; /* another agent's: the input has been fetched */
    if (rc == 0 && record->long_store[0])
        rc = sy_stores_find(stores, record->long_store, &plan->long_store, err);
    return rc;
}

static bool same_file_system(const char *a, const char *b)
{
    struct stat status_a, status_b;
    return stat(a, &status_a) == 0 && stat(b, &status_b) == 0 && status_a.st_dev == status_b.st_dev;
}

/* Bytes that the other attempts on this file system still will write. */
static uint64_t promised_bytes(const struct run *run)
{
    uint64_t total = 0;
    for (const struct run *other = run->owner->runs; other; other = other->next) {
        if (other == run || other->phase == RUN_ENDED || !other->need_path[0] ||
            !same_file_system(other->need_path, run->need_path))
            continue;
        uint64_t now = sy_scratch_written_bytes(other->record.stage, &other->paths);
        uint64_t done = now > other->written_before_bytes ? now - other->written_before_bytes : 0;
        total += other->need_bytes > done ? other->need_bytes - done : 0;
    }
    return total;
}

static int check_room(struct run *run, const struct plan *plan, struct sy_error *err)
{
    enum sy_stage stage = run->record.stage;
    const char *path = plan->scratch ? plan->scratch->path : "";
    if (stage == SY_STAGE_FIN)
        path = plan->long_store->path;
    else if (stage == SY_STAGE_UNSEAL)
        path = run->owner->outputs_dir;
    uint64_t need = sy_scratch_need_bytes(stage, run->record.proof_type, plan->spec.size_bytes);
    if (need == 0 || (stage == SY_STAGE_FIN && same_file_system(path, plan->scratch->path)))
        return 0; /* on one file system Finalize renames */
    if (plan->spec.has_scratch)
        run->paths = plan->spec.scratch;
    uint64_t present = sy_scratch_written_bytes(stage, &run->paths);
    run->need_bytes = need > present ? need - present : 0; /* a repeated attempt goes on */
    run->written_before_bytes = present;
    int rc = sy_path_format(run->need_path, err, "%s", path);
    return rc == 0 ? sy_scratch_check(path, run->need_bytes, promised_bytes(run), err) : rc;
}

static int check_hugepages(const struct run *run, const struct sy_slot *slot, struct sy_error *err)
{
    const struct sy_agent_conf *conf = run->owner->opts.conf;
    const struct sy_agent_stage_conf *stage = &conf->stages[run->record.stage];
    if (stage->hugepage_bytes == 0)
        return 0;
    int rc = sy_hugepage_mount_check(conf->hugepage_mount, conf->hugepage_page_bytes, err);
    return rc == 0 ? sy_hugepage_check("/sys", slot->place.node, conf->hugepage_page_bytes,
                                       stage->hugepage_bytes, err)
                   : rc;
}

static int give_to_task(const struct sy_agent_conf *conf, const char *path, struct sy_error *err)
{
    if (conf->task_user[0] && geteuid() == 0 && chown(path, conf->task_uid, conf->task_gid) != 0)
        return sy_fail_errno(err, errno, "give %s to user %s", path, conf->task_user);
    return 0;
}

static int make_work(const struct sy_agent_conf *conf, struct plan *plan, struct sy_error *err)
{
    int rc = sy_path_format(plan->work, err, "%s/" SY_SHIM_WORK_DIRECTORY, plan->directory);
    if (rc == 0 && mkdir(plan->work, 0755) != 0)
        rc = sy_fail_errno(err, errno, "create %s", plan->work);
    return rc == 0 ? give_to_task(conf, plan->work, err) : rc;
}

/* The directory of the attempt is made by this attempt or it is an old one: then this fence has
 * been used and must not run again. */
static int make_files(struct run *run, struct plan *plan, struct sy_error *err)
{
    const struct sy_agent_conf *conf = run->owner->opts.conf;
    char path[SY_PATH_BYTES];
    int rc = run_directory(run, plan->directory, err);
    if (rc != 0)
        return rc;
    if (mkdir(plan->directory, 0755) != 0) {
        if (errno == EEXIST)
            return sy_fail(err, SY_E_STALE, "attempt %u of task %llu has run here before",
                           run->record.attempt, (unsigned long long)run->record.task);
        return sy_fail_errno(err, errno, "create %s", plan->directory);
    }
    plan->has_directory = true;
    rc = sy_file_sync_parent(plan->directory, err);
    if (rc == 0)
        rc = make_work(conf, plan, err);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/" SY_TASK_SPEC_FILE, plan->directory);
    if (rc == 0)
        rc = sy_file_write(path, plan->spec.text, plan->spec.bytes, 0644, err);
    uint32_t uid = conf->task_user[0] ? conf->task_uid : (uint32_t)geteuid();
    uint32_t gid = conf->task_user[0] ? conf->task_gid : (uint32_t)getegid();
    if (rc == 0 && plan->scratch)
        rc = sy_store_prepare(plan->scratch, uid, gid, err);
    if (rc == 0 && plan->long_store)
        rc = sy_store_prepare(plan->long_store, uid, gid, err);
    if (rc == 0 && run->record.stage == SY_STAGE_UNSEAL)
        rc = give_to_task(conf, run->owner->outputs_dir, err);
    return rc;
}

static int make_cgroup(struct run *run, struct plan *plan, const struct sy_slot *slot,
                       struct sy_error *err)
{
    const struct sy_attempts_opts *opts = &run->owner->opts;
    if (!opts->cgroups)
        return 0;
    const struct sy_cgroup_limits limits = {
        .cpus = slot->place.cpus,
        .mems = slot->place.mems,
        .memory_bytes = opts->conf->stages[run->record.stage].memory_bytes,
        .pids_max = opts->conf->pids_max,
    };
    int rc = run_cgroup(run, plan->cgroup, err);
    if (rc != 0)
        return rc;
    plan->has_cgroup = true;
    return sy_cgroup_create(opts->cgroups, plan->cgroup, &limits, err);
}

static int fill_exec(const struct run *run, const char *spec_path, struct sy_shim_spec *shim,
                     struct sy_error *err)
{
    const struct sy_agent_conf *conf = run->owner->opts.conf;
    const struct sy_agent_stage_conf *stage = &conf->stages[run->record.stage];
    size_t n = 0;
    for (; n < stage->exec_count; n++)
        shim->exec[n] = stage->exec[n];
    if (n == 0)
        shim->exec[n++] = conf->task;
    if (access(shim->exec[0], X_OK) != 0)
        return sy_fail_errno(err, errno, "the program of stage %s, %s",
                             sy_agent_stage_verb(run->record.stage), shim->exec[0]);
    shim->exec[n++] = sy_agent_stage_verb(run->record.stage);
    shim->exec[n++] = "--spec";
    shim->exec[n] = spec_path;
    return 0;
}

/* After Finalize nobody reads the C1 file again. REMOVE of a sector that has a long-term store
 * works on that; what a broken Finalize may have left on scratch goes too. */
static void fill_cleanup(const struct run *run, const struct plan *plan, struct sy_shim_spec *shim)
{
    bool remove = run->record.stage == SY_STAGE_REMOVE;
    const struct sy_sector_paths *paths = &plan->spec.scratch;
    size_t n = 0;
    if (!plan->spec.has_scratch || (!remove && run->record.stage != SY_STAGE_FIN))
        return;
    shim->cleanup[n++] = paths->c1;
    if (remove && plan->long_store && plan->long_store != plan->scratch) {
        shim->cleanup[n++] = paths->cache;
        shim->cleanup[n++] = paths->sealed;
        shim->cleanup[n++] = paths->unsealed;
    }
}

static int write_shim_spec(const struct run *run, const struct plan *plan, struct sy_error *err)
{
    const struct sy_agent_conf *conf = run->owner->opts.conf;
    const struct sy_agent_stage_conf *stage = &conf->stages[run->record.stage];
    char name[SY_LEDGER_NAME_BYTES], spec_path[SY_PATH_BYTES], marker[SY_PATH_BYTES],
        home[SY_PATH_BYTES], temp[SY_PATH_BYTES];
    struct sy_shim_spec shim = {
        .attempt = sy_ledger_name(run->record.task, run->record.attempt, name),
        .cgroup = plan->has_cgroup ? plan->cgroup : NULL,
        .network = stage->network,
        .switch_user = conf->task_user[0] != 0,
        .uid = conf->task_uid,
        .gid = conf->task_gid,
        .memory_bytes = stage->memory_bytes,
    };
    int rc = sy_path_format(spec_path, err, "%s/" SY_TASK_SPEC_FILE, plan->directory);
    if (rc == 0)
        rc = sy_path_format(marker, err, "SEALYARD_ATTEMPT=%s", plan->directory);
    if (rc == 0)
        rc = sy_path_format(home, err, "HOME=%s", plan->work);
    if (rc == 0)
        rc = sy_path_format(temp, err, "TMPDIR=%s", plan->work);
    if (rc == 0)
        rc = fill_exec(run, spec_path, &shim, err);
    if (rc != 0)
        return rc;
    size_t n = 0;
    shim.environment[n++] = "PATH=/usr/local/bin:/usr/bin:/bin";
    shim.environment[n++] = "LANG=C.UTF-8";
    shim.environment[n++] = "SEALYARD_PROGRESS_FD=3";
    shim.environment[n++] = marker;
    shim.environment[n++] = home;
    shim.environment[n++] = temp;
#ifdef __SANITIZE_ADDRESS__
    shim.environment[n++] = "ASAN_OPTIONS=detect_leaks=0"; /* it needs ptrace, which is refused */
#endif
    for (size_t i = 0; i < stage->environment_count; i++)
        shim.environment[n++] = stage->environment[i];
    n = 0;
    shim.writable[n++] = plan->work;
    if (plan->scratch)
        shim.writable[n++] = plan->scratch->path;
    if (plan->long_store)
        shim.writable[n++] = plan->long_store->path;
    if (run->record.stage == SY_STAGE_UNSEAL)
        shim.writable[n++] = run->owner->outputs_dir;
    if (conf->parent_cache[0])
        shim.writable[n++] = conf->parent_cache;
    if (conf->hugepage_mount[0])
        shim.writable[n++] = conf->hugepage_mount;
    for (size_t i = 0; i < stage->writable_count; i++)
        shim.writable[n++] = stage->writable[i];
    fill_cleanup(run, plan, &shim);
    return sy_shim_spec_write(plan->directory, &shim, err);
}

/* The shim waits for its word until its pid is durable: whatever dies first, the task either has
 * not run or can be found again. */
static int launch(struct run *run, struct plan *plan, struct sy_error *err)
{
    struct sy_attempts *attempts = run->owner;
    int rc = sy_spawn_shim(&plan->spawn, attempts->opts.conf->shim, plan->directory, err);
    if (rc != 0)
        return rc;
    SY_FAULT("agent.after_spawn");
    run->record.state = SY_LEDGER_RUNNING;
    run->record.shim_pid = (uint32_t)plan->spawn.pid;
    run->record.shim_start_ticks = plan->spawn.start_ticks;
    memcpy(run->record.boot_id, attempts->boot_id, sizeof run->record.boot_id);
    rc = sy_ledger_put(attempts->ledger_dir, &run->record, err);
    SY_FAULT("agent.after_running");
    if (rc == 0)
        rc = sy_spawn_go(&plan->spawn, err);
    SY_FAULT("agent.after_go");
    if (rc == 0) {
        run->pidfd = plan->spawn.pidfd;
        plan->spawn.pidfd = -1;
        rc = run_watch(run, err);
    }
    return rc;
}

static void undo(struct run *run, struct plan *plan)
{
    struct sy_attempts *attempts = run->owner;
    if (run->pidfd >= 0) {
        plan->spawn.pidfd = run->pidfd;
        run->pidfd = -1;
    }
    if (plan->spawn.pidfd >= 0) {
        siginfo_t info;
        syscall(SYS_pidfd_send_signal, plan->spawn.pidfd, SIGKILL, NULL, 0);
        waitid(P_PIDFD, (id_t)plan->spawn.pidfd, &info, WEXITED);
        close(plan->spawn.pidfd);
    }
    if (plan->spawn.go_fd >= 0)
        close(plan->spawn.go_fd);
    if (plan->has_cgroup) {
        sy_cgroup_kill(attempts->opts.cgroups, plan->cgroup, 1000, NULL);
        sy_cgroup_remove(attempts->opts.cgroups, plan->cgroup, NULL);
    }
    if (plan->has_directory)
        sy_file_remove_tree(plan->directory, NULL);
}

static int launch_steps(struct run *run, struct plan *plan, struct sy_error *err)
{
    struct sy_attempts *attempts = run->owner;
    const struct sy_slot *slot =
        sy_slots_get(attempts->opts.slots, run->record.stage, run->record.slot);
    int rc = find_stores(run, plan, err);
    if (rc == 0)
        rc = sy_task_spec_build(&plan->spec, attempts->opts.conf, &run->record, slot, plan->scratch,
                                plan->long_store, err);
    if (rc == 0)
        rc = check_room(run, plan, err);
    if (rc == 0)
        rc = check_hugepages(run, slot, err);
    if (rc != 0)
        return rc;
    rc = sy_ledger_put(attempts->ledger_dir, &run->record, err);
    SY_FAULT("agent.after_prepare");
    if (rc == 0)
        rc = make_files(run, plan, err);
    if (rc == 0)
        rc = make_cgroup(run, plan, slot, err);
    if (rc == 0)
        rc = write_shim_spec(run, plan, err);
    return rc == 0 ? launch(run, plan, err) : rc;
}

int run_launch(struct run *run, struct sy_error *err)
{
    struct plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return sy_fail(err, SY_E_NOMEM, "no memory to start task %llu",
                       (unsigned long long)run->record.task);
    plan->spawn.pidfd = plan->spawn.go_fd = -1;
    int rc = launch_steps(run, plan, err);
    if (rc == 0) {
        run->phase = RUN_RUNNING;
    } else {
        sy_watch_destroy(run->watch);
        run->watch = NULL;
        undo(run, plan);
    }
    sy_task_spec_fini(&plan->spec);
    free(plan);
    return rc;
}

static int check_start(const struct sy_msg_start *start, struct sy_error *err)
{
    if (start->task == 0 || start->attempt == 0)
        return sy_fail(err, SY_E_ARG, "START without a task or attempt number");
    if (start->stage == 0 || start->stage >= SY_STAGE_COUNT)
        return sy_fail(err, SY_E_UNSUPPORTED, "START of stage %u: this agent knows no such stage",
                       start->stage);
    if (start->spec.bytes > SY_LEDGER_SPEC_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "the spec of START has %u bytes, at most %u",
                       start->spec.bytes, SY_LEDGER_SPEC_BYTES_MAX);
    return 0;
}

int run_start(struct sy_attempts *attempts, const struct sy_msg_start *start, struct run **ret,
              struct sy_error *err)
{
    struct sy_ledger_record record = {
        .task = start->task,
        .attempt = start->attempt,
        .state = SY_LEDGER_PREPARED,
        .stage = start->stage,
        .miner = start->miner,
        .number = start->number,
        .proof_type = start->proof_type,
        .spec = start->spec,
        .accepted_ms = sy_env_wall_ms(attempts->opts.env),
    };
    memcpy(record.token, start->token, sizeof record.token);
    memcpy(record.scratch_store, start->scratch_store, sizeof record.scratch_store);
    memcpy(record.long_store, start->long_store, sizeof record.long_store);
    struct run *run = NULL;
    int rc = check_start(start, err);
    if (rc == 0)
        rc = run_add(attempts, &record, &run, err);
    if (rc != 0)
        return rc;
    rc = sy_slots_book(attempts->opts.slots, record.stage, &run->record.slot, err);
    run->slot_booked = rc == 0;
    if (rc == 0)
        rc = run_needs_fetch(run) ? run_fetch(run, err) : run_launch(run, err);
    if (rc == 0) {
        *ret = run;
        return 0;
    }
    sy_ledger_remove(attempts->ledger_dir, record.task, record.attempt, NULL);
    run_drop(run);
    return rc;
}
