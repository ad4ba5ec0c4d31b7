/* The parent cache: the 14 parents of every node as u32le, 56 bytes per node, no header.
 *
 * Name and bytes are those of every implementation in the field, so a directory may be shared with
 * them. Life of a file: built into a temporary name by several threads under an exclusive lock
 * (flock on <name>.lock) and hashed on the way; the digest is compared with the known one of
 * registered proofs 0-9; fsync, rename; then "<name>.sha256" (the form of sha256sum) is written.
 * Opening checks length and digest, against the known digest or else that sidecar. A file that has
 * neither is built again, not believed. A crash leaves the temporary file, which the next builder
 * overwrites, and no lock.
 */
#ifndef SEALYARD_TASKS_SDR_PARENTS_H
#define SEALYARD_TASKS_SDR_PARENTS_H

#include "tasks/sdr/graph.h"
#include "tasks/sector/progress.h"

#define SY_PARENTS_NODE_BYTES (4 * SY_PARENTS)
#define SY_PARENTS_DIRECTORY_DEFAULT "/var/tmp/filecoin-parents"

struct sy_parents {
    const uint32_t *entry; /* SY_PARENTS words per node, read-only mapping; NULL when closed */
    uint64_t nodes;
    size_t map_bytes;
    uint8_t sha256[32]; /* digest of the file */
    bool built;         /* this call built the file */
};

struct sy_parents_opts {
    const char *directory; /* created when missing */
    unsigned threads;      /* for building; 0 = the CPUs this process may run on */
    bool skip_digest; /* trust length and sidecar: for callers that checked this file already */
    bool no_repair;   /* a damaged file is -SY_E_CORRUPT instead of being built again */
    const struct sy_progress *progress; /* phase "parents", unit nodes; may be NULL */
};

/* Maps the cache of `graph` (its table is needed for building: -SY_E_ARG without), building it when
 * it is missing. -SY_E_CORRUPT, -SY_E_FULL, -SY_E_IO, -SY_E_MISMATCH when what was built is not the
 * known digest. Processes and threads may race: one builds, the others wait for the lock. */
int sy_parents_open(struct sy_parents *ret_parents, const struct sy_graph *graph,
                    const struct sy_parents_opts *opts, struct sy_error *err);
void sy_parents_close(struct sy_parents *parents);

/* Digest of the cache file of registered proof `name` (sy_graph_cache_name), NULL when not known.
 */
const char *sy_parents_known_digest(const char *name);

/* SHA-256 over the cache file's bytes without writing a file. */
void sy_parents_digest(const struct sy_graph *graph, uint8_t ret_sha256[32]);

#endif
