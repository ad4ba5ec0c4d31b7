/* The proof that rows and events agree, and the store as text. */
#include "common/hex.h"
#include "scheduler/recover_internal.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- fsck ---- */

struct compare {
    struct sy_state *state; /* as the events say */
    struct sy_recover_report *report;
    enum sy_row_kind kind;
    size_t next; /* the state's rows before this one were met */
};

static int row_key_order(const struct sy_row_ref *ref, const void *key, size_t key_bytes)
{
    int order = memcmp(ref->key, key, SY_MIN((size_t)ref->key_bytes, key_bytes));
    if (order != 0)
        return order;
    return ref->key_bytes < key_bytes ? -1 : ref->key_bytes > key_bytes;
}

static void differs(struct compare *compare, const void *key, size_t key_bytes, const char *text)
{
    compare->report->differing++;
    recover_note(compare->report, sy_record_table(compare->kind), key, key_bytes, text);
}

static void missing_before(struct compare *compare, const void *key, size_t key_bytes)
{
    struct sy_row_ref ref;
    while (compare->next < sy_state_count(compare->state, compare->kind)) {
        sy_state_ref(compare->state, compare->kind, compare->next, &ref);
        if (key != NULL && row_key_order(&ref, key, key_bytes) >= 0)
            return;
        differs(compare, ref.key, ref.key_bytes, "the events make this row, the store has none");
        compare->next++;
    }
}

static int compare_row(void *ctx, const void *key, size_t key_bytes, const void *value,
                       size_t value_bytes, struct sy_error *err)
{
    struct compare *compare = ctx;
    struct sy_row_ref ref;
    struct sy_error why = {0};
    const void *body = NULL;
    size_t body_bytes = 0;
    uint16_t kind = 0;
    compare->report->rows++;
    missing_before(compare, key, key_bytes);
    int rc = sy_record_open(sy_record_table(compare->kind), key, key_bytes, value, value_bytes,
                            &kind, &body, &body_bytes, &why);
    bool known = compare->next < sy_state_count(compare->state, compare->kind);
    if (known) {
        sy_state_ref(compare->state, compare->kind, compare->next, &ref);
        known = row_key_order(&ref, key, key_bytes) == 0;
    }
    compare->next += known;
    if (rc != 0) {
        compare->report->damaged++;
        differs(compare, key, key_bytes, why.text);
        return 0;
    }
    if (!known) {
        differs(compare, key, key_bytes, "the store has this row, the events make none");
        return 0;
    }
    void *expected = NULL;
    uint32_t expected_bytes = 0;
    rc = sy_record_encode_row(&ref, &expected, &expected_bytes, err);
    if (rc != 0)
        return rc;
    if (expected_bytes != value_bytes || memcmp(expected, value, value_bytes) != 0)
        differs(compare, key, key_bytes, "the stored row is not what the events say");
    sy_mem_free(expected);
    return 0;
}

int sy_recover_fsck(const struct sy_store *store, struct sy_recover_report *report,
                    struct sy_error *err)
{
    *report = (struct sy_recover_report){0};
    struct sy_state *state = NULL;
    struct sy_error why = {0};
    int rc = recover_replay(store, &state, &why);
    if (rc == -SY_E_NOMEM) {
        if (err != NULL)
            *err = why;
        return rc;
    }
    if (rc != 0) {
        report->damaged++;
        recover_note(report, SY_TABLE_EVENTS, "", 0, why.text);
        return 0;
    }
    report->events = sy_state_meta(state)->last_event;
    if (sy_state_verify(state, &why) != 0) {
        report->differing++;
        recover_note(report, SY_TABLE_META, "", 0, why.text);
    }
    for (int kind = 0; rc == 0 && kind < SY_ROW_KIND_COUNT; kind++) {
        struct compare compare = {.state = state, .report = report, .kind = (enum sy_row_kind)kind};
        rc = store->ops->load(store->self, sy_record_table(compare.kind), compare_row, &compare,
                              err);
        bool never_used = kind == SY_ROW_META && report->events == 0 && report->rows == 0;
        if (rc == 0 && !never_used)
            missing_before(&compare, NULL, 0);
    }
    sy_state_destroy(state);
    return rc;
}

/* ---- dump ---- */

struct dump {
    const struct sy_store *store;
    enum sy_store_table table;
    struct sy_arena *arena;
    int (*write)(void *ctx, const char *line, struct sy_error *err);
    void *ctx;
};

static json_t *event_json(struct dump *dump, const void *key, size_t key_bytes, const void *value,
                          size_t value_bytes, struct sy_error *err)
{
    struct sy_event event;
    if (sy_record_decode_event(key, key_bytes, value, value_bytes, dump->arena, &event, err) != 0)
        return NULL;
    json_t *body = sy_table_to_json(sy_event_table(event.kind), event.body);
    return json_pack("{s:I, s:I, s:s, s:o*}", "number", (json_int_t)event.number, "wall_ms",
                     (json_int_t)event.wall_ms, "kind", sy_event_name(event.kind), "body", body);
}

static json_t *row_json(struct dump *dump, const void *key, size_t key_bytes, const void *value,
                        size_t value_bytes, struct sy_error *err)
{
    for (int kind = 0; kind < SY_ROW_KIND_COUNT; kind++) {
        if (sy_record_table((enum sy_row_kind)kind) != dump->table)
            continue;
        const struct sy_table *codec = sy_record_codec((enum sy_row_kind)kind);
        void *row = sy_arena_alloc(dump->arena, codec->struct_bytes);
        if (row == NULL || sy_record_decode_row((enum sy_row_kind)kind, key, key_bytes, value,
                                                value_bytes, dump->arena, row, err) != 0)
            return NULL;
        return sy_table_to_json(codec, row);
    }
    return NULL;
}

static int dump_record(void *ctx, const void *key, size_t key_bytes, const void *value,
                       size_t value_bytes, struct sy_error *err)
{
    struct dump *dump = ctx;
    struct sy_error why = {0};
    char hex[2 * SY_STORE_KEY_BYTES_MAX + 1];
    sy_arena_reset(dump->arena);
    sy_hex_encode(key, SY_MIN(key_bytes, (size_t)SY_STORE_KEY_BYTES_MAX), hex);
    json_t *body = NULL;
    if (dump->table == SY_TABLE_EVENTS)
        body = event_json(dump, key, key_bytes, value, value_bytes, &why);
    else if (dump->table != SY_TABLE_QUARANTINE)
        body = row_json(dump, key, key_bytes, value, value_bytes, &why);
    json_t *line = json_pack("{s:s, s:s, s:I}", "table", sy_record_table_name(dump->table), "key",
                             hex, "bytes", (json_int_t)value_bytes);
    int rc = line == NULL ? -SY_E_NOMEM : 0;
    if (rc == 0 && body != NULL)
        rc = json_object_set_new(line, "value", body);
    else if (rc == 0 && why.code != 0)
        rc = json_object_set_new(line, "error", json_string(why.text));
    char *text = rc == 0 ? json_dumps(line, JSON_COMPACT) : NULL;
    if (text == NULL)
        rc = sy_fail(err, SY_E_NOMEM, "no memory to print a record");
    else
        rc = dump->write(dump->ctx, text, err);
    free(text);
    json_decref(line);
    return rc;
}

int sy_recover_dump(const struct sy_store *store,
                    int (*write)(void *ctx, const char *line, struct sy_error *err), void *ctx,
                    struct sy_error *err)
{
    struct dump dump = {
        .store = store, .arena = sy_arena_create(RECOVER_ARENA_BYTES), .write = write, .ctx = ctx};
    int rc = 0;
    if (dump.arena == NULL)
        rc = sy_fail(err, SY_E_NOMEM, "no memory to print the store");
    for (int table = 0; rc == 0 && table < SY_TABLE_COUNT; table++) {
        dump.table = (enum sy_store_table)table;
        rc = store->ops->load(store->self, dump.table, dump_record, &dump, err);
    }
    sy_arena_destroy(dump.arena);
    return rc;
}
