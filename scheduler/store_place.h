/* The directory of a store: on a disk that keeps promises, locked by one process, never inherited.
 * Threads: the loop thread, while opening.
 */
#ifndef SEALYARD_SCHEDULER_STORE_PLACE_H
#define SEALYARD_SCHEDULER_STORE_PLACE_H

#include "common/err.h"

/* Set to "1" this environment variable lets trials run on an overlay file system. */
#define SY_STORE_PLACE_OVERLAY "SEALYARD_STORE_ON_OVERLAY"

/* -SY_E_UNSUPPORTED on network and overlay file systems. */
int sy_store_place_check(const char *directory, struct sy_error *err);

/* Exclusive flock on DIRECTORY/lock, our pid inside. -SY_E_BUSY names the holder's pid. Closing the
 * fd lets the lock go. */
int sy_store_place_lock(const char *directory, int *ret_fd, struct sy_error *err);

/* Sets close-on-exec on every open file under the directory: LMDB opens its data file (and once
 * more for the meta pages) without it, and children would inherit a writable store. */
int sy_store_place_close_on_exec(const char *directory, struct sy_error *err);

#endif
