/* Would this event apply now? Jobs, sectors, tasks and the small rows; chain events are in
 * state_check_chain.c. Nothing here changes anything. */
#include "scheduler/core/state_internal.h"

#include <string.h>

typedef unsigned long long ull;

static bool is_zero(const uint8_t *data, size_t bytes)
{
    uint8_t all = 0;
    for (size_t i = 0; i < bytes; i++)
        all = (uint8_t)(all | data[i]);
    return all == 0;
}

static size_t pieces_bytes(const struct sy_list *pieces)
{
    const struct sy_piece *items = pieces->items;
    size_t sum = 0;
    for (uint32_t i = 0; i < pieces->count; i++)
        sum += 110 + strnlen(items[i].path, SY_ROW_PATH_BYTES) + 70;
    return sum;
}

/* ---- jobs ---- */

static int check_pieces(const struct sy_miner *miner, const struct sy_list *pieces,
                        struct sy_error *err)
{
    if (pieces->count == 0 || pieces->count > SY_PIECES_MAX)
        return sy_fail(err, SY_E_RANGE, "%u pieces for one sector; 1 to %d are possible",
                       pieces->count, SY_PIECES_MAX);
    const struct sy_piece *items = pieces->items;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < pieces->count; i++) {
        uint64_t padded = items[i].padded_bytes;
        if (padded < 128 || (padded & (padded - 1)) != 0)
            return sy_fail(err, SY_E_RANGE,
                           "piece %u has %llu padded bytes; expected a power of two from 128 on", i,
                           (ull)padded);
        if (padded > miner->sector_bytes)
            return sy_fail(
                err, SY_E_RANGE,
                "piece %u takes %llu padded bytes, larger than the sector of %llu: split "
                "the file or seal it with a miner of larger sectors",
                i, (ull)padded, (ull)miner->sector_bytes);
        if (items[i].raw_bytes == 0 || items[i].raw_bytes > padded / 128 * 127)
            return sy_fail(err, SY_E_RANGE,
                           "piece %u has %llu raw bytes; 1 to %llu fit into its padded size", i,
                           (ull)items[i].raw_bytes, (ull)(padded / 128 * 127));
        if (items[i].path[0] == '\0')
            return sy_fail(err, SY_E_ARG, "piece %u has no path; AddPiece has to read it", i);
        sum += padded; /* at most 256 x sector size: no overflow */
    }
    if (sum > miner->sector_bytes)
        return sy_fail(err, SY_E_RANGE,
                       "the pieces take %llu padded bytes, the sector has %llu: use fewer pieces",
                       (ull)sum, (ull)miner->sector_bytes);
    size_t row_size = pieces_bytes(pieces);
    if (row_size > SY_STATE_PIECES_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT,
                       "the pieces need about %zu bytes in a row, at most %d: use "
                       "shorter paths or fewer pieces",
                       row_size, SY_STATE_PIECES_BYTES_MAX);
    return 0;
}

static int check_new_sectors(const struct sy_state *state, const struct sy_miner *miner,
                             uint32_t count, struct sy_error *err)
{
    if (count == 0 || count > SY_JOB_SECTORS_MAX)
        return sy_fail(err, SY_E_RANGE, "%u sectors in one job; 1 to %d are possible", count,
                       SY_JOB_SECTORS_MAX);
    if (!miner->floor_known)
        return sy_fail(err, SY_E_AGAIN,
                       "the chain has not yet told which sector numbers miner %llu used; wait for "
                       "the chain plugin",
                       (ull)miner->id);
    if (state->rows[SY_ROW_SECTOR].count + count > SY_STATE_SECTORS_MAX)
        return sy_fail(err, SY_E_LIMIT, "%u more sectors would pass the limit of %u rows", count,
                       SY_STATE_SECTORS_MAX);
    if (state->open_tasks + count > SY_STATE_OPEN_TASKS_MAX)
        return sy_fail(err, SY_E_LIMIT, "%zu tasks are open, at most %u: wait until some are done",
                       state->open_tasks, SY_STATE_OPEN_TASKS_MAX);
    if (miner->next_number > INT64_MAX - SY_JOB_SECTORS_MAX)
        return sy_fail(err, SY_E_LIMIT, "sector numbers of miner %llu are used up", (ull)miner->id);
    return 0;
}

static int check_unseal(const struct sy_state *state, const struct sy_miner *miner,
                        const struct sy_ev_job_submitted *body, struct sy_error *err)
{
    const struct sector_node *sector = find_sector(state, body->miner, body->number);
    if (sector == NULL)
        return sy_fail(err, SY_E_NOT_FOUND, "sector %llu of miner %llu does not exist",
                       (ull)body->number, (ull)body->miner);
    if (sector->row.state != SY_SECTOR_Proving)
        return sy_fail(err, SY_E_STATE,
                       "sector %llu is in state %s; it can be unsealed once Proving",
                       (ull)body->number, sy_sector_state_name(sector->row.state));
    uint64_t data_bytes = miner->sector_bytes / 128 * 127, end = 0;
    if (!sy_add_ok(body->offset_bytes, body->size_bytes, &end) || end > data_bytes ||
        (body->size_bytes == 0 && body->offset_bytes != 0))
        return sy_fail(err, SY_E_RANGE,
                       "range %llu+%llu is outside the %llu data bytes of the sector (size 0 means "
                       "all and needs offset 0)",
                       (ull)body->offset_bytes, (ull)body->size_bytes, (ull)data_bytes);
    return 0;
}

int check_job_submitted(const struct sy_state *state, const struct sy_ev_job_submitted *body,
                        struct sy_error *err)
{
    if (is_zero(body->idempotency_key, SY_IDEMPOTENCY_BYTES))
        return sy_fail(err, SY_E_ARG, "the submit key is all zero; draw 16 random bytes");
    if (find_key(state, body->idempotency_key) != NULL)
        return sy_fail(err, SY_E_EXISTS, "this submit key has made a job already");
    if (body->job != state->meta.row.next_job)
        return sy_fail(err, SY_E_BUG, "job id %llu given, the next one is %llu", (ull)body->job,
                       (ull)state->meta.row.next_job);
    struct node *node = find_miner(state, body->miner);
    if (node == NULL)
        return sy_fail(err, SY_E_NOT_FOUND,
                       "miner %llu is not configured; add a [[miner]] to scheduler.toml",
                       (ull)body->miner);
    const struct sy_miner *miner = node_row(node);
    int rc = 0;
    switch (body->kind) {
    case SY_JOB_PLEDGE:
        if (body->pieces.count != 0)
            return sy_fail(err, SY_E_ARG, "a pledge has no pieces, %u given: submit kind seal",
                           body->pieces.count);
        return check_new_sectors(state, miner, body->count, err);
    case SY_JOB_SEAL:
        if (body->count > 1)
            return sy_fail(err, SY_E_RANGE, "a seal job is one sector, %u asked for", body->count);
        rc = check_pieces(miner, &body->pieces, err);
        return rc != 0 ? rc : check_new_sectors(state, miner, 1, err);
    case SY_JOB_UNSEAL:
        return check_unseal(state, miner, body, err);
    case SY_JOB_REMOVE:
        return check_sector_step(state, body->miner, body->number, SY_FSM_REMOVE, err);
    default:
        return sy_fail(err, SY_E_ARG, "job kind %u is not known", body->kind);
    }
}

int check_job_cancelled(const struct sy_state *state, const struct sy_ev_job *body,
                        struct sy_error *err)
{
    struct node *node = find_job(state, body->job);
    if (node == NULL)
        return sy_fail(err, SY_E_NOT_FOUND, "job %llu does not exist", (ull)body->job);
    const struct sy_job *job = node_row(node);
    if (job->state == SY_JOB_CANCELLED)
        return sy_fail(err, SY_E_STALE, "job %llu is cancelled already", (ull)body->job);
    if (job->state == SY_JOB_DONE)
        return sy_fail(err, SY_E_STATE, "job %llu is done; nothing is left to cancel",
                       (ull)body->job);
    if (job->kind == SY_JOB_REMOVE)
        return sy_fail(err, SY_E_STATE, "job %llu removes a sector; that cannot be taken back",
                       (ull)body->job);
    return 0;
}

/* ---- tasks ---- */

static int check_fence(const struct sy_state *state, uint64_t id, uint32_t attempt,
                       const char *agent, const struct task_node **ret, struct sy_error *err)
{
    const struct task_node *task = find_task(state, id);
    if (task == NULL)
        return sy_fail(err, SY_E_NOT_FOUND, "task %llu does not exist", (ull)id);
    bool active = task->row.state == SY_TASK_LEASED || task->row.state == SY_TASK_RUNNING;
    if (!active || task->row.attempt != attempt || strcmp(task->row.agent, agent) != 0)
        return sy_fail(err, SY_E_STALE,
                       "attempt %u of task %llu by %s is not current: attempt %u by %s is %s",
                       attempt, (ull)id, agent, task->row.attempt,
                       task->row.agent[0] == '\0' ? "nobody" : task->row.agent,
                       sy_task_state_name(task->row.state));
    *ret = task;
    return 0;
}

static int check_lease_store(const struct sy_state *state, const struct task_node *task,
                             const struct sy_ev_task_leased *body, struct sy_error *err)
{
    uint32_t stage = task->row.stage;
    if (stage != SY_STAGE_AP && stage != SY_STAGE_FIN)
        return 0;
    uint32_t kind = stage == SY_STAGE_AP ? SY_STORE_SCRATCH : SY_STORE_LONG;
    struct node *node = find_name(state, SY_ROW_STORE, body->store);
    const struct sy_store_row *store = node == NULL ? NULL : node_row(node);
    if (store == NULL || store->kind != kind || strcmp(store->agent, body->agent) != 0)
        return sy_fail(err, SY_E_NOT_FOUND, "agent %s has no %s store '%s'", body->agent,
                       sy_store_kind_name(kind), body->store);
    return 0;
}

/* Where the sector's files are: PC1 to FIN and REMOVE follow the scratch, UNSEAL the long-term
 * store. */
static int check_lease_place(const struct sy_state *state, const struct task_node *task,
                             const char *agent, struct sy_error *err)
{
    uint32_t stage = task->row.stage;
    const struct sy_sector *sector = &task->sector->row;
    const char *owner = agent;
    if (stage == SY_STAGE_UNSEAL) {
        struct node *node = find_name(state, SY_ROW_STORE, sector->long_store);
        owner = node == NULL ? "" : ((const struct sy_store_row *)node_row(node))->agent;
    } else if (stage != SY_STAGE_AP && stage != SY_STAGE_C2) {
        owner = sector->scratch_agent;
    }
    if (strcmp(owner, agent) != 0)
        return sy_fail(err, SY_E_STATE, "task %llu needs files that agent '%s' holds, not %s",
                       (ull)task->row.id, owner, agent);
    return 0;
}

int check_task_leased(const struct sy_state *state, const struct sy_ev_task_leased *body,
                      struct sy_error *err)
{
    const struct task_node *task = find_task(state, body->task);
    if (task == NULL)
        return sy_fail(err, SY_E_NOT_FOUND, "task %llu does not exist", (ull)body->task);
    if (task->row.state != SY_TASK_QUEUED)
        return sy_fail(err, SY_E_STALE, "task %llu is %s, not queued", (ull)body->task,
                       sy_task_state_name(task->row.state));
    if (body->attempt != task->row.attempt + 1 || task->row.attempt == UINT32_MAX)
        return sy_fail(err, SY_E_STALE, "attempt %u of task %llu; the next one is %u",
                       body->attempt, (ull)body->task, task->row.attempt + 1);
    const struct agent_node *agent = find_agent(state, body->agent);
    if (agent == NULL)
        return sy_fail(err, SY_E_NOT_FOUND, "agent %s has never said hello", body->agent);
    if (agent->row.paused)
        return sy_fail(err, SY_E_STATE, "agent %s is paused", body->agent);
    uint32_t stage = task->row.stage;
    uint32_t offered = sy_state_slots_offered(&agent->row, stage);
    if (agent->used[stage] >= offered)
        return sy_fail(err, SY_E_BUSY, "agent %s has %u of %u slots for %s in use", body->agent,
                       agent->used[stage], offered, sy_stage_name(stage));
    if (is_zero(body->token, SY_TOKEN_BYTES))
        return sy_fail(err, SY_E_BUG, "lease of task %llu has no token", (ull)body->task);
    int rc = check_lease_store(state, task, body, err);
    return rc != 0 ? rc : check_lease_place(state, task, body->agent, err);
}

int check_task_started(const struct sy_state *state, const struct sy_ev_attempt *body,
                       struct sy_error *err)
{
    const struct task_node *task = NULL;
    int rc = check_fence(state, body->task, body->attempt, body->agent, &task, err);
    if (rc == 0 && task->row.state == SY_TASK_RUNNING)
        return sy_fail(err, SY_E_STALE, "task %llu runs already", (ull)body->task);
    return rc;
}

static int check_class(uint32_t error_class, struct sy_error *err)
{
    if (error_class == SY_CLASS_NONE || error_class > SY_CLASS_BUG)
        return sy_fail(err, SY_E_ARG, "a failure needs an error class, %u is none", error_class);
    return 0;
}

int check_task_returned(const struct sy_state *state, const struct sy_ev_attempt *body,
                        struct sy_error *err)
{
    const struct task_node *task = NULL;
    int rc = check_fence(state, body->task, body->attempt, body->agent, &task, err);
    return rc != 0 ? rc : check_class(body->error_class, err);
}

/* A result that says "ok" must bring what its stage is for. */
static int check_outputs(const struct sector_node *sector, uint32_t stage,
                         const struct sy_ev_task_result *body, struct sy_error *err)
{
    const struct sy_sector *row = &sector->row;
    const char *missing = NULL;
    switch (stage) {
    case SY_STAGE_AP:
        if (is_zero(body->comm_d, 32) || body->comm_d_cid[0] == '\0')
            missing = "comm_d";
        else if (body->pieces.count == 0 || body->pieces.count > SY_PIECES_MAX)
            missing = "pieces";
        else if (body->pieces.count < row->pieces.count ||
                 body->pieces.count - row->pieces.count > SY_STATE_FILLERS_MAX)
            return sy_fail(err, SY_E_MISMATCH,
                           "AP reports %u pieces for %u given ones; expected these and at most %d "
                           "fillers",
                           body->pieces.count, row->pieces.count, SY_STATE_FILLERS_MAX);
        break;
    case SY_STAGE_PC1:
        if (is_zero(body->replica_id, 32))
            missing = "replica_id";
        else if (memcmp(body->comm_d, row->comm_d, 32) != 0)
            return sy_fail(err, SY_E_MISMATCH, "PC1 found another comm_d than AP in sector %llu",
                           (ull)row->number);
        break;
    case SY_STAGE_PC2:
        if (is_zero(body->comm_r, 32) || body->comm_r_cid[0] == '\0')
            missing = "comm_r";
        break;
    case SY_STAGE_C1:
        if (is_zero(body->c1_digest, 32))
            missing = "sha256 of the C1 file";
        break;
    case SY_STAGE_C2:
        if (body->proof.bytes == 0 || body->proof.bytes > SY_STATE_PROOF_BYTES_MAX)
            missing = "proof of 1 to 24192 bytes";
        break;
    default:
        break;
    }
    if (missing != NULL)
        return sy_fail(err, SY_E_PARSE, "the result of stage %s has no %s", sy_stage_name(stage),
                       missing);
    return 0;
}

/* Damaged layers send PC2 back to PC1, but only once in the life of a sector. */
bool pc2_goes_back(const struct sector_node *sector, uint32_t stage, uint32_t error_class)
{
    if (stage != SY_STAGE_PC2 || error_class != SY_CLASS_CORRUPT)
        return false;
    unsigned done = 0;
    for (const struct task_node *task = sector->tasks; task != NULL; task = task->sector_next)
        done += task->row.stage == SY_STAGE_PC1 && task->row.state == SY_TASK_DONE;
    return done == 1;
}

int check_task_result(const struct sy_state *state, const struct sy_ev_task_result *body,
                      struct sy_error *err)
{
    const struct task_node *task = NULL;
    int rc = check_fence(state, body->task, body->attempt, body->agent, &task, err);
    if (rc != 0)
        return rc;
    if (body->result.bytes > SY_STATE_RESULT_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "the result has %u bytes, at most %d", body->result.bytes,
                       SY_STATE_RESULT_BYTES_MAX);
    if (body->retry_after_ms < 0 || (body->ok && body->retry_after_ms != 0))
        return sy_fail(err, SY_E_BUG, "a retry time with a good result or before the epoch");
    if (!body->ok)
        return check_class(body->error_class, err);
    return check_outputs(task->sector, task->row.stage, body, err);
}

/* ---- sectors ---- */

int check_sector_step(const struct sy_state *state, uint64_t miner, uint64_t number,
                      enum sy_fsm_input input, struct sy_error *err)
{
    const struct sector_node *sector = find_sector(state, miner, number);
    if (sector == NULL)
        return sy_fail(err, SY_E_NOT_FOUND, "sector %llu of miner %llu does not exist", (ull)number,
                       (ull)miner);
    struct sy_fsm_step step = sy_fsm_step(sector->row.state, input, 0, sector->row.failed_from);
    if (step.verdict == SY_FSM_APPLY)
        return 0;
    return sy_fail(err, step.verdict == SY_FSM_STALE ? SY_E_STALE : SY_E_STATE,
                   "sector %llu is in state %s, where %s is not possible", (ull)number,
                   sy_sector_state_name(sector->row.state), sy_fsm_input_name(input));
}

/* ---- small rows ---- */

static int check_room(const struct sy_state *state, enum sy_row_kind kind, bool known,
                      struct sy_error *err)
{
    if (!known && state->rows[kind].count >= SY_STATE_NAMES_MAX)
        return sy_fail(err, SY_E_LIMIT, "%d rows of this kind are there, no more fit",
                       SY_STATE_NAMES_MAX);
    return 0;
}

static int check_miner(const struct sy_state *state, const struct sy_miner *body,
                       struct sy_error *err)
{
    struct node *node = find_miner(state, body->id);
    if (body->id == 0 || body->sector_bytes < 2048 ||
        (body->sector_bytes & (body->sector_bytes - 1)) != 0)
        return sy_fail(err, SY_E_RANGE,
                       "miner %llu with sectors of %llu bytes: expected an actor id "
                       "and a power of two from 2048",
                       (ull)body->id, (ull)body->sector_bytes);
    if (node != NULL) {
        const struct sy_miner *old = node_row(node);
        if (old->sector_bytes != body->sector_bytes)
            return sy_fail(err, SY_E_STATE,
                           "miner %llu has sectors of %llu bytes, that cannot change",
                           (ull)body->id, (ull)old->sector_bytes);
    }
    return check_room(state, SY_ROW_MINER, node != NULL, err);
}

static int check_identity(const struct sy_state *state, const struct sy_identity *body,
                          struct sy_error *err)
{
    if (body->name[0] == '\0' || strlen(body->public_key) != SY_PUBLIC_KEY_BYTES - 1 ||
        sy_role_name(body->role) == NULL)
        return sy_fail(err, SY_E_ARG,
                       "identity '%s' needs a name, a key of %d characters and a role", body->name,
                       SY_PUBLIC_KEY_BYTES - 1);
    const struct sy_identity *other = sy_state_identity_of_key(state, body->public_key);
    if (other != NULL && strcmp(other->name, body->name) != 0)
        return sy_fail(err, SY_E_EXISTS, "identity '%s' has the same key; make a new one",
                       other->name);
    return check_room(state, SY_ROW_IDENTITY, find_name(state, SY_ROW_IDENTITY, body->name) != NULL,
                      err);
}

static int check_agent(const struct sy_state *state, const struct sy_agent *body,
                       struct sy_error *err)
{
    int rc = sy_name_check(body->name, err);
    if (rc != 0)
        return rc;
    const struct sy_slot_offer *offers = body->slots.items;
    for (uint32_t i = 0; i < body->slots.count; i++) {
        if (sy_stage_name(offers[i].stage) == NULL)
            return sy_fail(err, SY_E_ARG, "agent %s offers slots for stage %u, which is not known",
                           body->name, offers[i].stage);
    }
    if (body->slots.count > 64 || body->topology.bytes > SY_STATE_TOPOLOGY_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT,
                       "agent %s: %u slot offers and %u bytes of topology, at most "
                       "64 and %d",
                       body->name, body->slots.count, body->topology.bytes,
                       SY_STATE_TOPOLOGY_BYTES_MAX);
    return check_room(state, SY_ROW_AGENT, find_agent(state, body->name) != NULL, err);
}

static bool store_is_used(const struct sy_state *state, const char *uuid)
{
    const struct vector *vector = &state->rows[SY_ROW_SECTOR];
    for (size_t i = 0; i < vector->count; i++) {
        const struct sy_sector *row = node_row(vector->items[i]);
        if (strcmp(row->scratch_store, uuid) == 0 && row->state != SY_SECTOR_Proving &&
            row->state != SY_SECTOR_Removed)
            return true;
    }
    return false;
}

static int check_store(const struct sy_state *state, const struct sy_store_row *body,
                       struct sy_error *err)
{
    if (body->uuid[0] == '\0' || sy_store_kind_name(body->kind) == NULL)
        return sy_fail(err, SY_E_ARG, "a store needs a uuid and a kind, '%s' and %u given",
                       body->uuid, body->kind);
    if (find_agent(state, body->agent) == NULL)
        return sy_fail(err, SY_E_NOT_FOUND, "agent %s has never said hello", body->agent);
    struct node *node = find_name(state, SY_ROW_STORE, body->uuid);
    const struct sy_store_row *old = node == NULL ? NULL : node_row(node);
    if (old != NULL && old->kind != body->kind)
        return sy_fail(err, SY_E_STATE, "store %s is a %s store, that cannot change", body->uuid,
                       sy_store_kind_name(old->kind));
    if (old != NULL && strcmp(old->agent, body->agent) != 0 && old->kind == SY_STORE_SCRATCH &&
        store_is_used(state, body->uuid))
        return sy_fail(err, SY_E_STATE,
                       "store %s holds unfinished sectors of agent %s and cannot move to %s",
                       body->uuid, old->agent, body->agent);
    return check_room(state, SY_ROW_STORE, node != NULL, err);
}

static int check_name(const struct sy_state *state, uint32_t kind, const struct sy_ev_name *body,
                      struct sy_error *err)
{
    if (kind == SY_EVENT_IDENTITY_REVOKED) {
        const struct sy_identity *row = sy_state_identity(state, body->name);
        if (row == NULL)
            return sy_fail(err, SY_E_NOT_FOUND, "identity '%s' does not exist", body->name);
        return row->revoked ? sy_fail(err, SY_E_STALE, "'%s' is revoked already", body->name) : 0;
    }
    const struct agent_node *agent = find_agent(state, body->name);
    if (agent == NULL)
        return sy_fail(err, SY_E_NOT_FOUND, "agent '%s' is not known", body->name);
    bool want = kind == SY_EVENT_AGENT_PAUSED;
    if (agent->row.paused == want)
        return sy_fail(err, SY_E_STALE, "agent '%s' is %s already", body->name,
                       want ? "paused" : "not paused");
    return 0;
}

static int check_rest(const struct sy_state *state, const struct sy_event *event,
                      struct sy_error *err)
{
    const struct sy_ev_generation *generation = event->body;
    const struct sy_ev_number_floor *number = event->body;
    const struct sy_ev_policy *policy = event->body;
    switch (event->kind) {
    case SY_EVENT_GENERATION:
        if (generation->generation != state->meta.row.generation + 1)
            return sy_fail(err, SY_E_STALE, "generation %llu, the next one is %llu",
                           (ull)generation->generation, (ull)state->meta.row.generation + 1);
        return 0;
    case SY_EVENT_NUMBER_FLOOR:
        if (find_miner(state, number->miner) == NULL)
            return sy_fail(err, SY_E_NOT_FOUND, "miner %llu is not configured", (ull)number->miner);
        return 0;
    case SY_EVENT_POLICY_ACCEPTED:
        if (policy->text.bytes > SY_STATE_POLICY_BYTES_MAX)
            return sy_fail(err, SY_E_LIMIT, "the policy has %u bytes, at most %d",
                           policy->text.bytes, SY_STATE_POLICY_BYTES_MAX);
        return 0;
    default:
        return sy_fail(err, SY_E_ARG, "event kind %u is not known", event->kind);
    }
}

int sy_state_check(const struct sy_state *state, const struct sy_event *event, struct sy_error *err)
{
    const void *body = event->body;
    const struct sy_ev_randomness *random = body;
    const struct sy_ev_sector_epoch *epoch = body;
    const struct sy_ev_sector *sector = body;
    switch (event->kind) {
    case SY_EVENT_MINER_SET:
        return check_miner(state, body, err);
    case SY_EVENT_IDENTITY_SET:
        return check_identity(state, body, err);
    case SY_EVENT_IDENTITY_REVOKED:
    case SY_EVENT_AGENT_PAUSED:
    case SY_EVENT_AGENT_RESUMED:
        return check_name(state, event->kind, body, err);
    case SY_EVENT_AGENT_HELLO:
        return check_agent(state, body, err);
    case SY_EVENT_STORE_SET:
        return check_store(state, body, err);
    case SY_EVENT_JOB_SUBMITTED:
        return check_job_submitted(state, body, err);
    case SY_EVENT_JOB_CANCELLED:
        return check_job_cancelled(state, body, err);
    case SY_EVENT_TASK_LEASED:
        return check_task_leased(state, body, err);
    case SY_EVENT_TASK_STARTED:
        return check_task_started(state, body, err);
    case SY_EVENT_TASK_RETURNED:
        return check_task_returned(state, body, err);
    case SY_EVENT_TASK_RESULT:
        return check_task_result(state, body, err);
    case SY_EVENT_TICKET:
        return check_sector_step(state, random->miner, random->number, SY_FSM_TICKET, err);
    case SY_EVENT_SEED:
        return check_sector_step(state, random->miner, random->number, SY_FSM_SEED, err);
    case SY_EVENT_PRECOMMIT_LANDED:
    case SY_EVENT_COMMIT_LANDED:
        return check_sector_step(state, epoch->miner, epoch->number,
                                 event->kind == SY_EVENT_PRECOMMIT_LANDED ? SY_FSM_PRECOMMIT_LANDED
                                                                          : SY_FSM_COMMIT_LANDED,
                                 err);
    case SY_EVENT_SECTOR_RETRY:
        return check_sector_step(state, sector->miner, sector->number, SY_FSM_RETRY, err);
    case SY_EVENT_SECTOR_REMOVE:
        return check_sector_step(state, sector->miner, sector->number, SY_FSM_REMOVE, err);
    case SY_EVENT_CHAIN_REFUSED:
        return check_chain_refused(state, body, err);
    case SY_EVENT_MESSAGE_QUEUED:
    case SY_EVENT_MESSAGE_SIGNED:
    case SY_EVENT_MESSAGE_ONCHAIN:
    case SY_EVENT_MESSAGE_FAILED:
        return check_message(state, event->kind, body, err);
    default:
        return check_rest(state, event, err);
    }
}
