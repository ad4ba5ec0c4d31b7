/* Moving one file to its long-term place so that a crash at any moment leaves it whole in at least
 * one of the two. Threads: any, on different files. */
#ifndef SEALYARD_TASKS_STAGE_PLACE_H
#define SEALYARD_TASKS_STAGE_PLACE_H

#include "common/err.h"
#include "tasks/stage/marker.h"

/* Brings `from` to `to`. expected->bytes and, when known, its digest must be those of the file
 * (-SY_E_CORRUPT); the digest found is stored in ret_sha256. Nothing is done when `to` holds the
 * file already or both are the same file. On one file system the file is renamed, else copied to a
 * temporary name, synced, read back, renamed; `from` is left to the caller in that case. */
int sy_place_file(const char *from, const char *to, const struct sy_stage_file *expected,
                  uint8_t ret_sha256[32], struct sy_error *err);

#endif
