/* What a change does to sectors, tasks and jobs. Every allocation was made before (struct change).
 */
#include "scheduler/core/retry.h"
#include "scheduler/core/state_internal.h"

#include <stdio.h>
#include <string.h>

void text_copy(char *dst, size_t dst_bytes, const char *src)
{
    size_t bytes = strnlen(src, dst_bytes - 1);
    memmove(dst, src, bytes);
    memset(dst + bytes, 0, dst_bytes - bytes);
}

struct node *change_take(struct change *change, enum sy_row_kind kind)
{
    struct node *node = change->spares[kind];
    SY_ASSERT(node != NULL); /* the event's prepare step counted too few */
    change->spares[kind] = node->next;
    node->next = NULL;
    return node;
}

void *change_blob(struct change *change, unsigned slot)
{
    void *blob = change->blobs[slot];
    change->blobs[slot] = NULL;
    return blob;
}

static int64_t now_of(const struct change *change)
{
    return change->event->wall_ms;
}

/* ---- tasks ---- */

void attempt_end(struct change *change, struct task_node *task, bool ok, uint32_t error_class,
                 const char *error)
{
    struct node *node = find_attempt(change->state, task->row.id, task->row.attempt);
    if (node == NULL) /* only after the row was damaged and lost */
        return;
    struct sy_attempt *row = node_row(node);
    row->ended_ms = now_of(change);
    row->ok = ok;
    row->error_class = error_class;
    text_copy(row->error, sizeof(row->error), error);
    mark_dirty(change->state, node);
}

void task_end(struct change *change, struct task_node *task, uint32_t task_state,
              uint32_t error_class, const char *error)
{
    index_task_state(change->state, task, task_state);
    task->row.ended_ms = now_of(change);
    task->row.error_class = error_class;
    text_copy(task->row.error, sizeof(task->row.error), error);
    mark_dirty(change->state, &task->node);
}

struct task_node *task_create(struct change *change, struct sector_node *sector, uint32_t stage,
                              uint64_t job)
{
    struct sy_state *state = change->state;
    struct task_node *task = (struct task_node *)change_take(change, SY_ROW_TASK);
    task->row.id = state->meta.row.next_task++;
    task->row.job = job;
    task->row.miner = sector->row.miner;
    task->row.number = sector->row.number;
    task->row.stage = stage;
    task->row.state = SY_TASK_QUEUED;
    task->row.created_ms = now_of(change);
    vector_insert(&state->rows[SY_ROW_TASK], &task->node);
    index_task_link(task, sector);
    index_task_add(state, task);
    mark_dirty(state, &task->node);
    return task;
}

/* The sector leaves its state: the task of that state is no longer wanted. */
void sector_cancel_tasks(struct change *change, struct sector_node *sector)
{
    for (struct task_node *task = sector->tasks; task != NULL; task = task->sector_next) {
        uint32_t was = task->row.state;
        if (!sy_fsm_runs(sector->row.state, task->row.stage))
            continue;
        if (was != SY_TASK_QUEUED && was != SY_TASK_LEASED && was != SY_TASK_RUNNING)
            continue;
        if (was != SY_TASK_QUEUED)
            attempt_end(change, task, false, SY_CLASS_NONE, "cancelled");
        task_end(change, task, SY_TASK_CANCELLED, SY_CLASS_NONE, "cancelled");
        if (was != SY_TASK_QUEUED)
            index_task_stopping(change->state, task);
    }
}

/* ---- jobs ---- */

void job_end(struct change *change, uint64_t job, uint32_t job_state, const char *error)
{
    struct node *node = find_job(change->state, job);
    struct sy_job *row = node == NULL ? NULL : node_row(node);
    if (row == NULL || row->state == SY_JOB_CANCELLED)
        return;
    row->state = job_state;
    row->ended_ms = job_state == SY_JOB_ACTIVE ? 0 : now_of(change);
    text_copy(row->error, sizeof(row->error), error);
    mark_dirty(change->state, node);
}

static bool is_resting(uint32_t state)
{
    return sy_sector_state_is_final(state) || sy_sector_state_is_failed(state);
}

/* A sealing job ends when every sector has come to rest; it is done when all of them prove. */
void job_settle(struct change *change, uint64_t job)
{
    struct sy_state *state = change->state;
    struct node *node = find_job(state, job);
    const struct sy_job *row = node == NULL ? NULL : node_row(node);
    if (row == NULL || (row->kind != SY_JOB_PLEDGE && row->kind != SY_JOB_SEAL))
        return;
    const struct sy_number *numbers = row->sectors.items;
    uint32_t proving = 0, resting = 0;
    for (uint32_t i = 0; i < row->sectors.count; i++) {
        const struct sector_node *sector = find_sector(state, row->miner, numbers[i].value);
        uint32_t is = sector == NULL ? (uint32_t)SY_SECTOR_Removed : sector->row.state;
        proving += is == SY_SECTOR_Proving;
        resting += is_resting(is);
    }
    uint32_t want = SY_JOB_ACTIVE;
    if (resting == row->sectors.count)
        want = proving == resting ? SY_JOB_DONE : SY_JOB_FAILED;
    if (want == row->state)
        return;
    char text[SY_ROW_TEXT_BYTES] = "";
    if (want == SY_JOB_FAILED)
        (void)snprintf(text, sizeof(text), "%u of %u sectors did not get to Proving",
                       row->sectors.count - proving, row->sectors.count);
    job_end(change, job, want, text);
}

/* ---- sectors ---- */

static uint64_t job_of_stage(const struct sector_node *sector, uint32_t stage)
{
    uint64_t job = sector->row.job;
    for (const struct task_node *task = sector->tasks; task != NULL; task = task->sector_next) {
        if (stage == SY_STAGE_REMOVE && task->row.stage == SY_STAGE_REMOVE)
            job = task->row.job;
    }
    return job;
}

static void note_failure(struct sy_sector *row, uint32_t error_class, const char *error)
{
    row->failures += row->failures < UINT32_MAX;
    row->error_class = error_class;
    text_copy(row->error, sizeof(row->error), error);
}

static void note_success(struct sy_sector *row)
{
    row->failures = 0;
    row->failed_from = 0;
    row->error_class = SY_CLASS_NONE;
    text_copy(row->error, sizeof(row->error), "");
}

/* A new ticket means new labels: what came from the old ones is void. */
static void forget_sealing(struct sy_sector *row)
{
    row->ticket_epoch = 0;
    memset(row->ticket, 0, sizeof(row->ticket));
    memset(row->replica_id, 0, sizeof(row->replica_id));
    memset(row->comm_r, 0, sizeof(row->comm_r));
    text_copy(row->comm_r_cid, sizeof(row->comm_r_cid), "");
}

void sector_move(struct change *change, struct sector_node *sector, struct sy_fsm_step step,
                 uint32_t error_class, const char *error)
{
    struct sy_state *state = change->state;
    struct sy_sector *row = &sector->row;
    uint32_t from = row->state;
    bool queued =
        step.next == SY_SECTOR_PreCommitBatchWait || step.next == SY_SECTOR_CommitAggregateWait;
    if (error != NULL)
        note_failure(row, error_class, error);
    else if (!queued)
        note_success(row); /* waiting for a message is no success yet: keep counting refusals */
    if (error != NULL)
        row->failed_from = step.failed_from;
    if (step.next == SY_SECTOR_GetTicket)
        forget_sealing(row);
    mark_dirty(state, &sector->node);
    if (step.next != from) {
        index_sector_state(state, sector, step.next);
        row->state_ms = now_of(change);
    }
    if (step.stage != 0) {
        uint64_t job = job_of_stage(sector, step.stage);
        (void)task_create(change, sector, step.stage, job);
        if (job != row->job && step.stage == SY_STAGE_REMOVE)
            job_end(change, job, SY_JOB_ACTIVE, "");
    }
    if (is_resting(from) || is_resting(step.next))
        job_settle(change, row->job);
}

void sector_begin_removal(struct change *change, struct sector_node *sector,
                          struct sy_fsm_step step, const char *reason, uint64_t job)
{
    struct sy_state *state = change->state;
    struct sy_sector *row = &sector->row;
    sector_cancel_tasks(change, sector);
    text_copy(row->remove_reason, sizeof(row->remove_reason), reason);
    bool nothing_there = row->scratch_agent[0] == '\0' && row->long_store[0] == '\0';
    row->failed_from = 0;
    index_sector_state(state, sector, nothing_there ? (uint32_t)SY_SECTOR_Removed : step.next);
    row->state_ms = now_of(change);
    row->failures = 0;
    mark_dirty(state, &sector->node);
    if (!nothing_there)
        (void)task_create(change, sector, SY_STAGE_REMOVE, job);
    else if (job != row->job)
        job_end(change, job, SY_JOB_DONE, "");
    job_settle(change, row->job);
}
