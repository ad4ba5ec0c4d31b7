/* Shared by recover.c and recover_check.c. */
#ifndef SEALYARD_SCHEDULER_RECOVER_INTERNAL_H
#define SEALYARD_SCHEDULER_RECOVER_INTERNAL_H

#include "scheduler/recover.h"

#define RECOVER_ARENA_BYTES (8u << 20) /* one decoded row or event: at most 4 x 64 KiB and pieces  \
                                        */
#define RECOVER_DAMAGED_MAX 4000       /* with their copies they must fit one batch */

/* Adds a finding while there is room. */
void recover_note(struct sy_recover_report *report, enum sy_store_table table, const void *key,
                  size_t key_bytes, const char *text);
/* A new state from all events; fails at the first that does not decode or apply. */
int recover_replay(const struct sy_store *store, struct sy_state **ret, struct sy_error *err);

#endif
