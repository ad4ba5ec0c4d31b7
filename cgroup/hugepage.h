/* Pools of huge pages per NUMA node, and the hugetlbfs mount that tasks allocate from.
 *
 * `sysfs` is "/sys" or, in tests, a directory that looks like it. Threads: pure functions.
 */
#ifndef SEALYARD_CGROUP_HUGEPAGE_H
#define SEALYARD_CGROUP_HUGEPAGE_H

#include "common/err.h"

#include <jansson.h>

struct sy_hugepage_pool {
    uint64_t page_bytes;
    uint64_t pages_total;
    uint64_t pages_free;
};

/* The pool of one page size on one node; -SY_E_NOT_FOUND when the kernel has no such pool. */
int sy_hugepage_pool(const char *sysfs, unsigned node, uint64_t page_bytes,
                     struct sy_hugepage_pool *ret, struct sy_error *err);
/* 0 when need_bytes fit in the free pages of the node; -SY_E_RESOURCE says how many pages miss and
 * which file reserves them. */
int sy_hugepage_check(const char *sysfs, unsigned node, uint64_t page_bytes, uint64_t need_bytes,
                      struct sy_error *err);
/* 0 when `path` is a hugetlbfs mount with pages of page_bytes; the error names the mount command.
 */
int sy_hugepage_mount_check(const char *path, uint64_t page_bytes, struct sy_error *err);
/* [{"node","page_bytes","total","free"}] of the nodes 0..node_count-1 with 2 MiB and 1 GiB pages; a
 * new reference, NULL = out of memory. */
json_t *sy_hugepage_json(const char *sysfs, unsigned node_count);

#endif
