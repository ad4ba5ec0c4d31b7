/* Making a chain, and opening one by replaying its journal. */
#include "ops/devchain/block.h"

#include "common/hex.h"
#include "common/log.h"
#include "common/mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GENESIS_FIELDS 6
#define GENESIS_BYTES_MAX 4096
#define TOKEN_BYTES 32

static int begin(struct sy_dc_chain *chain, int64_t timestamp_s, struct sy_error *err)
{
    struct sy_cbor_writer writer;
    uint8_t empty[8];
    int rc = sy_dc_state_genesis(&chain->pre, &chain->config.genesis, &chain->worker.address,
                                 &chain->owner.address, err);
    chain->same = true;
    if (rc == 0)
        rc = sy_dc_state_root(&chain->pre, &chain->post_root, err);
    sy_cbor_writer_init(&writer, empty, sizeof(empty));
    sy_cbor_put_array(&writer, 0);
    sy_fil_cid_of(empty, writer.bytes, &chain->head_receipts);
    if (rc == 0)
        rc = sy_dc_block_apply(chain, 0, timestamp_s, NULL, 0, NULL, err);
    return rc;
}

static int load_key(const struct sy_dc_chain *chain, const char *name, bool make,
                    struct sy_fil_key *ret, struct sy_error *err)
{
    char path[SY_PATH_BYTES], address[SY_FIL_ADDRESS_TEXT_BYTES];
    char text[SY_FIL_ADDRESS_TEXT_BYTES + 1];
    int length;
    int rc = sy_path_format(path, err, "%s/keys/%s.key", chain->config.dir, name);
    if (rc < 0)
        return rc;
    if (!make || access(path, F_OK) == 0)
        return sy_fil_key_load(path, ret, err);
    rc = sy_fil_key_generate(ret, err);
    if (rc == 0)
        rc = sy_fil_key_save(path, ret, err);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/keys/%s.address", chain->config.dir, name);
    if (rc < 0)
        return rc;
    sy_fil_address_print(&ret->address, 't', address);
    length = snprintf(text, sizeof(text), "%s\n", address);
    return sy_file_write(path, text, (size_t)length, 0644, err);
}

static int write_genesis(struct sy_dc_chain *chain, int64_t timestamp_s, struct sy_error *err)
{
    uint8_t buffer[GENESIS_BYTES_MAX];
    struct sy_cbor_writer writer;
    json_t *json = sy_dc_genesis_json(&chain->config.genesis);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    size_t bytes;
    int rc;
    json_decref(json);
    if (!text)
        return sy_fail(err, SY_E_NOMEM, "no memory for genesis");
    sy_cbor_writer_init(&writer, buffer, sizeof(buffer));
    sy_cbor_put_array(&writer, GENESIS_FIELDS);
    sy_cbor_put_u64(&writer, SY_DC_RECORD_GENESIS);
    sy_cbor_put_bytes(&writer, text, strlen(text));
    sy_fil_address_put(&writer, &chain->worker.address);
    sy_fil_address_put(&writer, &chain->owner.address);
    sy_cbor_put_i64(&writer, timestamp_s);
    sy_cbor_put_bytes(&writer, chain->seed, 32);
    free(text);
    rc = sy_cbor_writer_finish(&writer, "genesis", &bytes, err);
    if (rc == 0)
        rc = sy_dc_journal_append(chain->journal, buffer, bytes, err);
    return rc;
}

/* Other values than those of the journal would replay to another chain. */
static int compare_genesis(const struct sy_dc_chain *chain, const uint8_t *text, size_t bytes,
                           struct sy_error *err)
{
    json_t *found = json_loadb((const char *)text, bytes, 0, NULL);
    json_t *wanted = sy_dc_genesis_json(&chain->config.genesis);
    const char *key;
    json_t *value;
    int rc = 0;
    if (!found || !wanted)
        rc = sy_fail(err, SY_E_CORRUPT, "genesis record is not JSON");
    json_object_foreach(found, key, value)
    {
        if (rc == 0 && !json_equal(value, json_object_get(wanted, key))) {
            char *have = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            char *want = json_dumps(json_object_get(wanted, key), JSON_ENCODE_ANY | JSON_COMPACT);
            rc = sy_fail(err, SY_E_STATE,
                         "the chain in %.120s was made with %s = %.60s, now %.60s is asked: use "
                         "another directory",
                         chain->config.dir, key, have ? have : "?", want ? want : "?");
            free(have);
            free(want);
        }
    }
    json_decref(found);
    json_decref(wanted);
    return rc;
}

static int replay_genesis(struct sy_dc_chain *chain, struct sy_cbor_reader *reader,
                          struct sy_error *err)
{
    struct sy_fil_address worker = {0}, owner = {0};
    const uint8_t *text = NULL, *seed = NULL;
    size_t text_bytes = 0, seed_bytes = 0;
    int64_t timestamp = 0;
    int rc = sy_cbor_get_bytes(reader, GENESIS_BYTES_MAX, &text, &text_bytes, err);
    if (rc == 0)
        rc = sy_fil_address_get(reader, &worker, err);
    if (rc == 0)
        rc = sy_fil_address_get(reader, &owner, err);
    if (rc == 0)
        rc = sy_cbor_get_i64(reader, &timestamp, err);
    if (rc == 0)
        rc = sy_cbor_get_bytes(reader, 32, &seed, &seed_bytes, err);
    if (rc == 0 && seed_bytes != 32)
        rc = sy_fail(err, SY_E_CORRUPT, "genesis record with a seed of %zu bytes", seed_bytes);
    if (rc == 0)
        rc = compare_genesis(chain, text, text_bytes, err);
    if (rc == 0)
        rc = load_key(chain, "worker", false, &chain->worker, err);
    if (rc == 0)
        rc = load_key(chain, "owner", false, &chain->owner, err);
    if (rc < 0)
        return rc;
    if (!sy_fil_address_equal(&worker, &chain->worker.address) ||
        !sy_fil_address_equal(&owner, &chain->owner.address))
        return sy_fail(err, SY_E_STATE, "keys in %.200s are not those of the chain",
                       chain->config.dir);
    memcpy(chain->seed, seed, 32);
    return begin(chain, timestamp, err);
}

static int on_record(void *ctx, const uint8_t *data, size_t bytes, struct sy_error *err)
{
    struct sy_dc_chain *chain = ctx;
    struct sy_cbor_reader reader;
    uint64_t fields = 0, kind = 0;
    int rc;
    sy_cbor_reader_init(&reader, data, bytes, "journal record");
    rc = sy_cbor_get_array(&reader, 16, &fields, err);
    if (rc == 0)
        rc = sy_cbor_get_u64(&reader, &kind, err);
    if (rc < 0)
        return rc;
    if ((kind == SY_DC_RECORD_GENESIS) != (chain->tipset_count == 0))
        return sy_fail(err, SY_E_CORRUPT, "journal does not begin with one genesis record");
    if (kind == SY_DC_RECORD_GENESIS)
        return replay_genesis(chain, &reader, err);
    if (kind == SY_DC_RECORD_BLOCK)
        return sy_dc_block_replay(chain, &reader, err);
    return sy_fail(err, SY_E_VERSION, "journal record of kind %llu", (unsigned long long)kind);
}

static int make_token(const struct sy_dc_chain *chain, struct sy_error *err)
{
    char path[SY_PATH_BYTES], text[SY_HEX_TEXT_BYTES(TOKEN_BYTES) + 1];
    uint8_t token[TOKEN_BYTES];
    int rc = sy_path_format(path, err, "%s/token", chain->config.dir);
    if (rc < 0 || access(path, F_OK) == 0)
        return rc;
    randombytes_buf(token, sizeof(token));
    sy_hex_encode(token, sizeof(token), text);
    text[2 * TOKEN_BYTES] = '\n';
    rc = sy_file_write(path, text, 2 * TOKEN_BYTES + 1, 0600, err);
    sodium_memzero(token, sizeof(token));
    sodium_memzero(text, sizeof(text));
    return rc;
}

static int open_chain(struct sy_dc_chain *chain, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int64_t now = (int64_t)time(NULL);
    int rc = sy_path_format(path, err, "%s/keys", chain->config.dir);
    if (rc == 0)
        rc = sy_file_make_directory(path, 0700, err);
    if (rc == 0)
        rc = make_token(chain, err);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/chain.journal", chain->config.dir);
    chain->replaying = true;
    if (rc == 0)
        rc = sy_dc_journal_open(&chain->journal, path, on_record, chain, err);
    chain->replaying = false;
    if (rc < 0)
        return rc;
    if (chain->tipset_count == 0) {
        rc = load_key(chain, "worker", true, &chain->worker, err);
        if (rc == 0)
            rc = load_key(chain, "owner", true, &chain->owner, err);
        if (rc == 0)
            randombytes_buf(chain->seed, sizeof(chain->seed));
        if (rc == 0)
            rc = write_genesis(chain, now, err);
        if (rc == 0)
            rc = begin(chain, now, err);
    }
    if (rc == 0)
        chain->epoch = sy_dc_chain_head(chain)->height;
    return rc;
}

/* The chain runs without them; who starts it learns at once why its proofs will be refused. */
static void tell_missing_keys(struct sy_dc_chain *chain)
{
    struct sy_error why;
    for (uint32_t i = 0; i < chain->config.genesis.miner_count; i++) {
        if (sy_dc_verifier_ready(chain->verifier, chain->config.genesis.seal_proofs[i], &why) < 0)
            SY_WARN("devchain", "proofs_refused", "miner=t0%u error=\"%s\"", SY_DC_FIRST_MINER + i,
                    why.text);
    }
}

int sy_dc_chain_open(struct sy_dc_chain **ret, const struct sy_dc_config *config,
                     struct sy_error *err)
{
    struct sy_dc_chain *chain = sy_mem_alloc(sizeof(*chain));
    int rc;
    if (!chain)
        return sy_fail(err, SY_E_NOMEM, "no memory for the chain");
    chain->config = *config;
    rc = sodium_init() < 0 ? sy_fail(err, SY_E_RESOURCE, "libsodium does not start") : 0;
    if (rc == 0)
        rc = sy_dc_verifier_create(&chain->verifier, config->parameters, err);
    if (rc == 0)
        rc = open_chain(chain, err);
    if (rc < 0) {
        sy_dc_chain_close(chain);
        return rc;
    }
    tell_missing_keys(chain);
    *ret = chain;
    return 0;
}

void sy_dc_chain_close(struct sy_dc_chain *chain)
{
    if (!chain)
        return;
    HASH_CLEAR(hh, chain->by_cid);
    for (uint32_t i = 0; i < chain->message_count; i++)
        sy_dc_message_destroy(chain->messages[i]);
    for (uint32_t i = 0; i < chain->pool_count; i++)
        sy_dc_message_destroy(chain->pool[i]);
    sy_mem_free(chain->messages);
    sy_mem_free(chain->tipsets);
    if (!chain->same)
        sy_dc_state_fini(&chain->post);
    sy_dc_state_fini(&chain->pre);
    sy_dc_journal_close(chain->journal);
    sy_dc_verifier_destroy(chain->verifier);
    sy_fil_key_wipe(&chain->worker);
    sy_fil_key_wipe(&chain->owner);
    sy_mem_free(chain);
}
