/* Where the scheduler's truth is kept: an interface, so that a replicated engine can stand behind it.
 *
 * One batch = events in order plus the row changes that applying them made, committed together by the
 * store's own thread (group commit: while one batch is written the next one grows). Nothing leaves the
 * process before on_durable of its batch. The first storage error is final: on_failed is called once,
 * every later submit is refused, and the process must end with exit status 74.
 *
 * Tables: keys are big-endian and at most 63 bytes, values carry {version, length, crc32c}
 * (scheduler/record.c makes and checks them; the store sees bytes).
 */
#ifndef SEALYARD_SCHEDULER_STORE_H
#define SEALYARD_SCHEDULER_STORE_H

#include "common/codec.h"
#include "common/loop.h"

#define SY_STORE_ABI 1
#define SY_STORE_KEY_BYTES_MAX 63
#define SY_STORE_VALUE_BYTES_MAX 65535
#define SY_STORE_BATCH_CHANGES_MAX 8192
#define SY_STORE_SCANS_MAX 64

enum sy_store_table {
    SY_TABLE_META,
    SY_TABLE_EVENTS,
    SY_TABLE_JOBS,
    SY_TABLE_SECTORS,
    SY_TABLE_TASKS,
    SY_TABLE_ATTEMPTS,
    SY_TABLE_AGENTS,
    SY_TABLE_IDENTITIES,
    SY_TABLE_STORES,
    SY_TABLE_MINERS,
    SY_TABLE_MESSAGES,
    SY_TABLE_IDEMPOTENCY,
    SY_TABLE_QUARANTINE,
    SY_TABLE_COUNT,
};

struct sy_change {
    enum sy_store_table table;
    bool remove;
    uint8_t key[SY_STORE_KEY_BYTES_MAX];
    uint32_t key_bytes;
    void *value; /* sy_mem, moved to the store with the batch */
    uint32_t value_bytes;
};

struct sy_batch {
    struct sy_change *changes;
    uint32_t count, capacity;
    uint64_t last_event; /* number of the newest event inside */
};

struct sy_store_usage {
    uint64_t map_bytes, used_bytes;
    uint64_t commits, records;
    uint64_t last_commit_us, max_commit_us;
};

struct sy_store_ops {
    uint32_t abi;
    /* Calls visit for each record of a table in key order, on the calling thread; before start only. */
    int (*load)(void *self, enum sy_store_table table,
                int (*visit)(void *ctx, const void *key, size_t key_bytes, const void *value,
                             size_t value_bytes, struct sy_error *err),
                void *ctx, struct sy_error *err);
    /* Starts the store thread. Callbacks run on the loop thread. */
    int (*start)(void *self, struct sy_loop *loop,
                 void (*on_durable)(void *ctx, uint64_t last_event),
                 void (*on_failed)(void *ctx, const struct sy_error *err), void *ctx,
                 struct sy_error *err);
    /* Takes the batch's content (the struct is left empty). Never blocks. */
    int (*submit)(void *self, struct sy_batch *batch, struct sy_error *err);
    void (*usage)(void *self, struct sy_store_usage *ret);
    /* Reads committed records of a table in key order from the first key >= `key` on, at most
     * max_records, between two commits. visit runs on the store's thread: it may touch only what ctx
     * owns, and returns false to stop early. done runs on the loop thread; rc is 0 or -SY_E_* with
     * *err; `more` = the limit ended the walk. Returns -SY_E_BUSY when SY_STORE_SCANS_MAX wait. After
     * close, done of scans that never ran is not called: ctx is the caller's to free. */
    int (*scan)(void *self, enum sy_store_table table, const void *key, size_t key_bytes,
                size_t max_records,
                bool (*visit)(void *ctx, const void *key, size_t key_bytes, const void *value,
                              size_t value_bytes),
                void (*done)(void *ctx, int rc, bool more, const struct sy_error *err), void *ctx,
                struct sy_error *err);
    /* Commits what was submitted, stops the thread, closes. NULL-safe. */
    void (*close)(void *self);
};

struct sy_store {
    const struct sy_store_ops *ops;
    void *self;
};

/* LMDB in `directory` (created 0700 when `create`). Takes an exclusive lock: a second scheduler on the
 * same store gets SY_E_BUSY naming the holder's pid. Refuses network and overlay file systems. */
int sy_store_lmdb_open(struct sy_store *ret, const char *directory, uint64_t map_bytes, bool create,
                       struct sy_error *err);

#endif
