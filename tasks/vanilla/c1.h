/* C1 files: the vanilla proofs of all partitions as JSON, the form that Lotus exchanges as
 * Commit1Out.
 *
 *   {"registered_proof":"StackedDrg32GiBV1_1",
 *    "vanilla_proofs":{"StackedDrg32GiBV1":[[proof, ...], ...]},
 *    "comm_r":[32 numbers],"comm_d":[..],"replica_id":[..],"seed":[..],"ticket":[..]}
 *
 * The writer gives the bytes of the field's serialiser: this key order, no white space. The "raw"
 * form has no registered_proof and no size key around the partitions; sizes that exist only in
 * tests have no registered name and use it. The reader accepts any key order and white space,
 * ignores unknown keys, wants every known one exactly once, and refuses whatever exceeds the limits
 * of proof.h. It checks form only: vanilla/verify.h says whether the proofs hold.
 *
 * Two wrappers of other systems are opened by the reader: the base64 string in which Lotus workers
 * exchange the text, and {"SectorNum":..,"Phase1Out":"<base64>","SectorSize":..} of its benchmark.
 *
 * Memory: the reader keeps all proofs (76 KB each: 14 MB for 180, 172 MB for 2268); the writer
 * keeps one output buffer. A
 * wrapped text is held twice while it is unwrapped. Threads: a writer or a struct sy_c1 belongs to
 * one thread at a time.
 */
#ifndef SEALYARD_TASKS_VANILLA_C1_H
#define SEALYARD_TASKS_VANILLA_C1_H

#include "common/err.h"
#include "tasks/vanilla/proof.h"

#define SY_C1_NAME_BYTES 64
/* base64 of the longest text, 2268 proofs of a 64 GiB sector: about 700 MB. */
#define SY_C1_WRAPPED_BYTES_MAX ((size_t)1 << 30)

struct sy_c1 {
    bool raw; /* no registered_proof, no size key */
    char registered_proof[SY_C1_NAME_BYTES];
    char size_key[SY_C1_NAME_BYTES];
    uint32_t partition_count;
    uint32_t challenge_count[SY_VANILLA_PARTITIONS_MAX];
    struct sy_vanilla_proof *partitions[SY_VANILLA_PARTITIONS_MAX]; /* owned */
    struct sy_vanilla_public public;
};

/* -SY_E_PARSE with the byte offset, -SY_E_LIMIT, -SY_E_NOMEM, errors of reading. */
int sy_c1_read_file(struct sy_c1 **ret, const char *path, struct sy_error *err);
int sy_c1_read_memory(struct sy_c1 **ret, const char *data, size_t bytes, struct sy_error *err);
void sy_c1_destroy(struct sy_c1 *c1);

/* Writes to an open file from its current position. registered_proof and size_key are both NULL for
 * the raw form. */
struct sy_c1_writer;
int sy_c1_writer_create(struct sy_c1_writer **ret, int fd, const char *what,
                        const char *registered_proof, const char *size_key, struct sy_error *err);
/* The next proof; a partition ends when `last_of_partition`. -SY_E_FULL when the disk is full. */
int sy_c1_writer_put(struct sy_c1_writer *writer, const struct sy_vanilla_proof *proof,
                     bool last_of_partition, struct sy_error *err);
/* Writes the public values and flushes. ret_sha256 (may be NULL) and ret_bytes are of the whole
 * text. The file is not synced. */
int sy_c1_writer_finish(struct sy_c1_writer *writer, const struct sy_vanilla_public *public,
                        uint8_t ret_sha256[32], uint64_t *ret_bytes, struct sy_error *err);
void sy_c1_writer_destroy(struct sy_c1_writer *writer);

#endif
