/* A Lotus, Venus or development node, call by call, typed.
 *
 * State is always read at the node's head (tipset key []): the state before the head's messages.
 * Numbers come as 64-bit integers, amounts as big integers. Errors of the node are -SY_E_REMOTE
 * with its text; callers look for substrings with sy_node_says. Transport errors are
 * -SY_E_UNREACHABLE or -SY_E_TIMEOUT. Threads: one node per thread.
 */
#ifndef SEALYARD_SCHEDULER_PLUGINS_NODE_H
#define SEALYARD_SCHEDULER_PLUGINS_NODE_H

#include "common/fil/key.h"
#include "common/fil/miner_params.h"
#include "common/http.h"
#include "scheduler/plugin.h"

#define SY_NODE_NETWORK_VERSION_MAX 28 /* nothing is sent to a newer network */
#define SY_NODE_RETURN_BYTES_MAX 4000  /* of a receipt; what a message row keeps */
#define SY_NODE_TIMEOUT_MS 60000       /* estimates of big messages take their time */

struct sy_node;

/* token_file may be empty; it must not be readable by others. */
int sy_node_create(struct sy_node **ret, const char *url, const char *token_file,
                   struct sy_error *err);
/* Takes the keys node (required), token_file, from a plugin's table. */
int sy_node_create_from_conf(struct sy_node **ret, struct sy_conf_table *conf,
                             struct sy_error *err);
void sy_node_destroy(struct sy_node *node);
/* Is `what` in the text of an error of the node? */
bool sy_node_says(const struct sy_error *err, const char *what);
/* true for errors after which the node cannot be asked anything (network, token). */
bool sy_node_is_away(int rc);

/* Constants of the network. Lotus reports name, block delay and challenge delay; a development
 * chain reports the scaled ones in "Sealyard"; whatever is not reported has the mainnet value. */
struct sy_node_params {
    char network[SY_NAME_BYTES];
    uint64_t block_delay_ms;
    int64_t challenge_delay;    /* 150 */
    int64_t finality;           /* 900 */
    int64_t precommit_lookback; /* 3780 */
    int64_t prove_duration;     /* 86550 */
    int64_t expiration_min;     /* 518400 */
    int64_t expiration_max;     /* 3680640 */
};
int sy_node_get_params(struct sy_node *node, struct sy_node_params *ret, struct sy_error *err);
int sy_node_get_head(struct sy_node *node, struct sy_chain_head *ret, struct sy_error *err);
int sy_node_get_version(struct sy_node *node, uint32_t *ret, struct sy_error *err);

struct sy_node_miner {
    uint64_t sector_bytes;
    struct sy_fil_address worker; /* key address */
    int64_t period_start;         /* of the current proving period */
};
int sy_node_get_miner(struct sy_node *node, uint64_t miner, struct sy_node_miner *ret,
                      struct sy_error *err);
/* One more than the highest number ever used; 0 when none was. */
int sy_node_get_number_floor(struct sy_node *node, uint64_t miner, uint64_t *ret,
                             struct sy_error *err);
int sy_node_is_allocated(struct sy_node *node, uint64_t miner, uint64_t number, bool *ret,
                         struct sy_error *err);

struct sy_node_sector {
    bool found;
    uint8_t comm_r[32];
    int64_t epoch; /* PreCommitEpoch / Activation */
    int64_t expiration;
    struct sy_bigint deposit; /* pre-commit only */
};
int sy_node_get_precommit(struct sy_node *node, uint64_t miner, uint64_t number,
                          struct sy_node_sector *ret, struct sy_error *err);
int sy_node_get_sector(struct sy_node *node, uint64_t miner, uint64_t number,
                       struct sy_node_sector *ret, struct sy_error *err);

/* Ticket (tag 5) or interactive seed (tag 6) of the miner at epoch. */
int sy_node_get_ticket(struct sy_node *node, uint64_t miner, int64_t epoch, uint8_t ret[32],
                       struct sy_error *err);
int sy_node_get_seed(struct sy_node *node, uint64_t miner, int64_t epoch, uint8_t ret[32],
                     struct sy_error *err);

/* As the node answers, that is 110 %. */
int sy_node_get_deposit(struct sy_node *node, uint64_t miner, const struct sy_fil_precommit *info,
                        struct sy_bigint *ret, struct sy_error *err);
int sy_node_get_pledge(struct sy_node *node, int64_t duration, uint64_t sector_bytes,
                       struct sy_bigint *ret, struct sy_error *err);

struct sy_node_receipt {
    int64_t exit_code;
    uint8_t returned[SY_NODE_RETURN_BYTES_MAX];
    size_t return_bytes;
    char error[160]; /* StateCall only */
};
/* StateCall: what would happen. */
int sy_node_call(struct sy_node *node, const struct sy_fil_message *message,
                 struct sy_node_receipt *ret, struct sy_error *err);

/* Nonce that the node would give next, its pool included. */
int sy_node_get_nonce(struct sy_node *node, const struct sy_fil_address *address, uint64_t *ret,
                      struct sy_error *err);
/* Nonce of the actor on chain. */
int sy_node_get_actor_nonce(struct sy_node *node, const struct sy_fil_address *address,
                            uint64_t *ret, struct sy_error *err);
/* Fills gas limit, fee cap and premium; max_fee in attoFIL. */
int sy_node_estimate(struct sy_node *node, struct sy_fil_message *message,
                     const struct sy_bigint *max_fee, struct sy_error *err);
int sy_node_push(struct sy_node *node, const struct sy_fil_signed_message *message,
                 struct sy_error *err);

struct sy_node_lookup {
    bool found;
    bool same; /* the very message; false = another one with this nonce */
    int64_t height;
    struct sy_node_receipt receipt;
};
/* found = false also when the node does not know the message at all. */
int sy_node_search(struct sy_node *node, const char *cid, int64_t lookback,
                   struct sy_node_lookup *ret, struct sy_error *err);

#endif
