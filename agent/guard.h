/* The generation guard: an agent obeys one scheduler.
 *
 * Each start of the scheduler has a higher generation and a random instance. The agent keeps the
 * highest pair that welcomed it in <dir>/generation.json, durable before it obeys, and refuses a
 * lower generation and another instance of the same one (two schedulers on copies of one store).
 * Threads: the loop thread.
 */
#ifndef SEALYARD_AGENT_GUARD_H
#define SEALYARD_AGENT_GUARD_H

#include "common/file.h"

#define SY_GUARD_INSTANCE_BYTES 16

struct sy_guard {
    char path[SY_PATH_BYTES];
    uint64_t generation; /* 0 = none seen yet */
    uint8_t instance[SY_GUARD_INSTANCE_BYTES];
};

int sy_guard_init(struct sy_guard *guard, const char *dir, struct sy_error *err);
/* 0: this scheduler may be obeyed. -SY_E_STALE otherwise, saying which generations met. */
int sy_guard_welcome(struct sy_guard *guard, uint64_t generation,
                     const uint8_t instance[SY_GUARD_INSTANCE_BYTES], struct sy_error *err);

#endif
