/* The parent of one task. Runs in its own session, outlives the agent, and is the only one that
 * says how the task ended.
 *
 * Protocol with the agent:
 *  1. the agent writes <dir>/shim.json and starts `sealyard-shim --directory DIR --go-fd N`;
 *  2. the shim waits for one byte on the pipe N: the agent sends it after pid and start time of the
 *     shim are durable in its ledger. End of file instead = the agent died: record "not started",
 * end;
 *  3. the task runs; SIGTERM to the shim kills the task's whole tree;
 *  4. when the main process is gone the rest of its tree is killed, then result.json and after it
 *     exit.json are written durably (repeated each second while the disk is full), then the shim
 * ends. A shim that is killed takes the task's main process with it (PDEATHSIG); the agent kills
 * the rest.
 */
#ifndef SEALYARD_AGENT_SHIM_H
#define SEALYARD_AGENT_SHIM_H

#include "common/err.h"

/* Below the attempt's directory: where the task starts, its HOME and TMPDIR. The only part of the
 * directory that it may write. */
#define SY_SHIM_WORK_DIRECTORY "work"
#define SY_SHIM_KILL_TIMEOUT_MS 10000u
#define SY_SHIM_DRAIN_TIMEOUT_MS 5000u

/* Returns when the exit record is written. go_fd -1: start at once. */
int sy_shim_run(const char *directory, int go_fd, struct sy_error *err);

#endif
