/* After a restart of the agent: every ledger record is matched with what is really there.
 *
 *   exit.json present                 -> the result waits for its acknowledgement
 *   shim alive (pid, start time, boot) -> watched again; nothing is started twice
 *   shim gone, no exit.json           -> its group is killed, FAILED TRANSIENT
 *   PREPARED, C1 file to be fetched   -> fetching goes on
 *   PREPARED otherwise                -> the shim never got its word: the lease is given back
 *   stopping                          -> killed, STOP_ACK
 * Identity is pid + start time + boot id, never a pid alone.
 */
#include "agent/attempt_run.h"

#include "agent/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool has_exit_record(const struct run *run)
{
    char directory[SY_PATH_BYTES];
    struct sy_exit_record record;
    return run_directory(run, directory, NULL) == 0 &&
           sy_exit_record_read(directory, &record, NULL) == 0;
}

static bool find_shim(struct run *run)
{
    const struct sy_ledger_record *record = &run->record;
    if (record->state != SY_LEDGER_RUNNING || strcmp(record->boot_id, run->owner->boot_id) != 0)
        return false;
    return sy_proc_open((pid_t)record->shim_pid, record->shim_start_ticks, &run->pidfd, NULL) == 0;
}

/* Nothing but the ledger record has been made before the file was there. */
static bool is_fetching(const struct run *run)
{
    char directory[SY_PATH_BYTES];
    return run->record.state == SY_LEDGER_PREPARED && !run->record.stopping &&
           run_needs_fetch(run) && run_directory(run, directory, NULL) == 0 &&
           access(directory, F_OK) != 0;
}

static int adopt_record(void *ctx, const struct sy_ledger_record *record, struct sy_error *err)
{
    struct sy_attempts *attempts = ctx;
    struct run *run;
    int rc = run_add(attempts, record, &run, err);
    if (rc != 0)
        return rc;
    bool ended = has_exit_record(run);
    bool alive = find_shim(run);
    if (alive)
        rc = run_watch(run, err);
    if (rc != 0)
        return rc;
    if (alive || !ended)
        run->slot_booked =
            sy_slots_rebook(attempts->opts.slots, run->record.stage, run->record.slot);
    run->phase = alive ? RUN_RUNNING : RUN_CLEANING;
    run_log(run, alive ? "adopted" : ended ? "adopted, ended" : "adopted, shim gone", "");
    if (alive && run->record.stopping)
        run_stop(run);
    if (is_fetching(run) && run->slot_booked) {
        struct sy_error why = {0};
        if (run_fetch(run, &why) != 0)
            run_never_ran(run, &why);
    }
    return 0; /* CLEANING is concluded by the first tick */
}

/* The record is lost, the processes may not be: whatever its name says is killed. */
static void on_damaged(void *ctx, const char *name, const struct sy_error *reason)
{
    struct sy_attempts *attempts = ctx;
    char group[SY_CGROUP_NAME_BYTES];
    SY_ERROR("ledger", "damaged", "record=%s err=\"%s\"", name, reason->text);
    int length = snprintf(group, sizeof group, "%s/%s", attempts->opts.cgroup_base, name);
    if (attempts->opts.cgroups && length > 0 && (size_t)length < sizeof group) {
        struct sy_error err = {0};
        if (sy_cgroup_kill(attempts->opts.cgroups, group, 1000, &err) == 0)
            sy_cgroup_remove(attempts->opts.cgroups, group, &err);
        else
            SY_ERROR("ledger", "not-killed", "record=%s err=\"%s\"", name, err.text);
    }
}

int sy_attempts_adopt(struct sy_attempts *attempts, struct sy_error *err)
{
    int rc = sy_ledger_load(attempts->ledger_dir, adopt_record, on_damaged, attempts, err);
    if (rc == 0)
        sy_attempts_tick(attempts);
    return rc;
}
