/* What is known about agents beyond their rows: the connection, the last sign of life, progress.
 *
 * All of it is volatile: after a restart every agent is OFFLINE until it says HELLO, and counts as
 * silent from the start of the scheduler on. Threads: the loop thread.
 */
#ifndef SEALYARD_SCHEDULER_LINKS_H
#define SEALYARD_SCHEDULER_LINKS_H

#include "common/net.h"

#define SY_LINKS_MAX 4096
#define SY_LINKS_PROGRESS_MAX 65536

struct sy_link {
    char name[SY_NAME_BYTES];
    struct sy_peer peer;  /* where pushes go; of the last HELLO */
    uint8_t instance[16]; /* of the agent process */
    bool hello;           /* said HELLO to this scheduler */
    bool welcomed;        /* WELCOME left: pushes may follow */
    uint64_t heard_ms;    /* boot time of the last frame, or of the scheduler's start */
    enum sy_liveness liveness;
};

struct sy_links;
int sy_links_create(struct sy_links **ret, struct sy_error *err);
void sy_links_destroy(struct sy_links *links);                           /* NULL is fine */
struct sy_link *sy_links_find(struct sy_links *links, const char *name); /* NULL = unknown */
/* Finds or makes; a new one has heard_ms = now_ms. -SY_E_LIMIT, -SY_E_NOMEM. */
int sy_links_obtain(struct sy_links *links, const char *name, uint64_t now_ms, struct sy_link **ret,
                    struct sy_error *err);
struct sy_link *sy_links_first(struct sy_links *links);
struct sy_link *sy_links_next(struct sy_link *link);
/* True when pushes may go to it: welcomed and ONLINE. */
bool sy_link_is_ready(const struct sy_link *link);

struct sy_progress {
    uint64_t task;
    uint32_t attempt;
    uint64_t done, total, eta_s;
    char unit[SY_NAME_BYTES], phase[SY_NAME_BYTES];
    int64_t wall_ms;
};
/* Keeps the newest report; beyond SY_LINKS_PROGRESS_MAX tasks it is dropped (it is only shown). */
void sy_links_set_progress(struct sy_links *links, const struct sy_msg_progress *message,
                           int64_t wall_ms);
/* Of exactly this attempt; NULL = none. */
const struct sy_progress *sy_links_progress(const struct sy_links *links, uint64_t task,
                                            uint32_t attempt);
void sy_links_clear_progress(struct sy_links *links, uint64_t task);

#endif
