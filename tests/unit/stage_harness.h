/* Runs the real sealyard-task on sectors in a temporary directory. All functions fail the test
 * instead of returning an error. */
#ifndef SEALYARD_TESTS_UNIT_STAGE_HARNESS_H
#define SEALYARD_TESTS_UNIT_STAGE_HARNESS_H

#include "tests/unit/kat.h"

#define STAGE_PATH_BYTES 512

/* The program's temporary directory, made at the first call; stage_cleanup removes it. */
const char *stage_directory(void);
void stage_cleanup(void);

/* printf into one of a few static buffers: "<directory>/..." for file names. */
const char *stage_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs a stage with `spec` (a reference is taken over) and expects the exit status. The result is a
 * new reference; with a status other than 0 it is the "error" object. */
json_t *stage_run(const char *stage, json_t *spec, int expected_status);
/* The same with the environment variable NAME=VALUE set. */
json_t *stage_run_env(const char *stage, json_t *spec, int expected_status, const char *name,
                      const char *value);
/* From now on every stage calls fn (NULL = nothing) in its own process before it starts: limits,
 * control groups. A result other than 0 is exit status 97. */
void stage_prepare(int (*fn)(void));
/* Expects a failure whose class, code and text contain the given parts. */
void stage_refused(const char *stage, json_t *spec, int expected_status, const char *code,
                   const char *part);
/* Starts the stage and kills it (SIGKILL) after delay_us. Gives true when it was still running. */
int stage_run_killed(const char *stage, json_t *spec, unsigned delay_us);

/* Deep copy of `spec` with the members of `more` (a reference is taken over) on top. */
json_t *stage_with(const json_t *spec, json_t *more);

/* Lower-case SHA-256 and length of a file; static buffer. */
const char *stage_sha256(const char *path, uint64_t *ret_bytes);
void stage_check_file(const char *path, const char *sha256, uint64_t bytes);
int stage_exists(const char *path);
void stage_write(const char *path, const void *data, size_t bytes);
/* Flips one bit, cuts or lengthens by one byte, removes. */
void stage_flip(const char *path, uint64_t offset);
void stage_cut(const char *path);
void stage_remove_file(const char *path);
/* Number of files of a directory whose name contains `part`. */
unsigned stage_count_files(const char *directory, const char *part);

/* data/SECTOR/piece/I streams of the reference vectors: block i = SHA256(key || le64(i)), key =
 * SHA256("fil-oracle/v1" 00 seed 00 label). Malloc'ed. */
uint8_t *stage_stream(const char *seed, const char *label, size_t bytes);

#endif
