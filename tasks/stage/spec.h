/* The JSON spec of one stage, checked.
 *
 * Every key is known or refused by name; values have exact types and lengths; what a stage needs
 * must be there. Keys that any stage may carry: proof_type, miner, number, unsealed, sealed, cache,
 * ticket, seed, parent_cache, parameters, threads, hugepages, gpu, verify, digests, attempt, and
 * for the sizes that exist only in tests sector_bytes, porep_id, layers and cache_path_in_aux. The
 * others belong to the stages that use them.
 *
 * Threads: a spec is read-only after parsing.
 */
#ifndef SEALYARD_TASKS_STAGE_SPEC_H
#define SEALYARD_TASKS_STAGE_SPEC_H

#include <jansson.h>

#include "common/err.h"
#include "tasks/sector/params.h"

#define SY_SPEC_BYTES_MAX (1024 * 1024)
#define SY_SPEC_BATCH_MAX 32
#define SY_SPEC_PIECES_MAX 4096

enum sy_stage_id {
    SY_STAGE_AP,
    SY_STAGE_PC1,
    SY_STAGE_PC2,
    SY_STAGE_C1,
    SY_STAGE_C2,
    SY_STAGE_FINALIZE,
    SY_STAGE_UNSEAL,
    SY_STAGE_VERIFY,
    SY_STAGE_REMOVE,
    SY_STAGE_COUNT,
};

enum sy_verify_level {
    SY_VERIFY_NONE,   /* sizes only */
    SY_VERIFY_SAMPLE, /* sizes, sampled labels and proofs, digests of small inputs */
    SY_VERIFY_FULL,   /* everything that can be recomputed, digests of all inputs */
};

struct sy_spec_piece {
    const char *path;   /* ap; borrowed from the JSON */
    uint64_t raw_bytes; /* ap */
    uint64_t padded_bytes;
    uint64_t offset_bytes; /* as the ap result gives it; checked against the order */
    bool has_offset;
    bool has_comm;
    uint8_t comm[32]; /* pc1 .. c1, from "cid" */
};

struct sy_spec {
    json_t *json; /* owned; the strings below are borrowed from it */
    enum sy_stage_id stage;
    struct sy_porep_params params;
    uint32_t proof_type;
    uint64_t miner;
    uint64_t number;
    const char *unsealed;
    const char *sealed;
    const char *cache;
    const char *output;
    const char *input;
    const char *parent_cache;
    const char *parameters;
    const char *cache_path_in_aux; /* NULL: cache */
    const char *gpu;               /* UUID, index as text, or NULL */
    const char *hugepage_mount;    /* NULL = none */
    uint64_t hugepage_bytes;
    const char *store_sealed;
    const char *store_cache;
    const char *store_unsealed;
    const char *proof_hex;
    bool has_ticket, has_seed, has_comm_d, has_comm_r, has_pieces, has_offset, has_size;
    uint8_t ticket[32];
    uint8_t seed[32];
    uint8_t comm_d[32];
    uint8_t comm_r[32];
    uint64_t offset_bytes;
    uint64_t size_bytes;
    uint64_t attempt;
    unsigned threads; /* resolved: never 0 */
    enum sy_verify_level verify;
    bool digests;
    bool keep_unsealed;
    struct sy_spec_piece *pieces; /* owned */
    size_t piece_count;
    json_t *batch; /* borrowed; NULL unless the spec is a batch */
};

/* Parses text[0..bytes) for a stage. -SY_E_PARSE, -SY_E_UNKNOWN_KEY, -SY_E_ARG, -SY_E_RANGE,
 * -SY_E_LIMIT, all of class INPUT, with the key in the text. */
int sy_spec_parse(struct sy_spec *ret_spec, enum sy_stage_id stage, const char *text, size_t bytes,
                  struct sy_error *err);
/* The same from a parsed value (a member of a batch); takes no reference from the caller. */
int sy_spec_from_json(struct sy_spec *ret_spec, enum sy_stage_id stage, json_t *json,
                      struct sy_error *err);
void sy_spec_fini(struct sy_spec *spec);

/* "ap" .. "remove"; static storage. */
const char *sy_stage_name(enum sy_stage_id stage);
/* -SY_E_ARG lists the stages. */
int sy_stage_find(enum sy_stage_id *ret_stage, const char *name, struct sy_error *err);

#endif
