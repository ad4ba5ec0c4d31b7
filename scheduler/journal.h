/* The one way to change state: an event goes in, and everything that depends on it waits until the
 * store has it.
 *
 * sy_journal_event checks and applies an event in memory and adds it to the growing batch. The
 * batch is handed to the store by sy_journal_flush (before each sleep of the loop) when none is
 * being written, so a slow disk makes batches larger, not slower; a full batch goes at once, at
 * most SY_JOURNAL_BATCHES_MAX of them, beyond which events are refused with -SY_E_AGAIN. What must
 * not leave the process earlier is parked (sy_journal_park) and released in order once everything
 * that was applied before it is durable. The first storage error is final: on_failed is called
 * once, nothing parked is ever released, every later event is refused. Threads: the loop thread.
 */
#ifndef SEALYARD_SCHEDULER_JOURNAL_H
#define SEALYARD_SCHEDULER_JOURNAL_H

#include "common/loop.h"
#include "scheduler/record.h"

#define SY_JOURNAL_BATCHES_MAX 64
#define SY_JOURNAL_PARKED_MAX 65536

struct sy_journal;
struct sy_journal_opts {
    const struct sy_env *env;
    struct sy_loop *loop;
    const struct sy_store *store; /* opened, not started; borrowed */
    struct sy_state *state;       /* borrowed */
    bool want_rows;               /* call on_row */
    /* An event was applied (not durable yet). NULL is fine. */
    void (*on_event)(void *ctx, uint32_t kind);
    /* A sector, message or miner row as it was committed, in commit order. The row lives until the
     * call returns. */
    void (*on_row)(void *ctx, enum sy_row_kind kind, const void *row);
    /* More became durable; runs after the parked calls. NULL is fine. */
    void (*on_durable)(void *ctx);
    void (*on_failed)(void *ctx, const struct sy_error *err);
    void *ctx;
};

/* Starts the store's thread. `first` (what recovery wants to write; left empty) goes out first. */
int sy_journal_create(struct sy_journal **ret, const struct sy_journal_opts *opts,
                      struct sy_batch *first, struct sy_error *err);
/* Parked calls are dropped. The store is not closed. NULL is fine. */
void sy_journal_destroy(struct sy_journal *journal);

/* Checks, applies, encodes. Errors as sy_state_check, and -SY_E_AGAIN when the store is too far
 * behind, -SY_E_IO after a storage error. */
int sy_journal_event(struct sy_journal *journal, uint32_t kind, const void *body,
                     struct sy_error *err);

/* fn(ctx, true) runs once everything applied up to now is durable: at once when it is already. It
 * runs with false when that will never be (destroy, storage error); then it only frees. -SY_E_LIMIT
 * when too much waits (fn is not called). */
int sy_journal_park(struct sy_journal *journal, void (*fn)(void *ctx, bool durable), void *ctx,
                    struct sy_error *err);

/* Hands the batch to the store when none is being written. */
void sy_journal_flush(struct sy_journal *journal);

uint64_t sy_journal_last(const struct sy_journal *journal);    /* newest applied event */
uint64_t sy_journal_durable(const struct sy_journal *journal); /* newest durable event */
bool sy_journal_is_idle(const struct sy_journal *journal); /* nothing applied is still volatile */
bool sy_journal_is_failed(const struct sy_journal *journal);

#endif
