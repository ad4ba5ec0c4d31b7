/* Stores: the directories where sectors are, each known by the marker file in it.
 *
 * <store>/sectorstore.json  {"ID":"uuid","Weight":10,"CanSeal":true,"CanStore":false}   (Lotus'
 * marker) <store>/unsealed/s-t01000-12, <store>/sealed/s-t01000-12, <store>/cache/s-t01000-12/,
 * <store>/c1/s-t01000-12.json
 * The attached stores are kept in <dir>/stores.json. A store whose marker is missing or has another
 * id (disk not mounted) is offline: nothing is ever written into it. Threads: the loop thread.
 */
#ifndef SEALYARD_AGENT_SCRATCH_H
#define SEALYARD_AGENT_SCRATCH_H

#include "common/env.h"
#include "common/file.h"
#include "common/job.h"

#define SY_STORES_MAX 32
#define SY_STORE_MARKER "sectorstore.json"
#define SY_SCRATCH_RESERVE_BYTES (1u << 20) /* of a store, never given to tasks */

struct sy_stores {
    char file[SY_PATH_BYTES]; /* stores.json */
    struct sy_store_row rows[SY_STORES_MAX];
    uint32_t count;
};

/* Reads <dir>/stores.json (missing = none attached yet) and looks at each store. */
int sy_stores_init(struct sy_stores *stores, const char *dir, const char *agent,
                   struct sy_error *err);
/* Looks again: online, bytes_total, bytes_free. Returns how many changed online. */
uint32_t sy_stores_refresh(struct sy_stores *stores);

/* Adds the store at path (absolute). With initialise a missing marker is written; a marker that is
 * there must allow the kind. Attaching a known store again is success. *ret_row borrowed. */
int sy_stores_attach(struct sy_stores *stores, const struct sy_env *env, const char *path,
                     uint32_t kind, bool initialise, const struct sy_store_row **ret_row,
                     struct sy_error *err);
/* The store with this id, checked now. -SY_E_NOT_FOUND: not attached; -SY_E_RESOURCE: offline. Both
 * name `sealyard stores attach`. */
int sy_stores_find(struct sy_stores *stores, const char *uuid, const struct sy_store_row **ret_row,
                   struct sy_error *err);
/* Makes unsealed, sealed, cache and c1 in an online store; new ones belong to uid:gid. */
int sy_store_prepare(const struct sy_store_row *row, uint32_t uid, uint32_t gid,
                     struct sy_error *err);

/* Paths of a sector in a store directory. */
struct sy_sector_paths {
    char unsealed[SY_PATH_BYTES], sealed[SY_PATH_BYTES], cache[SY_PATH_BYTES], c1[SY_PATH_BYTES];
};
int sy_sector_paths(struct sy_sector_paths *ret, const char *store, uint64_t miner, uint64_t number,
                    struct sy_error *err);

/* Bytes that a stage writes into its scratch store (FIN: into the long-term one; unseal: outputs).
 * size_bytes: the unseal range, 0 = all. 0 for an unknown proof type. Trees: facts/sealing.md 3.2.
 */
uint64_t sy_scratch_need_bytes(enum sy_stage stage, uint32_t proof_type, uint64_t size_bytes);
/* Bytes on disk of what the stage has written of that so far: the file or the cache directory. */
uint64_t sy_scratch_written_bytes(enum sy_stage stage, const struct sy_sector_paths *paths);
/* 0 when need_bytes fit beside what other attempts still will write; else -SY_E_FULL with the
 * numbers. */
int sy_scratch_check(const char *path, uint64_t need_bytes, uint64_t promised_bytes,
                     struct sy_error *err);

#endif
