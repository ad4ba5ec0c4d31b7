/* The state of the chain: actors, miners, sectors. Flat arrays, so that a copy is a few memcpys.
 *
 * There is no HAMT or AMT: the state root is the hash of the whole state's CBOR. Threads: none
 * inside.
 */
#ifndef SEALYARD_OPS_DEVCHAIN_STATE_H
#define SEALYARD_OPS_DEVCHAIN_STATE_H

#include "common/fil/address.h"
#include "common/fil/bigint.h"
#include "common/fil/cid.h"
#include "common/fil/rleplus.h"
#include "ops/devchain/config.h"

#define SY_DC_ACCOUNTS_MAX 64
#define SY_DC_FIRST_ACCOUNT 100 /* worker; then owner */
#define SY_DC_BURN 99
#define SY_DC_DEADLINES 48
#define SY_DC_PERIOD 2880
#define SY_DC_WINDOW 60
#define SY_DC_CHALLENGE_LOOKBACK 20
#define SY_DC_FAULT_CUTOFF 70
#define SY_DC_PARTITION_SECTORS_SMALL 2
#define SY_DC_NUMBERS_MAX 65536 /* ranges of used sector numbers of one miner */

enum sy_dc_kind { SY_DC_SYSTEM, SY_DC_ACCOUNT, SY_DC_MINER };

struct sy_dc_actor {
    uint64_t id;
    enum sy_dc_kind kind;
    struct sy_fil_address key; /* robust address of accounts; undefined otherwise */
    uint64_t nonce;
    struct sy_bigint balance;
};

struct sy_dc_precommit {
    uint64_t number;
    uint64_t seal_proof;
    uint8_t sealed[32];
    bool has_unsealed;
    uint8_t unsealed[32];
    int64_t rand_epoch, expiration;
    int64_t epoch; /* inclusion height */
    struct sy_bigint deposit;
};

struct sy_dc_sector {
    uint64_t number;
    uint64_t seal_proof;
    uint8_t sealed[32];
    int64_t activation, expiration;
    struct sy_bigint pledge;
    struct sy_bigint deal_weight; /* bytes of pieces x lifetime */
    uint32_t deadline, partition;
};

struct sy_dc_miner {
    uint64_t id, owner, worker;
    uint64_t seal_proof, sector_bytes, partition_sectors;
    int64_t period_offset;
    struct sy_rle_range *numbers;       /* every number ever used; never shrinks */
    struct sy_dc_precommit *precommits; /* ascending */
    struct sy_dc_sector *sectors;       /* ascending */
    uint32_t number_count, precommit_count, sector_count;
    uint32_t deadline_sectors[SY_DC_DEADLINES];
    struct sy_bigint deposits, pledge; /* locked */
};

struct sy_dc_state {
    struct sy_dc_actor actors[SY_DC_ACCOUNTS_MAX];
    uint32_t actor_count;
    struct sy_dc_miner miners[SY_DC_MINERS_MAX];
    uint32_t miner_count;
};

/* Accounts t0100 (worker) and t0101 (owner), miners from t01000. */
int sy_dc_state_genesis(struct sy_dc_state *ret, const struct sy_dc_genesis *genesis,
                        const struct sy_fil_address *worker, const struct sy_fil_address *owner,
                        struct sy_error *err);
int sy_dc_state_copy(struct sy_dc_state *ret, const struct sy_dc_state *from, struct sy_error *err);
void sy_dc_state_fini(struct sy_dc_state *state);
int sy_dc_state_root(const struct sy_dc_state *state, struct sy_fil_cid *ret, struct sy_error *err);

/* NULL when unknown. By id or by the key address of an account. */
struct sy_dc_actor *sy_dc_actor_find(struct sy_dc_state *state,
                                     const struct sy_fil_address *address);
struct sy_dc_actor *sy_dc_actor_get(struct sy_dc_state *state, uint64_t id);
struct sy_dc_miner *sy_dc_miner_get(struct sy_dc_state *state, uint64_t id);
struct sy_dc_precommit *sy_dc_precommit_get(const struct sy_dc_miner *miner, uint64_t number);
struct sy_dc_sector *sy_dc_sector_get(const struct sy_dc_miner *miner, uint64_t number);

/* Insertions keep the order; -SY_E_NOMEM, -SY_E_LIMIT. */
int sy_dc_miner_use_number(struct sy_dc_miner *miner, uint64_t number, struct sy_error *err);
int sy_dc_miner_add_precommit(struct sy_dc_miner *miner, const struct sy_dc_precommit *precommit,
                              struct sy_error *err);
void sy_dc_miner_remove_precommit(struct sy_dc_miner *miner, uint64_t number);
/* Chooses deadline and partition: the mutable deadline with the fewest sectors, lowest first. The
 * network also weighs partitions and dead sectors; with nothing terminated the outcome differs only
 * in the order in which deadlines fill. */
int sy_dc_miner_add_sector(struct sy_dc_miner *miner, const struct sy_dc_sector *sector,
                           int64_t epoch, struct sy_error *err);
/* balance - deposits - pledge; never negative. */
struct sy_bigint sy_dc_miner_available(struct sy_dc_state *state, const struct sy_dc_miner *miner);

struct sy_dc_deadline {
    int64_t period_start, open, close, challenge, cutoff;
    uint32_t index;
};
/* The current deadline of the miner at epoch. */
void sy_dc_miner_deadline(const struct sy_dc_miner *miner, int64_t epoch,
                          struct sy_dc_deadline *ret);

#endif
