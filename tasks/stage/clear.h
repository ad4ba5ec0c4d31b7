/* Deleting files of a sector: only names that a cache directory of the field, or one of ours, can
 * have. A directory with anything else in it is not what the caller believes, and is left alone.
 * Threads: any, on different directories. */
#ifndef SEALYARD_TASKS_STAGE_CLEAR_H
#define SEALYARD_TASKS_STAGE_CLEAR_H

#include <jansson.h>

#include "common/err.h"

enum sy_clear {
    SY_CLEAR_WORK, /* what a sealed sector no longer needs: tree-d, tree-c, layers, synthetic
                    * proofs, markers of the stages that made them, temporary files */
    SY_CLEAR_ALL,  /* every file, and the directory */
};

/* Appends each removed path to the list `removed` (may be NULL). A missing directory is success.
 * SY_CLEAR_ALL with a foreign file is -SY_E_STATE, named, before anything is removed. */
int sy_clear_cache(const char *cache, enum sy_clear what, json_t *removed, struct sy_error *err);

/* One file outside the cache, durably; missing is success. */
int sy_clear_file(const char *path, json_t *removed, struct sy_error *err);

#endif
