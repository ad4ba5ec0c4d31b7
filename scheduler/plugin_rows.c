/* Row cache and queues of the plugins; see plugin_rows.h.
 *
 * A row's work item for one plugin is idle, ready (FIFO), delayed (after a failure), or taken. A
 * put makes idle and delayed items ready and marks a taken one as changed, so that it runs once
 * more. A row that is not live any more is freed when no plugin has work left on it.
 */
#include "scheduler/plugin_rows.h"

#include "scheduler/plugin_host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Out of memory in the table is an error, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

enum work_state { WORK_IDLE, WORK_READY, WORK_DELAYED, WORK_TAKEN };

struct row;
/* struct sy_plugin_row_ref of the header. */
struct sy_plugin_row_ref {
    struct row *row;
    enum work_state state;
    bool changed; /* a newer version came while it was taken */
    uint32_t failures;
    uint64_t due_ms; /* delayed only */
    struct sy_plugin_row_ref *next, *prev;
};

struct row {
    char key[SY_PLUGIN_ROW_KEY_BYTES];
    enum sy_plugin_row_kind kind;
    bool live;
    void *data;
    size_t bytes;
    UT_hash_handle hh;
    struct sy_plugin_row_ref work[]; /* one per plugin */
};

struct queue {
    struct sy_plugin_row_ref *ready, *delayed;
    size_t ready_count, delayed_count;
};

struct sy_plugin_rows {
    size_t plugin_count;
    struct row *table;
    struct queue queues[SY_SCHEDULER_PLUGINS_MAX];
};

struct sy_plugin_rows *sy_plugin_rows_create(size_t plugin_count)
{
    SY_ASSERT(plugin_count <= SY_SCHEDULER_PLUGINS_MAX);
    struct sy_plugin_rows *rows = sy_mem_alloc(sizeof *rows);
    if (rows)
        rows->plugin_count = plugin_count;
    return rows;
}

static void free_row(struct sy_plugin_rows *rows, struct row *row)
{
    HASH_DEL(rows->table, row);
    sy_mem_free(row->data);
    sy_mem_free(row);
}

void sy_plugin_rows_destroy(struct sy_plugin_rows *rows)
{
    if (!rows)
        return;
    struct row *row, *next;
    HASH_ITER(hh, rows->table, row, next)
    {
        free_row(rows, row);
    }
    sy_mem_free(rows);
}

const char *sy_plugin_rows_sector_key(uint64_t miner, uint64_t number, char *key)
{
    snprintf(key, SY_PLUGIN_ROW_KEY_BYTES, "s%" PRIu64 "/%" PRIu64, miner, number);
    return key;
}

const char *sy_plugin_rows_message_key(const char *uid, char *key)
{
    snprintf(key, SY_PLUGIN_ROW_KEY_BYTES, "m%s", uid);
    return key;
}

static void make_ready(struct queue *queue, struct sy_plugin_row_ref *ref)
{
    DL_APPEND(queue->ready, ref);
    queue->ready_count++;
    ref->state = WORK_READY;
}

static void remove_delayed(struct queue *queue, struct sy_plugin_row_ref *ref)
{
    DL_DELETE(queue->delayed, ref);
    queue->delayed_count--;
}

static struct row *add_row(struct sy_plugin_rows *rows, enum sy_plugin_row_kind kind,
                           const char *key)
{
    struct row *row = sy_mem_alloc(sizeof *row + rows->plugin_count * sizeof row->work[0]);
    if (!row)
        return NULL;
    snprintf(row->key, sizeof row->key, "%s", key);
    row->kind = kind;
    for (size_t i = 0; i < rows->plugin_count; i++)
        row->work[i].row = row;
    HASH_ADD_STR(rows->table, key, row);
    if (!row->hh.tbl) {
        sy_mem_free(row);
        return NULL;
    }
    return row;
}

int sy_plugin_rows_put(struct sy_plugin_rows *rows, enum sy_plugin_row_kind kind, const char *key,
                       bool live, const void *data, size_t bytes, struct sy_error *err)
{
    void *copy = sy_mem_dup(data, bytes);
    struct row *row = NULL;
    HASH_FIND_STR(rows->table, key, row);
    if (copy && !row)
        row = add_row(rows, kind, key);
    if (!copy || !row) {
        sy_mem_free(copy);
        return sy_fail(err, SY_E_NOMEM, "plugin row %s: out of memory", key);
    }
    sy_mem_free(row->data);
    row->data = copy;
    row->bytes = bytes;
    row->live = live;
    for (size_t i = 0; i < rows->plugin_count; i++) {
        struct sy_plugin_row_ref *ref = &row->work[i];
        ref->failures = 0;
        if (ref->state == WORK_DELAYED)
            remove_delayed(&rows->queues[i], ref);
        if (ref->state == WORK_TAKEN)
            ref->changed = true;
        else if (ref->state != WORK_READY)
            make_ready(&rows->queues[i], ref);
    }
    return 0;
}

bool sy_plugin_rows_get(const struct sy_plugin_rows *rows, const char *key, const void **ret_data,
                        size_t *ret_bytes)
{
    struct row *row = NULL;
    HASH_FIND_STR(rows->table, key, row);
    if (!row)
        return false;
    *ret_data = row->data;
    *ret_bytes = row->bytes;
    return true;
}

/* The first delayed item that is due. The list is in order of failure, not of due time; it is
 * short. */
static struct sy_plugin_row_ref *find_due(struct queue *queue, uint64_t now_ms)
{
    struct sy_plugin_row_ref *ref;
    DL_FOREACH(queue->delayed, ref)
    {
        if (ref->due_ms <= now_ms)
            return ref;
    }
    return NULL;
}

struct sy_plugin_row_ref *sy_plugin_rows_take(struct sy_plugin_rows *rows, size_t plugin,
                                              uint64_t now_ms, enum sy_plugin_row_kind *ret_kind,
                                              const void **ret_data, size_t *ret_bytes)
{
    struct queue *queue = &rows->queues[plugin];
    struct sy_plugin_row_ref *ref = find_due(queue, now_ms);
    if (ref) {
        remove_delayed(queue, ref);
    } else if (queue->ready) {
        ref = queue->ready;
        DL_DELETE(queue->ready, ref);
        queue->ready_count--;
    } else {
        return NULL;
    }
    ref->state = WORK_TAKEN;
    ref->changed = false;
    *ret_kind = ref->row->kind;
    *ret_data = ref->row->data;
    *ret_bytes = ref->row->bytes;
    return ref;
}

static uint64_t backoff_ms(uint32_t failures)
{
    uint64_t ms = SY_PLUGIN_BACKOFF_FIRST_MS;
    for (uint32_t i = 1; i < failures && ms < SY_PLUGIN_BACKOFF_MAX_MS; i++)
        ms *= 2;
    return SY_MIN(ms, (uint64_t)SY_PLUGIN_BACKOFF_MAX_MS);
}

static bool is_idle_everywhere(const struct sy_plugin_rows *rows, const struct row *row)
{
    for (size_t i = 0; i < rows->plugin_count; i++)
        if (row->work[i].state != WORK_IDLE)
            return false;
    return true;
}

uint64_t sy_plugin_rows_done(struct sy_plugin_rows *rows, size_t plugin,
                             struct sy_plugin_row_ref *ref, bool ok, uint64_t now_ms)
{
    struct queue *queue = &rows->queues[plugin];
    uint64_t wait_ms = 0;
    ref->state = WORK_IDLE;
    if (ref->changed) {
        ref->failures = 0;
        wait_ms = ok ? 0 : backoff_ms(1);
        make_ready(queue, ref);
    } else if (!ok) {
        ref->failures++;
        wait_ms = backoff_ms(ref->failures);
        ref->due_ms = now_ms + wait_ms;
        ref->state = WORK_DELAYED;
        DL_APPEND(queue->delayed, ref);
        queue->delayed_count++;
    } else {
        ref->failures = 0;
        if (!ref->row->live && is_idle_everywhere(rows, ref->row))
            free_row(rows, ref->row);
    }
    return wait_ms;
}

uint64_t sy_plugin_rows_due(const struct sy_plugin_rows *rows, size_t plugin)
{
    const struct queue *queue = &rows->queues[plugin];
    if (queue->ready)
        return 0;
    uint64_t due_ms = UINT64_MAX;
    const struct sy_plugin_row_ref *ref;
    DL_FOREACH(queue->delayed, ref)
    {
        due_ms = SY_MIN(due_ms, ref->due_ms);
    }
    return due_ms;
}

void sy_plugin_rows_counts(const struct sy_plugin_rows *rows, size_t plugin, size_t *ret_ready,
                           size_t *ret_delayed)
{
    *ret_ready = rows->queues[plugin].ready_count;
    *ret_delayed = rows->queues[plugin].delayed_count;
}
