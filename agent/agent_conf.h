/* agent.toml, read strictly: an unknown key is an error with file and line.
 *
 *   [agent]            name, dir, scheduler, scheduler_key, parent_cache, parameters, task_user,
 *                      topology, log_level
 *   [slots]            ap pc1 pc2 c1 c2 fin unseal remove = how many tasks at once (default 1,
 *                      c2 0)
 *   [slots.resources.STAGE]  cores, memory, hugepages, threads
 *   [hugepages]        mount, page
 *   [cgroup]           mode = "required" or "off", parent, pids_max
 *   [stage.STAGE]      exec, environment, writable, network, verify
 * Paths must be absolute. Threads: one reader.
 */
#ifndef SEALYARD_AGENT_AGENT_CONF_H
#define SEALYARD_AGENT_AGENT_CONF_H

#include "agent/shim_spec.h"
#include "common/file.h"
#include "common/job.h"
#include "common/log.h"

#define SY_AGENT_SLOTS_MAX 64 /* of one stage */
#define SY_AGENT_ITEMS_MAX 24 /* arguments, variables, paths of one stage */
#define SY_AGENT_ITEM_BYTES 1024

struct sy_agent_stage_conf {
    uint32_t slots;
    uint32_t cores;          /* per slot, taken for itself; 0 = shares all cores */
    uint32_t threads;        /* told to the stage; 0 = what the cpuset allows */
    uint64_t memory_bytes;   /* limit of the control group; 0 = none */
    uint64_t hugepage_bytes; /* must be free on the slot's node before a start; 0 = none used */
    bool network;            /* default false: the task has no network */
    char verify[16];         /* "none", "sample", "full" for the stage; "" = its own default */
    size_t exec_count, environment_count, writable_count;
    char exec[SY_AGENT_ITEMS_MAX][SY_AGENT_ITEM_BYTES]; /* empty = sealyard-task beside the agent */
    char environment[SY_AGENT_ITEMS_MAX][SY_AGENT_ITEM_BYTES];
    char writable[SY_AGENT_ITEMS_MAX][SY_AGENT_ITEM_BYTES];
};

struct sy_agent_conf {
    char name[SY_NAME_BYTES];
    char dir[SY_AGENT_ITEM_BYTES];
    char scheduler[256];
    char scheduler_key[SY_PATH_BYTES];
    char parent_cache[SY_PATH_BYTES];   /* "" = none */
    char parameters[SY_PATH_BYTES];     /* "" = none */
    char task_user[SY_NAME_BYTES];      /* "" = the agent's own user */
    uint32_t task_uid, task_gid;        /* of task_user */
    char topology[SY_AGENT_ITEM_BYTES]; /* "" = this machine; see cgroup/topo.h */
    enum sy_log_level log_level;
    char hugepage_mount[SY_PATH_BYTES]; /* "" = no huge pages */
    uint64_t hugepage_page_bytes;
    bool cgroup_enabled; /* mode = "required": the agent does not start without */
    char cgroup_parent[SY_NAME_BYTES];
    uint32_t pids_max;
    char shim[SY_PATH_BYTES]; /* program, beside the agent's own */
    char task[SY_PATH_BYTES];
    struct sy_agent_stage_conf stages[SY_STAGE_COUNT]; /* by enum sy_stage */
};

/* *ret is on the heap; freed with sy_agent_conf_destroy. */
int sy_agent_conf_load(struct sy_agent_conf **ret, const char *path, struct sy_error *err);
int sy_agent_conf_parse(struct sy_agent_conf **ret, const char *text, size_t bytes,
                        const char *name, struct sy_error *err);
void sy_agent_conf_destroy(struct sy_agent_conf *conf); /* NULL is fine */

/* Configuration key and contract name of a stage: "fin" and "finalize". Static storage. */
const char *sy_agent_stage_key(enum sy_stage stage);
const char *sy_agent_stage_verb(enum sy_stage stage);

#endif
