/* One attempt in memory. Private to attempt.c, attempt_input.c, attempt_start.c, attempt_end.c
 * and adopt.c. */
#ifndef SEALYARD_AGENT_ATTEMPT_RUN_H
#define SEALYARD_AGENT_ATTEMPT_RUN_H

#include "agent/attempt.h"
#include "agent/exit_record.h"
#include "agent/fetch.h"
#include "agent/ledger.h"

enum run_phase { RUN_RUNNING, RUN_FETCHING, RUN_CLEANING, RUN_ENDED };

struct run {
    struct sy_attempts *owner; /* borrowed */
    struct run *next;
    struct sy_ledger_record record; /* record.spec.data is owned */
    enum run_phase phase;
    int pidfd;              /* of the shim; -1 = gone */
    struct sy_watch *watch; /* on pidfd */
    bool slot_booked;
    struct sy_fetch *fetch; /* while FETCHING */
    /* scratch promised to this attempt */
    char need_path[SY_PATH_BYTES]; /* a path on the file system that it fills; "" = none */
    uint64_t need_bytes, written_before_bytes;
    struct sy_sector_paths paths;
    /* outcome, valid when ENDED */
    struct sy_exit_record outcome;
    char error[SY_ERROR_TEXT_BYTES];
    char *result; /* JSON object, NULL when not ok */
    size_t result_bytes;
    uint64_t resend_ms, resend_due_ms;
    uint64_t progress_due_ms;
    uint32_t progress_crc; /* of the last progress line that was sent */
};

struct sy_attempts {
    struct sy_attempts_opts opts;
    char ledger_dir[SY_PATH_BYTES], attempts_dir[SY_PATH_BYTES], outputs_dir[SY_PATH_BYTES],
        inputs_dir[SY_PATH_BYTES];
    char boot_id[SY_UUID_BYTES];
    struct run *runs;
    uint32_t count;
};

/* <dir>/attempts/<task>-<attempt>; the group's name; "SEALYARD_ATTEMPT=<directory>". */
int run_directory(const struct run *run, char *ret_path, struct sy_error *err);
int run_cgroup(const struct run *run, char ret_name[SY_CGROUP_NAME_BYTES], struct sy_error *err);

struct run *run_find(const struct sy_attempts *attempts, uint64_t task, uint32_t attempt);
/* A new run that copies the record and its spec; it is in the list. */
int run_add(struct sy_attempts *attempts, const struct sy_ledger_record *record, struct run **ret,
            struct sy_error *err);
/* Takes it from the list, closes what is open, frees the slot. */
void run_drop(struct run *run);

/* Watches run->pidfd: its end leads to run_ended. */
int run_watch(struct run *run, struct sy_error *err);
/* The shim is gone (or never was): clean, then report. */
void run_ended(struct run *run);
/* Kills and removes what is left of the process tree; false = not yet gone. */
bool run_clean(struct run *run);
/* STOP: no result, kill everything. */
void run_stop(struct run *run);
void run_send_result(struct run *run, uint64_t now_ms);
void run_send_progress(struct run *run);
void run_log(const struct run *run, const char *what, const char *text);

/* The task never ran: why becomes the outcome, durably, and is reported. */
void run_never_ran(struct run *run, const struct sy_error *why);

/* attempt_input.c. */
/* C2 of a sector whose scratch is another agent's. */
bool run_needs_fetch(const struct run *run);
/* Enters FETCHING, or goes on at once with what is here already. */
int run_fetch(struct run *run, struct sy_error *err);
void run_fetch_tick(struct run *run, uint64_t now_ms);
/* The fetched file is not needed again. */
void run_drop_input(const struct run *run);

/* From the ledger record to the word to the shim, with the slot booked. On failure nothing of it is
 * left but the run and its record. */
int run_launch(struct run *run, struct sy_error *err);
/* attempt_start.c: everything from the check of START to the word to the shim. On failure nothing
 * of the attempt is left and the run has been dropped. */
int run_start(struct sy_attempts *attempts, const struct sy_msg_start *start, struct run **ret,
              struct sy_error *err);

#endif
