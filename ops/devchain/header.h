/* Block headers: the tuple of 16, its CID, its JSON. Everything borrows.
 */
#ifndef SEALYARD_OPS_DEVCHAIN_HEADER_H
#define SEALYARD_OPS_DEVCHAIN_HEADER_H

#include "common/fil/message.h"
#include "common/fil/miner_params.h"

#define SY_DC_BEACON_MAX 8
#define SY_DC_PARENTS_MAX 8
#define SY_DC_HEADER_BYTES 8192

struct sy_dc_beacon {
    uint64_t round;
    struct sy_fil_bytes data;
};
struct sy_dc_post {
    int64_t type;
    struct sy_fil_bytes proof;
};
struct sy_dc_header {
    struct sy_fil_address miner;
    struct sy_fil_bytes ticket;
    int64_t win_count;
    struct sy_fil_bytes election;
    struct sy_dc_beacon beacon[SY_DC_BEACON_MAX];
    uint32_t beacon_count;
    struct sy_dc_post post[SY_DC_BEACON_MAX];
    uint32_t post_count;
    struct sy_fil_cid parents[SY_DC_PARENTS_MAX];
    uint32_t parent_count;
    struct sy_bigint weight;
    int64_t height;
    struct sy_fil_cid state_root, receipts, messages;
    struct sy_fil_signature aggregate;
    uint64_t timestamp_s;
    bool has_signature; /* false = the bytes that get signed */
    struct sy_fil_signature signature;
    uint64_t fork_signaling;
    struct sy_bigint base_fee;
};

int sy_dc_header_encode(const struct sy_dc_header *header, void *buffer, size_t capacity,
                        size_t *ret_bytes, struct sy_error *err);
/* One entry of TipSet.Blocks; NULL = out of memory. */
json_t *sy_dc_header_to_json(const struct sy_dc_header *header, char network);

#endif
