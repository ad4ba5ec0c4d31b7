/* The scheduler as one context of parts, and its life.
 *
 * One turn of the loop: frames -> events into the batch -> timers -> plan when something changed ->
 * lease events -> the batch goes to the store thread -> for each batch reported durable: parked
 * replies, pushes, rows for the plugins. Nothing leaves before it is durable.
 * A part reaches the others through this struct; each keeps its own fields in its own file.
 * Threads: the loop thread, except sy_scheduler_stop.
 */
#ifndef SEALYARD_SCHEDULER_SCHEDULER_H
#define SEALYARD_SCHEDULER_SCHEDULER_H

#include "common/net.h"
#include "policies/policy.h"
#include "scheduler/admit.h"
#include "scheduler/dispatcher.h"
#include "scheduler/journal.h"
#include "scheduler/links.h"
#include "scheduler/options.h"
#include "scheduler/plugin_host.h"
#include "scheduler/relay.h"
#include "scheduler/rpc.h"

/* The identity that may do everything, made by `init`. */
#define SY_SCHEDULER_ADMIN_NAME "admin"
/* How long a start or a clean stop may wait for the store. */
#define SY_SCHEDULER_STORE_WAIT_MS 60000

/* How a frame leaves; the router in life, a recorder in tests. */
typedef int sy_scheduler_send(void *ctx, const struct sy_peer *peer, uint16_t type,
                              uint64_t generation, uint64_t sequence, const void *body,
                              struct sy_error *err);

struct sy_scheduler {
    const struct sy_env *env;
    struct sy_scheduler_options *options; /* borrowed */
    struct sy_loop *loop;
    struct sy_store store;
    struct sy_state *state;
    struct sy_policy policy;
    struct sy_keypair key;
    struct sy_journal *journal;
    struct sy_admit *admit;
    struct sy_links *links;
    struct sy_relay *relay;
    struct sy_dispatcher *dispatcher;
    struct sy_plugin_set *plugins; /* NULL without plugins */
    struct sy_router *router;      /* NULL in tests without sockets */
    struct sy_timer *tick;
    sy_scheduler_send *send;
    void *send_ctx;
    uint64_t generation;  /* of this start */
    uint8_t instance[16]; /* of this start */
    int64_t started_ms;   /* wall clock */
    uint64_t sequence;    /* of the last push or relayed request */
    uint64_t frames, frames_refused;
    uint64_t live_jobs;                   /* counted now and then, plus what was accepted since */
    uint64_t counted_event;               /* newest event when live_jobs was counted */
    uint64_t counted_ms;                  /* boot time of that */
    struct sy_command_memory *commands;   /* answers to repeated commands */
    struct sy_history_request *histories; /* requests that read the store now */
    size_t history_count;
    bool stopping;               /* frames are ignored: what is in flight ends */
    struct sy_error store_error; /* what ended it */
    int failure;                 /* SY_E_* of the storage error that ended it, 0 = none */
};

struct sy_scheduler_opts {
    struct sy_scheduler_options *options; /* borrowed for the life of the scheduler */
    const struct sy_env *env;             /* borrowed */
    bool take_over;                       /* accept a store that was used on another machine */
    bool handle_signals;                  /* TERM, INT: clean stop; HUP: policy reload */
};
/* Opens the store (made by `init`), recovers, raises the generation durably, starts the plugins and
 * binds. The plugins' configuration keys are checked here. */
int sy_scheduler_create(struct sy_scheduler **ret, const struct sy_scheduler_opts *opts,
                        struct sy_error *err);
/* Runs until sy_scheduler_stop, then waits for the batches in flight. -SY_E_IO (and failure set)
 * after a storage error: the process must end with exit status 74. */
int sy_scheduler_run(struct sy_scheduler *scheduler, struct sy_error *err);
void sy_scheduler_stop(struct sy_scheduler *scheduler);    /* any thread */
void sy_scheduler_destroy(struct sy_scheduler *scheduler); /* NULL is fine */

/* Reads the policy file again and takes it over with an event, all or nothing. *ret_changed tells
 * whether it differed (may be NULL). */
int sy_scheduler_reload_policy(struct sy_scheduler *scheduler, bool *ret_changed,
                               struct sy_error *err);
/* The end of one turn: plan when due, hand the batch over. The loop's before-sleep hook. */
void sy_scheduler_end_turn(struct sy_scheduler *scheduler);

/* ---- parts of create that tests use to build a scheduler without sockets ---- */

/* Journal, admission, links, relay, dispatcher over scheduler->{env,loop,store,state,policy,send}.
 */
int sy_scheduler_create_parts(struct sy_scheduler *scheduler, struct sy_batch *first,
                              struct sy_error *err);
void sy_scheduler_destroy_parts(struct sy_scheduler *scheduler);
/* Brings the miners of the configuration into the state; -SY_E_STATE when a known miner's proof
 * type would change. */
int sy_scheduler_set_miners(struct sy_scheduler *scheduler, struct sy_error *err);

/* Turns the loop until everything applied is durable; -SY_E_TIMEOUT after
 * SY_SCHEDULER_STORE_WAIT_MS, the storage error when there was one. */
int sy_scheduler_wait_durable(struct sy_scheduler *scheduler, struct sy_error *err);

/* ZAP's question: who has this key, and may it connect? ctx is the scheduler. */
sy_auth_lookup sy_scheduler_lookup_key;

#endif
