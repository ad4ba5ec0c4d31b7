/* The embedded store: LMDB with its default durability, one thread that commits.
 *
 * Group commit: what was submitted while a commit ran is written by the next one, all in one
 * transaction. Results travel to the loop through one posted function: it carries the newest
 * durable event, a failure, and the scans that ended. After close the loop must not turn again.
 *
 * A child process walks every record before the daemon maps the file: a damaged page can make LMDB
 * fault, and that must not hit the daemon.
 */
#include "common/env.h"
#include "common/file.h"
#include "common/log.h"
#include "scheduler/store.h"
#include "scheduler/store_place.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long long ull;

#define BATCHES_WAITING_MAX 4096
#define MAP_BYTES_MIN (1u << 20)
#define POST_RETRY_MS 1
/* Beyond this part of the map the free pages inside are counted; before, the end of the file is
 * enough. */
#define COUNT_FREE_PERCENT 60

static const char *const table_names[SY_TABLE_COUNT] = {
    [SY_TABLE_META] = "meta",
    [SY_TABLE_EVENTS] = "events",
    [SY_TABLE_JOBS] = "jobs",
    [SY_TABLE_SECTORS] = "sectors",
    [SY_TABLE_TASKS] = "tasks",
    [SY_TABLE_ATTEMPTS] = "attempts",
    [SY_TABLE_AGENTS] = "agents",
    [SY_TABLE_IDENTITIES] = "identities",
    [SY_TABLE_STORES] = "stores",
    [SY_TABLE_MINERS] = "miners",
    [SY_TABLE_MESSAGES] = "messages",
    [SY_TABLE_IDEMPOTENCY] = "idempotency",
    [SY_TABLE_QUARANTINE] = "quarantine",
};

struct batch_item {
    struct batch_item *next;
    struct sy_batch batch;
};

struct scan {
    struct scan *next;
    enum sy_store_table table;
    uint8_t key[SY_STORE_KEY_BYTES_MAX];
    size_t key_bytes;
    size_t max_records;
    bool (*visit)(void *ctx, const void *key, size_t key_bytes, const void *value,
                  size_t value_bytes);
    void (*done)(void *ctx, int rc, bool more, const struct sy_error *err);
    void *ctx;
    int rc;
    bool more;
    struct sy_error error;
};

struct lmdb_store {
    MDB_env *env;
    MDB_dbi tables[SY_TABLE_COUNT];
    int lock_fd;
    char directory[SY_PATH_BYTES];

    /* set by start, then constant */
    struct sy_loop *loop;
    void (*on_durable)(void *ctx, uint64_t last_event);
    void (*on_failed)(void *ctx, const struct sy_error *err);
    void *ctx;
    pthread_t thread;
    bool started;

    /* under the mutex */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct batch_item *batches, *batches_last;
    uint32_t batches_waiting;
    struct scan *scans, *scans_last;
    struct scan *ended, *ended_last;
    uint32_t scans_waiting;
    bool stop;
    bool posted;  /* deliver() stands in the loop's queue */
    bool pending; /* there is something to deliver */
    bool failed, failed_told;
    uint64_t durable;
    uint64_t commits_told;
    struct sy_error error;
    struct sy_store_usage usage;
};

static int mdb_fail(struct sy_error *err, int rc, const char *what, const char *where)
{
    int code = SY_E_IO;
    if (rc == MDB_MAP_FULL || rc == ENOSPC || rc == EDQUOT)
        code = SY_E_FULL;
    else if (rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID || rc == MDB_PANIC)
        code = SY_E_CORRUPT;
    else if (rc == ENOMEM)
        code = SY_E_NOMEM;
    else if (rc == MDB_VERSION_MISMATCH)
        code = SY_E_VERSION;
    return sy_fail(err, code, "%s %s: %s", what, where, mdb_strerror(rc));
}

/* ---- opening ---- */

static int open_env(const char *directory, uint64_t map_bytes, unsigned flags, MDB_env **ret,
                    struct sy_error *err)
{
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(env, SY_TABLE_COUNT);
    if (rc == 0 && map_bytes != 0)
        rc = mdb_env_set_mapsize(env, map_bytes);
    if (rc == 0)
        rc = mdb_env_open(env, directory, MDB_NOTLS | flags, 0600);
    if (rc != 0) {
        if (env != NULL)
            mdb_env_close(env);
        return mdb_fail(err, rc, "open store", directory);
    }
    *ret = env;
    return 0;
}

static int walk_table(MDB_txn *txn, MDB_dbi table)
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int rc = mdb_cursor_open(txn, table, &cursor);
    if (rc != 0)
        return rc;
    uint32_t sum = 0;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        sum = sy_crc32c(sy_crc32c(sum, key.mv_data, key.mv_size), value.mv_data, value.mv_size);
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* In the child: touch every byte of every record. */
static int walk_all(const char *directory)
{
    MDB_env *env = NULL;
    if (open_env(directory, 0, MDB_RDONLY | MDB_NOLOCK, &env, NULL) != 0)
        return 1;
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = walk_table(txn, 0); /* the list of free pages: commits write by it */
    for (int i = 0; rc == 0 && i < SY_TABLE_COUNT; i++) {
        MDB_dbi table;
        rc = mdb_dbi_open(txn, table_names[i], 0, &table);
        if (rc == 0)
            rc = walk_table(txn, table);
        else if (rc == MDB_NOTFOUND)
            rc = 0;
    }
    return rc == 0 ? 0 : 1;
}

static int scrub(const char *directory, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s/data.mdb", directory);
    if (rc != 0)
        return rc;
    struct stat info;
    if (stat(path, &info) != 0 || info.st_size == 0)
        return 0;
    pid_t child = fork();
    if (child < 0)
        return sy_fail_errno(err, errno, "fork to check %s", path);
    if (child == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        (void)signal(SIGBUS, SIG_DFL);
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC); /* its last words help nobody */
        if (quiet >= 0)
            (void)dup2(quiet, STDERR_FILENO);
        _exit(walk_all(directory));
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return sy_fail_errno(err, errno, "wait for the check of %s", path);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return sy_fail(err, SY_E_CORRUPT,
                   "%s has damaged pages (its check ended with %s %d): restore a backup", path,
                   WIFSIGNALED(status) ? "signal" : "status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int open_tables(struct lmdb_store *store, struct sy_error *err)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);
    for (int i = 0; rc == 0 && i < SY_TABLE_COUNT; i++)
        rc = mdb_dbi_open(txn, table_names[i], MDB_CREATE, &store->tables[i]);
    if (rc == 0) {
        rc = mdb_txn_commit(txn);
        txn = NULL;
    }
    if (txn != NULL)
        mdb_txn_abort(txn);
    return rc == 0 ? 0 : mdb_fail(err, rc, "open the tables of", store->directory);
}

/* The whole map gets its blocks now: later a full disk cannot stop a commit. */
static int preallocate(struct lmdb_store *store, struct sy_error *err)
{
    MDB_envinfo info;
    int fd = -1;
    int rc = mdb_env_info(store->env, &info);
    if (rc == 0)
        rc = mdb_env_get_fd(store->env, &fd);
    if (rc != 0)
        return mdb_fail(err, rc, "look at", store->directory);
    rc = posix_fallocate(fd, 0, (off_t)info.me_mapsize);
    if (rc != 0)
        return sy_fail_errno(err, rc, "reserve %llu bytes for the store in %s",
                             (ull)info.me_mapsize, store->directory);
    return 0;
}

/* ---- the store's thread ---- */

static uint64_t free_pages(MDB_txn *txn)
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    uint64_t pages = 0;
    if (mdb_cursor_open(txn, 0, &cursor) != 0)
        return 0;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        size_t count = 0; /* a free list record starts with its length */
        if (value.mv_size >= sizeof(count))
            memcpy(&count, value.mv_data, sizeof(count));
        pages += count;
    }
    mdb_cursor_close(cursor);
    return pages;
}

static uint64_t used_bytes(MDB_env *env, uint64_t *ret_map_bytes)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &stat) != 0)
        return 0;
    *ret_map_bytes = info.me_mapsize;
    uint64_t pages = (uint64_t)info.me_last_pgno + 1;
    MDB_txn *txn = NULL;
    if (pages * stat.ms_psize > info.me_mapsize / 100 * COUNT_FREE_PERCENT &&
        mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0) {
        uint64_t unused = free_pages(txn);
        mdb_txn_abort(txn);
        pages -= SY_MIN(pages, unused);
    }
    return pages * stat.ms_psize;
}

static int put_batch(struct lmdb_store *store, MDB_txn *txn, const struct sy_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct sy_change *change = &batch->changes[i];
        MDB_val key = {change->key_bytes, change->key};
        MDB_val value = {change->value_bytes, change->value};
        MDB_dbi table = store->tables[change->table];
        int rc =
            change->remove ? mdb_del(txn, table, &key, NULL) : mdb_put(txn, table, &key, &value, 0);
        if (rc != 0 && !(change->remove && rc == MDB_NOTFOUND))
            return rc;
    }
    return 0;
}

static int commit(struct lmdb_store *store, const struct batch_item *items, struct sy_error *err)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);
    for (const struct batch_item *item = items; rc == 0 && item != NULL; item = item->next)
        rc = put_batch(store, txn, &item->batch);
    if (rc != 0) {
        if (txn != NULL)
            mdb_txn_abort(txn);
        return mdb_fail(err, rc, "write to store", store->directory);
    }
    SY_FAULT("store.before_commit");
    rc = mdb_txn_commit(txn);
    if (rc != 0)
        return mdb_fail(err, rc, "commit to store", store->directory);
    SY_FAULT("store.after_commit");
    return 0;
}

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void free_items(struct batch_item *items)
{
    while (items != NULL) {
        struct batch_item *item = items;
        items = item->next;
        for (uint32_t i = 0; i < item->batch.count; i++)
            sy_mem_free(item->batch.changes[i].value);
        sy_mem_free(item->batch.changes);
        sy_mem_free(item);
    }
}

/* On the loop thread: hand over what the store's thread left. */
static void deliver(void *self)
{
    struct lmdb_store *store = self;
    pthread_mutex_lock(&store->mutex);
    uint64_t durable = store->durable;
    bool tell_durable = store->commits_told != store->usage.commits;
    store->commits_told = store->usage.commits;
    bool tell_failure = store->failed && !store->failed_told;
    store->failed_told = store->failed_told || tell_failure;
    struct sy_error error = store->error;
    struct scan *ended = store->ended;
    store->ended = store->ended_last = NULL;
    store->posted = false;
    store->pending = false;
    for (struct scan *scan = ended; scan != NULL; scan = scan->next)
        store->scans_waiting--;
    pthread_mutex_unlock(&store->mutex);
    if (tell_durable)
        store->on_durable(store->ctx, durable);
    if (tell_failure)
        store->on_failed(store->ctx, &error);
    while (ended != NULL) {
        struct scan *scan = ended;
        ended = scan->next;
        scan->done(scan->ctx, scan->rc, scan->more, &scan->error);
        sy_mem_free(scan);
    }
}

/* Mutex held. When the loop's queue is full the thread's wait ends soon and tries again. */
static void post(struct lmdb_store *store)
{
    store->pending = true;
    if (!store->posted && sy_loop_post(store->loop, deliver, store, NULL) == 0)
        store->posted = true;
}

static void commit_items(struct lmdb_store *store, struct batch_item *items)
{
    struct sy_error error = {0};
    uint64_t begin_us = now_us(), last_event = 0, records = 0;
    int rc = commit(store, items, &error);
    uint64_t took_us = now_us() - begin_us, map_bytes = 0;
    for (const struct batch_item *item = items; item != NULL; item = item->next) {
        last_event = SY_MAX(last_event, item->batch.last_event);
        records += item->batch.count;
    }
    uint64_t used = rc == 0 ? used_bytes(store->env, &map_bytes) : 0;
    if (rc != 0)
        SY_ERROR("store", "failed", "err=%s", sy_err_name(error.code));
    pthread_mutex_lock(&store->mutex);
    if (rc == 0) {
        store->durable = SY_MAX(store->durable, last_event);
        store->usage.commits++;
        store->usage.records += records;
        store->usage.last_commit_us = took_us;
        store->usage.max_commit_us = SY_MAX(store->usage.max_commit_us, took_us);
        store->usage.used_bytes = used;
        store->usage.map_bytes = map_bytes;
    } else if (!store->failed) {
        store->failed = true;
        store->error = error;
    }
    post(store);
    pthread_mutex_unlock(&store->mutex);
    free_items(items);
}

static void run_scan(struct lmdb_store *store, struct scan *scan)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key = {scan->key_bytes, scan->key}, value;
    size_t records = 0;
    int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_cursor_open(txn, store->tables[scan->table], &cursor);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &value, scan->key_bytes > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0) {
        if (records++ == scan->max_records) {
            scan->more = true;
            break;
        }
        if (!scan->visit(scan->ctx, key.mv_data, key.mv_size, value.mv_data, value.mv_size))
            break;
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (rc != 0 && rc != MDB_NOTFOUND)
        scan->rc = mdb_fail(&scan->error, rc, "read store", store->directory);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    if (txn != NULL)
        mdb_txn_abort(txn);
}

static void end_scan(struct lmdb_store *store, struct scan *scan)
{
    pthread_mutex_lock(&store->mutex);
    scan->next = NULL;
    if (store->ended_last == NULL)
        store->ended = scan;
    else
        store->ended_last->next = scan;
    store->ended_last = scan;
    post(store);
    pthread_mutex_unlock(&store->mutex);
}

/* Mutex held. Returns when there is work or the end has come. */
static void wait_for_work(struct lmdb_store *store)
{
    while (store->batches == NULL && store->scans == NULL && !store->stop) {
        if (store->pending && !store->posted) {
            struct timespec until;
            (void)clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_nsec += POST_RETRY_MS * 1000000;
            if (until.tv_nsec >= 1000000000) {
                until.tv_nsec -= 1000000000;
                until.tv_sec++;
            }
            (void)pthread_cond_timedwait(&store->wake, &store->mutex, &until);
            post(store);
        } else {
            (void)pthread_cond_wait(&store->wake, &store->mutex);
        }
    }
}

static void *store_thread(void *self)
{
    struct lmdb_store *store = self;
    bool stop = false;
    while (!stop) {
        pthread_mutex_lock(&store->mutex);
        wait_for_work(store);
        struct batch_item *items = store->batches;
        store->batches = store->batches_last = NULL;
        store->batches_waiting = 0;
        struct scan *scan = store->scans;
        if (scan != NULL) {
            store->scans = scan->next;
            if (store->scans == NULL)
                store->scans_last = NULL;
        }
        bool failed = store->failed;
        stop = store->stop && store->batches == NULL && items == NULL;
        pthread_mutex_unlock(&store->mutex);
        if (items != NULL && failed)
            free_items(items);
        else if (items != NULL)
            commit_items(store, items);
        if (scan != NULL) {
            run_scan(store, scan);
            end_scan(store, scan);
        }
    }
    return NULL;
}

/* ---- operations ---- */

static int lmdb_load(void *self, enum sy_store_table table,
                     int (*visit)(void *ctx, const void *key, size_t key_bytes, const void *value,
                                  size_t value_bytes, struct sy_error *err),
                     void *ctx, struct sy_error *err)
{
    struct lmdb_store *store = self;
    if ((unsigned)table >= SY_TABLE_COUNT || store->started)
        return sy_fail(err, SY_E_BUG, "load of table %d, or after start", (int)table);
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int result = 0;
    int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_cursor_open(txn, store->tables[table], &cursor);
    while (rc == 0 && result == 0) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (rc == 0)
            result = visit(ctx, key.mv_data, key.mv_size, value.mv_data, value.mv_size, err);
    }
    if (rc != 0 && rc != MDB_NOTFOUND)
        result = mdb_fail(err, rc, "read store", store->directory);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    if (txn != NULL)
        mdb_txn_abort(txn);
    return result;
}

static int lmdb_start(void *self, struct sy_loop *loop,
                      void (*on_durable)(void *ctx, uint64_t last_event),
                      void (*on_failed)(void *ctx, const struct sy_error *err), void *ctx,
                      struct sy_error *err)
{
    struct lmdb_store *store = self;
    if (store->started)
        return sy_fail(err, SY_E_BUG, "the store is started already");
    store->loop = loop;
    store->on_durable = on_durable;
    store->on_failed = on_failed;
    store->ctx = ctx;
    sigset_t all, old;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &old);
    int rc = pthread_create(&store->thread, NULL, store_thread, store);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        return sy_fail_errno(err, rc, "start the store's thread");
    store->started = true;
    return 0;
}

static int check_batch(const struct sy_batch *batch, struct sy_error *err)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct sy_change *change = &batch->changes[i];
        if ((unsigned)change->table >= SY_TABLE_COUNT || change->key_bytes == 0 ||
            change->key_bytes > SY_STORE_KEY_BYTES_MAX ||
            change->value_bytes > SY_STORE_VALUE_BYTES_MAX ||
            (!change->remove && change->value == NULL))
            return sy_fail(err, SY_E_ARG, "change %u: table %d, key of %u bytes, value of %u", i,
                           (int)change->table, change->key_bytes, change->value_bytes);
    }
    return 0;
}

static int lmdb_submit(void *self, struct sy_batch *batch, struct sy_error *err)
{
    struct lmdb_store *store = self;
    int rc = check_batch(batch, err);
    if (rc != 0)
        return rc;
    if (!store->started)
        return sy_fail(err, SY_E_BUG, "the store is not started");
    struct batch_item *item = sy_mem_alloc(sizeof(*item));
    if (item == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory to submit a batch");
    pthread_mutex_lock(&store->mutex);
    if (store->failed) {
        rc = sy_fail(err, SY_E_IO, "the store failed before: %.200s", store->error.text);
    } else if (store->batches_waiting >= BATCHES_WAITING_MAX) {
        rc = sy_fail(err, SY_E_AGAIN, "%d batches wait for the disk", BATCHES_WAITING_MAX);
    } else {
        item->batch = *batch;
        if (store->batches_last == NULL)
            store->batches = item;
        else
            store->batches_last->next = item;
        store->batches_last = item;
        store->batches_waiting++;
        pthread_cond_signal(&store->wake);
    }
    pthread_mutex_unlock(&store->mutex);
    if (rc != 0)
        sy_mem_free(item);
    else
        *batch = (struct sy_batch){0};
    return rc;
}

static void lmdb_usage(void *self, struct sy_store_usage *ret)
{
    struct lmdb_store *store = self;
    pthread_mutex_lock(&store->mutex);
    *ret = store->usage;
    pthread_mutex_unlock(&store->mutex);
}

static int lmdb_scan(void *self, enum sy_store_table table, const void *key, size_t key_bytes,
                     size_t max_records,
                     bool (*visit)(void *ctx, const void *key, size_t key_bytes, const void *value,
                                   size_t value_bytes),
                     void (*done)(void *ctx, int rc, bool more, const struct sy_error *err),
                     void *ctx, struct sy_error *err)
{
    struct lmdb_store *store = self;
    if ((unsigned)table >= SY_TABLE_COUNT || key_bytes > SY_STORE_KEY_BYTES_MAX || !store->started)
        return sy_fail(err, SY_E_BUG, "scan of table %d from a key of %zu bytes", (int)table,
                       key_bytes);
    struct scan *scan = sy_mem_alloc(sizeof(*scan));
    if (scan == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for a scan");
    scan->table = table;
    if (key_bytes > 0)
        memcpy(scan->key, key, key_bytes);
    scan->key_bytes = key_bytes;
    scan->max_records = max_records;
    scan->visit = visit;
    scan->done = done;
    scan->ctx = ctx;
    int rc = 0;
    pthread_mutex_lock(&store->mutex);
    if (store->scans_waiting >= SY_STORE_SCANS_MAX) {
        rc = sy_fail(err, SY_E_BUSY, "%d scans wait already", SY_STORE_SCANS_MAX);
    } else {
        if (store->scans_last == NULL)
            store->scans = scan;
        else
            store->scans_last->next = scan;
        store->scans_last = scan;
        store->scans_waiting++;
        pthread_cond_signal(&store->wake);
    }
    pthread_mutex_unlock(&store->mutex);
    if (rc != 0)
        sy_mem_free(scan);
    return rc;
}

static void free_scans(struct scan *scans)
{
    while (scans != NULL) {
        struct scan *scan = scans;
        scans = scan->next;
        sy_mem_free(scan);
    }
}

static void lmdb_close(void *self)
{
    struct lmdb_store *store = self;
    if (store == NULL)
        return;
    if (store->started) {
        pthread_mutex_lock(&store->mutex);
        store->stop = true;
        pthread_cond_signal(&store->wake);
        pthread_mutex_unlock(&store->mutex);
        (void)pthread_join(store->thread, NULL);
    }
    free_items(store->batches);
    free_scans(store->scans);
    free_scans(store->ended);
    if (store->env != NULL)
        mdb_env_close(store->env);
    if (store->lock_fd >= 0)
        (void)close(store->lock_fd); /* lets the flock go */
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->mutex);
    sy_mem_free(store);
}

static const struct sy_store_ops lmdb_ops = {
    .abi = SY_STORE_ABI,
    .load = lmdb_load,
    .start = lmdb_start,
    .submit = lmdb_submit,
    .usage = lmdb_usage,
    .scan = lmdb_scan,
    .close = lmdb_close,
};

static int check_exists(const char *directory, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s/data.mdb", directory);
    if (rc == 0 && access(path, F_OK) != 0)
        return sy_fail(err, SY_E_NOT_FOUND, "there is no store in %s; make it with init",
                       directory);
    return rc;
}

static int open_store(struct lmdb_store *store, uint64_t map_bytes, bool create,
                      struct sy_error *err)
{
    const char *directory = store->directory;
    int rc = create ? sy_file_make_directory(directory, 0700, err) : 0;
    if (rc == 0 && !create)
        rc = check_exists(directory, err);
    if (rc == 0)
        rc = sy_store_place_check(directory, err);
    if (rc == 0)
        rc = sy_store_place_lock(directory, &store->lock_fd, err);
    if (rc == 0)
        rc = scrub(directory, err);
    if (rc == 0)
        rc = open_env(directory, map_bytes, 0, &store->env, err);
    if (rc == 0)
        rc = sy_store_place_close_on_exec(directory, err);
    if (rc == 0)
        rc = preallocate(store, err);
    if (rc == 0)
        rc = open_tables(store, err);
    if (rc == 0)
        store->usage.used_bytes = used_bytes(store->env, &store->usage.map_bytes);
    return rc;
}

int sy_store_lmdb_open(struct sy_store *ret, const char *directory, uint64_t map_bytes, bool create,
                       struct sy_error *err)
{
    if (map_bytes < MAP_BYTES_MIN || map_bytes > (1ull << 46) || map_bytes % 4096 != 0)
        return sy_fail(err, SY_E_RANGE,
                       "map_bytes %llu: expected a multiple of 4096 from 1 MiB to 64 TiB",
                       (ull)map_bytes);
    struct lmdb_store *store = sy_mem_alloc(sizeof(*store));
    if (store == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for the store");
    store->lock_fd = -1;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&store->mutex, NULL);
    pthread_cond_init(&store->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    int rc = sy_path_format(store->directory, err, "%s", directory);
    if (rc == 0)
        rc = open_store(store, map_bytes, create, err);
    if (rc != 0) {
        lmdb_close(store);
        return rc;
    }
    *ret = (struct sy_store){.ops = &lmdb_ops, .self = store};
    return 0;
}
