#include "tests/unit/scheduler_rig.h"

#include "scheduler/rpc_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void rig_assert(bool ok, const char *what, const struct sy_error *err)
{
    if (ok)
        return;
    fprintf(stderr, "rig: %s: %s\n", what, err ? err->text : "");
    abort();
}

/* ---- clock and chance */

static uint64_t fake_boot_ms(void *self)
{
    return ((struct rig *)self)->boot_ms;
}

static int64_t fake_wall_ms(void *self)
{
    return ((struct rig *)self)->wall_ms;
}

static void fake_random(void *self, void *ret_data, size_t bytes)
{
    struct rig *rig = self;
    uint8_t *data = ret_data;
    for (size_t i = 0; i < bytes; i++) {
        rig->chance = rig->chance * 6364136223846793005ull + 1442695040888963407ull;
        data[i] = (uint8_t)(rig->chance >> 33);
    }
}

static const struct sy_env_ops fake_env = {
    .abi = SY_ENV_ABI, .boot_ms = fake_boot_ms, .wall_ms = fake_wall_ms, .random = fake_random};

/* ---- store */

static int fake_start(void *self, struct sy_loop *loop,
                      void (*on_durable)(void *ctx, uint64_t last_event),
                      void (*on_failed)(void *ctx, const struct sy_error *err), void *ctx,
                      struct sy_error *err)
{
    struct rig *rig = self;
    (void)loop;
    (void)err;
    rig->on_durable = on_durable;
    rig->on_failed = on_failed;
    rig->store_ctx = ctx;
    return 0;
}

static int fake_submit(void *self, struct sy_batch *batch, struct sy_error *err)
{
    struct rig *rig = self;
    if (rig->fail_submit)
        return sy_fail(err, SY_E_IO, "the disk is gone");
    rig->submitted = batch->last_event;
    rig->submits++;
    sy_batch_fini(batch);
    return 0;
}

static void fake_usage(void *self, struct sy_store_usage *ret)
{
    *ret = ((struct rig *)self)->usage;
}

static void fake_close(void *self)
{
    (void)self;
}

static const struct sy_store_ops fake_store = {.abi = SY_STORE_ABI,
                                               .start = fake_start,
                                               .submit = fake_submit,
                                               .usage = fake_usage,
                                               .close = fake_close};

/* ---- wire */

static int fake_send(void *ctx, const struct sy_peer *peer, uint16_t type, uint64_t generation,
                     uint64_t sequence, const void *body, struct sy_error *err)
{
    struct rig *rig = ctx;
    const struct sy_table *table = sy_msg_table(type);
    struct sy_buffer buffer;
    if (rig->refuse_send)
        return sy_fail(err, SY_E_AGAIN, "the peer is slow");
    rig_assert(rig->sent_count < RIG_SENT_MAX, "too many frames", NULL);
    sy_buffer_init(&buffer, SY_FRAME_BYTES_MAX);
    rig_assert(sy_table_encode(table, body, &buffer, err) == 0, "encode", err);
    void *bytes = sy_arena_alloc(rig->arena, buffer.bytes + 1);
    void *copy = sy_arena_alloc(rig->arena, table->struct_bytes);
    rig_assert(bytes && copy, "arena", NULL);
    memcpy(bytes, buffer.data, buffer.bytes);
    rig_assert(sy_table_decode(table, bytes, buffer.bytes, rig->arena, copy, err) == 0, "decode",
               err);
    struct rig_sent *sent = &rig->sent[rig->sent_count++];
    *sent = (struct rig_sent){
        .type = type, .generation = generation, .sequence = sequence, .body = copy};
    memcpy(sent->peer, peer->name, sizeof sent->peer);
    sy_buffer_fini(&buffer);
    return 0;
}

/* ---- setup */

static void add_identity(struct rig *rig, const char *name, enum sy_role role, char key,
                         int64_t expires_ms)
{
    struct sy_identity identity = {.role = role, .created_ms = 1, .expires_ms = expires_ms};
    snprintf(identity.name, sizeof identity.name, "%s", name);
    memset(identity.public_key, key, SY_PUBLIC_KEY_BYTES - 1);
    rig_event(rig, SY_EVENT_IDENTITY_SET, &identity);
}

static void add_identities(struct rig *rig)
{
    struct sy_ev_name gone = {.name = "gone"};
    add_identity(rig, "admin", SY_ROLE_ADMIN, 'A', 0);
    add_identity(rig, "op", SY_ROLE_OPERATOR, 'B', 0);
    add_identity(rig, "eye", SY_ROLE_VIEWER, 'C', 0);
    add_identity(rig, "a1", SY_ROLE_AGENT, 'D', 0);
    add_identity(rig, "a2", SY_ROLE_AGENT, 'E', 0);
    add_identity(rig, "gone", SY_ROLE_VIEWER, 'F', 0);
    add_identity(rig, "late", SY_ROLE_VIEWER, 'G', 10);
    add_identity(rig, "enroll.a3", SY_ROLE_ENROLL, 'H', 0);
    rig_event(rig, SY_EVENT_IDENTITY_REVOKED, &gone);
}

void rig_init(struct rig *rig)
{
    struct sy_error err = {0};
    struct sy_batch first = {0};
    memset(rig, 0, sizeof *rig);
    rig->boot_ms = 1000000;
    rig->wall_ms = 1700000000000;
    rig->chance = 7;
    rig->env = (struct sy_env){.ops = &fake_env, .self = rig};
    rig->usage.map_bytes = 1 << 30;
    rig->arena = sy_arena_create(512u << 20);
    rig->options = calloc(1, sizeof *rig->options);
    rig_assert(rig->arena && rig->options, "memory", NULL);
    struct sy_scheduler *scheduler = &rig->scheduler;
    scheduler->env = &rig->env;
    scheduler->options = rig->options;
    scheduler->store = (struct sy_store){.ops = &fake_store, .self = rig};
    scheduler->send = fake_send;
    scheduler->send_ctx = rig;
    scheduler->generation = 1;
    memset(scheduler->instance, 9, sizeof scheduler->instance);
    memset(scheduler->key.public_key, 'Z', SY_KEY_TEXT_BYTES - 1);
    snprintf(rig->options->endpoints[0], SY_SCHEDULER_ENDPOINT_BYTES, "tcp://127.0.0.1:7710");
    rig->options->endpoint_count = 1;
    rig->options->miners[0] =
        (struct sy_scheduler_miner){.actor = RIG_MINER, .proof_type = 5, .sector_bytes = 2048};
    rig->options->miner_count = 1;
    sy_policy_init(&scheduler->policy);
    scheduler->state = sy_state_create();
    rig_assert(scheduler->state != NULL, "state", NULL);
    rig_assert(sy_loop_create(&scheduler->loop, &rig->env, &err) == 0, "loop", &err);
    rig_assert(sy_scheduler_create_parts(scheduler, &first, &err) == 0, "parts", &err);
    rig_assert(sy_scheduler_set_miners(scheduler, &err) == 0, "miners", &err);
    struct sy_ev_number_floor floor = {.miner = RIG_MINER, .next_number = 1};
    rig_event(rig, SY_EVENT_NUMBER_FLOOR, &floor);
    add_identities(rig);
    rig_settle(rig);
    rig_forget(rig);
}

void rig_fini(struct rig *rig)
{
    sy_scheduler_destroy_parts(&rig->scheduler);
    sy_state_destroy(rig->scheduler.state);
    sy_loop_destroy(rig->scheduler.loop);
    sy_arena_destroy(rig->arena);
    free(rig->options);
}

void rig_event(struct rig *rig, uint32_t kind, const void *body)
{
    struct sy_error err = {0};
    rig_assert(sy_journal_event(rig->scheduler.journal, kind, body, &err) == 0, sy_event_name(kind),
               &err);
}

void rig_receive_as(struct rig *rig, const char *from, uint16_t type, uint64_t sequence,
                    const void *body)
{
    struct sy_peer peer = {.routing_id_bytes = 4};
    snprintf(peer.name, sizeof peer.name, "%s", from);
    memcpy(peer.routing_id, from, SY_MIN(strlen(from), (size_t)4));
    struct sy_frame frame = {
        .version = SY_WIRE_VERSION, .type = type, .sequence = sequence, .body = body};
    sy_rpc_handle(&rig->scheduler, &peer, &frame);
}

uint64_t rig_receive(struct rig *rig, const char *from, uint16_t type, const void *body)
{
    rig_receive_as(rig, from, type, ++rig->sequence, body);
    return rig->sequence;
}

void rig_turn(struct rig *rig)
{
    sy_scheduler_end_turn(&rig->scheduler);
}

void rig_settle(struct rig *rig)
{
    for (int i = 0; i < 100; i++) {
        rig_turn(rig);
        if (sy_journal_is_idle(rig->scheduler.journal))
            return;
        rig->on_durable(rig->store_ctx, rig->submitted);
        rig->boot_ms += 1;
    }
    rig_assert(false, "never settles", NULL);
}

void rig_pass(struct rig *rig, uint64_t ms)
{
    rig->boot_ms += ms;
    rig->wall_ms += (int64_t)ms;
    sy_rpc_tick(&rig->scheduler);
    rig_settle(rig);
}

const struct rig_sent *rig_find(const struct rig *rig, const char *peer, uint16_t type)
{
    for (size_t i = rig->sent_count; i > 0; i--)
        if (rig->sent[i - 1].type == type && strcmp(rig->sent[i - 1].peer, peer) == 0)
            return &rig->sent[i - 1];
    return NULL;
}

size_t rig_count(const struct rig *rig, const char *peer, uint16_t type)
{
    size_t count = 0;
    for (size_t i = 0; i < rig->sent_count; i++)
        if (rig->sent[i].type == type && strcmp(rig->sent[i].peer, peer) == 0)
            count++;
    return count;
}

void rig_forget(struct rig *rig)
{
    rig->sent_count = 0;
    sy_arena_reset(rig->arena);
}

void rig_hello(struct rig *rig, const char *agent, const struct sy_msg_attempt_state *attempts,
               uint32_t attempt_count)
{
    struct sy_slot_offer slots[] = {{SY_STAGE_AP, 1},     {SY_STAGE_PC1, 1},   {SY_STAGE_PC2, 1},
                                    {SY_STAGE_C1, 1},     {SY_STAGE_C2, 1},    {SY_STAGE_FIN, 1},
                                    {SY_STAGE_UNSEAL, 1}, {SY_STAGE_REMOVE, 1}};
    struct sy_store_row stores[2] = {{.kind = SY_STORE_SCRATCH,
                                      .bytes_total = 1ull << 40,
                                      .bytes_free = 1ull << 40,
                                      .online = true},
                                     {.kind = SY_STORE_LONG,
                                      .bytes_total = 1ull << 40,
                                      .bytes_free = 1ull << 40,
                                      .online = true}};
    struct sy_msg_hello hello = {
        .version = SY_VERSION,
        .boot_id = "boot",
        .slots = {slots, SY_ARRAY_SIZE(slots)},
        .stores = {stores, 2},
        .attempts = {(void *)attempts, attempt_count},
    };
    for (int i = 0; i < 2; i++) {
        snprintf(stores[i].uuid, sizeof stores[i].uuid, "%s-%c", agent, i ? 'l' : 's');
        snprintf(stores[i].path, sizeof stores[i].path, "/%s/%c", agent, i ? 'l' : 's');
    }
    memset(hello.instance, agent[1], sizeof hello.instance);
    rig_receive(rig, agent, SY_MSG_HELLO, &hello);
    rig_settle(rig);
}

uint64_t rig_pledge(struct rig *rig, uint32_t count, uint8_t key)
{
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .miner = RIG_MINER, .count = count};
    memset(submit.idempotency_key, key, sizeof submit.idempotency_key);
    rig_receive(rig, "op", SY_MSG_SUBMIT, &submit);
    rig_settle(rig);
    const struct rig_sent *sent = rig_find(rig, "op", SY_MSG_SUBMITTED);
    rig_assert(sent != NULL, "pledge not answered", NULL);
    return ((const struct sy_msg_submitted *)sent->body)->job;
}
