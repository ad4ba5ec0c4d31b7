/* What a cgroup back-end provides. Private to cgroup/.
 *
 * `mask` has a bit per enum sy_cgroup_controller: the controllers that this back-end is responsible
 * for on this host. A back-end with an empty mask is never called again after open.
 */
#ifndef SEALYARD_CGROUP_BACKEND_H
#define SEALYARD_CGROUP_BACKEND_H

#include "cgroup/cgroup.h"
#include "common/file.h"

#define SY_CGROUP_BACKEND_ABI 1
#define SY_CGROUP_BIT(controller) (1u << (controller))
#define SY_CGROUP_PIDS_MAX 65536 /* processes read from one group at once */

struct sy_cgroup_backend_ops {
    uint32_t abi;
    int version;
    /* *ret_mask: what the host offers here; 0 is no error. */
    int (*open)(void **ret_self, uint32_t *ret_mask, struct sy_error *err);
    void (*close)(void *self);
    int (*create)(void *self, uint32_t mask, const char *name,
                  const struct sy_cgroup_limits *limits, struct sy_error *err);
    int (*join)(void *self, uint32_t mask, const char *name, pid_t pid, struct sy_error *err);
    /* The directory where cgroup.procs of the group is. */
    int (*directory)(void *self, uint32_t mask, const char *name, char *ret_path,
                     struct sy_error *err);
    int (*freeze)(void *self, const char *name, bool frozen, struct sy_error *err);
    /* Adds what it knows to *usage. */
    int (*usage)(void *self, uint32_t mask, const char *name, struct sy_cgroup_usage *usage,
                 struct sy_error *err);
    int (*remove)(void *self, uint32_t mask, const char *name, struct sy_error *err);
};

extern const struct sy_cgroup_backend_ops sy_cgroup_backend_v1, sy_cgroup_backend_v2;

/* Kernel name of a controller: "cpuset", "memory", ... */
const char *sy_cgroup_controller_name(enum sy_cgroup_controller controller);

/* Small files of the pseudo file system. Text comes without the trailing newline. */
int sy_cgroup_file_read(const char *directory, const char *file, char *ret_text, size_t text_bytes,
                        struct sy_error *err);
int sy_cgroup_file_write(const char *directory, const char *file, const char *text,
                         struct sy_error *err);
int sy_cgroup_file_read_u64(const char *directory, const char *file, uint64_t *ret,
                            struct sy_error *err);
/* Value of the line "key N"; -SY_E_NOT_FOUND when there is none. */
int sy_cgroup_file_read_key(const char *directory, const char *file, const char *key, uint64_t *ret,
                            struct sy_error *err);
/* Reads `file` back and compares with `want`; -SY_E_MISMATCH. */
int sy_cgroup_file_expect(const char *directory, const char *file, const char *want,
                          struct sy_error *err);
/* Same set of numbers: "0,1" and "0-1" are equal. */
bool sy_cgroup_list_equal(const char *a, const char *b);

#endif
