#include "ops/devchain/config.h"

#include "common/conf.h"
#include "common/proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCHS_MAX 10000000
#define DELAY_MIN 2

void sy_dc_config_init(struct sy_dc_config *config)
{
    *config = (struct sy_dc_config){
        .host = "127.0.0.1",
        .port = 7720,
        .block_ms = 250,
        .genesis =
            {
                .challenge_delay = 10,
                .finality = 20,
                .precommit_lookback = 3780,
                .prove_duration = 86550,
                .expiration_min = 518400,
                .expiration_max = 3680640,
                .lifetime_max = 5259485,
                .prefund_fil = 10000000,
            },
    };
}

int sy_dc_config_listen(struct sy_dc_config *config, const char *text, struct sy_error *err)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof(config->host) ||
        end == colon + 1 || *end || port > UINT16_MAX)
        return sy_fail(err, SY_E_PARSE, "listen \"%s\": expected ADDRESS:PORT as 127.0.0.1:7720",
                       text);
    memset(config->host, 0, sizeof(config->host));
    memcpy(config->host, text, (size_t)(colon - text));
    config->port = (uint16_t)port;
    return 0;
}

int sy_dc_config_add_miner(struct sy_dc_config *config, const char *size, struct sy_error *err)
{
    const struct sy_proof *proof;
    uint64_t bytes;
    int rc = sy_sector_size_parse(size, &bytes, err);
    if (rc == 0)
        rc = sy_proof_select(&proof, bytes, SY_PROOF_V1_1, err);
    if (rc < 0)
        return rc;
    if (config->genesis.miner_count == SY_DC_MINERS_MAX)
        return sy_fail(err, SY_E_LIMIT, "more than %d sector sizes", SY_DC_MINERS_MAX);
    config->genesis.seal_proofs[config->genesis.miner_count++] = proof->id;
    return 0;
}

static int load_numbers(struct sy_conf_table *table, struct sy_dc_genesis *genesis,
                        struct sy_error *err)
{
    struct {
        const char *key;
        int64_t *value;
        int64_t min;
    } numbers[] = {
        {"challenge_delay", &genesis->challenge_delay, DELAY_MIN},
        {"finality", &genesis->finality, 1},
        {"precommit_lookback", &genesis->precommit_lookback, 1},
        {"prove_duration", &genesis->prove_duration, 1},
        {"expiration_min", &genesis->expiration_min, 1},
        {"expiration_max", &genesis->expiration_max, 1},
        {"lifetime_max", &genesis->lifetime_max, 1},
        {"null_every", &genesis->null_every, 0},
        {"prefund_fil", &genesis->prefund_fil, 1},
    };
    for (size_t i = 0; i < SY_ARRAY_SIZE(numbers); i++) {
        int rc = sy_conf_integer(table, numbers[i].key, false, *numbers[i].value, numbers[i].min,
                                 EPOCHS_MAX, numbers[i].value, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int load_table(struct sy_dc_config *config, struct sy_conf_table *table,
                      struct sy_error *err)
{
    char listen[80], size[SY_SECTOR_SIZE_TEXT_BYTES];
    int rc =
        sy_conf_string(table, "dir", false, config->dir, config->dir, sizeof(config->dir), err);
    if (rc == 0)
        rc = sy_conf_string(table, "parameters", false, config->parameters, config->parameters,
                            sizeof(config->parameters), err);
    if (rc == 0)
        rc = sy_conf_string(table, "listen", false, "127.0.0.1:7720", listen, sizeof(listen), err);
    if (rc == 0)
        rc = sy_dc_config_listen(config, listen, err);
    if (rc == 0)
        rc = sy_conf_duration_ms(table, "block_time", false, "250ms", &config->block_ms, err);
    if (rc == 0)
        rc = sy_conf_bool(table, "require_token", false, false, &config->require_token, err);
    for (size_t i = 0; rc == 0; i++) {
        rc = sy_conf_string_item(table, "sector_sizes", i, size, sizeof(size), err);
        if (rc == -SY_E_NOT_FOUND) {
            rc = 0;
            break;
        }
        if (rc == 0)
            rc = sy_dc_config_add_miner(config, size, err);
    }
    if (rc == 0)
        rc = load_numbers(table, &config->genesis, err);
    return rc;
}

int sy_dc_config_load(struct sy_dc_config *config, const char *path, struct sy_error *err)
{
    struct sy_conf *conf = NULL;
    struct sy_conf_table *table;
    int rc = sy_conf_load(&conf, path, err);
    if (rc == 0)
        rc = sy_conf_table_get(sy_conf_root(conf), "devchain", true, &table, err);
    if (rc == 0)
        rc = load_table(config, table, err);
    if (rc == 0)
        rc = sy_conf_finish(conf, err);
    sy_conf_destroy(conf);
    return rc;
}

int sy_dc_config_check(struct sy_dc_config *config, struct sy_error *err)
{
    const struct sy_dc_genesis *genesis = &config->genesis;
    if (!config->dir[0])
        return sy_fail(err, SY_E_ARG, "no directory: give --dir DIR");
    if (genesis->miner_count == 0)
        return sy_fail(err, SY_E_ARG, "no miner: give --sector-size 2KiB");
    if (config->block_ms < SY_DC_BLOCK_MS_MIN)
        return sy_fail(err, SY_E_RANGE, "block time %llu ms, at least %d",
                       (unsigned long long)config->block_ms, SY_DC_BLOCK_MS_MIN);
    if (genesis->null_every == 1)
        return sy_fail(err, SY_E_RANGE, "null_every = 1 leaves no blocks");
    if (genesis->precommit_lookback <= genesis->finality)
        return sy_fail(err, SY_E_RANGE,
                       "precommit_lookback %lld must exceed finality %lld, else tickets are born "
                       "expired",
                       (long long)genesis->precommit_lookback, (long long)genesis->finality);
    return sy_file_make_directory(config->dir, 0700, err);
}

json_t *sy_dc_genesis_json(const struct sy_dc_genesis *genesis)
{
    json_t *proofs = json_array();
    for (uint32_t i = 0; i < genesis->miner_count; i++)
        json_array_append_new(proofs, json_integer(genesis->seal_proofs[i]));
    return json_pack(
        "{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "network", SY_DC_NETWORK,
        "seal_proofs", proofs, "challenge_delay", (json_int_t)genesis->challenge_delay, "finality",
        (json_int_t)genesis->finality, "precommit_lookback",
        (json_int_t)genesis->precommit_lookback, "prove_duration",
        (json_int_t)genesis->prove_duration, "expiration_min", (json_int_t)genesis->expiration_min,
        "expiration_max", (json_int_t)genesis->expiration_max, "lifetime_max",
        (json_int_t)genesis->lifetime_max, "null_every", (json_int_t)genesis->null_every,
        "prefund_fil", (json_int_t)genesis->prefund_fil);
}
