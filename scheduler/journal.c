/* Events into batches, batches into the store, parked calls out; see journal.h. */
#include "scheduler/journal.h"

#include "common/log.h"

#include <string.h>
#include <utlist.h>

#define ROW_ARENA_BYTES (4u << 20)

struct parked {
    uint64_t event;
    void (*fn)(void *ctx, bool durable);
    void *ctx;
    struct parked *next;
};

/* A copy of one stored row that plugins shall see once its batch is durable. */
struct feed {
    uint64_t event;
    enum sy_row_kind kind;
    uint8_t key[SY_STORE_KEY_BYTES_MAX];
    uint32_t key_bytes;
    uint32_t value_bytes;
    void *value;
    struct feed *next;
};

struct sy_journal {
    struct sy_journal_opts opts;
    struct sy_batch batch;
    uint64_t applied; /* newest event in state */
    uint64_t durable;
    uint64_t in_flight[SY_JOURNAL_BATCHES_MAX]; /* last_event of submitted batches, a ring */
    uint32_t in_flight_first, in_flight_count;
    struct parked *parked_head, *parked_tail;
    size_t parked_count;
    struct feed *feed_head, *feed_tail;
    struct sy_arena *arena;
    bool failed;
};

/* ---------------------------------------------------------------- rows for plugins ---------- */

static bool is_fed(enum sy_store_table table, enum sy_row_kind *ret_kind)
{
    switch (table) {
    case SY_TABLE_SECTORS:
        *ret_kind = SY_ROW_SECTOR;
        return true;
    case SY_TABLE_MESSAGES:
        *ret_kind = SY_ROW_MESSAGE;
        return true;
    case SY_TABLE_MINERS:
        *ret_kind = SY_ROW_MINER;
        return true;
    default:
        return false;
    }
}

static int keep_feed(struct sy_journal *journal, const struct sy_change *change,
                     enum sy_row_kind kind)
{
    struct feed *feed = sy_mem_alloc(sizeof *feed);
    if (!feed)
        return -SY_E_NOMEM;
    feed->value = sy_mem_dup(change->value, change->value_bytes);
    if (!feed->value) {
        sy_mem_free(feed);
        return -SY_E_NOMEM;
    }
    feed->event = journal->batch.last_event;
    feed->kind = kind;
    feed->key_bytes = change->key_bytes;
    feed->value_bytes = change->value_bytes;
    memcpy(feed->key, change->key, change->key_bytes);
    if (journal->feed_tail)
        journal->feed_tail->next = feed;
    else
        journal->feed_head = feed;
    journal->feed_tail = feed;
    return 0;
}

static void free_feed(struct feed *feed)
{
    sy_mem_free(feed->value);
    sy_mem_free(feed);
}

static void collect_feeds(struct sy_journal *journal)
{
    for (uint32_t i = 0; i < journal->batch.count; i++) {
        const struct sy_change *change = &journal->batch.changes[i];
        enum sy_row_kind kind;
        if (!change->remove && is_fed(change->table, &kind) && keep_feed(journal, change, kind))
            SY_ERROR("journal", "row_not_fed", "batch=%llu err=\"out of memory\"",
                     (unsigned long long)journal->batch.last_event);
    }
}

static void deliver_feed(struct sy_journal *journal, const struct feed *feed)
{
    const struct sy_table *codec = sy_record_codec(feed->kind);
    sy_arena_reset(journal->arena);
    void *row = sy_arena_alloc(journal->arena, codec->struct_bytes);
    struct sy_error err = {0};
    int rc = row ? sy_record_decode_row(feed->kind, feed->key, feed->key_bytes, feed->value,
                                        feed->value_bytes, journal->arena, row, &err)
                 : sy_fail(&err, SY_E_NOMEM, "row: out of memory");
    if (rc) {
        char text[SY_ERROR_TEXT_BYTES + 8];
        SY_ERROR("journal", "row_not_fed", "err=%s", sy_log_value(err.text, text, sizeof text));
        return;
    }
    journal->opts.on_row(journal->opts.ctx, feed->kind, row);
}

static void release_feeds(struct sy_journal *journal)
{
    while (journal->feed_head && journal->feed_head->event <= journal->durable) {
        struct feed *feed = journal->feed_head;
        journal->feed_head = feed->next;
        if (!journal->feed_head)
            journal->feed_tail = NULL;
        deliver_feed(journal, feed);
        free_feed(feed);
    }
}

/* ---------------------------------------------------------------- parked calls -------------- */

static struct parked *pop_parked(struct sy_journal *journal)
{
    struct parked *parked = journal->parked_head;
    journal->parked_head = parked->next;
    if (!journal->parked_head)
        journal->parked_tail = NULL;
    journal->parked_count--;
    return parked;
}

static void release_parked(struct sy_journal *journal)
{
    while (!journal->failed && journal->parked_head &&
           journal->parked_head->event <= journal->durable) {
        struct parked *parked = pop_parked(journal);
        parked->fn(parked->ctx, true);
        sy_mem_free(parked);
    }
}

static void drop_parked(struct sy_journal *journal)
{
    while (journal->parked_head) {
        struct parked *parked = pop_parked(journal);
        parked->fn(parked->ctx, false);
        sy_mem_free(parked);
    }
    while (journal->feed_head) {
        struct feed *feed = journal->feed_head;
        journal->feed_head = feed->next;
        free_feed(feed);
    }
    journal->feed_tail = NULL;
}

int sy_journal_park(struct sy_journal *journal, void (*fn)(void *ctx, bool durable), void *ctx,
                    struct sy_error *err)
{
    if (journal->failed)
        return sy_fail(err, SY_E_IO, "the store failed: nothing is answered any more");
    if (!journal->parked_head && journal->applied <= journal->durable) {
        fn(ctx, true);
        return 0;
    }
    if (journal->parked_count >= SY_JOURNAL_PARKED_MAX)
        return sy_fail(err, SY_E_LIMIT, "%d replies wait for the store already: try again later",
                       SY_JOURNAL_PARKED_MAX);
    struct parked *parked = sy_mem_alloc(sizeof *parked);
    if (!parked)
        return sy_fail(err, SY_E_NOMEM, "no memory for a reply");
    *parked = (struct parked){.event = journal->applied, .fn = fn, .ctx = ctx};
    if (journal->parked_tail)
        journal->parked_tail->next = parked;
    else
        journal->parked_head = parked;
    journal->parked_tail = parked;
    journal->parked_count++;
    return 0;
}

/* ---------------------------------------------------------------- store --------------------- */

static void fail_journal(struct sy_journal *journal, const struct sy_error *err)
{
    if (journal->failed)
        return;
    journal->failed = true;
    journal->opts.on_failed(journal->opts.ctx, err);
}

static void on_store_failed(void *ctx, const struct sy_error *err)
{
    fail_journal(ctx, err);
}

static void on_store_durable(void *ctx, uint64_t last_event)
{
    struct sy_journal *journal = ctx;
    while (journal->in_flight_count && journal->in_flight[journal->in_flight_first] <= last_event) {
        journal->in_flight_first = (journal->in_flight_first + 1) % SY_JOURNAL_BATCHES_MAX;
        journal->in_flight_count--;
    }
    journal->durable = SY_MAX(journal->durable, last_event);
    SY_FAULT("journal.before_release");
    release_parked(journal);
    SY_FAULT("journal.after_release");
    release_feeds(journal);
    if (journal->opts.on_durable)
        journal->opts.on_durable(journal->opts.ctx);
}

/* Adds the changed rows and hands the batch over. -SY_E_NOMEM leaves everything for a later try. */
static int submit_batch(struct sy_journal *journal, struct sy_error *err)
{
    if (journal->in_flight_count == SY_JOURNAL_BATCHES_MAX)
        return sy_fail(err, SY_E_AGAIN, "the store is %d batches behind: try again later",
                       SY_JOURNAL_BATCHES_MAX);
    int rc = sy_record_flush(journal->opts.state, &journal->batch, err);
    if (rc)
        return rc;
    if (journal->opts.want_rows)
        collect_feeds(journal);
    uint64_t last_event = journal->batch.last_event;
    struct sy_error failure = {0};
    SY_FAULT("journal.before_submit");
    rc = journal->opts.store->ops->submit(journal->opts.store->self, &journal->batch, &failure);
    if (rc) {
        fail_journal(journal, &failure);
        if (err)
            *err = failure;
        return rc;
    }
    uint32_t at = (journal->in_flight_first + journal->in_flight_count) % SY_JOURNAL_BATCHES_MAX;
    journal->in_flight[at] = last_event;
    journal->in_flight_count++;
    return 0;
}

void sy_journal_flush(struct sy_journal *journal)
{
    struct sy_error err = {0};
    if (journal->failed || journal->in_flight_count || journal->batch.count == 0)
        return;
    if (submit_batch(journal, &err) && !journal->failed) {
        char text[SY_ERROR_TEXT_BYTES + 8];
        SY_WARN("journal", "flush_later", "err=%s", sy_log_value(err.text, text, sizeof text));
    }
}

int sy_journal_event(struct sy_journal *journal, uint32_t kind, const void *body,
                     struct sy_error *err)
{
    if (journal->failed)
        return sy_fail(err, SY_E_IO, "the store failed: nothing can be changed any more");
    if (sy_record_batch_is_full(journal->opts.state, &journal->batch)) {
        int rc = submit_batch(journal, err);
        if (rc)
            return rc;
    }
    int rc = sy_record_apply(journal->opts.state, &journal->batch,
                             sy_env_wall_ms(journal->opts.env), kind, body, err);
    if (rc)
        return rc;
    journal->applied = journal->batch.last_event;
    if (journal->opts.on_event)
        journal->opts.on_event(journal->opts.ctx, kind);
    return 0;
}

uint64_t sy_journal_last(const struct sy_journal *journal)
{
    return journal->applied;
}

uint64_t sy_journal_durable(const struct sy_journal *journal)
{
    return journal->durable;
}

bool sy_journal_is_idle(const struct sy_journal *journal)
{
    return journal->batch.count == 0 && journal->in_flight_count == 0;
}

bool sy_journal_is_failed(const struct sy_journal *journal)
{
    return journal->failed;
}

int sy_journal_create(struct sy_journal **ret, const struct sy_journal_opts *opts,
                      struct sy_batch *first, struct sy_error *err)
{
    struct sy_journal *journal = sy_mem_alloc(sizeof *journal);
    if (!journal)
        return sy_fail(err, SY_E_NOMEM, "journal: out of memory");
    journal->opts = *opts;
    journal->applied = sy_state_meta(opts->state)->last_event;
    journal->durable = journal->applied;
    journal->arena = sy_arena_create(ROW_ARENA_BYTES);
    int rc = journal->arena ? 0 : sy_fail(err, SY_E_NOMEM, "journal: out of memory");
    if (rc == 0)
        rc = opts->store->ops->start(opts->store->self, opts->loop, on_store_durable,
                                     on_store_failed, journal, err);
    if (rc == 0 && first->count) {
        journal->batch = *first;
        *first = (struct sy_batch){0};
        rc = submit_batch(journal, err);
    }
    if (rc) {
        sy_journal_destroy(journal);
        return rc;
    }
    *ret = journal;
    return 0;
}

void sy_journal_destroy(struct sy_journal *journal)
{
    if (!journal)
        return;
    drop_parked(journal);
    sy_batch_fini(&journal->batch);
    sy_arena_destroy(journal->arena);
    sy_mem_free(journal);
}
