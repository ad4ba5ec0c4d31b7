/* The scheduler's end of the wire: who may send what, and how answers leave.
 *
 * Every frame: the sender is the identity that ZAP accepted (never a field of the payload); its row
 * is looked up again per frame, so a revoked or expired key is refused at its next frame; the
 * type's role mask (common/msg.h) must contain its role; its token bucket must hold a token.
 * Refused requests get a FAILURE; a frame from an agent that needs no answer is dropped. Every
 * answer is parked until all that was applied before it is durable, so nobody is told what a crash
 * could take back. Threads: the loop thread.
 */
#ifndef SEALYARD_SCHEDULER_RPC_H
#define SEALYARD_SCHEDULER_RPC_H

#include "common/net.h"

struct sy_scheduler;
struct sy_link;

/* One decoded frame; the router's on_frame. */
void sy_rpc_handle(struct sy_scheduler *scheduler, const struct sy_peer *peer,
                   const struct sy_frame *frame);

/* Answers. `body` is the struct of the type and is copied flat; `owned` (sy_mem, NULL is fine) is
 * what its lists and slices point to, and is freed after it left. Out of memory and full queues
 * drop the answer: the client repeats its request. */
void sy_rpc_reply(struct sy_scheduler *scheduler, const struct sy_peer *peer, uint64_t sequence,
                  uint16_t type, const void *body, void *owned);
/* Takes the reference; NULL is answered as out of memory. */
void sy_rpc_reply_json(struct sy_scheduler *scheduler, const struct sy_peer *peer,
                       uint64_t sequence, json_t *json);
void sy_rpc_reply_failure(struct sy_scheduler *scheduler, const struct sy_peer *peer,
                          uint64_t sequence, const struct sy_error *err);

/* Sends now, for what depends on no event or only on durable ones. */
int sy_rpc_send(struct sy_scheduler *scheduler, const struct sy_peer *peer, uint64_t sequence,
                uint16_t type, const void *body, struct sy_error *err);
/* Sends now to an agent with a new sequence. -SY_E_UNREACHABLE when it is not connected. */
int sy_rpc_push(struct sy_scheduler *scheduler, struct sy_link *link, uint16_t type,
                const void *body, struct sy_error *err);

/* ---- inside: the two halves of the dispatch table ---- */

struct sy_rpc_request {
    struct sy_scheduler *scheduler;
    const struct sy_peer *peer;
    const struct sy_identity *identity; /* valid until the next event */
    const struct sy_frame *frame;
};
/* rpc_client.c: 0 when an answer was or will be sent, else the refusal to answer with. */
int sy_rpc_on_submit(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_query(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_command(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_fetch(const struct sy_rpc_request *request, struct sy_error *err);
/* Passes a request on to an agent; its answer goes to the client of `request`. */
int sy_rpc_relay(const struct sy_rpc_request *request, const char *agent, uint16_t type,
                 const void *body, struct sy_error *err);
/* rpc_agent.c. A refusal is logged; only ENROLL is answered with it. */
int sy_rpc_on_enroll(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_hello(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_heartbeat(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_start_ack(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_progress(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_result(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_stop_ack(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_store_state(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_chunk(const struct sy_rpc_request *request, struct sy_error *err);
int sy_rpc_on_failure(const struct sy_rpc_request *request, struct sy_error *err);

/* Liveness of agents, overdue relays, take-overs; every SY_RPC_TICK_MS. */
#define SY_RPC_TICK_MS 100
void sy_rpc_tick(struct sy_scheduler *scheduler);

/* Enrolment identities carry this prefix; agents may not. */
#define SY_RPC_ENROLL_PREFIX "enroll."
#define SY_RPC_ENROLL_MS (3600 * 1000)
/* How long a client waits for an agent's answer. */
#define SY_RPC_RELAY_MS 10000

#endif
