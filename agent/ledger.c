#include "agent/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_BYTES 16
#define DAMAGED_SUFFIX ".damaged"

static const char *state_name(uint32_t state)
{
    static const char *const names[] = {NULL, "PREPARED", "RUNNING"};
    return state < SY_ARRAY_SIZE(names) ? names[state] : NULL;
}

#define FIELD(id_, type_, required_, member, capacity_, enum_name_)                                \
    {                                                                                              \
        .id = id_, .type = SY_FIELD_##type_, .required = required_, .name = #member,               \
        .offset = offsetof(struct sy_ledger_record, member), .capacity = capacity_,                \
        .enum_name = enum_name_                                                                    \
    }
static const struct sy_field fields[] = {
    FIELD(1, U64, true, task, 0, NULL),
    FIELD(2, U32, true, attempt, 0, NULL),
    FIELD(3, ENUM, true, state, 0, state_name),
    FIELD(4, FIXED, true, token, SY_TOKEN_BYTES, NULL),
    FIELD(5, ENUM, true, stage, 0, sy_stage_name),
    FIELD(6, U64, true, miner, 0, NULL),
    FIELD(7, U64, true, number, 0, NULL),
    FIELD(8, U32, true, proof_type, 0, NULL),
    FIELD(9, STRING, false, scratch_store, SY_UUID_BYTES, NULL),
    FIELD(10, STRING, false, long_store, SY_UUID_BYTES, NULL),
    FIELD(11, JSON, true, spec, SY_LEDGER_SPEC_BYTES_MAX, NULL),
    FIELD(12, BOOL, false, stopping, 0, NULL),
    FIELD(13, U32, false, slot, 0, NULL),
    FIELD(14, U32, false, shim_pid, 0, NULL),
    FIELD(15, U64, false, shim_start_ticks, 0, NULL),
    FIELD(16, STRING, false, boot_id, SY_UUID_BYTES, NULL),
    FIELD(17, I64, false, accepted_ms, 0, NULL),
};
const struct sy_table sy_table_ledger_record = {"ledger_record", sizeof(struct sy_ledger_record),
                                                SY_ARRAY_SIZE(fields), fields};

char *sy_ledger_name(uint64_t task, uint32_t attempt, char *ret)
{
    snprintf(ret, SY_LEDGER_NAME_BYTES, "%llu-%u", (unsigned long long)task, attempt);
    return ret;
}

static void put_u32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static int record_path(const char *directory, uint64_t task, uint32_t attempt, char *ret_path,
                       struct sy_error *err)
{
    char name[SY_LEDGER_NAME_BYTES];
    return sy_path_format(ret_path, err, "%s/%s", directory, sy_ledger_name(task, attempt, name));
}

int sy_ledger_put(const char *directory, const struct sy_ledger_record *record,
                  struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = record_path(directory, record->task, record->attempt, path, err);
    if (rc != 0)
        return rc;
    struct sy_buffer buffer;
    uint8_t header[HEADER_BYTES] = "SYLR";
    sy_buffer_init(&buffer, SY_LEDGER_FILE_BYTES_MAX);
    rc = sy_buffer_append(&buffer, header, sizeof header, err);
    if (rc == 0)
        rc = sy_table_encode(&sy_table_ledger_record, record, &buffer, err);
    if (rc == 0) {
        size_t body_bytes = buffer.bytes - HEADER_BYTES;
        put_u32(buffer.data + 4, SY_LEDGER_VERSION);
        put_u32(buffer.data + 8, (uint32_t)body_bytes);
        put_u32(buffer.data + 12, sy_crc32c(0, buffer.data + HEADER_BYTES, body_bytes));
        rc = sy_file_write(path, buffer.data, buffer.bytes, 0600, err);
    }
    sy_buffer_fini(&buffer);
    return rc;
}

int sy_ledger_remove(const char *directory, uint64_t task, uint32_t attempt, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = record_path(directory, task, attempt, path, err);
    if (rc != 0)
        return rc;
    if (unlink(path) != 0 && errno != ENOENT)
        return sy_fail_errno(err, errno, "remove %s", path);
    return sy_file_sync_directory(directory, err);
}

static int decode(const char *name, const uint8_t *data, size_t bytes, struct sy_arena *arena,
                  struct sy_ledger_record *ret, struct sy_error *err)
{
    if (bytes < HEADER_BYTES || memcmp(data, "SYLR", 4) != 0)
        return sy_fail(err, SY_E_CORRUPT, "%s is no ledger record", name);
    if (get_u32(data + 4) != SY_LEDGER_VERSION)
        return sy_fail(err, SY_E_VERSION, "%s has version %u, this agent reads %d", name,
                       get_u32(data + 4), SY_LEDGER_VERSION);
    if (get_u32(data + 8) != bytes - HEADER_BYTES ||
        get_u32(data + 12) != sy_crc32c(0, data + HEADER_BYTES, bytes - HEADER_BYTES))
        return sy_fail(err, SY_E_CORRUPT, "%s is damaged: length or checksum is wrong", name);
    int rc = sy_table_decode(&sy_table_ledger_record, data + HEADER_BYTES, bytes - HEADER_BYTES,
                             arena, ret, err);
    char expected[SY_LEDGER_NAME_BYTES];
    if (rc == 0 && strcmp(sy_ledger_name(ret->task, ret->attempt, expected), name) != 0)
        rc = sy_fail(err, SY_E_CORRUPT, "%s holds the record of %s", name, expected);
    return rc;
}

static bool ends_with(const char *text, const char *end)
{
    size_t text_bytes = strlen(text), end_bytes = strlen(end);
    return text_bytes >= end_bytes && strcmp(text + text_bytes - end_bytes, end) == 0;
}

static int load_file(const char *directory, const char *name, struct sy_ledger_record *ret,
                     struct sy_arena *arena, char **ret_data, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    size_t bytes;
    int rc = sy_path_format(path, err, "%s/%s", directory, name);
    if (rc == 0)
        rc = sy_file_read(path, SY_LEDGER_FILE_BYTES_MAX, ret_data, &bytes, err);
    return rc == 0 ? decode(name, (uint8_t *)*ret_data, bytes, arena, ret, err) : rc;
}

static void set_aside(const char *directory, const char *name)
{
    char from[SY_PATH_BYTES], to[SY_PATH_BYTES];
    if (sy_path_format(from, NULL, "%s/%s", directory, name) == 0 &&
        sy_path_format(to, NULL, "%s/%s" DAMAGED_SUFFIX, directory, name) == 0 &&
        rename(from, to) == 0)
        sy_file_sync_directory(directory, NULL);
}

int sy_ledger_load(const char *directory,
                   int (*on_record)(void *ctx, const struct sy_ledger_record *record,
                                    struct sy_error *err),
                   void (*on_damaged)(void *ctx, const char *name, const struct sy_error *reason),
                   void *ctx, struct sy_error *err)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, NULL, alphasort);
    if (count < 0)
        return sy_fail_errno(err, errno, "read directory %s", directory);
    struct sy_arena *arena = sy_arena_create(4 * SY_LEDGER_FILE_BYTES_MAX);
    int rc = arena ? 0 : sy_fail(err, SY_E_NOMEM, "no memory to load the ledger");
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char path[SY_PATH_BYTES], *data = NULL;
        struct sy_ledger_record record;
        struct sy_error reason = {0};
        if (rc != 0 || name[0] == '.' || ends_with(name, DAMAGED_SUFFIX)) {
            free(entries[i]);
            continue;
        }
        if (ends_with(name, SY_FILE_TEMP_SUFFIX)) {
            if (sy_path_format(path, NULL, "%s/%s", directory, name) == 0)
                unlink(path);
        } else if (load_file(directory, name, &record, arena, &data, &reason) == 0) {
            rc = on_record(ctx, &record, err);
        } else if (reason.code == SY_E_CORRUPT || reason.code == SY_E_PARSE ||
                   reason.code == SY_E_LIMIT) {
            set_aside(directory, name);
            on_damaged(ctx, name, &reason);
        } else {
            if (err)
                *err = reason;
            rc = -reason.code;
        }
        free(data);
        sy_arena_reset(arena);
        free(entries[i]);
    }
    free(entries);
    sy_arena_destroy(arena);
    return rc;
}
