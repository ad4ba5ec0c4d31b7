/* Names of the files of a sector's cache directory, as every implementation in the field writes
 * them.
 *
 * All functions write into ret_path[SY_PATH_BYTES]; -SY_E_LIMIT when it does not fit.
 * Threads: pure functions.
 */
#ifndef SEALYARD_TASKS_SECTOR_FILES_H
#define SEALYARD_TASKS_SECTOR_FILES_H

#include "common/file.h"
#include "tasks/sector/params.h"

/* "layer-11", "tree-r-last-15" and their end. */
#define SY_STORE_ID_BYTES 24

/* cache/sc-02-data-tree-d.dat */
int sy_files_tree_d(char *ret_path, const char *cache, struct sy_error *err);
/* cache/sc-02-data-layer-<layer>.dat, layer = 1..layers. */
int sy_files_layer(char *ret_path, const char *cache, uint32_t layer, struct sy_error *err);
/* cache/sc-02-data-layer-<layer>.dat.sy-done: our own marker that the layer is complete (labels.h).
 */
int sy_files_layer_marker(char *ret_path, const char *cache, uint32_t layer, struct sy_error *err);
/* cache/sc-02-data-tree-c.dat, with "-<index>" behind tree-c when base_trees > 1. */
int sy_files_tree_c(char *ret_path, const char *cache, uint32_t base_trees, uint32_t index,
                    struct sy_error *err);
/* cache/sc-02-data-tree-r-last.dat, with "-<index>" when base_trees > 1. */
int sy_files_tree_r_last(char *ret_path, const char *cache, uint32_t base_trees, uint32_t index,
                         struct sy_error *err);
int sy_files_p_aux(char *ret_path, const char *cache, struct sy_error *err);
int sy_files_t_aux(char *ret_path, const char *cache, struct sy_error *err);
/* cache/syn-porep-vanilla-proofs.dat */
int sy_files_synthetic(char *ret_path, const char *cache, struct sy_error *err);

#endif
