#include "agent/exchange.h"

#include "common/file.h"
#include "common/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int sy_exchange_digest(const char *path, uint8_t ret_digest[32], struct sy_error *err)
{
    enum { CHUNK_BYTES = 1 << 18 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    unsigned char *chunk = malloc(CHUNK_BYTES);
    int rc = chunk ? 0 : sy_fail(err, SY_E_NOMEM, "no memory to read %s", path);
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    uint64_t total = 0;
    while (rc == 0) {
        ssize_t got = read(fd, chunk, CHUNK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = sy_fail_errno(err, errno, "read %s", path);
        if (got <= 0)
            break;
        total += (uint64_t)got;
        if (total > SY_EXCHANGE_FILE_BYTES_MAX)
            rc = sy_fail(err, SY_E_LIMIT, "%s is larger than %llu bytes", path,
                         (unsigned long long)SY_EXCHANGE_FILE_BYTES_MAX);
        crypto_hash_sha256_update(&hash, chunk, (unsigned long long)got);
    }
    free(chunk);
    close(fd);
    if (rc == 0)
        crypto_hash_sha256_final(&hash, ret_digest);
    return rc;
}

static int reported_digest(const char *text, size_t bytes, uint8_t ret[32], struct sy_error *err)
{
    json_t *root = json_loadb(text, bytes, 0, NULL);
    const char *hex = json_string_value(json_object_get(root, "sha256"));
    int rc = hex ? sy_hex_decode(hex, ret, 32, err)
                 : sy_fail(err, SY_E_PARSE, "the C1 result has no \"sha256\" of its output");
    json_decref(root);
    return rc;
}

static int expect_digest(const char *path, const uint8_t want[32], struct sy_error *err)
{
    uint8_t found[32];
    char found_hex[SY_HEX_TEXT_BYTES(32)], want_hex[SY_HEX_TEXT_BYTES(32)];
    int rc = sy_exchange_digest(path, found, err);
    if (rc == 0 && memcmp(found, want, 32) != 0)
        rc = sy_fail(err, SY_E_MISMATCH, "%s has SHA-256 %s, the stage reported %s", path,
                     sy_hex_encode(found, 32, found_hex), sy_hex_encode(want, 32, want_hex));
    return rc;
}

int sy_exchange_copy(const char *from, const char *exchange, const char *result_json,
                     size_t result_bytes, struct sy_error *err)
{
    uint8_t want[32];
    char hex[SY_HEX_TEXT_BYTES(32)], path[SY_PATH_BYTES];
    int rc = reported_digest(result_json, result_bytes, want, err);
    if (rc == 0)
        rc = expect_digest(from, want, err);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/%s.json", exchange, sy_hex_encode(want, 32, hex));
    if (rc != 0)
        return rc;
    if (access(path, F_OK) == 0 && expect_digest(path, want, NULL) == 0)
        return sy_file_sync_parent(path, err);
    rc = sy_file_copy(from, path, 0644, err);
    if (rc == 0) /* what was written is read back: a copy that differs must not be reported */
        rc = expect_digest(path, want, err);
    return rc;
}
