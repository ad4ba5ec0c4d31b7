#include "tests/unit/core_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the store in memory ---- */

static int record_order(const struct world_record *record, enum sy_store_table table,
                        const uint8_t *key, size_t key_bytes)
{
    if (record->table != table)
        return record->table < table ? -1 : 1;
    int order = memcmp(record->key, key, SY_MIN((size_t)record->key_bytes, key_bytes));
    if (order != 0)
        return order;
    return record->key_bytes < key_bytes ? -1 : record->key_bytes > key_bytes;
}

static size_t record_position(const struct world *world, enum sy_store_table table,
                              const uint8_t *key, size_t key_bytes)
{
    size_t low = 0, high = world->record_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (record_order(&world->records[middle], table, key, key_bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void take_change(struct world *world, struct sy_change *change)
{
    size_t at = record_position(world, change->table, change->key, change->key_bytes);
    struct world_record *record = &world->records[at];
    bool found = at < world->record_count &&
                 record_order(record, change->table, change->key, change->key_bytes) == 0;
    if (found)
        free(record->value);
    if (change->remove) {
        if (found)
            memmove(record, record + 1, (--world->record_count - at) * sizeof(*record));
        return;
    }
    if (!found) {
        assert_true(world->record_count < WORLD_RECORDS_MAX);
        memmove(record + 1, record, (world->record_count++ - at) * sizeof(*record));
        memset(record, 0, sizeof(*record));
        record->table = change->table;
        record->key_bytes = change->key_bytes;
        memcpy(record->key, change->key, change->key_bytes);
    }
    record->value = malloc(change->value_bytes);
    assert_non_null(record->value);
    memcpy(record->value, change->value, change->value_bytes);
    record->value_bytes = change->value_bytes;
}

void world_take(struct world *world, struct sy_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        take_change(world, &batch->changes[i]);
    sy_batch_fini(batch);
}

static int world_load(void *self, enum sy_store_table table,
                      int (*visit)(void *ctx, const void *key, size_t key_bytes, const void *value,
                                   size_t value_bytes, struct sy_error *err),
                      void *ctx, struct sy_error *err)
{
    struct world *world = self;
    for (size_t i = 0; i < world->record_count; i++) {
        const struct world_record *record = &world->records[i];
        if (record->table != table)
            continue;
        int rc =
            visit(ctx, record->key, record->key_bytes, record->value, record->value_bytes, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- life ---- */

static const struct sy_store_ops world_ops = {.abi = SY_STORE_ABI, .load = world_load};

static void add_agent(struct world *world, const char *name, const char *scratch,
                      const char *long_store)
{
    struct sy_slot_offer slots[SY_STAGE_COUNT - 1];
    for (uint32_t i = 0; i < SY_ARRAY_SIZE(slots); i++)
        slots[i] = (struct sy_slot_offer){.stage = i + 1, .count = 2};
    struct sy_agent agent = {.slots = {slots, SY_ARRAY_SIZE(slots)},
                             .topology = {"{\"cores\":4}", 11}};
    (void)snprintf(agent.name, sizeof(agent.name), "%s", name);
    assert_int_equal(world_event(world, SY_EVENT_AGENT_HELLO, &agent), 0);
    for (int i = 0; i < 2; i++) {
        struct sy_store_row row = {.kind = i == 0 ? SY_STORE_SCRATCH : SY_STORE_LONG,
                                   .bytes_total = 1ull << 40,
                                   .bytes_free = 1ull << 39,
                                   .online = true};
        (void)snprintf(row.agent, sizeof(row.agent), "%s", name);
        (void)snprintf(row.uuid, sizeof(row.uuid), "%s", i == 0 ? scratch : long_store);
        (void)snprintf(row.path, sizeof(row.path), "/data/%s/%d", name, i);
        assert_int_equal(world_event(world, SY_EVENT_STORE_SET, &row), 0);
    }
    sy_state_set_liveness(world->state, name, SY_AGENT_ONLINE, world->now_ms);
}

void world_init(struct world *world, bool with_agents)
{
    memset(world, 0, sizeof(*world));
    world->now_ms = 1700000000000;
    world->chance = 88172645463325252ull;
    world->records = calloc(WORLD_RECORDS_MAX, sizeof(*world->records));
    assert_non_null(world->records);
    world->store = (struct sy_store){.ops = &world_ops, .self = world};
    world->state = sy_state_create();
    assert_non_null(world->state);
    if (!with_agents)
        return;
    struct sy_miner miner = {
        .id = WORLD_MINER, .proof_type = 5, .sector_bytes = 2048, .next_number = 0};
    struct sy_ev_number_floor number = {.miner = WORLD_MINER, .next_number = 5};
    assert_int_equal(world_event(world, SY_EVENT_MINER_SET, &miner), 0);
    assert_int_equal(world_event(world, SY_EVENT_NUMBER_FLOOR, &number), 0);
    add_agent(world, "a1", WORLD_SCRATCH, WORLD_LONG);
    add_agent(world, "a2", WORLD_SCRATCH_2, WORLD_LONG_2);
}

void world_fini(struct world *world)
{
    sy_batch_fini(&world->batch);
    sy_state_destroy(world->state);
    for (size_t i = 0; i < world->record_count; i++)
        free(world->records[i].value);
    free(world->records);
}

uint64_t world_random(struct world *world)
{
    world->chance ^= world->chance << 13;
    world->chance ^= world->chance >> 7;
    world->chance ^= world->chance << 17;
    return world->chance;
}

/* ---- events ---- */

int world_event_only(struct world *world, uint32_t kind, const void *body)
{
    world->now_ms += 10;
    memset(&world->error, 0, sizeof(world->error));
    int rc = sy_record_apply(world->state, &world->batch, world->now_ms, kind, body, &world->error);
    assert_int_equal(rc, -world->error.code);
    return rc;
}

void world_flush(struct world *world)
{
    assert_int_equal(sy_record_flush(world->state, &world->batch, NULL), 0);
    assert_int_equal(sy_state_dirty_count(world->state), 0);
    world_take(world, &world->batch);
}

int world_event(struct world *world, uint32_t kind, const void *body)
{
    int rc = world_event_only(world, kind, body);
    world_flush(world);
    return rc;
}

uint64_t world_pledge(struct world *world, uint32_t count)
{
    struct sy_ev_job_submitted job = {.job = sy_state_meta(world->state)->next_job,
                                      .kind = SY_JOB_PLEDGE,
                                      .miner = WORLD_MINER,
                                      .count = count,
                                      .submitter = "alice"};
    uint64_t key[2] = {world_random(world), world_random(world)};
    memcpy(job.idempotency_key, key, sizeof(key));
    assert_int_equal(world_event(world, SY_EVENT_JOB_SUBMITTED, &job), 0);
    return job.job;
}

static const char *store_for(const char *agent, uint32_t stage)
{
    bool first = strcmp(agent, "a1") == 0;
    if (stage == SY_STAGE_AP)
        return first ? WORLD_SCRATCH : WORLD_SCRATCH_2;
    if (stage == SY_STAGE_FIN)
        return first ? WORLD_LONG : WORLD_LONG_2;
    return "";
}

int world_lease(struct world *world, uint64_t id, const char *agent)
{
    const struct sy_task *task = sy_state_task(world->state, id);
    struct sy_ev_task_leased body = {.task = id};
    if (task != NULL) {
        body.attempt = task->attempt + 1;
        (void)snprintf(body.store, sizeof(body.store), "%s", store_for(agent, task->stage));
    }
    (void)snprintf(body.agent, sizeof(body.agent), "%s", agent);
    memset(body.token, (int)(1 + id % 200), sizeof(body.token));
    return world_event(world, SY_EVENT_TASK_LEASED, &body);
}

static struct sy_ev_attempt attempt_of(const struct world *world, uint64_t id)
{
    const struct sy_task *task = sy_state_task(world->state, id);
    struct sy_ev_attempt body = {.task = id};
    if (task != NULL) {
        body.attempt = task->attempt;
        memcpy(body.agent, task->agent, sizeof(body.agent));
    }
    return body;
}

int world_start(struct world *world, uint64_t id)
{
    struct sy_ev_attempt body = attempt_of(world, id);
    return world_event(world, SY_EVENT_TASK_STARTED, &body);
}

int world_result(struct world *world, uint64_t id, bool ok, enum sy_err_class error_class,
                 int64_t retry_after_ms)
{
    const struct sy_task *task = sy_state_task(world->state, id);
    struct sy_ev_task_result body = {.task = id,
                                     .ok = ok,
                                     .error_class = ok ? SY_CLASS_NONE : error_class,
                                     .retry_after_ms = retry_after_ms,
                                     .wall_ms = 5,
                                     .result = {"{}", 2}};
    struct sy_piece filler = {.cid = "baga-filler", .padded_bytes = 2048};
    uint8_t proof[192] = {7};
    assert_non_null(task);
    body.attempt = task->attempt;
    memcpy(body.agent, task->agent, sizeof(body.agent));
    if (!ok) {
        (void)snprintf(body.error, sizeof(body.error), "it went wrong");
        return world_event(world, SY_EVENT_TASK_RESULT, &body);
    }
    memset(body.comm_d, 0xd0, 32);
    memset(body.comm_r, 0xd1, 32);
    memset(body.replica_id, 0xd2, 32);
    memset(body.c1_digest, 0xd3, 32);
    (void)snprintf(body.comm_d_cid, sizeof(body.comm_d_cid), "baga-d");
    (void)snprintf(body.comm_r_cid, sizeof(body.comm_r_cid), "bagb-r");
    body.proof = (struct sy_slice){proof, sizeof(proof)};
    const struct sy_sector *sector = sy_state_sector(world->state, task->miner, task->number);
    body.pieces = sector->pieces.count > 0 ? sector->pieces : (struct sy_list){&filler, 1};
    return world_event(world, SY_EVENT_TASK_RESULT, &body);
}

const struct sy_sector *world_sector(const struct world *world, uint64_t number)
{
    const struct sy_sector *sector = sy_state_sector(world->state, WORLD_MINER, number);
    assert_non_null(sector);
    return sector;
}

uint64_t world_task_of(const struct world *world, uint64_t number)
{
    const struct sy_task *task = sy_state_sector_task_first(world_sector(world, number));
    for (; task != NULL; task = sy_state_sector_task_next(task)) {
        if (task->state == SY_TASK_QUEUED || task->state == SY_TASK_LEASED ||
            task->state == SY_TASK_RUNNING)
            return task->id;
    }
    return 0;
}

static const char *agent_for(const struct world *world, const struct sy_task *task)
{
    const struct sy_sector *sector = sy_state_sector(world->state, task->miner, task->number);
    if (task->stage == SY_STAGE_UNSEAL)
        return sy_state_store(world->state, sector->long_store)->agent;
    return sector->scratch_agent[0] == '\0' ? "a1" : sector->scratch_agent;
}

void world_run(struct world *world, uint64_t id)
{
    const struct sy_task *task = sy_state_task(world->state, id);
    assert_non_null(task);
    if (task->state == SY_TASK_QUEUED)
        assert_int_equal(world_lease(world, id, agent_for(world, task)), 0);
    if (sy_state_task(world->state, id)->state == SY_TASK_LEASED)
        assert_int_equal(world_start(world, id), 0);
    assert_int_equal(world_result(world, id, true, SY_CLASS_NONE, 0), 0);
}

static int world_randomness(struct world *world, uint32_t kind, uint64_t number)
{
    struct sy_ev_randomness body = {.miner = WORLD_MINER, .number = number, .epoch = 77};
    memset(body.value, 0x5a, sizeof(body.value));
    return world_event(world, kind, &body);
}

static int world_landed(struct world *world, uint32_t kind, uint64_t number)
{
    struct sy_ev_sector_epoch body = {
        .miner = WORLD_MINER, .number = number, .epoch = 99, .cid = "bafy-m"};
    return world_event(world, kind, &body);
}

static int world_message(struct world *world, uint32_t kind, uint64_t number)
{
    struct sy_number numbers[1] = {{number}};
    struct sy_message body = {.kind = kind,
                              .miner = WORLD_MINER,
                              .sectors = {numbers, 1},
                              .params = {"params", 6},
                              .to = "t01000",
                              .from = "t1abc",
                              .method = 28};
    (void)snprintf(body.uid, sizeof(body.uid), "%s%016llx%048d",
                   kind == SY_MESSAGE_PRECOMMIT ? "pc-" : "cm-",
                   (unsigned long long)world_random(world), 7);
    return world_event(world, SY_EVENT_MESSAGE_QUEUED, &body);
}

bool world_advance(struct world *world, uint64_t number)
{
    uint64_t task = world_task_of(world, number);
    if (task != 0) {
        world_run(world, task);
        return true;
    }
    int rc = 0;
    switch (world_sector(world, number)->state) {
    case SY_SECTOR_GetTicket:
        rc = world_randomness(world, SY_EVENT_TICKET, number);
        break;
    case SY_SECTOR_SubmitPreCommitBatch:
        rc = world_message(world, SY_MESSAGE_PRECOMMIT, number);
        break;
    case SY_SECTOR_PreCommitBatchWait:
        rc = world_landed(world, SY_EVENT_PRECOMMIT_LANDED, number);
        break;
    case SY_SECTOR_WaitSeed:
        rc = world_randomness(world, SY_EVENT_SEED, number);
        break;
    case SY_SECTOR_SubmitCommitAggregate:
        rc = world_message(world, SY_MESSAGE_COMMIT, number);
        break;
    case SY_SECTOR_CommitAggregateWait:
        rc = world_landed(world, SY_EVENT_COMMIT_LANDED, number);
        break;
    default:
        return false;
    }
    assert_int_equal(rc, 0);
    return true;
}

void world_advance_to(struct world *world, uint64_t number, enum sy_sector_state state)
{
    while (world_sector(world, number)->state != (uint32_t)state) {
        if (!world_advance(world, number))
            fail_msg("sector %llu rests in %s", (unsigned long long)number,
                     sy_sector_state_name(world_sector(world, number)->state));
    }
}

/* ---- chance ---- */

static uint64_t random_number(struct world *world)
{
    size_t count = sy_state_count(world->state, SY_ROW_SECTOR);
    return 5 + (count == 0 ? 0 : world_random(world) % count);
}

static int step_job(struct world *world)
{
    struct sy_ev_job_submitted job = {.job = sy_state_meta(world->state)->next_job,
                                      .kind = 1 + (uint32_t)(world_random(world) % 4),
                                      .miner = WORLD_MINER,
                                      .count = (uint32_t)(world_random(world) % 4),
                                      .number = random_number(world),
                                      .keep_unsealed = world_random(world) % 2 == 0,
                                      .submitter = "bob"};
    struct sy_piece pieces[2] = {
        {.padded_bytes = 1024, .raw_bytes = 900, .path = "/in/a"},
        {.padded_bytes = 512, .raw_bytes = 508, .path = "/in/b"},
    };
    if (job.kind == SY_JOB_SEAL)
        job.pieces = (struct sy_list){pieces, (uint32_t)(world_random(world) % 3)};
    uint64_t key[2] = {world_random(world) % 50, 1};
    if (world_random(world) % 8 != 0)
        key[1] = world_random(world);
    memcpy(job.idempotency_key, key, sizeof(key));
    return world_event(world, SY_EVENT_JOB_SUBMITTED, &job);
}

static int step_task(struct world *world)
{
    size_t count = sy_state_count(world->state, SY_ROW_TASK);
    if (count == 0)
        return 0;
    size_t at = world_random(world) % count;
    const struct sy_task *task = sy_state_at(world->state, SY_ROW_TASK, at);
    for (size_t i = 0; i < count && task->state > SY_TASK_RUNNING; i++)
        task = sy_state_at(world->state, SY_ROW_TASK, at = (at + 1) % count);
    uint64_t chance = world_random(world) % 10;
    if (task->state == SY_TASK_QUEUED)
        return world_lease(world, task->id, chance < 8 ? agent_for(world, task) : "a2");
    if (chance < 2)
        return world_start(world, task->id);
    if (chance == 2) {
        struct sy_ev_attempt body = attempt_of(world, task->id);
        body.error_class = SY_CLASS_RESOURCE;
        return world_event(world, SY_EVENT_TASK_RETURNED, &body);
    }
    if (chance == 3) {
        uint32_t class = 1 + (uint32_t)(world_random(world) % 5);
        int64_t again = world_random(world) % 2 == 0 ? world->now_ms + 100 : 0;
        return world_result(world, task->id, false, (enum sy_err_class) class, again);
    }
    return world_result(world, task->id, true, SY_CLASS_NONE, 0);
}

static int step_operator(struct world *world)
{
    struct sy_ev_sector sector = {
        .miner = WORLD_MINER, .number = random_number(world), .by = "carol"};
    struct sy_ev_job job = {.by = "carol"};
    struct sy_ev_name name = {.name = "a2"};
    struct sy_ev_chain_refused refused = {.miner = WORLD_MINER,
                                          .number = random_number(world),
                                          .error_class = SY_CLASS_TRANSIENT,
                                          .error = "chain says no"};
    switch (world_random(world) % 12) {
    case 0:
    case 1:
    case 2:
        return world_event(world, SY_EVENT_SECTOR_RETRY, &sector);
    case 3:
        return world_event(world, SY_EVENT_SECTOR_REMOVE, &sector);
    case 4:
        job.job = 1 + world_random(world) % sy_state_meta(world->state)->next_job;
        return world_event(world, SY_EVENT_JOB_CANCELLED, &job);
    case 5:
        return world_event(
            world, world_random(world) % 2 == 0 ? SY_EVENT_AGENT_PAUSED : SY_EVENT_AGENT_RESUMED,
            &name);
    case 6:
        world->now_ms += 3600 * 1000; /* submit keys run out */
        return 0;
    default:
        refused.to_state = 1 + (uint32_t)(world_random(world) % (SY_SECTOR_STATE_COUNT - 1));
        return world_event(world, SY_EVENT_CHAIN_REFUSED, &refused);
    }
}

/* Sign, land or fail a message, in whatever order chance has it. */
static int step_message(struct world *world)
{
    size_t count = sy_state_count(world->state, SY_ROW_MESSAGE);
    if (count == 0)
        return 0;
    const struct sy_message *row =
        sy_state_at(world->state, SY_ROW_MESSAGE, world_random(world) % count);
    struct sy_message body = {.kind = row->kind,
                              .miner = row->miner,
                              .nonce = world_random(world) % 100000,
                              .from = "t1abc",
                              .cid = "bafy-m",
                              .signed_cid = "bafy-s",
                              .signed_bytes = {"signed", 6},
                              .height = (int64_t)(world_random(world) % 3),
                              .error = "given up"};
    memcpy(body.uid, row->uid, sizeof(body.uid));
    static const uint32_t kinds[] = {SY_EVENT_MESSAGE_SIGNED, SY_EVENT_MESSAGE_SIGNED,
                                     SY_EVENT_MESSAGE_ONCHAIN, SY_EVENT_MESSAGE_FAILED};
    return world_event(world, kinds[world_random(world) % 4], &body);
}

static int step_chain(struct world *world)
{
    uint64_t number = random_number(world);
    if (sy_state_count(world->state, SY_ROW_SECTOR) == 0)
        return 0;
    switch (world_random(world) % 16) {
    case 0:
        return world_randomness(world, SY_EVENT_TICKET, number);
    case 1:
        return world_randomness(world, SY_EVENT_SEED, number);
    case 2:
        return world_landed(world, SY_EVENT_PRECOMMIT_LANDED, number);
    case 3:
        return world_landed(world, SY_EVENT_COMMIT_LANDED, number);
    case 4:
        return world_message(world, SY_MESSAGE_PRECOMMIT, number);
    case 5:
        return world_message(world, SY_MESSAGE_COMMIT, number);
    case 6:
    case 7:
        return step_message(world);
    default:
        if (world_task_of(world, number) == 0)
            (void)world_advance(world, number);
        return 0;
    }
}

int world_step(struct world *world)
{
    uint64_t chance = world_random(world) % 100;
    if (chance < 8)
        return step_job(world);
    if (chance < 60)
        return step_task(world);
    if (chance < 66)
        return step_operator(world);
    return step_chain(world);
}

uint32_t world_digest(struct sy_state *state)
{
    uint32_t crc = 0;
    for (int kind = 0; kind < SY_ROW_KIND_COUNT; kind++) {
        for (size_t i = 0; i < sy_state_count(state, (enum sy_row_kind)kind); i++) {
            struct sy_row_ref ref;
            void *value = NULL;
            uint32_t bytes = 0;
            sy_state_ref(state, (enum sy_row_kind)kind, i, &ref);
            assert_int_equal(sy_record_encode_row(&ref, &value, &bytes, NULL), 0);
            crc = sy_crc32c(crc, ref.key, ref.key_bytes);
            crc = sy_crc32c(crc, value, bytes);
            sy_mem_free(value);
        }
    }
    return crc;
}
