#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cgroup/hugepage.h"
#include "cgroup/topo.h"
#include "common/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TWO_NODES "synthetic:pack:2 [numa] l3:2 core:4 pu:2"

static void this_machine_has_cores_and_a_node(void **state)
{
    (void)state;
    struct sy_topo *topo;
    struct sy_error err = {0};
    assert_int_equal(sy_topo_create(&topo, NULL, &err), 0);
    assert_true(sy_topo_core_count(topo) >= 1);
    assert_true(sy_topo_node_count(topo) >= 1);
    json_t *json = sy_topo_json(topo);
    assert_true(json_is_array(json_object_get(json, "nodes")));
    assert_true(json_array_size(json_object_get(json, "nodes")) >= 1);
    json_decref(json);
    sy_topo_destroy(topo);
}

static void slots_share_one_cache_and_do_not_overlap(void **state)
{
    (void)state;
    struct sy_topo *topo;
    struct sy_topo_place a, b, c, all;
    struct sy_error err = {0};
    assert_int_equal(sy_topo_create(&topo, TWO_NODES, &err), 0);
    assert_int_equal(sy_topo_core_count(topo), 16);
    assert_int_equal(sy_topo_node_count(topo), 2);
    assert_int_equal(sy_topo_take(topo, 3, &a, &err), 0);
    assert_string_equal(a.cpus, "0-5");
    assert_string_equal(a.mems, "0");
    assert_int_equal(a.threads, 6);
    /* best fit: the single core that is left in the first cache */
    assert_int_equal(sy_topo_take(topo, 1, &b, &err), 0);
    assert_string_equal(b.cpus, "6-7");
    /* more than a cache: a whole node, and it must be the second (the first has 4 left) */
    assert_int_equal(sy_topo_take(topo, 6, &c, &err), 0);
    assert_string_equal(c.mems, "1");
    assert_int_equal(c.node, 1);
    assert_int_equal(sy_topo_cores_free(topo), 6);
    assert_int_equal(sy_topo_take(topo, 5, &c, &err), -SY_E_RESOURCE);
    assert_non_null(strstr(err.text, "6 of 16 cores are free"));
    assert_int_equal(sy_topo_take(topo, 0, &all, &err), 0);
    assert_string_equal(all.cpus, "0-31");
    assert_string_equal(all.mems, "0-1");
    assert_int_equal(sy_topo_cores_free(topo), 6);
    sy_topo_destroy(topo);
}

static void bad_sources_are_refused(void **state)
{
    (void)state;
    struct sy_topo *topo;
    struct sy_error err = {0};
    assert_int_equal(sy_topo_create(&topo, "synthetic:no such thing", &err), -SY_E_PARSE);
    assert_int_equal(sy_topo_create(&topo, "xml:/nonexistent.xml", &err), -SY_E_NOT_FOUND);
    assert_int_equal(sy_topo_create(&topo, "magic", &err), -SY_E_ARG);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void huge_page_pools_are_counted_per_node(void **state)
{
    (void)state;
    char root[] = "/tmp/sy-hugepage-XXXXXX", path[SY_PATH_BYTES], file[SY_PATH_BYTES];
    struct sy_error err = {0};
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/devices/system/node/node1/hugepages/hugepages-2048kB", root);
    assert_int_equal(sy_file_make_directory(path, 0755, &err), 0);
    assert_int_equal(sy_path_format(file, &err, "%s/nr_hugepages", path), 0);
    write_file(file, "100\n");
    assert_int_equal(sy_path_format(file, &err, "%s/free_hugepages", path), 0);
    write_file(file, "60\n");
    struct sy_hugepage_pool pool;
    assert_int_equal(sy_hugepage_pool(root, 1, 2u << 20, &pool, &err), 0);
    assert_int_equal(pool.pages_total, 100);
    assert_int_equal(pool.pages_free, 60);
    assert_int_equal(sy_hugepage_pool(root, 0, 2u << 20, &pool, &err), -SY_E_NOT_FOUND);
    assert_int_equal(sy_hugepage_check(root, 1, 2u << 20, 60ull << 21, &err), 0);
    assert_int_equal(sy_hugepage_check(root, 1, 2u << 20, (60ull << 21) + 1, &err), -SY_E_RESOURCE);
    assert_non_null(strstr(err.text, "61 huge pages"));
    assert_int_equal(sy_hugepage_check(root, 1, 0, 1, &err), -SY_E_ARG);
    json_t *json = sy_hugepage_json(root, 2);
    assert_int_equal(json_array_size(json), 1);
    json_decref(json);
    write_file(file, "many\n");
    assert_int_equal(sy_hugepage_pool(root, 1, 2u << 20, &pool, &err), -SY_E_PARSE);
    assert_int_equal(sy_hugepage_mount_check(root, 2u << 20, &err), -SY_E_RESOURCE);
    assert_non_null(strstr(err.text, "mount -t hugetlbfs"));
    assert_int_equal(sy_file_remove_tree(root, &err), 0);
    assert_int_equal(sy_hugepage_mount_check(root, 2u << 20, &err), -SY_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_machine_has_cores_and_a_node),
        cmocka_unit_test(slots_share_one_cache_and_do_not_overlap),
        cmocka_unit_test(bad_sources_are_refused),
        cmocka_unit_test(huge_page_pools_are_counted_per_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
