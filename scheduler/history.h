/* What happened: the committed events, read back from the store, with one readable line each.
 *
 * The walk runs on the store's thread between two commits, SY_HISTORY_SCAN_RECORDS at a time, so
 * commits never wait long for it. One answer ends when it is full; its "next" cursor goes on.
 * Threads: the loop thread; records are decoded where the store calls back.
 */
#ifndef SEALYARD_SCHEDULER_HISTORY_H
#define SEALYARD_SCHEDULER_HISTORY_H

#include "common/net.h"

#define SY_HISTORY_SCAN_RECORDS 4096
#define SY_HISTORY_WAITING_MAX 32
#define SY_HISTORY_SUBJECT_MAX 256 /* tasks and jobs of one sector that are looked for */
#define SY_HISTORY_SUMMARY_BYTES 512

struct sy_scheduler;

/* "events": all after number `after`. "sector-log": those about sector `id` of `miner` (0 = the
 * only one). Rows: number, wall_ms, event, summary; "events" have the body too. The answer comes
 * later, at once only a refusal: -SY_E_LIMIT when SY_HISTORY_WAITING_MAX requests wait. */
int sy_history_query(struct sy_scheduler *scheduler, const struct sy_peer *peer, uint64_t sequence,
                     const struct sy_msg_query *query, struct sy_error *err);
/* Forgets requests that wait: their answers are dropped. After the store was closed. */
void sy_history_fini(struct sy_scheduler *scheduler);

/* A sector and the tasks and jobs that belong to it. miner 0 = every event. */
struct sy_history_subject {
    uint64_t miner, number;
    uint64_t tasks[SY_HISTORY_SUBJECT_MAX], jobs[SY_HISTORY_SUBJECT_MAX];
    size_t task_count, job_count;
    char precommit_uid[SY_UID_BYTES], commit_uid[SY_UID_BYTES]; /* empty = none yet */
};
bool sy_history_concerns(const struct sy_history_subject *subject, const struct sy_event *event);

/* One readable line about an event; returns text. */
const char *sy_history_summary(const struct sy_event *event, char text[SY_HISTORY_SUMMARY_BYTES]);

#endif
