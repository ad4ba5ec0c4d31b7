#include "ops/devchain/state.h"

#include "common/mem.h"
#include "common/proof.h"

#include <string.h>

#define ROOT_ITEM_BYTES 512
#define GIB (UINT64_C(1) << 30)

static struct sy_bigint fil(uint64_t amount)
{
    struct sy_bigint ret = sy_bigint_from(amount);
    const struct sy_bigint atto = sy_bigint_from(UINT64_C(1000000000000000000));
    SY_ASSERT(sy_bigint_mul(&ret, &ret, &atto));
    return ret;
}

static struct sy_dc_actor *add_actor(struct sy_dc_state *state, uint64_t id, enum sy_dc_kind kind)
{
    struct sy_dc_actor *actor = &state->actors[state->actor_count++];
    SY_ASSERT(state->actor_count <= SY_DC_ACCOUNTS_MAX);
    *actor = (struct sy_dc_actor){.id = id, .kind = kind};
    return actor;
}

/* blake2b-256(CBOR(address) || be64(epoch 0)), first 8 bytes, modulo the period. */
static int64_t period_offset(uint64_t miner)
{
    uint8_t seed[16] = {0}, digest[SY_HASH_BYTES];
    struct sy_fil_address address;
    struct sy_cbor_writer writer;
    uint64_t head = 0;
    sy_fil_address_id(miner, &address);
    sy_cbor_writer_init(&writer, seed, sizeof(seed));
    sy_fil_address_put(&writer, &address);
    sy_fil_hash(seed, writer.bytes + 8, digest);
    for (int i = 0; i < 8; i++)
        head = head << 8 | digest[i];
    return (int64_t)(head % SY_DC_PERIOD);
}

static uint64_t partition_sectors(uint64_t sector_bytes)
{
    if (sector_bytes == 32 * GIB)
        return 2349;
    return sector_bytes == 64 * GIB ? 2300 : SY_DC_PARTITION_SECTORS_SMALL;
}

int sy_dc_state_genesis(struct sy_dc_state *ret, const struct sy_dc_genesis *genesis,
                        const struct sy_fil_address *worker, const struct sy_fil_address *owner,
                        struct sy_error *err)
{
    static const uint64_t system_actors[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, SY_DC_BURN};
    struct sy_dc_actor *actor;
    *ret = (struct sy_dc_state){0};
    for (size_t i = 0; i < SY_ARRAY_SIZE(system_actors); i++)
        add_actor(ret, system_actors[i], SY_DC_SYSTEM);
    actor = add_actor(ret, SY_DC_FIRST_ACCOUNT, SY_DC_ACCOUNT);
    actor->key = *worker;
    actor->balance = fil((uint64_t)genesis->prefund_fil);
    actor = add_actor(ret, SY_DC_FIRST_ACCOUNT + 1, SY_DC_ACCOUNT);
    actor->key = *owner;
    actor->balance = fil((uint64_t)genesis->prefund_fil);
    for (uint32_t i = 0; i < genesis->miner_count; i++) {
        const struct sy_proof *proof;
        int rc = sy_proof_find(&proof, genesis->seal_proofs[i], err);
        if (rc < 0)
            return rc;
        add_actor(ret, SY_DC_FIRST_MINER + i, SY_DC_MINER);
        ret->miners[ret->miner_count++] = (struct sy_dc_miner){
            .id = SY_DC_FIRST_MINER + i,
            .worker = SY_DC_FIRST_ACCOUNT,
            .owner = SY_DC_FIRST_ACCOUNT + 1,
            .seal_proof = proof->id,
            .sector_bytes = proof->sector_bytes,
            .partition_sectors = partition_sectors(proof->sector_bytes),
            .period_offset = period_offset(SY_DC_FIRST_MINER + i),
        };
    }
    return 0;
}

void sy_dc_state_fini(struct sy_dc_state *state)
{
    for (uint32_t i = 0; i < state->miner_count; i++) {
        sy_mem_free(state->miners[i].numbers);
        sy_mem_free(state->miners[i].precommits);
        sy_mem_free(state->miners[i].sectors);
    }
    *state = (struct sy_dc_state){0};
}

static bool copy_array(void **array, uint32_t count, size_t item_bytes)
{
    const void *from = *array;
    *array = NULL;
    if (count == 0)
        return true;
    *array = sy_mem_dup(from, count * item_bytes);
    return *array != NULL;
}

int sy_dc_state_copy(struct sy_dc_state *ret, const struct sy_dc_state *from, struct sy_error *err)
{
    bool ok = true;
    struct sy_dc_state copy = *from;
    for (uint32_t i = 0; i < copy.miner_count; i++) {
        struct sy_dc_miner *miner = &copy.miners[i];
        void *array = miner->numbers;
        ok &= copy_array(&array, miner->number_count, sizeof(*miner->numbers));
        miner->numbers = array;
        array = miner->precommits;
        ok &= copy_array(&array, miner->precommit_count, sizeof(*miner->precommits));
        miner->precommits = array;
        array = miner->sectors;
        ok &= copy_array(&array, miner->sector_count, sizeof(*miner->sectors));
        miner->sectors = array;
    }
    if (!ok) {
        sy_dc_state_fini(&copy);
        return sy_fail(err, SY_E_NOMEM, "no memory for a copy of the state");
    }
    *ret = copy;
    return 0;
}

struct sy_dc_actor *sy_dc_actor_get(struct sy_dc_state *state, uint64_t id)
{
    for (uint32_t i = 0; i < state->actor_count; i++) {
        if (state->actors[i].id == id)
            return &state->actors[i];
    }
    return NULL;
}

struct sy_dc_actor *sy_dc_actor_find(struct sy_dc_state *state,
                                     const struct sy_fil_address *address)
{
    uint64_t id;
    if (sy_fil_address_get_id(address, &id))
        return sy_dc_actor_get(state, id);
    for (uint32_t i = 0; i < state->actor_count; i++) {
        if (state->actors[i].key.bytes && sy_fil_address_equal(&state->actors[i].key, address))
            return &state->actors[i];
    }
    return NULL;
}

struct sy_dc_miner *sy_dc_miner_get(struct sy_dc_state *state, uint64_t id)
{
    for (uint32_t i = 0; i < state->miner_count; i++) {
        if (state->miners[i].id == id)
            return &state->miners[i];
    }
    return NULL;
}

/* First index whose number is >= number. The number is the first member of both structs. */
static uint32_t lower_bound(const void *items, uint32_t count, size_t item_bytes, uint64_t number)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t found;
        memcpy(&found, (const uint8_t *)items + middle * item_bytes, sizeof(found));
        if (found < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert_at(void **array, uint32_t *count, size_t item_bytes, uint32_t at,
                     const void *item, struct sy_error *err)
{
    uint8_t *items = sy_mem_resize(*array, (*count + 1) * item_bytes);
    if (!items)
        return sy_fail(err, SY_E_NOMEM, "no memory for the state");
    *array = items;
    memmove(items + (at + 1) * item_bytes, items + at * item_bytes, (*count - at) * item_bytes);
    memcpy(items + at * item_bytes, item, item_bytes);
    (*count)++;
    return 0;
}

struct sy_dc_precommit *sy_dc_precommit_get(const struct sy_dc_miner *miner, uint64_t number)
{
    uint32_t at =
        lower_bound(miner->precommits, miner->precommit_count, sizeof(*miner->precommits), number);
    if (at == miner->precommit_count || miner->precommits[at].number != number)
        return NULL;
    return &miner->precommits[at];
}

struct sy_dc_sector *sy_dc_sector_get(const struct sy_dc_miner *miner, uint64_t number)
{
    uint32_t at = lower_bound(miner->sectors, miner->sector_count, sizeof(*miner->sectors), number);
    if (at == miner->sector_count || miner->sectors[at].number != number)
        return NULL;
    return &miner->sectors[at];
}

int sy_dc_miner_use_number(struct sy_dc_miner *miner, uint64_t number, struct sy_error *err)
{
    struct sy_rle_range one = {.start = number, .count = 1};
    struct sy_rle_range *before, *after;
    void *array = miner->numbers;
    uint32_t at = lower_bound(miner->numbers, miner->number_count, sizeof(*miner->numbers), number);
    int rc;
    before = at > 0 ? &miner->numbers[at - 1] : NULL;
    after = at < miner->number_count ? &miner->numbers[at] : NULL;
    if (before && before->start + before->count == number) {
        before->count++;
        if (after && after->start == number + 1) {
            before->count += after->count;
            memmove(after, after + 1, (miner->number_count - at - 1) * sizeof(*after));
            miner->number_count--;
        }
        return 0;
    }
    if (after && after->start == number + 1) {
        after->start--;
        after->count++;
        return 0;
    }
    if (miner->number_count == SY_DC_NUMBERS_MAX)
        return sy_fail(err, SY_E_LIMIT, "more than %d ranges of sector numbers", SY_DC_NUMBERS_MAX);
    rc = insert_at(&array, &miner->number_count, sizeof(one), at, &one, err);
    miner->numbers = array;
    return rc;
}

int sy_dc_miner_add_precommit(struct sy_dc_miner *miner, const struct sy_dc_precommit *precommit,
                              struct sy_error *err)
{
    void *array = miner->precommits;
    uint32_t at = lower_bound(miner->precommits, miner->precommit_count, sizeof(*precommit),
                              precommit->number);
    int rc = insert_at(&array, &miner->precommit_count, sizeof(*precommit), at, precommit, err);
    miner->precommits = array;
    return rc;
}

void sy_dc_miner_remove_precommit(struct sy_dc_miner *miner, uint64_t number)
{
    struct sy_dc_precommit *precommit = sy_dc_precommit_get(miner, number);
    size_t at;
    if (!precommit)
        return;
    at = (size_t)(precommit - miner->precommits);
    memmove(precommit, precommit + 1, (miner->precommit_count - at - 1) * sizeof(*precommit));
    miner->precommit_count--;
}

void sy_dc_miner_deadline(const struct sy_dc_miner *miner, int64_t epoch,
                          struct sy_dc_deadline *ret)
{
    int64_t into = (epoch - miner->period_offset) % SY_DC_PERIOD;
    if (into < 0)
        into += SY_DC_PERIOD;
    ret->period_start = epoch - into;
    ret->index = (uint32_t)(into / SY_DC_WINDOW);
    ret->open = ret->period_start + ret->index * SY_DC_WINDOW;
    ret->close = ret->open + SY_DC_WINDOW;
    ret->challenge = ret->open - SY_DC_CHALLENGE_LOOKBACK;
    ret->cutoff = ret->open - SY_DC_FAULT_CUTOFF;
}

int sy_dc_miner_add_sector(struct sy_dc_miner *miner, const struct sy_dc_sector *sector,
                           int64_t epoch, struct sy_error *err)
{
    struct sy_dc_sector placed = *sector;
    struct sy_dc_deadline now;
    uint32_t best = SY_DC_DEADLINES, at;
    void *array = miner->sectors;
    int rc;
    sy_dc_miner_deadline(miner, epoch, &now);
    for (uint32_t i = 0; i < SY_DC_DEADLINES; i++) {
        /* the open deadline and the next one are immutable */
        if (i == now.index || i == (now.index + 1) % SY_DC_DEADLINES)
            continue;
        if (best == SY_DC_DEADLINES || miner->deadline_sectors[i] < miner->deadline_sectors[best])
            best = i;
    }
    placed.deadline = best;
    placed.partition = (uint32_t)(miner->deadline_sectors[best] / miner->partition_sectors);
    at = lower_bound(miner->sectors, miner->sector_count, sizeof(placed), placed.number);
    rc = insert_at(&array, &miner->sector_count, sizeof(placed), at, &placed, err);
    miner->sectors = array;
    if (rc == 0)
        miner->deadline_sectors[best]++;
    return rc;
}

struct sy_bigint sy_dc_miner_available(struct sy_dc_state *state, const struct sy_dc_miner *miner)
{
    struct sy_bigint free = sy_dc_actor_get(state, miner->id)->balance;
    SY_ASSERT(sy_bigint_sub(&free, &free, &miner->deposits));
    SY_ASSERT(sy_bigint_sub(&free, &free, &miner->pledge));
    return free.negative ? sy_bigint_from(0) : free;
}

/* ---------------------------------------------------------------- root ---------------------- */

static void put_sectors(struct sy_cbor_writer *writer, const struct sy_dc_miner *miner)
{
    sy_cbor_put_array(writer, miner->precommit_count);
    for (uint32_t i = 0; i < miner->precommit_count; i++) {
        const struct sy_dc_precommit *precommit = &miner->precommits[i];
        sy_cbor_put_array(writer, 7);
        sy_cbor_put_u64(writer, precommit->number);
        sy_cbor_put_u64(writer, precommit->seal_proof);
        sy_cbor_put_bytes(writer, precommit->sealed, 32);
        sy_cbor_put_bytes(writer, precommit->unsealed, precommit->has_unsealed ? 32 : 0);
        sy_cbor_put_i64(writer, precommit->epoch);
        sy_cbor_put_i64(writer, precommit->expiration);
        sy_bigint_put(writer, &precommit->deposit);
    }
    sy_cbor_put_array(writer, miner->sector_count);
    for (uint32_t i = 0; i < miner->sector_count; i++) {
        const struct sy_dc_sector *sector = &miner->sectors[i];
        sy_cbor_put_array(writer, 6);
        sy_cbor_put_u64(writer, sector->number);
        sy_cbor_put_u64(writer, sector->seal_proof);
        sy_cbor_put_bytes(writer, sector->sealed, 32);
        sy_cbor_put_i64(writer, sector->activation);
        sy_cbor_put_i64(writer, sector->expiration);
        sy_bigint_put(writer, &sector->pledge);
    }
}

int sy_dc_state_root(const struct sy_dc_state *state, struct sy_fil_cid *ret, struct sy_error *err)
{
    struct sy_cbor_writer writer;
    size_t items = state->actor_count + state->miner_count, bytes;
    void *buffer;
    int rc;
    for (uint32_t i = 0; i < state->miner_count; i++)
        items += state->miners[i].number_count + state->miners[i].precommit_count +
                 state->miners[i].sector_count;
    buffer = sy_mem_alloc(items * ROOT_ITEM_BYTES);
    if (!buffer)
        return sy_fail(err, SY_E_NOMEM, "no memory for the state root");
    sy_cbor_writer_init(&writer, buffer, items * ROOT_ITEM_BYTES);
    for (uint32_t i = 0; i < state->actor_count; i++) {
        sy_cbor_put_u64(&writer, state->actors[i].id);
        sy_cbor_put_u64(&writer, state->actors[i].nonce);
        sy_bigint_put(&writer, &state->actors[i].balance);
    }
    for (uint32_t i = 0; i < state->miner_count; i++) {
        const struct sy_dc_miner *miner = &state->miners[i];
        for (uint32_t k = 0; k < miner->number_count; k++) {
            sy_cbor_put_u64(&writer, miner->numbers[k].start);
            sy_cbor_put_u64(&writer, miner->numbers[k].count);
        }
        put_sectors(&writer, miner);
    }
    rc = sy_cbor_writer_finish(&writer, "state", &bytes, err);
    if (rc == 0)
        sy_fil_cid_of(buffer, bytes, ret);
    sy_mem_free(buffer);
    return rc;
}
