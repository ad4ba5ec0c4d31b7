/* The chain in memory: tipsets, messages with receipts, two states, the mempool.
 *
 * One block per tipset, no forks. Block h carries messages that are executed at epoch h; the state
 * that RPC reads show at head h (`pre`) is the one before them, their receipts become visible with
 * the next tipset. Everything follows from the journal's records: genesis, then one record per
 * block with its messages and the verdicts on proofs (keys may be gone later). The same code
 * applies a block when it is made and when it is replayed; a replay that gives another block CID is
 * refused.
 *
 * What is not the network's: tickets and the beacon are hash chains from a random seed (no VRF, no
 * drand: whoever knows the seed knows the future), blocks carry a secp256k1 signature of the worker
 * and no election, Messages and receipts are CIDs of plain CBOR arrays instead of AMT roots. While
 * the program does not run the chain stands still: epochs are not tied to the wall clock.
 *
 * Threads: none inside; the caller holds one lock around every call.
 */
#ifndef SEALYARD_OPS_DEVCHAIN_CHAIN_H
#define SEALYARD_OPS_DEVCHAIN_CHAIN_H

#include "common/fil/key.h"
#include "ops/devchain/header.h"
#include "ops/devchain/journal.h"
#include "ops/devchain/verifier.h"

#include <uthash.h>

#define SY_DC_NETWORK_VERSION 28
#define SY_DC_BEACON_BYTES 48
#define SY_DC_BLOCK_MESSAGES_MAX 512
#define SY_DC_BLOCK_BYTES_MAX (8u << 20)
#define SY_DC_POOL_MAX 4000
#define SY_DC_SENDER_PENDING_MAX 1000
#define SY_DC_NONCE_GAP_MAX 4
#define SY_DC_REPLACED_MAX 1024
#define SY_DC_VERDICTS_MAX (SY_DC_BLOCK_MESSAGES_MAX * 64)
#define SY_DC_PROVEN_MAX 256

struct sy_dc_tipset {
    int64_t height;
    int64_t timestamp_s;
    uint8_t cid[32], ticket[32]; /* digests of chain CIDs */
    uint8_t state_root[32], receipts[32], messages[32];
    uint64_t weight;
    uint64_t base_fee;
    uint32_t message_first, message_count;
    uint8_t signature[SY_FIL_SECP_SIGNATURE_BYTES];
};

/* A message on chain or in the pool. */
struct sy_dc_message {
    uint8_t cid[32];                      /* hash key */
    struct sy_fil_signed_message message; /* params borrow bytes */
    uint8_t *bytes;                       /* CBOR of the signed message, owned */
    uint32_t size;
    uint64_t from;   /* actor id */
    uint32_t tipset; /* index; on chain only */
    uint32_t exit_code;
    int64_t gas_used;
    uint8_t *returned; /* owned */
    uint32_t return_bytes;
    char error[SY_ERROR_TEXT_BYTES];
    UT_hash_handle hh;
};

struct sy_dc_replaced {
    uint8_t cid[32];
    uint64_t from, nonce;
};

struct sy_dc_chain {
    struct sy_dc_config config;
    struct sy_dc_journal *journal;
    struct sy_dc_verifier *verifier;
    struct sy_fil_key worker, owner;
    uint8_t seed[32];

    struct sy_dc_tipset *tipsets;
    uint32_t tipset_count, tipset_capacity;
    int64_t epoch; /* of the clock: head height, or later after null rounds */

    struct sy_dc_message **messages; /* in order of execution */
    uint32_t message_count, message_capacity;
    struct sy_dc_message *by_cid;

    struct sy_dc_state pre;  /* before the head's messages */
    struct sy_dc_state post; /* after them; unused when same */
    bool same;               /* the head changed nothing */
    struct sy_fil_cid post_root;
    struct sy_fil_cid head_receipts; /* of the head's messages */

    struct sy_dc_message *pool[SY_DC_POOL_MAX];
    uint32_t pool_count;
    struct sy_dc_replaced replaced[SY_DC_REPLACED_MAX];
    uint32_t replaced_count; /* total; the ring keeps the last ones */

    /* verdicts on proofs: written when a block is made, read when it is replayed */
    bool replaying;
    bool verdicts[SY_DC_VERDICTS_MAX];
    uint32_t verdict_count, verdict_next;
    uint8_t proven[SY_DC_PROVEN_MAX][32]; /* proofs that held, so that estimates are cheap */
    uint32_t proven_count;
    bool failed; /* a record could not be written: the chain must stop */
};

/* Opens or makes the chain in config->dir (keys/worker.key, keys/owner.key with .address texts,
 * token, chain.journal). -SY_E_STATE when the directory holds a chain of other genesis values. A
 * verifying key that is missing is told in the log, and refuses proofs until it is there. */
int sy_dc_chain_open(struct sy_dc_chain **ret, const struct sy_dc_config *config,
                     struct sy_error *err);
void sy_dc_chain_close(struct sy_dc_chain *chain);
/* One epoch passes: a block, or nothing in a null round. An error means that the chain must stop.
 */
int sy_dc_chain_step(struct sy_dc_chain *chain, int64_t now_s, struct sy_error *err);

const struct sy_dc_tipset *sy_dc_chain_head(const struct sy_dc_chain *chain);
struct sy_dc_state *sy_dc_chain_post(struct sy_dc_chain *chain);
/* Index of the tipset at `height`, or of its next / previous neighbour on a null round; false
 * outside. */
bool sy_dc_chain_at(const struct sy_dc_chain *chain, int64_t height, bool next,
                    uint32_t *ret_index);
bool sy_dc_chain_find(const struct sy_dc_chain *chain, const struct sy_fil_cid *cid,
                      uint32_t *ret_index);
/* Header with everything it borrows in the caller's scratch. */
struct sy_dc_header_scratch {
    uint8_t ticket[32], election[32];
    uint8_t beacon[SY_DC_BEACON_MAX][SY_DC_BEACON_BYTES];
};
void sy_dc_chain_header(const struct sy_dc_chain *chain, uint32_t index,
                        struct sy_dc_header_scratch *scratch, struct sy_dc_header *ret);
void sy_dc_chain_cid(const uint8_t digest[32], struct sy_fil_cid *ret);
void sy_dc_chain_beacon(const struct sy_dc_chain *chain, int64_t epoch,
                        uint8_t ret[SY_DC_BEACON_BYTES]);

/* Draws with any entropy; -SY_E_RANGE "cannot draw randomness from the future". */
int sy_dc_chain_draw(const struct sy_dc_chain *chain, bool beacon, int64_t tag, int64_t epoch,
                     const void *entropy, size_t entropy_bytes, uint8_t ret[32],
                     struct sy_error *err);
/* What a message would do after the head's messages and, when `pending`, after the sender's
 * messages in the pool; nothing is kept and no gas is charged. */
int sy_dc_chain_call(struct sy_dc_chain *chain, const struct sy_fil_message *message, bool pending,
                     struct sy_dc_receipt *ret, struct sy_error *err);

/* mempool.c. Push takes a copy; errors carry the node's texts (-SY_E_REMOTE is code 1). */
int sy_dc_pool_push(struct sy_dc_chain *chain, const struct sy_fil_signed_message *message,
                    struct sy_fil_cid *ret_cid, struct sy_error *err);
uint64_t sy_dc_pool_nonce(struct sy_dc_chain *chain, const struct sy_dc_actor *actor);
/* Takes the messages of the next block out of the pool, in order. */
uint32_t sy_dc_pool_select(struct sy_dc_chain *chain, uint64_t base_fee,
                           struct sy_dc_message *ret[SY_DC_BLOCK_MESSAGES_MAX]);
/* Drops what can no longer execute. */
void sy_dc_pool_prune(struct sy_dc_chain *chain);
struct sy_dc_message *sy_dc_pool_find(const struct sy_dc_chain *chain, const uint8_t cid[32]);
void sy_dc_message_destroy(struct sy_dc_message *message);
/* From the CBOR of a signed message (copied). */
int sy_dc_message_create(struct sy_dc_message **ret, const void *data, size_t bytes,
                         struct sy_error *err);

#endif
