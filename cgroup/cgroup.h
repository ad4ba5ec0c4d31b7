/* Control groups for tasks: one group per attempt, on whatever the host offers.
 *
 * Each controller is looked for on the v1 hierarchies first (cgroup_v1.c, through libcgroup) and
 * then in the unified tree (cgroup_v2.c), so pure v1, hybrid and pure v2 hosts work. A group has
 * the same name in every hierarchy that it uses: "sealyard/agent-1/12-1", relative to the roots.
 *
 * Threads: a host belongs to one thread. It may be opened in a child after fork.
 */
#ifndef SEALYARD_CGROUP_CGROUP_H
#define SEALYARD_CGROUP_CGROUP_H

#include "common/err.h"

#include <sys/types.h>

#define SY_CGROUP_NAME_BYTES 256
#define SY_CGROUP_LIST_BYTES 1024 /* "0-3,8-11": cpuset lists, NUL included */
#define SY_CGROUP_LEVELS_MAX 8

enum sy_cgroup_controller {
    SY_CGROUP_CPUSET = 0,
    SY_CGROUP_MEMORY,
    SY_CGROUP_PIDS,
    SY_CGROUP_FREEZER, /* v2: part of every group */
    SY_CGROUP_CPUACCT, /* v2: cpu.stat, part of every group */
    SY_CGROUP_CONTROLLER_COUNT,
};

struct sy_cgroup_limits {
    const char *cpus;      /* cpuset list; NULL or "" = what the parent has */
    const char *mems;      /* NUMA nodes; NULL or "" = what the parent has */
    uint64_t memory_bytes; /* 0 = no limit */
    uint32_t pids_max;     /* 0 = no limit */
};

struct sy_cgroup_usage {
    uint64_t peak_bytes; /* 0 = not known */
    uint64_t cpu_ms;
    uint64_t oom_kills; /* processes that the memory controller killed */
};

struct sy_cgroup_host;

/* Looks at the host. Works without any controller too (sy_cgroup_host_check then says what misses).
 */
int sy_cgroup_host_open(struct sy_cgroup_host **ret, struct sy_error *err);
void sy_cgroup_host_close(struct sy_cgroup_host *host); /* NULL is fine */
/* 1, 2, or 0 = the host has no such controller. */
int sy_cgroup_host_version(const struct sy_cgroup_host *host, enum sy_cgroup_controller controller);
/* "cpuset=v1 memory=v1 pids=v1 freezer=v1 cpuacct=v1" into text; returns text. */
char *sy_cgroup_host_describe(const struct sy_cgroup_host *host, char *text, size_t text_bytes);
/* 0 when tasks can be pinned, limited and killed here: cpuset, memory and freezer are present and a
 * group can be made under `parent`. Otherwise -SY_E_UNSUPPORTED or -SY_E_DENIED with what to do. */
int sy_cgroup_host_check(struct sy_cgroup_host *host, const char *parent, struct sy_error *err);

/* Makes the group and its missing parents, sets the limits, reads each back and compares
 * (-SY_E_MISMATCH names file, wanted and found). An existing group is set again. */
int sy_cgroup_create(struct sy_cgroup_host *host, const char *name,
                     const struct sy_cgroup_limits *limits, struct sy_error *err);
/* Moves a process (0 = the caller) and verifies by /proc/<pid>/cgroup that every controller has it.
 */
int sy_cgroup_join(struct sy_cgroup_host *host, const char *name, pid_t pid, struct sy_error *err);
/* Number of processes in the group; a missing group has none. */
int sy_cgroup_count(struct sy_cgroup_host *host, const char *name, size_t *ret_count,
                    struct sy_error *err);
/* Kills every process in the group, also ones that fork while it works: freeze, SIGKILL, thaw,
 * until the group is empty (zombies do not count) or timeout_ms is over (-SY_E_TIMEOUT). A missing
 * group is success. Blocks up to timeout_ms. */
int sy_cgroup_kill(struct sy_cgroup_host *host, const char *name, uint64_t timeout_ms,
                   struct sy_error *err);
int sy_cgroup_usage(struct sy_cgroup_host *host, const char *name, struct sy_cgroup_usage *ret,
                    struct sy_error *err);
/* Removes the (empty) group; its parents stay. Missing is success; -SY_E_BUSY when processes are
 * in. */
int sy_cgroup_remove(struct sy_cgroup_host *host, const char *name, struct sy_error *err);

#endif
