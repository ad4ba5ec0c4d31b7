/* Piece commitments: the root of the binary SHA-256 tree over the Fr32-padded bytes.
 *
 * A leaf is the 32-byte node itself; a parent is SHA-256(left || right) with the two top bits of
 * byte 31 cleared. Pieces have 127 * 2^k bytes unpadded; shorter payloads are extended by zeros.
 */
#ifndef SEALYARD_TASKS_SECTOR_COMMP_H
#define SEALYARD_TASKS_SECTOR_COMMP_H

#include "common/err.h"

#define SY_COMM_BYTES 32
#define SY_PIECE_PADDED_MIN 128
/* 2^36 bytes = 64 GiB is the largest sector. */
#define SY_ZERO_COMM_LEVELS_MAX 40

/* trunc(SHA-256(left || right)). */
void sy_commp_combine(const uint8_t left[32], const uint8_t right[32], uint8_t ret_parent[32]);

/* Root over 32 << level zero bytes, level <= SY_ZERO_COMM_LEVELS_MAX (asserted). Thread-safe. */
void sy_commp_zero(uint32_t level, uint8_t ret_comm[32]);
/* The same by padded size; -SY_E_RANGE unless a power of two from 32 bytes up. */
int sy_commp_zero_padded(uint64_t padded_bytes, uint8_t ret_comm[32], struct sy_error *err);

/* Root over `count` nodes (a power of two, asserted); `scratch` has count / 2 nodes (may be NULL
 * when count is 1). */
void sy_commp_root(const uint8_t *nodes, size_t count, uint8_t *scratch, uint8_t ret_comm[32]);

/* Smallest 127 * 2^k piece that holds raw_bytes, as padded bytes (128 at least);
 * -SY_E_RANGE above 2^40. */
int sy_commp_piece_padded(uint64_t raw_bytes, uint64_t *ret_padded_bytes, struct sy_error *err);

/* Streaming, one caller thread: roots of equal subtrees are pushed in order and folded.
 * Memory is constant. */
struct sy_commp_stack {
    uint8_t comm[SY_ZERO_COMM_LEVELS_MAX + 1][SY_COMM_BYTES];
    uint32_t level[SY_ZERO_COMM_LEVELS_MAX + 1];
    uint32_t count;
    uint64_t padded_bytes;
};

void sy_commp_stack_init(struct sy_commp_stack *stack);
/* Appends a subtree of 32 << level bytes. The position must be a multiple of its size (asserted).
 */
void sy_commp_stack_push(struct sy_commp_stack *stack, uint32_t level, const uint8_t comm[32]);
/* Extends by zeros to padded_bytes (a power of two, not less than what was pushed). */
int sy_commp_stack_finish(struct sy_commp_stack *stack, uint64_t padded_bytes, uint8_t ret_comm[32],
                          struct sy_error *err);

/* Where a payload comes from and goes to. */
struct sy_commp_job {
    int in_fd;             /* read sequentially from its current position */
    const char *in_name;   /* for errors */
    uint64_t raw_bytes;    /* exactly so many bytes must come before the end of the input */
    uint64_t padded_bytes; /* size of the piece; the rest are zeros */
    int out_fd;            /* padded bytes are written here at out_offset; -1 = nowhere */
    const char *out_name;
    uint64_t out_offset;
    unsigned threads; /* 0 = the CPUs this process may run on */
    /* Called after each chunk with the raw bytes done so far; may be NULL. */
    void (*on_progress)(void *ctx, uint64_t raw_done);
    void *ctx;
};

/* Pads, writes and commits in one pass. Zero nodes behind the payload are written as holes (the
 * output must read as zeros there already). -SY_E_ARG when the input is shorter or longer than
 * raw_bytes, or when it does not fit padded_bytes. */
int sy_commp_run(const struct sy_commp_job *job, uint8_t ret_comm[32], struct sy_error *err);

/* CommP of a file of any length; padded size by sy_commp_piece_padded. */
int sy_commp_file(const char *path, unsigned threads, uint8_t ret_comm[32], uint64_t *ret_raw_bytes,
                  uint64_t *ret_padded_bytes, struct sy_error *err);

#endif
