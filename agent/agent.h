/* The agent: its parts, created in order, and the frames that go between them.
 *
 * One agent per <dir>: <dir>/lock is held by flock while it runs. Stopping the agent (SIGTERM,
 * SIGINT) leaves shims and tasks running; the next start adopts them. Under systemd it needs
 * KillMode=process. Threads: one, plus ZeroMQ's.
 */
#ifndef SEALYARD_AGENT_AGENT_H
#define SEALYARD_AGENT_AGENT_H

#include "agent/agent_conf.h"

#define SY_AGENT_TICK_MS 250u
#define SY_AGENT_STORES_MS 10000u /* free space and markers are looked at */
#define SY_AGENT_SWEEP_MS 3600000u

struct sy_agent_daemon;
/* -SY_E_BUSY: another agent runs on this directory. -SY_E_NOT_FOUND: not enrolled yet. conf
 * borrowed. */
int sy_agent_daemon_create(struct sy_agent_daemon **ret, const struct sy_agent_conf *conf,
                           struct sy_error *err);
void sy_agent_daemon_destroy(struct sy_agent_daemon *agent); /* NULL is fine */
/* Until SIGTERM or SIGINT. */
int sy_agent_daemon_run(struct sy_agent_daemon *agent, struct sy_error *err);

#endif
