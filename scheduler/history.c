/* Reading events back; see history.h. */
#include "scheduler/history.h"

#include "scheduler/history_text.h"
#include "scheduler/query.h"
#include "scheduler/scheduler.h"

#include <string.h>
#include <utlist.h>

#define EVENT_ARENA_BYTES (4u << 20)

struct sy_history_request {
    struct sy_scheduler *scheduler;
    struct sy_peer peer;
    uint64_t sequence;
    struct sy_history_subject subject;
    bool with_body;
    size_t limit;
    uint64_t next_number; /* where the walk stands */
    json_t *rows;
    size_t bytes;
    bool full;
    struct sy_error failure;
    struct sy_arena *arena;
    struct sy_history_request *next, *prev;
};

static void encode_key(uint64_t number, uint8_t key[8])
{
    for (int i = 0; i < 8; i++)
        key[i] = (uint8_t)(number >> (56 - 8 * i));
}

static void free_request(struct sy_history_request *request)
{
    struct sy_scheduler *scheduler = request->scheduler;
    DL_DELETE(scheduler->histories, request);
    scheduler->history_count--;
    json_decref(request->rows);
    sy_arena_destroy(request->arena);
    sy_mem_free(request);
}

void sy_history_fini(struct sy_scheduler *scheduler)
{
    while (scheduler->histories)
        free_request(scheduler->histories);
}

static json_t *event_json(const struct sy_history_request *request, const struct sy_event *event)
{
    char text[SY_HISTORY_SUMMARY_BYTES];
    const char *name = sy_event_name(event->kind);
    json_t *row = json_pack("{s:I, s:I, s:s, s:s}", "number", (json_int_t)event->number, "wall_ms",
                            (json_int_t)event->wall_ms, "event", name ? name : "UNKNOWN", "summary",
                            sy_history_summary(event, text));
    if (row && request->with_body && sy_event_table(event->kind))
        json_object_set_new(row, "body",
                            sy_table_to_json(sy_event_table(event->kind), event->body));
    return row;
}

/* One record, on the store's thread. False ends the walk. */
static bool visit_record(void *ctx, const void *key, size_t key_bytes, const void *value,
                         size_t value_bytes)
{
    struct sy_history_request *request = ctx;
    struct sy_event event;
    sy_arena_reset(request->arena);
    if (sy_record_decode_event(key, key_bytes, value, value_bytes, request->arena, &event,
                               &request->failure))
        return false;
    if (sy_history_concerns(&request->subject, &event)) {
        json_t *row = event_json(request, &event);
        size_t bytes = row ? json_dumpb(row, NULL, 0, JSON_COMPACT) + 1 : 0;
        size_t count = json_array_size(request->rows);
        request->full =
            count >= request->limit || (count && request->bytes + bytes > SY_QUERY_BYTES_MAX);
        if (!row || request->full) {
            json_decref(row);
            request->full = true;
            return false;
        }
        request->bytes += bytes;
        json_array_append_new(request->rows, row);
    }
    request->next_number = event.number + 1;
    return true;
}

static void answer_request(struct sy_history_request *request, bool more)
{
    /* the cursor of `after` names the last event that was looked at */
    json_t *next = more ? json_integer((json_int_t)request->next_number - 1) : json_null();
    json_t *answer = json_pack("{s:O, s:o}", "rows", request->rows, "next", next);
    sy_rpc_reply_json(request->scheduler, &request->peer, request->sequence, answer);
    free_request(request);
}

static int start_scan(struct sy_history_request *request, struct sy_error *err);

static void on_scanned(void *ctx, int rc, bool more, const struct sy_error *err)
{
    struct sy_history_request *request = ctx;
    struct sy_error failure = request->failure;
    if (rc && err)
        failure = *err;
    if (rc == 0 && failure.code == 0 && more && !request->full) {
        rc = start_scan(request, &failure);
        if (rc == 0)
            return;
    }
    if (failure.code) {
        sy_rpc_reply_failure(request->scheduler, &request->peer, request->sequence, &failure);
        free_request(request);
        return;
    }
    answer_request(request, request->full);
}

static int start_scan(struct sy_history_request *request, struct sy_error *err)
{
    const struct sy_store *store = &request->scheduler->store;
    uint8_t key[8];
    encode_key(request->next_number, key);
    return store->ops->scan(store->self, SY_TABLE_EVENTS, key, sizeof key, SY_HISTORY_SCAN_RECORDS,
                            visit_record, on_scanned, request, err);
}

/* ---------------------------------------------------------------- whose events -------------- */

static void add_once(uint64_t *list, size_t *count, uint64_t value)
{
    for (size_t i = 0; i < *count; i++)
        if (list[i] == value)
            return;
    if (*count < SY_HISTORY_SUBJECT_MAX)
        list[(*count)++] = value;
}

static int find_subject(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                        struct sy_history_subject *ret, struct sy_error *err)
{
    const struct sy_sector *sector = NULL;
    int rc = sy_query_sector(scheduler, query->miner, query->id, &sector, err);
    if (rc)
        return rc;
    ret->miner = sector->miner;
    ret->number = sector->number;
    memcpy(ret->precommit_uid, sector->precommit_uid, sizeof ret->precommit_uid);
    memcpy(ret->commit_uid, sector->commit_uid, sizeof ret->commit_uid);
    add_once(ret->jobs, &ret->job_count, sector->job);
    for (const struct sy_task *task = sy_state_sector_task_first(sector); task;
         task = sy_state_sector_task_next(task)) {
        add_once(ret->tasks, &ret->task_count, task->id);
        add_once(ret->jobs, &ret->job_count, task->job);
    }
    return 0;
}

static bool holds(const uint64_t *list, size_t count, uint64_t value)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == value)
            return true;
    return false;
}

static bool names_sector(const struct sy_history_subject *subject, const struct sy_message *message)
{
    const struct sy_number *numbers = message->sectors.items;
    /* later events about a message name only its uid */
    if (message->uid[0] && (strcmp(message->uid, subject->precommit_uid) == 0 ||
                            strcmp(message->uid, subject->commit_uid) == 0))
        return true;
    if (message->miner != subject->miner)
        return false;
    for (uint32_t i = 0; i < message->sectors.count; i++)
        if (numbers[i].value == subject->number)
            return true;
    return false;
}

bool sy_history_concerns(const struct sy_history_subject *subject, const struct sy_event *event)
{
    struct sy_history_ids ids;
    if (subject->miner == 0)
        return true;
    sy_history_ids_of(event, &ids);
    if (ids.message)
        return names_sector(subject, ids.message);
    if (ids.has_sector && ids.miner == subject->miner && ids.number == subject->number)
        return true;
    return (ids.task && holds(subject->tasks, subject->task_count, ids.task)) ||
           (ids.job && holds(subject->jobs, subject->job_count, ids.job));
}

/* ---------------------------------------------------------------- request ------------------- */

static int fill_request(struct sy_history_request *request, const struct sy_msg_query *query,
                        struct sy_error *err)
{
    request->with_body = strcmp(query->what, "events") == 0;
    request->next_number = query->after + 1;
    request->limit =
        query->limit ? SY_MIN(query->limit, (uint32_t)SY_QUERY_ROWS_MAX) : SY_QUERY_ROWS_MAX;
    request->arena = sy_arena_create(EVENT_ARENA_BYTES);
    request->rows = json_array();
    if (!request->arena || !request->rows)
        return sy_fail(err, SY_E_NOMEM, "history: out of memory");
    return request->with_body ? 0 : find_subject(request->scheduler, query, &request->subject, err);
}

int sy_history_query(struct sy_scheduler *scheduler, const struct sy_peer *peer, uint64_t sequence,
                     const struct sy_msg_query *query, struct sy_error *err)
{
    if (!scheduler->store.ops->scan)
        return sy_fail(err, SY_E_UNSUPPORTED, "this store cannot read its history back");
    if (scheduler->history_count >= SY_HISTORY_WAITING_MAX)
        return sy_fail(err, SY_E_LIMIT, "%d requests read the history already: try again later",
                       SY_HISTORY_WAITING_MAX);
    struct sy_history_request *request = sy_mem_alloc(sizeof *request);
    if (!request)
        return sy_fail(err, SY_E_NOMEM, "history: out of memory");
    request->scheduler = scheduler;
    request->peer = *peer;
    request->sequence = sequence;
    DL_APPEND(scheduler->histories, request);
    scheduler->history_count++;
    int rc = fill_request(request, query, err);
    if (rc == 0)
        rc = start_scan(request, err);
    if (rc)
        free_request(request);
    return rc;
}
