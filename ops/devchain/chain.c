#include "ops/devchain/chain.h"

#include "common/fil/randomness.h"
#include "common/mem.h"

#include <string.h>

#define CID_PREFIX_BYTES 6

const struct sy_dc_tipset *sy_dc_chain_head(const struct sy_dc_chain *chain)
{
    return &chain->tipsets[chain->tipset_count - 1];
}

struct sy_dc_state *sy_dc_chain_post(struct sy_dc_chain *chain)
{
    return chain->same ? &chain->pre : &chain->post;
}

void sy_dc_chain_cid(const uint8_t digest[32], struct sy_fil_cid *ret)
{
    static const uint8_t prefix[CID_PREFIX_BYTES] = {0x01, 0x71, 0xa0, 0xe4, 0x02, 0x20};
    *ret = (struct sy_fil_cid){.bytes = SY_FIL_CHAIN_CID_BYTES};
    memcpy(ret->data, prefix, sizeof(prefix));
    memcpy(ret->data + sizeof(prefix), digest, 32);
}

bool sy_dc_chain_at(const struct sy_dc_chain *chain, int64_t height, bool next, uint32_t *ret_index)
{
    uint32_t low = 0, high = chain->tipset_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chain->tipsets[middle].height < height)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == chain->tipset_count || height < 0)
        return false;
    if (chain->tipsets[low].height > height && !next)
        low--;
    *ret_index = low;
    return true;
}

bool sy_dc_chain_find(const struct sy_dc_chain *chain, const struct sy_fil_cid *cid,
                      uint32_t *ret_index)
{
    struct sy_fil_cid chain_cid;
    for (uint32_t i = chain->tipset_count; i-- > 0;) {
        sy_dc_chain_cid(chain->tipsets[i].cid, &chain_cid);
        if (sy_fil_cid_equal(&chain_cid, cid)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static void put_be64(uint8_t raw[8], uint64_t value)
{
    for (int i = 0; i < 8; i++)
        raw[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* Entry of round epoch + 1: one round per epoch. */
void sy_dc_chain_beacon(const struct sy_dc_chain *chain, int64_t epoch,
                        uint8_t ret[SY_DC_BEACON_BYTES])
{
    static const char name[16] = "sealyard beacon";
    uint8_t input[16 + 32 + 8];
    memcpy(input, name, 16);
    memcpy(input + 16, chain->seed, 32);
    put_be64(input + 48, (uint64_t)epoch + 1);
    sy_fil_blake2b(input, sizeof(input), ret, SY_DC_BEACON_BYTES);
}

int sy_dc_chain_draw(const struct sy_dc_chain *chain, bool beacon, int64_t tag, int64_t epoch,
                     const void *entropy, size_t entropy_bytes, uint8_t ret[32],
                     struct sy_error *err)
{
    uint8_t data[SY_DC_BEACON_BYTES];
    uint32_t index;
    if (!sy_dc_chain_at(chain, epoch, true, &index))
        return sy_fail(err, SY_E_RANGE,
                       "cannot draw randomness from the future: epoch %lld, head %lld",
                       (long long)epoch, (long long)sy_dc_chain_head(chain)->height);
    if (beacon) {
        sy_dc_chain_beacon(chain, epoch, data);
        sy_fil_draw(data, sizeof(data), tag, epoch, entropy, entropy_bytes, ret);
    } else {
        sy_fil_draw(chain->tipsets[index].ticket, 32, tag, epoch, entropy, entropy_bytes, ret);
    }
    return 0;
}

void sy_dc_chain_header(const struct sy_dc_chain *chain, uint32_t index,
                        struct sy_dc_header_scratch *scratch, struct sy_dc_header *ret)
{
    const struct sy_dc_tipset *tipset = &chain->tipsets[index];
    int64_t from = index ? chain->tipsets[index - 1].height + 1 : 0;
    *ret = (struct sy_dc_header){.win_count = 1,
                                 .weight = sy_bigint_from(tipset->weight),
                                 .height = tipset->height,
                                 .timestamp_s = (uint64_t)tipset->timestamp_s,
                                 .has_signature = true,
                                 .base_fee = sy_bigint_from(tipset->base_fee)};
    sy_fil_address_id(SY_DC_FIRST_MINER, &ret->miner);
    memcpy(scratch->ticket, tipset->ticket, 32);
    sy_fil_hash(tipset->ticket, 32, scratch->election);
    ret->ticket = (struct sy_fil_bytes){scratch->ticket, 32};
    ret->election = (struct sy_fil_bytes){scratch->election, 32};
    if (tipset->height - from >= SY_DC_BEACON_MAX)
        from = tipset->height - SY_DC_BEACON_MAX + 1;
    for (int64_t epoch = from; epoch <= tipset->height; epoch++) {
        uint8_t *data = scratch->beacon[ret->beacon_count];
        sy_dc_chain_beacon(chain, epoch, data);
        ret->beacon[ret->beacon_count].round = (uint64_t)epoch + 1;
        ret->beacon[ret->beacon_count++].data = (struct sy_fil_bytes){data, SY_DC_BEACON_BYTES};
    }
    if (index)
        sy_dc_chain_cid(chain->tipsets[index - 1].cid, &ret->parents[ret->parent_count++]);
    sy_dc_chain_cid(tipset->state_root, &ret->state_root);
    sy_dc_chain_cid(tipset->receipts, &ret->receipts);
    sy_dc_chain_cid(tipset->messages, &ret->messages);
    ret->aggregate.type = SY_FIL_SIGNATURE_BLS;
    ret->aggregate.bytes = 96;
    ret->aggregate.data[0] = 0xc0; /* no BLS messages: the compressed infinity */
    ret->signature.type = SY_FIL_SIGNATURE_SECP256K1;
    ret->signature.bytes = SY_FIL_SECP_SIGNATURE_BYTES;
    memcpy(ret->signature.data, tipset->signature, SY_FIL_SECP_SIGNATURE_BYTES);
}
