#include "tasks/snark/porep_verify.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "tasks/sector/replica.h"
#include "tasks/snark/params_store.h"

/* 4 kinds of 10 sizes. */
#define KEYS_MAX 40

struct key {
    enum sy_circuit_kind kind;
    uint64_t sector_bytes;
    struct sy_groth16_vk vk;
};

struct sy_vk_store {
    char directory[SY_PATH_BYTES];
    pthread_mutex_t lock;
    struct key *keys[KEYS_MAX]; /* guarded by lock; entries stay until destroy */
    unsigned count;
};

int sy_vk_store_create(struct sy_vk_store **ret, const char *directory, struct sy_error *err)
{
    struct sy_vk_store *store = calloc(1, sizeof *store);
    if (!store)
        return sy_fail(err, SY_E_NOMEM, "no memory for the verifying keys");
    if (!directory || !directory[0])
        directory = sy_params_directory();
    int rc = sy_path_format(store->directory, err, "%s", directory);
    if (rc != 0) {
        free(store);
        return rc;
    }
    pthread_mutex_init(&store->lock, NULL);
    *ret = store;
    return 0;
}

void sy_vk_store_destroy(struct sy_vk_store *store)
{
    if (!store)
        return;
    for (unsigned i = 0; i < store->count; i++) {
        sy_groth16_vk_fini(&store->keys[i]->vk);
        free(store->keys[i]);
    }
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static int read_key(const struct sy_vk_store *store, struct key *key, struct sy_error *err)
{
    char path[SY_PATH_BYTES], size[SY_SECTOR_SIZE_TEXT_BYTES];
    int rc = sy_params_store_path(path, store->directory, key->kind, key->sector_bytes,
                                  SY_PARAMS_VK, err);
    if (rc == 0)
        rc = sy_groth16_vk_open(&key->vk, path, err);
    if (rc == -SY_E_NOT_FOUND)
        return sy_fail(err, SY_E_NOT_FOUND,
                       "no verifying key: run sealyard params generate (or fetch) --sector-size %s "
                       "--kind %s --dir %s; missing: %s",
                       sy_sector_size_format(key->sector_bytes, size),
                       sy_circuit_kind_name(key->kind), store->directory, strrchr(path, '/') + 1);
    return rc;
}

static int add_key(struct sy_vk_store *store, enum sy_circuit_kind kind, uint64_t sector_bytes,
                   const struct sy_groth16_vk **ret, struct sy_error *err)
{
    if (store->count == KEYS_MAX)
        return sy_fail(err, SY_E_LIMIT, "more than %d verifying keys", KEYS_MAX);
    struct key *key = calloc(1, sizeof *key);
    if (!key)
        return sy_fail(err, SY_E_NOMEM, "no memory for a verifying key");
    key->kind = kind;
    key->sector_bytes = sector_bytes;
    int rc = read_key(store, key, err);
    if (rc != 0) {
        free(key);
        return rc;
    }
    store->keys[store->count++] = key;
    *ret = &key->vk;
    return 0;
}

int sy_vk_store_get(struct sy_vk_store *store, enum sy_circuit_kind kind, uint64_t sector_bytes,
                    const struct sy_groth16_vk **ret, struct sy_error *err)
{
    int rc = 0;
    bool found = false;
    pthread_mutex_lock(&store->lock);
    for (unsigned i = 0; !found && i < store->count; i++) {
        struct key *key = store->keys[i];
        found = key->kind == kind && key->sector_bytes == sector_bytes;
        if (found)
            *ret = &key->vk;
    }
    if (!found)
        rc = add_key(store, kind, sector_bytes, ret, err);
    pthread_mutex_unlock(&store->lock);
    return rc;
}

int sy_porep_claim_inputs(const struct sy_porep_claim *claim, struct sy_porep_params *ret_params,
                          struct sy_fr **ret_inputs, struct sy_error *err)
{
    struct sy_porep_params params;
    struct sy_vanilla_public public;
    uint8_t prover_id[SY_NODE_BYTES];
    int rc = sy_porep_params_init(&params, claim->proof_type, err);
    if (rc != 0)
        return rc;
    sy_prover_id(claim->miner, prover_id);
    sy_replica_id(prover_id, claim->number, claim->ticket, claim->comm_d, params.porep_id,
                  public.replica_id);
    memcpy(public.comm_d, claim->comm_d, sizeof public.comm_d);
    memcpy(public.comm_r, claim->comm_r, sizeof public.comm_r);
    memcpy(public.seed, claim->seed, sizeof public.seed);
    memcpy(public.ticket, claim->ticket, sizeof public.ticket);
    rc = sy_porep_inputs(&params, &public, ret_inputs, err);
    if (rc == 0)
        *ret_params = params;
    return rc;
}

int sy_porep_verify_seal(struct sy_vk_store *store, const struct sy_porep_claim *claim,
                         const uint8_t *proof, size_t proof_bytes, struct sy_error *err)
{
    const struct sy_groth16_vk *vk;
    struct sy_porep_params params;
    struct sy_fr *inputs = NULL;
    int rc = sy_porep_params_init(&params, claim->proof_type, err);
    if (rc != 0)
        return rc;
    if (proof_bytes != (size_t)params.partitions * SY_PROOF_BYTES)
        return sy_fail(err, SY_E_ARG, "a proof of type %llu has %u bytes, %zu were given",
                       (unsigned long long)claim->proof_type, params.partitions * SY_PROOF_BYTES,
                       proof_bytes);
    rc = sy_vk_store_get(store, SY_CIRCUIT_POREP, params.sector_bytes, &vk, err);
    if (rc == 0)
        rc = sy_porep_claim_inputs(claim, &params, &inputs, err);
    if (rc == 0)
        rc = sy_groth16_verify_batch(vk, proof, inputs, sy_porep_input_count(&params),
                                     params.partitions, err);
    free(inputs);
    return rc;
}
