/* Shared by the handlers of agents' frames (rpc_agent.c, rpc_hello.c). Loop thread. */
#ifndef SEALYARD_SCHEDULER_RPC_AGENT_H
#define SEALYARD_SCHEDULER_RPC_AGENT_H

#include "common/job.h"

struct sy_scheduler;
struct sy_link;

/* A sign of life; a welcomed agent is ONLINE again. */
void sy_rpc_heard(struct sy_scheduler *scheduler, const char *agent);
/* Sets it in the link and in the state, and lets the dispatcher plan. */
void sy_rpc_set_liveness(struct sy_scheduler *scheduler, struct sy_link *link,
                         enum sy_liveness liveness);
/* The current attempt of `task` (a row of the state) failed without a RESULT. */
int sy_rpc_fail_attempt(struct sy_scheduler *scheduler, const struct sy_task *task,
                        enum sy_err_class class, const char *text, struct sy_error *err);
/* A store as its agent reports it: an event when it is new or moved, always the volatile values. */
int sy_rpc_take_store(struct sy_scheduler *scheduler, const char *agent,
                      const struct sy_store_row *store, struct sy_error *err);

#endif
