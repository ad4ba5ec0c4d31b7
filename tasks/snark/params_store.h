/* The directory of Groth16 parameters: which sets it holds, whether they are whole, getting more.
 *
 * Files are those of groth16.h; beside them stands parameters.json, one object from file name to
 * {"cid":"","digest":"32 hex digits","sector_size":2048}, the form in which the network publishes
 * its digests. A digest is the first 16 bytes of the file's BLAKE2b-512. Files are put in place
 * only when they are whole: generated ones by groth16_generate.c, fetched ones after their digest
 * was found right. Source: facts groth16.md 2.5, 2.6. Threads: functions on one directory must not
 * run at the same time when one of them writes; other processes see whole files only.
 */
#ifndef SEALYARD_TASKS_SNARK_PARAMS_STORE_H
#define SEALYARD_TASKS_SNARK_PARAMS_STORE_H

#include "common/file.h"
#include "tasks/snark/groth16.h"

#define SY_PARAMS_DIRECTORY_ENV "FIL_PROOFS_PARAMETER_CACHE"
#define SY_PARAMS_DIRECTORY_DEFAULT "/var/tmp/filecoin-proof-parameters"
#define SY_PARAMS_MANIFEST_NAME "parameters.json"
/* parameters.json of the network has about 100 KB. */
#define SY_PARAMS_MANIFEST_BYTES_MAX ((size_t)8 << 20)
/* 2 KiB to 64 GiB, test sizes included. */
#define SY_PARAMS_SIZES 10
#define SY_PARAMS_SETS_MAX (SY_PARAMS_SIZES * SY_CIRCUIT_KINDS)

/* The value of SY_PARAMS_DIRECTORY_ENV when it is set and not empty, else the default. Borrowed. */
const char *sy_params_directory(void);
/* The sizes that have parameters, ascending. */
extern const uint64_t sy_params_sizes[SY_PARAMS_SIZES];

enum sy_params_part { SY_PARAMS_KEYS, SY_PARAMS_VK, SY_PARAMS_META, SY_PARAMS_PARTS };
/* ".params", ".vk", ".meta". */
const char *sy_params_part_suffix(enum sy_params_part part);
/* Path of one file of a set, whether it is there or not. -SY_E_RANGE as sy_params_name,
 * -SY_E_LIMIT. */
int sy_params_store_path(char ret_path[SY_PATH_BYTES], const char *directory,
                         enum sy_circuit_kind kind, uint64_t sector_bytes, enum sy_params_part part,
                         struct sy_error *err);

struct sy_params_file {
    bool present;
    uint64_t bytes;
    char digest[33]; /* as parameters.json says, "" when it does not */
};
struct sy_params_set {
    enum sy_circuit_kind kind;
    uint64_t sector_bytes;
    char name[SY_PARAMS_NAME_BYTES];
    struct sy_params_file files[SY_PARAMS_PARTS];
};
/* Sets of which at least one file is there, by kind, then size. ret_sets has SY_PARAMS_SETS_MAX
 * places. A directory that does not exist holds none. -SY_E_PARSE for a bad parameters.json. */
int sy_params_store_list(const char *directory, struct sy_params_set *ret_sets, size_t *ret_count,
                         struct sy_error *err);

/* Digests .params and .vk of one set and compares them with a manifest (NULL = the directory's
 * own). -SY_E_MISMATCH names the file and both digests; -SY_E_NOT_FOUND a missing file or a file
 * that the manifest does not know. Cost: a pass over the files at about 1 GB/s. */
int sy_params_store_verify(const char *directory, enum sy_circuit_kind kind, uint64_t sector_bytes,
                           const char *manifest_path, const struct sy_snark_progress *progress,
                           struct sy_error *err);

/* Digests the files of one set and puts them into the directory's parameters.json, durably; other
 * entries stay. */
int sy_params_store_record(const char *directory, enum sy_circuit_kind kind, uint64_t sector_bytes,
                           const struct sy_snark_progress *progress, struct sy_error *err);

/* sy_groth16_generate into the directory (made when missing), then sy_params_store_record. secrets
 * NULL = fresh random ones, forgotten afterwards: for test networks only, whoever knows them can
 * forge proofs. */
int sy_params_store_generate(const char *directory, enum sy_circuit_kind kind,
                             uint64_t sector_bytes, const struct sy_groth16_secrets *secrets,
                             unsigned threads, const struct sy_snark_progress *progress,
                             struct sy_error *err);

/* Gets what is missing or wrong of one set from URL/NAME.params and URL/NAME.vk. Digests come from
 * manifest_path, or, when it is NULL, from URL/parameters.json: then they protect against damage on
 * the way, not against the mirror. An interrupted transfer leaves NAME.params.part and is resumed
 * by the next call. A file with a wrong digest is deleted and -SY_E_MISMATCH. *ret_files (may be
 * NULL) = files transferred. */
int sy_params_store_fetch(const char *directory, const char *url, const char *manifest_path,
                          enum sy_circuit_kind kind, uint64_t sector_bytes,
                          const struct sy_snark_progress *progress, unsigned *ret_files,
                          struct sy_error *err);

#endif
