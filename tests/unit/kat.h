/* Known answers as JSON, for tests. All functions fail the test instead of returning an error. */
#ifndef SEALYARD_TESTS_UNIT_KAT_H
#define SEALYARD_TESTS_UNIT_KAT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/hex.h"

static inline json_t *kat_load(const char *name)
{
    char path[1024];
    json_error_t problem;
    snprintf(path, sizeof path, "%s/%s", SY_KAT_DIR, name);
    json_t *json = json_load_file(path, 0, &problem);
    if (!json)
        fail_msg("%s: line %d: %s", path, problem.line, problem.text);
    return json;
}

/* Member of an object; must exist. Borrowed. */
static inline json_t *kat_get(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!value)
        fail_msg("known answers have no \"%s\"", key);
    return value;
}

static inline const char *kat_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(kat_get(object, key));
    assert_non_null(text);
    return text;
}

static inline uint64_t kat_u64(const json_t *object, const char *key)
{
    const json_t *value = kat_get(object, key);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static inline void kat_hash(const json_t *object, const char *key, uint8_t ret[32])
{
    assert_int_equal(sy_hex_decode(kat_text(object, key), ret, 32, NULL), 0);
}

#endif
