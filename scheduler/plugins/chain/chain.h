/* The chain plugin: watches the head and moves sectors by what the chain says.
 *
 * Which sector it works on follows from the rows alone. An item remembers when to look again,
 * nothing that a restart may not lose: after a proposal it waits REPROPOSE_MS for the row to change
 * and then looks anew. Checks and results follow sections 4.2, 4.3 and 4.7 of the chain's facts:
 *   GetTicket              -> TICKET
 *   SubmitPreCommitBatch   -> MESSAGE_QUEUED, or adopt / new ticket / unrecoverable
 *   PreCommitBatchWait     -> PRECOMMIT_LANDED, or CHAIN_REFUSED by exit code
 *   WaitSeed               -> SEED
 *   SubmitCommitAggregate  -> MESSAGE_QUEUED, or adopt / new seed / unrecoverable
 *   CommitAggregateWait    -> COMMIT_LANDED, or CHAIN_REFUSED by BatchReturn and exit code
 * [plugin.chain]  node (required), token_file, network (expected name), poll "5s",
 * precommit_batch_threshold 16, precommit_batch_max_wait "1h", precommit_slack "6h",
 * commit_batch_threshold 16, commit_batch_max_wait "1h", commit_slack "3h", ticket_lookback (0 =
 * the network's finality), seed_confidence 6, lifetime_days 540, retry_first "1m" (doubles, at most
 * 1h), collateral_from_miner_balance false.
 *
 * A sector leaves a Wait state only on evidence from the chain. Threads: the plugin's own.
 */
#ifndef SEALYARD_SCHEDULER_PLUGINS_CHAIN_CHAIN_H
#define SEALYARD_SCHEDULER_PLUGINS_CHAIN_CHAIN_H

#include "scheduler/plugins/node.h"

#include <uthash.h>

#define SY_CHAIN_REPROPOSE_MS 5000
#define SY_CHAIN_BACKOFF_MAX_MS 3600000
#define SY_CHAIN_CHECKS_PER_TICK 256 /* sectors looked at before the head is polled again */

struct sy_chain_key {
    uint64_t miner, number;
};
struct sy_chain_item {
    struct sy_chain_key key;
    uint32_t state;
    int64_t state_ms;   /* of the row */
    uint64_t look_ms;   /* boot clock: not before */
    uint64_t hold_ms;   /* resubmission backoff, boot clock */
    uint32_t resubmits; /* since the step was last done */
    bool ready;         /* checked and waiting for its batch in this tick */
    UT_hash_handle hh;
};

struct sy_chain_batching {
    int64_t threshold;
    uint64_t max_wait_ms, slack_ms;
};

struct sy_chain {
    struct sy_plugin_host *host;
    const struct sy_plugin_host_ops *ops;
    struct sy_node *node;
    struct sy_node_params params; /* network[0] = 0 until the node was asked */
    struct sy_chain_head head;
    struct sy_chain_item *items;
    uint64_t now_ms, poll_due_ms;
    uint64_t params_due_ms;

    uint64_t poll_ms;
    struct sy_chain_batching precommit, commit;
    int64_t ticket_lookback; /* 0 = the network's finality */
    int64_t seed_confidence, lifetime_days;
    uint64_t retry_first_ms;
    bool collateral_from_miner;  /* do not send deposit and pledge along */
    char network[SY_NAME_BYTES]; /* expected name; empty = any */
};

/* What one sector's handler may use: the row (borrows host memory until the tick returns). */
struct sy_chain_step {
    struct sy_chain *chain;
    struct sy_chain_item *item;
    struct sy_sector sector;
};

/* chain.c: proposals; each makes the item wait for its row. */
int sy_chain_propose(struct sy_chain_step *step, uint32_t kind, const void *body,
                     struct sy_error *err);
int sy_chain_refuse(struct sy_chain_step *step, uint32_t to_state, uint32_t class,
                    struct sy_error *err, const char *format, ...) SY_PRINTF(5, 6);
int sy_chain_landed(struct sy_chain_step *step, bool commit, int64_t epoch, const char *cid,
                    struct sy_error *err);
/* The same step again after the backoff of this sector. */
int sy_chain_resubmit(struct sy_chain_step *step, uint32_t to_state, struct sy_error *err,
                      const char *format, ...) SY_PRINTF(4, 5);
/* Look again after so many milliseconds. */
void sy_chain_later(struct sy_chain_step *step, uint64_t ms);
bool sy_chain_is_cc(const struct sy_sector *sector);
/* Epochs that pass in ms. */
int64_t sy_chain_epochs(const struct sy_chain *chain, uint64_t ms);

/* Checks one waiting sector; *ret_ready = it may go into a message. chain_precommit.c,
 * chain_commit.c */
int sy_chain_check_precommit(struct sy_chain_step *step, bool *ret_ready, struct sy_error *err);
int sy_chain_check_commit(struct sy_chain_step *step, bool *ret_ready, struct sy_error *err);
/* Makes and queues one message for these ready sectors of one miner and proof type. *ret_split asks
 * to try again with fewer sectors (the message is too long, or one of several would be refused). */
int sy_chain_send_precommit(struct sy_chain *chain, struct sy_chain_step *steps, size_t count,
                            bool *ret_split, struct sy_error *err);
int sy_chain_send_commit(struct sy_chain *chain, struct sy_chain_step *steps, size_t count,
                         bool *ret_split, struct sy_error *err);
int sy_chain_wait_precommit(struct sy_chain_step *step, struct sy_error *err);
int sy_chain_wait_commit(struct sy_chain_step *step, struct sy_error *err);
int64_t sy_chain_precommit_cutoff(const struct sy_chain *chain, const struct sy_sector *sector);
int64_t sy_chain_commit_cutoff(const struct sy_chain *chain, const struct sy_sector *sector);

/* chain_message.c */
struct sy_chain_draft {
    uint32_t kind;
    uint64_t miner;
    struct sy_fil_address worker;
    struct sy_bigint value;
    uint64_t method;
    const uint8_t *params;
    size_t params_bytes;
    const struct sy_chain_step *steps;
    size_t count;
};
/* Parameters of one message: what a message row may hold. */
#define SY_CHAIN_PARAMS_BYTES_MAX 28000
/* Asks the node what the message would do. */
int sy_chain_try(struct sy_chain *chain, const struct sy_chain_draft *draft,
                 struct sy_node_receipt *ret, struct sy_error *err);
/* Proposes MESSAGE_QUEUED with uid = kind prefix + hex SHA-256 over miner, method, sectors with
 * their former message, value and parameters. */
int sy_chain_queue(struct sy_chain *chain, const struct sy_chain_draft *draft,
                   struct sy_error *err);
/* true when this exit code only says: not now (funds, gas, nonce). */
bool sy_chain_is_transient_exit(int64_t exit_code);

#endif
