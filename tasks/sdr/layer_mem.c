/* Memory of label layers: reserved huge pages where a mount is named, else anonymous memory. */
#include "common/file.h"
#include "common/log.h"
#include "tasks/sdr/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#define HUGETLBFS_MAGIC_NUMBER 0x958458f6
#define THP_BYTES (UINT64_C(2) << 20)
#define THP_SWITCH "/sys/kernel/mm/transparent_hugepage/enabled"

static bool round_up(uint64_t bytes, uint64_t to, size_t *ret)
{
    uint64_t sum;
    if (!sy_add_ok(bytes, to - 1, &sum))
        return false;
    *ret = (size_t)(sum / to * to);
    return true;
}

static int open_unnamed(const char *mount, int *ret_fd, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int fd = open(mount, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        int rc = sy_path_format(path, err, "%s/sealyard-XXXXXX", mount);
        if (rc < 0)
            return rc;
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
    }
    if (fd < 0)
        return sy_fail_errno(err, errno, "creating a file in %s", mount);
    *ret_fd = fd;
    return 0;
}

static int map_hugetlb(struct sy_layer_mem *mem, const char *mount, uint64_t page_bytes,
                       struct sy_error *err)
{
    struct statfs fs;
    int fd;
    if (statfs(mount, &fs) < 0)
        return sy_fail_errno(err, errno, "looking at huge page mount %s", mount);
    if ((uint32_t)fs.f_type != HUGETLBFS_MAGIC_NUMBER)
        return sy_fail(err, SY_E_ARG, "%s is no hugetlbfs mount: mount one or give none", mount);
    if (page_bytes && page_bytes != (uint64_t)fs.f_bsize)
        return sy_fail(err, SY_E_ARG, "%s has pages of %" PRIu64 " bytes, not %" PRIu64, mount,
                       (uint64_t)fs.f_bsize, page_bytes);
    mem->page_bytes = (uint64_t)fs.f_bsize;
    if (!round_up(mem->bytes, mem->page_bytes, &mem->map_bytes))
        return sy_fail(err, SY_E_RANGE, "a layer of %zu bytes", mem->bytes);
    int rc = open_unnamed(mount, &fd, err);
    if (rc < 0)
        return rc;
    void *at = MAP_FAILED;
    int failed = ftruncate(fd, (off_t)mem->map_bytes) < 0 ? errno : 0;
    if (!failed) {
        at = mmap(NULL, mem->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
        failed = at == MAP_FAILED ? errno : 0;
    }
    close(fd);
    if (failed)
        return sy_fail(err, SY_E_RESOURCE,
                       "%zu huge pages of %" PRIu64 " bytes from %s: %s: reserve more pages",
                       (size_t)(mem->map_bytes / mem->page_bytes), mem->page_bytes, mount,
                       strerror(failed));
    mem->data = at;
    mem->hugetlb = true;
    return 0;
}

/* False when the kernel never backs anonymous memory with huge pages. */
static bool huge_pages_possible(void)
{
    char *text = NULL;
    size_t bytes;
    if (sy_file_read(THP_SWITCH, 4096, &text, &bytes, NULL) < 0)
        return false;
    bool possible = strstr(text, "[never]") == NULL;
    free(text);
    return possible;
}

static int map_anonymous(struct sy_layer_mem *mem, struct sy_error *err)
{
    uint64_t base = (uint64_t)sysconf(_SC_PAGESIZE);
    bool huge = mem->bytes >= THP_BYTES && huge_pages_possible();
    if (!round_up(mem->bytes, huge ? THP_BYTES : base, &mem->map_bytes))
        return sy_fail(err, SY_E_RANGE, "a layer of %zu bytes", mem->bytes);
    void *at = mmap(NULL, mem->map_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return sy_fail_errno(err, errno, "memory for a layer of %zu bytes", mem->bytes);
    if (huge && madvise(at, mem->map_bytes, MADV_HUGEPAGE) < 0)
        huge = false;
    mem->data = at;
    mem->page_bytes = huge ? THP_BYTES : base;
    if (!huge && mem->bytes >= THP_BYTES)
        SY_WARN("labels", "small_pages", "page_bytes=%" PRIu64 " layer_bytes=%zu", base,
                mem->bytes);
    return 0;
}

int sy_layer_mem_init(struct sy_layer_mem *ret_mem, uint64_t bytes, const char *mount,
                      uint64_t page_bytes, struct sy_error *err)
{
    struct sy_layer_mem mem = {.bytes = (size_t)bytes};
    int rc = mount ? map_hugetlb(&mem, mount, page_bytes, err) : map_anonymous(&mem, err);
    if (rc == 0)
        *ret_mem = mem;
    return rc;
}

void sy_layer_mem_fini(struct sy_layer_mem *mem)
{
    if (mem->data)
        munmap(mem->data, mem->map_bytes);
    memset(mem, 0, sizeof(*mem));
}
