/* The embedded store: durability through a reopen, one opener, damage, a full map, fds, scans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/file.h"
#include "tests/unit/core_world.h"
#include "scheduler/store_place.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP_BYTES (8u << 20)
#define TURNS_MAX 2000

struct fixture {
    char directory[64];
    struct sy_store store;
    struct sy_loop *loop;
    uint64_t durable;
    unsigned durable_calls, failed_calls, records, done_calls;
    struct sy_error failure;
    bool more;
    uint64_t first_record;
};

static void on_durable(void *ctx, uint64_t last_event)
{
    struct fixture *f = ctx;
    assert_true(last_event >= f->durable);
    f->durable = last_event;
    f->durable_calls++;
}

static void on_failed(void *ctx, const struct sy_error *err)
{
    struct fixture *f = ctx;
    f->failure = *err;
    f->failed_calls++;
}

static void open_store(struct fixture *f, uint64_t map_bytes, bool create)
{
    struct sy_error err = {0};
    if (sy_store_lmdb_open(&f->store, f->directory, map_bytes, create, &err) != 0)
        fail_msg("%s", err.text);
}

static void start_store(struct fixture *f)
{
    assert_int_equal(sy_loop_create(&f->loop, sy_env_real(), NULL), 0);
    assert_int_equal(f->store.ops->start(f->store.self, f->loop, on_durable, on_failed, f, NULL),
                     0);
}

static void close_store(struct fixture *f)
{
    if (f->store.ops != NULL)
        f->store.ops->close(f->store.self);
    f->store = (struct sy_store){0};
    sy_loop_destroy(f->loop);
    f->loop = NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->directory, sizeof(f->directory), "/tmp/sy-store-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)setenv(SY_STORE_PLACE_OVERLAY, "1", 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    assert_int_equal(sy_file_remove_tree(f->directory, NULL), 0);
    free(f);
    return 0;
}

static void put(struct sy_batch *batch, enum sy_store_table table, uint64_t number, uint32_t bytes)
{
    uint8_t key[8];
    for (unsigned i = 0; i < 8; i++)
        key[i] = (uint8_t)(number >> (56 - 8 * i));
    void *value = sy_mem_alloc(bytes);
    assert_non_null(value);
    memset(value, (int)(number & 0xff), bytes);
    assert_int_equal(sy_record_change(batch, table, key, 8, value, bytes, NULL), 0);
    batch->last_event = number;
}

static void wait_durable(struct fixture *f, uint64_t event)
{
    for (int i = 0; i < TURNS_MAX && f->durable < event && f->failed_calls == 0; i++)
        assert_int_equal(sy_loop_turn(f->loop, 10, NULL), 0);
}

static int count_record(void *ctx, const void *key, size_t key_bytes, const void *value,
                        size_t value_bytes, struct sy_error *err)
{
    struct fixture *f = ctx;
    (void)err;
    assert_int_equal(key_bytes, 8);
    for (size_t i = 0; i < value_bytes; i++)
        assert_int_equal(((const uint8_t *)value)[i], ((const uint8_t *)key)[7]);
    f->records++;
    return 0;
}

static void committed_records_are_there_after_reopen(void **state)
{
    struct fixture *f = *state;
    struct sy_batch batch = {0};
    open_store(f, MAP_BYTES, true);
    start_store(f);
    for (uint64_t n = 1; n <= 50; n++) {
        put(&batch, SY_TABLE_EVENTS, n, 100);
        assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), 0);
        assert_int_equal(batch.count, 0);
        assert_null(batch.changes);
    }
    wait_durable(f, 50);
    assert_int_equal(f->durable, 50);
    struct sy_store_usage usage;
    f->store.ops->usage(f->store.self, &usage);
    assert_int_equal(usage.records, 50);
    assert_true(usage.commits >= 1 && usage.commits <= 50);
    assert_true(usage.used_bytes > 0 && usage.used_bytes < usage.map_bytes);
    assert_int_equal(usage.map_bytes, MAP_BYTES);
    assert_true(usage.last_commit_us > 0 && usage.max_commit_us >= usage.last_commit_us);
    put(&batch, SY_TABLE_EVENTS, 51, 100); /* close commits what was submitted */
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), 0);
    close_store(f);
    open_store(f, MAP_BYTES, false);
    assert_int_equal(f->store.ops->load(f->store.self, SY_TABLE_EVENTS, count_record, f, NULL), 0);
    assert_int_equal(f->records, 51);
}

static void removed_keys_are_gone_and_missing_ones_no_error(void **state)
{
    struct fixture *f = *state;
    struct sy_batch batch = {0};
    static const uint8_t first[8] = {0, 0, 0, 0, 0, 0, 0, 1}, ninth[8] = {0, 0, 0, 0, 0, 0, 0, 9};
    open_store(f, MAP_BYTES, true);
    start_store(f);
    put(&batch, SY_TABLE_JOBS, 1, 10);
    put(&batch, SY_TABLE_JOBS, 2, 10);
    assert_int_equal(sy_record_change(&batch, SY_TABLE_JOBS, first, 8, NULL, 0, NULL), 0);
    assert_int_equal(sy_record_change(&batch, SY_TABLE_JOBS, ninth, 8, NULL, 0, NULL), 0);
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), 0);
    wait_durable(f, 2);
    assert_int_equal(f->failed_calls, 0);
    close_store(f);
    open_store(f, MAP_BYTES, false);
    assert_int_equal(f->store.ops->load(f->store.self, SY_TABLE_JOBS, count_record, f, NULL), 0);
    assert_int_equal(f->records, 1);
}

static void second_opener_is_told_who_has_it(void **state)
{
    struct fixture *f = *state;
    struct sy_store second = {0};
    struct sy_error err = {0};
    char pid[32];
    open_store(f, MAP_BYTES, true);
    assert_int_equal(sy_store_lmdb_open(&second, f->directory, MAP_BYTES, false, &err), -SY_E_BUSY);
    (void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_non_null(strstr(err.text, pid));
    assert_non_null(strstr(err.text, f->directory));
    close_store(f);
    assert_int_equal(sy_store_lmdb_open(&f->store, f->directory, MAP_BYTES, false, &err), 0);
}

/* Another process is refused too, and its death frees the lock. */
static void lock_dies_with_its_process(void **state)
{
    struct fixture *f = *state;
    struct sy_error err = {0};
    int pipes[2];
    open_store(f, MAP_BYTES, true);
    close_store(f);
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = -1;
        int rc = sy_store_place_lock(f->directory, &fd, NULL);
        _exit(rc == 0 && write(pipes[1], "x", 1) == 1 && pause() != 0 ? 0 : 1);
    }
    char byte = 0;
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(sy_store_lmdb_open(&f->store, f->directory, MAP_BYTES, false, &err),
                     -SY_E_BUSY);
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "process %ld", (long)child);
    assert_non_null(strstr(err.text, pid));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(sy_store_lmdb_open(&f->store, f->directory, MAP_BYTES, false, &err), 0);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

static void missing_store_and_wrong_sizes_are_refused(void **state)
{
    struct fixture *f = *state;
    struct sy_error err = {0};
    assert_int_equal(sy_store_lmdb_open(&f->store, f->directory, MAP_BYTES, false, &err),
                     -SY_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "init"));
    assert_int_equal(sy_store_lmdb_open(&f->store, f->directory, 1000, true, &err), -SY_E_RANGE);
    assert_int_equal(sy_store_lmdb_open(&f->store, f->directory, MAP_BYTES + 1, true, &err),
                     -SY_E_RANGE);
    assert_int_equal(sy_store_lmdb_open(&f->store, "/proc/sy-no", MAP_BYTES, true, &err) < 0, 1);
}

static void map_is_reserved_on_disk(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct stat info;
    open_store(f, MAP_BYTES, true);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", f->directory);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, MAP_BYTES);
    assert_true((uint64_t)info.st_blocks * 512 >= MAP_BYTES);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void larger_map_is_taken_at_the_next_open(void **state)
{
    struct fixture *f = *state;
    struct sy_store_usage usage;
    open_store(f, MAP_BYTES, true);
    close_store(f);
    open_store(f, 2 * MAP_BYTES, false);
    f->store.ops->usage(f->store.self, &usage);
    assert_int_equal(usage.map_bytes, 2 * MAP_BYTES);
}

static void children_inherit_no_descriptor(void **state)
{
    struct fixture *f = *state;
    unsigned found = 0;
    open_store(f, MAP_BYTES, true);
    DIR *fds = opendir("/proc/self/fd");
    assert_non_null(fds);
    for (struct dirent *entry = readdir(fds); entry != NULL; entry = readdir(fds)) {
        char target[4096];
        ssize_t bytes = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
        target[bytes > 0 ? bytes : 0] = '\0';
        if (strstr(target, f->directory) == NULL)
            continue;
        found++;
        int flags = fcntl((int)strtol(entry->d_name, NULL, 10), F_GETFD);
        if ((flags & FD_CLOEXEC) == 0)
            fail_msg("%s would be inherited", target);
    }
    closedir(fds);
    assert_true(found >= 3); /* lock, data, and data once more or LMDB's own lock */
}

static void full_map_fails_once_and_for_good(void **state)
{
    struct fixture *f = *state;
    struct sy_batch batch = {0};
    struct sy_error err = {0};
    open_store(f, 1u << 20, true);
    start_store(f);
    uint64_t n = 1, acked = 0;
    for (; n < 200 && f->failed_calls == 0; n++) {
        put(&batch, SY_TABLE_EVENTS, n, 30000);
        if (f->store.ops->submit(f->store.self, &batch, &err) != 0)
            break;
        wait_durable(f, n);
    }
    assert_int_equal(f->failed_calls, 1);
    assert_int_equal(f->failure.code, SY_E_FULL);
    acked = f->durable;
    assert_true(acked > 5);
    if (batch.count == 0)
        put(&batch, SY_TABLE_EVENTS, n, 10);
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, &err), -SY_E_IO);
    assert_true(batch.count > 0); /* still the caller's */
    for (int i = 0; i < 20; i++)
        assert_int_equal(sy_loop_turn(f->loop, 1, NULL), 0);
    assert_int_equal(f->failed_calls, 1);
    sy_batch_fini(&batch);
    close_store(f);
    open_store(f, 1u << 20, false);
    assert_int_equal(f->store.ops->load(f->store.self, SY_TABLE_EVENTS, count_record, f, NULL), 0);
    assert_int_equal(f->records, acked);
    struct sy_store_usage usage;
    f->store.ops->usage(f->store.self, &usage);
    assert_true(usage.used_bytes * 100 > usage.map_bytes * 80);
}

/* Space of removed records counts as free again. */
static void usage_knows_freed_pages(void **state)
{
    struct fixture *f = *state;
    struct sy_batch batch = {0};
    struct sy_store_usage full, empty;
    open_store(f, 1u << 20, true);
    start_store(f);
    uint64_t n = 1;
    for (; n <= 24; n++) {
        put(&batch, SY_TABLE_JOBS, n, 30000);
        assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), 0);
        wait_durable(f, n);
    }
    assert_int_equal(f->failed_calls, 0);
    f->store.ops->usage(f->store.self, &full);
    for (uint64_t gone = 1; gone <= 20; gone++) {
        uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, (uint8_t)gone};
        assert_int_equal(sy_record_change(&batch, SY_TABLE_JOBS, key, 8, NULL, 0, NULL), 0);
    }
    batch.last_event = ++n;
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), 0);
    wait_durable(f, n);
    f->store.ops->usage(f->store.self, &empty);
    assert_true(empty.used_bytes + 10 * 30000 < full.used_bytes);
}

static void bad_batches_are_refused_whole(void **state)
{
    struct fixture *f = *state;
    struct sy_batch batch = {0};
    open_store(f, MAP_BYTES, true);
    put(&batch, SY_TABLE_JOBS, 1, 10);
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL),
                     -SY_E_BUG); /* not started */
    start_store(f);
    assert_int_equal(f->store.ops->start(f->store.self, f->loop, on_durable, on_failed, f, NULL),
                     -SY_E_BUG);
    assert_int_equal(f->store.ops->load(f->store.self, SY_TABLE_JOBS, count_record, f, NULL),
                     -SY_E_BUG);
    batch.changes[0].table = SY_TABLE_COUNT;
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), -SY_E_ARG);
    batch.changes[0].table = SY_TABLE_JOBS;
    batch.changes[0].key_bytes = 0;
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), -SY_E_ARG);
    batch.changes[0].key_bytes = 8;
    batch.changes[0].value_bytes = SY_STORE_VALUE_BYTES_MAX + 1;
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), -SY_E_ARG);
    batch.changes[0].value_bytes = 10;
    sy_mem_fail_after(1);
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), -SY_E_NOMEM);
    sy_mem_fail_after(0);
    assert_int_equal(batch.count, 1);
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), 0);
    wait_durable(f, 1);
    assert_int_equal(f->durable, 1);
}

/* Runs on the store's thread: touches only what belongs to the scan until done is called. */
static bool scan_record(void *ctx, const void *key, size_t key_bytes, const void *value,
                        size_t value_bytes)
{
    struct fixture *f = ctx;
    (void)value;
    (void)value_bytes;
    if (f->records++ == 0)
        f->first_record = ((const uint8_t *)key)[key_bytes - 1];
    return f->records < 7;
}

static void scan_done(void *ctx, int rc, bool more, const struct sy_error *err)
{
    struct fixture *f = ctx;
    (void)err;
    assert_int_equal(rc, 0);
    f->more = more;
    f->done_calls++;
}

static void wait_done(struct fixture *f, unsigned calls)
{
    for (int i = 0; i < TURNS_MAX && f->done_calls < calls; i++)
        assert_int_equal(sy_loop_turn(f->loop, 10, NULL), 0);
    assert_int_equal(f->done_calls, calls);
}

static void scans_read_between_commits(void **state)
{
    struct fixture *f = *state;
    struct sy_batch batch = {0};
    static const uint8_t from[8] = {0, 0, 0, 0, 0, 0, 0, 5};
    const struct sy_store_ops *ops = NULL;
    open_store(f, MAP_BYTES, true);
    ops = f->store.ops;
    assert_int_equal(
        ops->scan(f->store.self, SY_TABLE_EVENTS, from, 8, 3, scan_record, scan_done, f, NULL),
        -SY_E_BUG);
    start_store(f);
    for (uint64_t n = 1; n <= 20; n++)
        put(&batch, SY_TABLE_EVENTS, n, 10);
    assert_int_equal(ops->submit(f->store.self, &batch, NULL), 0);
    wait_durable(f, 20);
    assert_int_equal(
        ops->scan(f->store.self, SY_TABLE_EVENTS, from, 8, 3, scan_record, scan_done, f, NULL), 0);
    wait_done(f, 1);
    assert_int_equal(f->records, 3);
    assert_int_equal(f->first_record, 5);
    assert_true(f->more);
    f->records = 0;
    assert_int_equal(
        ops->scan(f->store.self, SY_TABLE_EVENTS, NULL, 0, 100, scan_record, scan_done, f, NULL),
        0);
    wait_done(f, 2);
    assert_int_equal(f->records, 7); /* stopped by the visitor */
    assert_int_equal(f->first_record, 1);
    assert_false(f->more);
    f->records = 0;
    assert_int_equal(
        ops->scan(f->store.self, SY_TABLE_JOBS, NULL, 0, 100, scan_record, scan_done, f, NULL), 0);
    wait_done(f, 3);
    assert_int_equal(f->records, 0);
    int rc = 0;
    for (int i = 0; i < SY_STORE_SCANS_MAX + 1; i++) /* done only runs in loop turns */
        rc = ops->scan(f->store.self, SY_TABLE_JOBS, NULL, 0, 1, scan_record, scan_done, f, NULL);
    assert_int_equal(rc, -SY_E_BUSY);
    wait_done(f, 3 + SY_STORE_SCANS_MAX);
}

static void damaged_pages_do_not_reach_the_daemon(void **state)
{
    struct fixture *f = *state;
    struct sy_batch batch = {0};
    struct sy_error err = {0};
    char path[128];
    open_store(f, MAP_BYTES, true);
    start_store(f);
    for (uint64_t n = 1; n <= 2000; n++)
        put(&batch, SY_TABLE_EVENTS, n, 200);
    assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), 0);
    wait_durable(f, 2000);
    close_store(f);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", f->directory);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    char waste[4096];
    memset(waste, 0xee, sizeof(waste));
    for (off_t page = 2; page < 130; page++)
        assert_int_equal(pwrite(fd, waste, sizeof(waste), page * 4096), sizeof(waste));
    assert_int_equal(close(fd), 0);
    assert_int_equal(sy_store_lmdb_open(&f->store, f->directory, MAP_BYTES, false, &err),
                     -SY_E_CORRUPT);
    assert_non_null(strstr(err.text, "backup"));
}

/* In the child: one record per commit, its number to the pipe once it is durable, until killed. */
static void write_until_killed(struct fixture *f, int fd)
{
    struct sy_batch batch = {0};
    open_store(f, MAP_BYTES, true);
    start_store(f);
    for (uint64_t n = f->first_record + 1; f->failed_calls == 0; n++) {
        put(&batch, SY_TABLE_EVENTS, n % 250 + 1, 400);
        batch.last_event = n;
        if (f->store.ops->submit(f->store.self, &batch, NULL) != 0)
            break;
        wait_durable(f, n);
        uint8_t number = (uint8_t)(n % 250 + 1);
        if (write(fd, &number, 1) != 1)
            break;
    }
    _exit(1);
}

static bool seen[256];
static int mark_record(void *ctx, const void *key, size_t key_bytes, const void *value,
                       size_t value_bytes, struct sy_error *err)
{
    seen[((const uint8_t *)key)[7]] = true;
    return count_record(ctx, key, key_bytes, value, value_bytes, err);
}

static void kill_loses_no_acked_record(void **state)
{
    struct fixture *f = *state;
    bool acked[256] = {false};
    for (unsigned round = 0; round < 8; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        f->first_record = round * 31;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_until_killed(f, pipes[1]);
        (void)close(pipes[1]);
        uint8_t number = 0;
        for (unsigned i = 0; i < 3 + round; i++) {
            assert_int_equal(read(pipes[0], &number, 1), 1);
            acked[number] = true;
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(pipes[0], &number, 1) == 1)
            acked[number] = true;
        (void)close(pipes[0]);
        open_store(f, MAP_BYTES, false);
        memset(seen, 0, sizeof(seen));
        assert_int_equal(f->store.ops->load(f->store.self, SY_TABLE_EVENTS, mark_record, f, NULL),
                         0);
        close_store(f);
        for (unsigned i = 0; i < 256; i++) {
            if (acked[i] && !seen[i])
                fail_msg("round %u: record %u was acked and is gone", round, i);
        }
    }
    assert_true(f->records > 8 * 3);
}

/* A whole life through the real store: commit, close, load, fsck. */
static void life_comes_back_from_disk(void **state)
{
    struct fixture *f = *state;
    struct world world;
    struct sy_batch batch = {0};
    struct sy_state *again = NULL;
    static struct sy_recover_report report;
    open_store(f, MAP_BYTES, true);
    start_store(f);
    world_init(&world, true);
    for (int i = 0; i < 400; i++)
        (void)world_step(&world);
    for (size_t i = 0; i < world.record_count; i++) { /* all that the batches held */
        struct world_record *record = &world.records[i];
        void *value = sy_mem_dup(record->value, record->value_bytes);
        assert_int_equal(sy_record_change(&batch, record->table, record->key, record->key_bytes,
                                          value, record->value_bytes, NULL),
                         0);
        if (batch.count == 500 || i + 1 == world.record_count) {
            batch.last_event =
                i + 1 == world.record_count ? sy_state_meta(world.state)->last_event : 0;
            assert_int_equal(f->store.ops->submit(f->store.self, &batch, NULL), 0);
        }
    }
    wait_durable(f, sy_state_meta(world.state)->last_event);
    close_store(f);
    open_store(f, MAP_BYTES, false);
    assert_int_equal(sy_recover_load(&f->store, &again, &batch, &report, NULL), 0);
    assert_int_equal(world_digest(again), world_digest(world.state));
    assert_int_equal(sy_recover_fsck(&f->store, &report, NULL), 0);
    assert_int_equal(report.differing + report.damaged, 0);
    sy_state_destroy(again);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(committed_records_are_there_after_reopen),
        TEST(removed_keys_are_gone_and_missing_ones_no_error),
        TEST(second_opener_is_told_who_has_it),
        TEST(lock_dies_with_its_process),
        TEST(missing_store_and_wrong_sizes_are_refused),
        TEST(map_is_reserved_on_disk),
        TEST(larger_map_is_taken_at_the_next_open),
        TEST(children_inherit_no_descriptor),
        TEST(full_map_fails_once_and_for_good),
        TEST(usage_knows_freed_pages),
        TEST(bad_batches_are_refused_whole),
        TEST(scans_read_between_commits),
        TEST(damaged_pages_do_not_reach_the_daemon),
        TEST(kill_loses_no_acked_record),
        TEST(life_comes_back_from_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
