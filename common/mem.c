/* A block of the arena is one allocation: header, then bytes handed out from the front. A request
 * that is larger than the usual block gets a block of its own. */
#include "common/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_BYTES 16384u
#define ARENA_ALIGNMENT 16u

static atomic_uint_least64_t live_count;
static _Thread_local uint64_t fail_countdown;

static bool must_fail(void)
{
    if (fail_countdown == 0)
        return false;
    return --fail_countdown == 0;
}

void *sy_mem_alloc(size_t bytes)
{
    if (must_fail())
        return NULL;
    void *memory = calloc(1, bytes > 0 ? bytes : 1);
    if (memory)
        atomic_fetch_add(&live_count, 1);
    return memory;
}

void *sy_mem_alloc_array(size_t count, size_t item_bytes)
{
    size_t bytes;
    if (!sy_mul_ok(count, item_bytes, &bytes))
        return NULL;
    return sy_mem_alloc(bytes);
}

void *sy_mem_resize(void *memory, size_t bytes)
{
    if (must_fail())
        return NULL;
    void *moved = realloc(memory, bytes > 0 ? bytes : 1);
    if (moved && !memory)
        atomic_fetch_add(&live_count, 1);
    return moved;
}

void *sy_mem_dup(const void *data, size_t bytes)
{
    void *copy = sy_mem_alloc(bytes);
    if (copy && bytes > 0)
        memcpy(copy, data, bytes);
    return copy;
}

void sy_mem_free(void *memory)
{
    if (!memory)
        return;
    atomic_fetch_sub(&live_count, 1);
    free(memory);
}

uint64_t sy_mem_live_count(void)
{
    return atomic_load(&live_count);
}

void sy_mem_fail_after(uint64_t n)
{
    fail_countdown = n;
}

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t capacity;
    _Alignas(ARENA_ALIGNMENT) uint8_t data[];
};

struct sy_arena {
    struct arena_block *first; /* kept by reset */
    struct arena_block *last;  /* the one that is filled now */
    size_t limit;
    size_t handed_out; /* sum of what was asked for, rounded up */
};

static struct arena_block *create_block(size_t capacity)
{
    size_t bytes;
    if (!sy_add_ok(capacity, sizeof(struct arena_block), &bytes))
        return NULL;
    struct arena_block *block = sy_mem_alloc(bytes);
    if (block)
        block->capacity = capacity;
    return block;
}

struct sy_arena *sy_arena_create(size_t limit_bytes)
{
    struct sy_arena *arena = sy_mem_alloc(sizeof *arena);
    if (arena)
        arena->limit = limit_bytes;
    return arena;
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        sy_mem_free(block);
        block = next;
    }
}

void sy_arena_destroy(struct sy_arena *arena)
{
    if (!arena)
        return;
    free_blocks(arena->first);
    sy_mem_free(arena);
}

void *sy_arena_alloc(struct sy_arena *arena, size_t bytes)
{
    size_t rounded, total;
    if (!sy_add_ok(bytes > 0 ? bytes : 1, (size_t)ARENA_ALIGNMENT - 1, &rounded))
        return NULL;
    rounded &= ~((size_t)ARENA_ALIGNMENT - 1);
    if (!sy_add_ok(arena->handed_out, rounded, &total) || total > arena->limit)
        return NULL;
    struct arena_block *block = arena->last;
    if (!block || block->capacity - block->used < rounded) {
        block = create_block(SY_MAX(rounded, (size_t)ARENA_BLOCK_BYTES));
        if (!block)
            return NULL;
        if (arena->last)
            arena->last->next = block;
        else
            arena->first = block;
        arena->last = block;
    }
    void *memory = block->data + block->used;
    block->used += rounded;
    arena->handed_out = total;
    return memory;
}

void sy_arena_reset(struct sy_arena *arena)
{
    arena->handed_out = 0;
    if (!arena->first)
        return;
    free_blocks(arena->first->next);
    arena->first->next = NULL;
    memset(arena->first->data, 0, arena->first->used);
    arena->first->used = 0;
    arena->last = arena->first;
}
