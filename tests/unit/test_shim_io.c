/* What shim and agent leave for each other: exit record, shim spec, channels. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/exit_record.h"
#include "agent/guard.h"
#include "agent/shim_io.h"
#include "agent/shim_spec.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];

static int open_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/sy-shim-io-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int close_directory(void **state)
{
    (void)state;
    return sy_file_remove_tree(directory, NULL);
}

static void put_file(const char *name, const char *text)
{
    char path[SY_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(sy_file_write(path, text, strlen(text), 0600, NULL), 0);
}

static size_t size_of(const char *name)
{
    char path[SY_PATH_BYTES];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return stat(path, &status) == 0 ? (size_t)status.st_size : 0;
}

static void exit_decides_the_class(void **state)
{
    (void)state;
    assert_int_equal(sy_exit_class(0, 0, false), SY_CLASS_NONE);
    assert_int_equal(sy_exit_class(10, 0, false), SY_CLASS_INPUT);
    assert_int_equal(sy_exit_class(11, 0, false), SY_CLASS_TRANSIENT);
    assert_int_equal(sy_exit_class(12, 0, false), SY_CLASS_RESOURCE);
    assert_int_equal(sy_exit_class(13, 0, false), SY_CLASS_CORRUPT);
    assert_int_equal(sy_exit_class(14, 0, false), SY_CLASS_BUG);
    assert_int_equal(sy_exit_class(15, 0, false), SY_CLASS_BUG);
    assert_int_equal(sy_exit_class(1, 0, false), SY_CLASS_BUG);
    assert_int_equal(sy_exit_class(1, 0, true), SY_CLASS_RESOURCE);
    assert_int_equal(sy_exit_class(-1, SIGSEGV, false), SY_CLASS_TRANSIENT);
    assert_int_equal(sy_exit_class(-1, SIGKILL, true), SY_CLASS_RESOURCE);
}

static void exit_record_comes_back(void **state)
{
    (void)state;
    struct sy_error err = {0};
    struct sy_exit_record record = {.started = true,
                                    .status = -1,
                                    .signal = 9,
                                    .class = SY_CLASS_RESOURCE,
                                    .oom = true,
                                    .wall_ms = 1,
                                    .cpu_ms = 2,
                                    .peak_bytes = 1ull << 40,
                                    .text = "a \"quoted\" text"},
                          found;
    assert_int_equal(sy_exit_record_read(directory, &found, &err), -SY_E_NOT_FOUND);
    assert_int_equal(sy_exit_record_write(directory, &record, &err), 0);
    assert_int_equal(sy_exit_record_read(directory, &found, &err), 0);
    assert_true(found.started && found.status == -1 && found.signal == 9 && found.oom &&
                found.class == SY_CLASS_RESOURCE && found.wall_ms == 1 && found.cpu_ms == 2 &&
                found.peak_bytes == 1ull << 40);
    assert_string_equal(found.text, record.text);
    static const char *const damaged[] = {
        "",
        "{}",
        "[]",
        "{\"started\":true}",
        "{\"started\":true,\"status\":0,\"signal\":null,\"class\":"
        "\"FINE\",\"oom\":false,\"wall_ms\":1,\"cpu_ms\":1,"
        "\"peak_bytes\":1,\"text\":\"\"}",
        "{\"started\":true,\"status\":0,\"signal\":null,\"class\":"
        "\"BUG\",\"oom\":false,\"wall_ms\":-1,\"cpu_ms\":1,"
        "\"peak_bytes\":1,\"text\":\"\"}"};
    for (size_t i = 0; i < SY_ARRAY_SIZE(damaged); i++) {
        put_file(SY_EXIT_RECORD_FILE, damaged[i]);
        assert_int_equal(sy_exit_record_read(directory, &found, &err), -SY_E_PARSE);
    }
}

static void shim_spec_comes_back(void **state)
{
    (void)state;
    struct sy_error err = {0};
    struct sy_shim_spec spec = {.attempt = "12-1",
                                .exec = {"/bin/a", "pc1", "--spec", "/x"},
                                .environment = {"A=1"},
                                .writable = {"/x", "/y"},
                                .switch_user = true,
                                .uid = 1234,
                                .gid = 77,
                                .memory_bytes = 1ull << 37},
                        found;
    assert_int_equal(sy_shim_spec_load(&found, directory, &err), -SY_E_NOT_FOUND);
    assert_int_equal(sy_shim_spec_write(directory, &spec, &err), 0);
    assert_int_equal(sy_shim_spec_load(&found, directory, &err), 0);
    assert_string_equal(found.attempt, "12-1");
    assert_string_equal(found.exec[3], "/x");
    assert_null(found.exec[4]);
    assert_string_equal(found.writable[1], "/y");
    assert_null(found.cgroup);
    assert_true(found.switch_user && !found.network && found.uid == 1234 && found.gid == 77 &&
                found.memory_bytes == 1ull << 37);
    sy_shim_spec_fini(&found);
    spec.exec[0] = NULL;
    assert_int_equal(sy_shim_spec_write(directory, &spec, &err), 0);
    assert_int_equal(sy_shim_spec_load(&found, directory, &err), -SY_E_PARSE);
    put_file(SY_SHIM_SPEC_FILE, "{\"attempt\":\"1-1\"}");
    assert_int_equal(sy_shim_spec_load(&found, directory, &err), -SY_E_PARSE);
    put_file(SY_SHIM_SPEC_FILE, "nonsense");
    assert_int_equal(sy_shim_spec_load(&found, directory, &err), -SY_E_PARSE);
}

static void log_is_cut_at_the_front(void **state)
{
    (void)state;
    struct sy_shim_log log;
    sy_shim_log_open(&log, directory, 1000);
    char line[100];
    memset(line, 'a', sizeof line);
    for (int i = 0; i < 35; i++) {
        line[0] = (char)('0' + i % 10);
        sy_shim_log_add(&log, line, sizeof line);
    }
    sy_shim_log_close(&log);
    assert_int_equal(log.dropped_bytes, 0);
    assert_int_equal(size_of(SY_LOG_FILE), 500);
    assert_int_equal(size_of(SY_LOG_OLD_FILE), 1000);
    /* opened again (a second shim of the directory): it goes on behind */
    sy_shim_log_open(&log, directory, 1000);
    sy_shim_log_add(&log, line, sizeof line);
    sy_shim_log_close(&log);
    assert_int_equal(size_of(SY_LOG_FILE), 600);
    sy_shim_log_open(&log, "/nonexistent", 1000);
    sy_shim_log_add(&log, line, sizeof line);
    assert_int_equal(log.dropped_bytes, sizeof line);
    sy_shim_log_close(&log);
}

static void progress_keeps_the_last_whole_line(void **state)
{
    (void)state;
    struct sy_shim_progress *progress = calloc(1, sizeof *progress);
    char path[128], *data, wide[2000];
    size_t bytes;
    snprintf(path, sizeof path, "%s/%s", directory, SY_PROGRESS_FILE);
    sy_shim_progress_add(progress, "{\"done\":", 8);
    sy_shim_progress_flush(progress, directory);
    assert_int_equal(access(path, F_OK), -1);
    sy_shim_progress_add(progress, "1}\n{\"done\":2}\n{\"do", 19);
    memset(wide, 'w', sizeof wide);
    sy_shim_progress_add(progress, wide, sizeof wide); /* overlong: dropped */
    sy_shim_progress_add(progress, "\n", 1);
    sy_shim_progress_flush(progress, directory);
    assert_int_equal(sy_file_read(path, 4096, &data, &bytes, NULL), 0);
    assert_string_equal(data, "{\"done\":2}");
    free(data);
    free(progress);
}

static void result_has_a_limit(void **state)
{
    (void)state;
    struct sy_shim_result *result = calloc(1, sizeof *result);
    char chunk[4096] = {0};
    for (int i = 0; i < 16; i++)
        sy_shim_result_add(result, chunk, sizeof chunk);
    assert_false(result->too_large);
    assert_int_equal(result->bytes, SY_SHIM_RESULT_BYTES_MAX);
    sy_shim_result_add(result, chunk, 1);
    assert_true(result->too_large);
    free(result);
}

static void guard_obeys_one_scheduler(void **state)
{
    (void)state;
    struct sy_error err = {0};
    struct sy_guard guard;
    const uint8_t a[16] = {1}, b[16] = {2};
    assert_int_equal(sy_guard_init(&guard, directory, &err), 0);
    assert_int_equal(guard.generation, 0);
    assert_int_equal(sy_guard_welcome(&guard, 0, a, &err), -SY_E_STALE);
    assert_int_equal(sy_guard_welcome(&guard, 4, a, &err), 0);
    assert_int_equal(sy_guard_welcome(&guard, 4, a, &err), 0);
    assert_int_equal(sy_guard_welcome(&guard, 4, b, &err), -SY_E_STALE);
    assert_int_equal(sy_guard_welcome(&guard, 3, a, &err), -SY_E_STALE);
    assert_int_equal(sy_guard_init(&guard, directory, &err), 0); /* after a restart */
    assert_int_equal(guard.generation, 4);
    assert_int_equal(sy_guard_welcome(&guard, 4, b, &err), -SY_E_STALE);
    assert_int_equal(sy_guard_welcome(&guard, 5, b, &err), 0);
    put_file("generation.json", "{\"generation\":0}");
    assert_int_equal(sy_guard_init(&guard, directory, &err), -SY_E_PARSE);
    snprintf(guard.path, sizeof guard.path, "/nonexistent/generation.json");
    guard.generation = 5;
    assert_int_equal(sy_guard_welcome(&guard, 6, a, &err), -SY_E_NOT_FOUND);
    assert_int_equal(guard.generation, 5); /* not obeyed before it is durable */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_directory, close_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exit_decides_the_class),
        TEST(exit_record_comes_back),
        TEST(shim_spec_comes_back),
        TEST(log_is_cut_at_the_front),
        TEST(progress_keeps_the_last_whole_line),
        TEST(result_has_a_limit),
        TEST(guard_obeys_one_scheduler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
