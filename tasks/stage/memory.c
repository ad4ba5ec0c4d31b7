#include "tasks/stage/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"

#define LINE_BYTES 1024

static bool read_number(const char *path, uint64_t *ret)
{
    unsigned long long value;
    FILE *in = fopen(path, "re");
    bool found = in && fscanf(in, "%llu", &value) == 1; /* "max" is no number */
    if (in)
        fclose(in);
    if (found)
        *ret = value;
    return found;
}

static void limit_by(const char *base, const char *group, const char *limit_name,
                     const char *usage_name, uint64_t *bytes)
{
    char path[SY_PATH_BYTES];
    uint64_t limit, usage;
    if (sy_path_format(path, NULL, "%s%s/%s", base, group, limit_name) != 0 ||
        !read_number(path, &limit))
        return;
    if (sy_path_format(path, NULL, "%s%s/%s", base, group, usage_name) != 0 ||
        !read_number(path, &usage))
        return;
    *bytes = SY_MIN(*bytes, limit > usage ? limit - usage : 0);
}

/* Lines are "0::/path" for version 2 and "5:memory:/path" for version 1. */
static void limit_by_group(uint64_t *bytes)
{
    char line[LINE_BYTES];
    FILE *in = fopen("/proc/self/cgroup", "re");
    while (in && fgets(line, sizeof line, in)) {
        char *group = strstr(line, ":/");
        line[strcspn(line, "\n")] = 0;
        if (!group)
            continue;
        *group++ = 0;
        char *controllers = strchr(line, ':');
        if (controllers && controllers[1] == 0)
            limit_by("/sys/fs/cgroup", group, "memory.max", "memory.current", bytes);
        else if (controllers && strstr(controllers, "memory"))
            limit_by("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes",
                     "memory.usage_in_bytes", bytes);
    }
    if (in)
        fclose(in);
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
    limit_by_group(&bytes);
    *ret_bytes = bytes;
    return 0;
}
