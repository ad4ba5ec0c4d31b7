#include "ops/devchain/commd.h"

#include "tasks/sector/commp.h"

#define NODE_BYTES 32

static uint32_t level_of(uint64_t padded_bytes)
{
    return (uint32_t)__builtin_ctzll(padded_bytes / NODE_BYTES);
}

/* Zero subtrees up to `offset`, the largest that the position allows first. */
static void fill(struct sy_commp_stack *stack, uint64_t offset)
{
    uint8_t zero[32];
    while (stack->padded_bytes < offset) {
        uint64_t left = offset - stack->padded_bytes;
        uint64_t bytes = UINT64_C(1) << (63 - __builtin_clzll(left));
        uint64_t align = stack->padded_bytes & (~stack->padded_bytes + 1);
        if (stack->padded_bytes)
            bytes = SY_MIN(bytes, align);
        sy_commp_zero(level_of(bytes), zero);
        sy_commp_stack_push(stack, level_of(bytes), zero);
    }
}

int sy_dc_comm_d(uint64_t sector_bytes, const struct sy_dc_piece *pieces, size_t count,
                 uint8_t ret_comm_d[32], struct sy_error *err)
{
    struct sy_commp_stack stack;
    if (count == 0)
        return sy_commp_zero_padded(sector_bytes, ret_comm_d, err);
    sy_commp_stack_init(&stack);
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = pieces[i].padded_bytes, offset;
        if (bytes < SY_PIECE_PADDED_MIN || bytes & (bytes - 1) || bytes > sector_bytes)
            return sy_fail(err, SY_E_ARG,
                           "piece of %llu bytes: expected a power of two, 128 to %llu",
                           (unsigned long long)bytes, (unsigned long long)sector_bytes);
        offset = (stack.padded_bytes + bytes - 1) & ~(bytes - 1);
        if (offset > sector_bytes - bytes)
            return sy_fail(err, SY_E_ARG, "pieces do not fit %llu bytes",
                           (unsigned long long)sector_bytes);
        fill(&stack, offset);
        sy_commp_stack_push(&stack, level_of(bytes), pieces[i].comm);
    }
    return sy_commp_stack_finish(&stack, sector_bytes, ret_comm_d, err);
}
