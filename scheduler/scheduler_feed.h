/* What plugins get to see, and what they may change. Inside part of scheduler.c. Loop thread. */
#ifndef SEALYARD_SCHEDULER_SCHEDULER_FEED_H
#define SEALYARD_SCHEDULER_SCHEDULER_FEED_H

#include "scheduler/core/state.h"

struct sy_scheduler;

/* Hands every live sector, every message that one of them or the chain still needs, and the miners
 * to the plugins. Once, before they run. */
int sy_scheduler_feed_all(struct sy_scheduler *scheduler, struct sy_error *err);
/* A row that became durable; the journal's on_row. ctx is the scheduler. */
void sy_scheduler_on_row(void *ctx, enum sy_row_kind kind, const void *row);
/* A plugin's proposal: becomes an event when it still fits. ctx is the scheduler. */
int sy_scheduler_on_propose(void *ctx, const char *plugin, uint32_t kind, const void *body,
                            struct sy_error *err);

#endif
