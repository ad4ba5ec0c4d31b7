#include "tasks/sector/commp.h"

#include "common/file.h"
#include "tasks/hash/sha256.h"
#include "tasks/sector/fr32.h"
#include "tasks/tree/parallel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More workers than this gain nothing: one reader feeds them. */
#define SY_COMMP_THREADS_MAX 16
#define CHUNK_NODES (SY_FR32_PADDED_CHUNK / 32)

void sy_commp_combine(const uint8_t left[32], const uint8_t right[32], uint8_t ret_parent[32])
{
    sy_sha256_node_pair(ret_parent, left, right);
}

static uint8_t zero_comm[SY_ZERO_COMM_LEVELS_MAX + 1][SY_COMM_BYTES];
static pthread_once_t zero_once = PTHREAD_ONCE_INIT;

static void make_zero_comms(void)
{
    for (int i = 1; i <= SY_ZERO_COMM_LEVELS_MAX; i++)
        sy_commp_combine(zero_comm[i - 1], zero_comm[i - 1], zero_comm[i]);
}

void sy_commp_zero(uint32_t level, uint8_t ret_comm[32])
{
    SY_ASSERT(level <= SY_ZERO_COMM_LEVELS_MAX);
    pthread_once(&zero_once, make_zero_comms);
    memcpy(ret_comm, zero_comm[level], SY_COMM_BYTES);
}

static bool is_power_of_two(uint64_t value)
{
    return value && (value & (value - 1)) == 0;
}

static uint32_t log2_exact(uint64_t value)
{
    return (uint32_t)__builtin_ctzll(value);
}

int sy_commp_zero_padded(uint64_t padded_bytes, uint8_t ret_comm[32], struct sy_error *err)
{
    if (!is_power_of_two(padded_bytes) || padded_bytes < 32 ||
        log2_exact(padded_bytes) - 5 > SY_ZERO_COMM_LEVELS_MAX)
        return sy_fail(err, SY_E_RANGE,
                       "%" PRIu64 " bytes is no piece size: a power of two from 32 is needed",
                       padded_bytes);
    sy_commp_zero(log2_exact(padded_bytes) - 5, ret_comm);
    return 0;
}

void sy_commp_root(const uint8_t *nodes, size_t count, uint8_t *scratch, uint8_t ret_comm[32])
{
    SY_ASSERT(is_power_of_two(count));
    if (count == 1) {
        memcpy(ret_comm, nodes, SY_COMM_BYTES);
        return;
    }
    SY_ASSERT(scratch != NULL);
    sy_sha256_node_pairs(scratch, nodes, count / 2);
    for (size_t left = count / 2; left > 1; left /= 2)
        sy_sha256_node_pairs(scratch, scratch, left / 2);
    memcpy(ret_comm, scratch, SY_COMM_BYTES);
}

int sy_commp_piece_padded(uint64_t raw_bytes, uint64_t *ret_padded_bytes, struct sy_error *err)
{
    uint64_t padded = SY_PIECE_PADDED_MIN;
    while (padded / 128 * 127 < raw_bytes) {
        if (padded >= UINT64_C(1) << 40)
            return sy_fail(err, SY_E_RANGE, "a piece of %" PRIu64 " bytes exceeds 2^40", raw_bytes);
        padded *= 2;
    }
    *ret_padded_bytes = padded;
    return 0;
}

void sy_commp_stack_init(struct sy_commp_stack *stack)
{
    stack->count = 0;
    stack->padded_bytes = 0;
}

void sy_commp_stack_push(struct sy_commp_stack *stack, uint32_t level, const uint8_t comm[32])
{
    SY_ASSERT(level <= SY_ZERO_COMM_LEVELS_MAX);
    uint64_t bytes = UINT64_C(32) << level;
    SY_ASSERT(stack->padded_bytes % bytes == 0);
    SY_ASSERT(stack->count < SY_ARRAY_SIZE(stack->level));
    memcpy(stack->comm[stack->count], comm, SY_COMM_BYTES);
    stack->level[stack->count] = level;
    stack->count++;
    stack->padded_bytes += bytes;
    while (stack->count >= 2 && stack->level[stack->count - 1] == stack->level[stack->count - 2]) {
        uint8_t *left = stack->comm[stack->count - 2];
        sy_commp_combine(left, stack->comm[stack->count - 1], left);
        stack->level[stack->count - 2]++;
        stack->count--;
    }
}

int sy_commp_stack_finish(struct sy_commp_stack *stack, uint64_t padded_bytes, uint8_t ret_comm[32],
                          struct sy_error *err)
{
    if (!is_power_of_two(padded_bytes) || padded_bytes < 32 ||
        padded_bytes > UINT64_C(32) << SY_ZERO_COMM_LEVELS_MAX ||
        padded_bytes < stack->padded_bytes)
        return sy_fail(err, SY_E_RANGE,
                       "%" PRIu64 " bytes is no size for a tree over %" PRIu64 " bytes",
                       padded_bytes, stack->padded_bytes);
    uint32_t level = log2_exact(padded_bytes) - 5;
    if (stack->count == 0) {
        sy_commp_zero(level, ret_comm);
        return 0;
    }
    /* Zeros of the size of the last subtree always fit behind it, and double it. */
    while (stack->count > 1 || stack->level[0] < level) {
        uint8_t zero[SY_COMM_BYTES];
        uint32_t top = stack->level[stack->count - 1];
        sy_commp_zero(top, zero);
        sy_commp_stack_push(stack, top, zero);
    }
    memcpy(ret_comm, stack->comm[0], SY_COMM_BYTES);
    return 0;
}

/* One batch of chunks in flight: while a batch is hashed the next one is read (index 0). */
struct commp_batch {
    uint8_t *raw;        /* chunk_raw bytes per chunk */
    uint64_t bytes;      /* payload bytes in it */
    uint64_t raw_offset; /* of the batch within the payload */
    uint8_t (*root)[SY_COMM_BYTES];
};

struct commp_run {
    const struct sy_commp_job *job;
    unsigned chunks; /* per batch */
    uint64_t chunk_padded;
    uint64_t chunk_raw;
    uint8_t *work; /* per worker: chunk_padded of nodes, half of it scratch */
    size_t work_bytes;
    struct commp_batch batch[2];
    struct commp_batch *hashing;
    struct commp_batch *reading;
    uint64_t read_bytes;
};

static int read_batch(struct commp_run *run, struct sy_error *err)
{
    const struct sy_commp_job *job = run->job;
    struct commp_batch *b = run->reading;
    uint64_t want = SY_MIN(job->raw_bytes - run->read_bytes, run->chunk_raw * run->chunks);

    b->bytes = 0;
    b->raw_offset = run->read_bytes;
    while (b->bytes < want) {
        ssize_t got = read(job->in_fd, b->raw + b->bytes, want - b->bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sy_fail_errno(err, errno, "reading %s", job->in_name);
        if (got == 0)
            return sy_fail(err, SY_E_ARG,
                           "%s ends after %" PRIu64 " bytes, expected %" PRIu64
                           ": give the size of the data",
                           job->in_name, run->read_bytes + b->bytes, job->raw_bytes);
        b->bytes += (uint64_t)got;
    }
    run->read_bytes += b->bytes;
    return 0;
}

static int hash_chunk(struct commp_run *run, uint64_t chunk, unsigned worker, struct sy_error *err)
{
    const struct sy_commp_job *job = run->job;
    struct commp_batch *b = run->hashing;
    uint8_t *nodes = run->work + worker * run->work_bytes;
    uint64_t begin = chunk * run->chunk_raw;
    size_t bytes = (size_t)SY_MIN(b->bytes - begin, run->chunk_raw);
    size_t used = (size_t)(32 * sy_fr32_node_count(bytes));

    sy_fr32_pad_any(b->raw + begin, bytes, nodes);
    memset(nodes + used, 0, (size_t)run->chunk_padded - used);
    if (job->out_fd >= 0) {
        uint64_t at = job->out_offset + (b->raw_offset + begin) / 127 * 128;
        int rc = sy_file_pwrite(job->out_fd, nodes, used, at, job->out_name, err);
        if (rc < 0)
            return rc;
    }
    sy_commp_root(nodes, (size_t)run->chunk_padded / 32, nodes + run->chunk_padded, b->root[chunk]);
    return 0;
}

static int run_index(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    struct commp_run *run = ctx;
    if (index == 0)
        return read_batch(run, err);
    return hash_chunk(run, index - 1, worker, err);
}

static int expect_end(const struct sy_commp_job *job, struct sy_error *err)
{
    uint8_t byte;
    ssize_t got;
    do {
        got = read(job->in_fd, &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return sy_fail_errno(err, errno, "reading %s", job->in_name);
    if (got > 0)
        return sy_fail(err, SY_E_ARG,
                       "%s has more than the expected %" PRIu64 " bytes: give the size of the data",
                       job->in_name, job->raw_bytes);
    return 0;
}

/* Reads batch by batch; pushes the roots of each in order. */
static int run_batches(struct commp_run *run, unsigned threads, struct sy_commp_stack *stack,
                       struct sy_error *err)
{
    const struct sy_commp_job *job = run->job;
    uint32_t level = log2_exact(run->chunk_padded) - 5;

    run->hashing = NULL;
    run->reading = &run->batch[0];
    int rc = read_batch(run, err);
    while (rc == 0 && run->reading->bytes) {
        struct commp_batch *done = run->reading;
        run->reading = (done == &run->batch[0]) ? &run->batch[1] : &run->batch[0];
        run->hashing = done;
        uint64_t chunks = (done->bytes + run->chunk_raw - 1) / run->chunk_raw;
        rc = sy_parallel_for(threads, 0, chunks + 1, run_index, run, err);
        if (rc < 0)
            break;
        for (uint64_t i = 0; i < chunks; i++)
            sy_commp_stack_push(stack, level, done->root[i]);
        if (job->on_progress)
            job->on_progress(job->ctx, done->raw_offset + done->bytes);
    }
    return rc;
}

static int check_job(const struct sy_commp_job *job, struct sy_error *err)
{
    if (!is_power_of_two(job->padded_bytes) || job->padded_bytes < SY_PIECE_PADDED_MIN ||
        job->padded_bytes > UINT64_C(32) << SY_ZERO_COMM_LEVELS_MAX)
        return sy_fail(err, SY_E_ARG,
                       "piece size %" PRIu64 " is not a power of two of at least %d bytes",
                       job->padded_bytes, SY_PIECE_PADDED_MIN);
    if (job->raw_bytes > job->padded_bytes / 128 * 127)
        return sy_fail(err, SY_E_ARG,
                       "%s: %" PRIu64 " bytes do not fit a piece of %" PRIu64
                       " padded bytes, which holds %" PRIu64,
                       job->in_name, job->raw_bytes, job->padded_bytes,
                       job->padded_bytes / 128 * 127);
    return 0;
}

int sy_commp_run(const struct sy_commp_job *job, uint8_t ret_comm[32], struct sy_error *err)
{
    struct commp_run run = {.job = job};
    struct sy_commp_stack stack;
    uint8_t *memory = NULL;
    int rc = check_job(job, err);
    if (rc < 0)
        return rc;

    unsigned threads = SY_MIN(sy_parallel_threads(job->threads), (unsigned)SY_COMMP_THREADS_MAX);
    run.chunk_padded = SY_MIN(job->padded_bytes, SY_FR32_PADDED_CHUNK);
    run.chunk_raw = run.chunk_padded / 128 * 127;
    uint64_t whole = job->padded_bytes / run.chunk_padded;
    run.chunks = (unsigned)SY_MIN(whole, (uint64_t)threads);
    run.work_bytes = (size_t)run.chunk_padded / 2 * 3;
    size_t batch_bytes = (size_t)run.chunk_raw * run.chunks;
    size_t roots_bytes = (size_t)run.chunks * SY_COMM_BYTES;

    memory = malloc(2 * (batch_bytes + roots_bytes) + threads * run.work_bytes);
    if (!memory)
        return sy_fail(err, SY_E_NOMEM, "memory for padding %s: %u threads", job->in_name, threads);
    run.work = memory;
    uint8_t *at = memory + threads * run.work_bytes;
    for (int i = 0; i < 2; i++) {
        run.batch[i].raw = at;
        run.batch[i].root = (uint8_t(*)[SY_COMM_BYTES])(at + batch_bytes);
        at += batch_bytes + roots_bytes;
    }

    sy_commp_stack_init(&stack);
    rc = run_batches(&run, threads, &stack, err);
    if (rc == 0)
        rc = expect_end(job, err);
    if (rc == 0)
        rc = sy_commp_stack_finish(&stack, job->padded_bytes, ret_comm, err);
    free(memory);
    return rc;
}

int sy_commp_file(const char *path, unsigned threads, uint8_t ret_comm[32], uint64_t *ret_raw_bytes,
                  uint64_t *ret_padded_bytes, struct sy_error *err)
{
    uint64_t raw_bytes = 0, padded_bytes = 0;
    int rc = sy_file_size(path, &raw_bytes, err);
    if (rc == 0)
        rc = sy_commp_piece_padded(raw_bytes, &padded_bytes, err);
    if (rc < 0)
        return rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "opening %s", path);
    struct sy_commp_job job = {
        .in_fd = fd,
        .in_name = path,
        .raw_bytes = raw_bytes,
        .padded_bytes = padded_bytes,
        .out_fd = -1,
        .threads = threads,
    };
    rc = sy_commp_run(&job, ret_comm, err);
    close(fd);
    if (rc == 0) {
        *ret_raw_bytes = raw_bytes;
        *ret_padded_bytes = padded_bytes;
    }
    return rc;
}
