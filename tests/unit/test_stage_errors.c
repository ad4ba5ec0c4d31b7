/* What goes wrong with files: damaged, missing, of another sector; kills at any moment, full disks.
 */
#include "tests/unit/stage_sector.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ------------------------------------------------------------------------ pc1 and its files */

static void pc1_refuses_other_data(void **state)
{
    struct sector s;
    (void)state;
    sector_open(&s, 5);
    run_ap(&s);
    stage_flip(in(&s, "unsealed"), 100);
    stage_refused("pc1", with_pieces(&s), CORRUPT, "SY_E_MISMATCH", "run ap again");
    stage_cut(in(&s, "unsealed"));
    stage_refused("pc1", with_pieces(&s), CORRUPT, "SY_E_CORRUPT", "run ap again");
    stage_remove_file(in(&s, "unsealed"));
    stage_refused("pc1", with_pieces(&s), INPUT, "SY_E_NOT_FOUND", "unsealed");
    json_array_remove(s.pieces, 0);
    stage_refused("pc1", with_pieces(&s), INPUT, "SY_E_ARG", "offset");
    sector_close(&s);
}

/* pc1 again over one damaged file gives the files of an undamaged run. */
static void repair_pc1(const char *name, void (*damage)(const char *path), uint64_t resumed)
{
    struct sector s;
    uint64_t bytes;
    char good[65];
    sector_open(&s, 5);
    run_pc1(&s);
    const char *path = in(&s, name);
    snprintf(good, sizeof good, "%s", stage_sha256(path, &bytes));
    damage(path);
    json_t *again = stage_run("pc1", with_pieces(&s), 0);
    assert_int_equal(kat_u64(again, "resumed_from_layer"), resumed);
    json_decref(again);
    stage_check_file(path, good, bytes);
    sector_close(&s);
}

static void flip_middle(const char *path)
{
    stage_flip(path, 1000);
}

static void break_marker(const char *path)
{
    stage_write(path, "{\"version\":1,", 13);
}

static void pc1_repairs_what_was_damaged(void **state)
{
    static const char *const names[] = {"cache/sc-02-data-layer-1.dat",
                                        "cache/sc-02-data-layer-2.dat",
                                        "cache/sc-02-data-tree-d.dat"};
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(names); i++) {
        repair_pc1(names[i], flip_middle, i);
        repair_pc1(names[i], stage_cut, i);
        repair_pc1(names[i], stage_remove_file, i);
    }
    struct sector s;
    sector_open(&s, 5);
    run_pc1(&s);
    break_marker(in(&s, "cache/sealyard-pc1.json"));
    json_decref(stage_run("pc1", with_pieces(&s), 0));
    sector_close(&s);
}

static void refuse_pc2(const char *name, void (*damage)(const char *path), const char *code,
                       const char *part)
{
    struct sector s;
    sector_open(&s, 5);
    run_pc1(&s);
    damage(in(&s, name));
    stage_refused("pc2", with_pieces(&s), CORRUPT, code, part);
    assert_false(stage_exists(in(&s, "sealed")));
    assert_false(stage_exists(in(&s, "cache/p_aux")));
    sector_close(&s);
}

static void pc2_refuses_damaged_inputs(void **state)
{
    static const char *const names[] = {"cache/sc-02-data-layer-1.dat",
                                        "cache/sc-02-data-layer-2.dat", "unsealed"};
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(names); i++) {
        refuse_pc2(names[i], flip_middle, "SY_E_CORRUPT", "again");
        refuse_pc2(names[i], stage_cut, "SY_E_CORRUPT", "again");
        refuse_pc2(names[i], stage_remove_file, "SY_E_CORRUPT", "again");
    }
    refuse_pc2("cache/sc-02-data-tree-d.dat", flip_middle, "SY_E_CORRUPT", "again");
    refuse_pc2("cache/sc-02-data-tree-d.dat", stage_cut, "SY_E_CORRUPT", "pc1 again");
    refuse_pc2("cache/sc-02-data-tree-d.dat", stage_remove_file, "SY_E_CORRUPT", "pc1 again");
}

static void pc2_refuses_the_layers_of_another_replica(void **state)
{
    struct sector s;
    (void)state;
    sector_open(&s, 5);
    run_pc1(&s);
    json_t *other = json_pack("{s:O,s:i}", "pieces", s.pieces, "number", 2);
    stage_refused("pc2", with(&s, json_incref(other)), CORRUPT, "SY_E_CORRUPT", "another replica");
    /* Without our marker the labels themselves tell. */
    stage_remove_file(in(&s, "cache/sealyard-pc1.json"));
    stage_refused("pc2", with(&s, other), CORRUPT, "SY_E_MISMATCH", "pc1 again");
    /* And with the right number, files from elsewhere are good enough. */
    json_decref(stage_run("pc2", with_pieces(&s), 0));
    sector_close(&s);
}

/* ------------------------------------------------------------------------------------- c1 */

static void refuse_c1(const char *name, void (*damage)(const char *path), const char *code,
                      const char *part)
{
    struct sector s;
    sector_open(&s, 5);
    run_pc2(&s);
    damage(in(&s, name));
    stage_refused("c1", c1_spec(&s), CORRUPT, code, part);
    assert_false(stage_exists(in(&s, "c1.json")));
    sector_close(&s);
}

static void flip_first(const char *path)
{
    stage_flip(path, 5);
}

static void c1_refuses_damaged_inputs(void **state)
{
    static const char *const names[] = {
        "cache/sc-02-data-layer-2.dat", "cache/sc-02-data-tree-d.dat",
        "cache/sc-02-data-tree-c.dat", "cache/sc-02-data-tree-r-last.dat", "sealed"};
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(names); i++) {
        refuse_c1(names[i], flip_first, "SY_E_CORRUPT", "again");
        refuse_c1(names[i], stage_cut, "SY_E_CORRUPT", "again");
        refuse_c1(names[i], stage_remove_file, "SY_E_CORRUPT", "again");
    }
    refuse_c1("cache/p_aux", flip_first, "SY_E_MISMATCH", "comm_r");
    refuse_c1("cache/p_aux", stage_cut, "SY_E_CORRUPT", "pc2 again");
    refuse_c1("cache/p_aux", stage_remove_file, "SY_E_CORRUPT", "pc2 again");
}

static void c1_refuses_other_public_values(void **state)
{
    struct sector s;
    (void)state;
    sector_open(&s, 5);
    run_pc2(&s);
    json_t *spec = c1_spec(&s);
    json_object_set_new(spec, "comm_r", json_string(ticket));
    stage_refused("c1", spec, CORRUPT, "SY_E_MISMATCH", "comm_r");
    spec = c1_spec(&s);
    json_object_set_new(spec, "number", json_integer(2));
    stage_refused("c1", spec, CORRUPT, "SY_E_CORRUPT", "another replica");
    spec = c1_spec(&s);
    json_object_del(spec, "seed");
    stage_refused("c1", spec, INPUT, "SY_E_ARG", "seed");
    sector_close(&s);
}

/* Without verification nothing is claimed, and damage that would have been found is not. */
static void verify_none_claims_nothing(void **state)
{
    struct sector s;
    (void)state;
    sector_open(&s, 5);
    json_object_set_new(s.spec, "verify", json_string("none"));
    run_pc2(&s);
    stage_flip(in(&s, "cache/sc-02-data-tree-d.dat"), 5);
    json_t *c1 = stage_run("c1", c1_spec(&s), 0);
    assert_true(json_is_false(kat_get(c1, "verified")));
    json_decref(c1);
    json_t *unseal = stage_run("unseal", unseal_spec(&s), 0);
    assert_true(json_is_false(kat_get(unseal, "comm_d_checked")));
    json_decref(unseal);
    sector_close(&s);
}

/* A synthetic sector needs neither layers nor big trees for c1; a damaged record is found. */
static void synthetic_c1_works_from_its_file_alone(void **state)
{
    static const char *const gone[] = {
        "cache/sc-02-data-layer-1.dat", "cache/sc-02-data-layer-2.dat",
        "cache/sc-02-data-tree-d.dat", "cache/sc-02-data-tree-c.dat"};
    struct sector s;
    uint64_t bytes;
    char sha256[65];
    (void)state;
    sector_open(&s, 10);
    run_pc2(&s);
    json_decref(stage_run("c1", c1_spec(&s), 0));
    snprintf(sha256, sizeof sha256, "%s", stage_sha256(in(&s, "c1.json"), &bytes));
    stage_remove_file(in(&s, "c1.json"));
    for (size_t i = 0; i < SY_ARRAY_SIZE(gone); i++)
        stage_remove_file(in(&s, gone[i]));
    json_decref(stage_run("c1", c1_spec(&s), 0));
    stage_check_file(in(&s, "c1.json"), sha256, bytes);
    stage_remove_file(in(&s, "c1.json"));
    for (uint64_t at = 96; at < 575072; at += 4492)
        stage_flip(in(&s, "cache/syn-porep-vanilla-proofs.dat"), at);
    json_t *error = stage_run("c1", c1_spec(&s), CORRUPT);
    json_decref(error);
    stage_cut(in(&s, "cache/syn-porep-vanilla-proofs.dat"));
    stage_refused("c1", c1_spec(&s), CORRUPT, "SY_E_CORRUPT", "pc2 again");
    sector_close(&s);
}

static void verify_says_why_a_file_is_wrong(void **state)
{
    struct sector s;
    (void)state;
    sector_open(&s, 5);
    run_pc2(&s);
    json_decref(stage_run("c1", c1_spec(&s), 0));
    json_t *spec =
        with(&s, json_pack("{s:s,s:s,s:O,s:O}", "input", in(&s, "c1.json"), "seed", seed, "comm_d",
                           kat_get(s.pc2, "comm_d"), "comm_r", kat_get(s.pc2, "comm_r")));
    json_t *result = stage_run("verify", json_incref(spec), 0);
    assert_true(json_is_true(kat_get(result, "valid")));
    json_decref(result);
    json_t *other = stage_with(spec, json_pack("{s:s}", "seed", ticket));
    result = stage_run("verify", other, 0);
    assert_true(json_is_false(kat_get(result, "valid")));
    assert_non_null(strstr(kat_text(result, "what"), "seed"));
    json_decref(result);
    result = stage_run("verify", stage_with(spec, json_pack("{s:i}", "number", 7)), 0);
    assert_non_null(strstr(kat_text(result, "what"), "replica_id"));
    json_decref(result);
    stage_cut(in(&s, "c1.json"));
    result = stage_run("verify", json_incref(spec), 0);
    assert_true(json_is_false(kat_get(result, "valid")));
    json_decref(result);
    stage_remove_file(in(&s, "c1.json"));
    stage_refused("verify", spec, INPUT, "SY_E_NOT_FOUND", "c1.json");
    sector_close(&s);
}

/* --------------------------------------------------------------------- unseal and finalize */

static void unseal_leaves_nothing_that_was_not_checked(void **state)
{
    struct sector s;
    (void)state;
    sector_open(&s, 5);
    run_pc2(&s);
    json_t *spec = unseal_spec(&s);
    json_object_set_new(spec, "offset_bytes", json_integer(2032));
    stage_refused("unseal", spec, INPUT, "SY_E_RANGE", "offset_bytes");
    spec = unseal_spec(&s);
    json_object_set_new(spec, "offset_bytes", json_integer(2000));
    json_object_set_new(spec, "size_bytes", json_integer(33));
    stage_refused("unseal", spec, INPUT, "SY_E_RANGE", "size_bytes");
    spec = unseal_spec(&s);
    json_object_set_new(spec, "number", json_integer(2));
    stage_refused("unseal", spec, CORRUPT, "SY_E_MISMATCH", "comm_d");
    stage_flip(in(&s, "sealed"), 77);
    stage_refused("unseal", unseal_spec(&s), CORRUPT, "SY_E_MISMATCH", "comm_d");
    stage_cut(in(&s, "sealed"));
    stage_refused("unseal", unseal_spec(&s), CORRUPT, "SY_E_CORRUPT", "2047");
    assert_false(stage_exists(in(&s, "out")));
    sector_close(&s);
}

static void finalize_keeps_scratch_until_the_store_is_good(void **state)
{
    static const char *const names[] = {"sealed", "cache/p_aux", "cache/t_aux",
                                        "cache/sc-02-data-tree-r-last.dat"};
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(names); i++) {
        struct sector s;
        sector_open(&s, 5);
        run_pc2(&s);
        stage_flip(in(&s, names[i]), 3);
        json_t *error = stage_run("finalize", finalize_spec(&s), CORRUPT);
        json_decref(error);
        assert_true(stage_exists(in(&s, "unsealed")));
        assert_true(stage_exists(in(&s, "cache/sc-02-data-layer-1.dat")));
        assert_true(stage_exists(in(&s, "cache/sealyard-pc2.json")));
        assert_false(stage_exists(in(&s, "store/cache/sealyard-finalize.json")));
        sector_close(&s);
    }
}

static void finalize_can_clear_in_place_and_keep_data(void **state)
{
    struct sector s;
    (void)state;
    sector_open(&s, 5);
    run_pc2(&s);
    json_t *spec = with(&s, json_pack("{s:{s:s,s:s,s:s,s:s},s:b}", "store", "kind", "posix",
                                      "sealed", in(&s, "sealed"), "cache", in(&s, "cache"),
                                      "unsealed", in(&s, "kept"), "keep_unsealed", 1));
    json_decref(stage_run("finalize", json_incref(spec), 0));
    assert_true(stage_exists(in(&s, "kept")));
    assert_true(stage_exists(in(&s, "sealed")));
    assert_false(stage_exists(in(&s, "unsealed")));
    /* p_aux, t_aux, tree-r-last and the marker. */
    assert_int_equal(stage_count_files(in(&s, "cache"), ""), 4);
    json_decref(stage_run("finalize", spec, 0));
    spec = with(&s, json_pack("{s:{s:s},s:b}", "store", "kind", "tape", "keep_unsealed", 0));
    stage_refused("finalize", spec, INPUT, "SY_E_UNSUPPORTED", "tape");
    sector_close(&s);
}

static void finalize_copies_to_another_file_system(void **state)
{
    struct sector s;
    struct stat a;
    struct stat b;
    char store[] = "/dev/shm/sy-store-XXXXXX";
    char path[64];
    uint64_t bytes;
    char sha256[65];
    (void)state;
    if (stat("/dev/shm", &a) != 0 || stat(stage_directory(), &b) != 0 || a.st_dev == b.st_dev ||
        !mkdtemp(store))
        skip();
    sector_open(&s, 5);
    run_pc2(&s);
    snprintf(sha256, sizeof sha256, "%s", stage_sha256(in(&s, "sealed"), &bytes));
    snprintf(path, sizeof path, "%s/sealed", store);
    json_t *spec = with(&s, json_pack("{s:{s:s,s:s,s:s+}}", "store", "kind", "posix", "sealed",
                                      path, "cache", store, "/cache"));
    /* A half copy of a killed run is in the way. */
    snprintf(path, sizeof path, "%s/sealed.sy-tmp", store);
    stage_write(path, "x", 1);
    json_decref(stage_run("finalize", json_incref(spec), 0));
    assert_false(stage_exists(path));
    snprintf(path, sizeof path, "%s/sealed", store);
    stage_check_file(path, sha256, bytes);
    assert_false(stage_exists(in(&s, "sealed")));
    assert_false(stage_exists(in(&s, "cache")));
    json_decref(stage_run("finalize", json_incref(spec), 0));
    stage_flip(path, 9);
    stage_refused("finalize", spec, CORRUPT, "SY_E_CORRUPT", "missing");
    snprintf(path, sizeof path, "%s/cache", store);
    json_decref(
        stage_run("remove", json_pack("{s:s,s:s+}", "cache", path, "sealed", store, "/sealed"), 0));
    assert_int_equal(rmdir(store), 0);
    sector_close(&s);
}

static void remove_leaves_foreign_directories_alone(void **state)
{
    struct sector s;
    (void)state;
    sector_open(&s, 5);
    run_pc2(&s);
    stage_write(in(&s, "cache/letters.txt"), "x", 1);
    stage_refused("remove", json_deep_copy(s.spec), INPUT, "SY_E_STATE", "letters.txt");
    assert_true(stage_exists(in(&s, "sealed")));
    assert_true(stage_exists(in(&s, "cache/p_aux")));
    stage_remove_file(in(&s, "cache/letters.txt"));
    json_t *result = stage_run("remove", json_deep_copy(s.spec), 0);
    assert_true(json_array_size(kat_get(result, "removed")) > 8);
    json_decref(result);
    assert_false(stage_exists(in(&s, "cache")));
    result = stage_run("remove", json_deep_copy(s.spec), 0);
    assert_int_equal(json_array_size(kat_get(result, "removed")), 0);
    json_decref(result);
    stage_refused("remove", json_object(), INPUT, "SY_E_ARG", "unsealed");
    sector_close(&s);
}

/* --------------------------------------------------------------------------- other trouble */

/* Relative paths, a cache that was moved between stages, and one given with a slash behind it. */
static void paths_may_be_relative_and_caches_may_move(void **state)
{
    struct sector s;
    char here[STAGE_PATH_BYTES];
    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    sector_open(&s, 5);
    run_ap(&s);
    assert_int_equal(chdir(s.base), 0);
    json_t *relative = with(&s, json_pack("{s:s,s:s,s:s}", "cache", "cache", "sealed", "sealed",
                                          "unsealed", "unsealed"));
    json_decref(s.spec);
    s.spec = relative;
    json_decref(stage_run("pc1", with_pieces(&s), 0));
    assert_int_equal(rename("cache", "moved"), 0);
    json_object_set_new(s.spec, "cache", json_string("moved/"));
    s.pc2 = stage_run("pc2", with_pieces(&s), 0);
    stage_remove_file("unsealed");
    json_t *again = stage_run("pc2", with_pieces(&s), 0);
    assert_true(json_equal(s.pc2, again));
    json_decref(again);
    json_t *spec = c1_spec(&s);
    json_object_set_new(spec, "output", json_string("c1.json"));
    json_decref(stage_run("c1", spec, 0));
    spec = with(&s, json_pack("{s:{s:s,s:s,s:s}}", "store", "kind", "posix", "sealed", "kept",
                              "cache", "kept-cache"));
    json_decref(stage_run("finalize", spec, 0));
    assert_true(stage_exists("kept"));
    assert_false(stage_exists("moved"));
    assert_int_equal(chdir(here), 0);
    sector_close(&s);
}

static void one_bad_member_of_a_batch_fails_alone(void **state)
{
    struct sector a;
    struct sector b;
    (void)state;
    sector_open(&a, 5);
    sector_open(&b, 5);
    run_ap(&a);
    run_ap(&b);
    json_object_set_new(b.spec, "number", json_integer(2));
    stage_flip(in(&a, "unsealed"), 1);
    json_t *result = stage_run(
        "pc1", json_pack("{s:[o,{s:i},o]}", "batch", with_pieces(&a), "x", 1, with_pieces(&b)), 0);
    json_t *list = kat_get(result, "results");
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(kat_text(kat_get(json_array_get(list, 0), "error"), "class"), "CORRUPT");
    assert_string_equal(kat_text(kat_get(json_array_get(list, 1), "error"), "code"),
                        "SY_E_UNKNOWN_KEY");
    kat_text(json_array_get(list, 2), "replica_id");
    assert_true(stage_exists(in(&b, "cache/sealyard-pc1.json")));
    json_decref(result);
    sector_close(&a);
    sector_close(&b);
}

static void a_disk_without_room_is_a_resource(void **state)
{
    struct sector s;
    struct statvfs fs;
    (void)state;
    assert_int_equal(statvfs(stage_directory(), &fs), 0);
    if ((uint64_t)fs.f_bavail * fs.f_frsize > UINT64_C(12) * 64 << 30)
        skip();
    sector_open(&s, 9);
    json_object_set_new(s.spec, "unsealed", json_string("/dev/zero"));
    s.pieces = json_array();
    stage_refused("pc1", with_pieces(&s), RESOURCE, "SY_E_FULL", "are free");
    assert_int_equal(stage_count_files(in(&s, "cache"), ""), 0);
    sector_close(&s);
}

/* Killed after more and more time, then run to its end: the files are those of a quiet run. */
static void kill_and_run_again(const char *stage, json_t *spec, const char *file, const char *good,
                               uint64_t bytes, unsigned step_us)
{
    unsigned delay = 0;
    while (stage_run_killed(stage, json_incref(spec), delay) && delay < 400 * step_us)
        delay += step_us;
    json_decref(stage_run(stage, spec, 0));
    stage_check_file(file, good, bytes);
}

static void kills_at_any_moment_do_no_harm(void **state)
{
    struct sector quiet;
    struct sector s;
    char layer[65], sealed[65], c1[65];
    uint64_t layer_bytes, sealed_bytes, c1_bytes;
    (void)state;
    sector_open(&quiet, 10);
    run_pc2(&quiet);
    json_decref(stage_run("c1", c1_spec(&quiet), 0));
    snprintf(layer, sizeof layer, "%s",
             stage_sha256(in(&quiet, "cache/sc-02-data-layer-2.dat"), &layer_bytes));
    snprintf(sealed, sizeof sealed, "%s", stage_sha256(in(&quiet, "sealed"), &sealed_bytes));
    snprintf(c1, sizeof c1, "%s", stage_sha256(in(&quiet, "c1.json"), &c1_bytes));
    sector_open(&s, 10);
    json_t *ap = json_pack("{s:o}", "pieces", client_pieces(&s));
    for (unsigned delay = 0; delay < 20000; delay += 2000)
        stage_run_killed("ap", with(&s, json_incref(ap)), delay);
    json_decref(ap);
    run_ap(&s);
    kill_and_run_again("pc1", with_pieces(&s), in(&s, "cache/sc-02-data-layer-2.dat"), layer,
                       layer_bytes, 1000);
    kill_and_run_again("pc2", with_pieces(&s), in(&s, "sealed"), sealed, sealed_bytes, 1500);
    s.pc2 = stage_run("pc2", with_pieces(&s), 0);
    assert_true(json_equal(s.pc2, quiet.pc2));
    kill_and_run_again("c1", c1_spec(&s), in(&s, "c1.json"), c1, c1_bytes, 1000);
    kill_and_run_again("finalize", finalize_spec(&s), in(&s, "store/sealed"), sealed, sealed_bytes,
                       500);
    assert_false(stage_exists(in(&s, "cache")));
    assert_int_equal(stage_count_files(in(&s, "store/cache"), ""), 4);
    sector_close(&s);
    sector_close(&quiet);
}

static int clean(void **state)
{
    (void)state;
    stage_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pc1_refuses_other_data),
        cmocka_unit_test(pc1_repairs_what_was_damaged),
        cmocka_unit_test(pc2_refuses_damaged_inputs),
        cmocka_unit_test(pc2_refuses_the_layers_of_another_replica),
        cmocka_unit_test(c1_refuses_damaged_inputs),
        cmocka_unit_test(c1_refuses_other_public_values),
        cmocka_unit_test(verify_none_claims_nothing),
        cmocka_unit_test(synthetic_c1_works_from_its_file_alone),
        cmocka_unit_test(verify_says_why_a_file_is_wrong),
        cmocka_unit_test(unseal_leaves_nothing_that_was_not_checked),
        cmocka_unit_test(finalize_keeps_scratch_until_the_store_is_good),
        cmocka_unit_test(finalize_can_clear_in_place_and_keep_data),
        cmocka_unit_test(finalize_copies_to_another_file_system),
        cmocka_unit_test(remove_leaves_foreign_directories_alone),
        cmocka_unit_test(paths_may_be_relative_and_caches_may_move),
        cmocka_unit_test(one_bad_member_of_a_batch_fails_alone),
        cmocka_unit_test(a_disk_without_room_is_a_resource),
        cmocka_unit_test(kills_at_any_moment_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
