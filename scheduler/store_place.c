#include "scheduler/store_place.h"
#include "common/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

int sy_store_place_check(const char *directory, struct sy_error *err)
{
    static const struct {
        uint64_t magic;
        const char *name;
    } refused[] = {
        {0x6969, "NFS"},      {0xff534d42, "CIFS"},   {0xfe534d42, "SMB"},     {0x01021997, "9p"},
        {0x00c36400, "Ceph"}, {0x0bd00bd0, "Lustre"}, {0x794c7630, "overlay"},
    };
    struct statfs info;
    if (statfs(directory, &info) != 0)
        return sy_fail_errno(err, errno, "statfs %s", directory);
    for (size_t i = 0; i < SY_ARRAY_SIZE(refused); i++) {
        if ((uint32_t)info.f_type != refused[i].magic)
            continue;
        bool overlay = refused[i].magic == 0x794c7630;
        const char *consent = getenv(SY_STORE_PLACE_OVERLAY);
        if (overlay && consent != NULL && strcmp(consent, "1") == 0)
            return 0;
        return sy_fail(err, SY_E_UNSUPPORTED,
                       "store %s is on a %s file system, which does not keep the order of writes: "
                       "use a local disk%s",
                       directory, refused[i].name,
                       overlay ? " (for trials set " SY_STORE_PLACE_OVERLAY "=1)" : "");
    }
    return 0;
}

int sy_store_place_lock(const char *directory, int *ret_fd, struct sy_error *err)
{
    char path[SY_PATH_BYTES], pid[32] = "";
    int rc = sy_path_format(path, err, "%s/lock", directory);
    if (rc != 0)
        return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int errnum = errno;
        ssize_t bytes = pread(fd, pid, sizeof(pid) - 1, 0);
        pid[bytes > 0 ? bytes : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        (void)close(fd);
        if (errnum != EWOULDBLOCK)
            return sy_fail_errno(err, errnum, "flock %s", path);
        return sy_fail(err, SY_E_BUSY,
                       "store %s is in use by process %s: stop that scheduler first", directory,
                       pid[0] == '\0' ? "(unknown)" : pid);
    }
    int length = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)length, 0) != length) {
        rc = sy_fail_errno(err, errno, "write %s", path);
        (void)close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

int sy_store_place_close_on_exec(const char *directory, struct sy_error *err)
{
    char real[SY_PATH_BYTES], target[SY_PATH_BYTES];
    if (realpath(directory, real) == NULL)
        return sy_fail_errno(err, errno, "realpath %s", directory);
    size_t real_bytes = strlen(real);
    DIR *fds = opendir("/proc/self/fd");
    if (fds == NULL)
        return sy_fail_errno(err, errno, "open /proc/self/fd");
    for (struct dirent *entry = readdir(fds); entry != NULL; entry = readdir(fds)) {
        ssize_t bytes = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
        if (bytes <= (ssize_t)real_bytes || memcmp(target, real, real_bytes) != 0 ||
            target[real_bytes] != '/')
            continue;
        (void)fcntl((int)strtol(entry->d_name, NULL, 10), F_SETFD, FD_CLOEXEC);
    }
    closedir(fds);
    return 0;
}
