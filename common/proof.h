/* The twenty registered seal proofs and the names under which the network knows them.
 *
 * Sources: the network's proof registry (ids 0..19, API versions, serde names); the actors'
 * registered proof numbers are the same. porep_id = u64le(id) || 24 zero bytes, so every id has its
 * own graph. Threads: pure functions over constant tables.
 */
#ifndef SEALYARD_COMMON_PROOF_H
#define SEALYARD_COMMON_PROOF_H

#include "common/err.h"

#define SY_PROOF_COUNT 20
#define SY_POREP_ID_BYTES 32
/* "512MiB" and its end; larger values come out as plain bytes. */
#define SY_SECTOR_SIZE_TEXT_BYTES 32

/* What the proof type changes for challenges and for the graph. */
enum sy_proof_variant {
    SY_PROOF_V1 = 0,    /* ids 0-4: API 1.0.0, the old parent order */
    SY_PROOF_V1_1,      /* ids 5-9: API 1.1.0, interactive */
    SY_PROOF_SYNTHETIC, /* ids 10-14: API 1.2.0, synthetic challenges */
    SY_PROOF_NI,        /* ids 15-19: API 1.2.0, non-interactive */
};

enum sy_api_version {
    SY_API_1_0_0 = 0,
    SY_API_1_1_0,
    SY_API_1_2_0,
};

struct sy_proof {
    uint32_t id;
    uint64_t sector_bytes;
    enum sy_proof_variant variant;
    enum sy_api_version api;
    const char *name; /* "StackedDrg2KiBV1_1": "registered_proof" of the JSON files */
    const char
        *size_key; /* "StackedDrg2KiBV1": the enum key inside the JSON files, without variant */
    const char *size_text; /* "2KiB" */
};

/* The row of `id` (static storage), or NULL when id >= SY_PROOF_COUNT. */
const struct sy_proof *sy_proof_get(uint64_t id);

/* The same with an error: -SY_E_RANGE names the id and the allowed range. */
int sy_proof_find(const struct sy_proof **ret_proof, uint64_t id, struct sy_error *err);

/* By "StackedDrg32GiBV1_1"; -SY_E_NOT_FOUND. */
int sy_proof_find_name(const struct sy_proof **ret_proof, const char *name, struct sy_error *err);

/* By size and variant; -SY_E_NOT_FOUND for a size that the network has no proof for. */
int sy_proof_select(const struct sy_proof **ret_proof, uint64_t sector_bytes,
                    enum sy_proof_variant variant, struct sy_error *err);

/* porep_id of a registered proof: u64le(id), u64le(nonce 0), 16 zero bytes. */
void sy_proof_porep_id(const struct sy_proof *proof, uint8_t ret_porep_id[SY_POREP_ID_BYTES]);

/* "2KiB", "8MiB", "512MiB", "32GiB", "64GiB" (also other powers of two with B, KiB, MiB, GiB, any
 * case, one optional space) to bytes; -SY_E_PARSE. */
int sy_sector_size_parse(const char *text, uint64_t *ret_bytes, struct sy_error *err);

/* Bytes to the shortest exact form ("32GiB", "127B") in text[SY_SECTOR_SIZE_TEXT_BYTES]; returns
 * text. */
char *sy_sector_size_format(uint64_t bytes, char *text);

/* "1.1.0". Static storage. */
const char *sy_api_version_name(enum sy_api_version api);
/* Parses "1.0.0", "1.1.0", "1.2.0"; -SY_E_PARSE. */
int sy_api_version_parse(const char *text, enum sy_api_version *ret_api, struct sy_error *err);

#endif
