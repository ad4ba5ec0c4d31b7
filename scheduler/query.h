/* Answers for people and programs: rows of the state as JSON.
 *
 * Field names are those of the row tables (common/job_tables.c) plus derived fields: sectors have
 * "miner" as text ("t01000") beside "miner_id", "proof_type" by name, "comm_d" and "comm_r" as CID
 * text beside "comm_d_hash"/"comm_r_hash", "agent"; tasks have "progress" (volatile, null when
 * none); agents "running"; jobs "progress". Lists are {"rows":[...],"next":N|null} and end before
 * the reply is larger than SY_QUERY_BYTES_MAX; "next" goes into the next request's `after`.
 * Threads: the loop thread; nothing is changed.
 */
#ifndef SEALYARD_SCHEDULER_QUERY_H
#define SEALYARD_SCHEDULER_QUERY_H

#include "common/msg.h"

#define SY_QUERY_BYTES_MAX (768u * 1024)
#define SY_QUERY_ROWS_MAX 4096
/* `tasks` shows what is open and so many of the last ended ones. */
#define SY_QUERY_ENDED_TASKS 50

struct sy_scheduler;

/* The answer to `query`; the caller owns *ret. -SY_E_NOT_FOUND, -SY_E_ARG for an unknown `what`.
 * "sector-log" and "events" are not answered here (history.h). */
int sy_query_answer(struct sy_scheduler *scheduler, const struct sy_msg_query *query, json_t **ret,
                    struct sy_error *err);

/* The miner meant by `miner`, where 0 stands for the only one. */
int sy_query_miner(const struct sy_scheduler *scheduler, uint64_t miner, uint64_t *ret,
                   struct sy_error *err);
/* The sector of (miner or 0, number); -SY_E_NOT_FOUND. */
int sy_query_sector(const struct sy_scheduler *scheduler, uint64_t miner, uint64_t number,
                    const struct sy_sector **ret, struct sy_error *err);

/* Single rows with their derived fields, new references; NULL = out of memory. */
json_t *sy_query_sector_json(const struct sy_scheduler *scheduler, const struct sy_sector *sector);
json_t *sy_query_job_json(const struct sy_scheduler *scheduler, const struct sy_job *job);
json_t *sy_query_task_json(const struct sy_scheduler *scheduler, const struct sy_task *task);
json_t *sy_query_agent_json(const struct sy_scheduler *scheduler, const struct sy_agent *agent);
json_t *sy_query_store_json(const struct sy_store_row *store);
json_t *sy_query_message_json(const struct sy_message *message);
json_t *sy_query_miner_json(const struct sy_scheduler *scheduler, const struct sy_miner *miner);

/* "t01000"; text has SY_NAME_BYTES. Returns text. */
const char *sy_query_miner_text(uint64_t miner, char *text);

#endif
