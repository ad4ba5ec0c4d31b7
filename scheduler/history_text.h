/* What an event is about, and in words. Pure functions; inside part of history.c. */
#ifndef SEALYARD_SCHEDULER_HISTORY_TEXT_H
#define SEALYARD_SCHEDULER_HISTORY_TEXT_H

#include "common/job.h"

struct sy_history_ids {
    bool has_sector;
    uint64_t miner, number;
    uint64_t task, job;               /* 0 = none */
    const struct sy_message *message; /* for events about messages: its sectors */
};
void sy_history_ids_of(const struct sy_event *event, struct sy_history_ids *ret);

#endif
