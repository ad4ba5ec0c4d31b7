/* The unified tree. On a hybrid host it has only the controllers that version 1 left to it; every
 * group here can be frozen and killed whatever controllers it has. */
#include "cgroup/backend.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct v2 {
    char mount[SY_PATH_BYTES]; /* "" = not mounted */
};

static bool has_word(const char *list, const char *word)
{
    size_t bytes = strlen(word);
    for (const char *p = list; (p = strstr(p, word)) != NULL; p += bytes)
        if ((p == list || p[-1] == ' ') && (p[bytes] == 0 || p[bytes] == ' '))
            return true;
    return false;
}

static void find_mount(struct v2 *v2)
{
    FILE *table = setmntent("/proc/self/mounts", "re");
    if (!table)
        return;
    struct mntent entry;
    char buffer[4096];
    while (getmntent_r(table, &entry, buffer, (int)sizeof buffer))
        if (strcmp(entry.mnt_type, "cgroup2") == 0 &&
            sy_path_format(v2->mount, NULL, "%s", entry.mnt_dir) == 0)
            break;
    endmntent(table);
}

static int v2_open(void **ret_self, uint32_t *ret_mask, struct sy_error *err)
{
    struct v2 *v2 = calloc(1, sizeof *v2);
    if (!v2)
        return sy_fail(err, SY_E_NOMEM, "no memory to look at the control groups");
    uint32_t mask = 0;
    char list[1024];
    find_mount(v2);
    if (v2->mount[0] &&
        sy_cgroup_file_read(v2->mount, "cgroup.controllers", list, sizeof list, NULL) == 0) {
        mask = SY_CGROUP_BIT(SY_CGROUP_FREEZER) | SY_CGROUP_BIT(SY_CGROUP_CPUACCT);
        for (unsigned c = SY_CGROUP_CPUSET; c <= SY_CGROUP_PIDS; c++)
            if (has_word(list, sy_cgroup_controller_name(c)))
                mask |= SY_CGROUP_BIT(c);
    }
    *ret_self = v2;
    *ret_mask = mask;
    return 0;
}

static void v2_close(void *self)
{
    free(self);
}

static int v2_directory(void *self, uint32_t mask, const char *name, char *ret_path,
                        struct sy_error *err)
{
    (void)mask;
    const struct v2 *v2 = self;
    return sy_path_format(ret_path, err, "%s/%s", v2->mount, name);
}

/* Lets the children of `directory` use the controllers of mask. */
static int delegate(const char *directory, uint32_t mask, struct sy_error *err)
{
    int rc = 0;
    for (unsigned c = SY_CGROUP_CPUSET; rc == 0 && c <= SY_CGROUP_PIDS; c++) {
        char word[32];
        snprintf(word, sizeof word, "+%s", sy_cgroup_controller_name(c));
        if (mask & SY_CGROUP_BIT(c))
            rc = sy_cgroup_file_write(directory, "cgroup.subtree_control", word, err);
    }
    return rc;
}

static int make_levels(const struct v2 *v2, uint32_t mask, const char *name, struct sy_error *err)
{
    char directory[SY_PATH_BYTES];
    int rc = delegate(v2->mount, mask, err);
    for (const char *p = name; rc == 0; p++) {
        if (*p != '/' && *p != 0)
            continue;
        rc = sy_path_format(directory, err, "%s/%.*s", v2->mount, (int)(p - name), name);
        if (rc == 0 && mkdir(directory, 0755) != 0 && errno != EEXIST)
            rc = sy_fail_errno(err, errno, "create control group %s", directory);
        if (*p == 0)
            break;
        if (rc == 0)
            rc = delegate(directory, mask, err);
    }
    return rc;
}

static int set_checked(const char *directory, const char *file, const char *text,
                       struct sy_error *err)
{
    int rc = sy_cgroup_file_write(directory, file, text, err);
    return rc == 0 ? sy_cgroup_file_expect(directory, file, text, err) : rc;
}

static int v2_create(void *self, uint32_t mask, const char *name,
                     const struct sy_cgroup_limits *limits, struct sy_error *err)
{
    char directory[SY_PATH_BYTES], text[32];
    int rc = make_levels(self, mask, name, err);
    if (rc == 0)
        rc = v2_directory(self, mask, name, directory, err);
    if (rc == 0 && (mask & SY_CGROUP_BIT(SY_CGROUP_CPUSET)) && limits->cpus && limits->cpus[0])
        rc = set_checked(directory, "cpuset.cpus", limits->cpus, err);
    if (rc == 0 && (mask & SY_CGROUP_BIT(SY_CGROUP_CPUSET)) && limits->mems && limits->mems[0])
        rc = set_checked(directory, "cpuset.mems", limits->mems, err);
    if (rc == 0 && (mask & SY_CGROUP_BIT(SY_CGROUP_MEMORY)) && limits->memory_bytes) {
        uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
        snprintf(text, sizeof text, "%llu",
                 (unsigned long long)(limits->memory_bytes / page_bytes * page_bytes));
        rc = set_checked(directory, "memory.max", text, err);
        sy_cgroup_file_write(directory, "memory.swap.max", "0", NULL);
    }
    if (rc == 0 && (mask & SY_CGROUP_BIT(SY_CGROUP_PIDS)) && limits->pids_max) {
        snprintf(text, sizeof text, "%u", limits->pids_max);
        rc = set_checked(directory, "pids.max", text, err);
    }
    return rc;
}

static int v2_join(void *self, uint32_t mask, const char *name, pid_t pid, struct sy_error *err)
{
    char directory[SY_PATH_BYTES], text[32];
    int rc = v2_directory(self, mask, name, directory, err);
    snprintf(text, sizeof text, "%d", (int)(pid ? pid : getpid()));
    return rc == 0 ? sy_cgroup_file_write(directory, "cgroup.procs", text, err) : rc;
}

static int v2_freeze(void *self, const char *name, bool frozen, struct sy_error *err)
{
    char directory[SY_PATH_BYTES];
    int rc = v2_directory(self, 0, name, directory, err);
    return rc == 0 ? sy_cgroup_file_write(directory, "cgroup.freeze", frozen ? "1" : "0", err) : rc;
}

static int v2_usage(void *self, uint32_t mask, const char *name, struct sy_cgroup_usage *usage,
                    struct sy_error *err)
{
    char directory[SY_PATH_BYTES];
    int rc = v2_directory(self, mask, name, directory, err);
    if (rc == 0 && (mask & SY_CGROUP_BIT(SY_CGROUP_MEMORY))) {
        /* memory.peak came with Linux 5.19; without it the peak is not known. */
        sy_cgroup_file_read_u64(directory, "memory.peak", &usage->peak_bytes, NULL);
        rc =
            sy_cgroup_file_read_key(directory, "memory.events", "oom_kill", &usage->oom_kills, err);
    }
    if (rc == 0 && (mask & SY_CGROUP_BIT(SY_CGROUP_CPUACCT))) {
        uint64_t cpu_us = 0;
        rc = sy_cgroup_file_read_key(directory, "cpu.stat", "usage_usec", &cpu_us, err);
        usage->cpu_ms = cpu_us / 1000;
    }
    return rc;
}

static int v2_remove(void *self, uint32_t mask, const char *name, struct sy_error *err)
{
    char directory[SY_PATH_BYTES];
    int rc = v2_directory(self, mask, name, directory, err);
    if (rc != 0 || rmdir(directory) == 0 || errno == ENOENT)
        return rc;
    if (errno == EBUSY)
        return sy_fail(err, SY_E_BUSY, "%s still has processes", directory);
    return sy_fail_errno(err, errno, "remove %s", directory);
}

const struct sy_cgroup_backend_ops sy_cgroup_backend_v2 = {
    .abi = SY_CGROUP_BACKEND_ABI,
    .version = 2,
    .open = v2_open,
    .close = v2_close,
    .create = v2_create,
    .join = v2_join,
    .directory = v2_directory,
    .freeze = v2_freeze,
    .usage = v2_usage,
    .remove = v2_remove,
};
