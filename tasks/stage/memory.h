/* How much memory a stage may still take: the smaller of what the machine has available and what
 * the control group of this process allows beyond its use. */
#ifndef SEALYARD_TASKS_STAGE_MEMORY_H
#define SEALYARD_TASKS_STAGE_MEMORY_H

#include "common/err.h"

/* Both control group versions, at their usual mounts; a group that cannot be read sets no limit.
 * -SY_E_IO when /proc/meminfo has no MemAvailable. */
int sy_stage_memory_available(uint64_t *ret_bytes, struct sy_error *err);

#endif
