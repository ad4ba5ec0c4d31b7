/* A stage program for tests: fake_task MODE [ARGUMENT] STAGE --spec FILE.
 *
 *   ok             prints {"stage":...,"attempt":...}
 *   echo           prints its spec
 *   wait FIFO      writes "ready" progress, then waits until a byte comes through FIFO, then as ok
 *   hang           waits for ever
 *   crash          dies by SIGSEGV
 *   fail CODE      prints an error result and ends with status CODE
 *   text           prints no JSON and ends with 0
 *   large          prints a result over the limit
 *   allocate MIB   touches that much memory, then as ok
 *   fork COUNT FILE  starts COUNT processes in sessions of their own, writes FILE, waits for ever
 *   orphan FILE    leaves a process behind that would go on, writes its pid to FILE, then as ok
 *   log BYTES      writes that many bytes of log lines, then as ok
 *   look           prints what it sees: fds, environment, limits, identity, writes tried
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

static json_t *spec;
static const char *stage;

static int print_ok(void)
{
    json_t *result =
        json_pack("{s:s,s:O?}", "stage", stage, "attempt", json_object_get(spec, "attempt"));
    json_dumpf(result, stdout, JSON_COMPACT);
    json_decref(result);
    return 0;
}

static void progress(const char *line)
{
    const char *fd = getenv("SEALYARD_PROGRESS_FD");
    if (fd)
        dprintf((int)strtol(fd, NULL, 10), "%s\n", line);
}

static int wait_fifo(const char *path)
{
    char byte;
    progress("{\"done\":3,\"total\":9,\"unit\":\"nodes\",\"phase\":\"waiting\",\"eta_s\":7}");
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, &byte, 1) != 1)
        return 14;
    return print_ok();
}

static int fail(const char *code)
{
    printf("{\"error\":{\"class\":\"INPUT\",\"code\":\"SY_E_ARG\",\"text\":\"told to fail\"}}");
    return (int)strtol(code, NULL, 10);
}

static int large(void)
{
    printf("{\"padding\":\"");
    for (int i = 0; i < 70000; i++)
        putchar('x');
    printf("\"}");
    return 0;
}

static int allocate(const char *mib)
{
    size_t bytes = (size_t)strtoul(mib, NULL, 10) << 20;
    volatile char *memory = malloc(bytes);
    for (size_t i = 0; memory && i < bytes; i += 4096)
        memory[i] = 1;
    return print_ok();
}

static int fork_many(const char *count, const char *file)
{
    for (long i = strtol(count, NULL, 10); i > 0; i--)
        if (fork() == 0) {
            setsid();
            for (;;)
                pause();
        }
    FILE *out = fopen(file, "w");
    if (out)
        fclose(out);
    for (;;)
        pause();
    return 0;
}

static int leave_orphan(const char *file)
{
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (fork() == 0)
            for (;;)
                pause();
        for (;;)
            pause();
    }
    FILE *out = fopen(file, "w");
    if (out) {
        fprintf(out, "%d", (int)pid);
        fclose(out);
    }
    return print_ok();
}

static int log_bytes(const char *count)
{
    long bytes = strtol(count, NULL, 10);
    for (long i = 0; i < bytes; i += 64)
        fprintf(stderr, "%063ld\n", i);
    return print_ok();
}

static bool may_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        return false;
    close(fd);
    unlink(path);
    return true;
}

static int look(void)
{
    json_t *fds = json_array(), *environment = json_array();
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.' && strtol(entry->d_name, NULL, 10) != dirfd(directory))
            json_array_append_new(fds, json_integer(strtol(entry->d_name, NULL, 10)));
    for (char **variable = environ; *variable; variable++)
        json_array_append_new(environment, json_string(*variable));
    struct rlimit core = {1, 1};
    getrlimit(RLIMIT_CORE, &core);
    int death = 0;
    prctl(PR_GET_PDEATHSIG, &death);
    int inet = socket(AF_INET, SOCK_STREAM, 0);
    char outside[] = "/tmp/sealyard-fake-task-outside";
    json_t *result = json_pack(
        "{s:o,s:o,s:I,s:i,s:i,s:i,s:i,s:b,s:b,s:b}", "fds", fds, "environment", environment, "core",
        (json_int_t)core.rlim_cur, "no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
        "death_signal", death, "uid", (int)getuid(), "cap_sys_admin",
        prctl(PR_CAPBSET_READ, 21, 0, 0, 0), "socket", inet >= 0, "write_outside",
        may_write(outside), "write_inside", may_write("inside"));
    json_dumpf(result, stdout, JSON_COMPACT);
    json_decref(result);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 5 || strcmp(argv[argc - 2], "--spec") != 0)
        return 10;
    const char *mode = argv[1], *argument = argv[2];
    stage = argv[argc - 3];
    spec = json_load_file(argv[argc - 1], 0, NULL);
    if (!json_is_object(spec))
        return 10;
    fprintf(stderr, "fake task %s runs stage %s\n", mode, stage);
    if (strcmp(mode, "ok") == 0)
        return print_ok();
    if (strcmp(mode, "echo") == 0)
        return json_dumpf(spec, stdout, JSON_COMPACT);
    if (strcmp(mode, "wait") == 0)
        return wait_fifo(argument);
    if (strcmp(mode, "crash") == 0)
        return signal(SIGSEGV, SIG_DFL) == SIG_ERR || raise(SIGSEGV); /* not a sanitizer's exit */
    if (strcmp(mode, "fail") == 0)
        return fail(argument);
    if (strcmp(mode, "text") == 0)
        return puts("done") < 0;
    if (strcmp(mode, "large") == 0)
        return large();
    if (strcmp(mode, "allocate") == 0)
        return allocate(argument);
    if (strcmp(mode, "fork") == 0)
        return fork_many(argument, argv[3]);
    if (strcmp(mode, "orphan") == 0)
        return leave_orphan(argument);
    if (strcmp(mode, "log") == 0)
        return log_bytes(argument);
    if (strcmp(mode, "look") == 0)
        return look();
    for (;;)
        pause();
}
