/* Attempts with real shims and tasks: results, adoption, kills, limits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/attempt_world.h"

#include "agent/file_read.h"
#include "agent/exit_record.h"
#include "common/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXEC(stage, ...) "[stage." stage "]\nexec = [\"" FAKE_TASK "\", " __VA_ARGS__ "]\n"
#define FAKE_TASK SY_BIN_DIR "/../tests/fake_task"

static struct world world;

static int close_world(void **state)
{
    (void)state;
    if (world.dir[0])
        world_close(&world);
    world.dir[0] = 0;
    return 0;
}

static void expect_accepted(uint64_t task, uint32_t attempt)
{
    struct world_sent *ack = world_wait(&world, SY_MSG_START_ACK, task, attempt);
    if (ack->verdict != SY_START_ACCEPTED)
        fail_msg("refused: %s", ack->text);
}

static struct world_sent *expect_refused(uint64_t task, uint32_t attempt, const char *part)
{
    struct world_sent *ack = world_wait(&world, SY_MSG_START_ACK, task, attempt);
    assert_int_equal(ack->verdict, SY_START_REFUSED);
    if (!strstr(ack->text, part))
        fail_msg("\"%s\" has no \"%s\"", ack->text, part);
    return ack;
}

static void make_fifo(char path[128])
{
    snprintf(path, 128, "/tmp/sy-fifo-%d", (int)getpid());
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void release_fifo(const char *path)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

/* [stage.ap] that waits for a byte in the fifo. */
static void open_waiting(char fifo[128], bool cgroups)
{
    char toml[512];
    make_fifo(fifo);
    snprintf(toml, sizeof toml, EXEC("ap", "\"wait\", \"%s\""), fifo);
    world_open(&world, toml, cgroups);
}

static uint32_t shim_pid(uint64_t task, uint32_t attempt);
static uint32_t found_pid;

static int take_pid(void *ctx, const struct sy_ledger_record *record, struct sy_error *err)
{
    (void)ctx;
    (void)err;
    found_pid = record->shim_pid;
    return 0;
}

static void no_damage(void *ctx, const char *name, const struct sy_error *reason)
{
    (void)ctx;
    fail_msg("%s: %s", name, reason->text);
}

static uint32_t shim_pid(uint64_t task, uint32_t attempt)
{
    char path[128];
    (void)task;
    (void)attempt;
    snprintf(path, sizeof path, "%s/ledger", world.dir);
    assert_int_equal(sy_ledger_load(path, take_pid, no_damage, NULL, NULL), 0);
    assert_true(found_pid > 1);
    return found_pid;
}

/* ---------------------------------------------------------------- results ------------------- */

static void result_is_repeated_until_acknowledged(void **state)
{
    (void)state;
    world_open(&world, EXEC("ap", "\"ok\""), true);
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    struct world_sent *result = world_wait(&world, SY_MSG_RESULT, 5, 1);
    assert_true(result->ok);
    assert_string_equal(json_string_value(json_object_get(result->result, "stage")), "ap");
    assert_int_equal(json_integer_value(json_object_get(result->result, "attempt")), 1);
    assert_true(result->peak_bytes > 0);
    /* again by itself, and again for a repeated START */
    world_wait(&world, SY_MSG_RESULT, 5, 1);
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    world_wait(&world, SY_MSG_RESULT, 5, 1);
    assert_int_equal(world_entries(&world, "ledger"), 1);
    world_ack(&world, 5, 1, SY_RESULT_ACCEPTED);
    assert_int_equal(world_attempts(&world), 0);
    assert_int_equal(world_entries(&world, "ledger"), 0);
    /* the same fence never runs twice */
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_refused(5, 1, "has run here before");
    world_start(&world, SY_STAGE_AP, 5, 2, 12);
    expect_accepted(5, 2);
    assert_true(world_wait(&world, SY_MSG_RESULT, 5, 2)->ok);
}

static void outcome_has_the_class_of_the_exit(void **state)
{
    (void)state;
    static const struct {
        const char *toml;
        enum sy_err_class class;
        const char *text;
    } cases[] = {
        {EXEC("ap", "\"fail\", \"10\""), SY_CLASS_INPUT, "told to fail"},
        {EXEC("ap", "\"fail\", \"11\""), SY_CLASS_TRANSIENT, "told to fail"},
        {EXEC("ap", "\"fail\", \"12\""), SY_CLASS_RESOURCE, "told to fail"},
        {EXEC("ap", "\"fail\", \"13\""), SY_CLASS_CORRUPT, "told to fail"},
        {EXEC("ap", "\"fail\", \"14\""), SY_CLASS_BUG, "told to fail"},
        {EXEC("ap", "\"fail\", \"77\""), SY_CLASS_BUG, "told to fail"},
        {EXEC("ap", "\"crash\""), SY_CLASS_TRANSIENT, "signal 11"},
        {EXEC("ap", "\"text\""), SY_CLASS_BUG, "no JSON object"},
        {EXEC("ap", "\"large\""), SY_CLASS_BUG, "larger than 65536"},
        {"[stage.ap]\nexec = [\"/etc/passwd\"]\n", SY_CLASS_NONE, "/etc/passwd"},
        {"[stage.ap]\nexec = [\"/bin/sh\", \"-c\", \"exit 3\"]\n", SY_CLASS_BUG, "status 3"},
    };
    for (size_t i = 0; i < SY_ARRAY_SIZE(cases); i++) {
        world_open(&world, cases[i].toml, true);
        world_start(&world, SY_STAGE_AP, 5, 1, 12);
        if (cases[i].class == SY_CLASS_NONE) {
            expect_refused(5, 1, cases[i].text);
            assert_int_equal(world_entries(&world, "ledger"), 0);
            assert_int_equal(world_entries(&world, "attempts"), 0);
        } else {
            struct world_sent *result = world_wait(&world, SY_MSG_RESULT, 5, 1);
            assert_false(result->ok);
            assert_int_equal(result->error_class, cases[i].class);
            if (!strstr(result->text, cases[i].text))
                fail_msg("case %zu: %s", i, result->text);
        }
        close_world(NULL);
    }
}

/* ---------------------------------------------------------------- restarts ------------------ */

static void agent_restart(bool cgroups, bool end_while_away)
{
    char fifo[128];
    open_waiting(fifo, cgroups);
    world_start(&world, SY_STAGE_AP, 5, 3, 12);
    expect_accepted(5, 3);
    struct world_sent *progress = world_wait(&world, SY_MSG_PROGRESS, 5, 3);
    assert_int_equal(progress->done, 3);
    assert_int_equal(progress->total, 9);
    assert_string_equal(progress->text, "waiting");
    world_kill_agent(&world);
    if (end_while_away) {
        char path[160];
        release_fifo(fifo);
        snprintf(path, sizeof path, "%s/attempts/5-3/exit.json", world.dir);
        for (int i = 0; access(path, F_OK) != 0 && i < 2000; i++)
            usleep(10000);
    }
    world_start_agent(&world);
    assert_int_equal(world_attempts(&world), 1);
    if (!end_while_away) {
        struct sy_msg_attempt_state attempt;
        assert_int_equal(sy_attempts_states(world.attempts, &attempt, 1), 1);
        assert_int_equal(attempt.state, SY_TASK_RUNNING);
        world_start(&world, SY_STAGE_AP, 5, 3, 12); /* answered, not started again */
        expect_accepted(5, 3);
        assert_int_equal(world_processes(&world, 5, 3), 1);
        release_fifo(fifo);
    }
    struct world_sent *result = world_wait(&world, SY_MSG_RESULT, 5, 3);
    assert_true(result->ok);
    world_ack(&world, 5, 3, SY_RESULT_ACCEPTED);
    assert_int_equal(world_attempts(&world), 0);
    unlink(fifo);
}

static void running_task_is_adopted(void **state)
{
    (void)state;
    agent_restart(true, false);
}

static void running_task_is_adopted_without_cgroups(void **state)
{
    (void)state;
    agent_restart(false, false);
}

static void result_made_while_the_agent_was_away_is_reported(void **state)
{
    (void)state;
    agent_restart(true, true);
}

static void killed_shim(bool cgroups)
{
    char toml[512], ready[128];
    snprintf(ready, sizeof ready, "/tmp/sy-ready-%d", (int)getpid());
    unlink(ready);
    /* writable: the file that says that all are there */
    snprintf(toml, sizeof toml, EXEC("ap", "\"fork\", \"20\", \"%s\"") "writable = [\"/tmp\"]\n",
             ready);
    world_open(&world, toml, cgroups);
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    world_wait_file(&world, ready);
    assert_int_equal(world_processes(&world, 5, 1), 21);
    assert_int_equal(kill((pid_t)shim_pid(5, 1), SIGKILL), 0);
    struct world_sent *result = world_wait(&world, SY_MSG_RESULT, 5, 1);
    assert_false(result->ok);
    assert_int_equal(result->error_class, SY_CLASS_TRANSIENT);
    assert_non_null(strstr(result->text, "shim was killed"));
    assert_int_equal(world_processes(&world, 5, 1), 0);
    /* a restart says the same */
    world_kill_agent(&world);
    world_start_agent(&world);
    assert_int_equal(world_wait(&world, SY_MSG_RESULT, 5, 1)->error_class, SY_CLASS_TRANSIENT);
    unlink(ready);
}

static void killed_shim_takes_the_whole_tree_along(void **state)
{
    (void)state;
    killed_shim(true);
}

static void killed_shim_takes_the_whole_tree_along_without_cgroups(void **state)
{
    (void)state;
    killed_shim(false);
}

static void put_record(uint64_t task, uint32_t ledger_state, bool stopping)
{
    char path[128];
    struct sy_error err = {0};
    struct sy_ledger_record record = {.task = task,
                                      .attempt = 1,
                                      .state = ledger_state,
                                      .token = {7},
                                      .stage = SY_STAGE_AP,
                                      .miner = 1000,
                                      .number = task,
                                      .spec = {"{}", 2},
                                      .stopping = stopping,
                                      .shim_pid = (uint32_t)getpid(),
                                      .shim_start_ticks = 1};
    assert_int_equal(sy_env_boot_id(record.boot_id, &err), 0);
    snprintf(path, sizeof path, "%s/ledger", world.dir);
    assert_int_equal(sy_ledger_put(path, &record, &err), 0);
    snprintf(path, sizeof path, "%s/attempts/%llu-1", world.dir, (unsigned long long)task);
    assert_int_equal(sy_file_make_directory(path, 0755, &err), 0);
}

/* The pid of the record lives (it is this program), but its start time is another one. */
static void records_without_a_process_are_failed_or_dropped(void **state)
{
    (void)state;
    world_open(&world, EXEC("ap", "\"ok\""), true);
    world_kill_agent(&world);
    put_record(21, SY_LEDGER_PREPARED, false);
    put_record(22, SY_LEDGER_RUNNING, false);
    put_record(23, SY_LEDGER_RUNNING, true);
    char path[128];
    snprintf(path, sizeof path, "%s/ledger/24-1", world.dir);
    struct sy_error err = {0};
    assert_int_equal(sy_file_write(path, "SYLRgarbage", 11, 0600, &err), 0);
    world_start_agent(&world);
    struct world_sent *result = world_wait(&world, SY_MSG_RESULT, 21, 1);
    assert_int_equal(result->error_class, SY_CLASS_TRANSIENT);
    assert_non_null(strstr(result->text, "before the task was started"));
    assert_true(result->unstarted);
    result = world_wait(&world, SY_MSG_RESULT, 22, 1);
    assert_int_equal(result->error_class, SY_CLASS_TRANSIENT);
    assert_non_null(strstr(result->text, "shim was killed"));
    assert_false(result->unstarted);
    world_wait(&world, SY_MSG_STOP_ACK, 23, 1);
    assert_false(world_has(&world, SY_MSG_RESULT, 23, 1));
    assert_int_equal(world_attempts(&world), 2);
    snprintf(path, sizeof path, "%s/ledger/24-1.damaged", world.dir);
    assert_int_equal(access(path, F_OK), 0);
}

/* ---------------------------------------------------------------- stop, fences --------------- */

static void stop_tree(bool cgroups)
{
    char toml[512], ready[128];
    snprintf(ready, sizeof ready, "/tmp/sy-ready-%d", (int)getpid());
    unlink(ready);
    snprintf(toml, sizeof toml, EXEC("ap", "\"fork\", \"50\", \"%s\"") "writable = [\"/tmp\"]\n",
             ready);
    world_open(&world, toml, cgroups);
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    world_wait_file(&world, ready);
    world_stop(&world, 5, 1);
    world_wait(&world, SY_MSG_STOP_ACK, 5, 1);
    assert_int_equal(world_processes(&world, 5, 1), 0);
    assert_false(world_has(&world, SY_MSG_RESULT, 5, 1));
    assert_int_equal(world_attempts(&world), 0);
    assert_int_equal(world_entries(&world, "ledger"), 0);
    world_stop(&world, 5, 1); /* unknown by now: acknowledged again */
    world_wait(&world, SY_MSG_STOP_ACK, 5, 1);
    unlink(ready);
}

static void stop_kills_the_whole_tree(void **state)
{
    (void)state;
    stop_tree(true);
}

static void stop_kills_the_whole_tree_without_cgroups(void **state)
{
    (void)state;
    stop_tree(false);
}

static void new_fence_replaces_the_old_attempt(void **state)
{
    (void)state;
    world_open(&world, EXEC("ap", "\"hang\"") "[slots]\nap = 3\n", true);
    world_start(&world, SY_STAGE_AP, 5, 2, 12);
    expect_accepted(5, 2);
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_refused(5, 1, "has attempt 2 here");
    world_start(&world, SY_STAGE_AP, 6, 1, 12);
    assert_int_equal(expect_refused(6, 1, "in use by task 5")->error_class, SY_CLASS_RESOURCE);
    /* the first START(3) only kills attempt 2; the repeated one starts */
    world_start(&world, SY_STAGE_AP, 5, 3, 12);
    assert_false(world_has(&world, SY_MSG_START_ACK, 5, 3));
    world_wait(&world, SY_MSG_STOP_ACK, 5, 2);
    assert_int_equal(world_processes(&world, 5, 2), 0);
    world_start(&world, SY_STAGE_AP, 5, 3, 12);
    expect_accepted(5, 3);
    /* a result that came too late: the scheduler says so, the task is killed */
    world_ack(&world, 5, 3, SY_RESULT_STALE);
    world_wait(&world, SY_MSG_STOP_ACK, 5, 3);
    assert_int_equal(world_processes(&world, 5, 3), 0);
}

/* ---------------------------------------------------------------- limits -------------------- */

static void memory_over_the_limit_is_resource(void **state)
{
    (void)state;
    world_open(&world,
               EXEC("ap", "\"allocate\", \"64\"") "[slots.resources.ap]\nmemory = \"16MiB\"\n",
               true);
    if (!world.cgroups) {
        print_message("skipped: no control groups\n");
        skip();
    }
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    struct world_sent *result = world_wait(&world, SY_MSG_RESULT, 5, 1);
    assert_int_equal(result->error_class, SY_CLASS_RESOURCE);
    assert_non_null(strstr(result->text, "limit of 16777216 bytes"));
}

static void slot_is_pinned_to_its_core(void **state)
{
    (void)state;
    char fifo[128], toml[512], path[256], *text;
    size_t bytes;
    make_fifo(fifo);
    snprintf(toml, sizeof toml,
             EXEC("ap", "\"wait\", \"%s\"") "[slots.resources.ap]\ncores = 1\nthreads = 1\n", fifo);
    world_open(&world, toml, true);
    if (!world.cgroups || sy_cgroup_host_version(world.cgroups, SY_CGROUP_CPUSET) != 1) {
        print_message("skipped: no cpuset of version 1\n");
        unlink(fifo);
        skip();
    }
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    world_wait(&world, SY_MSG_PROGRESS, 5, 1);
    snprintf(path, sizeof path, "/sys/fs/cgroup/cpuset/%s/5-1/cpuset.cpus", world.group);
    assert_int_equal(sy_file_read(path, 256, &text, &bytes, NULL), 0);
    char place[SY_CGROUP_LIST_BYTES + 1];
    snprintf(place, sizeof place, "%s\n", sy_slots_get(&world.slots, SY_STAGE_AP, 0)->place.cpus);
    assert_string_equal(text, place);
    free(text);
    size_t count = 0;
    char group[128];
    snprintf(group, sizeof group, "%s/5-1", world.group);
    assert_int_equal(sy_cgroup_count(world.cgroups, group, &count, NULL), 0);
    assert_int_equal(count, 1);
    world_start(&world, SY_STAGE_AP, 6, 1, 13);
    expect_refused(6, 1, "all 1 slots for AP are taken");
    release_fifo(fifo);
    assert_true(world_wait(&world, SY_MSG_RESULT, 5, 1)->ok);
    snprintf(path, sizeof path, "/sys/fs/cgroup/cpuset/%s/5-1", world.group);
    assert_int_equal(access(path, F_OK), -1);
    unlink(fifo);
}

static void what_a_task_leaves_behind_is_killed(void **state)
{
    (void)state;
    for (int cgroups = 1; cgroups >= 0; cgroups--) {
        char toml[512], file[128];
        snprintf(file, sizeof file, "/tmp/sy-orphan-%d", (int)getpid());
        snprintf(toml, sizeof toml, EXEC("ap", "\"orphan\", \"%s\"") "writable = [\"/tmp\"]\n",
                 file);
        world_open(&world, toml, cgroups != 0);
        world_start(&world, SY_STAGE_AP, 5, 1, 12);
        expect_accepted(5, 1);
        assert_true(world_wait(&world, SY_MSG_RESULT, 5, 1)->ok);
        assert_int_equal(access(file, F_OK), 0);
        assert_int_equal(world_processes(&world, 5, 1), 0);
        unlink(file);
        close_world(NULL);
    }
}

static int64_t number_of(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
}

static void task_sees_only_its_own(void **state)
{
    (void)state;
    world_open(&world, EXEC("ap", "\"look\""), true);
    assert_int_equal(setenv("SEALYARD_SECRET", "canary", 1), 0);
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    json_t *seen = world_wait(&world, SY_MSG_RESULT, 5, 1)->result;
    assert_non_null(seen);
    json_t *fds = json_object_get(seen, "fds"), *item;
    size_t index;
    assert_int_equal(json_array_size(fds), 4);
    json_array_foreach(fds, index, item)
    {
        assert_true(json_integer_value(item) <= 3);
    }
    json_array_foreach(json_object_get(seen, "environment"), index, item)
    {
        assert_null(strstr(json_string_value(item), "canary"));
    }
    size_t variables = json_array_size(json_object_get(seen, "environment"));
    assert_true(variables >= 6 && variables <= 7); /* one more under a sanitizer */
    assert_int_equal(number_of(seen, "core"), 0);
    assert_int_equal(number_of(seen, "no_new_privs"), 1);
    assert_int_equal(number_of(seen, "death_signal"), SIGKILL);
    assert_int_equal(number_of(seen, "write_inside"), 1);
    assert_int_equal(number_of(seen, "socket"), 0);
    if (geteuid() == 0)
        assert_int_equal(number_of(seen, "cap_sys_admin"), 0);
    /* Landlock may be missing in a kernel: the log then says so */
    char path[160], *text;
    size_t bytes;
    snprintf(path, sizeof path, "%s/attempts/5-1/log", world.dir);
    assert_int_equal(sy_file_read(path, 65536, &text, &bytes, NULL), 0);
    if (!strstr(text, "landlock"))
        assert_int_equal(number_of(seen, "write_outside"), 0);
    else
        print_message("this kernel has no Landlock\n");
    free(text);
}

static void task_runs_as_its_own_user(void **state)
{
    (void)state;
    char program[] = "/tmp/sy-attempt-task-XXXXXX", toml[512];
    int fd = mkstemp(program); /* the build may be below /root, where no other user can look */
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(sy_file_copy(FAKE_TASK, program, 0755, NULL), 0);
    assert_int_equal(chmod(program, 0755), 0);
    snprintf(toml, sizeof toml, "[stage.ap]\nexec = [\"%s\", \"look\"]\n", program);
    world_open(&world, toml, true);
    if (geteuid() != 0) {
        unlink(program);
        print_message("skipped: only root can switch users\n");
        skip();
    }
    snprintf(world.conf->task_user, sizeof world.conf->task_user, "nobody");
    world.conf->task_uid = world.conf->task_gid = 65534;
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    json_t *seen = world_wait(&world, SY_MSG_RESULT, 5, 1)->result;
    unlink(program);
    assert_non_null(seen);
    assert_int_equal(number_of(seen, "uid"), 65534);
    assert_int_equal(number_of(seen, "death_signal"), SIGKILL);
    assert_int_equal(number_of(seen, "write_inside"), 1);
    char path[160];
    struct stat status;
    snprintf(path, sizeof path, "%s/sealed", world.scratch);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, 65534);
    snprintf(path, sizeof path, "%s/attempts/5-1", world.dir);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, 0); /* its exit record is out of its reach */
}

static void remove_clears_what_a_broken_finalize_left(void **state)
{
    (void)state;
    static const char *const names[] = {"sealed/s-t01000-12", "unsealed/s-t01000-12",
                                        "cache/s-t01000-12", "c1/s-t01000-12.json"};
    char path[256];
    struct sy_error err = {0};
    world_open(&world, EXEC("remove", "\"ok\""), true);
    for (size_t i = 0; i < SY_ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof path, "%s/%s", world.scratch, names[i]);
        assert_int_equal(sy_file_make_directory(path, 0755, &err), 0);
    }
    snprintf(path, sizeof path, "%s/sealed/s-t01000-13", world.scratch);
    assert_int_equal(sy_file_write(path, "x", 1, 0644, &err), 0);
    world_start(&world, SY_STAGE_REMOVE, 5, 1, 12);
    expect_accepted(5, 1);
    assert_true(world_wait(&world, SY_MSG_RESULT, 5, 1)->ok);
    assert_int_equal(access(path, F_OK), 0); /* another sector's */
    for (size_t i = 0; i < SY_ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof path, "%s/%s", world.scratch, names[i]);
        assert_int_equal(access(path, F_OK), -1);
    }
}

/* ---------------------------------------------------------------- stores -------------------- */

static void store_problems_refuse_the_start(void **state)
{
    (void)state;
    char path[256], aside[256];
    world_open(&world, EXEC("ap", "\"ok\""), true);
    snprintf(path, sizeof path, "%s/sectorstore.json", world.scratch);
    snprintf(aside, sizeof aside, "%s/aside", world.dir);
    assert_int_equal(rename(path, aside), 0);
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    assert_int_equal(expect_refused(5, 1, "sealyard stores attach")->error_class,
                     SY_CLASS_RESOURCE);
    snprintf(path, sizeof path, "%s/unsealed", world.scratch);
    assert_int_equal(access(path, F_OK), -1); /* nothing was written into it */
    snprintf(path, sizeof path, "%s/sectorstore.json", world.scratch);
    assert_int_equal(rename(aside, path), 0);
    world_start_spec(&world, SY_STAGE_AP, 5, 2, 12, "[1]");
    expect_refused(5, 2, "no JSON object");
    world_start_spec(&world, SY_STAGE_AP, 5, 3, 12, "{\"sealed\":\"/etc/shadow\"}");
    expect_refused(5, 3, "\"sealed\"");
    world_start(&world, SY_STAGE_C2, 5, 4, 12);
    expect_refused(5, 4, "C2");
    assert_int_equal(world_entries(&world, "ledger"), 0);
    snprintf(world.scratch_id, sizeof world.scratch_id, "00000000-0000-0000-0000-000000000000");
    world_start(&world, SY_STAGE_AP, 5, 5, 12);
    expect_refused(5, 5, "not attached");
    world.scratch_id[0] = 0;
    world_start(&world, SY_STAGE_AP, 5, 6, 12);
    expect_refused(5, 6, "no scratch store");
}

static void full_scratch_refuses_the_start_with_numbers(void **state)
{
    (void)state;
    char small[128];
    struct sy_error err = {0};
    const struct sy_store_row *row;
    world_open(&world, EXEC("pc1", "\"ok\""), true);
    snprintf(small, sizeof small, "%s/small", world.dir);
    assert_int_equal(mkdir(small, 0755), 0);
    if (mount("none", small, "tmpfs", 0, "size=1m") != 0) {
        print_message("skipped: no tmpfs can be mounted (%s)\n", strerror(errno));
        skip();
    }
    assert_int_equal(
        sy_stores_attach(&world.stores, sy_env_real(), small, SY_STORE_SCRATCH, true, &row, &err),
        0);
    snprintf(world.scratch_id, sizeof world.scratch_id, "%s", row->uuid);
    world_start(&world, SY_STAGE_PC1, 5, 1, 12);
    struct world_sent *ack = expect_refused(5, 1, "bytes needed");
    assert_int_equal(ack->error_class, SY_CLASS_RESOURCE);
    assert_non_null(strstr(ack->text, "free"));
    assert_int_equal(umount2(small, MNT_DETACH), 0);
}

static void write_all(const char *path, size_t bytes)
{
    char block[4096] = {1};
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    for (size_t done = 0; done < bytes && write(fd, block, sizeof block) > 0;)
        done += sizeof block;
    close(fd);
}

static void result_waits_for_space_on_the_disk(void **state)
{
    (void)state;
    char fifo[128], attempts[128], filler[160];
    open_waiting(fifo, true);
    snprintf(attempts, sizeof attempts, "%s/attempts", world.dir);
    if (mount("none", attempts, "tmpfs", 0, "size=256k") != 0) {
        print_message("skipped: no tmpfs can be mounted (%s)\n", strerror(errno));
        unlink(fifo);
        skip();
    }
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    world_wait(&world, SY_MSG_PROGRESS, 5, 1);
    snprintf(filler, sizeof filler, "%s/filler", attempts);
    write_all(filler, 1u << 20);
    release_fifo(fifo);
    for (int i = 0; world_processes(&world, 5, 1) > 0 && i < 1000; i++)
        world_turn(&world, 1);
    world_turn(&world, 20);
    assert_false(world_has(&world, SY_MSG_RESULT, 5, 1));
    assert_int_equal(kill((pid_t)shim_pid(5, 1), 0), 0); /* it keeps the result */
    unlink(filler);
    assert_true(world_wait(&world, SY_MSG_RESULT, 5, 1)->ok);
    world_ack(&world, 5, 1, SY_RESULT_ACCEPTED);
    assert_int_equal(umount2(attempts, MNT_DETACH), 0);
    unlink(fifo);
}

static void result_that_cannot_be_sent_is_a_failure(void **state)
{
    (void)state;
    world_open(&world, EXEC("ap", "\"ok\""), true);
    world.refuse_results = SY_E_LIMIT;
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    struct world_sent *result = world_wait(&world, SY_MSG_RESULT, 5, 1);
    assert_int_equal(result->error_class, SY_CLASS_BUG);
    assert_non_null(strstr(result->text, "too deep"));
}

static void long_log_keeps_its_end(void **state)
{
    (void)state;
    struct sy_error err = {0};
    struct sy_msg_chunk chunk;
    uint8_t *buffer = malloc(SY_CHUNK_BYTES_MAX);
    assert_non_null(buffer);
    world_open(&world, EXEC("ap", "\"log\", \"3000000\""), true);
    world_start(&world, SY_STAGE_AP, 5, 1, 12);
    expect_accepted(5, 1);
    assert_true(world_wait(&world, SY_MSG_RESULT, 5, 1)->ok);
    struct sy_msg_file_read request = {.what = "task-log", .task = 5, .bytes = SY_CHUNK_BYTES_MAX};
    assert_int_equal(sy_agent_file_read(&chunk, world.dir, &world.stores, &request, buffer, &err),
                     0);
    assert_true(chunk.total_bytes >= 1u << 20 && chunk.total_bytes <= 2u << 20);
    assert_int_equal(chunk.data.bytes, SY_CHUNK_BYTES_MAX);
    request.offset_bytes = chunk.total_bytes - 64;
    assert_int_equal(sy_agent_file_read(&chunk, world.dir, &world.stores, &request, buffer, &err),
                     0);
    assert_int_equal(chunk.data.bytes, 64);
    assert_memory_equal(buffer + 56, "2999936\n", 8);
    request.offset_bytes = chunk.total_bytes;
    assert_int_equal(sy_agent_file_read(&chunk, world.dir, &world.stores, &request, buffer, &err),
                     0);
    assert_int_equal(chunk.data.bytes, 0);
    request.task = 6;
    assert_int_equal(sy_agent_file_read(&chunk, world.dir, &world.stores, &request, buffer, &err),
                     -SY_E_NOT_FOUND);
    snprintf(request.what, sizeof request.what, "unseal-output");
    assert_int_equal(sy_agent_file_read(&chunk, world.dir, &world.stores, &request, buffer, &err),
                     -SY_E_NOT_FOUND);
    snprintf(request.what, sizeof request.what, "../../etc/passwd");
    assert_int_equal(sy_agent_file_read(&chunk, world.dir, &world.stores, &request, buffer, &err),
                     -SY_E_ARG);
    request.bytes = SY_CHUNK_BYTES_MAX + 1;
    assert_int_equal(sy_agent_file_read(&chunk, world.dir, &world.stores, &request, buffer, &err),
                     -SY_E_LIMIT);
    free(buffer);
}

static void spec_has_the_paths_of_its_stage(void **state)
{
    (void)state;
    char expected[256];
    world_open(&world,
               EXEC("fin", "\"echo\"") EXEC("unseal", "\"echo\"") EXEC("remove", "\"echo\""), true);
    world_start(&world, SY_STAGE_FIN, 5, 1, 12);
    expect_accepted(5, 1);
    json_t *spec = world_wait(&world, SY_MSG_RESULT, 5, 1)->result;
    snprintf(expected, sizeof expected, "%s/sealed/s-t01000-12", world.scratch);
    assert_string_equal(json_string_value(json_object_get(spec, "sealed")), expected);
    json_t *store = json_object_get(spec, "store");
    snprintf(expected, sizeof expected, "%s/cache/s-t01000-12", world.store);
    assert_string_equal(json_string_value(json_object_get(store, "cache")), expected);
    world_start_spec(&world, SY_STAGE_UNSEAL, 6, 1, 13, "{\"offset_bytes\":0,\"size_bytes\":0}");
    expect_accepted(6, 1);
    spec = world_wait(&world, SY_MSG_RESULT, 6, 1)->result;
    snprintf(expected, sizeof expected, "%s/outputs/task-6", world.dir);
    assert_string_equal(json_string_value(json_object_get(spec, "output")), expected);
    snprintf(expected, sizeof expected, "%s/sealed/s-t01000-13", world.store);
    assert_string_equal(json_string_value(json_object_get(spec, "sealed")), expected);
    assert_null(json_object_get(spec, "size_bytes"));
    world.store_id[0] = 0;
    world_start(&world, SY_STAGE_REMOVE, 7, 1, 14);
    expect_accepted(7, 1);
    spec = world_wait(&world, SY_MSG_RESULT, 7, 1)->result;
    snprintf(expected, sizeof expected, "%s/unsealed/s-t01000-14", world.scratch);
    assert_string_equal(json_string_value(json_object_get(spec, "unsealed")), expected);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(result_is_repeated_until_acknowledged),
        TEST(outcome_has_the_class_of_the_exit),
        TEST(running_task_is_adopted),
        TEST(running_task_is_adopted_without_cgroups),
        TEST(result_made_while_the_agent_was_away_is_reported),
        TEST(killed_shim_takes_the_whole_tree_along),
        TEST(killed_shim_takes_the_whole_tree_along_without_cgroups),
        TEST(records_without_a_process_are_failed_or_dropped),
        TEST(stop_kills_the_whole_tree),
        TEST(stop_kills_the_whole_tree_without_cgroups),
        TEST(new_fence_replaces_the_old_attempt),
        TEST(memory_over_the_limit_is_resource),
        TEST(slot_is_pinned_to_its_core),
        TEST(what_a_task_leaves_behind_is_killed),
        TEST(task_sees_only_its_own),
        TEST(task_runs_as_its_own_user),
        TEST(remove_clears_what_a_broken_finalize_left),
        TEST(store_problems_refuse_the_start),
        TEST(full_scratch_refuses_the_start_with_numbers),
        TEST(result_waits_for_space_on_the_disk),
        TEST(result_that_cannot_be_sent_is_a_failure),
        TEST(long_log_keeps_its_end),
        TEST(spec_has_the_paths_of_its_stage),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
