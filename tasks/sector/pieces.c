#include "tasks/sector/pieces.h"

#include "common/file.h"
#include "tasks/sector/fr32.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every client piece can bring up to 30 fillers in front of it, and as many follow the last. */
#define SY_PIECE_LIST_MAX ((SY_PIECES_MAX + 1) * 32)

static bool is_piece_size(uint64_t padded_bytes)
{
    return padded_bytes >= SY_PIECE_PADDED_MIN && (padded_bytes & (padded_bytes - 1)) == 0;
}

void sy_piece_list_init(struct sy_piece_list *list)
{
    memset(list, 0, sizeof(*list));
}

void sy_piece_list_fini(struct sy_piece_list *list)
{
    free(list->piece);
    memset(list, 0, sizeof(*list));
}

int sy_piece_list_add(struct sy_piece_list *list, const uint8_t comm[32], uint64_t padded_bytes,
                      uint64_t offset_bytes, uint32_t input, struct sy_error *err)
{
    if (list->count >= SY_PIECE_LIST_MAX)
        return sy_fail(err, SY_E_LIMIT, "a sector has at most %d pieces", SY_PIECE_LIST_MAX);
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct sy_piece *grown = realloc(list->piece, capacity * sizeof(*grown));
        if (!grown)
            return sy_fail(err, SY_E_NOMEM, "memory for %zu pieces", capacity);
        list->piece = grown;
        list->capacity = capacity;
    }
    struct sy_piece *piece = &list->piece[list->count++];
    memcpy(piece->comm, comm, SY_COMM_BYTES);
    piece->padded_bytes = padded_bytes;
    piece->offset_bytes = offset_bytes;
    piece->input = input;
    return 0;
}

/* One zero piece per set bit of `gap`, lowest first. *offset is moved behind them. */
static int add_fillers(struct sy_piece_list *list, uint64_t gap, uint64_t *offset,
                       struct sy_error *err)
{
    while (gap) {
        uint64_t size = gap & (~gap + 1);
        uint8_t comm[SY_COMM_BYTES];
        int rc = sy_commp_zero_padded(size, comm, err);
        if (rc == 0)
            rc = sy_piece_list_add(list, comm, size, *offset, UINT32_MAX, err);
        if (rc < 0)
            return rc;
        *offset += size;
        gap &= gap - 1;
    }
    return 0;
}

int sy_pieces_layout(struct sy_piece_list *list, uint64_t sector_bytes,
                     const uint64_t *padded_bytes, size_t count, struct sy_error *err)
{
    static const uint8_t unknown[SY_COMM_BYTES];
    uint64_t offset = 0;
    int rc = 0;

    SY_ASSERT(list->count == 0);
    if (!is_piece_size(sector_bytes))
        return sy_fail(err, SY_E_ARG, "%" PRIu64 " bytes is no sector size", sector_bytes);
    if (count > SY_PIECES_MAX)
        return sy_fail(err, SY_E_LIMIT, "%zu pieces exceed the limit of %d in one sector", count,
                       SY_PIECES_MAX);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        uint64_t size = padded_bytes[i];
        if (!is_piece_size(size))
            return sy_fail(err, SY_E_ARG,
                           "piece %zu has %" PRIu64
                           " padded bytes: a power of two of at least %d is needed",
                           i, size, SY_PIECE_PADDED_MIN);
        uint64_t gap = (~offset + 1) & (size - 1);
        /* offset <= sector_bytes, so neither difference wraps. */
        if (gap > sector_bytes - offset || size > sector_bytes - offset - gap)
            return sy_fail(err, SY_E_LIMIT,
                           "piece %zu of %" PRIu64 " padded bytes would begin at %" PRIu64
                           " and end behind the sector of %" PRIu64 " bytes: use fewer pieces",
                           i, size, offset + gap, sector_bytes);
        rc = add_fillers(list, gap, &offset, err);
        if (rc == 0)
            rc = sy_piece_list_add(list, unknown, size, offset, (uint32_t)i, err);
        offset += size;
    }
    if (rc == 0)
        rc = add_fillers(list, sector_bytes - offset, &offset, err);
    return rc;
}

/* Stack of the aggregation rule: sizes fall from bottom to top, except while two equal ones merge.
 */
struct comm_d_stack {
    uint8_t comm[64][SY_COMM_BYTES];
    uint64_t bytes[64];
    size_t count;
};

static void push_piece(struct comm_d_stack *s, const uint8_t comm[32], uint64_t bytes)
{
    SY_ASSERT(s->count < SY_ARRAY_SIZE(s->bytes));
    memcpy(s->comm[s->count], comm, SY_COMM_BYTES);
    s->bytes[s->count++] = bytes;
}

static void reduce_stack(struct comm_d_stack *s)
{
    while (s->count >= 2 && s->bytes[s->count - 1] == s->bytes[s->count - 2]) {
        uint8_t *left = s->comm[s->count - 2];
        sy_commp_combine(left, s->comm[s->count - 1], left);
        s->bytes[s->count - 2] *= 2;
        s->count--;
    }
}

static int push_zeros(struct comm_d_stack *s, struct sy_error *err)
{
    uint8_t zero[SY_COMM_BYTES];
    uint64_t bytes = s->bytes[s->count - 1];
    int rc = sy_commp_zero_padded(bytes, zero, err);
    if (rc == 0) {
        push_piece(s, zero, bytes);
        reduce_stack(s);
    }
    return rc;
}

static int check_pieces(uint64_t sector_bytes, const struct sy_piece *piece, size_t count,
                        struct sy_error *err)
{
    static const uint8_t none[SY_COMM_BYTES];
    uint64_t sum = 0;

    if (count > sector_bytes / SY_PIECE_PADDED_MIN)
        return sy_fail(err, SY_E_ARG, "%zu pieces do not fit a sector of %" PRIu64 " bytes", count,
                       sector_bytes);
    for (size_t i = 0; i < count; i++) {
        if (!is_piece_size(piece[i].padded_bytes))
            return sy_fail(err, SY_E_ARG,
                           "piece %zu has %" PRIu64
                           " padded bytes: a power of two of at least %d is needed",
                           i, piece[i].padded_bytes, SY_PIECE_PADDED_MIN);
        if (memcmp(piece[i].comm, none, SY_COMM_BYTES) == 0)
            return sy_fail(err, SY_E_ARG, "piece %zu has an all-zero commitment", i);
        if (!sy_add_ok(sum, piece[i].padded_bytes, &sum) || sum > sector_bytes)
            return sy_fail(err, SY_E_ARG,
                           "pieces 0 to %zu are larger than the sector of %" PRIu64 " bytes", i,
                           sector_bytes);
    }
    return 0;
}

int sy_pieces_comm_d(uint64_t sector_bytes, const struct sy_piece *piece, size_t count,
                     uint8_t ret_comm_d[32], struct sy_error *err)
{
    struct comm_d_stack stack = {.count = 0};

    if (!is_piece_size(sector_bytes))
        return sy_fail(err, SY_E_ARG, "%" PRIu64 " bytes is no sector size", sector_bytes);
    if (count == 0)
        return sy_commp_zero_padded(sector_bytes, ret_comm_d, err);
    int rc = check_pieces(sector_bytes, piece, count, err);
    if (rc < 0)
        return rc;

    push_piece(&stack, piece[0].comm, piece[0].padded_bytes);
    for (size_t i = 1; i < count; i++) {
        while (stack.bytes[stack.count - 1] < piece[i].padded_bytes) {
            rc = push_zeros(&stack, err);
            if (rc < 0)
                return rc;
        }
        push_piece(&stack, piece[i].comm, piece[i].padded_bytes);
        reduce_stack(&stack);
    }
    while (stack.count > 1) {
        rc = push_zeros(&stack, err);
        if (rc < 0)
            return rc;
    }
    memcpy(ret_comm_d, stack.comm[0], SY_COMM_BYTES);
    return 0;
}

int sy_pieces_check_full(uint64_t sector_bytes, const struct sy_piece *piece, size_t count,
                         struct sy_error *err)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!sy_add_ok(sum, piece[i].padded_bytes, &sum))
            return sy_fail(err, SY_E_ARG, "piece sizes overflow at piece %zu", i);
    }
    if (sum != sector_bytes)
        return sy_fail(err, SY_E_ARG,
                       "pieces have %" PRIu64 " padded bytes, the sector has %" PRIu64
                       ": list the filler pieces too",
                       sum, sector_bytes);
    return 0;
}

void sy_pieces_alignment(uint64_t written, uint64_t piece, uint64_t *ret_left, uint64_t *ret_right)
{
    uint64_t needed = SY_FR32_RAW_QUAD;
    while (needed < piece && needed <= UINT64_MAX / 2)
        needed *= 2;
    *ret_left = written % needed == 0 ? 0 : needed - written % needed;
    *ret_right = needed - piece;
}

/* ------------------------------------------------------------------------------------ AddPiece */

struct write_run {
    const struct sy_progress *progress;
    uint64_t done_before;
    uint64_t total;
};

static void on_chunk(void *ctx, uint64_t raw_done)
{
    const struct write_run *run = ctx;
    sy_progress_report(run->progress, "pieces", run->done_before + raw_done, run->total);
}

/* A regular file of another size is refused before hours of other pieces were read. */
static int check_source(int fd, const char *name, uint64_t raw_bytes, struct sy_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return sy_fail_errno(err, errno, "looking at %s", name);
    if (S_ISREG(st.st_mode)) {
        off_t at = lseek(fd, 0, SEEK_CUR);
        uint64_t left = at > st.st_size ? 0 : (uint64_t)(st.st_size - SY_MAX(at, (off_t)0));
        if (left != raw_bytes)
            return sy_fail(err, SY_E_ARG,
                           "%s has %" PRIu64 " bytes, the piece says %" PRIu64
                           ": give the size of the data",
                           name, left, raw_bytes);
    }
    return 0;
}

static int write_piece(const struct sy_piece_input *input, struct sy_piece *piece, int out_fd,
                       const char *out_name, unsigned threads, struct write_run *run,
                       struct sy_error *err)
{
    int fd = input->fd;
    const char *name = input->path ? input->path : "piece data";
    if (input->path) {
        fd = open(input->path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return sy_fail_errno(err, errno, "opening piece %s", input->path);
    }
    struct sy_commp_job job = {
        .in_fd = fd,
        .in_name = name,
        .raw_bytes = input->raw_bytes,
        .padded_bytes = input->padded_bytes,
        .out_fd = out_fd,
        .out_name = out_name,
        .out_offset = piece->offset_bytes,
        .threads = threads,
        .on_progress = on_chunk,
        .ctx = run,
    };
    int rc = check_source(fd, name, input->raw_bytes, err);
    if (rc == 0)
        rc = sy_commp_run(&job, piece->comm, err);
    if (input->path)
        close(fd);
    run->done_before += input->raw_bytes;
    return rc;
}

static int layout_inputs(const struct sy_porep_params *params, const struct sy_piece_input *inputs,
                         size_t count, struct sy_piece_list *list, struct sy_error *err)
{
    uint64_t sizes[SY_PIECES_MAX];
    if (count > SY_PIECES_MAX)
        return sy_fail(err, SY_E_LIMIT, "%zu pieces exceed the limit of %d in one sector", count,
                       SY_PIECES_MAX);
    for (size_t i = 0; i < count; i++) {
        sizes[i] = inputs[i].padded_bytes;
        if (inputs[i].raw_bytes > sizes[i] / 128 * 127)
            return sy_fail(err, SY_E_ARG,
                           "piece %zu: %" PRIu64 " bytes do not fit %" PRIu64 " padded bytes", i,
                           inputs[i].raw_bytes, sizes[i]);
    }
    return sy_pieces_layout(list, params->sector_bytes, sizes, count, err);
}

static int write_all(const struct sy_porep_params *params, const struct sy_piece_input *inputs,
                     size_t count, int fd, const char *temp, unsigned threads,
                     const struct sy_progress *progress, struct sy_piece_list *list,
                     struct sy_error *err)
{
    struct write_run run = {.progress = progress};
    if (ftruncate(fd, (off_t)params->sector_bytes) < 0)
        return sy_fail_errno(err, errno, "extending %s to %" PRIu64 " bytes", temp,
                             params->sector_bytes);
    for (size_t i = 0; i < count; i++)
        run.total += inputs[i].raw_bytes;
    for (size_t i = 0; i < list->count; i++) {
        struct sy_piece *piece = &list->piece[i];
        if (piece->input == UINT32_MAX)
            continue;
        int rc = write_piece(&inputs[piece->input], piece, fd, temp, threads, &run, err);
        if (rc < 0)
            return sy_error_wrap(err, "piece %u", piece->input);
    }
    return 0;
}

int sy_pieces_write(const struct sy_porep_params *params, const struct sy_piece_input *inputs,
                    size_t count, const char *unsealed_path, unsigned threads,
                    const struct sy_progress *progress, struct sy_piece_list *ret_list,
                    uint8_t ret_comm_d[32], struct sy_error *err)
{
    char temp[SY_PATH_BYTES];
    struct sy_piece_list list;
    uint8_t comm_d[SY_COMM_BYTES];

    SY_ASSERT(ret_list->count == 0);
    sy_piece_list_init(&list);
    int rc = layout_inputs(params, inputs, count, &list, err);
    if (rc == 0)
        rc = sy_path_format(temp, err, "%s%s", unsealed_path, SY_FILE_TEMP_SUFFIX);
    if (rc < 0)
        goto out;
    int fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        rc = sy_fail_errno(err, errno, "creating %s", temp);
        goto out;
    }
    rc = write_all(params, inputs, count, fd, temp, threads, progress, &list, err);
    if (rc == 0)
        rc = sy_pieces_comm_d(params->sector_bytes, list.piece, list.count, comm_d, err);
    if (rc < 0) {
        close(fd);
        unlink(temp);
        goto out;
    }
    rc = sy_file_publish(fd, temp, unsealed_path, err);
out:
    if (rc < 0) {
        sy_piece_list_fini(&list);
        return rc;
    }
    sy_piece_list_fini(ret_list);
    *ret_list = list;
    memcpy(ret_comm_d, comm_d, SY_COMM_BYTES);
    return 0;
}
