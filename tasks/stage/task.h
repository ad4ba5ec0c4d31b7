/* One run of one stage: what every stage file uses.
 *
 * Life of a stage: parse the spec, look for a marker of the same inputs with good digests (then its
 * result is the answer), check the inputs, check the room on disk, sweep temporary files of an
 * earlier attempt, work, write the marker last. Whatever a kill leaves behind is either complete or
 * a temporary file, so every stage may be run again at any time.
 */
#ifndef SEALYARD_TASKS_STAGE_TASK_H
#define SEALYARD_TASKS_STAGE_TASK_H

#include <jansson.h>

#include "common/err.h"
#include "tasks/stage/marker.h"
#include "tasks/stage/progress.h"
#include "tasks/stage/spec.h"

/* Inputs up to this size have their digest checked at SY_VERIFY_SAMPLE. */
#define SY_TASK_SAMPLE_DIGEST_BYTES (UINT64_C(64) << 20)

struct sy_task {
    struct sy_spec spec;
    struct sy_stage_progress *progress; /* borrowed */
    struct sy_progress report;          /* for the library's long functions */
};

/* Runs one stage; *ret_result is a new reference, owned by the caller. */
typedef int sy_stage_fn(struct sy_task *task, json_t **ret_result, struct sy_error *err);

sy_stage_fn sy_stage_ap;
sy_stage_fn sy_stage_pc1;
sy_stage_fn sy_stage_pc2;
sy_stage_fn sy_stage_c1;
sy_stage_fn sy_stage_c2;
sy_stage_fn sy_stage_finalize;
sy_stage_fn sy_stage_unseal;
sy_stage_fn sy_stage_verify;
sy_stage_fn sy_stage_remove;

/* Parses `text` and runs the stage, a batch member by member. On failure temporary files in the
 * cache are swept and a full disk gets its numbers. */
int sy_task_run(enum sy_stage_id stage, const char *text, size_t bytes,
                struct sy_stage_progress *progress, json_t **ret_result, struct sy_error *err);
/* 0, or the exit status of the error's class: 10 INPUT .. 14 BUG. */
int sy_task_exit_status(const struct sy_error *err);

/* ----------------------------------------------------------------------------- what stages share
 */

/* {"key": hex of 32 bytes} */
int sy_task_set_hash(json_t *object, const char *key, const uint8_t hash[32]);
/* Passes on json_object_set_new results: -SY_E_NOMEM when `failed`. */
int sy_task_json_ok(int failed, struct sy_error *err);

/* The replica's identity as the inputs of a marker: proof_type, sector_bytes, porep_id, miner,
 * number, ticket, comm_d, replica_id. Computes the replica id. */
int sy_task_identity(const struct sy_spec *spec, const uint8_t comm_d[32],
                     uint8_t ret_replica_id[32], json_t **ret_inputs, struct sy_error *err);

/* CommD of the spec's pieces, which must fill the sector. */
int sy_task_pieces_comm_d(const struct sy_spec *spec, uint8_t ret_comm_d[32], struct sy_error *err);

/* Up to which size inputs have their digest checked at the spec's verify level. */
uint64_t sy_task_digest_limit(const struct sy_spec *spec);

/* Appends the files of a sector with their exact sizes, without digests. */
int sy_task_list_pc1(const struct sy_spec *spec, struct sy_stage_files *files,
                     struct sy_error *err);
int sy_task_list_tree_c(const struct sy_spec *spec, struct sy_stage_files *files,
                        struct sy_error *err);
/* tree-r-last, p_aux, t_aux (any size), and the synthetic proofs where the type has them. `cache`
 * is where they are. */
int sy_task_list_kept(const struct sy_spec *spec, const char *cache, struct sy_stage_files *files,
                      struct sy_error *err);

/* -SY_E_FULL with needed and free bytes when the file system of `path` (which need not exist) has
 * not room for the files' missing bytes. */
int sy_task_check_space(const struct sy_stage_files *files, const char *path, struct sy_error *err);

/* Looks for a finished run: *ret_result is set (new reference) when the marker has these inputs and
 * its files are whole, else it is NULL and a marker that no longer holds is removed. */
int sy_task_recall(const struct sy_spec *spec, const char *cache, json_t *inputs,
                   json_t **ret_result, struct sy_error *err);
/* Digests what has none, writes the marker, and adds "files" to the result when digests are wanted.
 */
int sy_task_remember(const struct sy_spec *spec, const char *cache, json_t *inputs, json_t *result,
                     struct sy_stage_files *files, struct sy_error *err);

/* Removes temporary files of earlier attempts in a directory (missing is fine). */
int sy_task_sweep(const char *directory, struct sy_error *err);
/* Removes one file durably; missing is success. *ret_removed may be NULL. */
int sy_task_unlink(const char *path, bool *ret_removed, struct sy_error *err);

#endif
