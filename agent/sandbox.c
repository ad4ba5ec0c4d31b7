#include "agent/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define TASK_OOM_SCORE "500"
#define CAPABILITIES_KEPT ((1u << CAP_DAC_OVERRIDE) | (1u << CAP_DAC_READ_SEARCH))
#define CAPABILITY_COUNT 64

static void note(char *missing, const char *what)
{
    size_t used = strlen(missing);
    snprintf(missing + used, SY_SANDBOX_MISSING_BYTES - used, "%s%s", used ? " " : "", what);
}

static int limit_resources(char *missing, struct sy_error *err)
{
    const struct rlimit none = {0, 0}, all = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return sy_fail_errno(err, errno, "switch core dumps off");
    setrlimit(RLIMIT_MEMLOCK, &all); /* the control group bounds memory; pages may be pinned */
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, TASK_OOM_SCORE, strlen(TASK_OOM_SCORE)) < 0)
        note(missing, "oom_score_adj");
    if (fd >= 0)
        close(fd);
    return 0;
}

static int switch_user(const struct sy_shim_spec *spec, struct sy_error *err)
{
    if (!spec->switch_user)
        return 0;
    gid_t gid = spec->gid;
    if (setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(spec->uid, spec->uid, spec->uid) != 0)
        return sy_fail_errno(err, errno, "become user %u group %u", spec->uid, spec->gid);
    return 0;
}

/* The bounding set decides what a root process may gain at exec, so it is cut too. */
static void drop_bounding(bool keep, char *missing)
{
    for (unsigned cap = 0; cap < CAPABILITY_COUNT; cap++) {
        if (keep && cap < 32 && (CAPABILITIES_KEPT & (1u << cap)))
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno == EPERM) {
            note(missing, "capabilities");
            return;
        }
    }
}

static void drop_capabilities(bool keep)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    if (keep)
        data[0].permitted = data[0].effective = CAPABILITIES_KEPT;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    syscall(SYS_capset, &header, data);
}

/* ---------------------------------------------------------------- Landlock ------------------ */

#define LANDLOCK_WRITES                                                                            \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define LANDLOCK_FILE_WRITES (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

static int allow_path(int ruleset, uint64_t handled, const char *path)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = handled};
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return errno == ENOENT ? 0 : -1; /* what does not exist cannot be written either */
    struct stat status;
    if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
        rule.allowed_access &= LANDLOCK_FILE_WRITES;
    long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
    return rc == 0 ? 0 : -1;
}

static int restrict_writes(const struct sy_shim_spec *spec)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return -1;
    /* Without REFER (ABI 2) every rename between directories would be refused. */
    if (abi < 2)
        return -1;
    struct landlock_ruleset_attr attr = {.handled_access_fs =
                                             LANDLOCK_WRITES | LANDLOCK_ACCESS_FS_REFER};
    if (abi >= 3)
        attr.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0)
        return -1;
    int rc = allow_path(ruleset, attr.handled_access_fs, "/dev");
    for (size_t i = 0; rc == 0 && spec->writable[i]; i++)
        rc = allow_path(ruleset, attr.handled_access_fs, spec->writable[i]);
    if (rc == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        rc = -1;
    close(ruleset);
    return rc;
}

/* ---------------------------------------------------------------- seccomp ------------------- */

/* Calls that no stage needs and that reach outside the task. */
static const int refused_calls[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_bpf,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_open_by_handle_at,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_sethostname,
    SYS_acct,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsmount,
    SYS_open_tree,
    SYS_io_uring_setup,
};
#define REFUSED_COUNT SY_ARRAY_SIZE(refused_calls)
#define FILTER_MAX (REFUSED_COUNT + 12)
#define X32_BIT 0x40000000u

static int refuse_calls(bool network)
{
    struct sock_filter code[FILTER_MAX];
    size_t n = 0;
    const uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT,
                                             (uint8_t)(REFUSED_COUNT + 1), 0);
    for (size_t i = 0; i < REFUSED_COUNT; i++) /* a hit jumps over the rest to the refusal */
        code[n++] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)refused_calls[i], (uint8_t)(REFUSED_COUNT - i), 0);
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refuse);
    if (!network) {
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                 offsetof(struct seccomp_data, args[0]));
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refuse);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

int sy_sandbox_enter(const struct sy_shim_spec *spec, pid_t parent,
                     char ret_missing[SY_SANDBOX_MISSING_BYTES], struct sy_error *err)
{
    ret_missing[0] = 0;
    bool root = geteuid() == 0, keep = root && (!spec->switch_user || spec->uid == 0);
    int rc = limit_resources(ret_missing, err);
    if (rc != 0)
        return rc;
    if (!spec->network && unshare(CLONE_NEWNET) != 0)
        note(ret_missing, "network-namespace");
    if (root)
        drop_bounding(keep, ret_missing);
    rc = switch_user(spec, err);
    if (rc != 0)
        return rc;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return sy_fail_errno(err, errno, "set no_new_privs");
    if (restrict_writes(spec) != 0)
        note(ret_missing, "landlock");
    drop_capabilities(keep);
    /* After the user switch: a change of credentials clears the death signal. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return sy_fail_errno(err, errno, "ask to die with the shim");
    if (getppid() != parent)
        return sy_fail(err, SY_E_KILLED, "the shim died before the task started");
    if (refuse_calls(spec->network) != 0)
        note(ret_missing, "seccomp");
    return 0;
}
