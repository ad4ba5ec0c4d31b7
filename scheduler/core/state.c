#include "scheduler/core/state_internal.h"

#include <string.h>

/* Rows own their lists and slices; these tables say where they are. item_bytes 0 = slice. */
struct owned {
    uint32_t offset;
    uint32_t item_bytes;
};
#define OWNED_MAX 4
#define SLICE(type, field)                                                                         \
    {                                                                                              \
        offsetof(struct type, field), 0                                                            \
    }
#define LIST(type, field, item)                                                                    \
    {                                                                                              \
        offsetof(struct type, field), sizeof(struct item)                                          \
    }

struct kind_info {
    size_t node_bytes, row_offset, row_bytes;
    uint32_t owned_count;
    struct owned owned[OWNED_MAX];
};

#define PLAIN_ROW_OFFSET ((sizeof(struct node) + 15) & ~(size_t)15)
#define PLAIN(type) PLAIN_ROW_OFFSET + sizeof(struct type), PLAIN_ROW_OFFSET, sizeof(struct type)
#define NODE(node_type, type)                                                                      \
    sizeof(struct node_type), offsetof(struct node_type, row), sizeof(struct type)

static const struct kind_info kinds[SY_ROW_KIND_COUNT] = {
    [SY_ROW_META] = {NODE(state_node, sy_meta), 0, {{0, 0}}},
    [SY_ROW_MINER] = {PLAIN(sy_miner), 0, {{0, 0}}},
    [SY_ROW_IDENTITY] = {PLAIN(sy_identity), 0, {{0, 0}}},
    [SY_ROW_AGENT] = {NODE(agent_node, sy_agent),
                      2,
                      {LIST(sy_agent, slots, sy_slot_offer), SLICE(sy_agent, topology)}},
    [SY_ROW_STORE] = {PLAIN(sy_store_row), 0, {{0, 0}}},
    [SY_ROW_JOB] = {PLAIN(sy_job), 1, {LIST(sy_job, sectors, sy_number)}},
    [SY_ROW_SECTOR] = {NODE(sector_node, sy_sector),
                       2,
                       {LIST(sy_sector, pieces, sy_piece), SLICE(sy_sector, proof)}},
    [SY_ROW_TASK] = {NODE(task_node, sy_task), 1, {SLICE(sy_task, result)}},
    [SY_ROW_ATTEMPT] = {PLAIN(sy_attempt), 0, {{0, 0}}},
    [SY_ROW_MESSAGE] = {PLAIN(sy_message),
                        4,
                        {LIST(sy_message, sectors, sy_number), SLICE(sy_message, params),
                         SLICE(sy_message, signed_bytes), SLICE(sy_message, return_bytes)}},
    [SY_ROW_IDEMPOTENCY] = {PLAIN(sy_idempotency), 0, {{0, 0}}},
};

void *node_row(struct node *node)
{
    return (uint8_t *)node + kinds[node->kind].row_offset;
}

size_t row_bytes(enum sy_row_kind kind)
{
    return kinds[kind].row_bytes;
}

struct node *node_create(enum sy_row_kind kind)
{
    struct node *node = sy_mem_alloc(kinds[kind].node_bytes);
    if (node != NULL)
        node->kind = (uint8_t)kind;
    return node;
}

void node_destroy(struct node *node)
{
    if (node == NULL)
        return;
    row_clear((enum sy_row_kind)node->kind, node_row(node));
    sy_mem_free(node);
}

void row_clear(enum sy_row_kind kind, void *row)
{
    for (uint32_t i = 0; i < kinds[kind].owned_count; i++) {
        const struct owned *owned = &kinds[kind].owned[i];
        void *place = (uint8_t *)row + owned->offset;
        if (owned->item_bytes == 0) {
            struct sy_slice *slice = place;
            sy_mem_free((void *)(uintptr_t)slice->data);
            *slice = (struct sy_slice){NULL, 0};
        } else {
            struct sy_list *list = place;
            sy_mem_free(list->items);
            *list = (struct sy_list){NULL, 0};
        }
    }
}

static bool owned_copy(const struct owned *owned, void *place)
{
    if (owned->item_bytes == 0) {
        struct sy_slice *slice = place;
        const void *data = slice->data;
        slice->data = NULL;
        if (slice->bytes == 0)
            return true;
        slice->data = sy_mem_dup(data, slice->bytes);
        return slice->data != NULL;
    }
    struct sy_list *list = place;
    const void *items = list->items;
    list->items = NULL;
    if (list->count == 0)
        return true;
    size_t bytes = 0;
    if (!sy_mul_ok((size_t)list->count, (size_t)owned->item_bytes, &bytes))
        return false;
    list->items = sy_mem_dup(items, bytes);
    return list->items != NULL;
}

bool row_copy(enum sy_row_kind kind, void *dst, const void *src)
{
    const struct kind_info *info = &kinds[kind];
    memcpy(dst, src, info->row_bytes);
    bool good = true;
    for (uint32_t i = 0; i < info->owned_count; i++) {
        void *place = (uint8_t *)dst + info->owned[i].offset;
        if (!good) /* forget borrowed pointers, so that row_clear frees only our own */
            memset(place, 0,
                   info->owned[i].item_bytes == 0 ? sizeof(struct sy_slice)
                                                  : sizeof(struct sy_list));
        else
            good = owned_copy(&info->owned[i], place);
    }
    if (!good) {
        row_clear(kind, dst);
        memset(dst, 0, info->row_bytes);
    }
    return good;
}

/* ---- keys ---- */

static uint32_t put_be64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    return 8;
}

static uint32_t put_be32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    return 4;
}

static uint32_t put_text(uint8_t *out, const char *text, size_t capacity)
{
    size_t bytes = strnlen(text, capacity);
    if (bytes == 0 || bytes >= capacity || bytes > SY_STATE_KEY_BYTES_MAX)
        return 0;
    memcpy(out, text, bytes);
    return (uint32_t)bytes;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* "pc-" or "cm-" and 64 lower-case hex digits: longer than a key may be, so the digits are packed.
 */
static uint32_t put_uid(uint8_t *out, const char *uid)
{
    if (strnlen(uid, SY_UID_BYTES) != SY_UID_BYTES - 1 || uid[2] != '-')
        return 0;
    out[0] = (uint8_t)uid[0];
    out[1] = (uint8_t)uid[1];
    for (unsigned i = 0; i < 32; i++) {
        int high = hex_value(uid[3 + 2 * i]), low = hex_value(uid[4 + 2 * i]);
        if (high < 0 || low < 0)
            return 0;
        out[2 + i] = (uint8_t)(high * 16 + low);
    }
    return 34;
}

uint32_t sy_state_key(enum sy_row_kind kind, const void *row, uint8_t ret[SY_STATE_KEY_BYTES_MAX])
{
    switch (kind) {
    case SY_ROW_META:
        memcpy(ret, "state", 5);
        return 5;
    case SY_ROW_MINER:
        return put_be64(ret, ((const struct sy_miner *)row)->id);
    case SY_ROW_IDENTITY:
        return put_text(ret, ((const struct sy_identity *)row)->name, SY_NAME_BYTES);
    case SY_ROW_AGENT:
        return put_text(ret, ((const struct sy_agent *)row)->name, SY_NAME_BYTES);
    case SY_ROW_STORE:
        return put_text(ret, ((const struct sy_store_row *)row)->uuid, SY_UUID_BYTES);
    case SY_ROW_JOB:
        return put_be64(ret, ((const struct sy_job *)row)->id);
    case SY_ROW_SECTOR:
        put_be64(ret, ((const struct sy_sector *)row)->miner);
        put_be64(ret + 8, ((const struct sy_sector *)row)->number);
        return 16;
    case SY_ROW_TASK:
        return put_be64(ret, ((const struct sy_task *)row)->id);
    case SY_ROW_ATTEMPT:
        put_be64(ret, ((const struct sy_attempt *)row)->task);
        put_be32(ret + 8, ((const struct sy_attempt *)row)->attempt);
        return 12;
    case SY_ROW_MESSAGE:
        return put_uid(ret, ((const struct sy_message *)row)->uid);
    case SY_ROW_IDEMPOTENCY:
        memcpy(ret, ((const struct sy_idempotency *)row)->key, SY_IDEMPOTENCY_BYTES);
        return SY_IDEMPOTENCY_BYTES;
    case SY_ROW_KIND_COUNT:
        break;
    }
    return 0;
}

int key_compare(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes)
{
    int order = memcmp(a, b, SY_MIN(a_bytes, b_bytes));
    if (order != 0)
        return order;
    return a_bytes < b_bytes ? -1 : a_bytes > b_bytes;
}

/* ---- sorted vectors ---- */

size_t vector_position(const struct vector *vector, const uint8_t *key, size_t key_bytes)
{
    size_t low = 0, high = vector->count;
    if (high > 0) { /* nearly every new row goes to the end */
        const struct node *last = vector->items[high - 1];
        if (key_compare(last->key, last->key_bytes, key, key_bytes) < 0)
            return high;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct node *node = vector->items[middle];
        if (key_compare(node->key, node->key_bytes, key, key_bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool vector_reserve(struct vector *vector, size_t more)
{
    if (vector->capacity - vector->count >= more)
        return true;
    size_t capacity = SY_MAX(vector->capacity * 2, vector->count + more);
    capacity = SY_MAX(capacity, 16);
    struct node **items = sy_mem_resize(vector->items, capacity * sizeof(*items));
    if (items == NULL)
        return false;
    vector->items = items;
    vector->capacity = capacity;
    return true;
}

void vector_insert(struct vector *vector, struct node *node)
{
    node->key_bytes =
        (uint8_t)sy_state_key((enum sy_row_kind)node->kind, node_row(node), node->key);
    size_t position = vector_position(vector, node->key, node->key_bytes);
    SY_ASSERT(vector->count < vector->capacity && node->key_bytes > 0);
    memmove(vector->items + position + 1, vector->items + position,
            (vector->count - position) * sizeof(*vector->items));
    vector->items[position] = node;
    vector->count++;
}

void vector_remove(struct vector *vector, struct node *node)
{
    size_t position = vector_position(vector, node->key, node->key_bytes);
    SY_ASSERT(position < vector->count && vector->items[position] == node);
    memmove(vector->items + position, vector->items + position + 1,
            (vector->count - position - 1) * sizeof(*vector->items));
    vector->count--;
}

/* ---- finding ---- */

struct node *find_node(const struct sy_state *state, enum sy_row_kind kind, const void *key,
                       size_t key_bytes)
{
    const struct vector *vector = &state->rows[kind];
    if (key_bytes == 0)
        return NULL;
    size_t position = vector_position(vector, key, key_bytes);
    if (position == vector->count)
        return NULL;
    struct node *node = vector->items[position];
    return key_compare(node->key, node->key_bytes, key, key_bytes) == 0 ? node : NULL;
}

static struct node *find_number(const struct sy_state *state, enum sy_row_kind kind, uint64_t id)
{
    uint8_t key[8];
    put_be64(key, id);
    return find_node(state, kind, key, sizeof(key));
}

struct sector_node *find_sector(const struct sy_state *state, uint64_t miner, uint64_t number)
{
    uint8_t key[16];
    put_be64(key, miner);
    put_be64(key + 8, number);
    return (struct sector_node *)find_node(state, SY_ROW_SECTOR, key, sizeof(key));
}

struct task_node *find_task(const struct sy_state *state, uint64_t id)
{
    return (struct task_node *)find_number(state, SY_ROW_TASK, id);
}

struct node *find_job(const struct sy_state *state, uint64_t id)
{
    return find_number(state, SY_ROW_JOB, id);
}

struct node *find_miner(const struct sy_state *state, uint64_t id)
{
    return find_number(state, SY_ROW_MINER, id);
}

struct node *find_attempt(const struct sy_state *state, uint64_t task, uint32_t attempt)
{
    uint8_t key[12];
    put_be64(key, task);
    put_be32(key + 8, attempt);
    return find_node(state, SY_ROW_ATTEMPT, key, sizeof(key));
}

struct node *find_name(const struct sy_state *state, enum sy_row_kind kind, const char *name)
{
    size_t bytes = strnlen(name, SY_STATE_KEY_BYTES_MAX + 1);
    return bytes > SY_STATE_KEY_BYTES_MAX ? NULL : find_node(state, kind, name, bytes);
}

struct agent_node *find_agent(const struct sy_state *state, const char *name)
{
    return (struct agent_node *)find_name(state, SY_ROW_AGENT, name);
}

struct node *find_message(const struct sy_state *state, const char *uid)
{
    uint8_t key[SY_STATE_KEY_BYTES_MAX];
    return find_node(state, SY_ROW_MESSAGE, key, put_uid(key, uid));
}

struct node *find_key(const struct sy_state *state, const uint8_t *key)
{
    return find_node(state, SY_ROW_IDEMPOTENCY, key, SY_IDEMPOTENCY_BYTES);
}

/* ---- senders ---- */

uint64_t sender_nonce(const struct sy_state *state, const char *from, bool *ret_known)
{
    for (size_t i = 0; i < state->sender_count; i++) {
        if (strcmp(state->senders[i].from, from) == 0) {
            *ret_known = true;
            return state->senders[i].nonce;
        }
    }
    *ret_known = false;
    return 0;
}

bool sender_reserve(struct sy_state *state)
{
    if (state->sender_count < state->sender_capacity)
        return true;
    size_t capacity = SY_MAX(state->sender_capacity * 2, 8);
    struct sender *senders = sy_mem_resize(state->senders, capacity * sizeof(*senders));
    if (senders == NULL)
        return false;
    state->senders = senders;
    state->sender_capacity = capacity;
    return true;
}

void sender_note(struct sy_state *state, const char *from, uint64_t nonce)
{
    for (size_t i = 0; i < state->sender_count; i++) {
        if (strcmp(state->senders[i].from, from) == 0) {
            state->senders[i].nonce = SY_MAX(state->senders[i].nonce, nonce);
            return;
        }
    }
    SY_ASSERT(state->sender_count < state->sender_capacity);
    struct sender *sender = &state->senders[state->sender_count++];
    text_copy(sender->from, sizeof(sender->from), from);
    sender->nonce = nonce;
}

/* ---- life ---- */

struct sy_state *sy_state_create(void)
{
    struct sy_state *state = sy_mem_alloc(sizeof(*state));
    if (state == NULL)
        return NULL;
    state->meta.node.kind = SY_ROW_META;
    state->meta.row.next_job = 1;
    state->meta.row.next_task = 1;
    struct vector *vector = &state->rows[SY_ROW_META];
    if (!vector_reserve(vector, 1)) {
        sy_mem_free(state);
        return NULL;
    }
    vector_insert(vector, &state->meta.node);
    return state;
}

void sy_state_destroy(struct sy_state *state)
{
    if (state == NULL)
        return;
    while (state->dirty != NULL)
        sy_state_dirty_pop(state);
    for (int kind = 0; kind < SY_ROW_KIND_COUNT; kind++) {
        struct vector *vector = &state->rows[kind];
        for (size_t i = 0; kind != SY_ROW_META && i < vector->count; i++)
            node_destroy(vector->items[i]);
        sy_mem_free(vector->items);
    }
    sy_mem_free(state->senders);
    sy_mem_free(state);
}
