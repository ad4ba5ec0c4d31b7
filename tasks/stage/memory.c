#include "tasks/stage/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/file.h"

#define LINE_BYTES 1024

/* The files of a memory controller. Pages of files count as use there, but give way when memory is
 * asked for, as in MemAvailable: a sector's layers that this group wrote are no obstacle. */
struct controller {
    const char *base, *limit, *usage, *stat_prefix;
};

static const struct controller version_1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                            "memory.usage_in_bytes", "total_"};
static const struct controller version_2 = {"/sys/fs/cgroup", "memory.max", "memory.current", ""};
/* Version 2 beside version 1. */
static const struct controller hybrid = {"/sys/fs/cgroup/unified", "memory.max", "memory.current",
                                         ""};

static bool read_number(const struct controller *c, const char *group, const char *name,
                        uint64_t *ret)
{
    char path[SY_PATH_BYTES];
    unsigned long long value;
    if (sy_path_format(path, NULL, "%s%s/%s", c->base, group, name) != 0)
        return false;
    FILE *in = fopen(path, "re");
    bool found = in && fscanf(in, "%llu", &value) == 1; /* "max" is no number */
    if (in)
        fclose(in);
    if (found)
        *ret = value;
    return found;
}

static bool is_file_pages(const struct controller *c, const char *key)
{
    size_t prefix = strlen(c->stat_prefix);
    if (strncmp(key, c->stat_prefix, prefix) != 0)
        return false;
    return strcmp(key + prefix, "active_file") == 0 || strcmp(key + prefix, "inactive_file") == 0;
}

static uint64_t file_pages(const struct controller *c, const char *group)
{
    char path[SY_PATH_BYTES], line[LINE_BYTES], key[64];
    unsigned long long value;
    uint64_t sum = 0;
    if (sy_path_format(path, NULL, "%s%s/memory.stat", c->base, group) != 0)
        return 0;
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in))
        if (sscanf(line, "%63s %llu", key, &value) == 2 && is_file_pages(c, key))
            sum += value;
    if (in)
        fclose(in);
    return sum;
}

/* The group and every group above it: each may have a limit. Cuts `group` to "". */
static void limit_by_groups(const struct controller *c, char *group, uint64_t *bytes)
{
    uint64_t limit, usage;
    for (char *slash; (slash = strrchr(group, '/')) != NULL; *slash = 0) {
        if (read_number(c, group, c->limit, &limit) && limit < *bytes &&
            read_number(c, group, c->usage, &usage)) {
            usage -= SY_MIN(usage, file_pages(c, group));
            *bytes = SY_MIN(*bytes, limit > usage ? limit - usage : 0);
        }
    }
}

/* Lines are "0::/path" for version 2 and "5:memory:/path" for version 1. */
static void limit_by_control_groups(uint64_t *bytes)
{
    char line[LINE_BYTES], again[LINE_BYTES];
    FILE *in = fopen("/proc/self/cgroup", "re");
    while (in && fgets(line, sizeof line, in)) {
        char *group = strstr(line, ":/");
        line[strcspn(line, "\n")] = 0;
        if (!group)
            continue;
        *group++ = 0;
        char *controllers = strchr(line, ':');
        if (controllers && controllers[1] == 0) {
            memcpy(again, group, strlen(group) + 1);
            limit_by_groups(&version_2, group, bytes);
            limit_by_groups(&hybrid, again, bytes);
        } else if (controllers && strstr(controllers, "memory")) {
            limit_by_groups(&version_1, group, bytes);
        }
    }
    if (in)
        fclose(in);
}

/* What `ulimit -v` leaves: the limit counts every mapping, the parameter file's too. */
static void limit_by_address_space(uint64_t *bytes)
{
    struct rlimit limit;
    unsigned long long pages = 0;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in && fscanf(in, "%llu", &pages) != 1)
        pages = 0;
    if (in)
        fclose(in);
    uint64_t used = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    *bytes = SY_MIN(*bytes, limit.rlim_cur > used ? limit.rlim_cur - used : 0);
}

int sy_stage_memory_available(uint64_t *ret_bytes, struct sy_error *err)
{
    char line[LINE_BYTES];
    unsigned long long kib = 0;
    bool found = false;
    FILE *in = fopen("/proc/meminfo", "re");
    while (in && !found && fgets(line, sizeof line, in))
        found = sscanf(line, "MemAvailable: %llu kB", &kib) == 1;
    if (in)
        fclose(in);
    if (!found)
        return sy_fail(err, SY_E_IO, "/proc/meminfo has no MemAvailable");
    uint64_t bytes = (uint64_t)kib * 1024;
    limit_by_control_groups(&bytes);
    limit_by_address_space(&bytes);
    *ret_bytes = bytes;
    return 0;
}
