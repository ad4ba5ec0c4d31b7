/* Helpers of the sector and labelling tests: known-answer files, streams, scratch directories.
 *
 * A test file includes this after cmocka.h; everything fails the running test on a missing file or
 * key.
 */
#ifndef SEALYARD_TESTS_UNIT_SDR_KAT_H
#define SEALYARD_TESTS_UNIT_SDR_KAT_H

#include "common/file.h"
#include "common/hex.h"
#include "tasks/hash/sha256.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* printf into a buffer of SY_PATH_BYTES. */
#define path_set(to, ...) assert_int_equal(sy_path_format(to, NULL, __VA_ARGS__), 0)

/* The parsed tests/kat/<name>; release with json_decref. */
static inline json_t *kat_load(const char *name)
{
    char path[SY_PATH_BYTES];
    json_error_t at;
    path_set(path, "%s/%s", SY_KAT_DIR, name);
    json_t *root = json_load_file(path, 0, &at);
    if (!root)
        fail_msg("%s: %s", path, at.text);
    return root;
}

static inline const json_t *kat_get(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        fail_msg("known-answer file has no key \"%s\"", key);
    return value;
}

static inline const char *kat_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(kat_get(object, key));
    if (!text)
        fail_msg("\"%s\" is no text", key);
    return text;
}

static inline uint64_t kat_int(const json_t *object, const char *key)
{
    if (!json_is_integer(kat_get(object, key)))
        fail_msg("\"%s\" is no integer", key);
    return (uint64_t)json_integer_value(kat_get(object, key));
}

static inline void kat_hex(const json_t *object, const char *key, uint8_t *to, size_t bytes)
{
    assert_int_equal(sy_hex_decode(kat_text(object, key), to, bytes, NULL), 0);
}

/* Compares bytes with hex text and prints both on a difference. */
static inline void assert_hex(const uint8_t *bytes, size_t count, const char *want)
{
    char *have = malloc(SY_HEX_TEXT_BYTES(count));
    assert_non_null(have);
    sy_hex_encode(bytes, count, have);
    assert_string_equal(have, want);
    free(have);
}

/* The reference streams: key = SHA256("fil-oracle/v1" || 0 || seed || 0 || label), block i =
 * SHA256(key || le64(i)). */
static inline void kat_stream(const char *seed, const char *label, uint8_t *to, size_t bytes)
{
    struct sy_sha256 sha;
    uint8_t message[40], block[32];
    sy_sha256_init(&sha);
    sy_sha256_update(&sha, "fil-oracle/v1", 14);
    sy_sha256_update(&sha, seed, strlen(seed) + 1);
    sy_sha256_update(&sha, label, strlen(label));
    sy_sha256_final(&sha, message);
    for (uint64_t i = 0; i * 32 < bytes; i++) {
        for (int k = 0; k < 8; k++)
            message[32 + k] = (uint8_t)(i >> (8 * k));
        sy_sha256(message, sizeof(message), block);
        size_t take = SY_MIN(bytes - (size_t)i * 32, sizeof(block));
        memcpy(to + i * 32, block, take);
    }
}

/* A fresh directory under TMPDIR, else /dev/shm (where fsync costs nothing), else /tmp. */
static inline void scratch_make(char path[SY_PATH_BYTES])
{
    const char *base = getenv("TMPDIR");
    if (!base && access("/dev/shm", W_OK) == 0)
        base = "/dev/shm";
    path_set(path, "%.180s/sealyard-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline void scratch_remove(const char *path)
{
    assert_int_equal(sy_file_remove_tree(path, NULL), 0);
}

static inline void write_file(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static inline uint8_t *read_file(const char *path, size_t *ret_bytes)
{
    char *data = NULL;
    struct sy_error err = {0};
    if (sy_file_read(path, (size_t)1 << 30, &data, ret_bytes, &err) < 0)
        fail_msg("%s", err.text);
    return (uint8_t *)data;
}

/* Flips one bit in place, as a failing disk would. */
static inline void flip_bit(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_true(byte != EOF);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x10, file), byte ^ 0x10);
    assert_int_equal(fclose(file), 0);
}

static inline void assert_file_sha256(const char *path, const char *want)
{
    size_t bytes;
    uint8_t digest[32];
    uint8_t *data = read_file(path, &bytes);
    sy_sha256(data, bytes, digest);
    free(data);
    assert_hex(digest, 32, want);
}

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct sy_error err_ = {0};                                                                \
        struct sy_error *err = &err_;                                                              \
        int rc_ = (call);                                                                          \
        if (rc_ != 0)                                                                              \
            fail_msg("%s: %d %s", #call, rc_, err->text);                                          \
    } while (0)

/* `call` uses `err`; the class of the error is checked through the code's name. */
#define assert_error(call, want)                                                                   \
    do {                                                                                           \
        struct sy_error err_ = {0};                                                                \
        struct sy_error *err = &err_;                                                              \
        int rc_ = (call);                                                                          \
        assert_string_equal(sy_err_name(-rc_), #want);                                             \
        assert_int_equal(err->code, -rc_);                                                         \
        assert_true(err->text[0] != '\0');                                                         \
    } while (0)

#endif
