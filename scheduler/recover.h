/* From stored bytes to a state, and the proof that both agree.
 *
 * Opening: every record's crc is checked. Event numbers must be 1, 2, ... without a gap up to the
 * meta row's last_event. A damaged row is copied to the quarantine table and rebuilt from the
 * events; when events are damaged too, the rows stand as they are and the report says so. A damaged
 * record never stops the others; it never crashes. Only an unreadable meta row together with
 * damaged events, or a store of a newer version, is an error.
 *
 * Threads: the loop thread, before store->start.
 */
#ifndef SEALYARD_SCHEDULER_RECOVER_H
#define SEALYARD_SCHEDULER_RECOVER_H

#include "scheduler/record.h"

#define SY_RECOVER_NOTES_MAX 64

struct sy_recover_note {
    enum sy_store_table table;
    char key[2 * SY_STORE_KEY_BYTES_MAX + 1]; /* hex */
    char text[SY_ERROR_TEXT_BYTES];
};

struct sy_recover_report {
    uint64_t events, rows;
    uint64_t damaged;    /* records that failed their check */
    uint64_t rebuilt;    /* of these, rows made again from events */
    uint64_t lost;       /* of these, not rebuilt */
    uint64_t differing;  /* fsck: rows that are not what the events say */
    uint32_t note_count; /* the first SY_RECOVER_NOTES_MAX findings */
    struct sy_recover_note notes[SY_RECOVER_NOTES_MAX];
};

/* Loads the state. Changes to make (quarantine copies, rebuilt rows) are put into *batch, which the
 * caller submits as the first batch after store start. */
int sy_recover_load(const struct sy_store *store, struct sy_state **ret, struct sy_batch *batch,
                    struct sy_recover_report *report, struct sy_error *err);

/* Machine binding: -SY_E_STATE when the store was last used on another machine (its id and ours are
 * named) and take_over is false. An empty store fits every machine. */
int sy_recover_check_machine(const struct sy_state *state, const char *machine_id, bool take_over,
                             struct sy_error *err);
/* /etc/machine-id (first line), else the DMI or hostname is not used: -SY_E_NOT_FOUND says what to
 * do. */
int sy_recover_machine_id(char ret[40], struct sy_error *err);

/* Replays all events from 1 through check and apply and compares every row with the stored bytes.
 * 0 when the walk could be made; look at the report for findings. */
int sy_recover_fsck(const struct sy_store *store, struct sy_recover_report *report,
                    struct sy_error *err);

/* All records as JSON lines {"table":..,"key":..,"version":..,"value":{..}} in table and key order.
 * write gets one line without the newline; a non-zero answer stops the walk. Tokens are left out.
 */
int sy_recover_dump(const struct sy_store *store,
                    int (*write)(void *ctx, const char *line, struct sy_error *err), void *ctx,
                    struct sy_error *err);

#endif
