/* Single rows as JSON with their derived fields; see query.h. */
#include "scheduler/query.h"

#include "common/proof.h"
#include "scheduler/scheduler.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *sy_query_miner_text(uint64_t miner, char *text)
{
    snprintf(text, SY_NAME_BYTES, "t0%" PRIu64, miner);
    return text;
}

/* "miner" becomes the address, "miner_id" the number. */
static int put_miner(json_t *row, uint64_t miner)
{
    char text[SY_NAME_BYTES];
    return json_object_set_new(row, "miner", json_string(sy_query_miner_text(miner, text))) |
           json_object_set_new(row, "miner_id", json_integer((json_int_t)miner));
}

static int put_proof_type(json_t *row, uint32_t proof_type)
{
    const struct sy_proof *proof = sy_proof_get(proof_type);
    return json_object_set_new(row, "proof_type",
                               proof ? json_string(proof->name) : json_integer(proof_type)) |
           json_object_set_new(row, "proof_type_id", json_integer(proof_type));
}

/* [{"value":7},..] becomes [7,..]. */
static int put_numbers(json_t *row, const char *key, const struct sy_list *list)
{
    const struct sy_number *numbers = list->items;
    json_t *array = json_array();
    int rc = array ? 0 : -1;
    for (uint32_t i = 0; rc == 0 && i < list->count; i++)
        rc = json_array_append_new(array, json_integer((json_int_t)numbers[i].value));
    return json_object_set_new(row, key, array) | rc;
}

/* The CID text takes the plain name, the hash gets "_hash". */
static int put_commitment(json_t *row, const char *key, const char *hash_key, const char *cid)
{
    json_t *hash = json_incref(json_object_get(row, key));
    int rc = json_object_set_new(row, hash_key, hash ? hash : json_null());
    return rc | json_object_set_new(row, key, cid[0] ? json_string(cid) : json_null());
}

static json_t *finish_row(json_t *row, int rc)
{
    if (rc == 0)
        return row;
    json_decref(row);
    return NULL;
}

static const struct sy_task *find_open_task(const struct sy_sector *sector)
{
    for (const struct sy_task *task = sy_state_sector_task_first(sector); task;
         task = sy_state_sector_task_next(task))
        if (task->state == SY_TASK_LEASED || task->state == SY_TASK_RUNNING)
            return task;
    return NULL;
}

/* Who has the sector in hand: its running task, its scratch, its long-term store. */
static const char *agent_of(const struct sy_scheduler *scheduler, const struct sy_sector *sector)
{
    const struct sy_task *task = find_open_task(sector);
    if (task)
        return task->agent;
    if (sector->long_store[0]) {
        const struct sy_store_row *store = sy_state_store(scheduler->state, sector->long_store);
        if (store)
            return store->agent;
    }
    return sector->scratch_agent;
}

json_t *sy_query_sector_json(const struct sy_scheduler *scheduler, const struct sy_sector *sector)
{
    json_t *row = sector ? sy_table_to_json(&sy_table_sector, sector) : NULL;
    if (!row)
        return NULL;
    const char *agent = agent_of(scheduler, sector);
    int rc = put_miner(row, sector->miner) | put_proof_type(row, sector->proof_type) |
             put_commitment(row, "comm_d", "comm_d_hash", sector->comm_d_cid) |
             put_commitment(row, "comm_r", "comm_r_hash", sector->comm_r_cid) |
             json_object_set_new(row, "agent", agent[0] ? json_string(agent) : json_null()) |
             json_object_set_new(row, "proof_bytes", json_integer(sector->proof.bytes));
    json_object_del(row, "comm_d_cid");
    json_object_del(row, "comm_r_cid");
    json_object_del(row, "proof");
    return finish_row(row, rc);
}

static json_t *progress_json(const struct sy_scheduler *scheduler, const struct sy_task *task)
{
    const struct sy_progress *progress =
        task->state == SY_TASK_RUNNING || task->state == SY_TASK_LEASED
            ? sy_links_progress(scheduler->links, task->id, task->attempt)
            : NULL;
    if (!progress)
        return json_null();
    return json_pack("{s:I, s:I, s:s, s:s, s:I, s:I}", "done", (json_int_t)progress->done, "total",
                     (json_int_t)progress->total, "unit", progress->unit, "phase", progress->phase,
                     "eta_s", (json_int_t)progress->eta_s, "wall_ms",
                     (json_int_t)progress->wall_ms);
}

json_t *sy_query_task_json(const struct sy_scheduler *scheduler, const struct sy_task *task)
{
    json_t *row = task ? sy_table_to_json(&sy_table_task, task) : NULL;
    if (!row)
        return NULL;
    json_object_del(row, "token");
    return finish_row(row,
                      put_miner(row, task->miner) |
                          json_object_set_new(row, "progress", progress_json(scheduler, task)));
}

json_t *sy_query_job_json(const struct sy_scheduler *scheduler, const struct sy_job *job)
{
    (void)scheduler;
    json_t *row = job ? sy_table_to_json(&sy_table_job, job) : NULL;
    if (!row)
        return NULL;
    return finish_row(row, put_miner(row, job->miner) | put_numbers(row, "sectors", &job->sectors));
}

static size_t count_active(const struct sy_scheduler *scheduler, const char *agent)
{
    size_t count = 0;
    for (const struct sy_task *task = sy_state_active_first(scheduler->state, agent); task;
         task = sy_state_active_next(task))
        count++;
    return count;
}

/* Slots with what is in use of each. */
static json_t *slots_json(const struct sy_scheduler *scheduler, const struct sy_agent *agent)
{
    json_t *list = json_array();
    const struct sy_slot_offer *slots = agent->slots.items;
    for (uint32_t i = 0; list && i < agent->slots.count; i++) {
        uint32_t used = sy_state_slots_used(scheduler->state, agent->name, slots[i].stage);
        json_t *item = json_pack("{s:s?, s:I, s:I}", "stage", sy_stage_name(slots[i].stage),
                                 "count", (json_int_t)slots[i].count, "used", (json_int_t)used);
        if (!item || json_array_append_new(list, item)) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

json_t *sy_query_agent_json(const struct sy_scheduler *scheduler, const struct sy_agent *agent)
{
    json_t *row = agent ? sy_table_to_json(&sy_table_agent, agent) : NULL;
    if (!row)
        return NULL;
    const char *liveness = sy_liveness_name(agent->liveness);
    const struct sy_identity *identity = sy_state_identity(scheduler->state, agent->name);
    size_t running = count_active(scheduler, agent->name);
    return finish_row(
        row,
        json_object_set_new(row, "running", json_integer((json_int_t)running)) |
            json_object_set_new(row, "liveness", liveness ? json_string(liveness) : json_null()) |
            json_object_set_new(row, "revoked", json_boolean(!identity || identity->revoked)) |
            json_object_set_new(row, "slots", slots_json(scheduler, agent)));
}

json_t *sy_query_store_json(const struct sy_store_row *store)
{
    return sy_table_to_json(&sy_table_store_row, store);
}

json_t *sy_query_message_json(const struct sy_message *message)
{
    json_t *row = sy_table_to_json(&sy_table_message, message);
    if (!row)
        return NULL;
    /* bytes are for programs that ask the chain; here they would fill the screen */
    json_object_del(row, "params");
    json_object_del(row, "signed_bytes");
    return finish_row(row, put_miner(row, message->miner) |
                               put_numbers(row, "sectors", &message->sectors));
}

json_t *sy_query_miner_json(const struct sy_scheduler *scheduler, const struct sy_miner *miner)
{
    (void)scheduler;
    json_t *row = sy_table_to_json(&sy_table_miner, miner);
    if (!row)
        return NULL;
    return finish_row(row, put_miner(row, miner->id) | put_proof_type(row, miner->proof_type));
}
