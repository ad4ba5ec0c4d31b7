#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], store[128];

static int open_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/sy-scratch-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(store, sizeof store, "%s/disk", directory);
    return mkdir(store, 0755);
}

static int close_directory(void **state)
{
    (void)state;
    return sy_file_remove_tree(directory, NULL);
}

static void put_marker(const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/" SY_STORE_MARKER, store);
    assert_int_equal(sy_file_write(path, text, strlen(text), 0644, NULL), 0);
}

static void store_is_known_by_its_marker(void **state)
{
    (void)state;
    struct sy_stores *stores = calloc(1, sizeof *stores), *again = calloc(1, sizeof *again);
    const struct sy_store_row *row = NULL;
    struct sy_error err = {0};
    assert_int_equal(sy_stores_init(stores, directory, "a", &err), 0);
    assert_int_equal(stores->count, 0);
    assert_int_equal(
        sy_stores_attach(stores, sy_env_real(), store, SY_STORE_SCRATCH, false, &row, &err),
        -SY_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "--init"));
    assert_int_equal(
        sy_stores_attach(stores, sy_env_real(), store, SY_STORE_SCRATCH, true, &row, &err), 0);
    assert_true(row->online && row->bytes_total > 0 && row->bytes_free > 0);
    char uuid[SY_UUID_BYTES];
    snprintf(uuid, sizeof uuid, "%s", row->uuid);
    assert_int_equal(strlen(uuid), 36);
    /* attached again: the same store */
    assert_int_equal(
        sy_stores_attach(stores, sy_env_real(), store, SY_STORE_SCRATCH, true, &row, &err), 0);
    assert_int_equal(stores->count, 1);
    assert_string_equal(row->uuid, uuid);
    assert_int_equal(
        sy_stores_attach(stores, sy_env_real(), store, SY_STORE_LONG, false, &row, &err),
        -SY_E_STATE);
    /* remembered after a restart */
    assert_int_equal(sy_stores_init(again, directory, "a", &err), 0);
    assert_int_equal(again->count, 1);
    assert_true(again->rows[0].online && again->rows[0].kind == SY_STORE_SCRATCH);
    assert_int_equal(sy_stores_find(again, uuid, &row, &err), 0);
    assert_int_equal(sy_store_prepare(row, (uint32_t)geteuid(), (uint32_t)getegid(), &err), 0);
    assert_int_equal(sy_store_prepare(row, (uint32_t)geteuid(), (uint32_t)getegid(), &err), 0);
    assert_int_equal(sy_stores_find(again, "nobody", &row, &err), -SY_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "sealyard stores attach"));
    free(stores);
    free(again);
}

static void lost_or_foreign_marker_is_offline(void **state)
{
    (void)state;
    struct sy_stores *stores = calloc(1, sizeof *stores);
    const struct sy_store_row *row = NULL;
    struct sy_error err = {0};
    assert_int_equal(sy_stores_init(stores, directory, "a", &err), 0);
    /* Lotus' own marker, with the keys that it has beside ours */
    put_marker("{\"ID\":\"lotus-id\",\"Weight\":10,\"CanSeal\":true,\"CanStore\":true,"
               "\"MaxStorage\":0,\"Groups\":null}");
    assert_int_equal(
        sy_stores_attach(stores, sy_env_real(), store, SY_STORE_LONG, true, &row, &err), 0);
    assert_string_equal(row->uuid, "lotus-id");
    assert_int_equal(sy_stores_refresh(stores), 0);
    put_marker("{\"ID\":\"another\",\"CanSeal\":true,\"CanStore\":true}");
    assert_int_equal(sy_stores_refresh(stores), 1);
    assert_false(stores->rows[0].online);
    assert_int_equal(sy_stores_find(stores, "lotus-id", &row, &err), -SY_E_RESOURCE);
    assert_non_null(strstr(err.text, "another"));
    put_marker("no json");
    assert_int_equal(sy_stores_find(stores, "lotus-id", &row, &err), -SY_E_RESOURCE);
    put_marker("{\"ID\":\"lotus-id\",\"CanSeal\":true,\"CanStore\":true}");
    assert_int_equal(sy_stores_refresh(stores), 1);
    assert_int_equal(sy_stores_find(stores, "lotus-id", &row, &err), 0);
    free(stores);
}

static void bad_paths_and_files_are_refused(void **state)
{
    (void)state;
    struct sy_stores *stores = calloc(1, sizeof *stores);
    const struct sy_store_row *row = NULL;
    struct sy_error err = {0};
    char path[160];
    assert_int_equal(sy_stores_init(stores, directory, "a", &err), 0);
    assert_int_equal(
        sy_stores_attach(stores, sy_env_real(), "disk", SY_STORE_LONG, true, &row, &err),
        -SY_E_ARG);
    assert_int_equal(
        sy_stores_attach(stores, sy_env_real(), "/nonexistent", SY_STORE_LONG, true, &row, &err),
        -SY_E_NOT_FOUND);
    assert_int_equal(sy_stores_attach(stores, sy_env_real(), store, 9, true, &row, &err),
                     -SY_E_ARG);
    assert_int_equal(stores->count, 0);
    snprintf(path, sizeof path, "%s/stores.json", directory);
    assert_int_equal(sy_file_write(path, "{}", 2, 0600, &err), 0);
    assert_int_equal(sy_stores_init(stores, directory, "a", &err), -SY_E_PARSE);
    assert_int_equal(sy_file_write(path, "[{\"uuid\":1}]", 12, 0600, &err), 0);
    assert_int_equal(sy_stores_init(stores, directory, "a", &err), -SY_E_PARSE);
    free(stores);
}

static void sector_files_have_lotus_names(void **state)
{
    (void)state;
    struct sy_sector_paths *paths = calloc(1, sizeof *paths);
    struct sy_error err = {0};
    assert_int_equal(sy_sector_paths(paths, "/s", 1000, 12, &err), 0);
    assert_string_equal(paths->unsealed, "/s/unsealed/s-t01000-12");
    assert_string_equal(paths->sealed, "/s/sealed/s-t01000-12");
    assert_string_equal(paths->cache, "/s/cache/s-t01000-12");
    assert_string_equal(paths->c1, "/s/c1/s-t01000-12.json");
    char long_path[SY_PATH_BYTES];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = 0;
    assert_int_equal(sy_sector_paths(paths, long_path, 1000, 12, &err), -SY_E_LIMIT);
    free(paths);
}

static void needs_follow_the_sector_size(void **state)
{
    (void)state;
    const uint64_t sector = 32ull << 30; /* proof type 8: 32 GiB V1_1 */
    assert_true(sy_scratch_need_bytes(SY_STAGE_PC1, 8, 0) >= 13 * sector);
    assert_true(sy_scratch_need_bytes(SY_STAGE_PC1, 8, 0) < 14 * sector);
    assert_true(sy_scratch_need_bytes(SY_STAGE_AP, 8, 0) >= sector);
    assert_true(sy_scratch_need_bytes(SY_STAGE_PC2, 8, 0) > sector + sector / 7);
    assert_true(sy_scratch_need_bytes(SY_STAGE_UNSEAL, 8, 1000) < 1 << 20);
    assert_true(sy_scratch_need_bytes(SY_STAGE_UNSEAL, 8, 0) >= sector);
    assert_int_equal(sy_scratch_need_bytes(SY_STAGE_PC1, 99, 0), 0);
    assert_int_equal(sy_scratch_need_bytes(SY_STAGE_REMOVE, 8, 0), 0);
    struct sy_error err = {0};
    assert_int_equal(sy_scratch_check(store, 1, 0, &err), 0);
    assert_int_equal(sy_scratch_check(store, UINT64_MAX, 0, &err), -SY_E_FULL);
    assert_int_equal(sy_scratch_check(store, 1, UINT64_MAX - 1, &err), -SY_E_FULL);
    assert_int_equal(sy_scratch_check("/nonexistent", 1, 0, &err), -SY_E_NOT_FOUND);
}

static void written_bytes_are_those_on_disk(void **state)
{
    (void)state;
    struct sy_sector_paths *paths = calloc(1, sizeof *paths);
    struct sy_error err = {0};
    char block[8192], path[SY_PATH_BYTES];
    memset(block, 1, sizeof block);
    assert_int_equal(sy_sector_paths(paths, store, 1000, 1, &err), 0);
    assert_int_equal(sy_scratch_written_bytes(SY_STAGE_PC1, paths), 0);
    assert_int_equal(sy_file_make_directory(paths->cache, 0755, &err), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sy_path_format(path, &err, "%s/%d", paths->cache, i), 0);
        assert_int_equal(sy_file_write(path, block, sizeof block, 0644, &err), 0);
    }
    assert_true(sy_scratch_written_bytes(SY_STAGE_PC1, paths) >= 2 * sizeof block);
    assert_int_equal(sy_scratch_written_bytes(SY_STAGE_AP, paths), 0);
    free(paths);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_directory, close_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(store_is_known_by_its_marker),    TEST(lost_or_foreign_marker_is_offline),
        TEST(bad_paths_and_files_are_refused), TEST(sector_files_have_lotus_names),
        TEST(needs_follow_the_sector_size),    TEST(written_bytes_are_those_on_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
