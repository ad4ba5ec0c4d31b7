#include "tasks/sdr/encode.h"

#include "common/file.h"
#include "tasks/field/fr.h"
#include "tasks/sector/commp.h"
#include "tasks/sector/fr32.h"
#include "tasks/tree/parallel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Padded bytes per step of a worker: a power of two, so a step of a whole sector is a subtree. */
#define STEP_BYTES (UINT64_C(1) << 20)
/* Steps between two progress reports; also how many subtree roots are kept at a time. */
#define BATCH_STEPS 256
#define ZERO_SECTOR_PATH "/dev/zero"

/* Names the node that the field refused. Nodes before it may have been overwritten, with results
 * below the modulus, so the first that is not below it is the one. */
static int name_bad_node(const uint8_t *a, const char *a_name, const uint8_t *b, size_t count,
                         uint64_t first_node, struct sy_error *err)
{
    for (size_t i = 0; i < count; i++) {
        bool good_a = sy_fr_bytes_canonical(a + i * SY_NODE_BYTES);
        if (!good_a || !sy_fr_bytes_canonical(b + i * SY_NODE_BYTES))
            return sy_fail(err, SY_E_CORRUPT,
                           "node %" PRIu64 " of the %s is not below the field's modulus",
                           first_node + i, good_a ? "label layer" : a_name);
    }
    return sy_fail(err, SY_E_BUG, "%s refused without a bad node", a_name);
}

int sy_encode_nodes(uint8_t *ret_sealed, const uint8_t *data, const uint8_t *key, size_t count,
                    uint64_t first_node, struct sy_error *err)
{
    if (sy_fr_add_bytes(ret_sealed, data, key, count, NULL) < 0)
        return name_bad_node(data, "unsealed data", key, count, first_node, err);
    return 0;
}

int sy_decode_nodes(uint8_t *ret_data, const uint8_t *sealed, const uint8_t *key, size_t count,
                    uint64_t first_node, struct sy_error *err)
{
    if (sy_fr_sub_bytes(ret_data, sealed, key, count, NULL) < 0)
        return name_bad_node(sealed, "sealed sector", key, count, first_node, err);
    return 0;
}

/* -------------------------------------------------------------------------------- whole files */

struct stream {
    const struct sy_porep_params *params;
    int in_fd; /* unsealed or sealed; -1 = zeros */
    const char *in_name;
    int key_fd; /* layer file, -1 when key is in memory */
    const char *key_name;
    const uint8_t *key;
    int out_fd;
    const char *out_name;
    uint64_t step_bytes;
    uint8_t *work; /* per worker: two steps */

    /* Unsealing only. */
    uint64_t raw_offset;
    uint64_t raw_size;
    uint8_t (*root)[SY_COMM_BYTES]; /* of the steps of a batch, NULL when not wanted */
    uint64_t batch_first;
};

static int encode_step(void *ctx, uint64_t step, unsigned worker, struct sy_error *err)
{
    struct stream *s = ctx;
    uint8_t *data = s->work + 2 * worker * s->step_bytes;
    uint8_t *key = data + s->step_bytes;
    uint64_t at = step * s->step_bytes;
    size_t bytes = (size_t)s->step_bytes;
    int rc = 0;

    if (s->in_fd >= 0)
        rc = sy_file_pread(s->in_fd, data, bytes, at, s->in_name, err);
    else
        memset(data, 0, bytes);
    if (rc == 0)
        rc = sy_file_pread(s->key_fd, key, bytes, at, s->key_name, err);
    if (rc == 0)
        rc = sy_encode_nodes(data, data, key, bytes / SY_NODE_BYTES, at / SY_NODE_BYTES, err);
    if (rc == 0)
        rc = sy_file_pwrite(s->out_fd, data, bytes, at, s->out_name, err);
    return rc;
}

static int run_encode(struct stream *s, unsigned threads, const struct sy_progress *progress,
                      struct sy_error *err)
{
    uint64_t steps = s->params->sector_bytes / s->step_bytes;
    for (uint64_t first = 0; first < steps; first += BATCH_STEPS) {
        uint64_t end = SY_MIN(first + BATCH_STEPS, steps);
        int rc = sy_parallel_for(threads, first, end, encode_step, s, err);
        if (rc < 0)
            return rc;
        sy_progress_report(progress, "encode", end * s->step_bytes / SY_NODE_BYTES,
                           s->params->nodes);
    }
    return 0;
}

/* Opens an input that must hold at least `bytes` (a trailer behind them is fine). */
static int open_input(const char *path, uint64_t bytes, int *ret_fd, struct sy_error *err)
{
    uint64_t have;
    int rc = sy_file_size(path, &have, err);
    if (rc < 0)
        return rc;
    if (have < bytes)
        return sy_fail(err, SY_E_CORRUPT,
                       "%s has %" PRIu64 " bytes, at least %" PRIu64 " are needed", path, have,
                       bytes);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "opening %s", path);
    *ret_fd = fd;
    return 0;
}

static int open_output(const char *path, char *temp, int *ret_fd, struct sy_error *err)
{
    int rc = sy_path_format(temp, err, "%s%s", path, SY_FILE_TEMP_SUFFIX);
    if (rc < 0)
        return rc;
    int fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return sy_fail_errno(err, errno, "creating %s", temp);
    *ret_fd = fd;
    return 0;
}

static int init_work(struct stream *s, unsigned threads, struct sy_error *err)
{
    s->step_bytes = SY_MIN(STEP_BYTES, s->params->sector_bytes);
    s->work = malloc(2 * threads * s->step_bytes);
    return s->work ? 0 : sy_fail(err, SY_E_NOMEM, "memory for %u threads", threads);
}

/* Closes everything; publishes the output or removes it. Returns rc or the failure of publishing.
 */
static int finish_stream(struct stream *s, int rc, const char *temp, const char *path,
                         struct sy_error *err)
{
    if (s->in_fd >= 0)
        close(s->in_fd);
    if (s->key_fd >= 0)
        close(s->key_fd);
    free(s->work);
    if (s->out_fd < 0)
        return rc;
    if (rc == 0)
        return sy_file_publish(s->out_fd, temp, path, err);
    close(s->out_fd);
    unlink(temp);
    return rc;
}

int sy_encode_file(const struct sy_porep_params *params, const char *unsealed_path,
                   const char *layer_path, const char *sealed_path, unsigned threads,
                   const struct sy_progress *progress, struct sy_error *err)
{
    char temp[SY_PATH_BYTES];
    struct stream s = {.params = params,
                       .in_fd = -1,
                       .in_name = unsealed_path,
                       .key_fd = -1,
                       .key_name = layer_path,
                       .out_fd = -1,
                       .out_name = sealed_path};
    int rc = 0;

    threads = sy_parallel_threads(threads);
    if (strcmp(unsealed_path, ZERO_SECTOR_PATH) != 0)
        rc = open_input(unsealed_path, params->sector_bytes, &s.in_fd, err);
    if (rc == 0)
        rc = open_input(layer_path, params->sector_bytes, &s.key_fd, err);
    if (rc == 0)
        rc = init_work(&s, threads, err);
    if (rc == 0)
        rc = open_output(sealed_path, temp, &s.out_fd, err);
    if (rc == 0)
        rc = run_encode(&s, threads, progress, err);
    return finish_stream(&s, rc, temp, sealed_path, err);
}

/* ----------------------------------------------------------------------------------- unsealing */

/* Writes what of the step's raw bytes lies in the wanted range. */
static int write_raw_part(const struct stream *s, uint64_t step, const uint8_t *padded,
                          uint8_t *raw, struct sy_error *err)
{
    uint64_t step_raw = s->step_bytes / SY_FR32_PADDED_QUAD * SY_FR32_RAW_QUAD;
    uint64_t begin = SY_MAX(step * step_raw, s->raw_offset);
    uint64_t end = SY_MIN((step + 1) * step_raw, s->raw_offset + s->raw_size);
    if (begin >= end)
        return 0;
    uint64_t skip_quads = (begin - step * step_raw) / SY_FR32_RAW_QUAD;
    size_t bytes = (size_t)(end - begin);
    sy_fr32_unpad_range(padded + skip_quads * SY_FR32_PADDED_QUAD, begin, bytes, raw);
    return sy_file_pwrite(s->out_fd, raw, bytes, begin - s->raw_offset, s->out_name, err);
}

static int unseal_step(void *ctx, uint64_t step, unsigned worker, struct sy_error *err)
{
    struct stream *s = ctx;
    uint8_t *data = s->work + 2 * worker * s->step_bytes;
    uint8_t *raw = data + s->step_bytes;
    uint64_t at = step * s->step_bytes;
    size_t count = (size_t)s->step_bytes / SY_NODE_BYTES;

    int rc = sy_file_pread(s->in_fd, data, (size_t)s->step_bytes, at, s->in_name, err);
    if (rc == 0)
        rc = sy_decode_nodes(data, data, s->key + at, count, at / SY_NODE_BYTES, err);
    if (rc == 0)
        rc = write_raw_part(s, step, data, raw, err);
    if (rc == 0 && s->root)
        sy_commp_root(data, count, raw, s->root[step - s->batch_first]);
    return rc;
}

static int run_unseal(struct stream *s, unsigned threads, const struct sy_progress *progress,
                      struct sy_commp_stack *stack, struct sy_error *err)
{
    uint64_t step_raw = s->step_bytes / SY_FR32_PADDED_QUAD * SY_FR32_RAW_QUAD;
    uint64_t first = 0, last = s->params->sector_bytes / s->step_bytes;
    uint32_t level = (uint32_t)__builtin_ctzll(s->step_bytes) - 5;

    if (!s->root) {
        first = s->raw_offset / step_raw;
        last = (s->raw_offset + s->raw_size + step_raw - 1) / step_raw;
    }
    for (uint64_t batch = first; batch < last; batch += BATCH_STEPS) {
        uint64_t end = SY_MIN(batch + BATCH_STEPS, last);
        s->batch_first = batch;
        int rc = sy_parallel_for(threads, batch, end, unseal_step, s, err);
        if (rc < 0)
            return rc;
        for (uint64_t step = batch; s->root && step < end; step++)
            sy_commp_stack_push(stack, level, s->root[step - batch]);
        sy_progress_report(progress, "unseal", end - first, last - first);
    }
    return 0;
}

int sy_unseal_range(const struct sy_porep_params *params, const char *sealed_path,
                    const uint8_t *key, const char *output_path, uint64_t raw_offset,
                    uint64_t raw_size, unsigned threads, const struct sy_progress *progress,
                    uint8_t *ret_comm_d, struct sy_error *err)
{
    char temp[SY_PATH_BYTES];
    uint8_t root[BATCH_STEPS][SY_COMM_BYTES], comm_d[SY_COMM_BYTES];
    struct sy_commp_stack stack;
    struct stream s = {.params = params,
                       .in_fd = -1,
                       .in_name = sealed_path,
                       .key_fd = -1,
                       .key = key,
                       .out_fd = -1,
                       .out_name = output_path,
                       .raw_offset = raw_offset,
                       .raw_size = raw_size,
                       .root = ret_comm_d ? root : NULL};

    if (raw_offset > params->unpadded_bytes || raw_size > params->unpadded_bytes - raw_offset)
        return sy_fail(err, SY_E_RANGE,
                       "bytes %" PRIu64 " to %" PRIu64 "+%" PRIu64 " leave the sector of %" PRIu64
                       " bytes of data",
                       raw_offset, raw_offset, raw_size, params->unpadded_bytes);
    threads = sy_parallel_threads(threads);
    sy_commp_stack_init(&stack);
    int rc = open_input(sealed_path, params->sector_bytes, &s.in_fd, err);
    if (rc == 0)
        rc = init_work(&s, threads, err);
    if (rc == 0)
        rc = open_output(output_path, temp, &s.out_fd, err);
    if (rc == 0)
        rc = run_unseal(&s, threads, progress, &stack, err);
    if (rc == 0 && ret_comm_d)
        rc = sy_commp_stack_finish(&stack, params->sector_bytes, comm_d, err);
    rc = finish_stream(&s, rc, temp, output_path, err);
    if (rc == 0 && ret_comm_d)
        memcpy(ret_comm_d, comm_d, SY_COMM_BYTES);
    return rc;
}
