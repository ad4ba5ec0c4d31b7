/* Pieces of the files that an agent holds for others: task logs and unseal outputs for clients, C1
 * outputs for the agent that computes C2.
 *
 * Only names made from numbers are opened, below the agent's own directory or, C1 outputs, below a
 * store that is attached here, without following links. Threads: the loop thread; a chunk is at
 * most SY_CHUNK_BYTES_MAX.
 */
#ifndef SEALYARD_AGENT_FILE_READ_H
#define SEALYARD_AGENT_FILE_READ_H

#include "agent/scratch.h"
#include "common/msg.h"

/* what: "task-log" (log.1 and log of the attempt, as one text; attempt 0 = the newest here),
 * "unseal-output" or "c1-output" (store, miner, number of the request). Fills *ret; ret->data
 * borrows `buffer` (SY_CHUNK_BYTES_MAX bytes). An offset at or behind the end gives no data.
 * -SY_E_NOT_FOUND, -SY_E_ARG, -SY_E_LIMIT. */
int sy_agent_file_read(struct sy_msg_chunk *ret, const char *dir, struct sy_stores *stores,
                       const struct sy_msg_file_read *request, uint8_t *buffer,
                       struct sy_error *err);

#endif
