/* Version 1 hierarchies through libcgroup: groups are made, entered and removed by the library;
 * what was written is read back from the files themselves, so the library is not asked to confirm
 * itself. */
#include "cgroup/backend.h"

#include <errno.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

struct v1 {
    char mounts[SY_CGROUP_CONTROLLER_COUNT][SY_PATH_BYTES]; /* "" = not on version 1 */
};

/* The library's default logger writes to standard output, which belongs to others. */
static void drop_log(void *ctx, int level, const char *format, va_list args)
{
    (void)ctx;
    (void)level;
    (void)format;
    (void)args;
}

static int v1_open(void **ret_self, uint32_t *ret_mask, struct sy_error *err)
{
    struct v1 *v1 = calloc(1, sizeof *v1);
    if (!v1)
        return sy_fail(err, SY_E_NOMEM, "no memory to look at the control groups");
    cgroup_set_logger(drop_log, CGROUP_LOG_ERROR, NULL);
    uint32_t mask = 0;
    bool ready =
        cgroup_init() == 0; /* fails where nothing is mounted: then there is no version 1 */
    for (unsigned c = 0; ready && c < SY_CGROUP_CONTROLLER_COUNT; c++) {
        char *mount = NULL;
        struct statfs status;
        if (cgroup_get_subsys_mount_point(sy_cgroup_controller_name(c), &mount) != 0)
            continue;
        if (statfs(mount, &status) == 0 && status.f_type == CGROUP_SUPER_MAGIC &&
            sy_path_format(v1->mounts[c], NULL, "%s", mount) == 0)
            mask |= SY_CGROUP_BIT(c);
        free(mount);
    }
    *ret_self = v1;
    *ret_mask = mask;
    return 0;
}

static void v1_close(void *self)
{
    free(self);
}

static int fail_library(int code, const char *what, const char *name, struct sy_error *err)
{
    if (code == ECGOTHER && cgroup_get_last_errno() != 0)
        return sy_fail_errno(err, cgroup_get_last_errno(), "%s control group %s", what, name);
    return sy_fail(err, SY_E_IO, "%s control group %s: %s", what, name, cgroup_strerror(code));
}

/* A library object for `name` with the controllers of mask; the caller frees it. */
static struct cgroup *make_object(uint32_t mask, const char *name)
{
    struct cgroup *group = cgroup_new_cgroup(name);
    for (unsigned c = 0; group && c < SY_CGROUP_CONTROLLER_COUNT; c++)
        if ((mask & SY_CGROUP_BIT(c)) &&
            !cgroup_add_controller(group, sy_cgroup_controller_name(c)))
            cgroup_free(&group);
    return group;
}

static int group_directory(const struct v1 *v1, unsigned controller, const char *name,
                           char *ret_path, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/%s", v1->mounts[controller], name);
}

/* A new cpuset group is empty and takes no process until it has cpus and nodes: each level gets its
 * parent's, the leaf gets `wanted` when that is given. */
static int fill_cpuset(const struct v1 *v1, const char *name, const char *file, const char *wanted,
                       struct sy_error *err)
{
    char parent_value[SY_CGROUP_LIST_BYTES], value[SY_CGROUP_LIST_BYTES];
    const char *mount = v1->mounts[SY_CGROUP_CPUSET];
    int rc = sy_cgroup_file_read(mount, file, parent_value, sizeof parent_value, err);
    for (const char *p = name; rc == 0; p++) {
        if (*p != '/' && *p != 0)
            continue;
        char directory[SY_PATH_BYTES];
        rc = sy_path_format(directory, err, "%s/%.*s", mount, (int)(p - name), name);
        if (rc == 0)
            rc = sy_cgroup_file_read(directory, file, value, sizeof value, err);
        if (rc != 0)
            break;
        const char *set = *p == 0 && wanted && wanted[0] ? wanted : parent_value;
        if (*p == 0 || value[0] == 0) {
            rc = sy_cgroup_file_write(directory, file, set, err);
            if (rc == 0)
                rc = sy_cgroup_file_expect(directory, file, set, err);
            snprintf(value, sizeof value, "%s", set);
        }
        snprintf(parent_value, sizeof parent_value, "%s", value);
        if (*p == 0)
            break;
    }
    return rc;
}

/* The kernel rounds limits down to whole pages; "-1" is no limit. */
static int set_memory(const struct v1 *v1, const char *name, uint64_t bytes, struct sy_error *err)
{
    char directory[SY_PATH_BYTES], text[32];
    int rc = group_directory(v1, SY_CGROUP_MEMORY, name, directory, err);
    if (rc != 0 || bytes == 0)
        return rc;
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    snprintf(text, sizeof text, "%llu", (unsigned long long)(bytes / page_bytes * page_bytes));
    rc = sy_cgroup_file_write(directory, "memory.limit_in_bytes", text, err);
    if (rc == 0)
        rc = sy_cgroup_file_expect(directory, "memory.limit_in_bytes", text, err);
    if (rc == 0) /* memory + swap; the file is missing where swap is not accounted */
        sy_cgroup_file_write(directory, "memory.memsw.limit_in_bytes", text, NULL);
    return rc;
}

static int set_pids(const struct v1 *v1, const char *name, uint32_t max, struct sy_error *err)
{
    char directory[SY_PATH_BYTES], text[32];
    int rc = group_directory(v1, SY_CGROUP_PIDS, name, directory, err);
    if (rc != 0 || max == 0)
        return rc;
    snprintf(text, sizeof text, "%u", max);
    rc = sy_cgroup_file_write(directory, "pids.max", text, err);
    return rc == 0 ? sy_cgroup_file_expect(directory, "pids.max", text, err) : rc;
}

static int v1_create(void *self, uint32_t mask, const char *name,
                     const struct sy_cgroup_limits *limits, struct sy_error *err)
{
    const struct v1 *v1 = self;
    struct cgroup *group = make_object(mask, name);
    if (!group)
        return sy_fail(err, SY_E_NOMEM, "no memory for control group %s", name);
    int code = cgroup_create_cgroup(group, 0);
    cgroup_free(&group);
    int rc = code == 0 ? 0 : fail_library(code, "create", name, err);
    if (rc == 0 && (mask & SY_CGROUP_BIT(SY_CGROUP_CPUSET))) {
        rc = fill_cpuset(v1, name, "cpuset.cpus", limits->cpus, err);
        if (rc == 0)
            rc = fill_cpuset(v1, name, "cpuset.mems", limits->mems, err);
    }
    if (rc == 0 && (mask & SY_CGROUP_BIT(SY_CGROUP_MEMORY)))
        rc = set_memory(v1, name, limits->memory_bytes, err);
    if (rc == 0 && (mask & SY_CGROUP_BIT(SY_CGROUP_PIDS)))
        rc = set_pids(v1, name, limits->pids_max, err);
    return rc;
}

static int v1_join(void *self, uint32_t mask, const char *name, pid_t pid, struct sy_error *err)
{
    (void)self;
    struct cgroup *group = make_object(mask, name);
    if (!group)
        return sy_fail(err, SY_E_NOMEM, "no memory for control group %s", name);
    int code = cgroup_attach_task_pid(group, pid ? pid : getpid());
    cgroup_free(&group);
    return code == 0 ? 0 : fail_library(code, "join", name, err);
}

static int v1_directory(void *self, uint32_t mask, const char *name, char *ret_path,
                        struct sy_error *err)
{
    (void)mask;
    return group_directory(self, SY_CGROUP_FREEZER, name, ret_path, err);
}

static int v1_freeze(void *self, const char *name, bool frozen, struct sy_error *err)
{
    char directory[SY_PATH_BYTES];
    int rc = group_directory(self, SY_CGROUP_FREEZER, name, directory, err);
    return rc == 0
               ? sy_cgroup_file_write(directory, "freezer.state", frozen ? "FROZEN" : "THAWED", err)
               : rc;
}

static int v1_usage(void *self, uint32_t mask, const char *name, struct sy_cgroup_usage *usage,
                    struct sy_error *err)
{
    char directory[SY_PATH_BYTES];
    int rc = 0;
    if (mask & SY_CGROUP_BIT(SY_CGROUP_MEMORY)) {
        rc = group_directory(self, SY_CGROUP_MEMORY, name, directory, err);
        if (rc == 0)
            rc = sy_cgroup_file_read_u64(directory, "memory.max_usage_in_bytes", &usage->peak_bytes,
                                         err);
        if (rc == 0)
            rc = sy_cgroup_file_read_key(directory, "memory.oom_control", "oom_kill",
                                         &usage->oom_kills, err);
    }
    if (rc == 0 && (mask & SY_CGROUP_BIT(SY_CGROUP_CPUACCT))) {
        uint64_t cpu_ns = 0;
        rc = group_directory(self, SY_CGROUP_CPUACCT, name, directory, err);
        if (rc == 0)
            rc = sy_cgroup_file_read_u64(directory, "cpuacct.usage", &cpu_ns, err);
        usage->cpu_ms = cpu_ns / 1000000;
    }
    return rc;
}

static int v1_remove(void *self, uint32_t mask, const char *name, struct sy_error *err)
{
    const struct v1 *v1 = self;
    for (unsigned c = 0; c < SY_CGROUP_CONTROLLER_COUNT; c++) {
        char directory[SY_PATH_BYTES];
        if (!(mask & SY_CGROUP_BIT(c)))
            continue;
        int rc = group_directory(v1, c, name, directory, err);
        if (rc != 0)
            return rc;
        /* Not cgroup_delete_cgroup: it moves the processes that are left to the parent. */
        if (rmdir(directory) == 0 || errno == ENOENT)
            continue;
        if (errno == EBUSY)
            return sy_fail(err, SY_E_BUSY, "%s still has processes", directory);
        return sy_fail_errno(err, errno, "remove %s", directory);
    }
    return 0;
}

const struct sy_cgroup_backend_ops sy_cgroup_backend_v1 = {
    .abi = SY_CGROUP_BACKEND_ABI,
    .version = 1,
    .open = v1_open,
    .close = v1_close,
    .create = v1_create,
    .join = v1_join,
    .directory = v1_directory,
    .freeze = v1_freeze,
    .usage = v1_usage,
    .remove = v1_remove,
};
