/* Loading and rebuilding. Checking (fsck) and dump are in recover_check.c. */
#include "scheduler/recover.h"
#include "common/hex.h"
#include "common/log.h"
#include "scheduler/recover_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long long ull;

void recover_note(struct sy_recover_report *report, enum sy_store_table table, const void *key,
                  size_t key_bytes, const char *text)
{
    if (report->note_count >= SY_RECOVER_NOTES_MAX)
        return;
    struct sy_recover_note *note = &report->notes[report->note_count++];
    note->table = table;
    sy_hex_encode(key, SY_MIN(key_bytes, (size_t)SY_STORE_KEY_BYTES_MAX), note->key);
    size_t bytes = strnlen(text, sizeof(note->text) - 1);
    memcpy(note->text, text, bytes);
    note->text[bytes] = '\0';
}

/* ---- replay ---- */

struct replay {
    struct sy_state *state;
    struct sy_arena *arena;
};

static int replay_event(void *ctx, const void *key, size_t key_bytes, const void *value,
                        size_t value_bytes, struct sy_error *err)
{
    struct replay *replay = ctx;
    struct sy_event event = {0};
    sy_arena_reset(replay->arena);
    int rc = sy_record_decode_event(key, key_bytes, value, value_bytes, replay->arena, &event, err);
    if (rc == 0)
        rc = sy_state_apply(replay->state, &event, err);
    while (sy_state_dirty_count(replay->state) > 0)
        sy_state_dirty_pop(replay->state);
    if (rc != 0)
        (void)sy_error_wrap(err, "event %llu", (ull)sy_state_meta(replay->state)->last_event + 1);
    return rc;
}

int recover_replay(const struct sy_store *store, struct sy_state **ret, struct sy_error *err)
{
    struct replay replay = {
        .state = sy_state_create(),
        .arena = sy_arena_create(RECOVER_ARENA_BYTES),
    };
    int rc = 0;
    if (replay.state == NULL || replay.arena == NULL)
        rc = sy_fail(err, SY_E_NOMEM, "no memory to replay the events");
    if (rc == 0)
        rc = store->ops->load(store->self, SY_TABLE_EVENTS, replay_event, &replay, err);
    sy_arena_destroy(replay.arena);
    if (rc != 0)
        sy_state_destroy(replay.state);
    else
        *ret = replay.state;
    return rc;
}

/* ---- load ---- */

struct damaged {
    enum sy_store_table table;
    bool orphan; /* sound, but the row that it belongs to was damaged */
    uint8_t key[SY_STORE_KEY_BYTES_MAX];
    uint32_t key_bytes;
    void *value; /* as found */
    uint32_t value_bytes;
};

struct load {
    struct sy_state *state;
    struct sy_arena *arena;
    struct sy_recover_report *report;
    enum sy_row_kind kind;
    void *row;
    bool meta_seen;
    uint64_t next_event;
    bool events_damaged;
    struct damaged *damaged;
    uint32_t damaged_count, damaged_capacity;
};

static int keep_damaged(struct load *load, enum sy_store_table table, bool orphan, const void *key,
                        size_t key_bytes, const void *value, size_t value_bytes,
                        struct sy_error *why)
{
    load->report->damaged += !orphan;
    recover_note(load->report, table, key, key_bytes, why->text);
    if (load->damaged_count >= RECOVER_DAMAGED_MAX)
        return sy_fail(why, SY_E_CORRUPT, "more than %d records are damaged: restore a backup",
                       RECOVER_DAMAGED_MAX);
    if (load->damaged_count == load->damaged_capacity) {
        uint32_t capacity = SY_MAX(load->damaged_capacity * 2, 16u);
        struct damaged *grown = sy_mem_resize(load->damaged, capacity * sizeof(*grown));
        if (grown == NULL)
            return sy_fail(why, SY_E_NOMEM, "no memory to note a damaged record");
        load->damaged = grown;
        load->damaged_capacity = capacity;
    }
    struct damaged *item = &load->damaged[load->damaged_count];
    memset(item, 0, sizeof(*item));
    item->table = table;
    item->orphan = orphan;
    item->key_bytes = (uint32_t)SY_MIN(key_bytes, (size_t)SY_STORE_KEY_BYTES_MAX);
    memcpy(item->key, key, item->key_bytes);
    item->value_bytes = (uint32_t)SY_MIN(value_bytes, (size_t)SY_STORE_VALUE_BYTES_MAX);
    item->value = sy_mem_alloc(SY_MAX(item->value_bytes, 1u));
    if (item->value == NULL)
        return sy_fail(why, SY_E_NOMEM, "no memory to note a damaged record");
    memcpy(item->value, value, item->value_bytes);
    load->damaged_count++;
    return 0;
}

static int visit_row(void *ctx, const void *key, size_t key_bytes, const void *value,
                     size_t value_bytes, struct sy_error *err)
{
    struct load *load = ctx;
    struct sy_error why = {0};
    enum sy_store_table table = sy_record_table(load->kind);
    load->report->rows++;
    sy_arena_reset(load->arena);
    int rc = sy_record_decode_row(load->kind, key, key_bytes, value, value_bytes, load->arena,
                                  load->row, &why);
    const struct sy_task *task = load->row;
    bool orphan = rc == 0 && load->kind == SY_ROW_TASK &&
                  sy_state_sector(load->state, task->miner, task->number) == NULL;
    if (orphan)
        rc = sy_fail(&why, SY_E_CORRUPT, "task %llu has lost sector %llu", (ull)task->id,
                     (ull)task->number);
    if (rc == 0)
        rc = sy_state_put(load->state, load->kind, load->row, &why);
    if (rc == 0 && load->kind == SY_ROW_META)
        load->meta_seen = true;
    if (rc == -SY_E_CORRUPT)
        rc = keep_damaged(load, table, orphan, key, key_bytes, value, value_bytes, &why);
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

static int visit_event(void *ctx, const void *key, size_t key_bytes, const void *value,
                       size_t value_bytes, struct sy_error *err)
{
    struct load *load = ctx;
    struct sy_error why = {0};
    const void *body = NULL;
    size_t body_bytes = 0;
    uint16_t kind = 0;
    uint64_t number = 0;
    for (size_t i = 0; i < key_bytes && i < 8; i++)
        number = number << 8 | ((const uint8_t *)key)[i];
    load->report->events++;
    int rc = sy_record_open(SY_TABLE_EVENTS, key, key_bytes, value, value_bytes, &kind, &body,
                            &body_bytes, &why);
    if (rc == -SY_E_CORRUPT) {
        load->events_damaged = true;
        rc = keep_damaged(load, SY_TABLE_EVENTS, false, key, key_bytes, value, value_bytes, &why);
    }
    if (rc == 0 && number != load->next_event) {
        (void)sy_fail(&why, SY_E_CORRUPT, "events %llu to %llu are missing", (ull)load->next_event,
                      (ull)number - 1);
        recover_note(load->report, SY_TABLE_EVENTS, key, key_bytes, why.text);
        load->events_damaged = true;
    }
    load->next_event = number + 1;
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

static int load_tables(const struct sy_store *store, struct load *load, struct sy_error *err)
{
    size_t row_bytes = 0;
    for (int kind = 0; kind < SY_ROW_KIND_COUNT; kind++)
        row_bytes =
            SY_MAX(row_bytes, (size_t)sy_record_codec((enum sy_row_kind)kind)->struct_bytes);
    load->row = sy_mem_alloc(row_bytes);
    if (load->row == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory to load the store");
    int rc = 0;
    for (int kind = 0; rc == 0 && kind < SY_ROW_KIND_COUNT; kind++) {
        load->kind = (enum sy_row_kind)kind;
        rc = store->ops->load(store->self, sy_record_table(load->kind), visit_row, load, err);
    }
    load->next_event = 1;
    if (rc == 0)
        rc = store->ops->load(store->self, SY_TABLE_EVENTS, visit_event, load, err);
    return rc;
}

/* The damaged bytes move to quarantine, under table, key and checksum. */
static int quarantine(struct sy_batch *batch, struct damaged *item, struct sy_error *err)
{
    uint8_t key[SY_STORE_KEY_BYTES_MAX];
    uint32_t cut = SY_MIN(item->key_bytes, (uint32_t)sizeof(key) - 5);
    uint32_t crc = sy_crc32c(0, item->value, item->value_bytes);
    key[0] = (uint8_t)item->table;
    memcpy(key + 1, item->key, cut);
    for (unsigned i = 0; i < 4; i++)
        key[1 + cut + i] = (uint8_t)(crc >> (24 - 8 * i));
    int rc = sy_record_change(batch, SY_TABLE_QUARANTINE, key, cut + 5, item->value,
                              item->value_bytes, err);
    if (rc == 0)
        item->value = NULL;
    return rc;
}

static bool find_row(struct sy_state *state, const struct damaged *item, struct sy_row_ref *ret)
{
    for (int kind = 0; kind < SY_ROW_KIND_COUNT; kind++) {
        if (sy_record_table((enum sy_row_kind)kind) != item->table)
            continue;
        for (size_t i = 0; i < sy_state_count(state, (enum sy_row_kind)kind); i++) {
            sy_state_ref(state, (enum sy_row_kind)kind, i, ret);
            if (ret->key_bytes == item->key_bytes &&
                memcmp(ret->key, item->key, item->key_bytes) == 0)
                return true;
        }
    }
    return false;
}

/* Writes the rebuilt row over the damaged one, or removes the key when the events know no such row.
 * A damaged event stays where it is (fsck names it each time), its copy goes to quarantine. */
static int repair(struct load *load, struct damaged *item, bool rebuilt, struct sy_batch *batch,
                  struct sy_error *err)
{
    struct sy_row_ref ref;
    void *value = NULL;
    uint32_t value_bytes = 0;
    if (item->orphan && rebuilt)
        return 0;
    int rc = quarantine(batch, item, err);
    if (rc != 0 || item->table == SY_TABLE_EVENTS)
        return rc;
    bool found = rebuilt && find_row(load->state, item, &ref);
    if (found)
        rc = sy_record_encode_row(&ref, &value, &value_bytes, err);
    if (rc == 0)
        rc = sy_record_change(batch, item->table, item->key, item->key_bytes, value, value_bytes,
                              err);
    if (rc != 0)
        sy_mem_free(value);
    load->report->rebuilt += rc == 0 && rebuilt;
    load->report->lost += rc == 0 && !rebuilt;
    return rc;
}

static int rebuild(const struct sy_store *store, struct load *load, bool *ret_rebuilt,
                   struct sy_error *err)
{
    uint64_t last = sy_state_meta(load->state)->last_event;
    bool complete = !load->events_damaged && (!load->meta_seen || last + 1 == load->next_event);
    *ret_rebuilt = false;
    if (!complete && !load->meta_seen)
        return sy_fail(err, SY_E_CORRUPT,
                       "the store's meta row and its events are damaged: restore a backup");
    if (!complete)
        return 0;
    struct sy_state *state = NULL;
    struct sy_error why = {0};
    int rc = recover_replay(store, &state, &why);
    if (rc == -SY_E_NOMEM || (rc != 0 && !load->meta_seen)) {
        if (err != NULL)
            *err = why;
        return rc;
    }
    if (rc != 0) { /* the rows stand; fsck will tell more */
        recover_note(load->report, SY_TABLE_EVENTS, "", 0, why.text);
        return 0;
    }
    for (size_t i = 0; i < sy_state_count(state, SY_ROW_STORE); i++) {
        const struct sy_store_row *row = sy_state_at(state, SY_ROW_STORE, i);
        sy_state_set_store_space(state, row->uuid, false, 0, 0);
    }
    sy_state_destroy(load->state);
    load->state = state;
    *ret_rebuilt = true;
    return 0;
}

static int settle(const struct sy_store *store, struct load *load, struct sy_batch *batch,
                  struct sy_error *err)
{
    uint64_t last = sy_state_meta(load->state)->last_event;
    bool fresh = !load->meta_seen && load->report->rows == 0 && load->report->events == 0;
    bool whole = load->meta_seen && load->damaged_count == 0;
    bool rebuilt = false;
    int rc = 0;
    if (fresh)
        return 0;
    if (load->meta_seen && last + 1 != load->next_event) {
        struct sy_error why = {0};
        (void)sy_fail(&why, SY_E_CORRUPT, "rows stand at event %llu, the newest event is %llu",
                      (ull)last, (ull)load->next_event - 1);
        recover_note(load->report, SY_TABLE_EVENTS, "", 0, why.text);
    }
    if (!whole)
        rc = rebuild(store, load, &rebuilt, err);
    if (rc == 0 && !rebuilt)
        rc = sy_state_finish_load(load->state, err);
    for (uint32_t i = 0; rc == 0 && i < load->damaged_count; i++)
        rc = repair(load, &load->damaged[i], rebuilt, batch, err);
    if (rc == 0 && !whole)
        SY_WARN("recover", "damage", "damaged=%llu rebuilt=%llu lost=%llu",
                (ull)load->report->damaged, (ull)load->report->rebuilt, (ull)load->report->lost);
    batch->last_event = sy_state_meta(load->state)->last_event;
    return rc;
}

int sy_recover_load(const struct sy_store *store, struct sy_state **ret, struct sy_batch *batch,
                    struct sy_recover_report *report, struct sy_error *err)
{
    *report = (struct sy_recover_report){0};
    struct load load = {
        .state = sy_state_create(),
        .arena = sy_arena_create(RECOVER_ARENA_BYTES),
        .report = report,
    };
    int rc = 0;
    if (load.state == NULL || load.arena == NULL)
        rc = sy_fail(err, SY_E_NOMEM, "no memory to load the store");
    if (rc == 0)
        rc = load_tables(store, &load, err);
    if (rc == 0)
        rc = settle(store, &load, batch, err);
    for (uint32_t i = 0; i < load.damaged_count; i++)
        sy_mem_free(load.damaged[i].value);
    sy_mem_free(load.damaged);
    sy_mem_free(load.row);
    sy_arena_destroy(load.arena);
    if (rc != 0) {
        sy_state_destroy(load.state);
        sy_batch_fini(batch);
    } else {
        *ret = load.state;
    }
    return rc;
}

/* ---- the machine ---- */

int sy_recover_check_machine(const struct sy_state *state, const char *machine_id, bool take_over,
                             struct sy_error *err)
{
    const struct sy_meta *meta = sy_state_meta(state);
    if (meta->machine_id[0] == '\0' || strcmp(meta->machine_id, machine_id) == 0 || take_over)
        return 0;
    return sy_fail(err, SY_E_STATE,
                   "the store was last used on machine %s, this is %s: make sure that the other "
                   "scheduler is stopped for good, then start with --take-over",
                   meta->machine_id, machine_id);
}

int sy_recover_machine_id(char ret[40], struct sy_error *err)
{
    static const char path[] = "/etc/machine-id";
    char text[40] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    int errnum = errno;
    if (fd >= 0)
        (void)close(fd);
    if (bytes < 0)
        return sy_fail_errno(err, errnum, "read %s (systemd-machine-id-setup makes one)", path);
    text[bytes] = '\0';
    text[strcspn(text, "\n")] = '\0';
    uint8_t raw[16];
    if (sy_hex_decode(text, raw, sizeof(raw), NULL) != 0)
        return sy_fail(
            err, SY_E_PARSE,
            "%s holds '%s', expected 32 hex digits (systemd-machine-id-setup makes them)", path,
            text);
    memcpy(ret, text, sizeof(text));
    return 0;
}
