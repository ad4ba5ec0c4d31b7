#include "agent/spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GO_FD 3
#define ENVIRON_BYTES_MAX 262144

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Tests of fault builds arm the shim's failpoints through the agent's environment. */
static char *shim_fault(void)
{
#ifdef SY_FAULTS
    for (char **variable = environ; *variable; variable++)
        if (strncmp(*variable, "SEALYARD_FAULT=shim.", 20) == 0)
            return *variable;
#endif
    return NULL;
}

/* Between fork and exec only plain system calls: the agent has other threads (ZeroMQ's). */
SY_NORETURN static void become_shim(char *const *argv, int null_fd, int log_fd, int go_fd)
{
    char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", shim_fault(),
                                 NULL};
    sigset_t none;
    sigemptyset(&none);
    int high = fcntl(go_fd, F_DUPFD, 64);
    if (high < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0 || dup2(high, GO_FD) < 0)
        _exit(126); /* child */
    syscall(SYS_close_range, GO_FD + 1, ~0u, 0);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(argv[0], argv, environment);
    _exit(127); /* child */
}

int sy_proc_start_ticks(pid_t pid, uint64_t *ret_ticks, struct sy_error *err)
{
    char path[64], *text;
    size_t bytes;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int rc = sy_file_read(path, 4096, &text, &bytes, err);
    if (rc != 0)
        return sy_fail(err, SY_E_NOT_FOUND, "no process %d", (int)pid);
    /* The name (field 2) may hold anything: fields are counted after its last parenthesis. */
    char *p = strrchr(text, ')');
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p, ' ');
        p = p ? p + 1 : NULL;
    }
    char state = 0;
    char *name_end = strrchr(text, ')');
    if (name_end && name_end[1] == ' ')
        state = name_end[2];
    uint64_t ticks = p ? strtoull(p, NULL, 10) : 0;
    free(text);
    if (state == 'Z' || state == 'X' || ticks == 0)
        return sy_fail(err, SY_E_NOT_FOUND, "process %d has ended", (int)pid);
    *ret_ticks = ticks;
    return 0;
}

int sy_proc_open(pid_t pid, uint64_t start_ticks, int *ret_pidfd, struct sy_error *err)
{
    uint64_t found;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return sy_fail(err, SY_E_NOT_FOUND, "no process %d: %s", (int)pid, strerror(errno));
    /* Checked after the pidfd is held: from here the number cannot pass to another process unseen.
     */
    int rc = sy_proc_start_ticks(pid, &found, err);
    if (rc == 0 && found != start_ticks)
        rc = sy_fail(err, SY_E_NOT_FOUND, "process %d is another one now", (int)pid);
    if (rc != 0) {
        close(pidfd);
        return rc;
    }
    fcntl(pidfd, F_SETFD, FD_CLOEXEC);
    *ret_pidfd = pidfd;
    return 0;
}

static int start_shim(struct sy_spawn *spawn, const char *program, const char *directory,
                      int null_fd, int log_fd, struct sy_error *err)
{
    char go_text[16];
    snprintf(go_text, sizeof go_text, "%d", GO_FD);
    char *const argv[] = {(char *)program, "--directory", (char *)directory,
                          "--go-fd",       go_text,       NULL};
    int go[2];
    if (access(program, X_OK) != 0)
        return sy_fail_errno(err, errno, "%s cannot be started", program);
    if (pipe2(go, O_CLOEXEC) != 0)
        return sy_fail_errno(err, errno, "make the pipe of a shim");
    pid_t pid = fork();
    if (pid == 0)
        become_shim(argv, null_fd, log_fd, go[0]);
    int saved = errno;
    close(go[0]);
    spawn->go_fd = go[1];
    if (pid < 0) {
        close_fd(&spawn->go_fd);
        return sy_fail_errno(err, saved, "fork a shim");
    }
    spawn->pid = pid;
    spawn->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    int rc = spawn->pidfd < 0 ? sy_fail_errno(err, errno, "pidfd of shim %d", (int)pid)
                              : sy_proc_start_ticks(pid, &spawn->start_ticks, err);
    if (rc != 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close_fd(&spawn->pidfd);
        close_fd(&spawn->go_fd);
    }
    return rc;
}

int sy_spawn_shim(struct sy_spawn *ret, const char *program, const char *directory,
                  struct sy_error *err)
{
    struct sy_spawn spawn = {.pidfd = -1, .go_fd = -1};
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s/" SY_SHIM_LOG_FILE, directory);
    if (rc != 0)
        return rc;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (null_fd < 0 || log_fd < 0)
        rc = sy_fail_errno(err, errno, "open %s", null_fd < 0 ? "/dev/null" : path);
    else
        rc = start_shim(&spawn, program, directory, null_fd, log_fd, err);
    close_fd(&null_fd);
    close_fd(&log_fd);
    if (rc == 0)
        *ret = spawn;
    return rc;
}

int sy_spawn_go(struct sy_spawn *spawn, struct sy_error *err)
{
    ssize_t put = write(spawn->go_fd, "g", 1);
    int saved = errno;
    close_fd(&spawn->go_fd);
    if (put != 1)
        return sy_fail_errno(err, put < 0 ? saved : EIO, "give shim %d the word to go",
                             (int)spawn->pid);
    return 0;
}

static bool has_variable(const char *environment, size_t bytes, const char *variable)
{
    for (const char *p = environment, *end = environment + bytes; p < end;) {
        size_t item = strnlen(p, (size_t)(end - p));
        if (item == strlen(variable) && memcmp(p, variable, item) == 0)
            return true;
        p += item + 1;
    }
    return false;
}

int sy_proc_kill_marked(const char *variable, size_t *ret_count, struct sy_error *err)
{
    DIR *proc = opendir("/proc");
    if (!proc)
        return sy_fail_errno(err, errno, "read /proc");
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
        char *end, path[300], *text;
        size_t bytes;
        long pid = strtol(entry->d_name, &end, 10);
        if (*end || pid <= 1)
            continue;
        snprintf(path, sizeof path, "/proc/%s/environ", entry->d_name);
        if (sy_file_read(path, ENVIRON_BYTES_MAX, &text, &bytes, NULL) != 0)
            continue; /* gone, or another user's: not ours */
        if (has_variable(text, bytes, variable)) {
            count++;
            kill((pid_t)pid, SIGKILL);
        }
        free(text);
    }
    closedir(proc);
    *ret_count = count;
    return 0;
}
