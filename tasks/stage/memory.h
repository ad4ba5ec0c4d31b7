/* How much memory a stage may still take: the smallest of what the machine has available, what the
 * control groups of this process allow beyond their use, and what its address space limit leaves.
 */
#ifndef SEALYARD_TASKS_STAGE_MEMORY_H
#define SEALYARD_TASKS_STAGE_MEMORY_H

#include "common/err.h"

/* *ret_bytes = bytes that can still be had. Control groups: both versions at their usual mounts,
 * the process's group and all groups above it; pages of files do not count as use, since they give
 * way. A group that cannot be read sets no limit. Address space: RLIMIT_AS less what is mapped.
 * -SY_E_IO when /proc/meminfo has no MemAvailable. Threads: reentrant. */
int sy_stage_memory_available(uint64_t *ret_bytes, struct sy_error *err);

#endif
