#include "scheduler/record.h"

#include <string.h>

typedef unsigned long long ull;

#define EVENT_BYTES_MAX (SY_STORE_VALUE_BYTES_MAX - SY_RECORD_HEADER_BYTES)
/* The largest event: cancelling 1,024 running sectors touches per sector its row, the old task, its
 * attempt and the new task; and forgets old submit keys. */
#define EVENT_CHANGES_MAX (4 * SY_JOB_SECTORS_MAX + SY_STATE_EXPIRE_PER_EVENT + 16)

/* ---- tables of our own ---- */

struct stored_event {
    int64_t wall_ms;
    struct sy_slice body;
};
static const struct sy_field stored_event_fields[] = {
    SY_F_I64(1, stored_event, wall_ms),
    SY_F_BYTES(2, stored_event, body, EVENT_BYTES_MAX),
};
static const struct sy_table stored_event_table =
    SY_TABLE("event", stored_event, stored_event_fields);

static const struct sy_field meta_fields[] = {
    SY_F_U64(1, sy_meta, last_event),
    SY_F_U64(2, sy_meta, next_job, .required = true),
    SY_F_U64(3, sy_meta, next_task, .required = true),
    SY_F_U64(4, sy_meta, generation),
    SY_F_FIXED(5, sy_meta, instance),
    SY_F_STRING(6, sy_meta, machine_id),
    SY_F_U64(7, sy_meta, expired_job),
    SY_F_FIXED(8, sy_meta, policy_digest),
    SY_F_I64(9, sy_meta, policy_ms),
};
static const struct sy_table meta_table = SY_TABLE("meta", sy_meta, meta_fields);

static const struct sy_field idempotency_fields[] = {
    SY_F_FIXED(1, sy_idempotency, key, .required = true),
    SY_F_U64(2, sy_idempotency, job, .required = true),
    SY_F_I64(3, sy_idempotency, created_ms),
};
static const struct sy_table idempotency_table =
    SY_TABLE("idempotency", sy_idempotency, idempotency_fields);

static const struct {
    enum sy_store_table table;
    const struct sy_table *codec;
} kinds[SY_ROW_KIND_COUNT] = {
    [SY_ROW_META] = {SY_TABLE_META, &meta_table},
    [SY_ROW_MINER] = {SY_TABLE_MINERS, &sy_table_miner},
    [SY_ROW_IDENTITY] = {SY_TABLE_IDENTITIES, &sy_table_identity},
    [SY_ROW_AGENT] = {SY_TABLE_AGENTS, &sy_table_agent},
    [SY_ROW_STORE] = {SY_TABLE_STORES, &sy_table_store_row},
    [SY_ROW_JOB] = {SY_TABLE_JOBS, &sy_table_job},
    [SY_ROW_SECTOR] = {SY_TABLE_SECTORS, &sy_table_sector},
    [SY_ROW_TASK] = {SY_TABLE_TASKS, &sy_table_task},
    [SY_ROW_ATTEMPT] = {SY_TABLE_ATTEMPTS, &sy_table_attempt},
    [SY_ROW_MESSAGE] = {SY_TABLE_MESSAGES, &sy_table_message},
    [SY_ROW_IDEMPOTENCY] = {SY_TABLE_IDEMPOTENCY, &idempotency_table},
};

enum sy_store_table sy_record_table(enum sy_row_kind kind)
{
    return kinds[kind].table;
}

const struct sy_table *sy_record_codec(enum sy_row_kind kind)
{
    return kinds[kind].codec;
}

const char *sy_record_table_name(enum sy_store_table table)
{
    static const char *const names[SY_TABLE_COUNT] = {
        [SY_TABLE_META] = "meta",
        [SY_TABLE_EVENTS] = "events",
        [SY_TABLE_JOBS] = "jobs",
        [SY_TABLE_SECTORS] = "sectors",
        [SY_TABLE_TASKS] = "tasks",
        [SY_TABLE_ATTEMPTS] = "attempts",
        [SY_TABLE_AGENTS] = "agents",
        [SY_TABLE_IDENTITIES] = "identities",
        [SY_TABLE_STORES] = "stores",
        [SY_TABLE_MINERS] = "miners",
        [SY_TABLE_MESSAGES] = "messages",
        [SY_TABLE_IDEMPOTENCY] = "idempotency",
        [SY_TABLE_QUARANTINE] = "quarantine",
    };
    return (unsigned)table < SY_TABLE_COUNT ? names[table] : NULL;
}

/* ---- the envelope ---- */

static void put_le16(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

static void put_le32(uint8_t *out, uint32_t value)
{
    put_le16(out, value);
    put_le16(out + 2, value >> 16);
}

static uint32_t get_le16(const uint8_t *in)
{
    return in[0] | (uint32_t)in[1] << 8;
}

static uint32_t get_le32(const uint8_t *in)
{
    return get_le16(in) | get_le16(in + 2) << 16;
}

static uint32_t record_crc(enum sy_store_table table, const void *key, size_t key_bytes,
                           const uint8_t *header, const void *body, size_t body_bytes)
{
    uint8_t name = (uint8_t)table;
    uint32_t crc = sy_crc32c(0, &name, 1);
    crc = sy_crc32c(crc, key, key_bytes);
    crc = sy_crc32c(crc, header, SY_RECORD_HEADER_BYTES - 4);
    return sy_crc32c(crc, body, body_bytes);
}

int sy_record_seal(enum sy_store_table table, const void *key, size_t key_bytes, uint16_t kind,
                   const void *body, size_t body_bytes, void **ret_value, uint32_t *ret_bytes,
                   struct sy_error *err)
{
    if (body_bytes > EVENT_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "a record of %zu bytes in table %s, at most %d", body_bytes,
                       sy_record_table_name(table), EVENT_BYTES_MAX);
    uint8_t *value = sy_mem_alloc(SY_RECORD_HEADER_BYTES + body_bytes);
    if (value == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for a record of %zu bytes", body_bytes);
    put_le16(value, SY_RECORD_VERSION);
    put_le16(value + 2, kind);
    put_le32(value + 4, (uint32_t)body_bytes);
    if (body_bytes > 0)
        memcpy(value + SY_RECORD_HEADER_BYTES, body, body_bytes);
    put_le32(value + 8, record_crc(table, key, key_bytes, value, body, body_bytes));
    *ret_value = value;
    *ret_bytes = (uint32_t)(SY_RECORD_HEADER_BYTES + body_bytes);
    return 0;
}

int sy_record_open(enum sy_store_table table, const void *key, size_t key_bytes, const void *value,
                   size_t value_bytes, uint16_t *ret_kind, const void **ret_body,
                   size_t *ret_body_bytes, struct sy_error *err)
{
    const uint8_t *bytes = value;
    if (value_bytes < SY_RECORD_HEADER_BYTES)
        return sy_fail(err, SY_E_CORRUPT,
                       "a record of %zu bytes in table %s is shorter than its header", value_bytes,
                       sy_record_table_name(table));
    const uint8_t *body = bytes + SY_RECORD_HEADER_BYTES;
    size_t body_bytes = value_bytes - SY_RECORD_HEADER_BYTES;
    if (get_le32(bytes + 4) != body_bytes)
        return sy_fail(err, SY_E_CORRUPT, "a record in table %s says %u bytes and has %zu",
                       sy_record_table_name(table), get_le32(bytes + 4), body_bytes);
    if (get_le32(bytes + 8) != record_crc(table, key, key_bytes, bytes, body, body_bytes))
        return sy_fail(err, SY_E_CORRUPT, "a record in table %s fails its checksum",
                       sy_record_table_name(table));
    uint32_t version = get_le16(bytes);
    if (version < SY_RECORD_VERSION_MIN || version > SY_RECORD_VERSION)
        return sy_fail(err, SY_E_VERSION,
                       "a record in table %s has version %u, this program reads %d to %d: use the "
                       "program that wrote it",
                       sy_record_table_name(table), version, SY_RECORD_VERSION_MIN,
                       SY_RECORD_VERSION);
    *ret_kind = (uint16_t)get_le16(bytes + 2);
    *ret_body = body;
    *ret_body_bytes = body_bytes;
    return 0;
}

/* ---- rows ---- */

static int seal_table(enum sy_store_table table, const void *key, size_t key_bytes, uint16_t kind,
                      const struct sy_table *codec, const void *object, void **ret_value,
                      uint32_t *ret_bytes, struct sy_error *err)
{
    struct sy_buffer buffer;
    sy_buffer_init(&buffer, EVENT_BYTES_MAX);
    int rc = sy_table_encode(codec, object, &buffer, err);
    if (rc == 0)
        rc = sy_record_seal(table, key, key_bytes, kind, buffer.data, buffer.bytes, ret_value,
                            ret_bytes, err);
    sy_buffer_fini(&buffer);
    return rc;
}

int sy_record_encode_row(const struct sy_row_ref *ref, void **ret_value, uint32_t *ret_bytes,
                         struct sy_error *err)
{
    return seal_table(kinds[ref->kind].table, ref->key, ref->key_bytes, 0, kinds[ref->kind].codec,
                      ref->row, ret_value, ret_bytes, err);
}

int sy_record_decode_row(enum sy_row_kind kind, const void *key, size_t key_bytes,
                         const void *value, size_t value_bytes, struct sy_arena *arena,
                         void *ret_row, struct sy_error *err)
{
    const void *body = NULL;
    size_t body_bytes = 0;
    uint16_t record_kind = 0;
    int rc = sy_record_open(kinds[kind].table, key, key_bytes, value, value_bytes, &record_kind,
                            &body, &body_bytes, err);
    if (rc != 0)
        return rc;
    rc = sy_table_decode(kinds[kind].codec, body, body_bytes, arena, ret_row, err);
    if (rc == -SY_E_NOMEM)
        return rc;
    if (rc != 0)
        return sy_fail(err, SY_E_CORRUPT, "a record in table %s does not decode",
                       sy_record_table_name(kinds[kind].table));
    uint8_t own[SY_STATE_KEY_BYTES_MAX];
    uint32_t own_bytes = sy_state_key(kind, ret_row, own);
    if (own_bytes != key_bytes || memcmp(own, key, key_bytes) != 0)
        return sy_fail(err, SY_E_CORRUPT, "a record in table %s stands under a key of another row",
                       sy_record_table_name(kinds[kind].table));
    return 0;
}

/* ---- events ---- */

static void event_key(uint64_t number, uint8_t key[8])
{
    for (unsigned i = 0; i < 8; i++)
        key[i] = (uint8_t)(number >> (56 - 8 * i));
}

int sy_record_encode_event(const struct sy_event *event, void **ret_value, uint32_t *ret_bytes,
                           struct sy_error *err)
{
    const struct sy_table *codec = sy_event_table(event->kind);
    if (codec == NULL)
        return sy_fail(err, SY_E_ARG, "event kind %u is not known", event->kind);
    struct sy_buffer body;
    sy_buffer_init(&body, EVENT_BYTES_MAX);
    int rc = sy_table_encode(codec, event->body, &body, err);
    if (rc == 0) {
        struct stored_event stored = {
            .wall_ms = event->wall_ms,
            .body = {.data = body.data, .bytes = (uint32_t)body.bytes},
        };
        uint8_t key[8];
        event_key(event->number, key);
        rc = seal_table(SY_TABLE_EVENTS, key, sizeof(key), (uint16_t)event->kind,
                        &stored_event_table, &stored, ret_value, ret_bytes, err);
    }
    sy_buffer_fini(&body);
    return rc;
}

int sy_record_decode_event(const void *key, size_t key_bytes, const void *value, size_t value_bytes,
                           struct sy_arena *arena, struct sy_event *ret, struct sy_error *err)
{
    const void *body = NULL;
    size_t body_bytes = 0;
    uint16_t kind = 0;
    int rc = sy_record_open(SY_TABLE_EVENTS, key, key_bytes, value, value_bytes, &kind, &body,
                            &body_bytes, err);
    if (rc != 0)
        return rc;
    const struct sy_table *codec = sy_event_table(kind);
    if (key_bytes != 8 || codec == NULL)
        return sy_fail(err, SY_E_CORRUPT, "an event record has kind %u and a key of %zu bytes",
                       kind, key_bytes);
    struct stored_event stored;
    rc = sy_table_decode(&stored_event_table, body, body_bytes, arena, &stored, err);
    void *object = rc == 0 ? sy_arena_alloc(arena, codec->struct_bytes) : NULL;
    if (rc == 0 && object == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory to read an event");
    if (rc == 0)
        rc = sy_table_decode(codec, stored.body.data, stored.body.bytes, arena, object, err);
    if (rc == -SY_E_NOMEM)
        return rc;
    if (rc != 0)
        return sy_fail(err, SY_E_CORRUPT, "an event of kind %s does not decode",
                       sy_event_name(kind));
    const uint8_t *digits = key;
    ret->number = 0;
    for (unsigned i = 0; i < 8; i++)
        ret->number = ret->number << 8 | digits[i];
    ret->wall_ms = stored.wall_ms;
    ret->kind = kind;
    ret->body = object;
    return 0;
}

/* ---- batches ---- */

static int batch_reserve(struct sy_batch *batch, uint32_t more, struct sy_error *err)
{
    if (batch->count + more > SY_STORE_BATCH_CHANGES_MAX)
        return sy_fail(err, SY_E_LIMIT, "the batch has %u changes, at most %d", batch->count,
                       SY_STORE_BATCH_CHANGES_MAX);
    if (batch->capacity - batch->count >= more)
        return 0;
    uint32_t capacity = SY_MAX(batch->capacity * 2, SY_MAX(batch->count + more, 16u));
    struct sy_change *changes = sy_mem_resize(batch->changes, capacity * sizeof(*changes));
    if (changes == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for a batch of %u changes", capacity);
    batch->changes = changes;
    batch->capacity = capacity;
    return 0;
}

/* Room was reserved; the value moves in. */
static void batch_put(struct sy_batch *batch, enum sy_store_table table, const void *key,
                      uint32_t key_bytes, void *value, uint32_t value_bytes)
{
    struct sy_change *change = &batch->changes[batch->count++];
    memset(change, 0, sizeof(*change));
    change->table = table;
    change->remove = value == NULL;
    memcpy(change->key, key, key_bytes);
    change->key_bytes = key_bytes;
    change->value = value;
    change->value_bytes = value_bytes;
}

int sy_record_change(struct sy_batch *batch, enum sy_store_table table, const void *key,
                     uint32_t key_bytes, void *value, uint32_t value_bytes, struct sy_error *err)
{
    if (key_bytes == 0 || key_bytes > SY_STORE_KEY_BYTES_MAX)
        return sy_fail(err, SY_E_BUG, "a key of %u bytes", key_bytes);
    int rc = batch_reserve(batch, 1, err);
    if (rc == 0)
        batch_put(batch, table, key, key_bytes, value, value_bytes);
    return rc;
}

void sy_batch_fini(struct sy_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        sy_mem_free(batch->changes[i].value);
    sy_mem_free(batch->changes);
    *batch = (struct sy_batch){0};
}

bool sy_record_batch_is_full(const struct sy_state *state, const struct sy_batch *batch)
{
    return batch->count + sy_state_dirty_count(state) + EVENT_CHANGES_MAX >
           SY_STORE_BATCH_CHANGES_MAX;
}

int sy_record_apply(struct sy_state *state, struct sy_batch *batch, int64_t wall_ms, uint32_t kind,
                    const void *body, struct sy_error *err)
{
    struct sy_event event = {
        .number = sy_state_meta(state)->last_event + 1,
        .wall_ms = wall_ms,
        .kind = kind,
        .body = body,
    };
    void *value = NULL;
    uint32_t value_bytes = 0;
    int rc = sy_state_check(state, &event, err);
    if (rc != 0)
        return rc;
    if (batch->count > 0 && sy_record_batch_is_full(state, batch))
        return sy_fail(err, SY_E_LIMIT, "the batch is full: flush and submit it first");
    rc = sy_record_encode_event(&event, &value, &value_bytes, err);
    if (rc == 0)
        rc = batch_reserve(batch, 1, err);
    if (rc == 0)
        rc = sy_state_apply(state, &event, err);
    if (rc != 0) {
        sy_mem_free(value);
        return rc;
    }
    uint8_t key[8];
    event_key(event.number, key);
    batch_put(batch, SY_TABLE_EVENTS, key, sizeof(key), value, value_bytes);
    batch->last_event = event.number;
    return 0;
}

int sy_record_flush(struct sy_state *state, struct sy_batch *batch, struct sy_error *err)
{
    struct sy_row_ref ref;
    while (sy_state_dirty_peek(state, &ref)) {
        void *value = NULL;
        uint32_t value_bytes = 0;
        int rc = batch_reserve(batch, 1, err);
        if (rc == 0 && !ref.removed)
            rc = sy_record_encode_row(&ref, &value, &value_bytes, err);
        if (rc != 0)
            return rc;
        batch_put(batch, kinds[ref.kind].table, ref.key, ref.key_bytes, value, value_bytes);
        sy_state_dirty_pop(state);
    }
    return 0;
}
