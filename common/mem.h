/* Counted allocation with a countdown failure for tests, and an arena for things freed together.
 *
 * The request path uses sy_mem_* and survives NULL; tests call sy_mem_fail_after(n) to make the
 * n-th allocation of the calling thread fail once. Threads: any; an arena belongs to one thread at
 * a time.
 */
#ifndef SEALYARD_COMMON_MEM_H
#define SEALYARD_COMMON_MEM_H

#include "common/sy.h"

/* Zeroed memory or NULL. Freed with sy_mem_free. */
void *sy_mem_alloc(size_t bytes);
/* count * item_bytes zeroed, NULL on overflow too. */
void *sy_mem_alloc_array(size_t count, size_t item_bytes);
/* As realloc; new bytes are not zeroed. */
void *sy_mem_resize(void *memory, size_t bytes);
void *sy_mem_dup(const void *data, size_t bytes);
void sy_mem_free(void *memory);
/* Live allocations of the process (for leak checks in tests). */
uint64_t sy_mem_live_count(void);
/* The n-th next allocation of this thread returns NULL (1 = the next one); 0 switches it off. */
void sy_mem_fail_after(uint64_t n);

struct sy_arena;
/* NULL when memory is out. limit_bytes bounds the sum of what the arena hands out. */
struct sy_arena *sy_arena_create(size_t limit_bytes);
void sy_arena_destroy(struct sy_arena *arena);
/* Zeroed, aligned to 16; NULL when out of memory or over the limit. Freed with the arena. */
void *sy_arena_alloc(struct sy_arena *arena, size_t bytes);
/* Forgets everything, keeps the first block. */
void sy_arena_reset(struct sy_arena *arena);

#endif
