/* Files written so that a crash leaves the old or the new content, never a mixture.
 *
 * The order is always: temporary name in the same directory, write, fsync, rename, fsync of the
 * directory. Temporary names end in SY_FILE_TEMP_SUFFIX; whoever owns a directory may sweep them.
 * Threads: any; two writers of one path race for the last rename and both files are whole.
 */
#ifndef SEALYARD_COMMON_FILE_H
#define SEALYARD_COMMON_FILE_H

#include "common/err.h"

#include <sys/types.h>

#define SY_FILE_TEMP_SUFFIX ".sy-tmp"
#define SY_PATH_BYTES 4096

/* Reads the whole file, at most max_bytes (else -SY_E_LIMIT). *ret_data is malloc'ed, one zero byte
 * follows the content (not counted); the caller frees it. */
int sy_file_read(const char *path, size_t max_bytes, char **ret_data, size_t *ret_bytes,
                 struct sy_error *err);

/* Durable replacement of path by data[0..bytes) with the given mode. */
int sy_file_write(const char *path, const void *data, size_t bytes, mode_t mode,
                  struct sy_error *err);

/* fsyncs the open temporary file, closes it, renames temp_path to path and fsyncs the directory. The
 * fd is closed in every case; on failure temp_path is unlinked. */
int sy_file_publish(int fd, const char *temp_path, const char *path, struct sy_error *err);

/* Copies a file durably, sparse holes not kept; verifies the byte count. */
int sy_file_copy(const char *from, const char *to, mode_t mode, struct sy_error *err);

/* fsyncs the directory that holds path, or the directory itself. */
int sy_file_sync_parent(const char *path, struct sy_error *err);
int sy_file_sync_directory(const char *directory, struct sy_error *err);

/* mkdir -p; existing directories are fine. Every created parent is fsynced. */
int sy_file_make_directory(const char *path, mode_t mode, struct sy_error *err);

/* Removes a tree (files, directories, links; no other file system is entered). Missing is success. */
int sy_file_remove_tree(const char *path, struct sy_error *err);

/* Size of a regular file; -SY_E_NOT_FOUND when it is missing. */
int sy_file_size(const char *path, uint64_t *ret_bytes, struct sy_error *err);

/* Exactly `bytes` bytes at `offset`, retrying short transfers and EINTR. A short file is
 * -SY_E_CORRUPT. `what` names the file in the error. */
int sy_file_pread(int fd, void *data, size_t bytes, uint64_t offset, const char *what,
                  struct sy_error *err);
int sy_file_pwrite(int fd, const void *data, size_t bytes, uint64_t offset, const char *what,
                   struct sy_error *err);

/* printf into a path buffer of SY_PATH_BYTES; -SY_E_LIMIT when it does not fit. */
int sy_path_format(char *ret_path, struct sy_error *err, const char *format, ...) SY_PRINTF(3, 4);

#endif
