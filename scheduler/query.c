/* QUERY: which rows, which page; see query.h. */
#include "scheduler/query.h"

#include "common/hex.h"
#include "scheduler/query_status.h"
#include "scheduler/scheduler.h"
#include "scheduler/tuning.h"

#include <stdlib.h>
#include <string.h>

/* Rows that one request may look at; the rest comes with the next page. */
#define SCAN_ROWS_MAX 65536
#define WHY_BYTES_MAX (256u * 1024)
#define WHY_ARENA_BYTES (256u << 20)

/* ---------------------------------------------------------------- who is meant --------------- */

int sy_query_miner(const struct sy_scheduler *scheduler, uint64_t miner, uint64_t *ret,
                   struct sy_error *err)
{
    size_t count = sy_state_count(scheduler->state, SY_ROW_MINER);
    if (miner) {
        if (!sy_state_miner(scheduler->state, miner))
            return sy_fail(err, SY_E_NOT_FOUND, "miner t0%llu is not served by this scheduler",
                           (unsigned long long)miner);
        *ret = miner;
        return 0;
    }
    if (count != 1)
        return sy_fail(err, SY_E_ARG, "%zu miners are served here: say which one with --miner",
                       count);
    const struct sy_miner *only = sy_state_at(scheduler->state, SY_ROW_MINER, 0);
    *ret = only->id;
    return 0;
}

int sy_query_sector(const struct sy_scheduler *scheduler, uint64_t miner, uint64_t number,
                    const struct sy_sector **ret, struct sy_error *err)
{
    uint64_t id = 0;
    int rc = sy_query_miner(scheduler, miner, &id, err);
    if (rc)
        return rc;
    const struct sy_sector *sector = sy_state_sector(scheduler->state, id, number);
    if (!sector)
        return sy_fail(err, SY_E_NOT_FOUND, "miner t0%llu has no sector %llu",
                       (unsigned long long)id, (unsigned long long)number);
    *ret = sector;
    return 0;
}

/* ---------------------------------------------------------------- pages --------------------- */

struct page {
    struct sy_scheduler *scheduler;
    const struct sy_msg_query *query;
    json_t *rows;
    size_t bytes;
    size_t limit;
    bool full;
};

/* Takes the reference. False when the page is full and the row was not added. */
static bool add_row(struct page *page, json_t *row)
{
    size_t bytes = row ? json_dumpb(row, NULL, 0, JSON_COMPACT) + 1 : 0;
    size_t count = json_array_size(page->rows);
    if (!row || count >= page->limit || (count && page->bytes + bytes > SY_QUERY_BYTES_MAX)) {
        json_decref(row);
        page->full = true;
        return false;
    }
    page->bytes += bytes;
    json_array_append_new(page->rows, row);
    return true;
}

static int finish_page(struct page *page, bool more, uint64_t next, json_t **ret,
                       struct sy_error *err)
{
    json_t *answer = json_pack("{s:o, s:o}", "rows", page->rows, "next",
                               more ? json_integer((json_int_t)next) : json_null());
    if (!answer)
        return sy_fail(err, SY_E_NOMEM, "answer: out of memory");
    *ret = answer;
    return 0;
}

/* Rows of a kind by position; the cursor is the position of the next row. */
struct listing {
    enum sy_row_kind kind;
    bool (*matches)(const struct page *page, const void *row);
    json_t *(*print)(const struct page *page, const void *row);
};

static int list_positions(struct page *page, const struct listing *listing, json_t **ret,
                          struct sy_error *err)
{
    const struct sy_state *state = page->scheduler->state;
    size_t count = sy_state_count(state, listing->kind);
    size_t at = page->query->after < count ? (size_t)page->query->after : count;
    size_t end = SY_MIN(count, at + SCAN_ROWS_MAX);
    for (; at < end; at++) {
        const void *row = sy_state_at(state, listing->kind, at);
        if (listing->matches && !listing->matches(page, row))
            continue;
        if (!add_row(page, listing->print(page, row)))
            break;
    }
    return finish_page(page, at < count, at, ret, err);
}

static bool matches_sector(const struct page *page, const void *row)
{
    const struct sy_sector *sector = row;
    enum sy_sector_state state = 0;
    if (page->query->miner && sector->miner != page->query->miner)
        return false;
    if (page->query->text[0] == '\0')
        return true;
    return sy_sector_state_parse(page->query->text, &state) == 0 && sector->state == state;
}

static json_t *print_sector(const struct page *page, const void *row)
{
    return sy_query_sector_json(page->scheduler, row);
}

static bool matches_job(const struct page *page, const void *row)
{
    const struct sy_job *job = row;
    return !page->query->miner || job->miner == page->query->miner;
}

static json_t *print_job(const struct page *page, const void *row)
{
    return sy_query_job_json(page->scheduler, row);
}

static json_t *print_agent(const struct page *page, const void *row)
{
    json_t *json = sy_query_agent_json(page->scheduler, row);
    json_object_del(json, "topology"); /* large; `agent` shows it */
    return json;
}

static json_t *print_store(const struct page *page, const void *row)
{
    (void)page;
    return sy_query_store_json(row);
}

static bool matches_message(const struct page *page, const void *row)
{
    const struct sy_message *message = row;
    return !page->query->miner || message->miner == page->query->miner;
}

static json_t *print_message(const struct page *page, const void *row)
{
    (void)page;
    return sy_query_message_json(row);
}

static bool is_open(const struct sy_task *task)
{
    return task->state == SY_TASK_QUEUED || task->state == SY_TASK_LEASED ||
           task->state == SY_TASK_RUNNING;
}

/* The id from which on ended tasks are listed too. */
static uint64_t first_shown_ended(const struct sy_state *state)
{
    size_t at = sy_state_count(state, SY_ROW_TASK);
    size_t ended = 0, seen = 0;
    uint64_t id = UINT64_MAX;
    while (at > 0 && ended < SY_QUERY_ENDED_TASKS && seen < SCAN_ROWS_MAX) {
        const struct sy_task *task = sy_state_at(state, SY_ROW_TASK, --at);
        id = task->id;
        seen++;
        if (!is_open(task))
            ended++;
    }
    return id;
}

static json_t *print_task(const struct page *page, const void *row)
{
    json_t *json = sy_query_task_json(page->scheduler, row);
    json_object_del(json, "result"); /* `task` shows it */
    return json;
}

static int list_tasks(struct page *page, json_t **ret, struct sy_error *err)
{
    const struct sy_state *state = page->scheduler->state;
    size_t count = sy_state_count(state, SY_ROW_TASK);
    size_t at = sy_state_task_position(state, page->query->after);
    size_t end = SY_MIN(count, at + SCAN_ROWS_MAX);
    uint64_t shown_from = first_shown_ended(state), next = page->query->after;
    for (; at < end; at++) {
        const struct sy_task *task = sy_state_at(state, SY_ROW_TASK, at);
        next = task->id;
        if (!is_open(task) && task->id < shown_from)
            continue;
        if (!add_row(page, print_task(page, task)))
            break;
        next = task->id + 1;
    }
    return finish_page(page, at < count, next, ret, err);
}

static const struct {
    const char *what;
    struct listing listing;
} listings[] = {
    {"sectors", {SY_ROW_SECTOR, matches_sector, print_sector}},
    {"jobs", {SY_ROW_JOB, matches_job, print_job}},
    {"agents", {SY_ROW_AGENT, NULL, print_agent}},
    {"stores", {SY_ROW_STORE, NULL, print_store}},
    {"messages", {SY_ROW_MESSAGE, matches_message, print_message}},
};

/* ---------------------------------------------------------------- single rows --------------- */

typedef int answer_fn(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                      json_t **ret, struct sy_error *err);

static int give(json_t *json, json_t **ret, struct sy_error *err)
{
    if (!json)
        return sy_fail(err, SY_E_NOMEM, "answer: out of memory");
    *ret = json;
    return 0;
}

static int answer_status(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                         json_t **ret, struct sy_error *err)
{
    (void)query;
    return give(sy_query_status_json(scheduler), ret, err);
}

static json_t *tasks_of_sector(const struct sy_scheduler *scheduler, const struct sy_sector *sector)
{
    json_t *list = json_array();
    for (const struct sy_task *task = sy_state_sector_task_first(sector); list && task;
         task = sy_state_sector_task_next(task)) {
        json_t *row = sy_query_task_json(scheduler, task);
        json_object_del(row, "result");
        json_array_append_new(list, row);
    }
    return list;
}

static int answer_sector(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                         json_t **ret, struct sy_error *err)
{
    const struct sy_sector *sector = NULL;
    int rc = sy_query_sector(scheduler, query->miner, query->id, &sector, err);
    if (rc)
        return rc;
    json_t *row = sy_query_sector_json(scheduler, sector);
    if (row)
        json_object_set_new(row, "tasks", tasks_of_sector(scheduler, sector));
    return give(row, ret, err);
}

/* How far the running task of a sector is, 0 to 1. */
static double stage_part(const struct sy_scheduler *scheduler, const struct sy_sector *sector)
{
    for (const struct sy_task *task = sy_state_sector_task_first(sector); task;
         task = sy_state_sector_task_next(task)) {
        const struct sy_progress *progress =
            sy_links_progress(scheduler->links, task->id, task->attempt);
        if (progress && task->state == SY_TASK_RUNNING && progress->total)
            return SY_MIN((double)progress->done / (double)progress->total, 1.0);
    }
    return 0;
}

static json_t *job_progress(const struct sy_scheduler *scheduler, const struct sy_job *job)
{
    json_t *list = json_array();
    const struct sy_number *numbers = job->sectors.items;
    for (uint32_t i = 0; list && i < job->sectors.count; i++) {
        const struct sy_sector *sector =
            sy_state_sector(scheduler->state, job->miner, numbers[i].value);
        if (sector)
            json_array_append_new(
                list, json_pack("{s:I, s:s, s:f, s:s}", "number", (json_int_t)sector->number,
                                "state", sy_sector_state_name(sector->state), "stage_part",
                                stage_part(scheduler, sector), "error", sector->error));
    }
    return list;
}

static int answer_job(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                      json_t **ret, struct sy_error *err)
{
    const struct sy_job *job = sy_state_job(scheduler->state, query->id);
    if (!job)
        return sy_fail(err, SY_E_NOT_FOUND, "job %llu is not known", (unsigned long long)query->id);
    json_t *row = sy_query_job_json(scheduler, job);
    if (row)
        json_object_set_new(row, "progress", job_progress(scheduler, job));
    return give(row, ret, err);
}

static int find_task(const struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                     const struct sy_task **ret, struct sy_error *err)
{
    *ret = sy_state_task(scheduler->state, query->id);
    return *ret ? 0
                : sy_fail(err, SY_E_NOT_FOUND, "task %llu is not known",
                          (unsigned long long)query->id);
}

static int answer_task(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                       json_t **ret, struct sy_error *err)
{
    const struct sy_task *task = NULL;
    int rc = find_task(scheduler, query, &task, err);
    if (rc)
        return rc;
    json_t *row = sy_query_task_json(scheduler, task);
    json_t *attempts = json_array();
    size_t at = sy_state_attempt_position(scheduler->state, task->id, 0);
    size_t count = sy_state_count(scheduler->state, SY_ROW_ATTEMPT);
    for (; at < count; at++) {
        const struct sy_attempt *attempt = sy_state_at(scheduler->state, SY_ROW_ATTEMPT, at);
        if (attempt->task != task->id)
            break;
        json_array_append_new(attempts, sy_table_to_json(&sy_table_attempt, attempt));
    }
    if (row)
        json_object_set(row, "attempts", attempts);
    json_decref(attempts);
    return give(row, ret, err);
}

/* Lines "AGENT: reason" become rows; other lines are about all agents. */
static json_t *why_rows(const struct sy_scheduler *scheduler, char *text)
{
    json_t *rows = json_array();
    char *rest = text, *line;
    while (rows && (line = strsep(&rest, "\n"))) {
        const char *reason = line;
        char *colon = strchr(line, ':');
        json_t *agent = NULL;
        if (line[0] == '\0' || (colon && colon[1] == '\0'))
            continue; /* "task 7 (PC1 of sector 3) waits:" stands over the agents' lines */
        if (colon) {
            *colon = '\0';
            char *name = line + strspn(line, " ");
            if (sy_state_agent(scheduler->state, name)) {
                agent = json_string(name);
                reason = colon + 1 + strspn(colon + 1, " ");
            } else {
                *colon = ':';
            }
        }
        json_array_append_new(rows, json_pack("{s:o?, s:s}", "agent", agent, "reason", reason));
    }
    return rows;
}

static int answer_why(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                      json_t **ret, struct sy_error *err)
{
    const struct sy_task *task = NULL;
    int rc = find_task(scheduler, query, &task, err);
    if (rc)
        return rc;
    struct sy_plan_policy policy = sy_tuning_plan(&scheduler->policy);
    struct sy_view *view = NULL;
    json_t *answer = NULL;
    struct sy_arena *arena = sy_arena_create(WHY_ARENA_BYTES);
    char *text = sy_mem_alloc(WHY_BYTES_MAX);
    rc = arena && text ? 0 : sy_fail(err, SY_E_NOMEM, "answer: out of memory");
    if (rc == 0)
        rc = sy_snapshot_build(scheduler->state, arena, &view, err);
    if (rc == 0) {
        sy_plan_why(view, &policy, sy_env_wall_ms(scheduler->env), task->id, arena, text,
                    WHY_BYTES_MAX);
        json_t *whole = json_string(text);
        answer = json_pack("{s:I, s:s, s:s, s:o, s:o}", "task", (json_int_t)task->id, "stage",
                           sy_stage_name(task->stage), "state", sy_task_state_name(task->state),
                           "rows", why_rows(scheduler, text), "text", whole);
        rc = give(answer, ret, err);
    }
    sy_mem_free(text);
    sy_arena_destroy(arena);
    return rc;
}

static int answer_agent(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                        json_t **ret, struct sy_error *err)
{
    const struct sy_agent *agent = sy_state_agent(scheduler->state, query->text);
    if (!agent)
        return sy_fail(err, SY_E_NOT_FOUND, "agent \"%s\" is not known: it never said hello",
                       query->text);
    json_t *row = sy_query_agent_json(scheduler, agent);
    json_t *stores = json_array(), *tasks = json_array();
    size_t count = sy_state_count(scheduler->state, SY_ROW_STORE);
    for (size_t i = 0; i < count; i++) {
        const struct sy_store_row *store = sy_state_at(scheduler->state, SY_ROW_STORE, i);
        if (strcmp(store->agent, agent->name) == 0)
            json_array_append_new(stores, sy_query_store_json(store));
    }
    for (const struct sy_task *task = sy_state_active_first(scheduler->state, agent->name); task;
         task = sy_state_active_next(task))
        json_array_append_new(tasks, sy_query_task_json(scheduler, task));
    if (row) {
        json_object_set(row, "stores", stores);
        json_object_set(row, "tasks", tasks);
    }
    json_decref(stores);
    json_decref(tasks);
    return give(row, ret, err);
}

/* What a store holds of a sector, by what the stages so far have left there. */
static const char *scratch_holds(const struct sy_sector *sector)
{
    if (sector->state >= SY_SECTOR_SubmitPreCommitBatch)
        return "unsealed, sealed, cache";
    return sector->state >= SY_SECTOR_PreCommit1 ? "unsealed, cache" : "unsealed";
}

static void add_store(const struct sy_scheduler *scheduler, json_t *rows, const char *uuid,
                      const char *holds)
{
    const struct sy_store_row *store = uuid[0] ? sy_state_store(scheduler->state, uuid) : NULL;
    json_t *row = store ? sy_query_store_json(store) : NULL;
    if (!row)
        return;
    json_object_set_new(row, "holds", json_string(holds));
    json_array_append_new(rows, row);
}

static int answer_store_find(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                             json_t **ret, struct sy_error *err)
{
    const struct sy_sector *sector = NULL;
    int rc = sy_query_sector(scheduler, query->miner, query->id, &sector, err);
    if (rc)
        return rc;
    json_t *rows = json_array();
    bool removed = sector->state == SY_SECTOR_Removed;
    if (rows && !removed && sector->state != SY_SECTOR_Proving) /* FIN empties the scratch */
        add_store(scheduler, rows, sector->scratch_store, scratch_holds(sector));
    if (rows && !removed) {
        add_store(scheduler, rows, sector->long_store,
                  sector->keep_unsealed ? "unsealed, sealed, cache" : "sealed, cache");
    }
    return give(json_pack("{s:o, s:n}", "rows", rows, "next"), ret, err);
}

static int answer_head(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                       json_t **ret, struct sy_error *err)
{
    (void)query;
    json_t *head = sy_query_head_json(scheduler);
    if (json_is_null(head)) {
        json_decref(head);
        return sy_fail(
            err, SY_E_NOT_FOUND,
            "no chain head is known: is [plugin.chain] configured, does its node answer?");
    }
    return give(head, ret, err);
}

static int answer_policy(struct sy_scheduler *scheduler, const struct sy_msg_query *query,
                         json_t **ret, struct sy_error *err)
{
    (void)query;
    const struct sy_meta *meta = sy_state_meta(scheduler->state);
    char digest[SY_HEX_TEXT_BYTES(SY_HASH_BYTES)];
    const char *path = scheduler->options->policy_path;
    return give(json_pack("{s:s, s:s, s:I, s:o}", "file", path[0] ? path : "built in", "digest",
                          sy_hex_encode(meta->policy_digest, SY_HASH_BYTES, digest), "accepted_ms",
                          (json_int_t)meta->policy_ms, "policy",
                          sy_policy_to_json(&scheduler->policy)),
                ret, err);
}

static const struct {
    const char *what;
    answer_fn *answer;
} answers[] = {
    {"status", answer_status}, {"sector", answer_sector},   {"job", answer_job},
    {"task", answer_task},     {"task-why", answer_why},    {"agent", answer_agent},
    {"policy", answer_policy}, {"chain-head", answer_head}, {"store-find", answer_store_find},
};

int sy_query_answer(struct sy_scheduler *scheduler, const struct sy_msg_query *query, json_t **ret,
                    struct sy_error *err)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(answers); i++)
        if (strcmp(answers[i].what, query->what) == 0)
            return answers[i].answer(scheduler, query, ret, err);
    struct page page = {
        .scheduler = scheduler,
        .query = query,
        .limit =
            query->limit ? SY_MIN(query->limit, (uint32_t)SY_QUERY_ROWS_MAX) : SY_QUERY_ROWS_MAX,
    };
    bool tasks = strcmp(query->what, "tasks") == 0;
    const struct listing *listing = NULL;
    for (size_t i = 0; i < SY_ARRAY_SIZE(listings); i++)
        if (strcmp(listings[i].what, query->what) == 0)
            listing = &listings[i].listing;
    if (!tasks && !listing)
        return sy_fail(err, SY_E_ARG, "query \"%s\" is not known to this version", query->what);
    page.rows = json_array();
    if (!page.rows)
        return sy_fail(err, SY_E_NOMEM, "answer: out of memory");
    return tasks ? list_tasks(&page, ret, err) : list_positions(&page, listing, ret, err);
}
