#include "agent/shim.h"

#include "agent/exit_record.h"
#include "agent/sandbox.h"
#include "agent/shim_io.h"
#include "cgroup/cgroup.h"
#include "common/env.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TASK_PROGRESS_FD 3
#define TASK_STATUS_FD 4 /* closed by exec; carries why the task could not be started */

enum channel { CHANNEL_RESULT, CHANNEL_LOG, CHANNEL_PROGRESS, CHANNEL_STATUS, CHANNEL_COUNT };

struct shim {
    const char *directory;
    struct sy_shim_spec spec;
    struct sy_cgroup_host *host; /* NULL without control groups */
    int signal_fd;
    int read_fds[CHANNEL_COUNT], write_fds[CHANNEL_COUNT]; /* -1 = closed */
    pid_t pid;                                             /* main process of the task */
    bool ended;
    int wait_status;
    bool stopped; /* by SIGTERM */
    uint64_t start_ms, end_ms;
    struct sy_shim_result *result;
    struct sy_shim_log log;
    struct sy_shim_progress progress;
    struct sy_error start_error; /* from the child, code 0 = it became the task */
    size_t start_error_bytes;
};

static uint64_t boot_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* ---------------------------------------------------------------- the child ----------------- */

SY_NORETURN static void child_fail(const struct sy_error *err)
{
    ssize_t put = write(TASK_STATUS_FD, err, sizeof *err);
    _exit(put == (ssize_t)sizeof *err ? 126 : 125); /* child */
}

/* Puts the write ends at the numbers that the task expects: 1 result, 2 log, 3 progress. */
static int child_channels(const struct shim *shim, struct sy_error *err)
{
    static const int wanted[CHANNEL_COUNT] = {STDOUT_FILENO, STDERR_FILENO, TASK_PROGRESS_FD,
                                              TASK_STATUS_FD};
    int high[CHANNEL_COUNT];
    for (size_t i = 0; i < CHANNEL_COUNT; i++) {
        high[i] = fcntl(shim->write_fds[i], F_DUPFD, 64); /* out of the way of the targets */
        if (high[i] < 0)
            return sy_fail_errno(err, errno, "dup a task channel");
    }
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        return sy_fail_errno(err, errno, "open /dev/null");
    for (size_t i = 0; i < CHANNEL_COUNT; i++)
        if (dup2(high[i], wanted[i]) < 0)
            return sy_fail_errno(err, errno, "dup a task channel");
    if (syscall(SYS_close_range, TASK_STATUS_FD + 1, ~0u, 0) != 0)
        return sy_fail_errno(err, errno, "close inherited descriptors");
    if (fcntl(TASK_STATUS_FD, F_SETFD, FD_CLOEXEC) != 0)
        return sy_fail_errno(err, errno, "mark the status channel");
    return 0;
}

SY_NORETURN static void run_child(struct shim *shim, pid_t parent)
{
    struct sy_error err = {0};
    char missing[SY_SANDBOX_MISSING_BYTES];
    sigset_t none;
    sigemptyset(&none);
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* The group is opened and joined before the descriptors are closed and rights are given up. */
    int rc = 0;
    if (shim->spec.cgroup)
        rc = sy_cgroup_join(shim->host, shim->spec.cgroup, 0, &err);
    if (rc == 0)
        rc = child_channels(shim, &err);
    else if (dup2(shim->write_fds[CHANNEL_STATUS], TASK_STATUS_FD) < 0)
        _exit(125); /* child */
    setpgid(0, 0);
    if (rc == 0 && (chdir(shim->directory) != 0 || chdir(SY_SHIM_WORK_DIRECTORY) != 0))
        rc = sy_fail_errno(&err, errno, "enter %s/" SY_SHIM_WORK_DIRECTORY, shim->directory);
    if (rc == 0)
        rc = sy_sandbox_enter(&shim->spec, parent, missing, &err);
    if (rc != 0)
        child_fail(&err);
    if (missing[0])
        dprintf(STDERR_FILENO, "sealyard-shim: sandbox without: %s\n", missing);
    execve(shim->spec.exec[0], (char *const *)shim->spec.exec,
           (char *const *)shim->spec.environment);
    sy_fail_errno(&err, errno, "start %s", shim->spec.exec[0]);
    child_fail(&err);
}

/* ---------------------------------------------------------------- the parent ---------------- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int open_channels(struct shim *shim, struct sy_error *err)
{
    for (size_t i = 0; i < CHANNEL_COUNT; i++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) != 0)
            return sy_fail_errno(err, errno, "make a task channel");
        shim->read_fds[i] = pair[0];
        shim->write_fds[i] = pair[1];
        if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
            return sy_fail_errno(err, errno, "make a task channel");
    }
    return 0;
}

/* Without a control group: the shim is the subreaper, so every orphan of the task becomes its
 * child; killing children until there are none reaches the whole tree. */
static void kill_children(void)
{
    char path[64], line[16384];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    if (fgets(line, sizeof line, file)) {
        for (char *p = line, *end;; p = end) {
            long pid = strtol(p, &end, 10);
            if (end == p || pid <= 1)
                break;
            kill((pid_t)pid, SIGKILL);
        }
    }
    fclose(file);
}

static void reap(struct shim *shim)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != shim->pid)
            continue;
        shim->ended = true;
        shim->wait_status = status;
        shim->end_ms = boot_ms();
    }
}

static void kill_tree(struct shim *shim)
{
    if (shim->spec.cgroup) {
        struct sy_error err;
        if (sy_cgroup_kill(shim->host, shim->spec.cgroup, SY_SHIM_KILL_TIMEOUT_MS, &err) != 0)
            SY_ERROR("shim", "kill", "err=\"%s\"", err.text);
    }
    if (shim->pid > 0 && !shim->ended)
        kill(shim->pid, SIGKILL);
    uint64_t deadline_ms = boot_ms() + SY_SHIM_KILL_TIMEOUT_MS;
    for (;;) {
        kill_children();
        reap(shim);
        siginfo_t left = {0};
        if (waitid(P_ALL, 0, &left, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD)
            break;
        if (boot_ms() >= deadline_ms) {
            SY_ERROR("shim", "kill", "err=\"children left after %u ms\"", SY_SHIM_KILL_TIMEOUT_MS);
            break;
        }
        pause_ms(1);
    }
}

static void take_input(struct shim *shim, enum channel channel)
{
    char data[16384];
    for (int budget = 16; budget > 0; budget--) {
        ssize_t got = read(shim->read_fds[channel], data, sizeof data);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            close_fd(&shim->read_fds[channel]);
            return;
        }
        size_t bytes = (size_t)got;
        if (channel == CHANNEL_RESULT) {
            sy_shim_result_add(shim->result, data, bytes);
        } else if (channel == CHANNEL_LOG) {
            sy_shim_log_add(&shim->log, data, bytes);
        } else if (channel == CHANNEL_PROGRESS) {
            sy_shim_progress_add(&shim->progress, data, bytes);
        } else {
            size_t room = sizeof shim->start_error - shim->start_error_bytes;
            size_t taken = SY_MIN(bytes, room);
            memcpy((char *)&shim->start_error + shim->start_error_bytes, data, taken);
            shim->start_error_bytes += taken;
        }
    }
}

/* Waits at most wait_ms for signals or channel input and handles it. */
static int turn(struct shim *shim, int wait_ms, struct sy_error *err)
{
    struct pollfd polls[CHANNEL_COUNT + 1];
    for (size_t i = 0; i < CHANNEL_COUNT; i++)
        polls[i] = (struct pollfd){.fd = shim->read_fds[i], .events = POLLIN};
    polls[CHANNEL_COUNT] = (struct pollfd){.fd = shim->signal_fd, .events = POLLIN};
    if (poll(polls, CHANNEL_COUNT + 1, wait_ms) < 0 && errno != EINTR)
        return sy_fail_errno(err, errno, "wait for the task");
    struct signalfd_siginfo info;
    while (read(shim->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM && !shim->stopped) {
            shim->stopped = true;
            kill_tree(shim);
        }
    }
    reap(shim);
    for (size_t i = 0; i < CHANNEL_COUNT; i++)
        if (shim->read_fds[i] >= 0 && polls[i].revents)
            take_input(shim, (enum channel)i);
    return 0;
}

static int watch_task(struct shim *shim, struct sy_error *err)
{
    uint64_t flush_ms = 0;
    int rc = 0;
    while (rc == 0 && !shim->ended) {
        rc = turn(shim, 1000, err);
        uint64_t now_ms = boot_ms();
        if (now_ms >= flush_ms + 1000 || now_ms < flush_ms) {
            sy_shim_progress_flush(&shim->progress, shim->directory);
            flush_ms = now_ms;
        }
    }
    /* The main process is gone: nothing it left behind may go on writing. */
    kill_tree(shim);
    uint64_t deadline_ms = boot_ms() + SY_SHIM_DRAIN_TIMEOUT_MS;
    while (rc == 0 && boot_ms() < deadline_ms &&
           (shim->read_fds[CHANNEL_RESULT] >= 0 || shim->read_fds[CHANNEL_LOG] >= 0 ||
            shim->read_fds[CHANNEL_PROGRESS] >= 0 || shim->read_fds[CHANNEL_STATUS] >= 0))
        rc = turn(shim, 100, err);
    sy_shim_progress_flush(&shim->progress, shim->directory);
    return rc;
}

static void measure(const struct shim *shim, struct sy_exit_record *record)
{
    struct rusage usage;
    if (getrusage(RUSAGE_CHILDREN, &usage) == 0) {
        record->cpu_ms = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                         (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
        record->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
    }
    struct sy_cgroup_usage group;
    if (shim->spec.cgroup && sy_cgroup_usage(shim->host, shim->spec.cgroup, &group, NULL) == 0) {
        record->oom = group.oom_kills > 0;
        record->cpu_ms = SY_MAX(record->cpu_ms, group.cpu_ms);
        if (group.peak_bytes > 0)
            record->peak_bytes = group.peak_bytes;
    }
    record->wall_ms = shim->end_ms - shim->start_ms;
}

static void judge(const struct shim *shim, struct sy_exit_record *record)
{
    record->started = true;
    if (WIFSIGNALED(shim->wait_status))
        record->signal = WTERMSIG(shim->wait_status);
    else
        record->status = WEXITSTATUS(shim->wait_status);
    measure(shim, record);
    record->class = sy_exit_class(record->status, record->signal, record->oom);
    if (shim->start_error_bytes == sizeof shim->start_error) {
        record->started = false;
        record->class = shim->start_error.class;
        snprintf(record->text, sizeof record->text, "task not started: %.260s",
                 shim->start_error.text);
    } else if (record->class == SY_CLASS_NONE && shim->result->too_large) {
        record->class = SY_CLASS_BUG;
        snprintf(record->text, sizeof record->text, "the result is larger than %d bytes",
                 SY_SHIM_RESULT_BYTES_MAX);
    } else if (record->oom && record->class == SY_CLASS_RESOURCE) {
        snprintf(
            record->text, sizeof record->text,
            "out of memory: the limit of %llu bytes was reached (peak %llu): raise memory under "
            "[slots.resources] of the agent",
            (unsigned long long)shim->spec.memory_bytes, (unsigned long long)record->peak_bytes);
    } else if (record->signal != 0) {
        snprintf(record->text, sizeof record->text, "the task was killed by signal %d (%s)%s",
                 record->signal, strsignal(record->signal),
                 shim->stopped ? ": it was told to stop" : "");
    }
}

/* A full disk must not lose a finished stage: both files are written again each second until they
 * are there. The slot stays taken meanwhile; SIGTERM gives up. */
static int write_outcome(const struct shim *shim, const struct sy_exit_record *record,
                         struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s/%s", shim->directory, SY_RESULT_FILE);
    if (rc != 0)
        return rc;
    for (;;) {
        rc = sy_file_write(path, shim->result->data, shim->result->bytes, 0600, err);
        SY_FAULT("shim.after_result");
        if (rc == 0)
            rc = sy_exit_record_write(shim->directory, record, err);
        struct signalfd_siginfo info;
        if (rc == 0 || access(shim->directory, F_OK) != 0 ||
            (read(shim->signal_fd, &info, sizeof info) > 0 && info.ssi_signo == SIGTERM))
            return rc;
        SY_ERROR("shim", "outcome", "attempt=%s err=\"%s\"", shim->spec.attempt,
                 err ? err->text : "");
        pause_ms(1000);
    }
}

static int wait_for_go(int go_fd, bool *ret_go, struct sy_error *err)
{
    char byte;
    ssize_t got = 1;
    while (go_fd >= 0 && (got = read(go_fd, &byte, 1)) < 0 && errno == EINTR)
        continue;
    if (got < 0)
        return sy_fail_errno(err, errno, "wait for the agent's word");
    if (go_fd >= 0)
        close(go_fd);
    *ret_go = got == 1;
    return 0;
}

static int prepare(struct shim *shim, struct sy_error *err)
{
    static const int caught[] = {SIGCHLD, SIGTERM};
    sigset_t mask;
    sigemptyset(&mask);
    for (size_t i = 0; i < SY_ARRAY_SIZE(caught); i++)
        sigaddset(&mask, caught[i]);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < SY_ARRAY_SIZE(ignored); i++)
        sigaction(ignored[i], &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    shim->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (shim->signal_fd < 0)
        return sy_fail_errno(err, errno, "signalfd");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        return sy_fail_errno(err, errno, "become the reaper of the task");
    shim->result = calloc(1, sizeof *shim->result);
    if (!shim->result)
        return sy_fail(err, SY_E_NOMEM, "no memory for the result");
    int rc = sy_shim_spec_load(&shim->spec, shim->directory, err);
    if (rc == 0 && shim->spec.cgroup)
        rc = sy_cgroup_host_open(&shim->host, err);
    if (rc == 0)
        rc = open_channels(shim, err);
    return rc;
}

static int start_task(struct shim *shim, struct sy_error *err)
{
    shim->start_ms = shim->end_ms = boot_ms();
    pid_t self = getpid();
    shim->pid = fork();
    if (shim->pid < 0)
        return sy_fail_errno(err, errno, "fork the task");
    if (shim->pid == 0)
        run_child(shim, self);
    for (size_t i = 0; i < CHANNEL_COUNT; i++)
        close_fd(&shim->write_fds[i]);
    return 0;
}

/* What the sector does not need any more, for example the C1 file after Finalize. */
static void clean_up(const struct shim *shim, struct sy_exit_record *record)
{
    struct sy_error err;
    for (size_t i = 0; record->class == SY_CLASS_NONE && shim->spec.cleanup[i]; i++) {
        if (sy_file_remove_tree(shim->spec.cleanup[i], &err) != 0) {
            record->class = err.class;
            snprintf(record->text, sizeof record->text, "clean up: %.300s", err.text);
        }
    }
}

static void fini(struct shim *shim)
{
    for (size_t i = 0; i < CHANNEL_COUNT; i++) {
        close_fd(&shim->read_fds[i]);
        close_fd(&shim->write_fds[i]);
    }
    close_fd(&shim->signal_fd);
    sy_shim_log_close(&shim->log);
    sy_cgroup_host_close(shim->host);
    sy_shim_spec_fini(&shim->spec);
    free(shim->result);
}

int sy_shim_run(const char *directory, int go_fd, struct sy_error *err)
{
    struct shim shim = {.directory = directory, .signal_fd = -1, .log = {.fd = -1}};
    for (size_t i = 0; i < CHANNEL_COUNT; i++)
        shim.read_fds[i] = shim.write_fds[i] = -1;
    struct sy_exit_record record = {.status = -1, .class = SY_CLASS_TRANSIENT};
    bool go = false;
    int rc = prepare(&shim, err);
    if (rc == 0)
        rc = wait_for_go(go_fd, &go, err);
    if (rc == 0 && !go)
        snprintf(record.text, sizeof record.text, "the agent ended before the task was started");
    if (rc == 0 && go) {
        sy_shim_log_open(&shim.log, directory, SY_SHIM_LOG_BYTES);
        rc = start_task(&shim, err);
    }
    if (rc == 0 && go)
        rc = watch_task(&shim, err);
    if (rc == 0 && go) {
        record.class = SY_CLASS_NONE;
        judge(&shim, &record);
        clean_up(&shim, &record);
    }
    if (rc == 0 && shim.result)
        rc = write_outcome(&shim, &record, err);
    fini(&shim);
    return rc;
}
