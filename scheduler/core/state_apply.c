/* Applying an event: prepare everything that may fail, then change. Jobs, tasks and small rows
 * here; tickets, seeds, messages in state_apply_chain.c. */
#include "scheduler/core/retry.h"
#include "scheduler/core/state_internal.h"

#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- preparing ---- */

static int no_memory(struct change *change, struct sy_error *err)
{
    return sy_fail(err, SY_E_NOMEM, "no memory to apply event %llu", (ull)change->event->number);
}

int change_nodes(struct change *change, enum sy_row_kind kind, size_t count, struct sy_error *err)
{
    if (!vector_reserve(&change->state->rows[kind], count))
        return no_memory(change, err);
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_create(kind);
        if (node == NULL)
            return no_memory(change, err);
        node->next = change->spares[kind];
        change->spares[kind] = node;
    }
    return 0;
}

int change_copy(struct change *change, unsigned slot, const void *data, size_t bytes,
                struct sy_error *err)
{
    if (bytes == 0)
        return 0;
    change->blobs[slot] = sy_mem_dup(data, bytes);
    return change->blobs[slot] == NULL ? no_memory(change, err) : 0;
}

static void change_fini(struct change *change)
{
    for (int kind = 0; kind < SY_ROW_KIND_COUNT; kind++) {
        while (change->spares[kind] != NULL) {
            struct node *node = change->spares[kind];
            change->spares[kind] = node->next;
            node_destroy(node);
        }
    }
    for (unsigned i = 0; i < SY_CHANGE_BLOBS_MAX; i++)
        sy_mem_free(change->blobs[i]);
}

void swap_slice(struct sy_slice *slice, void *blob, uint32_t bytes)
{
    sy_mem_free((void *)(uintptr_t)slice->data);
    *slice = (struct sy_slice){.data = blob, .bytes = blob == NULL ? 0 : bytes};
}

void swap_list(struct sy_list *list, void *blob, uint32_t count)
{
    sy_mem_free(list->items);
    *list = (struct sy_list){.items = blob, .count = blob == NULL ? 0 : count};
}

/* A fresh deep copy of row, not yet in the vector, and the row it replaces (NULL = new). */
int apply_upsert(struct change *change, enum sy_row_kind kind, const void *row,
                 struct node **ret_old, struct node **ret_new, struct sy_error *err)
{
    uint8_t key[SY_STATE_KEY_BYTES_MAX];
    uint32_t key_bytes = sy_state_key(kind, row, key);
    struct node *old = find_node(change->state, kind, key, key_bytes);
    int rc = change_nodes(change, kind, 1, err);
    if (rc != 0)
        return rc;
    if (!row_copy(kind, node_row(change->spares[kind]), row))
        return no_memory(change, err);
    *ret_old = old;
    *ret_new = change_take(change, kind);
    return 0;
}

/* Puts the new row in the place of the old one (whose node stays) or into the vector. */
static struct node *upsert_commit(struct change *change, struct node *old, struct node *fresh)
{
    struct sy_state *state = change->state;
    enum sy_row_kind kind = (enum sy_row_kind)fresh->kind;
    struct node *kept = fresh;
    if (old == NULL) {
        vector_insert(&state->rows[kind], fresh);
    } else {
        row_clear(kind, node_row(old));
        memcpy(node_row(old), node_row(fresh), row_bytes(kind));
        sy_mem_free(fresh); /* its lists and slices moved */
        kept = old;
    }
    mark_dirty(state, kept);
    return kept;
}

/* ---- small rows ---- */

static int apply_miner(struct change *change, struct sy_error *err)
{
    struct sy_miner row = *(const struct sy_miner *)change->event->body;
    struct node *old = NULL, *fresh = NULL;
    struct node *known = find_miner(change->state, row.id);
    if (known != NULL) { /* what the chain told stays */
        row.next_number = ((struct sy_miner *)node_row(known))->next_number;
        row.floor_known = ((struct sy_miner *)node_row(known))->floor_known;
    }
    int rc = apply_upsert(change, SY_ROW_MINER, &row, &old, &fresh, err);
    if (rc == 0)
        (void)upsert_commit(change, old, fresh);
    return rc;
}

static int apply_agent(struct change *change, struct sy_error *err)
{
    struct sy_agent row = *(const struct sy_agent *)change->event->body;
    const struct agent_node *known = find_agent(change->state, row.name);
    struct node *old = NULL, *fresh = NULL;
    row.first_seen_ms = known == NULL ? change->event->wall_ms : known->row.first_seen_ms;
    row.last_seen_ms = change->event->wall_ms;
    row.liveness = known == NULL ? (uint32_t)SY_AGENT_OFFLINE : known->row.liveness;
    row.paused = known != NULL && known->row.paused;
    row.draining = known != NULL && known->row.draining;
    int rc = apply_upsert(change, SY_ROW_AGENT, &row, &old, &fresh, err);
    if (rc != 0)
        return rc;
    struct agent_node *agent = (struct agent_node *)upsert_commit(change, old, fresh);
    agent->hello_ms = row.last_seen_ms;
    return 0;
}

static int apply_identity(struct change *change, struct sy_error *err)
{
    struct node *old = NULL, *fresh = NULL;
    int rc = apply_upsert(change, SY_ROW_IDENTITY, change->event->body, &old, &fresh, err);
    if (rc == 0)
        (void)upsert_commit(change, old, fresh);
    return rc;
}

static int apply_store(struct change *change, struct sy_error *err)
{
    struct node *old = NULL, *fresh = NULL;
    int rc = apply_upsert(change, SY_ROW_STORE, change->event->body, &old, &fresh, err);
    if (rc == 0)
        (void)upsert_commit(change, old, fresh);
    return rc;
}

static void apply_name(struct change *change)
{
    struct sy_state *state = change->state;
    const struct sy_ev_name *body = change->event->body;
    if (change->event->kind == SY_EVENT_IDENTITY_REVOKED) {
        struct node *node = find_name(state, SY_ROW_IDENTITY, body->name);
        ((struct sy_identity *)node_row(node))->revoked = true;
        mark_dirty(state, node);
        return;
    }
    struct agent_node *agent = find_agent(state, body->name);
    agent->row.paused = change->event->kind == SY_EVENT_AGENT_PAUSED;
    mark_dirty(state, &agent->node);
}

/* ---- jobs ---- */

static struct sy_job *job_create(struct change *change, const struct sy_ev_job_submitted *body)
{
    struct sy_state *state = change->state;
    struct node *node = change_take(change, SY_ROW_JOB);
    struct sy_job *job = node_row(node);
    job->id = state->meta.row.next_job++;
    job->kind = body->kind;
    job->state = SY_JOB_ACTIVE;
    job->miner = body->miner;
    job->created_ms = change->event->wall_ms;
    job->offset_bytes = body->offset_bytes;
    job->size_bytes = body->size_bytes;
    text_copy(job->submitter, sizeof(job->submitter), body->submitter);
    memcpy(job->idempotency_key, body->idempotency_key, SY_IDEMPOTENCY_BYTES);
    vector_insert(&state->rows[SY_ROW_JOB], node);
    mark_dirty(state, node);

    struct node *key = change_take(change, SY_ROW_IDEMPOTENCY);
    struct sy_idempotency *idempotency = node_row(key);
    memcpy(idempotency->key, body->idempotency_key, SY_IDEMPOTENCY_BYTES);
    idempotency->job = job->id;
    idempotency->created_ms = job->created_ms;
    vector_insert(&state->rows[SY_ROW_IDEMPOTENCY], key);
    mark_dirty(state, key);
    return job;
}

static void sector_create(struct change *change, struct sy_miner *miner, const struct sy_job *job,
                          const struct sy_ev_job_submitted *body)
{
    struct sy_state *state = change->state;
    struct sector_node *sector = (struct sector_node *)change_take(change, SY_ROW_SECTOR);
    struct sy_sector *row = &sector->row;
    row->miner = miner->id;
    row->number = miner->next_number++;
    row->job = job->id;
    row->proof_type = miner->proof_type;
    row->state = SY_SECTOR_Empty;
    row->created_ms = change->event->wall_ms;
    row->state_ms = change->event->wall_ms;
    row->keep_unsealed = body->keep_unsealed;
    if (body->kind == SY_JOB_SEAL)
        swap_list(&row->pieces, change_blob(change, 1), body->pieces.count);
    vector_insert(&state->rows[SY_ROW_SECTOR], &sector->node);
    index_sector_add(state, sector);
    mark_dirty(state, &sector->node);
    sector_move(change, sector, sy_fsm_step(row->state, SY_FSM_CREATED, 0, 0), 0, NULL);
}

static void job_begin_sealing(struct change *change, const struct sy_ev_job_submitted *body,
                              uint32_t count)
{
    struct sy_state *state = change->state;
    struct node *miner_node = find_miner(state, body->miner);
    struct sy_miner *miner = node_row(miner_node);
    struct sy_job *job = job_create(change, body);
    struct sy_number *numbers = change_blob(change, 0);
    for (uint32_t i = 0; i < count; i++)
        numbers[i].value = miner->next_number + i;
    job->count = count;
    swap_list(&job->sectors, numbers, count);
    for (uint32_t i = 0; i < count; i++)
        sector_create(change, miner, job, body);
    mark_dirty(state, miner_node);
}

static int apply_job_submitted(struct change *change, struct sy_error *err)
{
    const struct sy_ev_job_submitted *body = change->event->body;
    bool sealing = body->kind == SY_JOB_PLEDGE || body->kind == SY_JOB_SEAL;
    uint32_t count = body->kind == SY_JOB_PLEDGE ? body->count : 1;
    int rc = change_nodes(change, SY_ROW_JOB, 1, err);
    if (rc == 0)
        rc = change_nodes(change, SY_ROW_IDEMPOTENCY, 1, err);
    if (rc == 0)
        rc = change_nodes(change, SY_ROW_TASK, count, err);
    if (rc == 0 && sealing)
        rc = change_nodes(change, SY_ROW_SECTOR, count, err);
    if (rc == 0 && body->kind == SY_JOB_SEAL)
        rc = change_copy(change, 1, body->pieces.items,
                         body->pieces.count * sizeof(struct sy_piece), err);
    if (rc != 0)
        return rc;
    struct sy_number *numbers = sy_mem_alloc_array(count, sizeof(*numbers));
    change->blobs[0] = numbers;
    if (numbers == NULL)
        return no_memory(change, err);
    if (sealing) {
        job_begin_sealing(change, body, count);
        return 0;
    }
    struct sector_node *sector = find_sector(change->state, body->miner, body->number);
    struct sy_job *job = job_create(change, body);
    numbers[0].value = body->number;
    job->count = 1;
    swap_list(&job->sectors, change_blob(change, 0), 1);
    if (body->kind == SY_JOB_UNSEAL)
        (void)task_create(change, sector, SY_STAGE_UNSEAL, job->id);
    else
        sector_begin_removal(change, sector, sy_fsm_step(sector->row.state, SY_FSM_REMOVE, 0, 0),
                             body->submitter, job->id);
    return 0;
}

static void cancel_unseal(struct change *change, struct sy_job *job)
{
    const struct sy_number *numbers = job->sectors.items;
    struct sector_node *sector = find_sector(change->state, job->miner, numbers[0].value);
    struct task_node *task = sector == NULL ? NULL : sector->tasks;
    for (; task != NULL; task = task->sector_next) {
        uint32_t was = task->row.state;
        if (task->row.job != job->id || task->row.stage != SY_STAGE_UNSEAL || was == SY_TASK_DONE ||
            was == SY_TASK_FAILED || was == SY_TASK_CANCELLED)
            continue;
        if (was != SY_TASK_QUEUED)
            attempt_end(change, task, false, SY_CLASS_NONE, "cancelled");
        task_end(change, task, SY_TASK_CANCELLED, SY_CLASS_NONE, "cancelled");
        if (was != SY_TASK_QUEUED)
            index_task_stopping(change->state, task);
    }
}

static int apply_job_cancelled(struct change *change, struct sy_error *err)
{
    struct sy_state *state = change->state;
    const struct sy_ev_job *body = change->event->body;
    struct node *node = find_job(state, body->job);
    struct sy_job *job = node_row(node);
    int rc = change_nodes(change, SY_ROW_TASK, job->sectors.count, err);
    if (rc != 0)
        return rc;
    char text[SY_ROW_TEXT_BYTES];
    int used = snprintf(text, sizeof(text), "cancelled by %s", body->by);
    uint32_t going_on = 0;
    const struct sy_number *numbers = job->sectors.items;
    job->state = SY_JOB_CANCELLED; /* before the sectors move: job_settle leaves it alone */
    for (uint32_t i = 0; i < job->sectors.count && job->kind != SY_JOB_UNSEAL; i++) {
        struct sector_node *sector = find_sector(state, job->miner, numbers[i].value);
        if (sector == NULL)
            continue;
        struct sy_fsm_step step = sy_fsm_step(sector->row.state, SY_FSM_CANCEL, 0, 0);
        if (step.verdict == SY_FSM_APPLY)
            sector_begin_removal(change, sector, step, "cancelled", job->id);
        else
            going_on += !sy_sector_state_is_final(sector->row.state) &&
                        sector->row.state != SY_SECTOR_Removing;
    }
    if (job->kind == SY_JOB_UNSEAL)
        cancel_unseal(change, job);
    if (going_on > 0 && used > 0 && (size_t)used < sizeof(text))
        (void)snprintf(text + used, sizeof(text) - (size_t)used,
                       "; %u of %u sectors were precommitted and continue", going_on,
                       job->sectors.count);
    text_copy(job->error, sizeof(job->error), text);
    job->ended_ms = change->event->wall_ms;
    mark_dirty(state, node);
    return 0;
}

/* ---- tasks ---- */

static int apply_task_leased(struct change *change, struct sy_error *err)
{
    struct sy_state *state = change->state;
    const struct sy_ev_task_leased *body = change->event->body;
    int rc = change_nodes(change, SY_ROW_ATTEMPT, 1, err);
    if (rc != 0)
        return rc;
    struct task_node *task = find_task(state, body->task);
    struct sy_task *row = &task->row;
    row->attempt = body->attempt;
    text_copy(row->agent, sizeof(row->agent), body->agent);
    text_copy(row->store, sizeof(row->store), body->store);
    memcpy(row->token, body->token, SY_TOKEN_BYTES);
    row->leased_ms = change->event->wall_ms;
    row->started_ms = 0;
    row->not_before_ms = 0;
    index_task_state(state, task, SY_TASK_LEASED);
    mark_dirty(state, &task->node);

    struct node *node = change_take(change, SY_ROW_ATTEMPT);
    struct sy_attempt *attempt = node_row(node);
    attempt->task = body->task;
    attempt->attempt = body->attempt;
    text_copy(attempt->agent, sizeof(attempt->agent), body->agent);
    attempt->leased_ms = change->event->wall_ms;
    vector_insert(&state->rows[SY_ROW_ATTEMPT], node);
    mark_dirty(state, node);

    if (row->stage == SY_STAGE_AP) {
        struct sector_node *sector = task->sector;
        text_copy(sector->row.scratch_agent, SY_NAME_BYTES, body->agent);
        text_copy(sector->row.scratch_store, SY_UUID_BYTES, body->store);
        mark_dirty(state, &sector->node);
    }
    return 0;
}

static void apply_task_started(struct change *change)
{
    struct sy_state *state = change->state;
    const struct sy_ev_attempt *body = change->event->body;
    struct task_node *task = find_task(state, body->task);
    index_task_state(state, task, SY_TASK_RUNNING);
    task->row.started_ms = change->event->wall_ms;
    mark_dirty(state, &task->node);
    struct node *node = find_attempt(state, body->task, body->attempt);
    if (node != NULL) {
        ((struct sy_attempt *)node_row(node))->started_ms = change->event->wall_ms;
        mark_dirty(state, node);
    }
}

static void task_requeue(struct change *change, struct task_node *task, uint32_t error_class,
                         const char *error, int64_t not_before_ms)
{
    struct sy_task *row = &task->row;
    row->not_before_ms = not_before_ms;
    row->error_class = error_class;
    text_copy(row->error, sizeof(row->error), error);
    text_copy(row->avoid_agent, sizeof(row->avoid_agent),
              error_class == SY_CLASS_RESOURCE ? row->agent : "");
    index_task_state(change->state, task, SY_TASK_QUEUED);
    mark_dirty(change->state, &task->node);
}

static void apply_task_returned(struct change *change)
{
    const struct sy_ev_attempt *body = change->event->body;
    struct task_node *task = find_task(change->state, body->task);
    attempt_end(change, task, false, body->error_class, body->error);
    int64_t pause_ms = (int64_t)sy_retry_return_ms(task->row.attempt, task->row.failures);
    task_requeue(change, task, body->error_class, body->error, change->event->wall_ms + pause_ms);
}

/* AP reports its pieces without the paths and raw sizes that the person gave: keep those. AP keeps
 * the order and puts fillers between, which are smaller than the piece that follows. */
static void merge_pieces(struct sy_piece *pieces, uint32_t count, const struct sy_list *given)
{
    const struct sy_piece *old = given->items;
    uint32_t next = 0;
    for (uint32_t i = 0; i < count && next < given->count; i++) {
        if (pieces[i].padded_bytes != old[next].padded_bytes)
            continue;
        pieces[i].raw_bytes = old[next].raw_bytes;
        text_copy(pieces[i].path, sizeof(pieces[i].path), old[next].path);
        next++;
    }
}

static void take_outputs(struct change *change, struct task_node *task)
{
    const struct sy_ev_task_result *body = change->event->body;
    struct sy_sector *row = &task->sector->row;
    struct sy_piece *pieces = NULL;
    switch (task->row.stage) {
    case SY_STAGE_AP:
        pieces = change_blob(change, 1);
        merge_pieces(pieces, body->pieces.count, &row->pieces);
        swap_list(&row->pieces, pieces, body->pieces.count);
        memcpy(row->comm_d, body->comm_d, sizeof(row->comm_d));
        text_copy(row->comm_d_cid, sizeof(row->comm_d_cid), body->comm_d_cid);
        break;
    case SY_STAGE_PC1:
        memcpy(row->replica_id, body->replica_id, sizeof(row->replica_id));
        break;
    case SY_STAGE_PC2:
        memcpy(row->comm_r, body->comm_r, sizeof(row->comm_r));
        text_copy(row->comm_r_cid, sizeof(row->comm_r_cid), body->comm_r_cid);
        break;
    case SY_STAGE_C1:
        memcpy(row->c1_digest, body->c1_digest, sizeof(row->c1_digest));
        swap_slice(&row->proof, NULL, 0); /* an older one is of another seed */
        break;
    case SY_STAGE_C2:
        swap_slice(&row->proof, change_blob(change, 2), body->proof.bytes);
        break;
    case SY_STAGE_FIN:
        text_copy(row->long_store, sizeof(row->long_store), task->row.store);
        break;
    default:
        break;
    }
}

static void result_good(struct change *change, struct task_node *task)
{
    const struct sy_ev_task_result *body = change->event->body;
    uint32_t stage = task->row.stage;
    swap_slice(&task->row.result, change_blob(change, 0), body->result.bytes);
    task_end(change, task, SY_TASK_DONE, SY_CLASS_NONE, "");
    if (stage == SY_STAGE_UNSEAL) {
        job_end(change, task->row.job, SY_JOB_DONE, "");
        return;
    }
    take_outputs(change, task);
    struct sector_node *sector = task->sector;
    struct sy_fsm_step step = sy_fsm_step(sector->row.state, SY_FSM_STAGE_OK, stage, 0);
    if (step.verdict == SY_FSM_APPLY)
        sector_move(change, sector, step, 0, NULL);
    if (stage == SY_STAGE_REMOVE && task->row.job != sector->row.job)
        job_end(change, task->row.job, SY_JOB_DONE, "");
}

static void result_bad(struct change *change, struct task_node *task)
{
    const struct sy_ev_task_result *body = change->event->body;
    struct sector_node *sector = task->sector;
    uint32_t stage = task->row.stage;
    task->row.failures++;
    if (body->retry_after_ms != 0) {
        task_requeue(change, task, body->error_class, body->error, body->retry_after_ms);
        return;
    }
    enum sy_fsm_input input =
        pc2_goes_back(sector, stage, body->error_class) ? SY_FSM_STAGE_REDO : SY_FSM_STAGE_FAILED;
    task_end(change, task, SY_TASK_FAILED, body->error_class, body->error);
    struct sy_fsm_step step = sy_fsm_step(sector->row.state, input, stage, 0);
    if (step.verdict == SY_FSM_APPLY)
        sector_move(change, sector, step, body->error_class, body->error);
    if (stage == SY_STAGE_UNSEAL || task->row.job != sector->row.job)
        job_end(change, task->row.job, SY_JOB_FAILED, body->error);
}

static int apply_task_result(struct change *change, struct sy_error *err)
{
    const struct sy_ev_task_result *body = change->event->body;
    int rc = change_nodes(change, SY_ROW_TASK, 1, err);
    if (rc == 0)
        rc = change_copy(change, 0, body->result.data, body->result.bytes, err);
    if (rc == 0)
        rc = change_copy(change, 1, body->pieces.items,
                         body->pieces.count * sizeof(struct sy_piece), err);
    if (rc == 0)
        rc = change_copy(change, 2, body->proof.data, body->proof.bytes, err);
    if (rc != 0)
        return rc;
    struct task_node *task = find_task(change->state, body->task);
    attempt_end(change, task, body->ok, body->ok ? 0 : body->error_class,
                body->ok ? "" : body->error);
    struct node *node = find_attempt(change->state, body->task, body->attempt);
    if (node != NULL) {
        struct sy_attempt *attempt = node_row(node);
        attempt->wall_ms = body->wall_ms;
        attempt->cpu_ms = body->cpu_ms;
        attempt->peak_bytes = body->peak_bytes;
    }
    if (body->ok)
        result_good(change, task);
    else
        result_bad(change, task);
    return 0;
}

/* ---- the door ---- */

static void expire_keys(struct change *change)
{
    struct sy_state *state = change->state;
    struct sy_meta *meta = &state->meta.row;
    for (int i = 0; i < SY_STATE_EXPIRE_PER_EVENT && meta->expired_job + 1 < meta->next_job; i++) {
        struct node *node = find_job(state, meta->expired_job + 1);
        if (node != NULL) {
            const struct sy_job *job = node_row(node);
            if (change->event->wall_ms - job->created_ms < SY_STATE_IDEMPOTENCY_MS)
                return;
            struct node *key = find_key(state, job->idempotency_key);
            if (key != NULL && ((struct sy_idempotency *)node_row(key))->job == job->id) {
                vector_remove(&state->rows[SY_ROW_IDEMPOTENCY], key);
                key->removed = true;
                mark_dirty(state, key);
            }
        }
        meta->expired_job++;
    }
}

static void apply_generation(struct change *change)
{
    const struct sy_ev_generation *body = change->event->body;
    struct sy_meta *meta = &change->state->meta.row;
    meta->generation = body->generation;
    memcpy(meta->instance, body->instance, sizeof(meta->instance));
    text_copy(meta->machine_id, sizeof(meta->machine_id), body->machine_id);
}

static void apply_number_floor(struct change *change)
{
    const struct sy_ev_number_floor *body = change->event->body;
    struct node *node = find_miner(change->state, body->miner);
    struct sy_miner *miner = node_row(node);
    miner->next_number = SY_MAX(miner->next_number, body->next_number);
    miner->floor_known = true;
    mark_dirty(change->state, node);
}

static int dispatch(struct change *change, struct sy_error *err)
{
    const struct sy_ev_policy *policy = change->event->body;
    switch (change->event->kind) {
    case SY_EVENT_GENERATION:
        apply_generation(change);
        return 0;
    case SY_EVENT_MINER_SET:
        return apply_miner(change, err);
    case SY_EVENT_NUMBER_FLOOR:
        apply_number_floor(change);
        return 0;
    case SY_EVENT_IDENTITY_SET:
        return apply_identity(change, err);
    case SY_EVENT_IDENTITY_REVOKED:
    case SY_EVENT_AGENT_PAUSED:
    case SY_EVENT_AGENT_RESUMED:
        apply_name(change);
        return 0;
    case SY_EVENT_AGENT_HELLO:
        return apply_agent(change, err);
    case SY_EVENT_STORE_SET:
        return apply_store(change, err);
    case SY_EVENT_JOB_SUBMITTED:
        return apply_job_submitted(change, err);
    case SY_EVENT_JOB_CANCELLED:
        return apply_job_cancelled(change, err);
    case SY_EVENT_TASK_LEASED:
        return apply_task_leased(change, err);
    case SY_EVENT_TASK_STARTED:
        apply_task_started(change);
        return 0;
    case SY_EVENT_TASK_RETURNED:
        apply_task_returned(change);
        return 0;
    case SY_EVENT_TASK_RESULT:
        return apply_task_result(change, err);
    case SY_EVENT_POLICY_ACCEPTED:
        memcpy(change->state->meta.row.policy_digest, policy->digest, sizeof(policy->digest));
        change->state->meta.row.policy_ms = change->event->wall_ms;
        return 0;
    default:
        return apply_chain(change, err);
    }
}

int sy_state_apply(struct sy_state *state, const struct sy_event *event, struct sy_error *err)
{
    struct sy_meta *meta = &state->meta.row;
    if (event->number != meta->last_event + 1)
        return sy_fail(err, SY_E_BUG, "event %llu after %llu: numbers have no gaps",
                       (ull)event->number, (ull)meta->last_event);
    int rc = sy_state_check(state, event, err);
    if (rc != 0)
        return rc;
    struct change change = {.state = state, .event = event};
    rc = dispatch(&change, err);
    change_fini(&change);
    if (rc != 0)
        return rc;
    expire_keys(&change);
    meta->last_event = event->number;
    mark_dirty(state, &state->meta.node);
    return 0;
}
