/* Indexes of the state: intrusive lists and counters that follow the rows, and loading rows back.
 */
#include "scheduler/core/state_internal.h"

#include <string.h>

#include <utlist.h>

static bool task_is_open(uint32_t task_state)
{
    return task_state == SY_TASK_QUEUED || task_state == SY_TASK_LEASED ||
           task_state == SY_TASK_RUNNING;
}

/* Oldest id first. A task that comes back after a failure is older than most: search from the end
 * only when it does not belong there. */
static void queue_insert(struct sy_state *state, struct task_node *task)
{
    struct task_node **head = &state->queue[task->row.stage];
    struct task_node *after = *head == NULL ? NULL : (*head)->prev;
    while (after != NULL && after->row.id > task->row.id)
        after = after == *head ? NULL : after->prev;
    if (after == NULL)
        DL_PREPEND(*head, task);
    else
        DL_APPEND_ELEM(*head, after, task);
}

static void list_enter(struct sy_state *state, struct task_node *task)
{
    uint32_t stage = task->row.stage;
    if (task->row.state == SY_TASK_QUEUED) {
        queue_insert(state, task);
    } else if (task->row.state == SY_TASK_LEASED || task->row.state == SY_TASK_RUNNING) {
        task->agent = find_agent(state, task->row.agent);
        if (task->agent != NULL) {
            DL_APPEND(task->agent->active, task);
            task->agent->used[stage]++;
        }
    }
}

static void list_leave(struct sy_state *state, struct task_node *task)
{
    uint32_t stage = task->row.stage;
    if (task->row.state == SY_TASK_QUEUED) {
        DL_DELETE(state->queue[stage], task);
    } else if ((task->row.state == SY_TASK_LEASED || task->row.state == SY_TASK_RUNNING) &&
               task->agent != NULL) {
        DL_DELETE(task->agent->active, task);
        task->agent->used[stage]--;
    }
}

void index_task_add(struct sy_state *state, struct task_node *task)
{
    state->task_count[task->row.stage][task->row.state]++;
    state->open_tasks += task_is_open(task->row.state);
    list_enter(state, task);
}

void index_task_state(struct sy_state *state, struct task_node *task, uint32_t task_state)
{
    bool stays_active = (task->row.state == SY_TASK_LEASED && task_state == SY_TASK_RUNNING);
    state->task_count[task->row.stage][task->row.state]--;
    state->task_count[task->row.stage][task_state]++;
    state->open_tasks -= task_is_open(task->row.state);
    state->open_tasks += task_is_open(task_state);
    if (!stays_active)
        list_leave(state, task);
    task->row.state = task_state;
    if (!stays_active)
        list_enter(state, task);
}

void index_task_link(struct task_node *task, struct sector_node *sector)
{
    task->sector = sector;
    if (sector == NULL)
        return;
    if (sector->tasks_last == NULL)
        sector->tasks = task;
    else
        sector->tasks_last->sector_next = task;
    sector->tasks_last = task;
}

void index_task_stopping(struct sy_state *state, struct task_node *task)
{
    task->agent = find_agent(state, task->row.agent);
    task->stopping = true;
    DL_APPEND(state->stopping, task);
    if (task->agent != NULL)
        task->agent->stopping[task->row.stage]++;
}

void index_task_stopped(struct sy_state *state, struct task_node *task)
{
    task->stopping = false;
    DL_DELETE(state->stopping, task);
    if (task->agent != NULL)
        task->agent->stopping[task->row.stage]--;
}

void index_sector_add(struct sy_state *state, struct sector_node *sector)
{
    DL_APPEND(state->in[sector->row.state], sector);
    state->in_count[sector->row.state]++;
}

void index_sector_state(struct sy_state *state, struct sector_node *sector, uint32_t sector_state)
{
    DL_DELETE(state->in[sector->row.state], sector);
    state->in_count[sector->row.state]--;
    sector->row.state = sector_state;
    index_sector_add(state, sector);
}

void mark_dirty(struct sy_state *state, struct node *node)
{
    if (node->dirty)
        return;
    node->dirty = true;
    DL_APPEND(state->dirty, node);
    state->dirty_count++;
}

/* ---- recovery ---- */

static bool text_ends(const char *text, size_t capacity)
{
    return strnlen(text, capacity) < capacity;
}

static int put_check(enum sy_row_kind kind, const void *row, struct sy_error *err)
{
    const struct sy_sector *sector = row;
    const struct sy_task *task = row;
    const struct sy_job *job = row;
    const struct sy_message *message = row;
    bool sane = true;
    if (kind == SY_ROW_SECTOR)
        sane = sy_sector_state_name(sector->state) != NULL &&
               sector->failed_from < SY_SECTOR_STATE_COUNT;
    else if (kind == SY_ROW_TASK)
        sane = sy_stage_name(task->stage) != NULL && sy_task_state_name(task->state) != NULL &&
               text_ends(task->agent, sizeof(task->agent));
    else if (kind == SY_ROW_JOB)
        sane = sy_job_kind_name(job->kind) != NULL && sy_job_state_name(job->state) != NULL;
    else if (kind == SY_ROW_MESSAGE)
        sane = sy_message_kind_name(message->kind) != NULL &&
               sy_message_state_name(message->state) != NULL;
    uint8_t key[SY_STATE_KEY_BYTES_MAX];
    if (!sane || sy_state_key(kind, row, key) == 0)
        return sy_fail(err, SY_E_CORRUPT,
                       "row of kind %d has a state, stage or key that is not known", (int)kind);
    return 0;
}

int sy_state_put(struct sy_state *state, enum sy_row_kind kind, const void *row,
                 struct sy_error *err)
{
    if ((int)kind < 0 || kind >= SY_ROW_KIND_COUNT)
        return sy_fail(err, SY_E_BUG, "row kind %d does not exist", (int)kind);
    int rc = put_check(kind, row, err);
    if (rc != 0)
        return rc;
    if (kind == SY_ROW_META) {
        state->meta.row = *(const struct sy_meta *)row;
        return 0;
    }
    uint8_t key[SY_STATE_KEY_BYTES_MAX];
    uint32_t key_bytes = sy_state_key(kind, row, key);
    if (find_node(state, kind, key, key_bytes) != NULL)
        return sy_fail(err, SY_E_EXISTS, "row of kind %d is there already", (int)kind);
    struct node *node = node_create(kind);
    if (node == NULL || !vector_reserve(&state->rows[kind], 1) ||
        !row_copy(kind, node_row(node), row)) {
        node_destroy(node);
        return sy_fail(err, SY_E_NOMEM, "no memory to load a row of kind %d", (int)kind);
    }
    vector_insert(&state->rows[kind], node);
    if (kind == SY_ROW_AGENT) {
        struct agent_node *agent = (struct agent_node *)node;
        agent->hello_ms = agent->row.last_seen_ms;
        agent->row.liveness = SY_AGENT_OFFLINE;
    } else if (kind == SY_ROW_STORE) {
        struct sy_store_row *store = node_row(node);
        store->online = false;
    }
    return 0;
}

static int load_task(struct sy_state *state, struct task_node *task, struct sy_error *err)
{
    struct sector_node *sector = find_sector(state, task->row.miner, task->row.number);
    if (sector == NULL)
        return sy_fail(err, SY_E_CORRUPT,
                       "task %llu is of sector %llu of miner %llu, which is missing",
                       (unsigned long long)task->row.id, (unsigned long long)task->row.number,
                       (unsigned long long)task->row.miner);
    index_task_link(task, sector);
    index_task_add(state, task);
    if (task->row.state != SY_TASK_CANCELLED || task->row.attempt == 0)
        return 0;
    /* Cancelled while an attempt was out: nobody told us yet that it is gone. */
    struct node *node = find_attempt(state, task->row.id, task->row.attempt);
    const struct sy_attempt *attempt = node == NULL ? NULL : node_row(node);
    if (attempt != NULL && !attempt->ok && attempt->error_class == SY_CLASS_NONE)
        index_task_stopping(state, task);
    return 0;
}

int sy_state_finish_load(struct sy_state *state, struct sy_error *err)
{
    struct vector *sectors = &state->rows[SY_ROW_SECTOR];
    for (size_t i = 0; i < sectors->count; i++)
        index_sector_add(state, (struct sector_node *)sectors->items[i]);
    struct vector *tasks = &state->rows[SY_ROW_TASK];
    for (size_t i = 0; i < tasks->count; i++) {
        int rc = load_task(state, (struct task_node *)tasks->items[i], err);
        if (rc != 0)
            return rc;
    }
    struct vector *messages = &state->rows[SY_ROW_MESSAGE];
    for (size_t i = 0; i < messages->count; i++) {
        const struct sy_message *message = node_row(messages->items[i]);
        if (message->signed_bytes.bytes == 0)
            continue;
        if (!sender_reserve(state))
            return sy_fail(err, SY_E_NOMEM, "no memory for the table of senders");
        sender_note(state, message->from, message->nonce);
    }
    return 0;
}
