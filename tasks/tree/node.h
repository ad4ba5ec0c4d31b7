/* Internal to the tree: one row hashed into the next, and positions inside a stored base tree. */
#ifndef SEALYARD_TASKS_TREE_NODE_H
#define SEALYARD_TASKS_TREE_NODE_H

#include "tasks/tree/tree.h"

/* count groups of `arity` nodes to count nodes; ret_nodes may be equal to nodes. -SY_E_CORRUPT with
 * the number (in nodes) of the first node that is no field element. */
int sy_tree_hash_row(enum sy_tree_hash hash, unsigned arity, const uint8_t *nodes,
                     uint8_t *ret_nodes, size_t count, struct sy_error *err);

/* Of a checked shape: */
unsigned sy_tree_first_row(const struct sy_tree_shape *shape); /* lowest stored row */
uint64_t sy_tree_row_nodes(const struct sy_tree_shape *shape, unsigned row);
/* Byte offset of a stored row in the file. */
uint64_t sy_tree_row_offset(const struct sy_tree_shape *shape, unsigned row);
/* log2 of an arity: 1, 2 or 3. */
unsigned sy_tree_arity_bits(unsigned arity);

#endif
