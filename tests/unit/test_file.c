#include "tests/unit/common_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t count_entries(const char *directory)
{
    DIR *dir = opendir(directory);
    size_t count = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void write_then_read(void **state)
{
    (void)state;
    char *data = NULL;
    size_t bytes = 0;
    struct stat status;
    const char *path = test_path("a");
    assert_works(sy_file_write(path, "first", 5, 0600, &err));
    assert_works(sy_file_write(path, "sec\0nd", 6, 0640, &err));
    assert_works(sy_file_read(path, 6, &data, &bytes, &err));
    assert_int_equal(bytes, 6);
    assert_memory_equal(data, "sec\0nd\0", 7); /* one zero byte follows */
    free(data);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(count_entries(test_directory), 1); /* no temporary name is left */
}

static void reading_stops_at_the_limit(void **state)
{
    (void)state;
    static char block[50000];
    char *data = NULL;
    size_t bytes = 0;
    memset(block, 'x', sizeof block);
    assert_works(sy_file_write(test_path("big"), block, sizeof block, 0600, &err));
    assert_works(sy_file_read(test_path("big"), sizeof block, &data, &bytes, &err));
    assert_int_equal(bytes, sizeof block);
    assert_memory_equal(data, block, sizeof block);
    free(data);
    data = (char *)1;
    assert_fails(SY_E_LIMIT, sy_file_read(test_path("big"), sizeof block - 1, &data, &bytes, &err));
    assert_ptr_equal(data, (char *)1);
    assert_works(sy_file_write(test_path("empty"), "", 0, 0600, &err));
    assert_works(sy_file_read(test_path("empty"), 0, &data, &bytes, &err));
    assert_int_equal(bytes, 0);
    free(data);
    assert_fails(SY_E_LIMIT, sy_file_read(test_path("big"), 0, &data, &bytes, &err));
}

static void missing_and_wrong_things_are_named(void **state)
{
    (void)state;
    char *data = NULL;
    size_t bytes = 0;
    uint64_t size = 0;
    assert_fails_with(SY_E_NOT_FOUND, "nothing",
                      sy_file_read(test_path("nothing"), 10, &data, &bytes, &err));
    assert_fails(SY_E_NOT_FOUND, sy_file_size(test_path("nothing"), &size, &err));
    assert_fails(SY_E_ARG, sy_file_size(test_directory, &size, &err));
    assert_fails(SY_E_IO, sy_file_read(test_directory, 10, &data, &bytes, &err));
    assert_fails(SY_E_NOT_FOUND, sy_file_write(test_path("no/dir"), "x", 1, 0600, &err));
    assert_fails(SY_E_NOT_FOUND, sy_file_sync_parent(test_path("no/dir"), &err));
    assert_fails(SY_E_NOT_FOUND, sy_file_sync_directory(test_path("no"), &err));
    assert_fails(SY_E_NOT_FOUND, sy_file_copy(test_path("no"), test_path("b"), 0600, &err));
    assert_works(sy_file_write(test_path("a"), "12345", 5, 0600, &err));
    assert_works(sy_file_size(test_path("a"), &size, &err));
    assert_int_equal(size, 5);
    assert_fails(SY_E_NOT_FOUND, sy_file_copy(test_path("a"), test_path("no/b"), 0600, &err));
}

static void a_failed_write_leaves_the_old_content(void **state)
{
    (void)state;
    char *data = NULL;
    size_t bytes = 0;
    static char block[65536];
    const char *path = test_path("kept");
    struct rlimit before, small;
    assert_works(sy_file_write(path, "old", 3, 0600, &err));
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){4096, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int rc = sy_file_write(path, block, sizeof block, 0600, NULL);
    int copy_rc = sy_file_copy("/proc/self/exe", test_path("copy"), 0600, NULL);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(rc, -SY_E_IO);
    assert_true(copy_rc < 0);
    assert_works(sy_file_read(path, 100, &data, &bytes, &err));
    assert_int_equal(bytes, 3);
    free(data);
    assert_int_equal(count_entries(test_directory), 1);
}

static void copies_are_whole(void **state)
{
    (void)state;
    enum { BYTES = 3 * 1024 * 1024 + 17 };
    char *data = malloc(BYTES), *back = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (char)(i * 31);
    assert_works(sy_file_write(test_path("from"), data, BYTES, 0600, &err));
    assert_works(sy_file_copy(test_path("from"), test_path("to"), 0600, &err));
    assert_works(sy_file_read(test_path("to"), BYTES, &back, &bytes, &err));
    assert_int_equal(bytes, BYTES);
    assert_memory_equal(data, back, BYTES);
    free(data);
    free(back);
}

static void short_files_are_corrupt(void **state)
{
    (void)state;
    char data[8];
    assert_works(sy_file_write(test_path("s"), "12345", 5, 0600, &err));
    int fd = open(test_path("s"), O_RDWR);
    assert_works(sy_file_pread(fd, data, 3, 2, "s", &err));
    assert_memory_equal(data, "345", 3);
    assert_fails_with(SY_E_CORRUPT, "truncated", sy_file_pread(fd, data, 4, 2, "s", &err));
    assert_works(sy_file_pwrite(fd, "XY", 2, 1, "s", &err));
    assert_works(sy_file_pread(fd, data, 5, 0, "s", &err));
    assert_memory_equal(data, "1XY45", 5);
    close(fd);
    assert_fails(SY_E_IO, sy_file_pread(fd, data, 1, 0, "s", &err));
    assert_fails(SY_E_IO, sy_file_pwrite(fd, data, 1, 0, "s", &err));
}

static void publish_failure_removes_the_temporary(void **state)
{
    (void)state;
    int fd = open(test_path("t.sy-tmp"), O_CREAT | O_WRONLY, 0600);
    assert_fails(SY_E_NOT_FOUND,
                 sy_file_publish(fd, test_path("t.sy-tmp"), test_path("no/dir"), &err));
    assert_int_equal(access(test_path("t.sy-tmp"), F_OK), -1);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed */
}

static void directories_are_made_and_removed(void **state)
{
    (void)state;
    assert_works(sy_file_make_directory(test_path("d/e/f"), 0700, &err));
    assert_works(sy_file_make_directory(test_path("d/e/f"), 0700, &err));
    assert_works(sy_file_make_directory(test_path("d/e/g/"), 0700, &err));
    assert_works(sy_file_write(test_path("d/e/file"), "x", 1, 0600, &err));
    assert_int_equal(symlink(test_path("d/e/file"), test_path("d/link")), 0);
    assert_fails(SY_E_ARG, sy_file_make_directory(test_path("d/e/file"), 0700, &err));
    assert_fails(SY_E_IO, sy_file_make_directory(test_path("d/e/file/x"), 0700, &err));
    assert_works(sy_file_write(test_path("outside"), "x", 1, 0600, &err));
    assert_int_equal(symlink(test_path("outside"), test_path("d/out")), 0);
    assert_works(sy_file_remove_tree(test_path("d"), &err));
    assert_int_equal(access(test_path("d"), F_OK), -1);
    assert_int_equal(access(test_path("outside"), F_OK), 0); /* links are not followed */
    assert_works(sy_file_remove_tree(test_path("d"), &err)); /* missing is success */
    assert_works(sy_file_remove_tree(test_path("outside"), &err));
}

static void long_paths_are_refused(void **state)
{
    (void)state;
    char path[SY_PATH_BYTES] = "untouched";
    assert_works(sy_path_format(path, &err, "%0*d", SY_PATH_BYTES - 1, 1));
    assert_int_equal(strlen(path), SY_PATH_BYTES - 1);
    snprintf(path, sizeof path, "untouched");
    assert_fails(SY_E_LIMIT, sy_path_format(path, &err, "%0*d", SY_PATH_BYTES, 1));
    assert_string_equal(path, "untouched");
    assert_works(sy_path_format(path, &err, "%s/more", path)); /* may be its own argument */
    assert_string_equal(path, "untouched/more");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_test_directory, remove_test_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(write_then_read),
        TEST(reading_stops_at_the_limit),
        TEST(missing_and_wrong_things_are_named),
        TEST(a_failed_write_leaves_the_old_content),
        TEST(copies_are_whole),
        TEST(short_files_are_corrupt),
        TEST(publish_failure_removes_the_temporary),
        TEST(directories_are_made_and_removed),
        TEST(long_paths_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
