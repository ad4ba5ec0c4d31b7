/* Helpers of the kernel tests: known answers, hex, and a generator whose seed is printed on
 * failure. */
#ifndef SEALYARD_TESTS_UNIT_KERNELS_KAT_H
#define SEALYARD_TESTS_UNIT_KERNELS_KAT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/hex.h"

#include <jansson.h>
#include <string.h>

/* The JSON file under tests/kat; the test fails when it is missing or damaged. */
static inline json_t *load_kat(const char *name)
{
    char path[1024];
    json_error_t problem;
    snprintf(path, sizeof path, "%s/%s", SY_KAT_DIR, name);
    json_t *root = json_load_file(path, 0, &problem);
    if (root == NULL)
        fail_msg("%s: %s", path, problem.text);
    return root;
}

static inline json_t *get_key(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (value == NULL)
        fail_msg("key %s is missing", key);
    return value;
}

static inline void get_hex(json_t *value, void *ret_data, size_t bytes)
{
    const char *text = json_string_value(value);
    assert_non_null(text);
    assert_int_equal(strlen(text), 2 * bytes);
    assert_int_equal(sy_hex_decode(text, ret_data, bytes, NULL), 0);
}

/* xorshift64*: enough for test data, the same on every machine. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL;
}

static inline void fill_random(uint64_t *state, void *data, size_t bytes)
{
    uint8_t *to = data;
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(next_random(state) >> 56);
}

/* count nodes that are field elements (the two top bits clear). */
static inline void fill_nodes(uint64_t *state, uint8_t *nodes, size_t count)
{
    fill_random(state, nodes, count * 32);
    for (size_t i = 0; i < count; i++)
        nodes[32 * i + 31] &= 0x3f;
}

#endif
