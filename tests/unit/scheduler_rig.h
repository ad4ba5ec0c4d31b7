/* A scheduler without sockets, disk and real time, for unit tests: frames go in by a call, what it
 * sends is recorded, the store says "durable" when the test says so, the clock stands still. */
#ifndef SEALYARD_TESTS_UNIT_SCHEDULER_RIG_H
#define SEALYARD_TESTS_UNIT_SCHEDULER_RIG_H

#include "scheduler/scheduler.h"

#define RIG_SENT_MAX 4096
#define RIG_MINER 1000

struct rig_sent {
    char peer[SY_NAME_BYTES];
    uint16_t type;
    uint64_t generation, sequence;
    const void *body; /* struct of the type, in the rig's arena */
};

struct rig {
    struct sy_env env;
    uint64_t boot_ms;
    int64_t wall_ms;
    uint64_t chance;
    struct sy_scheduler_options *options;
    struct sy_scheduler scheduler;
    struct sy_arena *arena;
    struct rig_sent sent[RIG_SENT_MAX];
    size_t sent_count;
    bool refuse_send; /* sends give -SY_E_AGAIN */
    uint64_t sequence;
    /* the store */
    void (*on_durable)(void *ctx, uint64_t last_event);
    void (*on_failed)(void *ctx, const struct sy_error *err);
    void *store_ctx;
    uint64_t submitted; /* last event of the newest batch */
    size_t submits;
    struct sy_store_usage usage;
    bool fail_submit;
};

/* Miner 1000 (2 KiB, numbers known), identities admin, op (operator), eye (viewer), a1, a2
 * (agents), gone (revoked viewer), late (expired viewer), enroll.a3. Everything durable, nothing
 * sent. */
void rig_init(struct rig *rig);
void rig_fini(struct rig *rig);

/* Applies an event; it must be accepted. */
void rig_event(struct rig *rig, uint32_t kind, const void *body);
/* A frame from this identity; returns its sequence. */
uint64_t rig_receive(struct rig *rig, const char *from, uint16_t type, const void *body);
/* The same with a given sequence. */
void rig_receive_as(struct rig *rig, const char *from, uint16_t type, uint64_t sequence,
                    const void *body);
/* Ends the turn (plans, submits); the store has not answered. */
void rig_turn(struct rig *rig);
/* Ends turns and lets the store finish until nothing waits. */
void rig_settle(struct rig *rig);
/* Moves both clocks and ticks. */
void rig_pass(struct rig *rig, uint64_t ms);

/* The newest frame of this type to this peer; NULL = none. */
const struct rig_sent *rig_find(const struct rig *rig, const char *peer, uint16_t type);
size_t rig_count(const struct rig *rig, const char *peer, uint16_t type);
void rig_forget(struct rig *rig);

/* HELLO of an agent with one slot per stage and a scratch and a long store (uuids "NAME-s",
 * "NAME-l"), with these attempts. */
void rig_hello(struct rig *rig, const char *agent, const struct sy_msg_attempt_state *attempts,
               uint32_t attempt_count);
/* SUBMIT of a pledge by "op"; returns the job id (settled). */
uint64_t rig_pledge(struct rig *rig, uint32_t count, uint8_t key);

#endif
