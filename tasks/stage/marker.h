/* The marker of a finished stage: sealyard-<stage>.json in the cache directory.
 *
 *   {"version":1,"stage":"pc2","inputs":{...},"files":[{"name":..,"bytes":..,"sha256":..}],
 *    "result":{...}}
 *
 * inputs names what the stage worked on (replica_id, comm_d, ...). files holds every file that the
 * stage left: by "name" when it lies in the cache directory, which may be moved as a whole, else by
 * "path". The marker is written last, so
 * its presence says that all files were complete and durable; a later run believes it only when the
 * inputs are its own and the files still have their sizes and digests. A marker that does not parse
 * counts as absent.
 *
 * Threads: functions may run in several threads on different caches.
 */
#ifndef SEALYARD_TASKS_STAGE_MARKER_H
#define SEALYARD_TASKS_STAGE_MARKER_H

#include <jansson.h>

#include "common/err.h"
#include "common/file.h"
#include "tasks/stage/spec.h"

#define SY_MARKER_BYTES_MAX (4 * 1024 * 1024)
#define SY_MARKER_FILES_MAX 64

/* A file a stage made or needs. */
struct sy_stage_file {
    char path[SY_PATH_BYTES];
    uint64_t bytes;
    bool has_sha256;
    bool no_digest; /* sy_stage_files_digest leaves it alone */
    uint8_t sha256[32];
};

struct sy_stage_files {
    size_t count;
    struct sy_stage_file *file; /* owned, SY_MARKER_FILES_MAX of them */
};

int sy_stage_files_init(struct sy_stage_files *files, struct sy_error *err);
void sy_stage_files_fini(struct sy_stage_files *files);
/* Appends a path; sha256 may be NULL. -SY_E_LIMIT beyond SY_MARKER_FILES_MAX. */
int sy_stage_files_add(struct sy_stage_files *files, const char *path, uint64_t bytes,
                       const uint8_t *sha256, struct sy_error *err);
/* Fills in the missing digests (and all sizes) from the files, one thread per file. */
int sy_stage_files_digest(struct sy_stage_files *files, unsigned threads, struct sy_error *err);
/* Every file must have its size, and its digest where one is known and bytes <= digest_bytes_max.
 * -SY_E_CORRUPT names the first bad one and ends with `advice`. */
int sy_stage_files_check(const struct sy_stage_files *files, uint64_t digest_bytes_max,
                         unsigned threads, const char *advice, struct sy_error *err);
/* [{"path","bytes","sha256"}]; digests only when wanted. NULL when out of memory. */
json_t *sy_stage_files_json(const struct sy_stage_files *files, bool digests);

/* Sorted into a state, because a caller reacts to each differently. */
enum sy_marker_state {
    SY_MARKER_ABSENT,
    SY_MARKER_OTHER, /* of other inputs */
    SY_MARKER_MATCH,
};

struct sy_marker {
    enum sy_marker_state state;
    struct sy_stage_files files; /* SY_MARKER_MATCH and SY_MARKER_OTHER */
    json_t *inputs;              /* owned */
    json_t *result;              /* owned */
};

/* Reads the marker of `stage` in `cache`. inputs NULL: any inputs match. Failing to read an
 * existing file is an error; a missing or broken one is SY_MARKER_ABSENT. */
int sy_marker_read(struct sy_marker *ret, const char *cache, enum sy_stage_id stage,
                   const json_t *inputs, struct sy_error *err);
void sy_marker_fini(struct sy_marker *marker);

/* Durable. `inputs` and `result` are borrowed. */
int sy_marker_write(const char *cache, enum sy_stage_id stage, json_t *inputs, json_t *result,
                    const struct sy_stage_files *files, struct sy_error *err);
/* Durable; missing is success. */
int sy_marker_remove(const char *cache, enum sy_stage_id stage, struct sy_error *err);
int sy_marker_path(char *ret_path, const char *cache, enum sy_stage_id stage, struct sy_error *err);

/* SHA-256 and length of a file. */
int sy_stage_file_sha256(const char *path, uint8_t ret_sha256[32], uint64_t *ret_bytes,
                         struct sy_error *err);

#endif
