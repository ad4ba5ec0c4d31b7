/* Shared by planner.c and planner_why.c. */
#ifndef SEALYARD_SCHEDULER_CORE_PLANNER_INTERNAL_H
#define SEALYARD_SCHEDULER_CORE_PLANNER_INTERNAL_H

#include "scheduler/core/planner.h"

/* What a store has to spare now, spare_bytes left alone; 0 when offline. */
uint64_t plan_store_avail(const struct sy_view_store *store, uint64_t spare_bytes);

#endif
