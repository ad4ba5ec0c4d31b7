/* The machine as tasks see it: cores, NUMA nodes, shared caches, GPUs. The only file with hwloc.
 *
 * Discovery also works from recorded or invented machines, so that placement can be tested
 * anywhere: "synthetic:pack:2 [numa] l3:4 core:4 pu:2", "xml:/path". hwloc's own HWLOC_SYNTHETIC
 * and HWLOC_XMLFILE work too. Cores are handed out whole (with all their hardware threads).
 * Threads: one topology belongs to one thread.
 */
#ifndef SEALYARD_CGROUP_TOPO_H
#define SEALYARD_CGROUP_TOPO_H

#include "cgroup/cgroup.h"

#include <jansson.h>

struct sy_topo;

/* source: NULL = this machine (only the CPUs that this process may use), or as above. */
int sy_topo_create(struct sy_topo **ret, const char *source, struct sy_error *err);
void sy_topo_destroy(struct sy_topo *topo); /* NULL is fine */

unsigned sy_topo_core_count(const struct sy_topo *topo);
unsigned sy_topo_node_count(const struct sy_topo *topo);
unsigned sy_topo_cores_free(const struct sy_topo *topo);

/* What a slot is pinned to. */
struct sy_topo_place {
    char cpus[SY_CGROUP_LIST_BYTES]; /* hardware threads, "0-3,8-11" */
    char mems[SY_CGROUP_LIST_BYTES]; /* NUMA nodes near them */
    unsigned cores, threads;
    unsigned node; /* index of the first node */
};

/* Takes `cores` free cores for good: from the one shared cache with the fewest free cores that
 * still has enough, else from one NUMA node, else -SY_E_RESOURCE (a task never spans nodes by
 * accident; ask for fewer cores). cores = 0: all cores and nodes, nothing is taken. */
int sy_topo_take(struct sy_topo *topo, unsigned cores, struct sy_topo_place *ret,
                 struct sy_error *err);

/* {"source","cores","threads","nodes":[{"node","memory_bytes","cpus"}],
 *  "caches":[{"level":3,"bytes","cpus"}],"gpus":[{"address","vendor","name","node"}]}
 * A new reference; NULL = out of memory. */
json_t *sy_topo_json(const struct sy_topo *topo);

#endif
