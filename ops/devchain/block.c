#include "ops/devchain/block.h"

#include "common/fil/randomness.h"
#include "common/log.h"
#include "common/mem.h"
#include "ops/devchain/money.h"
#include "ops/devchain/verifier.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_FIELDS 7
#define RECEIPT_BYTES 64
#define ARRAY_GROWTH_MIN 64

/* ---------------------------------------------------------------- the actors' world --------- */

static int world_draw(void *self, bool beacon, int64_t tag, int64_t epoch, uint64_t miner,
                      uint8_t ret[32], struct sy_error *err)
{
    uint8_t entropy[SY_FIL_ENTROPY_BYTES];
    size_t bytes = sy_fil_miner_entropy(miner, entropy);
    return sy_dc_chain_draw(self, beacon, tag, epoch, entropy, bytes, ret, err);
}

/* One key for everything that the verdict depends on: the proof's form and hash, then each claim
 * hashed in. */
static void job_key(const struct sy_dc_proof_job *job, uint8_t ret[32])
{
    uint8_t input[3 * 8 + 4 * 32 + 32];
    input[0] = job->aggregate;
    sy_fil_hash(job->proof, job->proof_bytes, input + 1);
    sy_fil_hash(input, 1 + 32, ret);
    for (size_t i = 0; i < job->sectors; i++) {
        const struct sy_porep_claim *claim = &job->claims[i];
        memcpy(input, &claim->miner, 8);
        memcpy(input + 8, &claim->number, 8);
        memcpy(input + 16, &claim->proof_type, 8);
        memcpy(input + 24, claim->comm_d, 32);
        memcpy(input + 56, claim->comm_r, 32);
        memcpy(input + 88, claim->ticket, 32);
        memcpy(input + 120, claim->seed, 32);
        memcpy(input + 152, ret, 32);
        sy_fil_hash(input, sizeof(input), ret);
    }
}

static bool verify_now(struct sy_dc_chain *chain, const struct sy_dc_proof_job *job,
                       struct sy_error *err)
{
    uint8_t key[32];
    job_key(job, key);
    for (uint32_t i = 0; i < SY_MIN(chain->proven_count, (uint32_t)SY_DC_PROVEN_MAX); i++) {
        if (memcmp(chain->proven[i], key, 32) == 0)
            return true;
    }
    if (!sy_dc_verifier_check(chain->verifier, job, err))
        return false;
    memcpy(chain->proven[chain->proven_count++ % SY_DC_PROVEN_MAX], key, 32);
    return true;
}

static bool verify_call(void *self, const struct sy_dc_proof_job *job, struct sy_error *err)
{
    return verify_now(self, job, err);
}

/* In a block: the verdict is remembered, or taken from the record. */
static bool verify_block(void *self, const struct sy_dc_proof_job *job, struct sy_error *err)
{
    struct sy_dc_chain *chain = self;
    bool holds;
    if (chain->replaying) {
        holds = chain->verdict_next < chain->verdict_count && chain->verdicts[chain->verdict_next];
        chain->verdict_next++;
        if (!holds)
            sy_fail(err, SY_E_MISMATCH, "the proof was refused when the block was made");
        return holds;
    }
    if (chain->verdict_count == SY_DC_VERDICTS_MAX) {
        sy_fail(err, SY_E_LIMIT, "more than %d proofs in a block", SY_DC_VERDICTS_MAX);
        return false;
    }
    holds = verify_now(chain, job, err);
    chain->verdicts[chain->verdict_count++] = holds;
    return holds;
}

static struct sy_dc_world make_world(struct sy_dc_chain *chain, int64_t epoch, uint64_t base_fee,
                                     bool in_block)
{
    return (struct sy_dc_world){.genesis = &chain->config.genesis,
                                .epoch = epoch,
                                .base_fee = base_fee,
                                .self = chain,
                                .draw = world_draw,
                                .verify = in_block ? verify_block : verify_call};
}

/* ---------------------------------------------------------------- execution ----------------- */

static bool cron_due(const struct sy_dc_chain *chain, int64_t epoch)
{
    for (uint32_t i = 0; i < chain->pre.miner_count; i++) {
        for (uint32_t k = 0; k < chain->pre.miners[i].precommit_count; k++) {
            if (epoch >
                chain->pre.miners[i].precommits[k].epoch + chain->config.genesis.prove_duration)
                return true;
        }
    }
    return false;
}

static int execute(struct sy_dc_chain *chain, struct sy_dc_message *message,
                   const struct sy_dc_world *world, struct sy_error *err)
{
    struct sy_dc_receipt *receipt = sy_mem_alloc(sizeof(*receipt));
    int rc;
    if (!receipt)
        return sy_fail(err, SY_E_NOMEM, "no memory for a receipt");
    rc = sy_dc_execute(&chain->post, world, &message->message.message, message->size, true, receipt,
                       err);
    message->exit_code = receipt->exit_code;
    message->gas_used = receipt->gas_used;
    memcpy(message->error, receipt->error, sizeof(message->error));
    if (rc == 0 && receipt->return_bytes) {
        message->returned = sy_mem_dup(receipt->returned, receipt->return_bytes);
        message->return_bytes = receipt->return_bytes;
        if (!message->returned)
            rc = sy_fail(err, SY_E_NOMEM, "no memory for a receipt");
    }
    sy_mem_free(receipt);
    return rc;
}

static int set_receipts(struct sy_dc_chain *chain, const struct sy_dc_tipset *tipset,
                        struct sy_error *err)
{
    struct sy_cbor_writer writer;
    size_t capacity = RECEIPT_BYTES, bytes;
    uint8_t *buffer;
    int rc;
    for (uint32_t i = 0; i < tipset->message_count; i++)
        capacity += RECEIPT_BYTES + chain->messages[tipset->message_first + i]->return_bytes;
    buffer = sy_mem_alloc(capacity);
    if (!buffer)
        return sy_fail(err, SY_E_NOMEM, "no memory for receipts");
    sy_cbor_writer_init(&writer, buffer, capacity);
    sy_cbor_put_array(&writer, tipset->message_count);
    for (uint32_t i = 0; i < tipset->message_count; i++) {
        const struct sy_dc_message *message = chain->messages[tipset->message_first + i];
        sy_cbor_put_array(&writer, 4);
        sy_cbor_put_u64(&writer, message->exit_code);
        sy_cbor_put_bytes(&writer, message->returned, message->return_bytes);
        sy_cbor_put_i64(&writer, message->gas_used);
        sy_cbor_put_null(&writer);
    }
    rc = sy_cbor_writer_finish(&writer, "receipts", &bytes, err);
    if (rc == 0)
        sy_fil_cid_of(buffer, bytes, &chain->head_receipts);
    sy_mem_free(buffer);
    return rc;
}

/* The head's messages on a copy of what the parent left. */
static int advance_state(struct sy_dc_chain *chain, const struct sy_dc_tipset *tipset,
                         struct sy_error *err)
{
    struct sy_dc_world world = make_world(chain, tipset->height, tipset->base_fee, true);
    int rc = 0;
    if (!chain->same) {
        sy_dc_state_fini(&chain->pre);
        chain->pre = chain->post;
        chain->post = (struct sy_dc_state){0};
    }
    chain->same = tipset->message_count == 0 && !cron_due(chain, tipset->height);
    if (!chain->same) {
        rc = sy_dc_state_copy(&chain->post, &chain->pre, err);
        if (rc < 0)
            return rc;
        sy_dc_cron(&chain->post, &chain->config.genesis, tipset->height);
        for (uint32_t i = 0; rc == 0 && i < tipset->message_count; i++)
            rc = execute(chain, chain->messages[tipset->message_first + i], &world, err);
        if (rc == 0)
            rc = sy_dc_state_root(&chain->post, &chain->post_root, err);
    }
    if (rc == 0)
        rc = set_receipts(chain, tipset, err);
    return rc;
}

/* ---------------------------------------------------------------- one block ----------------- */

static int reserve(void **array, uint32_t count, uint32_t more, uint32_t *capacity,
                   size_t item_bytes, struct sy_error *err)
{
    uint32_t wanted = SY_MAX(2 * *capacity, (uint32_t)ARRAY_GROWTH_MIN);
    void *bigger;
    if (count + more <= *capacity)
        return 0;
    wanted = SY_MAX(wanted, count + more);
    bigger = sy_mem_resize(*array, wanted * item_bytes);
    if (!bigger)
        return sy_fail(err, SY_E_NOMEM, "no memory for the chain");
    *array = bigger;
    *capacity = wanted;
    return 0;
}

static uint64_t next_base_fee(const struct sy_dc_chain *chain, const struct sy_dc_tipset *parent)
{
    struct sy_dc_bid bids[SY_DC_BLOCK_MESSAGES_MAX];
    for (uint32_t i = 0; i < parent->message_count; i++) {
        const struct sy_fil_message *message =
            &chain->messages[parent->message_first + i]->message.message;
        uint64_t cap = UINT64_MAX, premium = UINT64_MAX;
        sy_bigint_to_u64(&message->gas_fee_cap, &cap);
        sy_bigint_to_u64(&message->gas_premium, &premium);
        bids[i].premium = sy_dc_effective_premium(parent->base_fee, cap, premium);
        bids[i].gas_limit = (uint64_t)message->gas_limit;
    }
    return sy_dc_base_fee_next(parent->base_fee,
                               sy_dc_premium_percentile(bids, parent->message_count));
}

static void hash_messages(struct sy_dc_message **messages, uint32_t count, uint8_t ret[32])
{
    uint8_t buffer[16 + SY_DC_BLOCK_MESSAGES_MAX * 48];
    struct sy_cbor_writer writer;
    sy_cbor_writer_init(&writer, buffer, sizeof(buffer));
    sy_cbor_put_array(&writer, count);
    for (uint32_t i = 0; i < count; i++) {
        struct sy_fil_cid cid;
        sy_dc_chain_cid(messages[i]->cid, &cid);
        sy_fil_cid_put(&writer, &cid);
    }
    SY_ASSERT(!writer.overflow);
    sy_fil_hash(buffer, writer.bytes, ret);
}

static void next_ticket(const struct sy_dc_chain *chain, int64_t height, uint8_t ret[32])
{
    static const char name[16] = "sealyard ticket";
    uint8_t input[16 + 32 + 8];
    memcpy(input, name, 16);
    memcpy(input + 16, chain->tipset_count ? sy_dc_chain_head(chain)->ticket : chain->seed, 32);
    for (int i = 0; i < 8; i++)
        input[48 + i] = (uint8_t)((uint64_t)height >> (56 - 8 * i));
    sy_fil_hash(input, sizeof(input), ret);
}

/* Signature and CID of the tipset at `index`, whose other fields are set. */
static int seal_header(struct sy_dc_chain *chain, uint32_t index, const uint8_t *signature,
                       struct sy_error *err)
{
    struct sy_dc_tipset *tipset = &chain->tipsets[index];
    struct sy_dc_header_scratch scratch;
    struct sy_dc_header header;
    uint8_t buffer[SY_DC_HEADER_BYTES];
    size_t bytes;
    int rc;
    sy_dc_chain_header(chain, index, &scratch, &header);
    if (signature) {
        memcpy(header.signature.data, signature, SY_FIL_SECP_SIGNATURE_BYTES);
    } else {
        header.has_signature = false;
        rc = sy_dc_header_encode(&header, buffer, sizeof(buffer), &bytes, err);
        if (rc == 0)
            rc = sy_fil_key_sign(&chain->worker, buffer, bytes, &header.signature, err);
        if (rc < 0)
            return rc;
        header.has_signature = true;
    }
    memcpy(tipset->signature, header.signature.data, SY_FIL_SECP_SIGNATURE_BYTES);
    rc = sy_dc_header_encode(&header, buffer, sizeof(buffer), &bytes, err);
    if (rc == 0)
        sy_fil_hash(buffer, bytes, tipset->cid);
    return rc;
}

int sy_dc_block_apply(struct sy_dc_chain *chain, int64_t height, int64_t timestamp_s,
                      struct sy_dc_message **messages, uint32_t count, const uint8_t *signature,
                      struct sy_error *err)
{
    struct sy_dc_tipset tipset = {.height = height,
                                  .timestamp_s = timestamp_s,
                                  .weight = chain->tipset_count,
                                  .base_fee = SY_DC_BASE_FEE_MIN,
                                  .message_first = chain->message_count,
                                  .message_count = count};
    void *tipsets = chain->tipsets, *list = chain->messages;
    int rc =
        reserve(&tipsets, chain->tipset_count, 1, &chain->tipset_capacity, sizeof(tipset), err);
    chain->tipsets = tipsets;
    if (rc == 0)
        rc = reserve(&list, chain->message_count, count, &chain->message_capacity,
                     sizeof(*chain->messages), err);
    chain->messages = list;
    if (rc < 0)
        return rc;
    if (chain->tipset_count)
        tipset.base_fee = next_base_fee(chain, sy_dc_chain_head(chain));
    next_ticket(chain, height, tipset.ticket);
    memcpy(tipset.state_root, chain->post_root.data + chain->post_root.bytes - 32, 32);
    memcpy(tipset.receipts, chain->head_receipts.data + chain->head_receipts.bytes - 32, 32);
    hash_messages(messages, count, tipset.messages);
    for (uint32_t i = 0; i < count; i++) {
        struct sy_dc_actor *actor =
            sy_dc_actor_find(sy_dc_chain_post(chain), &messages[i]->message.message.from);
        messages[i]->from = actor ? actor->id : 0;
        messages[i]->tipset = chain->tipset_count;
        chain->messages[chain->message_count++] = messages[i];
        HASH_ADD(hh, chain->by_cid, cid, sizeof(messages[i]->cid), messages[i]);
    }
    chain->tipsets[chain->tipset_count++] = tipset;
    rc = seal_header(chain, chain->tipset_count - 1, signature, err);
    if (rc == 0)
        rc = advance_state(chain, sy_dc_chain_head(chain), err);
    return rc;
}

int sy_dc_block_write(struct sy_dc_chain *chain, struct sy_error *err)
{
    const struct sy_dc_tipset *head = sy_dc_chain_head(chain);
    size_t capacity = 512 + chain->verdict_count, bytes = 0;
    struct sy_cbor_writer writer;
    uint8_t *buffer;
    int rc;
    for (uint32_t i = 0; i < head->message_count; i++)
        capacity += chain->messages[head->message_first + i]->size + 16u;
    buffer = sy_mem_alloc(capacity);
    if (!buffer)
        return sy_fail(err, SY_E_NOMEM, "no memory for a record");
    sy_cbor_writer_init(&writer, buffer, capacity);
    sy_cbor_put_array(&writer, BLOCK_FIELDS);
    sy_cbor_put_u64(&writer, SY_DC_RECORD_BLOCK);
    sy_cbor_put_i64(&writer, head->height);
    sy_cbor_put_i64(&writer, head->timestamp_s);
    sy_cbor_put_bytes(&writer, head->cid, 32);
    sy_cbor_put_bytes(&writer, head->signature, sizeof(head->signature));
    sy_cbor_put_array(&writer, head->message_count);
    for (uint32_t i = 0; i < head->message_count; i++)
        sy_cbor_put_bytes(&writer, chain->messages[head->message_first + i]->bytes,
                          chain->messages[head->message_first + i]->size);
    sy_cbor_put_bytes(&writer, chain->verdicts, chain->verdict_count);
    rc = sy_cbor_writer_finish(&writer, "block record", &bytes, err);
    if (rc == 0)
        rc = sy_dc_journal_append(chain->journal, buffer, bytes, err);
    sy_mem_free(buffer);
    return rc;
}

static int read_messages(struct sy_cbor_reader *reader, struct sy_dc_message **messages,
                         uint32_t *count, struct sy_error *err)
{
    uint64_t total = 0;
    int rc = sy_cbor_get_array(reader, SY_DC_BLOCK_MESSAGES_MAX, &total, err);
    for (uint64_t i = 0; rc == 0 && i < total; i++) {
        const uint8_t *data = NULL;
        size_t bytes = 0;
        rc = sy_cbor_get_bytes(reader, SY_FIL_MESSAGE_BYTES_MAX, &data, &bytes, err);
        if (rc == 0)
            rc = sy_dc_message_create(&messages[*count], data, bytes, err);
        if (rc == 0)
            (*count)++;
    }
    return rc;
}

int sy_dc_block_replay(struct sy_dc_chain *chain, struct sy_cbor_reader *reader,
                       struct sy_error *err)
{
    struct sy_dc_message *messages[SY_DC_BLOCK_MESSAGES_MAX];
    const uint8_t *cid = NULL, *signature = NULL, *verdicts = NULL;
    size_t cid_bytes = 0, signature_bytes = 0, verdict_bytes = 0;
    int64_t height = 0, timestamp = 0;
    uint32_t count = 0;
    int rc = sy_cbor_get_i64(reader, &height, err);
    if (rc == 0)
        rc = sy_cbor_get_i64(reader, &timestamp, err);
    if (rc == 0)
        rc = sy_cbor_get_bytes(reader, 32, &cid, &cid_bytes, err);
    if (rc == 0)
        rc = sy_cbor_get_bytes(reader, SY_FIL_SECP_SIGNATURE_BYTES, &signature, &signature_bytes,
                               err);
    if (rc == 0)
        rc = read_messages(reader, messages, &count, err);
    if (rc == 0)
        rc = sy_cbor_get_bytes(reader, SY_DC_VERDICTS_MAX, &verdicts, &verdict_bytes, err);
    if (rc == 0 && (cid_bytes != 32 || signature_bytes != SY_FIL_SECP_SIGNATURE_BYTES))
        rc = sy_fail(err, SY_E_CORRUPT, "block record with a wrong CID or signature length");
    if (rc < 0) {
        while (count)
            sy_dc_message_destroy(messages[--count]);
        return rc;
    }
    chain->verdict_count = (uint32_t)verdict_bytes;
    chain->verdict_next = 0;
    for (uint32_t i = 0; i < chain->verdict_count; i++)
        chain->verdicts[i] = verdicts[i] != 0;
    rc = sy_dc_block_apply(chain, height, timestamp, messages, count, signature, err);
    if (rc == 0 && memcmp(sy_dc_chain_head(chain)->cid, cid, 32) != 0)
        rc = sy_fail(err, SY_E_MISMATCH,
                     "block %lld does not come out as it was written: the journal is of another "
                     "version of this program",
                     (long long)height);
    if (rc == 0 && chain->verdict_next != chain->verdict_count)
        rc = sy_fail(err, SY_E_CORRUPT, "block %lld has %u verdicts, %u were used",
                     (long long)height, chain->verdict_count, chain->verdict_next);
    return rc;
}

int sy_dc_chain_step(struct sy_dc_chain *chain, int64_t now_s, struct sy_error *err)
{
    struct sy_dc_message *messages[SY_DC_BLOCK_MESSAGES_MAX];
    const struct sy_dc_tipset *head = sy_dc_chain_head(chain);
    int64_t every = chain->config.genesis.null_every;
    uint32_t count;
    int rc;
    SY_ASSERT(!chain->failed);
    chain->epoch++;
    if (every && chain->epoch % every == 0)
        return 0;
    chain->verdict_count = 0;
    count = sy_dc_pool_select(chain, next_base_fee(chain, head), messages);
    rc = sy_dc_block_apply(chain, chain->epoch, SY_MAX(now_s, head->timestamp_s), messages, count,
                           NULL, err);
    if (rc == 0)
        rc = sy_dc_block_write(chain, err);
    if (rc < 0) {
        chain->failed = true;
        return rc;
    }
    sy_dc_pool_prune(chain);
    for (uint32_t i = 0; i < count; i++) {
        if (messages[i]->exit_code || messages[i]->error[0])
            SY_INFO("devchain", "message", "height=%lld nonce=%llu exit=%u error=\"%s\"",
                    (long long)chain->epoch, (unsigned long long)messages[i]->message.message.nonce,
                    messages[i]->exit_code, messages[i]->error);
    }
    return 0;
}

int sy_dc_chain_call(struct sy_dc_chain *chain, const struct sy_fil_message *message, bool pending,
                     struct sy_dc_receipt *ret, struct sy_error *err)
{
    const struct sy_dc_tipset *head = sy_dc_chain_head(chain);
    struct sy_dc_world world =
        make_world(chain, head->height + (pending ? 1 : 0), head->base_fee, false);
    const struct sy_dc_actor *actor = sy_dc_actor_find(sy_dc_chain_post(chain), &message->from);
    uint8_t buffer[SY_FIL_MESSAGE_BYTES_MAX];
    struct sy_dc_state state;
    size_t bytes;
    int rc = sy_fil_message_encode(message, buffer, sizeof(buffer), &bytes, err);
    if (rc == 0)
        rc = sy_dc_state_copy(&state, sy_dc_chain_post(chain), err);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; rc == 0 && pending && actor && i < chain->pool_count; i++) {
        const struct sy_dc_message *before = chain->pool[i];
        if (before->from == actor->id)
            rc = sy_dc_execute(&state, &world, &before->message.message, before->size, true, ret,
                               err);
    }
    /* the signature that will come adds a head and 66 bytes */
    if (rc == 0)
        rc = sy_dc_execute(&state, &world, message, bytes + 69, false, ret, err);
    sy_dc_state_fini(&state);
    return rc;
}
