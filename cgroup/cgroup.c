#include "cgroup/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CPU_NUMBER_MAX 8192u

struct part {
    const struct sy_cgroup_backend_ops *ops;
    void *self;
    uint32_t mask; /* controllers taken from this back-end */
};

struct sy_cgroup_host {
    struct part parts[2]; /* v1, v2 */
};

static const char *const controller_names[] = {
    [SY_CGROUP_CPUSET] = "cpuset",   [SY_CGROUP_MEMORY] = "memory",   [SY_CGROUP_PIDS] = "pids",
    [SY_CGROUP_FREEZER] = "freezer", [SY_CGROUP_CPUACCT] = "cpuacct",
};

const char *sy_cgroup_controller_name(enum sy_cgroup_controller controller)
{
    return controller_names[controller];
}

/* ---------------------------------------------------------------- small files ---------------- */

int sy_cgroup_file_read(const char *directory, const char *file, char *ret_text, size_t text_bytes,
                        struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s/%s", directory, file);
    if (rc != 0)
        return rc;
    char *data;
    size_t bytes;
    rc = sy_file_read(path, text_bytes - 1, &data, &bytes, err);
    if (rc != 0)
        return rc;
    while (bytes > 0 && data[bytes - 1] == '\n')
        bytes--;
    memcpy(ret_text, data, bytes);
    ret_text[bytes] = 0;
    free(data);
    return 0;
}

int sy_cgroup_file_write(const char *directory, const char *file, const char *text,
                         struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s/%s", directory, file);
    if (rc != 0)
        return rc;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    size_t bytes = strlen(text);
    ssize_t put = write(fd, text, bytes);
    int saved = errno;
    close(fd);
    if (put != (ssize_t)bytes)
        return sy_fail_errno(err, put < 0 ? saved : EIO, "write \"%s\" to %s", text, path);
    return 0;
}

static int parse_u64(const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || text[0] == '-')
        return -SY_E_PARSE;
    *ret = value;
    return 0;
}

int sy_cgroup_file_read_u64(const char *directory, const char *file, uint64_t *ret,
                            struct sy_error *err)
{
    char text[64];
    int rc = sy_cgroup_file_read(directory, file, text, sizeof text, err);
    if (rc != 0)
        return rc;
    if (parse_u64(text, ret) != 0)
        return sy_fail(err, SY_E_PARSE, "%s/%s holds \"%s\", expected a number", directory, file,
                       text);
    return 0;
}

int sy_cgroup_file_read_key(const char *directory, const char *file, const char *key, uint64_t *ret,
                            struct sy_error *err)
{
    char text[4096];
    int rc = sy_cgroup_file_read(directory, file, text, sizeof text, err);
    if (rc != 0)
        return rc;
    size_t key_bytes = strlen(key);
    for (char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_bytes) == 0 && line[key_bytes] == ' ' &&
            parse_u64(line + key_bytes + 1, ret) == 0)
            return 0;
    }
    return sy_fail(err, SY_E_NOT_FOUND, "%s/%s has no line \"%s\"", directory, file, key);
}

/* Marks the numbers of "0-3,8" in bits; false when the text is no list. */
static bool mark_list(const char *text, uint8_t bits[CPU_NUMBER_MAX / 8])
{
    memset(bits, 0, CPU_NUMBER_MAX / 8);
    while (*text) {
        char *end;
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (end == text)
            return false;
        if (*end == '-') {
            text = end + 1;
            last = strtoul(text, &end, 10);
            if (end == text)
                return false;
        }
        if (last >= CPU_NUMBER_MAX || first > last)
            return false;
        for (unsigned long i = first; i <= last; i++)
            bits[i / 8] |= (uint8_t)(1u << (i % 8));
        if (*end == ',')
            end++;
        else if (*end != 0)
            return false;
        text = end;
    }
    return true;
}

bool sy_cgroup_list_equal(const char *a, const char *b)
{
    uint8_t bits_a[CPU_NUMBER_MAX / 8], bits_b[CPU_NUMBER_MAX / 8];
    return mark_list(a, bits_a) && mark_list(b, bits_b) &&
           memcmp(bits_a, bits_b, sizeof bits_a) == 0;
}

int sy_cgroup_file_expect(const char *directory, const char *file, const char *want,
                          struct sy_error *err)
{
    char found[SY_CGROUP_LIST_BYTES];
    int rc = sy_cgroup_file_read(directory, file, found, sizeof found, err);
    if (rc != 0)
        return rc;
    if (strcmp(found, want) == 0 || sy_cgroup_list_equal(found, want))
        return 0;
    return sy_fail(err, SY_E_MISMATCH, "%s/%s holds \"%s\" after \"%s\" was written", directory,
                   file, found, want);
}

/* ---------------------------------------------------------------- host ---------------------- */

int sy_cgroup_host_open(struct sy_cgroup_host **ret, struct sy_error *err)
{
    struct sy_cgroup_host *host = calloc(1, sizeof *host);
    if (!host)
        return sy_fail(err, SY_E_NOMEM, "no memory to look at the control groups");
    host->parts[0].ops = &sy_cgroup_backend_v1;
    host->parts[1].ops = &sy_cgroup_backend_v2;
    uint32_t taken = 0;
    for (size_t i = 0; i < SY_ARRAY_SIZE(host->parts); i++) {
        struct part *part = &host->parts[i];
        uint32_t offered = 0;
        int rc = part->ops->open(&part->self, &offered, err);
        if (rc != 0) {
            sy_cgroup_host_close(host);
            return rc;
        }
        part->mask = offered & ~taken;
        taken |= offered;
    }
    *ret = host;
    return 0;
}

void sy_cgroup_host_close(struct sy_cgroup_host *host)
{
    if (!host)
        return;
    for (size_t i = 0; i < SY_ARRAY_SIZE(host->parts); i++)
        if (host->parts[i].self)
            host->parts[i].ops->close(host->parts[i].self);
    free(host);
}

int sy_cgroup_host_version(const struct sy_cgroup_host *host, enum sy_cgroup_controller controller)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(host->parts); i++)
        if (host->parts[i].mask & SY_CGROUP_BIT(controller))
            return host->parts[i].ops->version;
    return 0;
}

char *sy_cgroup_host_describe(const struct sy_cgroup_host *host, char *text, size_t text_bytes)
{
    size_t used = 0;
    text[0] = 0;
    for (unsigned c = 0; c < SY_CGROUP_CONTROLLER_COUNT; c++) {
        int version = sy_cgroup_host_version(host, c);
        int put = snprintf(text + used, text_bytes - used, version ? "%s%s=v%d" : "%s%s=none",
                           c ? " " : "", controller_names[c], version);
        if (put < 0 || (size_t)put >= text_bytes - used)
            break;
        used += (size_t)put;
    }
    return text;
}

/* The part that knows which processes are in a group: the one with the freezer. */
static struct part *tree_part(struct sy_cgroup_host *host)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(host->parts); i++)
        if (host->parts[i].mask & SY_CGROUP_BIT(SY_CGROUP_FREEZER))
            return &host->parts[i];
    return NULL;
}

static int check_name(const char *name, struct sy_error *err)
{
    size_t bytes = strlen(name), levels = 1;
    for (const char *p = name; *p; p++)
        levels += *p == '/';
    if (bytes == 0 || bytes >= SY_CGROUP_NAME_BYTES || levels > SY_CGROUP_LEVELS_MAX ||
        name[0] == '/' || name[bytes - 1] == '/' || strstr(name, "..") || strstr(name, "//"))
        return sy_fail(err, SY_E_ARG,
                       "control group name \"%.80s\" refused: expected a relative path of at most "
                       "%d levels and %d bytes",
                       name, SY_CGROUP_LEVELS_MAX, SY_CGROUP_NAME_BYTES - 1);
    return 0;
}

int sy_cgroup_host_check(struct sy_cgroup_host *host, const char *parent, struct sy_error *err)
{
    static const enum sy_cgroup_controller needed[] = {SY_CGROUP_CPUSET, SY_CGROUP_MEMORY,
                                                       SY_CGROUP_FREEZER};
    for (size_t i = 0; i < SY_ARRAY_SIZE(needed); i++)
        if (sy_cgroup_host_version(host, needed[i]) == 0)
            return sy_fail(err, SY_E_UNSUPPORTED,
                           "this host has no %s control group: mount it, or set mode = \"off\" "
                           "under [cgroup] (tasks are then neither pinned nor limited)",
                           controller_names[needed[i]]);
    char probe[SY_CGROUP_NAME_BYTES];
    int length = snprintf(probe, sizeof probe, "%s/probe-%d", parent, (int)getpid());
    if (length < 0 || (size_t)length >= sizeof probe)
        return sy_fail(err, SY_E_ARG, "control group parent \"%.80s\" is too long", parent);
    int rc = sy_cgroup_create(host, probe, &(struct sy_cgroup_limits){0}, err);
    sy_cgroup_remove(host, probe, NULL);
    if (rc != 0)
        return sy_error_wrap(err,
                             "cannot make control groups under %s (root or a delegated tree "
                             "is needed)",
                             parent);
    return 0;
}

/* ---------------------------------------------------------------- groups -------------------- */

int sy_cgroup_create(struct sy_cgroup_host *host, const char *name,
                     const struct sy_cgroup_limits *limits, struct sy_error *err)
{
    int rc = check_name(name, err);
    for (size_t i = 0; rc == 0 && i < SY_ARRAY_SIZE(host->parts); i++) {
        struct part *part = &host->parts[i];
        if (part->mask)
            rc = part->ops->create(part->self, part->mask, name, limits, err);
    }
    return rc;
}

/* The line of /proc/<pid>/cgroup for a controller: "4:memory:/name", v2: "0::/name". */
static bool line_has(const char *line, size_t bytes, int version, const char *controller,
                     const char *name)
{
    const char *list = memchr(line, ':', bytes);
    if (!list)
        return false;
    list++;
    const char *path = memchr(list, ':', bytes - (size_t)(list - line));
    if (!path)
        return false;
    size_t list_bytes = (size_t)(path - list), path_bytes = bytes - (size_t)(path + 1 - line);
    path++;
    if (path_bytes != strlen(name) + 1 || path[0] != '/' ||
        memcmp(path + 1, name, path_bytes - 1) != 0)
        return false;
    if (version == 2)
        return list_bytes == 0;
    for (const char *p = list, *end = list + list_bytes; p < end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        size_t item = (size_t)((comma ? comma : end) - p);
        if (item == strlen(controller) && memcmp(p, controller, item) == 0)
            return true;
        p += item + 1;
    }
    return false;
}

static bool text_has(const char *text, int version, const char *controller, const char *name)
{
    while (*text) {
        size_t bytes = strcspn(text, "\n");
        if (line_has(text, bytes, version, controller, name))
            return true;
        text += bytes + (text[bytes] == '\n');
    }
    return false;
}

static int verify_member(const struct sy_cgroup_host *host, const char *name, pid_t pid,
                         struct sy_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)(pid ? pid : getpid()));
    char *text;
    size_t bytes;
    int rc = sy_file_read(path, 65536, &text, &bytes, err);
    if (rc != 0)
        return rc;
    for (unsigned c = 0; rc == 0 && c < SY_CGROUP_CONTROLLER_COUNT; c++) {
        int version = sy_cgroup_host_version(host, c);
        if (version != 0 && !text_has(text, version, controller_names[c], name))
            rc = sy_fail(err, SY_E_MISMATCH, "%s does not show %s under %s after the join", path,
                         name, controller_names[c]);
    }
    free(text);
    return rc;
}

int sy_cgroup_join(struct sy_cgroup_host *host, const char *name, pid_t pid, struct sy_error *err)
{
    int rc = check_name(name, err);
    for (size_t i = 0; rc == 0 && i < SY_ARRAY_SIZE(host->parts); i++) {
        struct part *part = &host->parts[i];
        if (part->mask)
            rc = part->ops->join(part->self, part->mask, name, pid, err);
    }
    return rc == 0 ? verify_member(host, name, pid, err) : rc;
}

/* Sends `signal` (0 = none) to each process of the group; *ret_count says how many there were. */
static int signal_members(struct part *part, const char *name, int signal, size_t *ret_count,
                          struct sy_error *err)
{
    char directory[SY_PATH_BYTES], path[SY_PATH_BYTES];
    int rc = part->ops->directory(part->self, part->mask, name, directory, err);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/cgroup.procs", directory);
    if (rc != 0)
        return rc;
    FILE *file = fopen(path, "re");
    if (!file && (errno == ENOENT || errno == ENODEV)) {
        *ret_count = 0;
        return 0;
    }
    if (!file)
        return sy_fail_errno(err, errno, "open %s", path);
    size_t count = 0;
    char line[32];
    while (count < SY_CGROUP_PIDS_MAX && fgets(line, sizeof line, file)) {
        uint64_t pid;
        if (parse_u64(line, &pid) != 0 || pid == 0 || pid > INT32_MAX)
            continue;
        count++;
        if (signal != 0)
            kill((pid_t)pid, signal); /* ESRCH: it is gone, which is what we want */
    }
    fclose(file);
    *ret_count = count;
    return 0;
}

int sy_cgroup_count(struct sy_cgroup_host *host, const char *name, size_t *ret_count,
                    struct sy_error *err)
{
    struct part *part = tree_part(host);
    if (!part)
        return sy_fail(err, SY_E_UNSUPPORTED, "this host has no freezer and no unified tree");
    int rc = check_name(name, err);
    return rc == 0 ? signal_members(part, name, 0, ret_count, err) : rc;
}

static uint64_t boot_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int sy_cgroup_kill(struct sy_cgroup_host *host, const char *name, uint64_t timeout_ms,
                   struct sy_error *err)
{
    struct part *part = tree_part(host);
    if (!part)
        return sy_fail(err, SY_E_UNSUPPORTED, "this host has no freezer and no unified tree");
    int rc = check_name(name, err);
    uint64_t deadline_ms = boot_ms() + timeout_ms;
    while (rc == 0) {
        size_t count;
        rc = signal_members(part, name, 0, &count, err);
        if (rc != 0 || count == 0)
            break;
        /* A frozen group cannot fork away from the list that is being read. */
        part->ops->freeze(part->self, name, true, NULL);
        rc = signal_members(part, name, SIGKILL, &count, err);
        part->ops->freeze(part->self, name, false, NULL);
        if (rc == 0 && boot_ms() >= deadline_ms)
            rc = sy_fail(err, SY_E_TIMEOUT, "%zu processes still in group %s after %llu ms", count,
                         name, (unsigned long long)timeout_ms);
        const struct timespec pause = {.tv_nsec = 1000000};
        if (rc == 0)
            nanosleep(&pause, NULL);
    }
    return rc;
}

int sy_cgroup_usage(struct sy_cgroup_host *host, const char *name, struct sy_cgroup_usage *ret,
                    struct sy_error *err)
{
    struct sy_cgroup_usage usage = {0};
    int rc = check_name(name, err);
    for (size_t i = 0; rc == 0 && i < SY_ARRAY_SIZE(host->parts); i++) {
        struct part *part = &host->parts[i];
        if (part->mask)
            rc = part->ops->usage(part->self, part->mask, name, &usage, err);
    }
    if (rc == 0)
        *ret = usage;
    return rc;
}

int sy_cgroup_remove(struct sy_cgroup_host *host, const char *name, struct sy_error *err)
{
    int rc = check_name(name, err);
    for (size_t i = 0; rc == 0 && i < SY_ARRAY_SIZE(host->parts); i++) {
        struct part *part = &host->parts[i];
        if (part->mask)
            rc = part->ops->remove(part->self, part->mask, name, err);
    }
    return rc;
}
