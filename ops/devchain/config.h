/* What the development chain is made of: one struct, from the command line or a TOML file.
 *
 * The values of `genesis` shape every block and are written into the journal when the chain is
 * made; a later start with other values is refused. Defaults are the network's own except those
 * named "lab".
 */
#ifndef SEALYARD_OPS_DEVCHAIN_CONFIG_H
#define SEALYARD_OPS_DEVCHAIN_CONFIG_H

#include "common/err.h"
#include "common/file.h"

#include <jansson.h>

#define SY_DC_MINERS_MAX 16
#define SY_DC_NETWORK "sealyard-devnet"
#define SY_DC_FIRST_MINER 1000
#define SY_DC_BLOCK_MS_MIN 50

struct sy_dc_genesis {
    uint32_t miner_count;
    uint32_t seal_proofs[SY_DC_MINERS_MAX]; /* V1_1 id of miner t0(1000 + i) */
    int64_t challenge_delay;                /* lab: 10 epochs, mainnet 150 */
    int64_t finality;                       /* lab: 20 epochs, mainnet 900: ticket look-back */
    int64_t precommit_lookback;             /* MAX_PRE_COMMIT_RANDOMNESS_LOOKBACK, 3780 */
    int64_t prove_duration;                 /* MAX_PROVE_COMMIT_DURATION, 86550 */
    int64_t expiration_min;                 /* MIN_SECTOR_EXPIRATION, 518400 */
    int64_t expiration_max;                 /* MAX_SECTOR_EXPIRATION_EXTENSION, 3680640 */
    int64_t lifetime_max;                   /* MAX_SECTOR_LIFETIME, 5259485 */
    int64_t null_every;                     /* every n-th epoch has no block; 0 = none */
    int64_t prefund_fil;                    /* balance of each key, in FIL */
};

struct sy_dc_config {
    char dir[SY_PATH_BYTES];
    char parameters[SY_PATH_BYTES]; /* verifying keys; "" = sy_params_directory() */
    char host[64];
    uint16_t port; /* 0 = any free one; the url is written to <dir>/url */
    uint64_t block_ms;
    bool require_token; /* MpoolPush only with the token of <dir>/token */
    struct sy_dc_genesis genesis;
};

/* Defaults without directory and miners. */
void sy_dc_config_init(struct sy_dc_config *config);
/* Table [devchain] of a TOML file, strict. */
int sy_dc_config_load(struct sy_dc_config *config, const char *path, struct sy_error *err);
/* "127.0.0.1:7720". */
int sy_dc_config_listen(struct sy_dc_config *config, const char *text, struct sy_error *err);
/* "2KiB" appended as the next miner. */
int sy_dc_config_add_miner(struct sy_dc_config *config, const char *size, struct sy_error *err);
/* Directory and a miner are there, numbers are in range; makes the directory. */
int sy_dc_config_check(struct sy_dc_config *config, struct sy_error *err);
/* The genesis values as JSON, new reference; equal objects mean the same chain. NULL = memory. */
json_t *sy_dc_genesis_json(const struct sy_dc_genesis *genesis);

#endif
