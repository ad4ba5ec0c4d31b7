/* What a task process gives up before it becomes the stage program. Called in the child of the
 * shim.
 *
 * Required (failure fails the task): core dumps off, no_new_privs, the user switch, death with the
 * shim. Best effort, because kernels and users differ: empty network namespace, Landlock (writes
 * only below the named paths), a seccomp list of refused system calls, capabilities dropped,
 * oom_score_adj 500. What could not be done is named in *ret_missing.
 * A root task keeps CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (it reads people's piece files and
 * writes stores of any owner); with another user it keeps nothing.
 */
#ifndef SEALYARD_AGENT_SANDBOX_H
#define SEALYARD_AGENT_SANDBOX_H

#include "agent/shim_spec.h"

#include <sys/types.h>

#define SY_SANDBOX_MISSING_BYTES 128

/* parent: the shim's pid; when it is gone already the call fails (-SY_E_KILLED). */
int sy_sandbox_enter(const struct sy_shim_spec *spec, pid_t parent,
                     char ret_missing[SY_SANDBOX_MISSING_BYTES], struct sy_error *err);

#endif
