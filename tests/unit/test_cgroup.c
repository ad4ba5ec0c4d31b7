/* Real control groups; skipped with a reason where the host or the user has none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cgroup/backend.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sy_cgroup_host *host;
static char skip_reason[SY_ERROR_TEXT_BYTES];
static char group_name[SY_CGROUP_NAME_BYTES];

static int open_host(void **state)
{
    (void)state;
    struct sy_error err;
    if (sy_cgroup_host_open(&host, &err) != 0)
        return -1;
    if (sy_cgroup_host_check(host, "sealyard-test", &err) != 0)
        snprintf(skip_reason, sizeof skip_reason, "%s", err.text);
    snprintf(group_name, sizeof group_name, "sealyard-test/unit-%d/1-1", (int)getpid());
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    char parent[SY_CGROUP_NAME_BYTES];
    snprintf(parent, sizeof parent, "sealyard-test/unit-%d", (int)getpid());
    sy_cgroup_remove(host, group_name, NULL);
    sy_cgroup_remove(host, parent, NULL);
    sy_cgroup_remove(host, "sealyard-test", NULL);
    sy_cgroup_host_close(host);
    return 0;
}

#define NEEDS_CGROUP()                                                                             \
    do {                                                                                           \
        if (skip_reason[0]) {                                                                      \
            print_message("skipped: %s\n", skip_reason);                                           \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static void group_of(pid_t pid, const char *controller, char *ret, size_t bytes)
{
    char path[64], *text;
    size_t text_bytes;
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    assert_int_equal(sy_file_read(path, 65536, &text, &text_bytes, NULL), 0);
    ret[0] = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = 0;
        if (strstr(line, controller))
            snprintf(ret, bytes, "%s", strrchr(line, ':') + 1);
    }
    free(text);
}

static void limits_are_set_and_read_back(void **state)
{
    (void)state;
    NEEDS_CGROUP();
    struct sy_error err = {0};
    struct sy_cgroup_limits limits = {
        .cpus = "0", .mems = "0", .memory_bytes = (64u << 20) + 1, .pids_max = 50};
    assert_int_equal(sy_cgroup_create(host, group_name, &limits, &err), 0);
    if (sy_cgroup_host_version(host, SY_CGROUP_CPUSET) == 1) {
        char directory[SY_PATH_BYTES], text[64];
        snprintf(directory, sizeof directory, "/sys/fs/cgroup/cpuset/%s", group_name);
        assert_int_equal(sy_cgroup_file_read(directory, "cpuset.cpus", text, sizeof text, &err), 0);
        assert_string_equal(text, "0");
        snprintf(directory, sizeof directory, "/sys/fs/cgroup/memory/%s", group_name);
        assert_int_equal(
            sy_cgroup_file_read(directory, "memory.limit_in_bytes", text, sizeof text, &err), 0);
        assert_string_equal(text, "67108864");
    }
    assert_int_equal(sy_cgroup_create(host, group_name, &limits, &err), 0);
    assert_int_equal(sy_cgroup_remove(host, group_name, &err), 0);
    assert_int_equal(sy_cgroup_remove(host, group_name, &err), 0);
}

static void impossible_cpu_is_refused(void **state)
{
    (void)state;
    NEEDS_CGROUP();
    struct sy_error err = {0};
    struct sy_cgroup_limits limits = {.cpus = "4000", .mems = "0"};
    assert_true(sy_cgroup_create(host, group_name, &limits, &err) < 0);
    assert_non_null(strstr(err.text, "4000"));
    assert_int_equal(sy_cgroup_remove(host, group_name, &err), 0);
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", "/a", "a/", "a//b", "a/../b", "1/2/3/4/5/6/7/8/9"};
    for (size_t i = 0; i < SY_ARRAY_SIZE(names); i++) {
        struct sy_error err = {0};
        assert_int_equal(sy_cgroup_create(host, names[i], &(struct sy_cgroup_limits){0}, &err),
                         -SY_E_ARG);
        assert_int_equal(sy_cgroup_join(host, names[i], 0, &err), -SY_E_ARG);
        assert_int_equal(sy_cgroup_remove(host, names[i], &err), -SY_E_ARG);
    }
}

/* A child that joins, forks `children` sleepers that also fork, and waits to be killed. */
static pid_t start_tree(int children)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (sy_cgroup_join(host, group_name, 0, NULL) != 0)
            _exit(3);
        for (int i = 0; i < children; i++)
            if (fork() == 0) {
                setsid();
                pause();
                _exit(0);
            }
        if (write(ready[1], "x", 1) != 1)
            _exit(4);
        pause();
        _exit(0);
    }
    char byte;
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void kill_empties_a_tree_with_foreign_sessions(void **state)
{
    (void)state;
    NEEDS_CGROUP();
    struct sy_error err = {0};
    assert_int_equal(sy_cgroup_create(host, group_name, &(struct sy_cgroup_limits){0}, &err), 0);
    pid_t pid = start_tree(20);
    char found[512], wanted[512];
    group_of(pid, sy_cgroup_host_version(host, SY_CGROUP_MEMORY) == 1 ? ":memory" : "0::", found,
             sizeof found);
    snprintf(wanted, sizeof wanted, "/%s", group_name);
    assert_string_equal(found, wanted);
    size_t count = 0;
    assert_int_equal(sy_cgroup_count(host, group_name, &count, &err), 0);
    assert_int_equal(count, 21);
    assert_int_equal(sy_cgroup_remove(host, group_name, &err), -SY_E_BUSY);
    assert_int_equal(sy_cgroup_kill(host, group_name, 5000, &err), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(sy_cgroup_count(host, group_name, &count, &err), 0);
    assert_int_equal(count, 0);
    struct sy_cgroup_usage usage;
    assert_int_equal(sy_cgroup_usage(host, group_name, &usage, &err), 0);
    assert_true(usage.peak_bytes > 0);
    assert_int_equal(usage.oom_kills, 0);
    assert_int_equal(sy_cgroup_remove(host, group_name, &err), 0);
    assert_int_equal(sy_cgroup_kill(host, group_name, 100, &err), 0);
}

static void memory_limit_kill_is_counted(void **state)
{
    (void)state;
    NEEDS_CGROUP();
    struct sy_error err = {0};
    struct sy_cgroup_limits limits = {.memory_bytes = 16u << 20};
    assert_int_equal(sy_cgroup_create(host, group_name, &limits, &err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (sy_cgroup_join(host, group_name, 0, NULL) != 0)
            _exit(3);
        size_t bytes = 64u << 20;
        volatile char *memory = malloc(bytes);
        for (size_t i = 0; memory && i < bytes; i += 4096)
            memory[i] = 1;
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct sy_cgroup_usage usage;
    assert_int_equal(sy_cgroup_usage(host, group_name, &usage, &err), 0);
    assert_true(usage.oom_kills >= 1);
    assert_int_equal(sy_cgroup_remove(host, group_name, &err), 0);
}

static void join_of_a_missing_group_fails(void **state)
{
    (void)state;
    NEEDS_CGROUP();
    struct sy_error err = {0};
    pid_t pid = fork();
    if (pid == 0)
        _exit(sy_cgroup_join(host, "sealyard-test/missing", 0, &err) == 0 ? 1 : 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The unified tree of a hybrid host has no controllers, but groups, freezing and killing. */
static void unified_groups_work_without_controllers(void **state)
{
    (void)state;
    void *self;
    uint32_t mask = 0;
    struct sy_error err = {0};
    const struct sy_cgroup_backend_ops *v2 = &sy_cgroup_backend_v2;
    assert_int_equal(v2->open(&self, &mask, &err), 0);
    char name[64];
    snprintf(name, sizeof name, "sealyard-test-v2-%d", (int)getpid());
    if (mask == 0 || geteuid() != 0) {
        print_message("skipped: no unified tree or not root\n");
        v2->close(self);
        skip();
    }
    mask &= SY_CGROUP_BIT(SY_CGROUP_FREEZER) | SY_CGROUP_BIT(SY_CGROUP_CPUACCT);
    assert_int_equal(v2->create(self, mask, name, &(struct sy_cgroup_limits){0}, &err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    assert_int_equal(v2->join(self, mask, name, pid, &err), 0);
    char found[256], wanted[256];
    group_of(pid, "0::", found, sizeof found);
    snprintf(wanted, sizeof wanted, "/%s", name);
    assert_string_equal(found, wanted);
    assert_int_equal(v2->remove(self, mask, name, &err), -SY_E_BUSY);
    assert_int_equal(v2->freeze(self, name, true, &err), 0);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(v2->freeze(self, name, false, &err), 0);
    struct sy_cgroup_usage usage = {0};
    assert_int_equal(v2->usage(self, mask, name, &usage, &err), 0);
    assert_int_equal(v2->remove(self, mask, name, &err), 0);
    v2->close(self);
}

static void lists_compare_as_sets(void **state)
{
    (void)state;
    assert_true(sy_cgroup_list_equal("0-3,8", "0,1,2,3,8"));
    assert_true(sy_cgroup_list_equal("", ""));
    assert_false(sy_cgroup_list_equal("0-3", "0-2"));
    assert_false(sy_cgroup_list_equal("a", "a"));
    assert_false(sy_cgroup_list_equal("3-1", "1-3"));
    assert_false(sy_cgroup_list_equal("0-", "0"));
    assert_false(sy_cgroup_list_equal("99999", "99999"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_set_and_read_back),
        cmocka_unit_test(impossible_cpu_is_refused),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(kill_empties_a_tree_with_foreign_sessions),
        cmocka_unit_test(memory_limit_kill_is_counted),
        cmocka_unit_test(join_of_a_missing_group_fails),
        cmocka_unit_test(unified_groups_work_without_controllers),
        cmocka_unit_test(lists_compare_as_sets),
    };
    return cmocka_run_group_tests(tests, open_host, close_host);
}
