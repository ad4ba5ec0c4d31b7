/* Parameters and returns of the miner actor's methods that sealing uses.
 *
 * PreCommitSectorBatch2 (28): [[ [seal_proof, sector, sealed_cid, seal_rand_epoch, [deal_ids],
 *   expiration, unsealed_cid or null] ..]]
 * ProveCommitSectors3 (34): [ [[sector, [piece..]]..], [proof..], aggregate, aggregate_type or
 * null, require_activation_success, require_notification_success] piece = [cid, padded_size,
 * [client, allocation] or null, [[notify_address, payload]..]] BatchReturn: [success_count,
 * [[index, exit_code]..]], transparent. Byte strings of decoded objects borrow the input. Threads:
 * pure functions.
 */
#ifndef SEALYARD_COMMON_FIL_MINER_PARAMS_H
#define SEALYARD_COMMON_FIL_MINER_PARAMS_H

#include "common/fil/address.h"
#include "common/fil/cid.h"

#define SY_FIL_METHOD_PRECOMMIT 28
#define SY_FIL_METHOD_PROVE 34

#define SY_FIL_BATCH_MAX 819 /* sectors of one message; ours are smaller */
#define SY_FIL_DEALS_MAX 512 /* deal ids in one pre-commit */
#define SY_FIL_PIECES_MAX 4096
#define SY_FIL_PROOF_BYTES_MAX 81960

#define SY_FIL_EXIT_OK 0
#define SY_FIL_EXIT_SENDER_STATE 2
#define SY_FIL_EXIT_INSUFFICIENT_FUNDS 6
#define SY_FIL_EXIT_OUT_OF_GAS 7
#define SY_FIL_EXIT_ILLEGAL_ARGUMENT 16
#define SY_FIL_EXIT_NOT_FOUND 17
#define SY_FIL_EXIT_FORBIDDEN 18
#define SY_FIL_EXIT_ACTOR_FUNDS 19
#define SY_FIL_EXIT_ILLEGAL_STATE 20
#define SY_FIL_EXIT_SERIALIZATION 21
#define SY_FIL_EXIT_UNHANDLED 22

struct sy_fil_precommit {
    uint64_t seal_proof;
    uint64_t sector;
    struct sy_fil_cid sealed;
    int64_t seal_rand_epoch;
    int64_t expiration;
    bool has_unsealed; /* false = CC, commD of zeros */
    struct sy_fil_cid unsealed;
    uint32_t deal_count;
    uint64_t deals[8]; /* the first ones; sectors of this program have none */
};

int sy_fil_precommit_encode(const struct sy_fil_precommit *sectors, size_t count, void *buffer,
                            size_t capacity, size_t *ret_bytes, struct sy_error *err);
/* At most `capacity` sectors (-SY_E_LIMIT). */
int sy_fil_precommit_decode(const void *data, size_t bytes, struct sy_fil_precommit *ret,
                            size_t capacity, size_t *ret_count, struct sy_error *err);

struct sy_fil_bytes {
    const uint8_t *data;
    size_t bytes;
};
struct sy_fil_notify {
    struct sy_fil_address address;
    struct sy_fil_bytes payload;
};
struct sy_fil_prove_piece {
    struct sy_fil_cid cid;
    uint64_t padded_bytes;
    bool has_allocation;
    uint64_t client, allocation;
    uint32_t notify_first, notify_count; /* into notifies[] */
};
struct sy_fil_prove_sector {
    uint64_t number;
    uint32_t piece_first, piece_count; /* into pieces[] */
};
/* Arrays are owned; init zeroes, fini frees, add_* grow. */
struct sy_fil_prove {
    struct sy_fil_prove_sector *sectors;
    struct sy_fil_prove_piece *pieces;
    struct sy_fil_notify *notifies;
    struct sy_fil_bytes *proofs;
    uint32_t sector_count, piece_count, notify_count, proof_count;
    struct sy_fil_bytes aggregate;
    bool has_aggregate_type;
    uint64_t aggregate_type;
    bool require_activation, require_notification;
};
void sy_fil_prove_init(struct sy_fil_prove *prove);
void sy_fil_prove_fini(struct sy_fil_prove *prove);
/* A sector without pieces; then its pieces, in sector order. -SY_E_LIMIT, -SY_E_NOMEM. */
int sy_fil_prove_add_sector(struct sy_fil_prove *prove, uint64_t number, struct sy_error *err);
int sy_fil_prove_add_piece(struct sy_fil_prove *prove, const struct sy_fil_prove_piece *piece,
                           struct sy_error *err);
int sy_fil_prove_add_notify(struct sy_fil_prove *prove, const struct sy_fil_notify *notify,
                            struct sy_error *err);
int sy_fil_prove_add_proof(struct sy_fil_prove *prove, const void *data, size_t bytes,
                           struct sy_error *err);
int sy_fil_prove_encode(const struct sy_fil_prove *prove, void *buffer, size_t capacity,
                        size_t *ret_bytes, struct sy_error *err);
/* *ret is initialised here and owned by the caller on success. */
int sy_fil_prove_decode(const void *data, size_t bytes, struct sy_fil_prove *ret,
                        struct sy_error *err);

struct sy_fil_batch_return {
    uint64_t success_count;
    uint32_t failure_count;
    struct {
        uint32_t index;
        uint32_t exit_code;
    } failures[SY_FIL_BATCH_MAX];
};
int sy_fil_batch_return_encode(const struct sy_fil_batch_return *batch, void *buffer,
                               size_t capacity, size_t *ret_bytes, struct sy_error *err);
/* Indices must ascend and lie below success + failures. */
int sy_fil_batch_return_decode(const void *data, size_t bytes, struct sy_fil_batch_return *ret,
                               struct sy_error *err);
/* Exit code of item `index`: 0 when it is not listed. */
uint32_t sy_fil_batch_return_code(const struct sy_fil_batch_return *batch, uint32_t index);

#endif
