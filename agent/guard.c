#include "agent/guard.h"

#include "common/hex.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX 4096

static int load(struct sy_guard *guard, const char *data, size_t bytes, struct sy_error *err)
{
    json_t *root = json_loadb(data, bytes, JSON_REJECT_DUPLICATES, NULL);
    json_t *generation = json_object_get(root, "generation");
    const char *instance = json_string_value(json_object_get(root, "instance"));
    int rc = -SY_E_PARSE;
    if (json_is_integer(generation) && json_integer_value(generation) > 0 && instance)
        rc = sy_hex_decode(instance, guard->instance, sizeof guard->instance, NULL);
    if (rc == 0)
        guard->generation = (uint64_t)json_integer_value(generation);
    else
        rc = sy_fail(err, SY_E_PARSE,
                     "%s is damaged: make sure that only one scheduler runs, then remove it",
                     guard->path);
    json_decref(root);
    return rc;
}

int sy_guard_init(struct sy_guard *guard, const char *dir, struct sy_error *err)
{
    *guard = (struct sy_guard){0};
    char *data;
    size_t bytes;
    struct sy_error reason = {0};
    int rc = sy_path_format(guard->path, err, "%s/generation.json", dir);
    if (rc != 0)
        return rc;
    rc = sy_file_read(guard->path, FILE_BYTES_MAX, &data, &bytes, &reason);
    if (rc == -SY_E_NOT_FOUND)
        return 0;
    if (rc != 0) {
        if (err)
            *err = reason;
        return rc;
    }
    rc = load(guard, data, bytes, err);
    free(data);
    return rc;
}

static int save(const struct sy_guard *guard, uint64_t generation, const uint8_t *instance,
                struct sy_error *err)
{
    char hex[SY_HEX_TEXT_BYTES(SY_GUARD_INSTANCE_BYTES)];
    sy_hex_encode(instance, SY_GUARD_INSTANCE_BYTES, hex);
    json_t *root = json_pack("{s:I,s:s}", "generation", (json_int_t)generation, "instance", hex);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text)
        return sy_fail(err, SY_E_NOMEM, "no memory for %s", guard->path);
    int rc = sy_file_write(guard->path, text, strlen(text), 0600, err);
    free(text);
    return rc;
}

int sy_guard_welcome(struct sy_guard *guard, uint64_t generation,
                     const uint8_t instance[SY_GUARD_INSTANCE_BYTES], struct sy_error *err)
{
    bool same = memcmp(guard->instance, instance, SY_GUARD_INSTANCE_BYTES) == 0;
    if (generation == 0 || generation > INT64_MAX)
        return sy_fail(err, SY_E_STALE, "a scheduler without a generation is not obeyed");
    if (generation < guard->generation)
        return sy_fail(
            err, SY_E_STALE,
            "a scheduler of generation %llu is not obeyed: this agent has seen %llu. Is an "
            "old copy of the store running?",
            (unsigned long long)generation, (unsigned long long)guard->generation);
    if (generation == guard->generation && !same)
        return sy_fail(err, SY_E_STALE,
                       "another scheduler of the same generation %llu is not obeyed: two run on "
                       "copies of one store; stop one",
                       (unsigned long long)generation);
    if (generation == guard->generation)
        return 0;
    int rc = save(guard, generation, instance, err);
    if (rc != 0)
        return rc;
    guard->generation = generation;
    memcpy(guard->instance, instance, SY_GUARD_INSTANCE_BYTES);
    return 0;
}
