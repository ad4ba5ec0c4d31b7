/* Merkle trees of a sector: shapes, building to files, inclusion proofs, verification.
 *
 * A tree has `base trees` of equal size; base tree i covers the leaves [i*w, (i+1)*w) and is stored
 * in its own file. Their roots are joined by a sub level (arity sub) and that by a top level (arity
 * top). tree-d is one binary tree of trunc(SHA-256); tree-c and tree-r-last are 8-ary Poseidon
 * trees.
 *
 * File of a base tree: raw 32-byte nodes, row by row, leaves first, root last, no header. With
 * rows_to_discard > 0, or for a tree whose leaves live in another file (trimmed = true), the leaf
 * row and the rows_to_discard rows above it are missing. File name: `sc-02-data-<id>.dat` for one
 * base tree, `sc-02-data-<id>-<i>.dat` for several. Files are written to a temporary name and
 * renamed.
 *
 * Source: facts of the network's storage format (merkle store, trimmed "level cache" store).
 */
#ifndef SEALYARD_TASKS_TREE_TREE_H
#define SEALYARD_TASKS_TREE_TREE_H

#include "common/err.h"
#include "common/file.h"

#define SY_NODE_BYTES 32
#define SY_TREE_BASES_MAX 64    /* base trees: sub * top, the largest real one is 16 */
#define SY_TREE_LEVELS_MAX 40   /* base levels + sub + top; a 2^36-leaf binary tree still fits */
#define SY_TREE_SIBLINGS_MAX 96 /* 10 levels of 7, plus 7 and 1, with room */

enum sy_tree_hash {
    SY_TREE_SHA256,   /* arity 2, trunc(SHA-256(left || right)) */
    SY_TREE_POSEIDON, /* arity 2, 4 or 8, Merkle tag */
};

struct sy_tree_shape {
    enum sy_tree_hash hash;
    unsigned base_arity;  /* 2 for SHA-256; 2, 4 or 8 for Poseidon */
    unsigned sub_arity;   /* 0 (absent), 2, 4 or 8 */
    unsigned top_arity;   /* 0 (absent), 2, 4 or 8; needs sub_arity */
    uint64_t base_leaves; /* leaves of one base tree: a power of base_arity, at least base_arity */
    bool trimmed;         /* the leaf row and rows_to_discard rows above it are not stored */
    unsigned rows_to_discard; /* only when trimmed; at most base levels - 1 */
};

/* Checks every field against the limits above; -SY_E_ARG names the field. */
int sy_tree_shape_check(const struct sy_tree_shape *shape, struct sy_error *err);
/* Shapes of a sector of `nodes` nodes (a power of two) with (8, sub, top) Poseidon trees. The base
 * arity is 8 for both Poseidon trees. -SY_E_ARG when the node count does not divide. */
int sy_tree_shape_d(struct sy_tree_shape *ret, uint64_t nodes, struct sy_error *err);
int sy_tree_shape_c(struct sy_tree_shape *ret, uint64_t nodes, unsigned sub_arity,
                    unsigned top_arity, struct sy_error *err);
/* rows_to_discard is the default of the network: 0, 1 or 2 by the height, see the .c file. */
int sy_tree_shape_r_last(struct sy_tree_shape *ret, uint64_t nodes, unsigned sub_arity,
                         unsigned top_arity, struct sy_error *err);

/* Counts that follow from a checked shape. */
unsigned sy_tree_base_trees(const struct sy_tree_shape *shape);
unsigned
sy_tree_base_levels(const struct sy_tree_shape *shape);     /* edges leaf..root of a base tree */
uint64_t sy_tree_leaves(const struct sy_tree_shape *shape); /* of all base trees */
uint64_t sy_tree_base_nodes(const struct sy_tree_shape *shape); /* all rows of one base tree */
uint64_t sy_tree_file_bytes(const struct sy_tree_shape *shape); /* exact size of one file */

/* directory/sc-02-data-<id>[-<base>].dat into ret_path (SY_PATH_BYTES). */
int sy_tree_file_path(char *ret_path, const struct sy_tree_shape *shape, const char *directory,
                      const char *id, unsigned base, struct sy_error *err);

/* ------------------------------------------------------------------------------------- building */

/* Fills ret_nodes with the leaves [first_leaf, first_leaf + count) of the whole tree (count * 32
 * bytes). Called by several threads at once, each leaf of the sector exactly once, in no fixed
 * order, in aligned runs of at most SY_TREE_CHUNK_LEAVES_MAX leaves that never cross a base tree.
 * It may do more with the leaves, such as writing the sealed file. An error stops the build. */
typedef int sy_tree_leaves_fn(void *ctx, uint64_t first_leaf, size_t count, uint8_t *ret_nodes,
                              struct sy_error *err);
#define SY_TREE_CHUNK_LEAVES_MAX 131072

struct sy_tree_build {
    struct sy_tree_shape shape;
    const char *directory;     /* exists already */
    const char *id;            /* "tree-d", "tree-c", "tree-r-last" */
    sy_tree_leaves_fn *leaves; /* or NULL: leaf_path is read */
    void *leaves_ctx;
    const char *leaf_path; /* raw nodes, at least leaves * 32 bytes */
    unsigned threads;      /* as in tree/parallel.h */
    void (*on_progress)(void *ctx, uint64_t leaves_done); /* may be NULL; from any thread */
    void *progress_ctx;
};

/* Builds all base trees and writes their files. On success the files are durable and ret_root is
 * the root of the whole tree; ret_base_roots (may be NULL) gets the roots of the base trees.
 * Memory: per thread one chunk (1 MiB for Poseidon, 4 MiB for SHA-256) plus at most 16 MiB.
 * Errors: -SY_E_CORRUPT for a leaf >= r in a Poseidon tree (with the node index) or a short leaf
 * file, whatever leaves() returned, and those of common/file.h. Finished files of earlier base
 * trees stay. */
int sy_tree_build(const struct sy_tree_build *build, uint8_t ret_root[32],
                  uint8_t (*ret_base_roots)[32], struct sy_error *err);

/* Root over the base roots: sub level, then top level. */
int sy_tree_join_roots(const struct sy_tree_shape *shape, const uint8_t (*base_roots)[32],
                       uint8_t ret_root[32], struct sy_error *err);

/* --------------------------------------------------------------------------------------- proofs */

/* Path of one leaf. Levels 0 .. base_levels-1 are those of the base tree, then the sub level, then
 * the top level, where present. Siblings of a level are in order with the own node left out. */
struct sy_tree_proof {
    enum sy_tree_hash hash;
    unsigned base_arity;
    unsigned base_levels;
    unsigned sub_arity; /* 0 = no sub level */
    unsigned top_arity; /* 0 = no top level */
    uint8_t root[SY_NODE_BYTES];
    uint8_t leaf[SY_NODE_BYTES];
    uint32_t index[SY_TREE_LEVELS_MAX];                    /* own position within its group */
    uint8_t siblings[SY_TREE_SIBLINGS_MAX][SY_NODE_BYTES]; /* level by level */
};

unsigned sy_tree_proof_levels(const struct sy_tree_proof *proof);
/* Arity of a level, and the index in siblings[] where its arity - 1 siblings begin. */
unsigned sy_tree_proof_arity(const struct sy_tree_proof *proof, unsigned level);
size_t sy_tree_proof_first_sibling(const struct sy_tree_proof *proof, unsigned level);
/* The leaf number that the indexes spell. */
uint64_t sy_tree_proof_leaf_index(const struct sy_tree_proof *proof);

/* Recomputes the root from leaf, indexes and siblings. -SY_E_ARG when the form is impossible
 * (arities, too many levels, an index outside its arity), -SY_E_CORRUPT for a node >= r. */
int sy_tree_proof_root(const struct sy_tree_proof *proof, uint8_t ret_root[32],
                       struct sy_error *err);
/* Checks form against the shape, leaf number and root: every difference is -SY_E_MISMATCH with the
 * reason. `root` is the trusted one; proof->root must be equal to it. */
int sy_tree_proof_verify(const struct sy_tree_proof *proof, const struct sy_tree_shape *shape,
                         uint64_t leaf_index, const uint8_t root[32], struct sy_error *err);

/* An opened tree. Threads: all functions except close may run at the same time. */
struct sy_tree;

/* Opens the files of all base trees and checks their exact sizes (-SY_E_CORRUPT). A trimmed tree
 * needs leaf_path, the file its leaves are in (the sealed or update file; at least leaves * 32
 * bytes); others take NULL. Joins the stored base roots. */
int sy_tree_open(struct sy_tree **ret, const struct sy_tree_shape *shape, const char *directory,
                 const char *id, const char *leaf_path, struct sy_error *err);
void sy_tree_close(struct sy_tree *tree);

/* Borrowed until close. */
const uint8_t *sy_tree_root(const struct sy_tree *tree);
const struct sy_tree_shape *sy_tree_get_shape(const struct sy_tree *tree);

/* Proof of one leaf: one read of a sibling group per level. In a trimmed tree the missing levels
 * are rebuilt from the arity^(rows_to_discard+1) leaves around the leaf, and the rebuilt node must
 * be equal to the stored one, else -SY_E_CORRUPT. -SY_E_RANGE for a leaf outside the tree. The
 * proof is not verified against the root here; see sy_tree_proof_verify. */
int sy_tree_prove(const struct sy_tree *tree, uint64_t leaf_index, struct sy_tree_proof *ret_proof,
                  struct sy_error *err);

/* `count` nodes of row `row` (0 = leaves) of base tree `base`, from `first` on, into ret_nodes.
 * -SY_E_RANGE outside the row, -SY_E_UNSUPPORTED for a row that is not stored. */
int sy_tree_read_row(const struct sy_tree *tree, unsigned base, unsigned row, uint64_t first,
                     size_t count, uint8_t *ret_nodes, struct sy_error *err);

#endif
