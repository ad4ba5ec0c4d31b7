#include "tasks/sdr/layer_store.h"

#include "common/file.h"
#include "common/hex.h"
#include "common/log.h"
#include "tasks/hash/sha256.h"
#include "tasks/sdr/labels.h"
#include "tasks/sector/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IO_BYTES ((size_t)4 << 20)
#define MARKER_FORMAT 1
#define MARKER_BYTES_MAX 1024

static int write_data(int fd, const char *path, const uint8_t *data, uint64_t bytes,
                      uint8_t ret_sha256[32], struct sy_error *err)
{
    struct sy_sha256 sha;
    sy_sha256_init(&sha);
    for (uint64_t at = 0; at < bytes; at += IO_BYTES) {
        size_t take = (size_t)SY_MIN(bytes - at, (uint64_t)IO_BYTES);
        int rc = sy_file_pwrite(fd, data + at, take, at, path, err);
        if (rc < 0)
            return rc;
        sy_sha256_update(&sha, data + at, take);
        /* Start writing now, so that the fsync at the end does not meet 32 GiB of dirty pages. */
        (void)sync_file_range(fd, (off_t)at, (off_t)take, SYNC_FILE_RANGE_WRITE);
    }
    sy_sha256_final(&sha, ret_sha256);
    return 0;
}

static int write_marker(const struct sy_layer_id *id, const char *path, const uint8_t sha256[32],
                        struct sy_error *err)
{
    char text[MARKER_BYTES_MAX], replica[SY_HEX_TEXT_BYTES(32)], digest[SY_HEX_TEXT_BYTES(32)];
    int bytes = snprintf(text, sizeof(text),
                         "{\"format\":%d,\"replica_id\":\"%s\",\"layer\":%u,\"nodes\":%" PRIu64
                         ",\"sha256\":\"%s\"}\n",
                         MARKER_FORMAT, sy_hex_encode(id->replica_id, 32, replica), id->layer,
                         id->nodes, sy_hex_encode(sha256, 32, digest));
    return sy_file_write(path, text, (size_t)bytes, 0644, err);
}

int sy_layer_store_write(const struct sy_layer_id *id, const uint8_t *data, uint8_t ret_sha256[32],
                         struct sy_error *err)
{
    char path[SY_PATH_BYTES], temp[SY_PATH_BYTES], marker[SY_PATH_BYTES];
    uint8_t sha256[32];
    int rc = sy_files_layer(path, id->cache, id->layer, err);
    if (rc == 0)
        rc = sy_files_layer_marker(marker, id->cache, id->layer, err);
    if (rc == 0)
        rc = sy_path_format(temp, err, "%s%s", path, SY_FILE_TEMP_SUFFIX);
    if (rc < 0)
        return rc;
    if (unlink(marker) < 0 && errno != ENOENT)
        return sy_fail_errno(err, errno, "removing %s", marker);
    int fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return sy_fail_errno(err, errno, "creating %s", temp);
    rc = write_data(fd, temp, data, id->nodes * SY_NODE_BYTES, sha256, err);
    if (rc < 0) {
        close(fd);
        unlink(temp);
        return rc;
    }
    rc = sy_file_publish(fd, temp, path, err);
    if (rc == 0)
        rc = write_marker(id, marker, sha256, err);
    if (rc == 0)
        memcpy(ret_sha256, sha256, 32);
    return rc;
}

static bool hex_matches(const json_t *value, uint8_t ret_bytes[32])
{
    const char *text = json_string_value(value);
    return text && sy_hex_decode(text, ret_bytes, 32, NULL) == 0;
}

/* True when there is a marker for exactly this layer of this replica. */
static bool read_marker(const struct sy_layer_id *id, uint8_t ret_sha256[32])
{
    char path[SY_PATH_BYTES];
    char *text = NULL;
    size_t bytes;
    uint8_t replica[32];

    if (sy_files_layer_marker(path, id->cache, id->layer, NULL) < 0 ||
        sy_file_read(path, MARKER_BYTES_MAX, &text, &bytes, NULL) < 0)
        return false;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    bool good = root && json_integer_value(json_object_get(root, "format")) == MARKER_FORMAT &&
                json_integer_value(json_object_get(root, "layer")) == (json_int_t)id->layer &&
                json_integer_value(json_object_get(root, "nodes")) == (json_int_t)id->nodes &&
                hex_matches(json_object_get(root, "replica_id"), replica) &&
                memcmp(replica, id->replica_id, 32) == 0 &&
                hex_matches(json_object_get(root, "sha256"), ret_sha256);
    json_decref(root);
    return good;
}

static int hash_layer(int fd, const char *path, uint64_t bytes, uint8_t *load,
                      uint8_t ret_sha256[32], struct sy_error *err)
{
    struct sy_sha256 sha;
    uint8_t *buffer = load ? NULL : malloc(IO_BYTES);
    int rc = 0;
    if (!load && !buffer)
        return sy_fail(err, SY_E_NOMEM, "memory for reading %s", path);
    sy_sha256_init(&sha);
    for (uint64_t at = 0; rc == 0 && at < bytes; at += IO_BYTES) {
        size_t take = (size_t)SY_MIN(bytes - at, (uint64_t)IO_BYTES);
        uint8_t *to = load ? load + at : buffer;
        rc = sy_file_pread(fd, to, take, at, path, err);
        if (rc == 0)
            sy_sha256_update(&sha, to, take);
    }
    sy_sha256_final(&sha, ret_sha256);
    free(buffer);
    return rc;
}

int sy_layer_store_check(const struct sy_layer_id *id, uint8_t *load, bool *ret_good,
                         uint8_t ret_sha256[32], struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    uint8_t want[32], have[32];
    uint64_t bytes;

    *ret_good = false;
    int rc = sy_files_layer(path, id->cache, id->layer, err);
    if (rc < 0)
        return rc;
    if (!read_marker(id, want) || sy_file_size(path, &bytes, NULL) < 0 ||
        bytes != id->nodes * SY_NODE_BYTES)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "opening %s", path);
    rc = hash_layer(fd, path, bytes, load, have, err);
    close(fd);
    if (rc < 0)
        return rc;
    if (memcmp(want, have, 32) != 0) {
        SY_WARN("labels", "layer_damaged", "layer=%u", id->layer);
        return 0;
    }
    memcpy(ret_sha256, have, 32);
    *ret_good = true;
    return 0;
}

int sy_labels_remove(const char *cache, struct sy_error *err)
{
    for (uint32_t layer = 1; layer <= SY_LAYERS_MAX; layer++) {
        char path[3][SY_PATH_BYTES];
        int rc = sy_files_layer_marker(path[0], cache, layer, err);
        if (rc == 0)
            rc = sy_files_layer(path[1], cache, layer, err);
        if (rc == 0)
            rc = sy_path_format(path[2], err, "%s%s", path[1], SY_FILE_TEMP_SUFFIX);
        if (rc < 0)
            return rc;
        for (int i = 0; i < 3; i++) {
            if (unlink(path[i]) < 0 && errno != ENOENT)
                return sy_fail_errno(err, errno, "removing %s", path[i]);
        }
    }
    return sy_file_sync_directory(cache, err);
}
