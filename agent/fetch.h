/* A C1 output that another agent holds, brought here piece by piece for C2.
 *
 * Each piece (SY_CHUNK_BYTES_MAX at most) is asked of the scheduler by FETCH "c1-output", which
 * asks the holder; one is on its way at a time. Pieces are appended to <directory>/task-<task>.part
 * and hashed as they come; the whole must have the SHA-256 that C1 reported, then it is synced and
 * renamed to task-<task>.json. What an earlier attempt of the task or an earlier agent process left
 * is gone on with, so a cut connection costs one piece. Threads: the loop thread.
 */
#ifndef SEALYARD_AGENT_FETCH_H
#define SEALYARD_AGENT_FETCH_H

#include "common/msg.h"

#define SY_FETCH_ANSWER_MS 15000u   /* a piece that has not come is asked for again */
#define SY_FETCH_PAUSE_MS 2000u     /* after a refusal */
#define SY_FETCH_GIVE_UP_MS 120000u /* without a new byte */
#define SY_FETCH_BYTES_MAX (4ull << 30)

struct sy_fetch;
struct sy_fetch_opts {
    const char *directory; /* exists; copied */
    uint64_t task;         /* the C2 task: names the file here and the lease there */
    uint64_t sequence;     /* of the first request, the next ones count on; other fetches of the
                            * process must have other numbers, so it is random */
    uint8_t sha256[32];    /* of the whole file */
    uint64_t now_ms;       /* boot time, as of every now_ms below */
    /* Sends one frame; -SY_E_UNREACHABLE while there is no scheduler, then it is tried again. */
    int (*send)(void *ctx, uint16_t type, uint64_t sequence, const void *body,
                struct sy_error *err);
    void *ctx;
};

/* <directory>/task-<task>.json */
int sy_fetch_path(char *ret_path, const char *directory, uint64_t task, struct sy_error *err);

/* Opens or goes on with the part file; nothing is sent yet. */
int sy_fetch_create(struct sy_fetch **ret, const struct sy_fetch_opts *opts, struct sy_error *err);
void sy_fetch_destroy(struct sy_fetch *fetch); /* the part file stays; NULL is fine */

/* Asks for the next piece when none is on its way or it is overdue. -SY_E_TIMEOUT when nothing has
 * come for SY_FETCH_GIVE_UP_MS, with the last refusal. */
int sy_fetch_tick(struct sy_fetch *fetch, uint64_t now_ms, struct sy_error *err);
/* Whether the answer with this sequence is for this fetch, and still waited for. */
bool sy_fetch_waits_for(const struct sy_fetch *fetch, uint64_t sequence);
/* A piece came: *ret_done says that the file is whole, right and durable. A damaged piece is asked
 * for again. -SY_E_CORRUPT: the whole has another digest, it is removed; -SY_E_LIMIT: larger than
 * SY_FETCH_BYTES_MAX; errors of the disk. */
int sy_fetch_on_chunk(struct sy_fetch *fetch, const struct sy_msg_chunk *chunk, uint64_t now_ms,
                      bool *ret_done, struct sy_error *err);
/* The piece was refused: asked for again after a pause. */
void sy_fetch_on_failure(struct sy_fetch *fetch, const struct sy_msg_failure *failure,
                         uint64_t now_ms);
/* Bytes that are here, and of the whole (0 = not known yet). */
void sy_fetch_progress(const struct sy_fetch *fetch, uint64_t *ret_done, uint64_t *ret_total);

#endif
