/* Starting a shim and finding one again. The agent's side of the protocol in agent/shim.h.
 *
 * A shim is named by pid + start time + boot id, never by pid alone. Threads: the loop thread.
 */
#ifndef SEALYARD_AGENT_SPAWN_H
#define SEALYARD_AGENT_SPAWN_H

#include "common/file.h"

#include <sys/types.h>

#define SY_SHIM_LOG_FILE "shim.log"

struct sy_spawn {
    pid_t pid;
    uint64_t start_ticks; /* field 22 of /proc/PID/stat */
    int pidfd;            /* readable when the shim has ended; the caller closes it */
    int go_fd;            /* one byte written here starts the task; closing it unwritten cancels */
};

/* Starts `program --directory DIR --go-fd 3` with an empty environment, /dev/null as input and
 * output and DIR/shim.log as standard error. */
int sy_spawn_shim(struct sy_spawn *ret, const char *program, const char *directory,
                  struct sy_error *err);
/* Gives the word to go and closes go_fd. */
int sy_spawn_go(struct sy_spawn *spawn, struct sy_error *err);

/* Start time of a process; -SY_E_NOT_FOUND when there is none. */
int sy_proc_start_ticks(pid_t pid, uint64_t *ret_ticks, struct sy_error *err);
/* A pidfd of the process with this pid and start time; -SY_E_NOT_FOUND when it is gone. */
int sy_proc_open(pid_t pid, uint64_t start_ticks, int *ret_pidfd, struct sy_error *err);

/* SIGKILL to every process whose environment has `variable` ("NAME=value"): what a dead shim left
 * behind where there are no control groups. *ret_count = how many were found. */
int sy_proc_kill_marked(const char *variable, size_t *ret_count, struct sy_error *err);

#endif
