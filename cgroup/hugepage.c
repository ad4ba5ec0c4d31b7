#include "cgroup/hugepage.h"

#include "cgroup/backend.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

static int pool_directory(const char *sysfs, unsigned node, uint64_t page_bytes, char *ret_path,
                          struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/devices/system/node/node%u/hugepages/hugepages-%llukB",
                          sysfs, node, (unsigned long long)(page_bytes / 1024));
}

int sy_hugepage_pool(const char *sysfs, unsigned node, uint64_t page_bytes,
                     struct sy_hugepage_pool *ret, struct sy_error *err)
{
    char directory[SY_PATH_BYTES];
    struct sy_hugepage_pool pool = {.page_bytes = page_bytes};
    int rc = pool_directory(sysfs, node, page_bytes, directory, err);
    if (rc == 0)
        rc = sy_cgroup_file_read_u64(directory, "nr_hugepages", &pool.pages_total, err);
    if (rc == 0)
        rc = sy_cgroup_file_read_u64(directory, "free_hugepages", &pool.pages_free, err);
    if (rc == 0)
        *ret = pool;
    return rc;
}

int sy_hugepage_check(const char *sysfs, unsigned node, uint64_t page_bytes, uint64_t need_bytes,
                      struct sy_error *err)
{
    if (page_bytes == 0)
        return sy_fail(err, SY_E_ARG, "huge page size 0");
    struct sy_hugepage_pool pool;
    int rc = sy_hugepage_pool(sysfs, node, page_bytes, &pool, err);
    if (rc != 0)
        return rc;
    uint64_t need_pages = need_bytes / page_bytes + (need_bytes % page_bytes != 0);
    if (need_pages <= pool.pages_free)
        return 0;
    return sy_fail(
        err, SY_E_RESOURCE,
        "%llu huge pages of %llu KiB needed on NUMA node %u, %llu of %llu are free: raise "
        "%s/devices/system/node/node%u/hugepages/hugepages-%llukB/nr_hugepages",
        (unsigned long long)need_pages, (unsigned long long)(page_bytes / 1024), node,
        (unsigned long long)pool.pages_free, (unsigned long long)pool.pages_total, sysfs, node,
        (unsigned long long)(page_bytes / 1024));
}

int sy_hugepage_mount_check(const char *path, uint64_t page_bytes, struct sy_error *err)
{
    struct statfs status;
    if (statfs(path, &status) != 0)
        return sy_fail_errno(err, errno, "huge page mount %s", path);
    if (status.f_type != HUGETLBFS_MAGIC)
        return sy_fail(err, SY_E_RESOURCE,
                       "%s is no hugetlbfs: mount -t hugetlbfs -o pagesize=%lluK none %s", path,
                       (unsigned long long)(page_bytes / 1024), path);
    if ((uint64_t)status.f_bsize != page_bytes)
        return sy_fail(err, SY_E_MISMATCH,
                       "%s has pages of %lld KiB, the configuration says %llu KiB", path,
                       (long long)(status.f_bsize / 1024), (unsigned long long)(page_bytes / 1024));
    return 0;
}

json_t *sy_hugepage_json(const char *sysfs, unsigned node_count)
{
    static const uint64_t sizes[] = {2ull << 20, 1ull << 30};
    json_t *list = json_array();
    for (unsigned node = 0; node < node_count; node++) {
        for (size_t i = 0; i < SY_ARRAY_SIZE(sizes); i++) {
            struct sy_hugepage_pool pool;
            if (sy_hugepage_pool(sysfs, node, sizes[i], &pool, NULL) == 0)
                json_array_append_new(list, json_pack("{s:i,s:I,s:I,s:I}", "node", (int)node,
                                                      "page_bytes", (json_int_t)pool.page_bytes,
                                                      "total", (json_int_t)pool.pages_total, "free",
                                                      (json_int_t)pool.pages_free));
        }
    }
    return list;
}
